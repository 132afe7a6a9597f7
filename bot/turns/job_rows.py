"""Storage functions of jobs: queued once under one id, done by one process at a time, reported once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, bindparam, or_, update
from sqlalchemy.dialects import postgresql

from bot.access.scope import Scope
from bot.chat import PlaceRef
from bot.errors import InvalidArgument, TurnLost
from bot.storage.now import SharedNow
from bot.storage.turn_tables import jobs
from bot.turns.lease_rows import lease_times
from bot.turns.options import TurnOptions
from bot.turns.post_rows import finish_posts, start_sending
from bot.turns.turn_values import Lease, Notice, Post, Word

#: The kind of a job that only says something.
NOTICE = "notice"
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to be queued. The same `id` again is the same job: nothing is queued.

    Raises:
        InvalidArgument: it has a place, but no workspace in which that lies.
    """

    id: str
    kind: str
    arguments: Mapping[str, Any]
    workspace_key: int | None = None
    #: Who asked for it: commands name her; the bot's own jobs have nobody.
    resource_key: int | None = None
    place_key: int | None = None
    report: str | None = None
    #: Not to be done before this; None: at once.
    ready_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.place_key is not None and self.workspace_key is None:
            raise InvalidArgument("workspace_key", "a job with a place lies in a workspace")


@dataclass(frozen=True, slots=True)
class Job:
    """A leased job."""

    key: int
    id: str
    kind: str
    arguments: Mapping[str, Any]
    workspace_key: int | None
    #: Who asked for it, by resource id; "" where the bot did.
    resource_id: str
    #: Where its report goes, if anywhere.
    place: PlaceRef | None
    lease: Lease
    attempts: int
    report: str | None
    posts: Mapping[int, Post]


_QUEUE = postgresql.insert(jobs).on_conflict_do_nothing(index_elements=["id"]).returning(jobs.c.key)


def queue_job(connection: Connection, new: NewJob, now: datetime) -> Word:
    """Queue a job; "" where it was queued before."""
    row = {
        "id": new.id,
        "workspace_key": new.workspace_key,
        "kind": new.kind,
        "arguments": dict(new.arguments),
        "resource_key": new.resource_key,
        "place_key": new.place_key,
        "state": "queued",
        "queued_at": now,
        "ready_at": new.ready_at or now,
        "report": new.report,
    }
    return "job" if connection.execute(_QUEUE, row).scalar() is not None else ""


def queue_notice(connection: Connection, scope: Scope, notice: Notice, place_key: int, now: datetime) -> Word:
    """Queue a sentence that is to be said in a place, once."""
    new = NewJob(notice.id, NOTICE, {}, scope.workspace_key, place_key=place_key, report=notice.text)
    return queue_job(connection, new, now)


_held = and_(
    jobs.c.key == bindparam("job_key"),
    jobs.c.state == "running",
    jobs.c.owner == bindparam("by_owner"),
    jobs.c.fence == bindparam("at_fence"),
    or_(jobs.c.until.is_(None), jobs.c.until >= SharedNow()),
)
_KEEP = update(jobs).where(_held).values(until=SharedNow("lease_time")).returning(jobs.c.key)


def require_job(connection: Connection, job: Job, options: TurnOptions, now: datetime) -> None:
    """Lock a job's row, and renew its lease.

    Raises:
        TurnLost: another process does it now.
    """
    held = {"job_key": job.key, "by_owner": job.lease.owner, "at_fence": job.lease.fence}
    if connection.execute(_KEEP, lease_times(connection, options, now) | held).scalar() is None:
        raise TurnLost


def note_progress(connection: Connection, job: Job, progress: str, options: TurnOptions, now: datetime) -> None:
    """Say how far a job is; whoever lost it learns so.

    Raises:
        TurnLost: another process does it now.
    """
    require_job(connection, job, options, now)
    connection.execute(update(jobs).where(jobs.c.key == job.key).values(progress=progress))


def record_report(connection: Connection, job: Job, report: str, options: TurnOptions, now: datetime) -> None:
    """Store what a job found; from now on it is only delivered.

    Raises:
        TurnLost: another process does it now.
    """
    require_job(connection, job, options, now)
    connection.execute(update(jobs).where(jobs.c.key == job.key).values(report=report))


def begin_job_post(
    connection: Connection, job: Job, part: int, value: str, options: TurnOptions, now: datetime
) -> Post:
    """As `begin_post`, for a part of a job's report.

    Raises:
        TurnLost: another process does it now.
        InvalidArgument: it lies in no workspace, and has nowhere to post.
    """
    if job.workspace_key is None:
        raise InvalidArgument("job", "a job without a workspace posts nothing")
    require_job(connection, job, options, now)
    finish_posts(connection, job_key=job.key, before=part)
    return start_sending(connection, job.workspace_key, part, value, now, job_key=job.key)


def finish_job(connection: Connection, job: Job, state: str, reason: str, options: TurnOptions, now: datetime) -> None:
    """Close a job.

    Raises:
        TurnLost: another process does it now.
    """
    require_job(connection, job, options, now)
    finish_posts(connection, job_key=job.key)
    values = {"state": state, "reason": reason, "closed_at": now, "owner": None, "until": None}
    connection.execute(update(jobs).where(jobs.c.key == job.key).values(values))


_RELEASE = (
    update(jobs)
    .where(jobs.c.key == bindparam("job_key"))
    .values(
        state="queued",
        owner=None,
        until=None,
        ready_at=SharedNow("pause"),
        attempts=jobs.c.attempts - bindparam("given_back"),
    )
)


def release_job(
    connection: Connection, job: Job, pause: timedelta, options: TurnOptions, now: datetime, *, counted: bool
) -> None:
    """Put a job back: it is done again after a pause.

    Raises:
        TurnLost: another process does it now.
    """
    require_job(connection, job, options, now)
    given_back = 0 if counted else 1
    values = {"job_key": job.key, "now": now, "pause": pause // _MICROSECOND, "given_back": given_back}
    connection.execute(_RELEASE, values)
