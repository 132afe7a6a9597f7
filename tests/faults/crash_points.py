"""Named moments at which a bot kills or stops itself, put around its store, its model and its platform from outside."""

import os
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from bot.chat import Conversation, EarlierMessage, Finding, PersonRef, PlaceRef, PostKey, Reply, Status
from bot.models.port import Model, ModelEvent, ModelRequest, TextDelta
from bot.storage.signals import Signals
from bot.storage.store import Migration, Scrubbed, Store
from tests.faults.wire_adapter import WireAdapter

#: Each moment, in the order in which a message meets them; the last ones are a job's.
POINTS = (
    "before-insert",
    "inserted-not-acknowledged",
    "acknowledged-not-claimed",
    "claimed-model-not-asked",
    "while-the-model-speaks",
    "while-a-post-grows",
    "spoken-not-recorded",
    "recorded-not-posted",
    "posted-not-marked",
    "between-parts",
    "answered-not-closed",
    "in-a-job",
    "reported-not-posted",
)
_BEFORE = {
    "accept_message": "before-insert",
    "record_answer": "spoken-not-recorded",
    "accept_post": "posted-not-marked",
    "finish_turn": "answered-not-closed",
}
_AFTER = {
    "accept_message": "inserted-not-acknowledged",
    "record_answer": "recorded-not-posted",
    "record_report": "reported-not-posted",
}


class Moment:
    """One named moment: at its n-th passing the process gets a signal.

    Args:
        name: of `POINTS`, or "" for none.
        nth: at which passing.
        number: SIGKILL or SIGSTOP.
    """

    def __init__(self, name: str = "", nth: int = 1, number: signal.Signals = signal.SIGKILL) -> None:
        self.name = name
        self._left = nth
        self._number = number

    @property
    def holds_back(self) -> bool:
        """Whether nothing is begun until the moment has come."""
        return self.name == "acknowledged-not-claimed" and self._left > 0

    def passed(self, name: str | None) -> None:
        """Say that a moment has come."""
        if name != self.name:
            return
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), self._number)


class WatchedStore:
    """A `Store` whose transactions are moments."""

    def __init__(self, store: Store, moment: Moment) -> None:
        self._store = store
        self._moment = moment

    @property
    def migration(self) -> Migration | None:
        return self._store.migration

    @property
    def shared(self) -> bool:
        return self._store.shared

    async def read(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        return await self._store.read(function, *args, **kwargs)

    async def write(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        name = function.__name__
        if name == "claim_turn" and self._moment.holds_back:
            return None
        self._moment.passed(_BEFORE.get(name))
        if name == "_begin_post" and args[0] > 0:
            self._moment.passed("between-parts")
        done = await self._store.write(function, *args, **kwargs)
        self._moment.passed(_AFTER.get(name))
        return done

    async def scrub(self, tables: Sequence[str], most_bytes: int) -> Scrubbed:
        return await self._store.scrub(tables, most_bytes)

    def signals(self) -> Signals:
        return self._store.signals()

    async def close(self) -> None:
        await self._store.close()


class WatchedModel:
    """A `Model` whose words are moments; titles are none."""

    def __init__(self, model: Model, moment: Moment) -> None:
        self._model = model
        self._moment = moment

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def offline(self) -> bool:
        return self._model.offline

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        is_answer = not request.messages[0].content.startswith("Name the conversation")
        if is_answer:
            self._moment.passed("claimed-model-not-asked")
        spoken = 0
        async with aclosing(self._model.stream(request)) as events:
            async for event in events:
                yield event
                spoken += isinstance(event, TextDelta)
                if is_answer and spoken == 2:
                    self._moment.passed("while-the-model-speaks")

    async def close(self) -> None:
        await self._model.close()


class WatchedAdapter(WireAdapter):
    """The adapter, whose acknowledgements and growing posts are moments."""

    def __init__(self, address: str, process: str, moment: Moment) -> None:
        super().__init__(address, process)
        self._moment = moment

    async def acknowledge(self, given: Mapping[str, Any]) -> None:
        await super().acknowledge(given)
        self._moment.passed("acknowledged-not-claimed")

    def conversation(self, place: PlaceRef, person: PersonRef | None = None) -> Conversation:
        return _WatchedConversation(super().conversation(place, person), self._moment)


class _WatchedConversation:
    def __init__(self, conversation: Conversation, moment: Moment) -> None:
        self._conversation = conversation
        self._moment = moment

    def split(self, text: str) -> tuple[str, ...]:
        return self._conversation.split(text)

    async def answer(self, reply: Reply, key: PostKey) -> str:
        return await self._conversation.answer(reply, key)

    async def stream(
        self, replies: AsyncIterator[Reply], key: PostKey, opened: Callable[[str], Awaitable[None]]
    ) -> str:
        async def watched() -> AsyncGenerator[Reply, None]:
            shown = 0
            async for reply in replies:
                yield reply
                shown += 1
                if shown > 1:
                    self._moment.passed("while-a-post-grows")

        return await self._conversation.stream(watched(), key, opened)

    async def edit(self, post_id: str, reply: Reply) -> None:
        await self._conversation.edit(post_id, reply)

    async def delete(self, post_id: str) -> None:
        await self._conversation.delete(post_id)

    async def find(self, key: PostKey) -> Finding:
        return await self._conversation.find(key)

    async def earlier(self, before: str, limit: int) -> Sequence[EarlierMessage]:
        return await self._conversation.earlier(before, limit)

    async def status(self, status: Status) -> None:
        await self._conversation.status(status)

    async def rename(self, title: str) -> None:
        await self._conversation.rename(title)
