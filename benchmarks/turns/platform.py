"""A platform that keeps nothing and answers at once, and models that do: what they take is not measured."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from itertools import count

from bot.chat import (
    Absent,
    Addressing,
    Attachment,
    Audience,
    EarlierMessage,
    Finding,
    Message,
    PersonRef,
    PlaceRef,
    PostKey,
    Profile,
    Receive,
    Reply,
    Status,
)
from bot.models.port import Finished, ModelEvent, ModelRequest, TextDelta

PLATFORM = "instant"
ANSWER = "It is in the second drawer, below the letters."
#: A question with this in it is never answered.
STUCK = "Say nothing."


class Clock:
    """When things were seen last, by `time.perf_counter`. One turn is looked at at a time."""

    def __init__(self) -> None:
        self.asked = self.posted = 0.0


class InstantModel:
    """Answers everything with one sentence, at once."""

    name = "instant"
    offline = True  # it gives no titles

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        self._clock.asked = time.perf_counter()
        if STUCK in request.messages[-1].content:
            await asyncio.Event().wait()
        yield TextDelta(ANSWER)
        yield Finished("stop")

    async def close(self) -> None:
        return


class InstantConversation:
    """A place where whatever is said is there at once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def split(self, text: str) -> tuple[str, ...]:
        return (text,)

    async def answer(self, _reply: Reply, key: PostKey) -> str:
        self._clock.posted = time.perf_counter()
        return f"post:{key.value}"

    async def stream(
        self, replies: AsyncIterator[Reply], key: PostKey, opened: Callable[[str], Awaitable[None]]
    ) -> str:
        post_id = ""
        async for _reply in replies:
            if not post_id:
                post_id = f"post:{key.value}"
                await opened(post_id)
        self._clock.posted = time.perf_counter()
        return post_id

    async def edit(self, _post_id: str, _reply: Reply) -> None:
        return

    async def delete(self, _post_id: str) -> None:
        return

    async def find(self, _key: PostKey) -> Finding:
        return Absent()

    async def earlier(self, _before: str, _limit: int) -> Sequence[EarlierMessage]:
        return ()

    async def status(self, _status: Status) -> None:
        return

    async def rename(self, _title: str) -> None:
        return


class InstantPlatform:
    """An adapter to nothing."""

    platform = PLATFORM

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def run(self, _receive: Receive) -> None:
        await asyncio.Event().wait()

    def conversation(self, _place: PlaceRef, _person: PersonRef | None = None) -> InstantConversation:
        return InstantConversation(self._clock)

    async def audience(self, _place: PlaceRef) -> Audience:
        return Audience("unknown", frozenset(), outsiders=True, fetched_at=datetime.now(UTC))

    async def profile(self, person: PersonRef) -> Profile:
        return Profile(person.name)

    async def open_dm(self, person: PersonRef) -> PlaceRef:
        return place_of(person.workspace_id, person.resource_id)

    def channel(self, place: PlaceRef) -> PlaceRef:
        return place

    async def publish_home(self, _person: PersonRef, _view: Sequence[Reply]) -> None:
        return

    async def fetch(self, _attachment: Attachment) -> bytes:
        return b""


def place_of(workspace_id: str, resource_id: str) -> PlaceRef:
    """A person's own conversation with the bot."""
    return PlaceRef(workspace_id, f"dm:{resource_id}", "direct", address={"channel": resource_id})


_WORKSPACES = 4
_numbers = count(1)


def message(
    who: int, text: str = "Where is the key?", *, workspace: str = "", addressing: Addressing = "direct"
) -> Message:
    """A message of a person, under new names. People are spread over a few workspaces, unless one is named."""
    workspace_id, number = f"{PLATFORM}:{workspace or f'team-{who % _WORKSPACES}'}", next(_numbers)
    resource = f"person:{who}"
    return Message(
        delivery_id=f"delivery:{number}",
        person=PersonRef(workspace_id, resource, f"Person {who}"),
        place=place_of(workspace_id, resource),
        utterance_id=f"said:{number}",
        text=text,
        sent_at=datetime.now(UTC),
        addressing=addressing,
    )
