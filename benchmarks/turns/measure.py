"""Takes the times of turns: ours and the driver's by turns, so that noise meets both alike."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from statistics import median

from benchmarks.raw import Transaction
from benchmarks.turns.bot import OPTIONS, Bot, clock, running
from benchmarks.turns.loads import PEOPLE, flood, talk
from benchmarks.turns.local import LocalTalk
from benchmarks.turns.platform import message
from benchmarks.turns.record import Driver, recording
from bot.chat import Event
from bot.storage.store import open_store
from bot.turns.intake import Intake

_CROWD = 64
_AFTERWARDS_SECONDS = 0.05


@dataclass
class Times:
    """Seconds of one kind."""

    all: list[float] = field(default_factory=list)

    @property
    def p50(self) -> float:
        return median(self.all)

    @property
    def p99(self) -> float:
        return sorted(self.all)[min(len(self.all) - 1, int(len(self.all) * 0.99))]


@dataclass
class Turns:
    """What turns took from the arrival of their question on, in seconds."""

    accepted: Times = field(default_factory=Times)
    asked: Times = field(default_factory=Times)
    posted: Times = field(default_factory=Times)
    closed: Times = field(default_factory=Times)
    driver: Times = field(default_factory=Times)
    driver_accepts: Times = field(default_factory=Times)
    #: Of the process, not of the database's server.
    cpu: float = 0.0


async def record_turns(url: str, number: int) -> list[list[Transaction]]:
    """The transactions of so many turns, each with all that follows on it."""
    recorded = []
    async with running(url) as bot:
        for each in range(number):
            await asyncio.sleep(_AFTERWARDS_SECONDS)
            with recording() as transactions:
                await _one(bot, each, Turns())
                await asyncio.sleep(_AFTERWARDS_SECONDS)
            recorded.append(transactions)
    return recorded


async def measure_turns(url: str, recorded: Sequence[Sequence[Transaction]], driver: Driver) -> Turns:
    """Turns one after the other, ours and the driver's."""
    found = Turns()
    async with running(url) as bot:
        await talk(bot, 1)
        for number, transactions in enumerate(recorded):
            began = time.process_time()
            await _one(bot, number, found)
            found.cpu += (time.process_time() - began) / len(recorded)
            began = time.perf_counter()
            driver.run(transactions[:1])
            found.driver_accepts.all.append(time.perf_counter() - began)
            driver.run(transactions[1:])
            found.driver.all.append(time.perf_counter() - began)
    return found


async def _one(bot: Bot, number: int, found: Turns) -> None:
    before, began = bot.store.closed, time.perf_counter()
    await bot.serving.app.receive(message(number % PEOPLE))
    found.accepted.all.append(time.perf_counter() - began)
    await bot.store.until_closed(before + 1)
    found.asked.all.append(bot.clock.asked - began)
    found.posted.all.append(bot.clock.posted - began)
    found.closed.all.append(bot.store.closed_at - began)


async def measure_start(url: str, number: int, *, flooded: bool = False) -> Times:
    """From the arrival of a question until the model is asked."""
    found = Turns()
    async with running(url) as bot:
        await talk(bot, 1)
        if flooded:
            await flood(bot)
        for each in range(number):
            await _one(bot, each, found)
    return found.asked


async def measure_crowd(url: str, waves: int) -> float:
    """Turns per second when many ask at once."""

    async def ask(bot: Bot, who: int) -> None:
        await bot.serving.app.receive(message(1_000 + who))

    async with running(url) as bot:
        return await _waves(bot, waves, lambda who: ask(bot, who))


async def _waves(bot: Bot, waves: int, ask: Callable[[int], Awaitable[None]]) -> float:
    rates = []
    for wave in range(waves + 1):
        before, began = bot.store.closed, time.perf_counter()
        await asyncio.gather(*(ask(who) for who in range(_CROWD)))
        await bot.store.until_closed(before + _CROWD)
        if wave:  # in the first everybody is new
            rates.append(_CROWD / (time.perf_counter() - began))
    return median(rates)


async def measure_local(url: str, number: int, waves: int) -> tuple[Times, float]:
    """Turns on the local platform, whose own posts are written into the same database: times, and a crowd's rate."""
    local, times = LocalTalk(), Times()
    async with running(url, local.adapter) as bot:
        await local.settle(_CROWD)
        for each in range(number + PEOPLE):
            before, began = bot.store.closed, time.perf_counter()
            await local.say(each % PEOPLE)
            await bot.store.until_closed(before + 1)
            if each >= PEOPLE:
                times.all.append(bot.store.closed_at - began)
        return times, await _waves(bot, waves, local.say)


@dataclass
class Accepting:
    """What it takes to take events in, without anybody who works."""

    at_once: float
    repeated: float
    #: CPU seconds for each event: a channel's chatter, and what is said in threads that the bot does not know.
    chatter: float
    elsewhere: float


async def measure_accepting(url: str, number: int) -> Accepting:
    """Messages taken in per second, and the price of what is not for the bot."""
    store = await open_store(url, purpose="worker")
    try:
        intake = Intake(store, store.signals(), OPTIONS, clock)
        known = [message(2_000 + who) for who in range(_CROWD)]
        await asyncio.gather(*(intake.take(one) for one in known))
        new = [message(2_000 + each % _CROWD) for each in range(number)]
        at_once = await _rate(intake, new)
        repeated = await _rate(intake, new)
        chatter = await _cpu(intake, [message(each, addressing="channel") for each in range(number)])
        elsewhere = await _cpu(intake, [message(each, addressing="thread") for each in range(5_000, 5_000 + number)])
    finally:
        await store.close()
    return Accepting(at_once, repeated, chatter, elsewhere)


async def _rate(intake: Intake, events: Sequence[Event]) -> float:
    began = time.perf_counter()
    for first in range(0, len(events), _CROWD):
        await asyncio.gather(*(intake.take(one) for one in events[first : first + _CROWD]))
    return len(events) / (time.perf_counter() - began)


async def _cpu(intake: Intake, events: Sequence[Event]) -> float:
    began = time.process_time()
    for one in events:
        await intake.take(one)
    return (time.process_time() - began) / len(events)


async def measure_idle(url: str, seconds: float) -> float:
    """CPU seconds per second of a bot to whom nobody speaks."""
    async with running(url):
        began = time.process_time()
        await asyncio.sleep(seconds)
        return (time.process_time() - began) / seconds
