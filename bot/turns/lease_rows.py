"""Storage functions of leases: who works on which thread, and until when.

One mechanism on both engines. On PostgreSQL a lease ends by the database's time unless it is renewed; on SQLite, where
only one process works turns, it never ends by itself: the next process frees them all when it starts. Either way each
new lease has a higher fence, and whoever holds an older one finds every door shut.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, bindparam, exists, func, or_, select, update

from bot.errors import TurnLost
from bot.storage.now import SharedNow
from bot.storage.turn_tables import OPEN_STATES, leases, turns
from bot.turns.options import TurnOptions
from bot.turns.turn_values import Lease

_MICROSECOND = timedelta(microseconds=1)
_free = or_(leases.c.owner.is_(None), leases.c.until < SharedNow())
# A pause that lies further ahead than any pause may be was written under another clock.
_ready = or_(turns.c.ready_at <= SharedNow(), turns.c.ready_at > SharedNow("longest_pause"))
_older = turns.alias("older")
_person_turns = turns.alias("person_turns")
_workspace_turns = turns.alias("workspace_turns")
_AT_WORK = ("leased", "answering")

_first_of_thread = ~exists().where(
    _older.c.thread_key == turns.c.thread_key, _older.c.state.in_(OPEN_STATES), _older.c.key < turns.c.key
).correlate(turns)
_person_has_room = (
    select(func.count())
    .select_from(_person_turns)
    .where(_person_turns.c.resource_key == turns.c.resource_key, _person_turns.c.state.in_(_AT_WORK))
    .where(_person_turns.c.key != turns.c.key)
    .correlate(turns)
    .scalar_subquery()
) < bindparam("per_person")
_workspace_has_room = (
    select(func.count())
    .select_from(_workspace_turns)
    .where(_workspace_turns.c.workspace_key == turns.c.workspace_key, _workspace_turns.c.state.in_(_AT_WORK))
    .where(_workspace_turns.c.key != turns.c.key)
    .correlate(turns)
    .scalar_subquery()
) < bindparam("per_workspace")

_NEXT = (
    select(turns.c.key, turns.c.thread_key)
    .join(leases, leases.c.thread_key == turns.c.thread_key)
    .where(turns.c.state.in_(OPEN_STATES), _ready, _free, _first_of_thread, _person_has_room, _workspace_has_room)
    .order_by(turns.c.key)
    .limit(1)
    .with_for_update(of=leases, skip_locked=True)
)
_TAKE = (
    update(leases)
    .where(leases.c.thread_key == bindparam("of_thread"))
    .values(owner=bindparam("new_owner"), fence=leases.c.fence + 1, until=SharedNow("lease_time"))
    .returning(leases.c.fence)
)
_BEGIN = (
    update(turns)
    .where(turns.c.key == bindparam("turn_key"), turns.c.state.in_(OPEN_STATES))
    .values(state="leased", attempts=turns.c.attempts + 1)
    .returning(turns.c.key)
)
_held = and_(
    leases.c.thread_key == bindparam("of_thread"),
    leases.c.owner == bindparam("by_owner"),
    leases.c.fence == bindparam("at_fence"),
    or_(leases.c.until.is_(None), leases.c.until >= SharedNow()),
)
_KEEP = update(leases).where(_held).values(until=SharedNow("lease_time")).returning(leases.c.thread_key)
_RENEW = (
    update(leases)
    .where(leases.c.owner == bindparam("by_owner"), or_(leases.c.until.is_(None), leases.c.until >= SharedNow()))
    .values(until=SharedNow("lease_time"))
    .returning(leases.c.thread_key, leases.c.fence)
)
_FREE = update(leases).where(_held).values(owner=None, until=None).returning(leases.c.thread_key)


def _times(connection: Connection, options: TurnOptions, now: datetime) -> dict[str, Any]:
    """How long a lease lasts; on SQLite a century, which is as good as never."""
    lasting = options.lease if connection.dialect.name == "postgresql" else timedelta(days=36_525)
    return {
        "now": now,
        "lease_time": lasting // _MICROSECOND,
        "longest_pause": 2 * options.longest_backoff // _MICROSECOND,
    }


def take_next(connection: Connection, owner: str, options: TurnOptions, now: datetime) -> tuple[int, Lease] | None:
    """Lease the thread of the oldest turn that may be worked now: the turn's key, and the lease. None: there is none.

    In a thread turns are worked one after the other, in the order in which they were queued.
    """
    values = _times(connection, options, now)
    room = {"per_person": options.at_once_per_person, "per_workspace": options.at_once_per_workspace}
    found = connection.execute(_NEXT, values | room).one_or_none()
    if found is None:
        return None
    taken = values | {"of_thread": found.thread_key, "new_owner": owner}
    fence = connection.execute(_TAKE, taken).scalar_one()
    # Looked at again under the lease: the turn may have been closed since the look above.
    if connection.execute(_BEGIN, {"turn_key": found.key}).scalar() is None:
        connection.execute(_FREE, {"now": now, "of_thread": found.thread_key, "by_owner": owner, "at_fence": fence})
        return None
    return found.key, Lease(owner, fence)


def require_lease(connection: Connection, thread_key: int, lease: Lease, options: TurnOptions, now: datetime) -> None:
    """Lock the lease's row, and renew it.

    Raises:
        TurnLost: another process has taken the thread over.
    """
    values = _times(connection, options, now)
    held = {"of_thread": thread_key, "by_owner": lease.owner, "at_fence": lease.fence}
    if connection.execute(_KEEP, values | held).scalar() is None:
        raise TurnLost


def renew_leases(connection: Connection, owner: str, options: TurnOptions, now: datetime) -> dict[int, int]:
    """Renew all leases of a process: the fences of those that it still has, by thread."""
    rows = connection.execute(_RENEW, _times(connection, options, now) | {"by_owner": owner})
    return {row.thread_key: row.fence for row in rows}


def free_lease(connection: Connection, thread_key: int, lease: Lease, now: datetime) -> None:
    """Let go of a thread.

    Raises:
        TurnLost: another process has taken it over.
    """
    values = {"now": now, "of_thread": thread_key, "by_owner": lease.owner, "at_fence": lease.fence}
    if connection.execute(_FREE, values).scalar() is None:
        raise TurnLost


def free_all(connection: Connection) -> None:
    """SQLite: let go of what the process before this one held. It is gone, for this one has its lock."""
    connection.execute(update(leases).where(leases.c.owner.is_not(None)).values(owner=None, until=None))
