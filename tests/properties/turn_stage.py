"""What random conversations are played on: a model and a platform that fail as they are told, and workers that die."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from itertools import cycle
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, inspect, select, text

from adapters.local.adapter import LocalAdapter
from adapters.local.conversation import World
from adapters.local.tables import local_posts
from bot.chat import Absent, Conversation, Finding, Found, PersonRef, PlaceRef, PostKey, Reply, Status
from bot.errors import (
    BotError,
    ModelFailed,
    ModelOverloaded,
    ModelRefused,
    PlatformBusy,
    PlatformUnreachable,
    PostUncertain,
    StorageUnavailable,
)
from bot.memory.values import MemoryOptions
from bot.models.port import Finished, ModelEvent, ModelRequest, TextDelta, ToolCall
from bot.serve import compose
from bot.storage.search import SEARCH_TABLES
from bot.storage.store import Store
from bot.storage.tables import messages, workspaces
from bot.storage.turn_tables import OPEN_STATES, posts, turn_messages, turns
from bot.turns.intake import Intake
from bot.turns.working import Bench
from tests.bot.agent.talking import SETTINGS
from tests.bot.turns.team import EASY, wall_clock
from tests.properties.turn_rules import answered, canaries

#: How the model behaves, and the platform; each in turn.
MODEL_MOODS = ("plain", "plain", "slow", "slow", "searching", "overloaded", "cut", "refusing")
PLATFORM_MOODS = ("", "", "", "busy", "unreachable", "accepted and lost", "lost", "broken off")
QUICK = replace(
    EASY,
    backoff=timedelta(milliseconds=2),
    longest_backoff=timedelta(milliseconds=50),
    settling=timedelta(milliseconds=20),
    lease=timedelta(milliseconds=600),
    poll=timedelta(milliseconds=50),
    whole=timedelta(milliseconds=10),
    grace=timedelta(milliseconds=30),
    # Every message and every edit counts here, however many there are.
    restarts=1_000,
    attempts=50,
    post_attempts=200,
    queue_per_person=1_000,
)
_STEP = 0.006
#: So much of a key stays when the same is sent again.
_KEPT = 17


class Scripted:
    """A model that names what it answers: all questions in its prompt that no answer in it names."""

    name, offline = "scripted", True

    def __init__(self, moods: list[str]) -> None:
        self._moods = cycle([*moods, "plain"])
        #: What must be in no prompt from now on.
        self.forbidden: frozenset[str] = frozenset()
        #: All prompts, each with its question and with what was forbidden when it was asked.
        self.asked: list[tuple[str, str, frozenset[str]]] = []

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        whole = "\n".join(one.content for one in request.messages)
        question = next(one.content for one in reversed(request.messages) if one.role == "user")
        self.asked.append((whole, question, self.forbidden))
        mood = "plain" if request.messages[-1].role == "tool" else next(self._moods)
        if mood == "searching" and request.tools:
            yield Finished("tool_calls", (ToolCall("1", "search_messages", '{"query": "shared words"}'),))
            return
        if mood == "overloaded":
            raise ModelOverloaded
        if mood == "refusing":
            raise ModelRefused
        for word in _answer(request):
            yield TextDelta(word)
            if mood == "slow":
                await asyncio.sleep(_STEP)
        if mood == "cut":
            raise ModelFailed
        yield Finished("stop")

    async def close(self) -> None:
        return


def _answer(request: ModelRequest) -> list[str]:
    """The words of an answer."""
    named = {number for one in request.messages if one.role == "assistant" for number in answered(one.content)}
    asked = {found.number: found for one in request.messages if one.role == "user" for found in canaries(one.content)}
    mine = [found for number, found in sorted(asked.items()) if number not in named]
    return ["I", " say", *(f" re{one.number}v{one.version}" for one in mine), " and", " no", " more."]


class Mortal:
    """A database as a process sees it that dies: nothing more comes through."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.dead = False

    async def read(self, function: Any, /, *given: Any, **more: Any) -> Any:
        return await self._alive().read(function, *given, **more)

    async def write(self, function: Any, /, *given: Any, **more: Any) -> Any:
        return await self._alive().write(function, *given, **more)

    def _alive(self) -> Store:
        if self.dead:
            raise StorageUnavailable
        return self._store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class Lasting:
    """The platform's own database: what was sent to it comes through, whoever died meanwhile."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._under_way: set[asyncio.Task[Any]] = set()

    async def read(self, function: Any, /, *given: Any, **more: Any) -> Any:
        return await self._store.read(function, *given, **more)

    async def write(self, function: Any, /, *given: Any, **more: Any) -> Any:
        writing = asyncio.create_task(self._store.write(function, *given, **more))
        self._under_way.add(writing)
        writing.add_done_callback(self._under_way.discard)
        return await asyncio.shield(writing)

    async def settle(self) -> None:
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class Moody(LocalAdapter):
    """The local platform with bad moods."""

    def __init__(self, world: World, moods: list[str], life: Mortal, store: "Lasting") -> None:
        super().__init__(world)
        self.moods = cycle([*moods, "", ""])
        self._life = life
        self._store = store

    def conversation(self, place: PlaceRef, person: PersonRef | None = None) -> Conversation:
        return MoodyConversation(super().conversation(place, person), self.moods, self._life, self._store)


class MoodyConversation:
    """A local place in which posting fails as told, and in which what is sent twice stands there twice."""

    def __init__(self, inner: Conversation, moods: "cycle[str]", life: Mortal, store: "Lasting") -> None:
        self._inner = inner
        self._moods = moods
        self._life = life
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def _before(self) -> str:
        mood = next(self._moods)
        if self._life.dead or mood == "unreachable":
            raise PlatformUnreachable
        if mood == "busy":
            raise PlatformBusy(timedelta(milliseconds=5))
        if mood == "lost":
            raise PostUncertain
        return mood

    async def answer(self, reply: Reply, key: PostKey) -> str:
        mood = self._before()
        post_id = await self._inner.answer(reply, _anew(key))
        if mood in {"accepted and lost", "broken off"} or self._life.dead:
            raise PostUncertain
        return post_id

    async def stream(
        self, replies: AsyncIterator[Reply], key: PostKey, opened: Callable[[str], Awaitable[None]]
    ) -> str:
        mood = self._before()

        async def moody(post_id: str) -> None:
            if mood == "accepted and lost" or self._life.dead:
                raise PostUncertain
            await opened(post_id)
            if mood == "broken off":
                raise PlatformUnreachable

        return await self._inner.stream(replies, _anew(key), moody)

    async def find(self, key: PostKey) -> Finding:
        made = local_posts.c.key_value.startswith(key.value[:_KEPT]), local_posts.c.deleted.is_(False)
        found = select(local_posts.c.id).where(*made).limit(1)
        post_id = await self._store.read(lambda connection: connection.execute(found).scalar())
        return Absent() if post_id is None else Found(post_id)

    async def status(self, status: Status) -> None:
        # As long as it takes on a real platform, much may happen meanwhile.
        await asyncio.sleep(_STEP)
        await self._inner.status(status)

    async def edit(self, post_id: str, reply: Reply) -> None:
        if self._life.dead or next(self._moods) in {"unreachable", "lost"}:
            raise PlatformUnreachable
        await self._inner.edit(post_id, reply)

    async def delete(self, post_id: str) -> None:
        if self._life.dead or next(self._moods) == "unreachable":
            raise PlatformUnreachable
        await self._inner.delete(post_id)


def _anew(key: PostKey) -> PostKey:
    """A key by which the local platform does not see that it had the post before."""
    return replace(key, value=key.value[:_KEPT] + uuid4().hex[:8])


class Incarnation:
    """One life of the bot's process: what takes in, and what works."""

    def __init__(self, store: Store, model: Scripted, moods: list[str]) -> None:
        self._life = Mortal(store)
        self._platform = Lasting(store)
        world = World(self._platform, wall_clock, b"a secret of the tests", pace_seconds=0.002)
        bench = Bench(self._life, model, SETTINGS, MemoryOptions(last_messages=500), QUICK, wall_clock)
        self._serving = compose(bench, {"local": Moody(world, moods, self._life, self._platform)})
        self.intake = Intake(store, self._serving.signals, QUICK, wall_clock)
        self.working = asyncio.create_task(self._serving.worker.run())

    async def end(self) -> None:
        """As at SIGTERM."""
        self._serving.worker.drain()
        await self.working
        await self._serving.signals.close()

    async def die(self) -> None:
        """As at SIGKILL: what was committed stands, and nothing more is done."""
        self._life.dead = True
        self.working.cancel()
        with suppress(asyncio.CancelledError, BotError):
            await self.working
        await self._platform.settle()
        await self._serving.signals.close()


