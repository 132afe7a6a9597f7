"""`new`: a fresh conversation where the platform has no threads."""

from collections.abc import Mapping
from typing import Any

from bot.chat import Reply
from bot.commands.context import Context
from bot.commands.declaration import Command
from bot.turns.place_rows import begin_anew


async def _new(context: Context, _arguments: Mapping[str, Any]) -> None:
    if context.place.kind != "direct":
        await context.answer(Reply("Here every thread is a conversation: mention me outside of one to begin another."))
        return
    await context.bench.store.write(begin_anew, context.scope, context.place, context.now())
    await context.answer(
        Reply(
            "This is a new conversation. What we said before stays in your history.",
            (context.button("My conversations", "history"),),
        )
    )


NEW = Command("new", "Begin a new conversation", _new)
