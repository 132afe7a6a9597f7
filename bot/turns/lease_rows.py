"""Storage functions of leases: who works on which thread, and until when.

One mechanism on both engines. On PostgreSQL a lease ends by the database's time unless it is renewed; on SQLite, where
only one process works turns, it never ends by itself: the next process frees them all when it starts. Either way each
new lease has a higher fence, and whoever holds an older one finds every door shut.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, exists, func, or_, select, tuple_, update

from bot.errors import TurnLost
from bot.storage.now import SharedNow
from bot.storage.platform import PlatformOf
from bot.storage.signals import announce
from bot.storage.tables import messages, workspaces
from bot.storage.turn_tables import is_open, leases, turn_messages, turns
from bot.turns.options import TurnOptions
from bot.turns.turn_values import Lease

_MICROSECOND = timedelta(microseconds=1)
_free = or_(
    leases.c.owner.is_(None),
    leases.c.until < SharedNow(),
    # Leased by this very process, which does not know of it: its claim was kept, but the answer to it got lost.
    and_(leases.c.owner == bindparam("new_owner"), leases.c.thread_key.not_in(bindparam("at_work", expanding=True))),
)
# A pause that lies further ahead than any pause may be was written under another clock.
_ready = or_(turns.c.ready_at <= SharedNow(), turns.c.ready_at > SharedNow("longest_pause"))
_older = turns.alias("older")
_AT_WORK = ("leased", "answering")


def _begins(of: Any) -> ColumnElement[int]:
    """Where in its thread a turn begins: what was said first is answered first.

    Turns do not follow each other in this order: what somebody says while she is answered becomes a turn of its own
    only afterwards. A turn whose messages were all deleted has nothing to wait for.
    """
    first = select(func.min(messages.c.seq)).join(turn_messages, turn_messages.c.message_key == messages.c.key)
    return func.coalesce(first.where(turn_messages.c.turn_key == of.c.key).correlate(of).scalar_subquery(), 0)


_first_of_thread = ~exists().where(
    _older.c.thread_key == turns.c.thread_key,
    is_open(_older),
    _older.c.key != turns.c.key,
    tuple_(_begins(_older), _older.c.key) < tuple_(_begins(turns), turns.c.key),
).correlate(turns)


def _full(who: str, most: str) -> Select[Any]:
    """Whose turns at work are as many as may be. Found once for a look, not once for each turn that waits."""
    one, held = turns.alias(), leases.alias()
    lost = and_(held.c.owner == bindparam("new_owner"), held.c.thread_key.not_in(bindparam("at_work", expanding=True)))
    return (
        select(one.c[who])
        .join(held, held.c.thread_key == one.c.thread_key)
        # The first condition is in the index, the second says which of those.
        .where(is_open(one), one.c.state.in_(_AT_WORK))
        .where(held.c.owner.is_not(None), or_(held.c.until.is_(None), held.c.until >= SharedNow()), ~lost)
        .group_by(one.c[who])
        .having(func.count() >= bindparam(most))
    )


# Another process may serve the other platforms. Where the bot was removed from a workspace nothing is owed there, also
# not what was taken in while that happened.
_served = (
    exists()
    .where(
        workspaces.c.key == turns.c.workspace_key,
        workspaces.c.removed_at.is_(None),
        PlatformOf(workspaces.c.id).in_(bindparam("platforms", expanding=True)),
    )
    .correlate(turns)
)
_person_has_room = turns.c.resource_key.not_in(_full("resource_key", "per_person"))
_workspace_has_room = turns.c.workspace_key.not_in(_full("workspace_key", "per_workspace"))
_NEXT = (
    select(turns.c.key, turns.c.thread_key)
    .join(leases, leases.c.thread_key == turns.c.thread_key)
    .where(is_open(turns), _ready, _served, _person_has_room, _workspace_has_room, _free, _first_of_thread)
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
    .where(turns.c.key == bindparam("turn_key"), is_open(turns))
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
    .where(
        leases.c.owner == bindparam("by_owner"),
        leases.c.thread_key.in_(bindparam("at_work", expanding=True)),
        or_(leases.c.until.is_(None), leases.c.until >= SharedNow()),
    )
    .values(until=SharedNow("lease_time"))
    .returning(leases.c.thread_key, leases.c.fence)
)
_FREE = update(leases).where(_held).values(owner=None, until=None).returning(leases.c.thread_key)


def lease_times(connection: Connection, options: TurnOptions, now: datetime) -> dict[str, Any]:
    """The values of a claim's conditions. On SQLite a lease lasts a century, which is as good as never."""
    lasting = options.lease if connection.dialect.name == "postgresql" else timedelta(days=36_525)
    return {
        "now": now,
        "lease_time": lasting // _MICROSECOND,
        "longest_pause": 2 * options.longest_backoff // _MICROSECOND,
    }


