"""Jobs: queued once, done by one, reported once, and given up at last."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from bot.errors import PlatformUnreachable, PostRefused, PostUncertain, TurnLost
from bot.storage.turn_tables import jobs, places
from bot.turns.job_rows import Job, NewJob, queue_job
from bot.turns.jobs import Progress, queue_periodic
from bot.turns.worker import Worker
from bot.turns.working import Bench
from tests.bot.turns.steering import Platform, Steered
from tests.bot.turns.team import Team, running


class Doing:
    """A kind of job that does what it is told to, one thing for each time; then it reports."""

    def __init__(self, *doing: Exception | asyncio.Event | str) -> None:
        self._doing = doing
        self.times = 0
        self.at_work = 0

    async def __call__(self, _bench: Bench, job: Job, progress: Progress) -> str:
        step = self._doing[min(self.times, len(self._doing) - 1)]
        self.times += 1
        self.at_work += 1
        try:
            if isinstance(step, Exception):
                raise step
            if isinstance(step, asyncio.Event):
                await progress("half way")
                await step.wait()
                await progress("nearly")
                return "Done."
            return step
        finally:
            self.at_work -= 1


async def queue(team: Team, job_id: str = "export:1", *, place: bool = True) -> str:
    """Queue a job that reports to ana."""
    if place and not await greeted(team):
        await team.say("ana", "hello")
        await team.until(lambda: greeted(team))

    def write(connection: Any) -> str:
        where = connection.execute(select(places.c.key, places.c.workspace_key)).first() if place else None
        key, workspace = (where.key, where.workspace_key) if where else (None, None)
        new = NewJob(job_id, "export", {}, workspace_key=workspace, place_key=key)
        return queue_job(connection, new, team.bench.now())

    word = await team.store.write(write)
    team.serving.signals.say("job")
    return word


async def greeted(team: Team) -> bool:
    return (await team.answers("ana"))[:1] == ["Hi."]


async def found(team: Team) -> Any:
    statement = select(jobs).where(jobs.c.kind == "export")
    return await team.store.read(lambda connection: connection.execute(statement).one())


async def closed(team: Team) -> bool:
    return (await found(team)).state in {"done", "failed"}


async def test_a_job_is_queued_once_done_once_and_reported_once(url: str) -> None:
    go_on = asyncio.Event()
    doing = Doing(go_on)
    async with running(url, Steered(["Hi."]), kinds={"export": doing}) as team:
        assert await queue(team) == "job"
        assert await queue(team) == ""
        await team.until(lambda: says(team, "half way"))
        go_on.set()
        await team.until(lambda: closed(team))
        assert await queue(team) == ""
        await asyncio.sleep(0.3)

        job = await found(team)
        assert (job.state, job.progress, job.report, job.owner, doing.times) == ("done", "nearly", "Done.", None, 1)
        assert [text for text in await team.answers("ana") if text != "Hi."] == ["Done."]


async def says(team: Team, progress: str) -> bool:
    return bool((await found(team)).progress == progress)


async def test_of_two_workers_one_does_a_job(url: str) -> None:
    go_on = asyncio.Event()
    doing = Doing(go_on)
    async with running(url, Steered(["Hi."]), kinds={"export": doing}) as team:
        beside = Worker(team.bench, team.serving.signals, team.serving.adapters, {"export": doing})
        # On SQLite there is one worker; what it does when it begins is not done here.
        also = asyncio.create_task(beside._dispatch())
        await queue(team)
        await team.until(lambda: doing.at_work)
        for _ in range(20):
            team.serving.signals.say("job")
            beside._wake.set()
            await asyncio.sleep(0.02)
        assert doing.at_work == 1
        go_on.set()
        await team.until(lambda: closed(team))
        beside.drain()
        await also

        assert doing.times == 1
        assert (await team.answers("ana")).count("Done.") == 1


async def test_a_job_that_fails_is_done_again(url: str) -> None:
    doing = Doing(RuntimeError("once"), "Done.")
    async with running(url, Steered(["Hi."]), kinds={"export": doing}) as team:
        await queue(team)
        await team.until(lambda: closed(team))

        assert ((await found(team)).state, doing.times) == ("done", 2)
        assert await team.answers("ana") == ["Hi.", "Done."]


async def test_a_job_that_always_fails_is_given_up_and_holds_up_no_other(url: str) -> None:
    doing, other = Doing(RuntimeError("always")), Doing("")
    async with running(url, Steered(["Hi."]), kinds={"export": doing, "other": other}) as team:
        await queue(team, place=False)
        new = NewJob("other:1", "other", {})
        await team.store.write(queue_job, new, team.bench.now())
        team.serving.signals.say("job")
        await team.until(lambda: other.times)
        await team.until(lambda: closed(team))

        job = await found(team)
        assert (job.state, job.reason, doing.times) == ("failed", "RuntimeError", 5)


async def test_a_job_in_which_processes_died_is_given_up_at_last(url: str) -> None:
    doing = Doing("Done.")
    async with running(url, Steered(["Hi."]), kinds={"export": doing}) as team:

        def queue_one_that_killed(connection: Connection) -> None:
            queue_job(connection, NewJob("export:1", "export", {}), team.bench.now())
            connection.execute(update(jobs).where(jobs.c.kind == "export").values(attempts=50))

        await team.store.write(queue_one_that_killed)
        team.serving.signals.say("job")
        await team.until(lambda: closed(team))

        job = await found(team)
        assert (job.state, job.reason, doing.times) == ("failed", "GivenUp", 0)


@pytest.mark.parametrize("error", [PlatformUnreachable(), PostUncertain()], ids=lambda error: type(error).__name__)
async def test_a_report_that_could_not_be_posted_is_posted_later_and_the_job_not_done_again(
    url: str, error: Exception
) -> None:
    doing = Doing("Done.")
    async with running(url, Steered(["Hi."]), kinds={"export": doing}) as team:
        platform = Platform(team)
        await team.say("ana", "hello")
        await team.quiet()
        (platform.after if isinstance(error, PostUncertain) else platform.before)["answer"] = [error]
        await queue(team)
        await team.until(lambda: closed(team))

        assert (await found(team)).state == "done"
        assert (await team.answers("ana")).count("Done.") == 1
        assert doing.times == 1


async def test_a_report_that_is_refused_ends_the_job(url: str) -> None:
    doing = Doing("Done.")
    async with running(url, Steered(["Hi."]), kinds={"export": doing}) as team:
        platform = Platform(team)
        await team.say("ana", "hello")
        await team.quiet()
        platform.before["answer"] = [PostRefused()]
        await queue(team)
        await team.until(lambda: closed(team))

        job = await found(team)
        assert (job.state, job.reason, doing.times) == ("failed", "PostRefused", 1)


async def half_way(team: Team) -> bool:
    return bool((await found(team)).progress == "half way")


async def test_a_job_that_was_taken_over_stops(url: str) -> None:
    go_on = asyncio.Event()
    doing = Doing(go_on)
    async with running(url, Steered(["Hi."]), kinds={"export": doing}) as team:
        await queue(team)
        await team.until(lambda: half_way(team))
        far = team.bench.now() + timedelta(days=1)
        taken = update(jobs).values(owner="another process", fence=jobs.c.fence + 1, until=far)
        await team.store.write(lambda connection: connection.execute(taken) and None)
        if team.store.shared:
            # It is found out when the lease is renewed, though the job asks for nothing.
            await team.until(lambda: doing.at_work == 0)
        go_on.set()
        await team.until(lambda: doing.at_work == 0)

        job = await found(team)
        assert (job.state, job.owner, job.progress) == ("running", "another process", "half way")
        assert await team.answers("ana") == ["Hi."]


async def test_what_is_left_at_the_end_is_given_back_uncounted_and_done_by_the_next_process(url: str) -> None:
    doing = Doing(asyncio.Event(), "Done.")
    short = {"kinds": {"export": doing}, "grace": timedelta(milliseconds=50)}
    async with running(url, Steered(["Hi."]), **short) as team:  # type: ignore[arg-type]
        await queue(team)
        await team.until(lambda: doing.at_work)
    async with running(url, Steered(["Hi."]), **short) as team:  # type: ignore[arg-type]
        await team.until(lambda: closed(team))

        job = await found(team)
        assert (job.state, job.attempts, doing.times) == ("done", 1, 2)
        assert (await team.answers("ana")).count("Done.") == 1


async def test_periodic_work_is_queued_once_an_hour_for_all_processes(url: str) -> None:
    async with running(url, Steered(["Hi."])) as team:
        await team.quiet()
        now = team.bench.now().replace(minute=0, second=0) + timedelta(days=1)
        for minutes in (0, 10, 59, 60, 61):
            await team.store.write(queue_periodic, now + timedelta(minutes=minutes))
        ids = select(jobs.c.id).order_by(jobs.c.key)
        queued = await team.store.read(lambda connection: list(connection.execute(ids).scalars()))
        assert len(queued) == 3  # that of the start, and those of two hours

        await team.until(lambda: housekept(team))


async def housekept(team: Team) -> bool:
    states = select(jobs.c.state)
    return set(await team.store.read(lambda connection: list(connection.execute(states).scalars()))) == {"done"}


async def test_the_lost_are_told_so(url: str) -> None:
    told: list[bool] = []
    lost = asyncio.Event()

    async def losing(_bench: Bench, _job: Job, progress: Progress) -> str:
        lost.set()
        while True:
            await asyncio.sleep(0.01)
            try:
                await progress("on")
            except TurnLost:
                told.append(True)
                raise

    async with running(url, Steered(["Hi."]), kinds={"export": losing}) as team:
        await queue(team, place=False)
        await lost.wait()
        taken = update(jobs).values(owner="another process", fence=jobs.c.fence + 1)
        await team.store.write(lambda connection: connection.execute(taken) and None)
        await team.until(lambda: told)
