"""The job that removes from the database's files what was deleted from its tables on the way, once in a while."""

from collections.abc import Awaitable, Callable

import structlog

from bot.limits import SCRUBBED_BESIDE_BYTES
from bot.turns.job_rows import Job
from bot.turns.scrub_rows import LEAST_PAUSE, LONGEST_PAUSE, queue_scrub
from bot.turns.working import Bench

_log = structlog.get_logger(__name__)

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


async def scrub(bench: Bench, job: Job, _progress: Callable[[str], Awaitable[None]]) -> str:
    """Scrub the files; where somebody still reads what was there before, again after longer and longer pauses."""
    scrubbed = await bench.store.scrub(_TABLES, SCRUBBED_BESIDE_BYTES)
    if not scrubbed.done:
        _log.info("the files are still read as they were; they are scrubbed later", job=job.id)
        pause = min(2 * LEAST_PAUSE * job.arguments.get("pause", 1), LONGEST_PAUSE)
        await bench.store.write(queue_scrub, bench.now(), pause)
    return ""
