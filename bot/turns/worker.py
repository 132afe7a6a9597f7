"""The worker: leases turns and jobs as they come, works several at once, and ends without leaving any half done."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from uuid import uuid4

import structlog

from bot.access.remembered import RememberedSettings
from bot.chat import Adapter, Conversation, PersonRef, PlaceRef
from bot.errors import NotFound, StorageError, TurnLost
from bot.storage.signals import Signals
from bot.turns.endings import Close, Release
from bot.turns.job_lease_rows import claim_job, free_jobs, renew_jobs
from bot.turns.job_rows import Job, finish_job, release_job
from bot.turns.jobs import JobKinds, WorkingJob, queue_periodic
from bot.turns.lease_rows import free_all, renew_leases
from bot.turns.pauses import pause_after
from bot.turns.titling import first_of_thread, suggest_title
from bot.turns.turn_log import lease_end
from bot.turns.turn_rows import claim_turn, finish_turn, release_turn
from bot.turns.turn_values import Turn, Word
from bot.turns.working import Bench, Working

_log = structlog.get_logger(__name__)

#: Jobs that one process does at once.
_JOBS_AT_ONCE = 2
_QUEUES = ("turn", "job")
_PERIODIC_SECONDS = 600.0
_AFTER_FAILURE_SECONDS = 1.0
_GIVING_BACK_SECONDS = 5.0


class Worker:
    """Works turns and jobs until it is drained.

    Args:
        bench: with what turns are worked.
        signals: where it hears that there is something to do.
        adapters: the platforms, by their names.
        kinds: what jobs there are, and who does them.
    """

    def __init__(self, bench: Bench, signals: Signals, adapters: Mapping[str, Adapter], kinds: JobKinds) -> None:
        self._bench = bench
        self._signals = signals
        self._adapters = adapters
        self._kinds = kinds
        #: Names this process in leases.
        self.name = str(uuid4())
        self._turns: dict[asyncio.Task[None], Working] = {}
        self._jobs: dict[asyncio.Task[None], WorkingJob] = {}
        self._behind: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        #: The queues in which there may be something that this process has not seen.
        self._due = set(_QUEUES)
        self._timers: set[asyncio.TimerHandle] = set()
        self._draining = False
        self._chosen = RememberedSettings(bench.store)

    async def run(self) -> None:
        """Work until drained, or cancelled.

        Raises:
            StorageError: the database cannot be worked on at all.
        """
        if not self._bench.store.shared:
            # Nobody else can be at work: what is leased was leased by a process that is gone.
            await self._bench.store.write(free_all)
            await self._bench.store.write(free_jobs)
        self._signals.listen(self._hear)
        helpers = [asyncio.create_task(self._periodic())]
        if self._bench.store.shared:
            helpers.append(asyncio.create_task(self._renew()))
        try:
            await self._dispatch()
            await self._finish()
        finally:
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
            await self._give_back()
            for timer in self._timers:
                timer.cancel()

    def drain(self) -> None:
        """Begin nothing more; `run` returns when what runs has ended, or has been given back."""
        self._draining = True
        self._wake.set()

    @property
    def at_work(self) -> int:
        """How many turns this process works on now."""
        return len(self._turns)

    def _hear(self, word: Word) -> None:
        queue, _, changed = word.partition(":")
        for working in self._turns.values():
            if changed and working.turn.id == changed:
                working.look()
        self._look_into(*([queue] if queue in _QUEUES else _QUEUES))

    def _look_into(self, *queues: str) -> None:
        self._due.update(queues)
        self._wake.set()

    # Beginning

    async def _dispatch(self) -> None:
        poll = self._bench.options.poll.total_seconds()
        while not self._draining:
            self._wake.clear()
            try:
                await self._begin_all()
            except StorageError as error:
                _log.warning("the queue cannot be read", error=type(error).__name__)
                await asyncio.sleep(_AFTER_FAILURE_SECONDS)
                self._due.update(_QUEUES)
                continue
            try:
                async with asyncio.timeout(poll):
                    await self._wake.wait()
            except TimeoutError:
                self._due.update(_QUEUES)

    async def _begin_all(self) -> None:
        """Begin what may be begun."""
        due, self._due = self._due, set()
        while "turn" in due and len(self._turns) < self._bench.options.at_once and not self._draining:
            if not await self._begin_turn():
                break
        while "job" in due and len(self._jobs) < _JOBS_AT_ONCE and not self._draining:
            if not await self._begin_job():
                break

    async def _begin_turn(self) -> bool:
        bench, until = self._bench, lease_end(self._bench.store, self._bench.options)
        at_work = [working.turn.thread_key for working in self._turns.values()]
        served = list(self._adapters)
        turn = await bench.store.write(claim_turn, self.name, served, at_work, bench.options, bench.now())
        if turn is None:
            return False
        conversation = self._conversation(turn.place, turn.person)
        if conversation is None:
            # Whoever took it over meanwhile, or changed its question, finds the same.
            with suppress(TurnLost, NotFound):
                await self._put_aside(turn)
            return True
        working = Working(bench, turn, conversation, until, self._chosen)
        task = asyncio.create_task(self._work(working))
        self._turns[task] = working
        task.add_done_callback(self._turn_ended)
        return True

    async def _put_aside(self, turn: Turn) -> None:
        """Put back a turn whose place cannot be opened; after many attempts close it: its thread waits for it."""
        bench = self._bench
        if turn.attempts >= bench.options.post_attempts:
            await bench.store.write(finish_turn, turn, "failed", "place", str(uuid4()), bench.now())
            return
        pause = pause_after(turn.attempts, bench.options)
        await bench.store.write(release_turn, turn, pause, counted=True, now=bench.now())
        self._wake_in(pause)

    async def _work(self, working: Working) -> None:
        try:
            ending = await working.run()
        except Exception as error:  # noqa: BLE001 (its lease is taken again, by this process or by another)
            _log.error("a turn was left where it stood", turn=working.turn.id, error=type(error).__name__)
            await asyncio.sleep(_AFTER_FAILURE_SECONDS)
            return
        if isinstance(ending, Release) and ending.pause:
            self._wake_in(ending.pause)
        if isinstance(ending, Close):
            _log.info("turn closed", turn=working.turn.id, state=ending.state, reason=ending.reason)
            if ending.state == "answered":
                self._suggest_title(working.turn)

    def _turn_ended(self, task: "asyncio.Task[None]") -> None:
        del self._turns[task]
        self._look_into("turn")

    async def _begin_job(self) -> bool:
        bench, until = self._bench, lease_end(self._bench.store, self._bench.options)
        at_work = [working.job.key for working in self._jobs.values()]
        served = list(self._adapters)
        job = await bench.store.write(claim_job, self.name, served, at_work, bench.options, bench.now())
        if job is None:
            return False
        conversation = None if job.place is None else self._conversation(job.place)
        if job.place is not None and conversation is None:
            with suppress(TurnLost):
                await self._put_job_aside(job)
            return True
        working = WorkingJob(bench, job, self._kinds, conversation, until)
        task = asyncio.create_task(self._do(working))
        self._jobs[task] = working
        task.add_done_callback(self._job_ended)
        return True

    async def _put_job_aside(self, job: Job) -> None:
        """As for a turn."""
        bench = self._bench
        if job.attempts >= bench.options.post_attempts:
            await bench.store.write(finish_job, job, "failed", "place", bench.options, bench.now())
            return
        pause = pause_after(job.attempts, bench.options)
        await bench.store.write(release_job, job, pause, bench.options, bench.now(), counted=True)
        self._wake_in(pause)

    async def _do(self, working: WorkingJob) -> None:
        try:
            pause = await working.run()
        except Exception as error:  # noqa: BLE001 (as for a turn)
            _log.error("a job was left where it stood", job=working.job.id, error=type(error).__name__)
            await asyncio.sleep(_AFTER_FAILURE_SECONDS)
            return
        if pause:
            self._wake_in(pause)

    def _job_ended(self, task: "asyncio.Task[None]") -> None:
        del self._jobs[task]
        self._look_into("job")

    def _conversation(self, place: PlaceRef, person: PersonRef | None = None) -> Conversation | None:
        """A place to speak in; None where its adapter cannot make sense of it."""
        platform = place.workspace_id.partition(":")[0]
        try:
            return self._adapters[platform].conversation(place, person)
        except Exception as error:  # noqa: BLE001 (one place holds up no other)
            _log.error("a place cannot be opened", platform=platform, error=type(error).__name__)
            return None

    def _wake_in(self, pause: timedelta) -> None:
        def wake() -> None:
            self._timers.discard(timer)
            self._look_into(*_QUEUES)

        # A little later than the database's clock may say.
        timer = asyncio.get_running_loop().call_later(pause.total_seconds() + 0.01, wake)
        self._timers.add(timer)

    def _suggest_title(self, turn: Turn) -> None:
        first = first_of_thread(turn)
        if self._draining or self._bench.model.offline or first is None:
            return
        task = asyncio.create_task(suggest_title(self._bench, turn, first, self._conversation))
        self._behind.add(task)
        task.add_done_callback(self._behind.discard)

    # Beside the work

    async def _renew(self) -> None:
        """Keep the leases of what is worked, and let go of what another process has taken over."""
        bench = self._bench
        while True:
            await asyncio.sleep(bench.options.lease.total_seconds() / 3)
            until = lease_end(bench.store, bench.options)
            threads = [working.turn.thread_key for working in self._turns.values()]
            keys = [working.job.key for working in self._jobs.values()]
            try:
                turns = await bench.store.write(renew_leases, self.name, threads, bench.options, bench.now())
                jobs = await bench.store.write(renew_jobs, self.name, keys, bench.options, bench.now())
            except StorageError as error:
                _log.warning("leases could not be renewed", error=type(error).__name__)
                continue
            for working in self._turns.values():
                if turns.get(working.turn.thread_key) == working.turn.lease.fence:
                    working.renewed(until)
                # It may have been lost, or changed or stopped and the word of it lost.
                working.look()
            for task, job in self._jobs.items():
                if jobs.get(job.job.key) == job.job.lease.fence:
                    job.renewed(until)
                elif job.job.key in keys:
                    task.cancel()

    async def _periodic(self) -> None:
        """See to it that what is to be done from time to time is queued; which process does it is all the same."""
        bench = self._bench
        while True:
            try:
                await bench.store.write(queue_periodic, bench.now())
                self._look_into("job")
            except StorageError as error:
                _log.warning("periodic work could not be queued", error=type(error).__name__)
            await asyncio.sleep(_PERIODIC_SECONDS)

    # Ending

    async def _finish(self) -> None:
        """Let what runs end by itself, for a while."""
        end = time.monotonic() + self._bench.options.grace.total_seconds()
        while (running := {*self._turns, *self._jobs}) and time.monotonic() < end:
            await asyncio.wait(running, timeout=max(0.0, end - time.monotonic()))

    async def _give_back(self) -> None:
        """Give back what did not end. A title that is still thought about is not waited for."""
        running = {*self._turns, *self._jobs, *self._behind}
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=_GIVING_BACK_SECONDS)
