"""The jobs of an erasure: rows in portions, bytes in the files, the certificate, and at last their own traces."""

from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from bot.errors import NotFound
from bot.limits import SCRUBBED_BYTES
from bot.supervision.certificate import certificate
from bot.supervision.classification import HOLDING
from bot.supervision.erasure_rows import (
    clear_traces,
    end_erasure,
    erase_portion,
    note_scrubbed,
    read_erasure,
)
from bot.turns.job_rows import Job, NewJob, queue_job
from bot.turns.jobs import NotYet, Progress
from bot.turns.scrub_rows import queue_scrub
from bot.turns.working import Bench

_log = structlog.get_logger(__name__)

#: The kind of the job that removes what is left of an erasure's own job.
TRACES = "erased"
_PAUSE = timedelta(seconds=1)
_LONGEST_PAUSE = timedelta(minutes=10)
#: After so long the person is told that somebody still reads the files; it goes on without her waiting for it.
_PATIENCE = timedelta(minutes=2)
#: After so long the files are left to the job that scrubs them for everybody.
_LAST_PATIENCE = timedelta(days=1)


async def erase(bench: Bench, job: Job, progress: Progress) -> str:
    """Erase what an erasure is about, from the tables and then from the files, and return its certificate.

    Run again after a crash it goes on where it stood; done again after its end, it changes nothing.
    """
    workspace, arguments, store = job.workspace_key or 0, job.arguments, bench.store
    gone = 0
    while some := await store.write(erase_portion, workspace, arguments, bench.now()):
        gone += some
        await progress(f"{gone} rows erased")
    await store.write(end_erasure, workspace, arguments)
    await store.write(queue_traces, job, bench.now())
    scrubbed = await store.scrub(HOLDING, SCRUBBED_BYTES)
    found = await store.read(read_erasure, arguments["erasure"])
    if found is None:
        raise NotFound
    if not scrubbed.done and bench.now() < found.at + _PATIENCE:
        raise NotYet(_pause(found.at, bench.now()))
    if scrubbed.done and not scrubbed.left:
        await store.write(note_scrubbed, found.id, bench.now())
        found = await store.read(read_erasure, found.id) or found
    return certificate(found, scrubbed, shared=store.shared)


def queue_traces(connection: Connection, job: Job, now: datetime) -> None:
    """Queue what is to be done after an erasure's job has ended; once, however often that is run."""
    erasure_id = job.arguments["erasure"]
    arguments = {"job": job.id, "erasure": erasure_id, "places": job.arguments.get("places", [])}
    # It waits by asking again: the job ends when its certificate was delivered.
    queue_job(connection, NewJob(f"{TRACES}:{erasure_id}", TRACES, arguments, job.workspace_key, ready_at=now), now)


async def clear(bench: Bench, job: Job, _progress: Progress) -> str:
    """Remove an erasure's job, with its report and where that went, and scrub again; not without end."""
    now, store = bench.now(), bench.store
    found = await store.read(read_erasure, job.arguments["erasure"])
    since = now if found is None else found.at
    done = await store.write(clear_traces, job.arguments["job"], job.arguments["places"])
    if not done:
        raise NotYet(_pause(since, now))
    scrubbed = await store.scrub(HOLDING, SCRUBBED_BYTES)
    if not scrubbed.done:
        if now < since + _LAST_PATIENCE:
            raise NotYet(_pause(since, now))
        _log.warning("somebody still reads the files as they were before an erasure", job=job.id)
        await store.write(queue_scrub, now)
    elif not scrubbed.left:
        await store.write(note_scrubbed, job.arguments["erasure"], now)
    return ""


def _pause(since: datetime, now: datetime) -> timedelta:
    """As long as it has been waited already: each pause is twice as long as the one before, up to the longest."""
    return min(max(now - since, _PAUSE), _LONGEST_PAUSE)
