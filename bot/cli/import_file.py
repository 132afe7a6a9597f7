"""`threadkeeper import`: taking over conversations from a file."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from bot.cli.start import opened_memory
from bot.errors import InvalidArgument
from bot.importing.load import Loaded, load
from bot.importing.select import Import, read_records
from bot.memory.workspace_rows import LIBRARY_WORKSPACE
from bot.settings import Settings, read_settings
from bot.terminal.screen import Screen
from bot.visible import visible_line

_NAME = 200
_WARNING = (
    "--whole-channels also stores what people said to each other and not to the bot, in a Slack export also their "
    "direct messages. They may not know about it."
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be imported, and how."""

    file: Path
    whole_channels: bool
    bot_user: str | None
    team: str | None
    #: None: the file's own or, where it has none, the usual one.
    workspace: str | None
    #: The people were told, where they wrote it, that supervisors may read it.
    told: bool = False


def import_file(wish: Wish, *, confirmed: bool) -> None:
    """Check a file, import it, and say what was done.

    Raises:
        ImportFailed: something in the file cannot be imported.
        InvalidArgument: nobody confirmed --whole-channels.
    """
    settings = read_settings()
    screen = Screen()
    if wish.whole_channels and not confirmed:
        _confirm(screen)
    with _bar() as bar:
        checking = bar.add_task("Checking", total=None)
        records = read_records(
            wish.file,
            whole_channels=wish.whole_channels,
            bot_user=wish.bot_user,
            team=wish.team,
            progress=lambda done, total: bar.update(checking, completed=done, total=total),
        )
        loaded = _load(settings, screen, wish, records, bar)
    screen.say(_summary(loaded, records))
    if records.workspace and wish.workspace is None and loaded.messages:
        screen.say(f"They stand in the workspace {records.workspace}; name it with --workspace to see them.")


def _confirm(screen: Screen) -> None:
    if not screen.interactive:
        raise InvalidArgument("--yes", f"{_WARNING} Add --yes if that is meant.")
    screen.note(_WARNING)
    if not typer.confirm("Go on?"):
        screen.note("Nothing was imported.")
        raise typer.Exit(1)


@contextmanager
def _bar() -> Iterator[Progress]:
    """A bar on standard error, for people only."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    console = Console(file=sys.stderr)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        yield bar


def _load(settings: Settings, screen: Screen, wish: Wish, records: Import, bar: Progress) -> Loaded:
    """Import, saying how far it came where it is interrupted."""
    importing = bar.add_task("Importing", total=records.messages)
    so_far = Loaded()

    def progress(loaded: Loaded) -> None:
        nonlocal so_far
        so_far = loaded
        bar.update(importing, completed=loaded.messages)

    async def work() -> Loaded:
        workspace = wish.workspace or records.workspace or LIBRARY_WORKSPACE
        async with opened_memory(settings, screen, purpose="writer", workspace=workspace) as memory:
            if workspace != LIBRARY_WORKSPACE:
                await memory.note("import", _noted(wish, records))
            return await load(records, memory, progress, told=wish.told)

    try:
        return asyncio.run(work())
    except KeyboardInterrupt:
        bar.stop()
        screen.note(f"Stopped after {so_far.messages:,} messages. They are stored; the same command again goes on.")
        raise


def _noted(wish: Wish, records: Import) -> str:
    """What the audit says of an import: never where the file stood."""
    told = ", people were told of supervisors" if wish.told else ""
    return f"{visible_line(wish.file.name)[:_NAME]}: {_counted(records.messages, 'message')}{told}"


def _summary(loaded: Loaded, records: Import) -> str:
    messages, threads = _counted(loaded.added, "message"), _counted(len(loaded.threads), "conversation")
    people = _counted(len(loaded.people), "person", "people")
    corrected = f", corrected {loaded.corrected:,}" if loaded.corrected else ""
    done = f"Imported {messages} in {threads} of {people}{corrected} ({loaded.known:,} were there already)"
    if not records.left_out.messages:
        return f"{done}; left out nothing."
    left_out = _counted(records.left_out.messages, "message")
    where = _counted(records.left_out.threads, "conversation")
    return f"{done}; left out {left_out} in {where} in which the bot does not speak."


def _counted(number: int, one: str, several: str = "") -> str:
    return f"{number:,} {one if number == 1 else several or one + 's'}"
