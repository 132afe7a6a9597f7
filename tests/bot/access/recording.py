"""An audit that is made through the door, and looked at from behind."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, select, text

from bot import Actor, Memory
from bot.access.anchor import Anchored, read_anchors
from bot.access.secret import Secrets
from bot.access.verification import Verdict, verify
from bot.memory.values import NewMessage
from bot.memory.view import MemoryView
from bot.storage.store import Store, open_store
from bot.storage.tables import audit
from tests.engines import SECRET, Clock

WORKSPACE = "local:default"


@dataclass(frozen=True)
class Record:
    """A database with an audit, and its anchor."""

    url: str
    anchor: Path
    memory: Memory

    @property
    def store(self) -> Store:
        store: Store = self.memory._store
        return store

    def lead(self, *persons: str) -> MemoryView:
        actor = Actor.supervisor("lead", persons=persons or ["ana"], reason="a test")
        view: MemoryView = self.memory.as_actor(actor)
        return view

    async def acts(self, count: int) -> None:
        """So many acts, none like another."""
        for number in range(count):
            await self.lead().list_threads({"resource_id": "ana"} if number % 2 else None)

    async def rows(self) -> list[Row[Any]]:
        found: list[Row[Any]] = await self.store.read(
            lambda connection: list(connection.execute(select(audit).order_by(audit.c.workspace_key, audit.c.seq)))
        )
        return found

    async def change(self, *statements: str) -> None:
        """As somebody does who has the database but not the key."""

        def run(connection: Connection) -> None:
            for statement in statements:
                connection.execute(text(statement))

        await self.store.write(run)

    async def verdicts(self, *anchors: Path, anchored: bool = True) -> dict[str, Verdict]:
        told = read_anchors(anchors or [self.anchor]) if anchored else Anchored({}, 0)
        return {one.workspace_id: one async for one in verify(self.store, Secrets.of(SECRET), told)}

    async def damage(self, *, anchored: bool = True) -> tuple[str, int] | None:
        """The kind and the row of what is wrong in the workspace."""
        found = (await self.verdicts(anchored=anchored))[WORKSPACE].damage
        return None if found is None else (found.kind, found.seq)


def clock() -> Clock:
    return Clock(datetime(2026, 11, 22, 12, 0, tzinfo=UTC), timedelta(seconds=1))


@asynccontextmanager
async def recorded(url: str, anchor: Path, acts: int = 0, *, secret: str = SECRET) -> AsyncIterator[Record]:
    """A memory with one conversation of ana, and so many acts on record."""
    async with await Memory.open(url, now=clock(), secret=secret, anchor=anchor) as memory:
        record = Record(url, anchor, memory)
        ana = memory.as_actor(Actor.person("ana"))
        if not (await ana.list_threads()).total:
            await ana.create_thread("ana", "t1")
            await ana.save_messages([NewMessage("t1", "ana", "the red boat", id="m1")])
        await record.acts(acts)
        yield record


async def reopened(url: str) -> Store:
    """The database, as another process has it."""
    return await open_store(url)
