"""`threadkeeper export`: all of a person's conversations, as a document; on the record where they are not one's own."""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from bot.access.actor import OPERATOR_ID, Actor, checked_id
from bot.cli.start import checked_reason, opened_memory
from bot.errors import InvalidArgument
from bot.exporting import Form, Json, Markdown, Whose
from bot.memory.memory import Memory
from bot.memory.view import MemoryView
from bot.memory.whole import all_messages, all_threads
from bot.settings import read_settings
from bot.storage.store import Purpose
from bot.terminal.screen import Screen


def export(name: str, form: str, output: Path | None, *, force: bool, workspace: str, reason: str) -> None:
    """Write a person's conversations to a file that only its owner can read, or to standard output.

    Raises:
        InvalidArgument: the file exists, or cannot be written; or a reason is missing, or is one too many.
    """
    checked_id("--as", name)
    on_record = checked_reason(name, workspace, reason)
    if output is not None and output.exists() and not force:
        raise InvalidArgument("--output", f"{output} exists already; --force replaces it.")
    settings = read_settings()
    screen = Screen()
    whose = Whose(name, workspace, datetime.now(UTC), settings.bot_name)
    document: Form = Json() if form == "json" else Markdown()

    async def work() -> int:
        purpose: Purpose = "writer" if on_record else "reader"
        async with opened_memory(settings, screen, purpose=purpose, workspace=workspace) as memory:
            view = await _view(memory, name, reason) if on_record else memory.as_actor(Actor.person(name))
            if output is None:
                return await _write(view, document, whose, screen.piece)
            with _private_file(output) as file:
                return await _write(view, document, whose, file.write)

    count = asyncio.run(work())
    if output is not None:
        screen.say(f"Exported {count:,} {'conversation' if count == 1 else 'conversations'} of {name} to {output}.")


async def _view(memory: Memory, name: str, reason: str) -> MemoryView:
    """What the operator may read of a person, once it was recorded that she does."""
    return await memory.exporting(Actor.operator(OPERATOR_ID, person=name, reason=reason), name)


async def _write(view: MemoryView, document: Form, whose: Whose, write: Callable[[str], object]) -> int:
    """Write one conversation after the other; say how many there were."""
    count = 0
    write(document.begin(whose))
    async for thread in all_threads(view):
        # An operator sees ids: the names of third parties are not hers to read.
        own = view.actor.kind == "person"
        context = await view.read_context(thread.id, 0) if own else None
        messages = [message async for message in all_messages(view, thread.id)]
        write(document.conversation(thread, messages, (context and context.names) or {}))
        count += 1
    write(document.end())
    return count


@contextmanager
def _private_file(path: Path) -> Iterator[IO[str]]:
    """A file for its owner alone. It takes its place when it is whole; before, whatever was there stays.

    Raises:
        InvalidArgument: it cannot be written.
    """
    try:
        with NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            try:
                yield file
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise InvalidArgument("--output", f"{path} cannot be written: {error.strerror}.") from error
