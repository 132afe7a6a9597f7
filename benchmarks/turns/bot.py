"""A whole bot around a database: intake, worker, and somebody who sees when a turn has ended."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Concatenate

from benchmarks.turns.platform import Clock, InstantModel, InstantPlatform
from bot.chat import Adapter
from bot.memory.values import MemoryOptions
from bot.serve import Serving, compose, serve
from bot.settings import Settings
from bot.storage.signals import Signals
from bot.storage.store import Migration, P, Scrubbed, Store, T, open_store
from bot.turns.options import TurnOptions
from bot.turns.turn_rows import finish_turn
from bot.turns.working import Bench

SETTINGS = Settings(_env_file=None, model=None, openai_base_url=None, openai_api_key=None, persona="")
#: The product's options, without the limits that a load would run into.
OPTIONS = replace(
    TurnOptions(),
    disclose=False,
    messages_per_minute=1_000_000,
    messages_per_day=1_000_000,
    queue_per_person=1_000_000,
    haste=None,
    accept=timedelta(seconds=60),
    grace=timedelta(milliseconds=100),
)


def clock() -> datetime:
    return datetime.now(UTC)


class SeenStore:
    """A store that tells when turns were closed, after the commit that says so."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.closed = 0
        self.closed_at = 0.0
        self._more = asyncio.Event()

    async def read(self, function: Callable[Concatenate[Any, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._store.read(function, *args, **kwargs)

    async def write(self, function: Callable[Concatenate[Any, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        result = await self._store.write(function, *args, **kwargs)
        if function is finish_turn:
            self.closed += 1
            self.closed_at = time.perf_counter()
            self._more.set()
        return result

    async def until_closed(self, number: int) -> None:
        """Wait until so many turns have been closed since this store was opened."""
        async with asyncio.timeout(120):
            while self.closed < number:
                self._more.clear()
                await self._more.wait()

    @property
    def migration(self) -> Migration | None:
        return self._store.migration

    @property
    def shared(self) -> bool:
        return self._store.shared

    async def scrub(self, tables: Sequence[str], most_bytes: int) -> Scrubbed:
        return await self._store.scrub(tables, most_bytes)

    def signals(self) -> Signals:
        return self._store.signals()

    async def close(self) -> None:
        await self._store.close()


@dataclass
class Bot:
    """A bot that serves."""

    store: SeenStore
    serving: Serving
    clock: Clock


@asynccontextmanager
async def running(
    url: str, platform: Callable[[Store], Adapter] | None = None, options: TurnOptions = OPTIONS
) -> AsyncIterator[Bot]:
    """A bot on a database, with the platform that answers at once unless another is given."""
    store = SeenStore(await open_store(url, purpose="worker"))
    try:
        seen = Clock()
        bench = Bench(store, InstantModel(seen), SETTINGS, MemoryOptions(), options, clock)
        adapter: Adapter = InstantPlatform(seen) if platform is None else platform(store)
        adapters: Mapping[str, Adapter] = {adapter.platform: adapter}
        serving, stop = compose(bench, adapters), asyncio.Event()
        served = asyncio.create_task(serve(serving, stop))
        try:
            await asyncio.sleep(0.3)  # its first look, the hour's housekeeping, the line on which it listens
            yield Bot(store, serving, seen)
        finally:
            stop.set()
            await served
    finally:
        await store.close()
