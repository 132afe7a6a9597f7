"""A platform that keeps its posts in this process: nothing of it stands in the bot's database, as with a real one."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import Connection, Table, select

from bot.access.scope import Scope
from bot.chat import (
    Absent,
    Attachment,
    Audience,
    Conversation,
    EarlierMessage,
    Event,
    Finding,
    Form,
    Found,
    Invocation,
    Message,
    PersonRef,
    PlaceRef,
    PostKey,
    Profile,
    Receive,
    Reply,
    Status,
)
from bot.errors import NotFound, PostRefused
from bot.memory.values import MemoryOptions
from bot.memory.workspace_rows import ensure_workspace
from bot.models.port import Finished, Model, ModelEvent, ModelRequest, TextDelta
from bot.serve import Serving, compose, serve
from bot.storage.store import Store, open_store
from bot.storage.turn_tables import OPEN_STATES, WAITING_STATES, jobs, turns
from bot.supervision.kinds import JOB_KINDS
from bot.turns.options import TurnOptions
from bot.turns.working import Bench
from tests.bot.agent.talking import SETTINGS
from tests.bot.turns.team import EASY

HERE = "paper:office"
_numbers = count(1)


class Echo:
    """A model that says what it was asked."""

    name = "echo"
    offline = True

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        yield TextDelta("You said: " + request.messages[-1].content)
        yield Finished("stop")

    async def close(self) -> None:
        return


class PaperConversation:
    """See `bot.chat.Conversation`."""

    def __init__(self, paper: "Paper", place: PlaceRef) -> None:
        self._paper = paper
        self._posts = paper.posts.setdefault(place.place_id, {})

    def split(self, text: str) -> tuple[str, ...]:
        return (text,)

    async def answer(self, reply: Reply, key: PostKey) -> str:
        key.check()
        if self._paper.refuses is not None:
            raise self._paper.refuses
        self._paper.sent += 1
        self._posts[key.value] = reply
        if self._paper.loses_next is not None:
            error, self._paper.loses_next = self._paper.loses_next, None
            raise error
        return key.value

    async def stream(
        self, replies: AsyncIterator[Reply], key: PostKey, opened: Callable[[str], Awaitable[None]]
    ) -> str:
        async for reply in replies:
            key.check()
            self._posts[key.value] = reply
            await opened(key.value)
        return key.value

    async def edit(self, post_id: str, reply: Reply) -> None:
        self._posts[post_id] = reply

    async def delete(self, post_id: str) -> None:
        self._posts.pop(post_id, None)

    async def find(self, key: PostKey) -> Finding:
        return Found(key.value) if key.value in self._posts else Absent()

    async def earlier(self, before: str, limit: int) -> Sequence[EarlierMessage]:
        return []

    async def status(self, status: Status) -> None:
        return

    async def rename(self, title: str) -> None:
        return


class Paper:
    """See `bot.chat.Adapter`."""

    platform = "paper"

    def __init__(self) -> None:
        self.posts: dict[str, dict[str, Reply]] = {}
        self.running = asyncio.Event()
        self.sent = 0
        #: Raised instead of a post.
        self.refuses: Exception | None = None
        #: Raised after the next post, which was made.
        self.loses_next: Exception | None = None

    async def run(self, receive: Receive) -> None:
        self.running.set()
        await asyncio.Event().wait()

    def conversation(self, place: PlaceRef, person: PersonRef | None = None) -> Conversation:
        return PaperConversation(self, place)

    async def audience(self, place: PlaceRef) -> Audience:
        return Audience("unknown", frozenset(), False, datetime.now(UTC))

    async def profile(self, person: PersonRef) -> Profile:
        return Profile(person.name)

    async def open_dm(self, person: PersonRef) -> PlaceRef:
        if person.name == "Nobody" or person.resource_id.endswith(":shy"):
            raise PostRefused
        return direct(person)

    def channel(self, place: PlaceRef) -> PlaceRef:
        return place

    async def publish_home(self, person: PersonRef, view: Sequence[Reply]) -> None:
        return

    async def fetch(self, attachment: Attachment) -> bytes:
        raise NotFound


def person(name: str, shown: str = "") -> PersonRef:
    return PersonRef(HERE, f"{HERE}:{name}", shown or name.title())


def direct(who: PersonRef) -> PlaceRef:
    name = who.resource_id.rpartition(":")[2]
    return PlaceRef(HERE, f"dm-{name}", "direct", "", {"channel": f"address-{name}"})


def thread_in(channel: str = "general", root: str = "1") -> PlaceRef:
    return PlaceRef(HERE, f"{channel}/{root}", "public", f"#{channel}", {"root": root}, channel)


class Answers:
    """A responder that keeps what was answered."""

    def __init__(self) -> None:
        self.replies: list[Reply] = []
        self.forms: list[Form] = []

    async def private(self, reply: Reply) -> None:
        self.replies.append(reply)

    async def public(self, reply: Reply) -> None:
        raise AssertionError("forgetting and exporting are nobody else's business")

    async def form(self, form: Form) -> None:
        self.forms.append(form)

    async def update(self, reply: Reply) -> None:
        self.replies.append(reply)


@dataclass
class Office:
    """A bot on paper."""

    store: Store
    bench: Bench
    paper: Paper
    serving: Serving
    scope: Scope

    async def tell(self, event: Event) -> None:
        await self.serving.app.receive(event)

    async def say(self, who: PersonRef, text: str, where: PlaceRef | None = None, **more: Any) -> Message:
        number = next(_numbers)
        where = where or direct(who)
        said = Message(
            delivery_id=f"paper delivery {number}",
            person=who,
            place=where,
            utterance_id=f"said {number}",
            text=text,
            sent_at=self.bench.now(),
            addressing="direct" if where.kind == "direct" else "mention",
            **more,
        )
        await self.tell(said)
        return said

    async def run(self, who: PersonRef, command: str, where: PlaceRef | None = None, **arguments: Any) -> Answers:
        """Run a command, as a platform would."""
        answers = Answers()
        event = Invocation(
            delivery_id=f"paper delivery {next(_numbers)}",
            person=who,
            place=where or direct(who),
            command=command,
            arguments=arguments,
            responder=answers,
        )
        await self.tell(event)
        await self.until(lambda: answers.replies or answers.forms)
        return answers

    async def rows(self, table: Table, *conditions: Any) -> list[dict[str, Any]]:
        found = select(table).where(*conditions).order_by(*table.primary_key.columns)
        return await self.store.read(lambda connection: [dict(row) for row in connection.execute(found).mappings()])

    def posts(self, where: PlaceRef) -> list[Reply]:
        return list(self.paper.posts.get(where.place_id, {}).values())

    def reports(self, where: PlaceRef, beginning: str) -> list[Reply]:
        return [reply for reply in self.posts(where) if reply.text.startswith(beginning)]

    async def until(self, holds: Callable[[], Any], seconds: float = 30) -> Any:
        async with asyncio.timeout(seconds):
            while True:
                found = holds()
                if asyncio.iscoroutine(found):
                    found = await found
                if found:
                    return found
                await asyncio.sleep(0.01)

    async def quiet(self, seconds: float = 60) -> None:
        """Wait until no turn and no job is owed."""

        async def nothing() -> bool:
            return not await self.store.read(_owed)

        await self.until(nothing, seconds)


def _owed(connection: Connection) -> bool:
    turn = connection.execute(select(turns.c.key).where(turns.c.state.in_(OPEN_STATES)).limit(1)).scalar()
    job = connection.execute(select(jobs.c.key).where(jobs.c.state.in_(WAITING_STATES)).limit(1)).scalar()
    return turn is not None or job is not None


def wall_clock() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def office(
    url: str,
    model: Model | None = None,
    *,
    options: TurnOptions = EASY,
    invoke: Callable[[Bench, Paper], Any] | None = None,
    paper: Paper | None = None,
    **changes: Any,
) -> AsyncIterator[Office]:
    """A bot that serves people on paper."""
    store = await open_store(url, purpose="worker")
    try:
        options = replace(options, accept=timedelta(seconds=20), **changes)
        bench = Bench(store, model or Echo(), SETTINGS, MemoryOptions(), options, wall_clock)
        paper = paper or Paper()
        more = {} if invoke is None else {"invoke": invoke(bench, paper)}
        serving = compose(bench, {"paper": paper}, kinds=JOB_KINDS, **more)
        scope = Scope("system", await store.write(ensure_workspace, HERE, wall_clock()), ())
        stop = asyncio.Event()
        served = asyncio.create_task(serve(serving, stop))
        try:
            await asyncio.wait_for(paper.running.wait(), 10)
            yield Office(store, bench, paper, serving, scope)
        finally:
            stop.set()
            await served
    finally:
        await store.close()
