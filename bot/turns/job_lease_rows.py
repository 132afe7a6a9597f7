"""Storage functions of the leases of jobs: who does which, and until when. As of turns; see `lease_rows`."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, and_, bindparam, exists, or_, select, update

from bot.storage.now import SharedNow
from bot.storage.platform import PlatformOf
from bot.storage.tables import people, workspaces
from bot.storage.turn_tables import is_waiting, jobs, places
from bot.turns.job_rows import Job
from bot.turns.lease_rows import lease_times
from bot.turns.options import TurnOptions
from bot.turns.place_rows import place_ref
from bot.turns.post_rows import read_posts
from bot.turns.turn_values import Lease

_free = or_(
    jobs.c.state == "queued",
    and_(
        jobs.c.state == "running",
        or_(
            jobs.c.owner.is_(None),
            jobs.c.until < SharedNow(),
            # Leased by this very process, which does not know of it: the answer to its claim got lost.
            and_(jobs.c.owner == bindparam("new_owner"), jobs.c.key.not_in(bindparam("at_work", expanding=True))),
        ),
    ),
)
_ready = or_(jobs.c.ready_at <= SharedNow(), jobs.c.ready_at > SharedNow("longest_pause"))
# What has no place is any process's; the rest is of those that serve its platform.
_served = or_(
    jobs.c.place_key.is_(None),
    exists()
    .where(
        workspaces.c.key == jobs.c.workspace_key,
        workspaces.c.removed_at.is_(None),
        PlatformOf(workspaces.c.id).in_(bindparam("platforms", expanding=True)),
    )
    .correlate(jobs),
)
_NEXT = (
    select(jobs.c.key)
    .where(is_waiting(jobs), _free, _ready, _served)
    .order_by(jobs.c.ready_at, jobs.c.key)
    .limit(1)
    .with_for_update(skip_locked=True)
)
_TAKE = (
    update(jobs)
    .where(jobs.c.key == bindparam("job_key"))
    .values(
        state="running",
        owner=bindparam("new_owner"),
        fence=jobs.c.fence + 1,
        until=SharedNow("lease_time"),
        attempts=jobs.c.attempts + 1,
    )
    .returning(jobs.c.fence)
)
_JOB = (
    select(
        jobs,
        people.c.resource_id,
        workspaces.c.id.label("workspace_id"),
        places.c.id.label("place_id"),
        places.c.kind.label("place_kind"),
        places.c.name.label("place_name"),
        places.c.within,
        places.c.address,
    )
    .outerjoin(people, people.c.key == jobs.c.resource_key)
    .outerjoin(places, places.c.key == jobs.c.place_key)
    .outerjoin(workspaces, workspaces.c.key == places.c.workspace_key)
    .where(jobs.c.key == bindparam("job_key"))
)
_RENEW = (
    update(jobs)
    .where(
        jobs.c.state == "running",
        jobs.c.owner == bindparam("by_owner"),
        jobs.c.key.in_(bindparam("at_work", expanding=True)),
        jobs.c.until >= SharedNow(),
    )
    .values(until=SharedNow("lease_time"))
    .returning(jobs.c.key, jobs.c.fence)
)


def claim_job(
    connection: Connection,
    owner: str,
    platforms: Sequence[str],
    at_work: Sequence[int],
    options: TurnOptions,
    now: datetime,
) -> Job | None:
    """Lease the oldest job that may be done now.

    Args:
        connection: in a transaction.
        owner: the process.
        platforms: those that it serves.
        at_work: the jobs that it does, as it knows.
        options: how long a lease lasts.
        now: the time, where one process works.
    """
    values = lease_times(connection, options, now) | {"new_owner": owner}
    key = connection.execute(_NEXT, values | {"platforms": platforms, "at_work": at_work}).scalar()
    if key is None:
        return None
    fence = connection.execute(_TAKE, values | {"job_key": key}).scalar_one()
    row = connection.execute(_JOB, {"job_key": key}).one()
    place = None
    if row.place_key is not None:
        place = place_ref(row)
    return Job(
        key=row.key,
        id=row.id,
        kind=row.kind,
        arguments=row.arguments,
        workspace_key=row.workspace_key,
        resource_id=row.resource_id or "",
        place=place,
        lease=Lease(owner, fence),
        attempts=row.attempts,
        report=row.report,
        posts=read_posts(connection, job_key=key),
    )


def renew_jobs(
    connection: Connection, owner: str, at_work: Sequence[int], options: TurnOptions, now: datetime
) -> dict[int, int]:
    """Renew the leases of the jobs that a process does: the fences of those that it still has."""
    rows = connection.execute(_RENEW, lease_times(connection, options, now) | {"by_owner": owner, "at_work": at_work})
    return {row.key: row.fence for row in rows}


def free_jobs(connection: Connection) -> None:
    """SQLite: let go of what the process before this one held."""
    connection.execute(update(jobs).where(jobs.c.state == "running").values(state="queued", owner=None, until=None))
