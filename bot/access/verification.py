"""Verifies audits: their chains, their heads, and what was written down outside."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, fields

from sqlalchemy import Connection, bindparam, select

from bot.access.anchor import Anchored
from bot.access.chain import Beginning, Damage, Link, Walk, beginning_of
from bot.access.secret import Secrets
from bot.errors import NotFound
from bot.storage.store import Store
from bot.storage.tables import audit, audit_heads, workspaces

#: Rows that one transaction reads.
_PORTION = 2_000
#: Rows on each side of a broken one among which it is looked for what became of it.
_NEAR = 5_000
#: The act that begins a chain anew behind rows that were deleted for their age.
SWEPT = "swept"

_NAMES = tuple(field.name for field in fields(Link))
_HERE = audit.c.workspace_key == bindparam("in_workspace")
_ROWS = (
    select(*(audit.c[name] for name in _NAMES), audit.c.key)
    .where(_HERE, audit.c.seq > bindparam("after"))
    .order_by(audit.c.seq)
    .limit(bindparam("most"))
)
_HEAD = select(audit_heads.c.seq, audit_heads.c.digest).where(audit_heads.c.workspace_key == bindparam("in_workspace"))
_CHAINED = select(audit_heads.c.workspace_key).union_all(select(audit.c.key).where(audit.c.digest != "")).limit(1)
_FIRST = select(audit.c.seq).where(_HERE).order_by(audit.c.seq).limit(1)
_SWEPT = select(audit.c.note).where(_HERE, audit.c.action == SWEPT).order_by(audit.c.seq.desc()).limit(1)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verifying one workspace's audit found."""

    workspace_id: str
    #: Rows that are whole, and rows from before there was a chain, of which nothing can be said.
    chained: int
    unchained: int
    damage: Damage | None


@dataclass(frozen=True, slots=True)
class _Portion:
    links: Sequence[Link]
    keys: Sequence[int]
    #: As it stood when these rows were read.
    head: Beginning | None


def anything_chained(connection: Connection) -> bool:
    """Whether any act was recorded since there is a chain."""
    return connection.execute(_CHAINED).first() is not None


async def verify(store: Store, secrets: Secrets, anchored: Anchored) -> AsyncIterator[Verdict]:
    """Verify every workspace's audit, also of those of which only the anchor knows.

    The anchor must have been read before: whatever it names was in the database then.

    Raises:
        StorageError: the database failed.
    """
    known = await store.read(_workspaces)
    for key, workspace_id in known:
        yield await _verify_one(store, key, workspace_id, secrets, anchored)
    for workspace_id in sorted(set(anchored.of) - {name for _, name in known}):
        last = max(anchored.of[workspace_id])
        said = f"row {last} was written down outside, and the workspace is not here: this is an older database."
        yield Verdict(workspace_id, 0, 0, Damage("older", 1, said))


async def verify_workspace(store: Store, workspace_id: str, secrets: Secrets, anchored: Anchored) -> Verdict:
    """Verify one workspace's audit, for its admins; as `verify`.

    Raises:
        StorageError: the database failed.
        NotFound: there is no such workspace.
    """
    key = next((key for key, known in await store.read(_workspaces) if known == workspace_id), None)
    if key is None:
        raise NotFound("There is no such workspace.")
    return await _verify_one(store, key, workspace_id, secrets, anchored)


async def _verify_one(store: Store, key: int, workspace_id: str, secrets: Secrets, anchored: Anchored) -> Verdict:
    first, beginning = await store.read(_beginning, key)
    if first is not None and first <= beginning.seq:
        damage = Damage("inserted", first, f"row {first} stands before the beginning of the chain.")
        return Verdict(workspace_id, 0, 0, damage)
    walk = Walk(secrets.audit, workspace_id, anchored.of.get(workspace_id, {}), beginning)
    newest_key = 0
    while True:
        portion = await store.read(_read_portion, key, walk.last.seq, _PORTION)
        broken = walk.take(portion.links)
        if broken is not None:
            near = await store.read(_read_portion, key, max(walk.last.seq - _NEAR, 0), 2 * _NEAR)
            damage = walk.explain(broken, near.links, near.head)
            return Verdict(workspace_id, walk.chained, walk.unchained, damage)
        # The database counts keys upwards, and the head's lock orders them as the rows.
        for link, row_key in zip(portion.links, portion.keys, strict=True):
            if row_key <= newest_key:
                damage = Damage("changed", link.seq, f"row {link.seq} has another key than it was given.")
                return Verdict(workspace_id, walk.chained, walk.unchained, damage)
            newest_key = row_key
        if len(portion.links) < _PORTION:
            return Verdict(workspace_id, walk.chained, walk.unchained, walk.end(portion.head))


def _workspaces(connection: Connection) -> list[tuple[int, str]]:
    return [(row.key, row.id) for row in connection.execute(select(workspaces).order_by(workspaces.c.key))]


def _beginning(connection: Connection, workspace_key: int) -> tuple[int | None, Beginning]:
    """The first row, and behind what it stands: nothing, unless rows were deleted for their age."""
    here = {"in_workspace": workspace_key}
    first = connection.execute(_FIRST, here).scalar()
    note = connection.execute(_SWEPT, here).scalar() if first is not None and first > 1 else None
    return first, (beginning_of(note) if note is not None else None) or Beginning()


def _read_portion(connection: Connection, workspace_key: int, after: int, most: int) -> _Portion:
    here = {"in_workspace": workspace_key}
    rows = connection.execute(_ROWS, {**here, "after": after, "most": most}).all()
    head = connection.execute(_HEAD, here).one_or_none()
    return _Portion(
        [Link(**{name: getattr(row, name) for name in _NAMES}) for row in rows],
        [row.key for row in rows],
        None if head is None else Beginning(head.seq, head.digest),
    )