def owed(connection: Connection) -> bool:
    """Whether a turn is open."""
    found = select(turns.c.key).where(turns.c.state.in_(OPEN_STATES)).limit(1)
    return connection.execute(found).scalar() is not None


def everything(connection: Connection) -> dict[str, str]:
    """All that stands in the database, as one text for each table."""
    # SQLite overwrites what is left in the pages of its search index when it merges them; nothing finds it there.
    left_out = {f"{SEARCH_TABLES}_data", f"{SEARCH_TABLES}_idx"}
    names = set(inspect(connection).get_table_names()) - left_out
    return {name: repr(list(connection.execute(text(f'SELECT * FROM "{name}"')))) for name in names}


def turns_of(connection: Connection, workspace_ids: list[str]) -> list[Any]:
    """The turns of some workspaces, in order."""
    found = select(turns.c.key, turns.c.id, turns.c.state, turns.c.thread_key, workspaces.c.id.label("workspace_id"))
    found = found.join(workspaces, workspaces.c.key == turns.c.workspace_key).where(workspaces.c.id.in_(workspace_ids))
    return list(connection.execute(found.order_by(turns.c.key)))


def turn_of_messages(connection: Connection, workspace_ids: list[str]) -> dict[str, tuple[int, str]]:
    """The turn of each message that is there, and the message's text, by its id."""
    found = (
        select(messages.c.id, messages.c.text, turn_messages.c.turn_key)
        .join(workspaces, workspaces.c.key == messages.c.workspace_key)
        .outerjoin(turn_messages, turn_messages.c.message_key == messages.c.key)
        .where(workspaces.c.id.in_(workspace_ids), messages.c.role == "user")
    )
    return {row.id: (row.turn_key, row.text) for row in connection.execute(found)}


def shown_posts(connection: Connection, names: list[str]) -> list[Any]:
    """What the bot shows in some local workspaces, in order, each with its turn."""
    found = (
        select(local_posts, posts.c.turn_key)
        .outerjoin(posts, posts.c.post_id == local_posts.c.id)
        .where(local_posts.c.workspace.in_(names), local_posts.c.author == "", local_posts.c.deleted.is_(False))
    )
    return list(connection.execute(found.order_by(local_posts.c.key)))
