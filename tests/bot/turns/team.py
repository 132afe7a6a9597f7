"""A running bot on the local platform: what tests of turns talk to."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from adapters.local.adapter import LocalAdapter
from adapters.local.conversation import World
from adapters.local.world_rows import LocalPost
from bot.access.actor import Actor
from bot.app import Invoke, no_commands
from bot.commands.declaration import Registry
from bot.memory.memory import Memory
from bot.memory.values import MemoryOptions
from bot.memory.view import MemoryView
from bot.memory.workspace_rows import workspace_key
from bot.models.port import Model
from bot.serve import Serving, compose, serve
from bot.storage.store import Store, open_store
from bot.storage.turn_tables import posts, turns
from bot.turns.jobs import KINDS, JobKinds
from bot.turns.options import TurnOptions
from bot.turns.working import Bench
from tests.bot.agent.talking import SETTINGS

WORKSPACE = "team"
#: No limits, short patience: what a test is not about does not get into its way.
EASY = TurnOptions(
    disclose=False,
    messages_per_minute=None,
    messages_per_day=None,
    commands_per_minute=None,
    workspace_tokens_per_day=None,
    haste=None,
    backoff=timedelta(milliseconds=50),
    settling=timedelta(milliseconds=50),
    lease=timedelta(seconds=2),
    poll=timedelta(milliseconds=200),
    whole=timedelta(milliseconds=20),
    accept=timedelta(seconds=5),
)


def wall_clock() -> datetime:
    return datetime.now(UTC)


@dataclass
class Team:
    """A local workspace with its bot."""

    store: Store
    bench: Bench
    local: LocalAdapter
    serving: Serving
    stop: asyncio.Event

    def person(self, name: str) -> str:
        return f"local:{WORKSPACE}:{name}"

    async def view(self, name: str) -> MemoryView:
        key = await self.store.read(workspace_key, f"local:{WORKSPACE}")
        memory = Memory(self.store, key or 0, MemoryOptions(), self.bench.now)
        return memory.as_actor(Actor.person(self.person(name)))

    async def say(self, person: str, text: str, *, channel: str | None = None, root: str = "", **more: Any) -> str:
        where = f"@{person}" if channel is None else channel
        return await self.local.say(WORKSPACE, where, person, text, root=root, **more)

    async def seen(self, person: str, *, channel: str | None = None, root: str | None = None) -> list[LocalPost]:
        return await self.local.posts(WORKSPACE, f"@{person}" if channel is None else channel, person, root=root)

    async def answers(self, person: str, *, channel: str | None = None, root: str | None = None) -> list[str]:
        """What the bot said, as a person sees it."""
        found = await self.seen(person, channel=channel, root=root)
        return [post.text for post in found if not post.author]

    async def states(self) -> list[str]:
        """The states of all turns, in order."""
        return await self.store.read(
            lambda connection: list(connection.execute(select(turns.c.state).order_by(turns.c.key)).scalars())
        )

    async def post_states(self) -> list[str]:
        return await self.store.read(
            lambda connection: list(connection.execute(select(posts.c.state).order_by(posts.c.key)).scalars())
        )

    async def until(self, holds: Callable[[], Any], seconds: float = 10) -> Any:
        """Wait until something holds; it may be asynchronous."""
        async with asyncio.timeout(seconds):
            while True:
                found = holds()
                if asyncio.iscoroutine(found):
                    found = await found
                if found:
                    return found
                await asyncio.sleep(0.01)

    async def quiet(self, seconds: float = 10) -> None:
        """Wait until no turn and no job is owed."""

        async def nothing_owed() -> bool:
            return not await self.store.read(_owed)

        await self.until(nothing_owed, seconds)


def _owed(connection: Connection) -> bool:
    from bot.storage.turn_tables import OPEN_STATES, jobs

    turn = connection.execute(select(turns.c.key).where(turns.c.state.in_(OPEN_STATES)).limit(1)).scalar()
    # The files are scrubbed at the end of the minute; nobody waits for that.
    waiting = select(jobs.c.key).where(jobs.c.state.in_(("queued", "running")), jobs.c.kind != "scrub")
    job = connection.execute(waiting.limit(1)).scalar()
    return turn is not None or job is not None


@asynccontextmanager
async def running(
    url: str,
    model: Model,
    *,
    options: TurnOptions = EASY,
    now: Callable[[], datetime] = wall_clock,
    invoke: Invoke = no_commands,
    kinds: JobKinds = KINDS,
    people: tuple[str, ...] = ("ana", "ben", "cleo"),
    settings: Any = SETTINGS,
    registry: Registry | None = None,
    **changes: Any,
) -> AsyncIterator[Team]:
    """A bot that serves the local workspace `team`, with its people in `#general` (public) and `#secret` (private)."""
    store = await open_store(url, purpose="worker")
    try:
        bench = Bench(store, model, settings, MemoryOptions(), replace(options, **changes), now)
        world = World(store, now, b"a secret of the tests", pace_seconds=0.01)
        local = LocalAdapter(world, registry=registry)
        for name in people:
            await local.settle(WORKSPACE, name, name.title())
        await local.make_channel(WORKSPACE, "general", "public", people)
        await local.make_channel(WORKSPACE, "secret", "private", people)
        serving = compose(bench, {"local": local}, invoke=invoke, kinds=kinds)
        stop = asyncio.Event()
        served = asyncio.create_task(serve(serving, stop))
        team = Team(store, bench, local, serving, stop)
        try:
            await team.until(lambda: local.running)
            yield team
        finally:
            stop.set()
            await served
    finally:
        await store.close()
