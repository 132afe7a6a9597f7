"""Jobs: long, destructive or periodic work. One process at a time does each; what is half done is done again."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeAlias

import structlog
from sqlalchemy import Connection

from bot.chat import Conversation, Reply
from bot.errors import BotError, PlatformBusy, PlatformError, PostRefused, TurnLost
from bot.storage.signals import announce
from bot.turns.delivery import Delivery
from bot.turns.insist import insist
from bot.turns.job_rows import (
    Job,
    NewJob,
    begin_job_post,
    finish_job,
    note_progress,
    queue_job,
    record_report,
    release_job,
)
from bot.turns.pauses import patient, pause_after
from bot.turns.rate_rows import BUDGET
from bot.turns.retention import HOUSEKEEPING, keep_house
from bot.turns.scrub import scrub
from bot.turns.scrub_rows import SCRUB
from bot.turns.turn_log import StoredPosts
from bot.turns.turn_values import Post
from bot.turns.working import Bench

_log = structlog.get_logger(__name__)

#: Says how far a job is. Raises TurnLost where another process does it by now.
Progress: TypeAlias = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Delivered:
    """A report, and what is noted once it was delivered; where nobody takes it, nothing is."""

    report: Reply
    note: Callable[[Connection], None]


#: Does a job and returns its report: CommonMark, "" for none, or a reply with buttons or files. May be run again after
#: a crash: all that it does, it does once, however often it is run. A text is kept until it is delivered; a reply is
#: made anew, for what is in its files stands nowhere else.
JobKind: TypeAlias = Callable[[Bench, Job, Progress], Awaitable[str | Reply | Delivered]]
JobKinds: TypeAlias = Mapping[str, JobKind]


async def _warn_of_budget(_bench: Bench, job: Job, _progress: Progress) -> str:
    _log.warning(BUDGET, **job.arguments)
    return ""


#: What every process can do; other parts of the program add their own. A notice is nothing but its report.
KINDS: JobKinds = {HOUSEKEEPING: keep_house, BUDGET: _warn_of_budget, SCRUB: scrub}


def queue_periodic(connection: Connection, now: datetime) -> None:
    """Queue what is to be done each hour, once for all processes."""
    hour = f"{now.astimezone(UTC):%Y-%m-%dT%H}"
    word = queue_job(connection, NewJob(f"{HOUSEKEEPING}:{hour}", HOUSEKEEPING, {}), now)
    if word:
        announce(connection, word)


class NotYet(Exception):
    """A job has to wait for something: it is done again after a pause, and nothing is counted."""

    def __init__(self, pause: timedelta) -> None:
        super().__init__()
        self.pause = pause


class GivenUp(Exception):
    """A job was begun often enough: whoever did it did not live to its end."""


class WorkingJob:
    """A leased job being done.

    Args:
        bench: with what.
        job: the job.
        kinds: who does jobs of which kind.
        conversation: where its report goes, if anywhere.
        held_until: until when its lease holds, as `lease_end` gave it before it was taken.
    """

    def __init__(
        self, bench: Bench, job: Job, kinds: JobKinds, conversation: Conversation | None, held_until: float
    ) -> None:
        self._bench = bench
        self.job = job
        self._kinds = kinds
        self._conversation = conversation
        self._log = StoredPosts(
            bench.store, job.id, dict(job.posts), self._begin_post, bench.options, bench.now, held_until
        )

    def renewed(self, until: float) -> None:
        """Take note that the lease was renewed, until then."""
        self._log.renewed(until)

    async def run(self) -> timedelta | None:
        """Do the job to its end; or the pause after which it is to be done again.

        Cancelled, it gives the job back.

        Raises:
            StorageError: the database refuses for good to take down how it ended.
        """
        try:
            return await self._attempt()
        except TurnLost:
            return None
        except asyncio.CancelledError:
            with suppress(BotError):
                await asyncio.shield(self._release(timedelta(), counted=False))
            raise

    async def _attempt(self) -> timedelta | None:
        try:
            await self._do()
        except TurnLost:
            raise
        except Exception as error:  # noqa: BLE001 (whatever goes wrong, the job is not lost)
            return await self._after(error)
        await self._finish("done", "")
        return None

    async def _after(self, error: Exception) -> timedelta | None:
        """Put it back after a failure, unless that is vain or was done often enough."""
        job, options, reason = self.job, self._bench.options, type(error).__name__
        if isinstance(error, PlatformBusy):
            pause, counted = patient(error.retry_after, options), False
        elif isinstance(error, NotYet):
            pause, counted = error.pause, False
        else:
            _log.error("a job failed", job=job.id, attempt=job.attempts, error=reason)
            if isinstance(error, PostRefused) or job.attempts >= self._most(error):
                await self._finish("failed", reason)
                return None
            pause, counted = max(pause_after(job.attempts, options), options.settling), True
        await insist(lambda: self._release(pause, counted=counted))
        return pause

    def _most(self, error: Exception) -> int:
        options = self._bench.options
        return options.post_attempts if isinstance(error, PlatformError) else options.attempts

    async def _do(self) -> None:
        job, bench = self.job, self._bench
        if job.attempts > max(bench.options.attempts, bench.options.post_attempts):
            raise GivenUp
        report = job.report
        if report is None:
            made = await self._kinds[job.kind](bench, job, self._progress)
            if isinstance(made, Delivered):
                await self._deliver(made.report)
                await insist(partial(bench.store.write, made.note))
                return
            if isinstance(made, Reply):
                await self._deliver(made)
                return
            report = made
            await insist(lambda: bench.store.write(record_report, job, report, bench.options, bench.now()))
        await self._deliver(Reply(report))

    async def _deliver(self, report: Reply) -> None:
        if self._conversation is not None and report.text:
            bench = self._bench
            await Delivery(self._conversation, self._log, bench.options.settling, bench.now).deliver(report)

    async def _progress(self, words: str) -> None:
        bench = self._bench
        await insist(lambda: bench.store.write(note_progress, self.job, words, bench.options, bench.now()))

    def _begin_post(self, connection: Connection, part: int, value: str, now: datetime) -> Post:
        return begin_job_post(connection, self.job, part, value, self._bench.options, now)

    async def _finish(self, state: str, reason: str) -> None:
        bench = self._bench
        await insist(lambda: bench.store.write(finish_job, self.job, state, reason, bench.options, bench.now()))

    async def _release(self, pause: timedelta, *, counted: bool) -> None:
        bench = self._bench
        await bench.store.write(release_job, self.job, pause, bench.options, bench.now(), counted=counted)
