"""Deletes what has stood in the audit long enough: only ever the oldest rows, and on the record."""

from datetime import datetime, timedelta
from itertools import takewhile

from sqlalchemy import Connection, bindparam, delete, func, select, text

from bot.access.audit import Act
from bot.access.chain import Beginning, swept_note
from bot.access.recorder import Recorder
from bot.access.scope import Scope
from bot.access.verification import SWEPT
from bot.errors import Conflict
from bot.storage.store import Store
from bot.storage.tables import audit, audit_heads

#: How long rows of the audit are kept.
KEPT = timedelta(days=365)
#: They may grow so much older before anything is done: each sweeping leaves a row itself.
_PATIENCE = timedelta(days=1)
_PORTION = 5_000

_HERE = audit.c.workspace_key == bindparam("in_workspace")
_FIRST = select(audit.c.seq, audit.c.at, audit.c.digest).where(_HERE).order_by(audit.c.seq)
_EVERYWHERE = select(audit.c.workspace_key).group_by(audit.c.workspace_key).order_by(audit.c.workspace_key)
_LOCK = select(audit_heads.c.seq).where(audit_heads.c.workspace_key == bindparam("in_workspace")).with_for_update()
_OLDEST = select(func.min(audit.c.seq)).where(_HERE)
_DELETE = delete(audit).where(_HERE, audit.c.seq <= bindparam("last"))
_RIGHT = text("SELECT has_table_privilege(current_user, 'audit', 'DELETE')")


async def sweep_audit(store: Store, recorder: Recorder, now: datetime) -> int | None:
    """Delete rows older than a year; how many they were, or None where this role of the database may delete none.

    Raises:
        StorageError: the database failed, or the deletion could not be recorded.
    """
    if not await store.read(may_sweep):
        return None
    gone = 0
    for workspace_key in await store.read(lambda connection: connection.execute(_EVERYWHERE).scalars().all()):
        scope = Scope("system", workspace_key, ())
        while last := await store.read(last_outlived, workspace_key, now - KEPT):
            act = Act(now, "system", "system", SWEPT, note=swept_note(last))
            try:
                gone += await recorder.write(store, scope, act, delete_up_to, last.seq)
            except Conflict:  # another process did it
                break
    return gone


def may_sweep(connection: Connection) -> bool:
    """Whether this role may delete rows of the audit: on PostgreSQL the bot's own, for good reason, may not."""
    return connection.dialect.name != "postgresql" or bool(connection.execute(_RIGHT).scalar())


def has_outlived(connection: Connection, before: datetime) -> bool:
    """Whether some workspace has rows that should have been swept."""
    keys = connection.execute(_EVERYWHERE).scalars().all()
    return any(last_outlived(connection, key, before) is not None for key in keys)


def last_outlived(connection: Connection, workspace_key: int, before: datetime) -> Beginning | None:
    """The last of a portion of the oldest rows that are all from before a time; None where there is nothing to do."""
    rows = connection.execute(_FIRST.limit(_PORTION), {"in_workspace": workspace_key}).all()
    outlived = list(takewhile(lambda row: row.at < before, rows))
    if not outlived or outlived[0].at >= before - _PATIENCE:
        return None
    return Beginning(outlived[-1].seq, outlived[-1].digest)


def delete_up_to(connection: Connection, scope: Scope, last: int) -> int:
    """Delete a workspace's rows up to one; how many they were. The act of it is recorded in the same transaction.

    Raises:
        Conflict: another process deleted them already.
    """
    here = {"in_workspace": scope.workspace_key}
    connection.execute(_LOCK, here)
    oldest = connection.execute(_OLDEST, here).scalar()
    if oldest is None or oldest > last:
        raise Conflict("These rows are gone already.")
    return connection.execute(_DELETE, {**here, "last": last}).rowcount
