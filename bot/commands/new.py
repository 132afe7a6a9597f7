"""`new`: a fresh conversation where the platform has no threads."""

from collections.abc import Mapping
from typing import Any

from bot.access.scope import Scope
from bot.chat import Reply
from bot.commands.context import Context
from bot.commands.declaration import Command
from bot.memory.workspace_rows import ensure_workspace
from bot.turns.place_rows import begin_anew


async def _new(context: Context, _arguments: Mapping[str, Any]) -> None:
    services, now = context.services, context.services.now()
    if context.place.kind != "direct":
        await context.answer(Reply("Here every thread is a conversation: mention me outside of one to begin another."))
        return
    key = await services.store.write(ensure_workspace, context.person.workspace_id, now)
    await services.store.write(begin_anew, Scope("system", key, ()), context.place, now)
    await context.answer(
        Reply(
            "This is a new conversation. What we said before stays in your history.",
            (context.button("My conversations", "history"),),
        )
    )


NEW = Command("new", "Begin a new conversation", _new)
