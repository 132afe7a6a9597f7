"""The real program, with a model server, in a process of its own; and what people do in its pages."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.async_api import Locator, Page, expect

from adapters.local.adapter import LocalAdapter
from adapters.local.conversation import World
from adapters.local.playground.seed import WORKSPACE, seed
from bot.storage.store import open_store
from tests.bot.turns.team import wall_clock
from tests.end_to_end.program import Program, Running
from tests.model_server import ANSWER, Exchange, ModelServer, text

_ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)")
_FREE = {"MESSAGES_PER_MINUTE": "10000", "MESSAGES_PER_DAY": "10000"}


class Model:
    """Answers whatever holds certain words in a certain way, and everything else as always."""

    def __init__(self) -> None:
        self.answers: dict[str, str] = {}

    async def __call__(self, exchange: Exchange) -> None:
        asked = str(exchange.request.body["messages"][-1]["content"])
        await text(next((said for words, said in self.answers.items() if words in asked), ANSWER))(exchange)


@dataclass
class House:
    """A playground that the real program serves."""

    program: Program
    server: ModelServer
    model: Model
    settings: Mapping[str, str]
    port: int = 0
    running: Running | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def at(self, person: str, channel: str = "") -> str:
        """The address of a place."""
        return f"{self.url}/as/{person}/in/{channel or f'@{person}'}"

    async def start(self) -> None:
        """Start the program, on the port that it had before."""
        await asyncio.to_thread(self._start)

    def _start(self) -> None:
        self.running = self.program.start(**{**self.settings, "PLAYGROUND_PORT": str(self.port)})
        self.running.wait_for("(this machine alone can; Ctrl-C ends)")
        found = _ADDRESS.search(self.running.shown)
        assert found, self.running.shown
        self.port = int(found[1])

    def kill(self) -> None:
        """Kill it as an out-of-memory killer does."""
        assert self.running is not None
        self.running.kill()
        self.running.__exit__()

    async def end(self) -> None:
        """End it as Ctrl-C does; it must end by itself, without complaint."""
        assert self.running is not None
        with self.running as running:
            os.kill(running.pid, signal.SIGTERM)
            assert await asyncio.to_thread(running.end) == 0
        assert "Traceback" not in running.shown


@asynccontextmanager
async def living_in(
    folder: Path, *, people: Mapping[str, str] | Sequence[str] = (), **settings: str
) -> AsyncIterator[House]:
    """The program in a folder of its own, with the playground's people and some more; each of them is in `#general`."""
    program = Program(folder)
    program.database.parent.mkdir(mode=0o700, parents=True)
    store = await open_store(f"sqlite:///{program.database}", purpose="worker")
    try:
        local = LocalAdapter(World(store, wall_clock, b"nothing is signed with it"))
        await seed(local)
        for name in people:
            await local.settle(WORKSPACE, name, people[name] if isinstance(people, Mapping) else name.capitalize())
            await local.join(WORKSPACE, "general", name)
    finally:
        await store.close()
    answering = Model()
    async with ModelServer(answering) as server:
        model = {"MODEL": "some-model", "OPENAI_BASE_URL": server.base_url}
        house = House(program, server, answering, {**_FREE, **model, **settings})
        await house.start()
        try:
            yield house
        finally:
            await house.end()


# What people do


async def say(page: Page, text: str) -> None:
    """Write to the bot."""
    await page.fill("#text-main", text)
    await page.locator("#text-main").press("Enter")
    await expect(page.locator("#text-main")).to_have_value("")


def last(page: Page) -> Locator:
    """The newest post."""
    return page.locator("#posts-main > .post").last


async def press(page: Page, label: str) -> None:
    """Press the newest button of that label."""
    await page.locator(".post").get_by_role("button", name=label, exact=True).last.click()


async def answered(page: Page, words: str | re.Pattern[str]) -> Locator:
    """Wait until the newest post says so."""
    await expect(last(page)).to_contain_text(words)
    return last(page)


async def meet(page: Page, text: str = "Hello", answer: str = ANSWER) -> None:
    """Say the first words, and let the bot keep them; leaves with its answer."""
    await say(page, text)
    await press(page, "Continue")
    await expect(page.locator(".by-bot .words").filter(has_text=answer)).to_have_count(1)
