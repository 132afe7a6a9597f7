"""The end of a process: nothing more is received, what runs is finished or given back, and the next one goes on."""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from bot.chat import Receive
from bot.errors import StorageUnreadable
from bot.models.port import ModelEvent, ModelRequest
from bot.serve import Serving, serve, stopped_by_signals
from bot.storage.turn_tables import leases, turns
from bot.turns.worker import Worker
from tests.bot.turns.steering import Database, Platform, Steered
from tests.bot.turns.team import Team, running

SHORT = timedelta(milliseconds=100)


async def sees(team: Team, *texts: str) -> bool:
    return await team.answers("ana") == list(texts)


async def test_what_runs_is_finished_and_what_comes_then_is_the_next_ones(url: str) -> None:
    go_on = asyncio.Event()
    model = Steered(["One,", go_on, " two."], ["Next."])
    async with running(url, model) as team:
        await team.say("ana", "Count")
        await team.until(lambda: sees(team, "One,"))
        team.stop.set()
        await team.until(lambda: not team.local.running)
        await team.say("ben", "too late for this one")
        go_on.set()
        await team.quiet()
        assert (await team.answers("ana"), await team.states()) == (["One, two."], ["answered"])
    async with running(url, model) as team:
        await team.until(lambda: ben_is_answered(team))
        await team.quiet()
        assert (await team.states(), model.calls) == (["answered", "answered"], 2)


async def ben_is_answered(team: Team) -> bool:
    return await team.answers("ben") == ["Next."]


@pytest.mark.parametrize("said", [True, False], ids=["in the middle", "before a word"])
async def test_what_does_not_end_in_time_is_given_back_uncounted(url: str, said: bool) -> None:
    model = Steered(["One,", asyncio.Event()] if said else [asyncio.Event()], ["One, two."])
    async with running(url, model, grace=SHORT) as team:
        await team.say("ana", "Count")
        await team.until(lambda: model.at_work)
        if said:
            await team.until(lambda: sees(team, "One,"))
        team.stop.set()
        await team.until(lambda: team.serving.worker.at_work == 0)
        found = await team.store.read(
            lambda connection: connection.execute(
                select(turns.c.state, turns.c.attempts, leases.c.owner).join(
                    leases, leases.c.thread_key == turns.c.thread_key
                )
            ).one()
        )
        assert tuple(found) == ("queued", 0, None)
        assert model.at_work == 0
    async with running(url, model) as team:
        platform = Platform(team)
        await team.quiet()
        assert (await team.answers("ana"), model.calls) == (["One, two."], 2)
        # The next process may have begun before the platform was watched.
        assert platform.count("answer") <= (0 if said else 1)
        assert await team.post_states() == ["finished"]


class Titled(Steered):
    """A model that is asked for titles too, and never gives one."""

    offline = False

    def __init__(self) -> None:
        super().__init__(["Here."])
        self.titles = 0

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        if request.messages[0].content.startswith("Name the conversation"):
            self.titles += 1
            await asyncio.Event().wait()
        async for event in super().stream(request):
            yield event


async def test_no_process_waits_for_a_title_before_it_ends(url: str) -> None:
    model = Titled()
    async with asyncio.timeout(15), running(url, model) as team:
        await team.say("ana", "Hello")
        await team.quiet()
        await team.until(lambda: model.titles)
        begun = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - begun < 10
    assert team.serving.worker.at_work == 0


class Failing:
    """An adapter that fails whenever it is run, or that cannot be served any more."""

    platform = "failing"

    def __init__(self, *ends: Exception | None) -> None:
        self._ends = list(ends)
        self.runs = 0

    async def run(self, receive: Receive) -> None:
        self.runs += 1
        end = self._ends.pop(0) if self._ends else None
        if end is not None:
            raise end


async def test_a_platform_that_fails_begins_anew_and_harms_no_other(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.serve._RESTART_SECONDS", 0.02)
    failing: Any = Failing(RuntimeError("once"), OSError("twice"))
    async with running(url, Steered(["Here."])) as team:
        adapters = {"failing": failing}
        stop = asyncio.Event()
        worker = Worker(team.bench, team.serving.signals, adapters, {})
        other = Serving(team.serving.app, worker, adapters, team.store.signals(), SHORT)
        served = asyncio.create_task(serve(other, stop))
        await team.until(lambda: failing.runs == 3)
        await asyncio.sleep(0.1)
        assert (failing.runs, served.done()) == (3, False)
        stop.set()
        await served


@pytest.mark.parametrize("error", [StorageUnreadable(), RuntimeError("a bug")], ids=lambda error: type(error).__name__)
async def test_a_worker_that_dies_ends_the_process_with_its_error(url: str, error: Exception) -> None:
    async with running(url, Steered(["Here."])) as team:
        failing: Any = Failing()

        async def die() -> None:
            raise error

        worker = Worker(team.bench, team.serving.signals, {}, {})
        worker.run = die  # type: ignore[method-assign]
        other = Serving(team.serving.app, worker, {"failing": failing}, team.store.signals(), SHORT)
        with pytest.raises(type(error)):
            await serve(other, asyncio.Event())


async def test_one_owner_hears_the_signals_and_lets_go_of_them() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    for number in (signal.SIGTERM, signal.SIGINT):
        told: list[int] = []
        heard = asyncio.Event()

        def stop(told: list[int] = told, heard: asyncio.Event = heard) -> None:
            told.append(1)
            heard.set()

        with stopped_by_signals(stop):
            os.kill(os.getpid(), number)
            async with asyncio.timeout(5):
                await heard.wait()
            assert told == [1]
            if number == signal.SIGTERM:
                # A second one does not kill what is ending in order.
                heard.clear()
                os.kill(os.getpid(), number)
                async with asyncio.timeout(5):
                    await heard.wait()
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before


async def test_an_idle_worker_looks_no_more_often_than_it_polls(url: str) -> None:
    async with running(url, Steered(["Here."]), poll=timedelta(seconds=30)) as team:
        await team.say("ana", "Hello")
        await team.quiet()
        await asyncio.sleep(0.3)
        database = Database(team.store)
        await asyncio.sleep(1)
        assert [name for name in database.calls if "renew" not in name] == []
    assert not team.serving.worker._timers
