"""`threadkeeper export`: all of a person's own conversations, as a document."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from bot.access.actor import Actor, checked_id
from bot.cli.start import opened_memory
from bot.errors import InvalidArgument
from bot.exporting import Form, Json, Markdown, Whose
from bot.memory.values import Message, Thread
from bot.memory.view import MemoryView
from bot.settings import read_settings
from bot.terminal.screen import Screen

_PAGE = 500


def export(name: str, form: str, output: Path | None, *, force: bool, workspace: str) -> None:
    """Write a person's conversations to a file that only its owner can read, or to standard output.

    Raises:
        InvalidArgument: the file exists, or cannot be written.
    """
    checked_id("--as", name)
    if output is not None and output.exists() and not force:
        raise InvalidArgument("--output", f"{output} exists already; --force replaces it.")
    settings = read_settings()
    screen = Screen()
    whose = Whose(name, workspace, datetime.now(UTC), settings.bot_name)
    document: Form = Json() if form == "json" else Markdown()

    async def work() -> int:
        async with opened_memory(settings, screen, purpose="reader", workspace=workspace) as memory:
            view = memory.as_actor(Actor.person(name))
            if output is None:
                return await _write(view, document, whose, screen.piece)
            with _private_file(output) as file:
                return await _write(view, document, whose, file.write)

    count = asyncio.run(work())
    if output is not None:
        screen.say(f"Exported {count:,} {'conversation' if count == 1 else 'conversations'} of {name} to {output}.")


async def _write(view: MemoryView, document: Form, whose: Whose, write: Callable[[str], object]) -> int:
    """Write one conversation after the other; say how many there were."""
    count = 0
    write(document.begin(whose))
    async for thread in _threads(view):
        context = await view.read_context(thread.id, 0)
        messages = [message async for message in _messages(view, thread.id)]
        write(document.conversation(thread, messages, context.names or {}))
        count += 1
    write(document.end())
    return count


async def _threads(view: MemoryView) -> AsyncIterator[Thread]:
    cursor = None
    while True:
        page = await view.list_threads(per_page=_PAGE, order_by=("created_at", "ASC"), cursor=cursor)
        for thread in page.items:
            yield thread
        cursor = page.next_cursor
        if cursor is None:
            return


async def _messages(view: MemoryView, thread_id: str) -> AsyncIterator[Message]:
    cursor = None
    while True:
        page = await view.recall(thread_id, per_page=_PAGE, order_by=("created_at", "ASC"), cursor=cursor)
        for message in page.items:
            yield message
        cursor = page.next_cursor
        if cursor is None:
            return


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
