"""`help`: what I can do here, in my role."""

from collections.abc import Mapping
from typing import Any

from bot.access.settings_rows import chosen_settings
from bot.access.workspace_settings import ChannelMode
from bot.chat import Reply
from bot.commands.context import Context
from bot.commands.declaration import Command, Option

_MODES: Mapping[ChannelMode, str] = {
    "mention": "Here I answer when you mention me; in a thread that we two talk in, also without.",
    "all": "Here I answer everything that is written, and keep it.",
    "off": "An admin switched me off in this channel: ask me in a direct conversation, or in another channel.",
}


async def _help(context: Context, _arguments: Mapping[str, Any]) -> None:
    name = context.bench.settings.bot_name
    known = [command for command in context.services.registry if command.typed and context.may(command)]
    lines = [f"- `{command.name}`{_options(command.options)}: {command.description}" for command in known]
    where = await _where(context)
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


async def _where(context: Context) -> str:
    """What has to be done here to be answered."""
    place = context.place
    if place.kind == "direct":
        return "Here we talk alone: everything you write is for me."
    chosen = (await context.bench.store.read(chosen_settings, context.scope)).settings
    return _MODES[chosen.mode_of(place.within or place.place_id)]


def _options(options: tuple[Option, ...]) -> str:
    shown = [f"{one.name}:…" for one in options]
    return f" `{' '.join(shown)}`" if shown else ""


HELP = Command("help", "What I can do here", _help)
