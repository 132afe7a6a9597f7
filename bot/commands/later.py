"""Commands that say that they come later, so that whoever looks for them is not left alone."""

from collections.abc import Mapping
from typing import Any

from bot.chat import Reply
from bot.commands.context import Context
from bot.commands.declaration import Command


async def _memory(context: Context, _arguments: Mapping[str, Any]) -> None:
    text = (
        "I keep what we said and nothing beside it: no facts about you, no profile. A list of facts that you can "
        "correct comes with a later version. `history` shows everything that I have of you."
    )
    await context.answer(Reply(text, (context.button("My conversations", "history"),)))


async def _link(context: Context, _arguments: Mapping[str, Any]) -> None:
    text = (
        "Joining your accounts on two platforms comes with a later version. Until then each of them has conversations "
        "of its own, and neither sees the other's."
    )
    await context.answer(Reply(text))


MEMORY = Command("memory", "What I know about you beyond our conversations", _memory)
LINK = Command("link", "Join my accounts on two platforms", _link)
