"""A local workspace, with a list for a bot."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from adapters.local.adapter import LocalAdapter
from adapters.local.conversation import World
from bot.chat import Event
from bot.storage.store import Store, open_store
from tests.contract.conftest import until
from tests.engines import Clock

WORKSPACE = "team"


@dataclass
class Town:
    """The workspace `team`: ana, ben, and the guest gil; `general` is public, `secret` is ana's alone."""

    local: LocalAdapter
    world: World
    store: Store
    heard: list[Event] = field(default_factory=list)
    #: Raised for the next events instead of hearing them.
    failures: list[Exception] = field(default_factory=list)

    async def receive(self, event: Event) -> None:
        if self.failures:
            raise self.failures.pop(0)
        # A platform may deliver twice: the bot passes over repetitions, and so does this list.
        if all(event.delivery_id != one.delivery_id for one in self.heard):
            self.heard.append(event)

    @asynccontextmanager
    async def bot(self) -> AsyncIterator[None]:
        """The bot runs, within this block."""
        running = asyncio.create_task(self.local.run(self.receive))
        try:
            await until(lambda: self.local.running)
            yield
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
async def town(url: str, clock: Clock) -> AsyncIterator[Town]:
    store = await open_store(url)
    try:
        world = World(store, clock, b"a secret of the tests", pace_seconds=0.0)
        local = LocalAdapter(world)
        for name, role in (("ana", "member"), ("ben", "member"), ("gil", "guest")):
            await local.settle(WORKSPACE, name, name.title(), role)
        await local.make_channel(WORKSPACE, "general", "public", ("ana", "ben"))
        await local.make_channel(WORKSPACE, "secret", "private", ("ana",))
        yield Town(local, world, store)
    finally:
        await store.close()
