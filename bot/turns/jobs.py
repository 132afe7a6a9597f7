"""Jobs: long, destructive or periodic work. One process at a time does each; what is half done is done again."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import structlog
from sqlalchemy import Connection

from bot.chat import Conversation
from bot.errors import BotError, PlatformBusy, PlatformError, PostRefused, TurnLost
from bot.storage.signals import announce
from bot.turns.delivery import Delivery
from bot.turns.insist import insist
from bot.turns.job_rows import (
    NOTICE,
    Job,
    NewJob,
    begin_job_post,
    finish_job,
    note_progress,
    queue_job,
    record_report,
    release_job,
)
from bot.turns.retention import HOUSEKEEPING, keep_house
from bot.turns.turn_log import StoredPosts
from bot.turns.turn_values import Post
from bot.turns.working import Bench

_log = structlog.get_logger(__name__)

#: Says how far a job is. Raises TurnLost where another process does it by now.
Progress: TypeAlias = Callable[[str], Awaitable[None]]
#: Does a job and returns its report in CommonMark, "" for none. May be run again after a crash: all that it does, it
#: does once, however often it is run.
JobKind: TypeAlias = Callable[[Bench, Job, Progress], Awaitable[str]]
JobKinds: TypeAlias = Mapping[str, JobKind]


async def _say(_bench: Bench, job: Job, _progress: Progress) -> str:
    return job.report or ""


#: What every process can do; other parts of the program add their own.
KINDS: JobKinds = {NOTICE: _say, HOUSEKEEPING: keep_house}


def queue_periodic(connection: Connection, now: datetime) -> None:
    """Queue what is to be done each hour, once for all processes."""
    hour = f"{now.astimezone(UTC):%Y-%m-%dT%H}"
    word = queue_job(connection, NewJob(f"{HOUSEKEEPING}:{hour}", HOUSEKEEPING, {}), now)
    if word:
        announce(connection, word)


class WorkingJob:
    """A leased job being done.

    Args:
        bench: with what.
        job: the job.
        kinds: who does jobs of which kind.
        conversation: where its report goes, if anywhere.
    """

    def __init__(self, bench: Bench, job: Job, kinds: JobKinds, conversation: Conversation | None) -> None:
        self._bench = bench
        self.job = job
        self._kinds = kinds
        self._conversation = conversation

    async def run(self) -> timedelta | None:
        """Do the job to its end; or the pause after which it is to be done again.

        Cancelled, it gives the job back.
        """
        job, options = self.job, self._bench.options
        try:
            await self._do()
            await self._finish("done", "")
        except TurnLost:
            return None
        except asyncio.CancelledError:
            with suppress(BotError):
                await asyncio.shield(self._release(timedelta(), counted=False))
            raise
        except PlatformBusy as error:
            return await self._put_back(error.retry_after, counted=False)
        except PostRefused as error:
            await self._end("failed", type(error).__name__)
        except Exception as error:  # noqa: BLE001 (whatever goes wrong, the job is not lost)
            most = options.post_attempts if isinstance(error, PlatformError) else options.attempts
            _log.error("a job failed", job=job.id, attempt=job.attempts, error=type(error).__name__)
            if job.attempts < most:
                pause = min(options.backoff * 2 ** (job.attempts - 1), options.longest_backoff)
                return await self._put_back(max(pause, options.settling), counted=True)
            await self._end("failed", type(error).__name__)
        return None

    async def _do(self) -> None:
        job, bench = self.job, self._bench
        report = job.report
        if report is None or job.kind == NOTICE:
            report = await self._kinds[job.kind](bench, job, self._progress)
        if job.report is None:
            await insist(lambda: bench.store.write(record_report, job, report, bench.options, bench.now()))
        if report and self._conversation is not None:
            log = StoredPosts(bench.store, job.id, dict(job.posts), self._begin_post, bench.options, bench.now)
            await Delivery(self._conversation, log, bench.options.settling, bench.now).deliver(report)

    async def _progress(self, words: str) -> None:
        bench = self._bench
        await insist(lambda: bench.store.write(note_progress, self.job, words, bench.options, bench.now()))

    def _begin_post(self, connection: Connection, part: int, value: str, now: datetime) -> Post:
        return begin_job_post(connection, self.job, part, value, self._bench.options, now)

    async def _finish(self, state: str, reason: str) -> None:
        bench = self._bench
        await insist(lambda: bench.store.write(finish_job, self.job, state, reason, bench.options, bench.now()))

    async def _end(self, state: str, reason: str) -> None:
        with suppress(TurnLost):
            await self._finish(state, reason)

    async def _release(self, pause: timedelta, *, counted: bool) -> None:
        bench = self._bench
        await bench.store.write(release_job, self.job, pause, bench.options, bench.now(), counted=counted)

    async def _put_back(self, pause: timedelta, *, counted: bool) -> timedelta | None:
        try:
            await insist(lambda: self._release(pause, counted=counted))
        except TurnLost:
            return None
        return pause