def take_next(
    connection: Connection,
    owner: str,
    platforms: Sequence[str],
    at_work: Sequence[int],
    options: TurnOptions,
    now: datetime,
) -> tuple[int, Lease] | None:
    """Lease the thread of the oldest turn that may be worked now: the turn's key, and the lease. None: there is none.

    In a thread turns are worked one after the other, in the order of their first messages there.

    Args:
        connection: in a transaction.
        owner: the process.
        platforms: those that it serves.
        at_work: the threads that it works on, as it knows.
        options: how long a lease lasts, and how much is worked at once.
        now: the time, where one process works.
    """
    values = lease_times(connection, options, now) | {"new_owner": owner}
    room = {"per_person": options.at_once_per_person, "per_workspace": options.at_once_per_workspace}
    found = connection.execute(_NEXT, values | room | {"platforms": platforms, "at_work": at_work}).one_or_none()
    if found is None:
        return None
    taken = values | {"of_thread": found.thread_key}
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
    values = lease_times(connection, options, now)
    held = {"of_thread": thread_key, "by_owner": lease.owner, "at_fence": lease.fence}
    if connection.execute(_KEEP, values | held).scalar() is None:
        raise TurnLost


def renew_leases(
    connection: Connection, owner: str, at_work: Sequence[int], options: TurnOptions, now: datetime
) -> dict[int, int]:
    """Renew the leases of the threads that a process works on: the fences of those that it still has, by thread."""
    rows = connection.execute(_RENEW, lease_times(connection, options, now) | {"by_owner": owner, "at_work": at_work})
    return {row.thread_key: row.fence for row in rows}


def free_lease(connection: Connection, thread_key: int, lease: Lease, now: datetime) -> None:
    """Let go of a thread.

    Raises:
        TurnLost: another process has taken it over.
    """
    values = {"now": now, "of_thread": thread_key, "by_owner": lease.owner, "at_fence": lease.fence}
    if connection.execute(_FREE, values).scalar() is None:
        raise TurnLost


def let_go(connection: Connection, thread_key: int, turn_key: int, lease: Lease, now: datetime) -> bool:
    """Free a lease, if it is still held, for a turn that was lost.

    Returns:
        Whether the turn was erased, with its thread or with its person: then nobody else has it.
    """
    values = {"now": now, "of_thread": thread_key, "by_owner": lease.owner, "at_fence": lease.fence}
    held = connection.execute(_FREE, values).scalar() is not None
    thread = connection.execute(select(leases.c.thread_key).where(leases.c.thread_key == thread_key)).scalar()
    turn = connection.execute(select(turns.c.key).where(turns.c.key == turn_key)).scalar()
    if held:
        announce(connection, "turn")
    return thread is None or (held and turn is None)


def free_all(connection: Connection) -> None:
    """SQLite: let go of what the process before this one held. It is gone, for this one has its lock."""
    connection.execute(update(leases).where(leases.c.owner.is_not(None)).values(owner=None, until=None))
