"""The worker: leases turns and jobs as they come, works several at once, and ends without leaving any half done."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from uuid import uuid4

import structlog

from bot.access.actor import Actor
from bot.agent.titles import title_by_model
from bot.chat import Adapter, Conversation, PlaceRef
from bot.errors import BotError, StorageError
from bot.memory.memory import Memory
from bot.storage.signals import Signals
from bot.turns.job_rows import claim_job, free_jobs, renew_jobs
from bot.turns.jobs import JobKinds, WorkingJob, queue_periodic
from bot.turns.lease_rows import free_all, renew_leases
from bot.turns.turn_rows import claim_turn
from bot.turns.turn_values import Turn, Word
from bot.turns.working import Bench, Close, Release, Working

_log = structlog.get_logger(__name__)

#: Jobs that one process does at once.
_JOBS_AT_ONCE = 2
_PERIODIC_SECONDS = 600.0


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
        self._draining = False

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

    def drain(self) -> None:
        """Begin nothing more; `run` returns when what runs has ended, or has been given back."""
        self._draining = True
        self._wake.set()

    @property
    def at_work(self) -> int:
        """How many turns this process works on now."""
        return len(self._turns)

    def _hear(self, word: Word) -> None:
        if word.startswith("turn:"):
            for working in self._turns.values():
                if word == f"turn:{working.turn.id}":
                    working.look()
        self._wake.set()

    # Beginning

    async def _dispatch(self) -> None:
        while not self._draining:
            self._wake.clear()
            try:
                while len(self._turns) < self._bench.options.at_once and not self._draining:
                    if not await self._begin_turn():
                        break
                while len(self._jobs) < _JOBS_AT_ONCE and not self._draining:
                    if not await self._begin_job():
                        break
            except StorageError as error:
                _log.warning("the queue cannot be read", error=type(error).__name__)
                await asyncio.sleep(1)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._bench.options.poll.total_seconds()):
                    await self._wake.wait()

    async def _begin_turn(self) -> bool:
        bench = self._bench
        turn = await bench.store.write(claim_turn, self.name, bench.options, bench.now())
        if turn is None:
            return False
        working = Working(bench, turn, self._conversation(turn.place))
        task = asyncio.create_task(self._work(working))
        self._turns[task] = working
        task.add_done_callback(self._turn_ended)
        return True

    async def _work(self, working: Working) -> None:
        ending = await working.run()
        if isinstance(ending, Release) and ending.pause:
            self._wake_in(ending.pause)
        if isinstance(ending, Close):
            _log.info("turn closed", turn=working.turn.id, state=ending.state, reason=ending.reason)
            if ending.state == "answered":
                self._suggest_title(working.turn)

    def _turn_ended(self, task: "asyncio.Task[None]") -> None:
        working = self._turns.pop(task)
        self._wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            # Its lease ends by itself, or with this process; then it is worked again.
            _log.error("a turn was left where it stood", turn=working.turn.id, error=type(error).__name__)

    async def _begin_job(self) -> bool:
        bench = self._bench
        job = await bench.store.write(claim_job, self.name, bench.options, bench.now())
        if job is None:
            return False
        working = WorkingJob(bench, job, self._kinds, None if job.place is None else self._conversation(job.place))
        task = asyncio.create_task(self._do(working))
        self._jobs[task] = working
        task.add_done_callback(self._job_ended)
        return True

    async def _do(self, working: WorkingJob) -> None:
        pause = await working.run()
        if pause:
            self._wake_in(pause)

    def _job_ended(self, task: "asyncio.Task[None]") -> None:
        working = self._jobs.pop(task)
        self._wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a job was left where it stood", job=working.job.id, error=type(error).__name__)

    def _conversation(self, place: PlaceRef) -> Conversation:
        platform = place.workspace_id.partition(":")[0]
        return self._adapters[platform].conversation(place)

    def _wake_in(self, pause: timedelta) -> None:
        asyncio.get_running_loop().call_later(pause.total_seconds(), self._wake.set)

    # Behind answers that were given

    def _suggest_title(self, turn: Turn) -> None:
        if turn.asked[0].seq != 1 or self._bench.model.offline:
            return
        task = asyncio.create_task(self._title(turn))
        self._behind.add(task)
        task.add_done_callback(self._behind.discard)

    async def _title(self, turn: Turn) -> None:
        bench = self._bench
        title = await title_by_model(bench.model, turn.asked[0].text)
        if not title:
            return
        view = Memory(bench.store, turn.workspace_key, bench.memory_options, bench.now).as_actor(
            Actor.person(turn.person.resource_id)
        )
        try:
            await view.suggest_title(turn.thread_id, title)
        except BotError as error:
            _log.info("title not stored", error=type(error).__name__)
            return
        await self._conversation(turn.place).rename(title)

    # Beside the work

    async def _renew(self) -> None:
        """Keep the leases of what is worked, and let go of what another process has taken over."""
        bench = self._bench
        while True:
            await asyncio.sleep(bench.options.lease.total_seconds() / 3)
            try:
                turns = await bench.store.write(renew_leases, self.name, bench.options, bench.now())
                jobs = await bench.store.write(renew_jobs, self.name, bench.options, bench.now())
            except StorageError as error:
                _log.warning("leases could not be renewed", error=type(error).__name__)
                continue
            for working in self._turns.values():
                if turns.get(working.turn.thread_key) != working.turn.lease.fence:
                    _log.warning("a turn was taken over by another process", turn=working.turn.id)
                # It may also have been changed or stopped, and the word of it lost.
                working.look()
            for task, job in self._jobs.items():
                if jobs.get(job.job.key) != job.job.lease.fence:
                    task.cancel()

    async def _periodic(self) -> None:
        """See to it that what is to be done from time to time is queued; which process does it is all the same."""
        bench = self._bench
        while True:
            try:
                await bench.store.write(queue_periodic, bench.now())
                self._wake.set()
            except StorageError as error:
                _log.warning("periodic work could not be queued", error=type(error).__name__)
            await asyncio.sleep(_PERIODIC_SECONDS)

    # Ending

    async def _finish(self) -> None:
        """Let what runs end by itself, for a while."""
        end = time.monotonic() + self._bench.options.grace.total_seconds()
        while (running := {*self._turns, *self._jobs, *self._behind}) and time.monotonic() < end:
            await asyncio.wait(running, timeout=max(0.0, end - time.monotonic()))

    async def _give_back(self) -> None:
        """Give back what did not end."""
        running = {*self._turns, *self._jobs, *self._behind}
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=5)
