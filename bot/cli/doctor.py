"""`threadkeeper doctor`: what is wrong, and what to do about it."""

import asyncio
from pathlib import Path

import typer

from bot.doctor import Finding, examine
from bot.errors import SettingsError
from bot.settings import Settings, read_settings
from bot.terminal.screen import Screen

_ENV_FILE = Path(".env")
_STYLES = {"ok": "green", "warning": "yellow", "problem": "red"}


def doctor() -> None:
    """Show each finding. Exit code 1 where there is a problem."""
    screen = Screen()
    try:
        settings = read_settings(_ENV_FILE)
    except SettingsError as error:
        _show(screen, Finding("problem", "settings", f"{error}"))
        raise typer.Exit(1) from None
    if not asyncio.run(_examine(screen, settings)):
        raise typer.Exit(1)


async def _examine(screen: Screen, settings: Settings) -> bool:
    """Show all findings; say whether there was no problem."""
    sound = True
    async for finding in examine(settings, _ENV_FILE):
        _show(screen, finding)
        sound = sound and finding.level != "problem"
    return sound


def _show(screen: Screen, finding: Finding) -> None:
    screen.piece(f"{finding.level:8}", style=_STYLES[finding.level])
    screen.say(f"{finding.subject}: {finding.sentence}")
