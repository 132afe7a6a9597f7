"""The job that removes from the database's files what was deleted from its tables on the way, once in a while."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import Connection

from bot.limits import SCRUBBED_BESIDE_BYTES
from bot.storage.signals import announce
from bot.turns.job_rows import Job, NewJob, queue_job
from bot.turns.working import Bench

_log = structlog.get_logger(__name__)

#: The kind of the job, and the beginning of its ids.
SCRUB = "scrub"
#: The tables in which words stand, or what rests on them.
_TABLES = (
    "messages",
    "message_search",
    "threads",
    "facts",
    "fact_sources",
    "vectors",
    "condensations",
    "pending_changes",
    "held",
    "jobs",
)


def queue_scrub(connection: Connection, now: datetime) -> None:
    """Let the files be scrubbed at the end of this minute, once for all that is deleted within it."""
    minute = now.astimezone(UTC).replace(second=0, microsecond=0)
    new = NewJob(f"{SCRUB}:{minute:%Y-%m-%dT%H:%M}", SCRUB, {}, ready_at=minute + timedelta(minutes=1))
    if word := queue_job(connection, new, now):
        announce(connection, word)


async def scrub(bench: Bench, job: Job, _progress: Callable[[str], Awaitable[None]]) -> str:
    """Scrub the files; where somebody still reads what was there before, once more in the next minute."""
    scrubbed = await bench.store.scrub(_TABLES, SCRUBBED_BESIDE_BYTES)
    if not scrubbed.done:
        _log.info("the files are still read as they were; they are scrubbed later", job=job.id)
        await bench.store.write(queue_scrub, bench.now())
    return ""
