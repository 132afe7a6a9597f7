"""What tests of the worker steer: a model with scripts, a platform that fails as told, a database that is away."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from typing import Any

from sqlalchemy import Connection

from bot.chat import Conversation, EarlierMessage, Finding, PostKey, Reply, Status
from bot.errors import PlatformUnreachable, StorageUnavailable
from bot.models.port import Finished, ModelEvent, ModelRequest, TextDelta
from bot.storage.store import Store
from tests.bot.agent.talking import prompt_text
from tests.bot.turns.team import Team

#: Something to say, something to raise, or something to wait for.
Step = str | Exception | asyncio.Event


class Steered:
    """A model that follows its scripts, one for each call; the last one again and again."""

    name = "steered"
    offline = True

    def __init__(self, *scripts: Sequence[Step]) -> None:
        self._scripts = scripts
        self.requests: list[ModelRequest] = []
        self.at_work = 0
        self.most_at_work = 0

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        script = self._scripts[min(len(self.requests), len(self._scripts) - 1)]
        self.requests.append(request)
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        try:
            for step in script:
                if isinstance(step, asyncio.Event):
                    await step.wait()
                elif isinstance(step, Exception):
                    raise step
                else:
                    yield TextDelta(step)
            yield Finished("stop")
        finally:
            self.at_work -= 1

    async def close(self) -> None:
        return

    @property
    def calls(self) -> int:
        return len(self.requests)

    def prompt(self, number: int = -1) -> str:
        return prompt_text(self.requests[number])


class Platform:
    """The local platform of a team, with faults: each is raised once, before or after the thing was really done."""

    def __init__(self, team: Team) -> None:
        self.before: defaultdict[str, list[Exception]] = defaultdict(list)
        self.after: defaultdict[str, list[Exception]] = defaultdict(list)
        #: Raised in a stream when it has so many texts.
        self.within: dict[int, Exception] = {}
        #: A stream that breaks ends as if it were whole.
        self.hushes = False
        #: Once it is set, a stream breaks, whatever it waits for.
        self.breaks: asyncio.Event | None = None
        #: What `find` says instead of the truth.
        self.finding: Finding | None = None
        #: How often it finds that, before it looks; None: always.
        self.finding_for: int | None = None
        self.calls: list[str] = []
        self.statuses: list[Status] = []
        open_place = team.local.conversation
        team.local.conversation = self._rough(open_place)  # type: ignore[method-assign]

    def _rough(self, open_place: Callable[..., Conversation]) -> Callable[..., Conversation]:
        return lambda place, person=None: Rough(self, open_place(place, person))

    def count(self, name: str) -> int:
        return self.calls.count(name)

    async def done(self, name: str, doing: Callable[[], Awaitable[Any]]) -> Any:
        self.calls.append(name)
        if self.before[name]:
            raise self.before[name].pop(0)
        result = await doing()
        if self.after[name]:
            raise self.after[name].pop(0)
        return result


class Rough:
    """A conversation on such a platform."""

    def __init__(self, platform: Platform, smooth: Any) -> None:
        self._platform = platform
        self._smooth = smooth

    def split(self, text: str) -> tuple[str, ...]:
        return tuple(self._smooth.split(text))

    async def answer(self, reply: Reply, key: PostKey) -> str:
        return str(await self._platform.done("answer", lambda: self._smooth.answer(reply, key)))

    async def stream(
        self, replies: AsyncIterator[Reply], key: PostKey, opened: Callable[[str], Awaitable[None]]
    ) -> str:
        async def rough() -> AsyncGenerator[Reply, None]:
            number = 0
            async for reply in replies:
                number += 1
                if number in self._platform.within:
                    error = self._platform.within.pop(number)
                    if self._platform.hushes:
                        return
                    raise error
                yield reply

        whole = self._platform.done("stream", lambda: self._smooth.stream(rough(), key, opened))
        return str(await self._or_broken(whole))

    async def _or_broken(self, whole: Coroutine[Any, Any, Any]) -> Any:
        if self._platform.breaks is None:
            return await whole
        streaming = asyncio.create_task(whole)
        breaking = asyncio.create_task(self._platform.breaks.wait())
        await asyncio.wait([streaming, breaking], return_when=asyncio.FIRST_COMPLETED)
        breaking.cancel()
        if not streaming.done():
            streaming.cancel()
            await asyncio.wait([streaming])
            raise PlatformUnreachable
        return await streaming

    async def edit(self, post_id: str, reply: Reply) -> None:
        await self._platform.done("edit", lambda: self._smooth.edit(post_id, reply))

    async def delete(self, post_id: str) -> None:
        await self._platform.done("delete", lambda: self._smooth.delete(post_id))

    async def find(self, key: PostKey) -> Finding:
        self._platform.calls.append("find")
        found: Finding = await self._smooth.find(key)
        if self._platform.finding_for is not None:
            self._platform.finding_for -= 1
            if self._platform.finding_for < 0:
                return found
        return self._platform.finding or found

    async def earlier(self, before: str, limit: int) -> Sequence[EarlierMessage]:
        return list(await self._smooth.earlier(before, limit))

    async def status(self, status: Status) -> None:
        self._platform.statuses.append(status)
        await self._platform.done("status", lambda: self._smooth.status(status))

    async def rename(self, title: str) -> None:
        await self._platform.done("rename", lambda: self._smooth.rename(title))


class Database:
    """The database of a team, with faults: storage functions, by name, that fail before or after their commit."""

    def __init__(self, store: Store) -> None:
        self.before: defaultdict[str, int] = defaultdict(int)
        self.after: defaultdict[str, int] = defaultdict(int)
        self.calls: list[str] = []
        #: Called before each write.
        self.watching: Callable[[str], Awaitable[None]] | None = None
        self._write = store.write
        store.write = self.write  # type: ignore[method-assign]

    async def write(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        name = getattr(function, "__name__", "")
        self.calls.append(name)
        if self.watching is not None:
            await self.watching(name)
        if self.before[name]:
            self.before[name] -= 1
            raise StorageUnavailable
        result = await self._write(function, *args, **kwargs)
        if self.after[name]:
            self.after[name] -= 1
            raise StorageUnavailable
        return result

    async def unhindered(self, function: Callable[[Connection], Any]) -> None:
        await self._write(function)

    async def until_called(self, name: str, times: int = 1) -> None:
        async with asyncio.timeout(10):
            while self.calls.count(name) < times:  # noqa: ASYNC110 (what is waited for is counted, not told)
                await asyncio.sleep(0.005)
