"""Work that is cancelled at every single await: the question is answered once, to whoever asked, and all goes on."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from dataclasses import replace
from typing import Any, TypeVar

import pytest

from bot.models.port import Finished, ModelEvent, ModelRequest, TextDelta
from bot.turns.worker import Worker
from bot.turns.working import Working
from tests.bot.agent.talking import Playing
from tests.bot.turns.steering import Platform
from tests.bot.turns.team import Team, running

T = TypeVar("T")
PEOPLE = ("ana", "ben", "cleo")


class CancelledAt(Awaitable[T]):
    """Awaits something, and has its own task cancelled when that waits for the so-manieth time.

    Args:
        work: what is awaited.
        number: at which await it is cancelled, from 0.
        begun: whether what it waits for has begun by then, or has just ended.
    """

    def __init__(self, work: Coroutine[Any, Any, T], number: int, *, begun: bool) -> None:
        self._work = work
        self._number = number
        self._begun = begun
        self.struck = False

    def __await__(self) -> Generator[Any, Any, T]:
        number, send = 0, self._go_on
        while True:
            try:
                waited = send()
            except StopIteration as ended:
                return ended.value  # type: ignore[no-any-return]
            strike, number = number == self._number, number + 1
            if strike and self._begun:
                self.struck = True
                task = asyncio.current_task()
                assert task is not None
                asyncio.get_running_loop().call_soon(task.cancel)
            try:
                yield waited
            except BaseException as error:  # noqa: BLE001 (whatever it is belongs to the work)
                send = self._raiser(error)
            else:
                send = self._go_on
            if strike and not self._begun:
                self.struck = True
                send = self._raiser(asyncio.CancelledError())

    def _go_on(self) -> Any:
        return self._work.send(None)

    def _raiser(self, error: BaseException) -> Callable[[], Any]:
        return lambda: self._work.throw(error)


async def slowly(request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
    """An answer that names its question, slow enough to be streamed."""
    yield TextDelta("You said")
    await asyncio.sleep(0.04)
    yield TextDelta(" " + request.messages[-1].content.split("question ")[-1].split()[0].strip("<"))
    yield Finished("stop")


async def at_once(request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
    yield TextDelta("You said " + request.messages[-1].content.split("question ")[-1].split()[0].strip("<"))
    yield Finished("stop")


async def ask(team: Team, number: int, expected: dict[str, list[str]]) -> None:
    person = PEOPLE[number % len(PEOPLE)]
    expected[person].append(f"You said {number}")
    await team.say(person, f"question {number} ")


async def right(team: Team, expected: dict[str, list[str]]) -> None:
    for person, answers in expected.items():
        assert await team.answers(person) == answers
        page = await (await team.view(person)).list_messages_by_resource_id(team.person(person), per_page=None)
        assert [one.text for one in page.items if one.role == "assistant"] == answers


@pytest.mark.parametrize("begun", [True, False], ids=["begun", "ended"])
@pytest.mark.parametrize("play", [slowly, at_once])
async def test_a_turn_that_is_cancelled_at_any_await_is_answered_once(
    url: str, play: Any, begun: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected: dict[str, list[str]] = {person: [] for person in PEOPLE}
    strikes: list[CancelledAt[Any]] = []
    run = Working.run

    async def struck(self: Working) -> Any:
        if not strikes or strikes[-1].struck or strikes[-1]._number < 0:
            return await run(self)
        strike = strikes[-1]
        strike._work = run(self)
        return await strike

    monkeypatch.setattr(Working, "run", struck)
    async with running(url, Playing(play), attempts=1) as team:
        platform = Platform(team)
        for number in range(200):
            strikes.append(CancelledAt(None, number, begun=begun))  # type: ignore[arg-type]
            await ask(team, number, expected)
            await team.quiet()
            await team.until(lambda: team.serving.worker.at_work == 0)
            if not strikes[-1].struck:
                break
        assert number >= 6, number
        assert not strikes[-1].struck
        strikes.clear()
        await ask(team, number + 1, expected)
        await team.quiet()

        await right(team, expected)
        assert set(await team.states()) == {"answered"}
        assert set(await team.post_states()) == {"finished"}
        assert platform.statuses[-1] == "idle"


@pytest.mark.parametrize("begun", [True, False], ids=["begun", "ended"])
async def test_a_worker_that_is_cancelled_at_any_await_is_followed_by_another(url: str, begun: bool) -> None:
    expected: dict[str, list[str]] = {person: [] for person in PEOPLE}
    # The worker that is served with begins no turns.
    async with running(url, Playing(slowly), at_once=0) as team:
        serving = team.serving
        bench = replace(team.bench, options=replace(team.bench.options, at_once=4))
        number, strike = 0, None
        while strike is None or strike.struck:
            await ask(team, number, expected)
            worker = Worker(bench, serving.signals, serving.adapters, {})
            strike = CancelledAt(worker.run(), number, begun=begun)
            first = asyncio.create_task(_awaiting(strike))
            await asyncio.wait([first], timeout=0.5)
            if not first.done():
                worker.drain()
                await first
            following = Worker(bench, serving.signals, serving.adapters, {})
            second = asyncio.create_task(following.run())
            await no_turns(team)
            following.drain()
            await second
            number += 1
            assert number < 100
        assert number > 3
        await right(team, expected)
        assert set(await team.states()) == {"answered"}


async def _awaiting(work: Awaitable[T]) -> T | None:
    try:
        return await work
    except asyncio.CancelledError:
        return None


async def no_turns(team: Team) -> None:
    async def closed() -> bool:
        return not {"queued", "leased", "answering"} & set(await team.states())

    await team.until(closed, 20)
