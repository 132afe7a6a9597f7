"""`help`: what I can do here, in my role."""

from collections.abc import Mapping
from typing import Any

from bot.chat import Reply
from bot.commands.context import Context
from bot.commands.declaration import Command, Option


async def _help(context: Context, _arguments: Mapping[str, Any]) -> None:
    name = context.bench.settings.bot_name
    known = [command for command in context.services.registry if command.typed and context.may(command)]
    lines = [f"- `{command.name}`{_options(command.options)}: {command.description}" for command in known]
    where = (
        "Here we talk alone: everything you write is for me."
        if context.place.kind == "direct"
        else "Here I answer when you mention me; in a thread that we two talk in, also without."
    )
    text = "\n".join(
        [
            f"I am {name}, an AI, and I can be wrong. Ask me anything. {where}",
            "",
            "These words alone, or after a mention, are commands:",
            "",
            *lines,
        ]
    )
    await context.answer(Reply(text))


def _options(options: tuple[Option, ...]) -> str:
    shown = [f"{one.name}:…" for one in options]
    return f" `{' '.join(shown)}`" if shown else ""


HELP = Command("help", "What I can do here", _help)
