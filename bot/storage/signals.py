"""Words between the processes that work on one database: "there is something to do". They may be lost.

A word is a hint and never the news itself: whoever hears it looks into the database, and looks there from time to time
without having heard anything.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import structlog
from sqlalchemy import Connection, text

_log = structlog.get_logger(__name__)

_CHANNEL = "threadkeeper"
_NOTIFY = text("SELECT pg_notify(:channel, :word)")
_RECONNECT_SECONDS = 1.0

Hear = Callable[[str], None]


def announce(connection: Connection, word: str) -> None:
    """Tell the other processes, when the transaction commits. On SQLite nobody else works."""
    if connection.dialect.name == "postgresql":
        connection.execute(_NOTIFY, {"channel": _CHANNEL, "word": word})


class Signals(Protocol):
    """Where words are heard."""

    def listen(self, hear: Hear) -> None:
        """Call `hear` with each word from now on; it must not block."""
        ...

    def say(self, word: str) -> None:
        """Let this process hear a word at once; the others heard it by `announce`."""
        ...

    async def close(self) -> None:
        """Stop listening."""
        ...


class LocalSignals:
    """Words within this process."""

    def __init__(self) -> None:
        self._hearers: list[Hear] = []

    def listen(self, hear: Hear) -> None:
        self._hearers.append(hear)

    def say(self, word: str) -> None:
        for hear in self._hearers:
            hear(word)

    async def close(self) -> None:
        self._hearers.clear()


class PostgreSQLSignals(LocalSignals):
    """Words of all processes, by LISTEN and NOTIFY on a connection of its own, which is made again when it is lost."""

    def __init__(self, conninfo: str) -> None:
        super().__init__()
        self._conninfo = conninfo
        self._listening: asyncio.Task[None] | None = None

    def listen(self, hear: Hear) -> None:
        super().listen(hear)
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen())

    async def close(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
            with suppress(asyncio.CancelledError):
                await self._listening
        await super().close()

    async def _listen(self) -> None:
        import psycopg  # noqa: PLC0415 (a database driver is loaded when it is used)

        while True:
            try:
                async with await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True) as connection:
                    await connection.execute(f"LISTEN {_CHANNEL}")
                    # What was said while nobody listened is found by looking.
                    self.say("")
                    async for notification in connection.notifies():
                        self.say(notification.payload)
            except (psycopg.Error, OSError) as error:
                _log.warning("the line on which other processes are heard was lost", error=type(error).__name__)
            await asyncio.sleep(_RECONNECT_SECONDS)
