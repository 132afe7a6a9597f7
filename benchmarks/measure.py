"""Takes the times: ours and the driver's by turns, on stores of all sizes by turns, so that noise meets all alike."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from sqlalchemy import Connection

from benchmarks.raw import Raw, Replay, recording
from benchmarks.scenarios import Call, Scenario
from bot.memory.memory import Memory
from bot.storage.store import open_store

_WARM_UP = 12


@dataclass
class Store:
    """A database as we have it open, and its copy as the driver has it open."""

    size: int
    memory: Memory
    raw: Raw


@dataclass
class Cell:
    """What a scenario took on one store: seconds per turn, call or message, each a median."""

    size: int
    ours: float
    raw: float

    @property
    def ratio(self) -> float:
        """Ours as a multiple of the driver's."""
        return self.ours / self.raw


@dataclass
class _Course:
    store: Store
    call: Call
    replays: list[Replay]
    ours: list[float] = field(default_factory=list)
    raw: list[float] = field(default_factory=list)

    async def run_ours(self, number: int) -> None:
        began = time.perf_counter()
        await self.call(self.store.memory, number)
        self.ours.append(time.perf_counter() - began)

    def run_raw(self, number: int) -> None:
        replay = self.replays[number % len(self.replays)]
        began = time.perf_counter()
        self.store.raw.run(replay)
        self.raw.append(time.perf_counter() - began)

    def forget(self) -> None:
        self.ours.clear()
        self.raw.clear()


async def measure(scenario: Scenario, stores: Sequence[Store], seconds: float) -> list[Cell]:
    """Measure one row on stores of every size, for about `seconds` for each."""
    courses = [await _course(scenario, store) for store in stores]
    began, number = time.perf_counter(), 0
    while number < _WARM_UP or time.perf_counter() - began < seconds * len(stores):
        if number == _WARM_UP:
            for course in courses:
                course.forget()
        for course in courses:
            # Neither is always the first, who finds the disk idle or the caches cold.
            if number % 2:
                course.run_raw(number)
            await course.run_ours(number)
            if not number % 2:
                course.run_raw(number)
        number += 1
    return [Cell(one.store.size, median(one.ours) / scenario.per, median(one.raw) / scenario.per) for one in courses]


async def _course(scenario: Scenario, store: Store) -> _Course:
    call = scenario.ours(store.size)
    await call(store.memory, 0)  # whatever is prepared once is prepared
    replays = []
    for number in range(scenario.variants):
        with recording() as transactions:
            for part in scenario.parts(store.size):
                await part(store.memory, number)
        replays.append(Replay(transactions))
    return _Course(store, call, replays)


async def empty_read_seconds(url: str, times: int = 500) -> float:
    """What handing over to the runner and back takes: the floor under every number of ours."""
    store = await open_store(url)
    seconds = []
    try:
        for _ in range(times):
            began = time.perf_counter()
            await store.read(_nothing)
            seconds.append(time.perf_counter() - began)
    finally:
        await store.close()
    return median(seconds)


def _nothing(_connection: Connection) -> None:
    """Asks the database nothing."""
