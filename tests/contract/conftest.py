"""Each platform, alone and with the bot running on it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from bot.app import Invoke, no_commands
from bot.chat import Event
from bot.memory.values import MemoryOptions
from bot.models.port import Model
from bot.serve import compose, serve
from bot.turns.working import Bench
from tests.bot.agent.talking import SETTINGS
from tests.bot.turns.team import EASY
from tests.contract.harness import Harness
from tests.contract.local_harness import LocalHarness

#: Every platform, by its name, on a fresh database each time. Slack's and Discord's go here.
HARNESSES: dict[str, Callable[[str], AbstractAsyncContextManager[Harness]]] = {"local": LocalHarness.open}


@pytest.fixture(params=HARNESSES)
async def harness(request: pytest.FixtureRequest, url: str) -> AsyncIterator[Harness]:
    async with HARNESSES[request.param](url) as opened:
        yield opened


@pytest.fixture
async def events(harness: Harness) -> AsyncIterator[list[Event]]:
    """What the adapter hands over, where nothing but a list receives it; of repetitions the first, as the bot does."""
    heard: list[Event] = []
    began = asyncio.Event()

    async def receive(event: Event) -> None:
        if getattr(event, "text", "") == "Begin":
            began.set()
        elif all(event.delivery_id != one.delivery_id for one in heard):
            heard.append(event)

    receiving = asyncio.create_task(harness.adapter.run(receive))
    try:
        await harness.say("cleo", "@cleo", "Begin")
        async with asyncio.timeout(10):
            await began.wait()
        yield heard
    finally:
        receiving.cancel()
        await asyncio.gather(receiving, return_exceptions=True)


@asynccontextmanager
async def serving(harness: Harness, model: Model, invoke: Invoke = no_commands) -> AsyncIterator[None]:
    """The real bot on a platform."""
    bench = Bench(harness.store, model, SETTINGS, MemoryOptions(), EASY, harness.now)
    stop = asyncio.Event()
    composed = compose(bench, {harness.adapter.platform: harness.adapter}, invoke=invoke)
    served = asyncio.create_task(serve(composed, stop))
    try:
        yield
    finally:
        stop.set()
        await served


async def until(holds: Callable[[], Any], seconds: float = 10) -> Any:
    """Wait until something holds; it may be asynchronous."""
    async with asyncio.timeout(seconds):
        while True:
            found = holds()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return found
            await asyncio.sleep(0.01)
