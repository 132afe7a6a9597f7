"""Storage functions for roles and scopes: who has which, who gives and takes them.

Whoever changes something is asked for anew in the transaction that changes it: a form that an admin opened before she
was one no longer does nothing. What they return is to be announced: a role that nobody hears of is a secret one.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import (
    Connection,
    and_,
    bindparam,
    delete,
    insert,
    literal,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects import postgresql

from bot.access.scope import Scope
from bot.access.standing import (
    Holder,
    Holders,
    ReadScope,
    Role,
    RoleChange,
    Source,
    Standing,
    checked_role,
    checked_scope,
    scope_of_rows,
    standing_of_rows,
)
from bot.errors import NotAllowed, NotFound
from bot.storage.tables import people, roles, scopes, workspaces

#: Who gives and takes roles where no admin does: the operator, at the command line or by seeding.
OPERATOR = None

_HERE = and_(people.c.workspace_key == bindparam("in_workspace"), people.c.left_at.is_(None))
_PERSON = and_(_HERE, people.c.resource_id == bindparam("of_person"))
_STANDING = union_all(
    select(literal("role").label("what"), roles.c.role.label("kind"), roles.c.source.label("value"))
    .join(people, people.c.key == roles.c.resource_key)
    .where(_PERSON),
    select(literal("scope"), scopes.c.kind, scopes.c.value)
    .join(people, people.c.key == scopes.c.resource_key)
    .where(_PERSON),
)


def read_standing(connection: Connection, workspace_key: int, resource_id: str) -> Standing:
    """What a person may do now. Somebody unknown, and somebody who left, is a member."""
    rows = connection.execute(_STANDING, {"in_workspace": workspace_key, "of_person": resource_id}).all()
    return standing_of_rows((row.what, row.kind, row.value) for row in rows)


def _values(scope: Scope, resource_id: str) -> dict[str, Any]:
    return {"in_workspace": scope.workspace_key, "of_person": resource_id}


_LOCK = select(workspaces.c.key).where(workspaces.c.key == bindparam("in_workspace")).with_for_update(key_share=True)


def lock_settings(connection: Connection, scope: Scope) -> None:
    """Let nobody else change roles or settings of the workspace until the transaction ends."""
    connection.execute(_LOCK, {"in_workspace": scope.workspace_key})


def require_admin(connection: Connection, scope: Scope, by: str | None) -> None:
    """Ask whether this person may configure the workspace now. None is the operator, who may.

    Raises:
        NotAllowed: she may not.
    """
    if by is not OPERATOR and not read_standing(connection, scope.workspace_key, by).admin:
        raise NotAllowed("Only admins can do that here.")


_KEY = select(people.c.key).where(_PERSON)


def _key(connection: Connection, scope: Scope, resource_id: str) -> int:
    key = connection.execute(_KEY, _values(scope, resource_id)).scalar()
    if key is None:
        raise NotFound("There is nobody like that here.")
    return key


_GRANT = (
    postgresql.insert(roles)
    .on_conflict_do_nothing(index_elements=["resource_key", "role", "source"])
    .returning(roles.c.resource_key)
)
_REVOKE = (
    delete(roles)
    .where(
        roles.c.resource_key == bindparam("of_key"),
        roles.c.role == bindparam("of_role"),
        roles.c.source == bindparam("of_source"),
    )
    .returning(roles.c.resource_key)
)


def _grant(connection: Connection, scope: Scope, key: int, role: Role, source: Source, now: datetime) -> bool:
    """Write a role down; whether it was not there."""
    row = {"resource_key": key, "role": role, "source": source, "granted_at": now}
    return connection.execute(_GRANT, row | {"workspace_key": scope.workspace_key}).scalar() is not None


def _revoke(connection: Connection, key: int, role: Role, source: Source) -> bool:
    """Take a role away; whether it was there."""
    return connection.execute(_REVOKE, {"of_key": key, "of_role": role, "of_source": source}).scalar() is not None


def grant_role(
    connection: Connection, scope: Scope, resource_id: str, role: Role, by: str | None, now: datetime
) -> tuple[RoleChange, ...]:
    """Give a person a role. An admin may give herself that of a supervisor: the other admins hear of it.

    Args:
        connection: in a transaction.
        scope: the program's own.
        resource_id: who gets it.
        role: which.
        by: the admin who gives it, or the operator (None).
        now: the time.

    Raises:
        NotAllowed: `by` is no admin, now.
        NotFound: nobody is known under this id, or she left.
        InvalidArgument: there is no such role.
    """
    lock_settings(connection, scope)
    require_admin(connection, scope, by)
    key = _key(connection, scope, resource_id)
    given = _grant(connection, scope, key, checked_role(role), "granted", now)
    return (RoleChange(resource_id, role, True, "granted"),) if given else ()  # noqa: FBT003 (a value)


def revoke_role(
    connection: Connection, scope: Scope, resource_id: str, role: Role, by: str | None
) -> tuple[RoleChange, ...]:
    """Take a role away that an admin gave. With a supervisor's last source her scope goes too.

    Raises:
        NotAllowed: `by` is no admin, now; the role comes from elsewhere too; or nobody would be admin any more.
        NotFound: nobody is known under this id, or she left.
    """
    lock_settings(connection, scope)
    require_admin(connection, scope, by)
    key = _key(connection, scope, resource_id)
    revoked = _revoke(connection, key, checked_role(role), "granted")
    rest = read_standing(connection, scope.workspace_key, resource_id)
    if rest.is_(role):
        elsewhere = "the platform" if "platform" in rest.sources[role] else "the operator's settings"
        raise NotAllowed(f"This role comes from {elsewhere}, and can be taken away there alone.")
    if revoked and role == "admin" and not admins_of(connection, scope):
        raise NotAllowed("This is the last admin: make somebody else one before.")
    if revoked and role == "supervisor":
        connection.execute(_CLEAR, {"of_key": key})
    return (RoleChange(resource_id, role, False, "granted"),) if revoked else ()  # noqa: FBT003 (a value)


_ADMINS = (
    select(people.c.resource_id)
    .join(roles, roles.c.resource_key == people.c.key)
    .where(_HERE, roles.c.role == "admin")
    .distinct()
    .order_by(people.c.resource_id)
)


def admins_of(connection: Connection, scope: Scope) -> tuple[str, ...]:
    """The ids of a workspace's admins who are here, wherever their role comes from."""
    return tuple(connection.execute(_ADMINS, {"in_workspace": scope.workspace_key}).scalars())


_SOURCES = (
    select(people.c.key, roles.c.source)
    .outerjoin(roles, and_(roles.c.resource_key == people.c.key, roles.c.role == "admin"))
    .where(_PERSON)
)


def take_over_roles(
    connection: Connection,
    scope: Scope,
    resource_id: str,
    administrator: bool | None,  # noqa: FBT001 (three answers)
    admins: Collection[str],
    now: datetime,
) -> tuple[RoleChange, ...]:
    """Bring a person's roles up to what the platform and the settings say now; again it changes nothing.

    What they no longer say is taken away, also from the last admin: somebody who was removed there must not stay one
    here. The platform's next owner, or ADMINS, makes another.

    Args:
        connection: in a transaction.
        scope: the program's own.
        resource_id: the person.
        administrator: whether the platform calls her owner or administrator; None where it did not say.
        admins: the setting ADMINS.
        now: the time.
    """
    rows = connection.execute(_SOURCES, _values(scope, resource_id)).all()
    if not rows:
        return ()
    said: dict[Source, bool] = {"settings": resource_id in admins}
    if administrator is not None:
        said["platform"] = administrator
    known = {row.source for row in rows}
    changes = []
    for source, has in sorted(said.items()):
        if has == (source in known):
            continue
        key = rows[0].key
        # Two processes may hear of it at once: one of them announces it.
        done = (
            _grant(connection, scope, key, "admin", source, now) if has else _revoke(connection, key, "admin", source)
        )
        if done:
            changes.append(RoleChange(resource_id, "admin", has, source))
    return tuple(changes)


_HELD = (
    select(people.c.key, roles.c.role, roles.c.source)
    .join(roles, roles.c.resource_key == people.c.key)
    .where(_PERSON)
    .order_by(roles.c.role, roles.c.source)
)
_REVOKE_ALL = delete(roles).where(roles.c.resource_key == bindparam("of_key"))


def take_all_roles(connection: Connection, scope: Scope, resource_id: str) -> tuple[RoleChange, ...]:
    """Take away every role and the scope of a person who is none of the workspace's own people any more.

    Also the last admin's: who became a guest must not stay one here.
    """
    lock_settings(connection, scope)
    rows = connection.execute(_HELD, _values(scope, resource_id)).all()
    if rows:
        connection.execute(_REVOKE_ALL, {"of_key": rows[0].key})
        connection.execute(_CLEAR, {"of_key": rows[0].key})
    return tuple(RoleChange(resource_id, row.role, False, row.source) for row in rows)  # noqa: FBT003 (a value)


@dataclass(frozen=True, slots=True)
class ScopeChange:
    """A supervisor may read others than before: to be told to the admins."""

    resource_id: str
    before: ReadScope
    after: ReadScope


_CLEAR = delete(scopes).where(scopes.c.resource_key == bindparam("of_key"))
_ALLOW = insert(scopes)
_DISALLOW = delete(scopes).where(
    scopes.c.resource_key == bindparam("of_key"),
    scopes.c.kind == bindparam("of_kind"),
    scopes.c.value == bindparam("of_value"),
)


def set_scope(
    connection: Connection, scope: Scope, resource_id: str, reach: ReadScope, by: str | None, now: datetime
) -> ScopeChange | None:
    """Say whom a supervisor may read, in place of what was said before; None where that is the same.

    Raises:
        NotAllowed: `by` is no admin, now; or the person is no supervisor.
        NotFound: nobody is known under this id, or she left.
        InvalidArgument: the scope holds what can be no id, or too much.
    """
    wanted = checked_scope(reach)
    lock_settings(connection, scope)
    require_admin(connection, scope, by)
    key = _key(connection, scope, resource_id)
    standing = read_standing(connection, scope.workspace_key, resource_id)
    if not standing.supervisor:
        raise NotAllowed("Only a supervisor has a scope: give the role first.")
    before, after = set(standing.scope.rows()), set(wanted.rows())
    if before == after:
        return None
    # What stays keeps the time since when it holds, which people are shown.
    for kind, value in sorted(before - after):
        connection.execute(_DISALLOW, {"of_key": key, "of_kind": kind, "of_value": value})
    rows = [
        {"resource_key": key, "kind": kind, "value": value, "workspace_key": scope.workspace_key, "granted_at": now}
        for kind, value in sorted(after - before)
    ]
    if rows:
        connection.execute(_ALLOW, rows)
    return ScopeChange(resource_id, standing.scope, wanted)


_HOLDERS = (
    select(people.c.key, people.c.resource_id, people.c.name)
    .where(
        _HERE,
        people.c.key.in_(select(roles.c.resource_key).where(roles.c.workspace_key == bindparam("in_workspace"))),
        people.c.key > bindparam("after_key"),
    )
    .order_by(people.c.key)
    .limit(bindparam("size"))
)


def list_roles(connection: Connection, scope: Scope, after: int = 0, size: int = 20) -> Holders:
    """A page of the people who have roles, in the order in which they became known; `after` is the page's before."""
    values = {"in_workspace": scope.workspace_key, "after_key": after, "size": size + 1}
    rows = connection.execute(_HOLDERS, values).all()
    standings = [read_standing(connection, scope.workspace_key, row.resource_id) for row in rows[:size]]
    found = tuple(Holder(row.resource_id, row.name, one) for row, one in zip(rows, standings, strict=False))
    return Holders(found, rows[size - 1].key if len(rows) > size else None)


@dataclass(frozen=True, slots=True)
class Reader:
    """A supervisor, as the people whom she may read are told of her."""

    resource_id: str
    #: As the platform shows it; "" where it never said.
    name: str
    scope: ReadScope
    #: Since when she may read, by the oldest of the permissions that concern them.
    since: datetime


_IS_SUPERVISOR = people.c.key.in_(
    select(roles.c.resource_key).where(roles.c.workspace_key == bindparam("in_workspace"), roles.c.role == "supervisor")
)
_READERS = (
    select(people.c.key, people.c.resource_id, people.c.name, scopes.c.kind, scopes.c.value, scopes.c.granted_at)
    .join(scopes, scopes.c.resource_key == people.c.key)
    .where(_HERE, _IS_SUPERVISOR)
    .order_by(people.c.key)
)


def readers_of(connection: Connection, scope: Scope, resource_id: str | None = None) -> tuple[Reader, ...]:
    """The supervisors who may read somebody's conversations; of a person, those who may read some of hers."""
    rows = connection.execute(_READERS, {"in_workspace": scope.workspace_key}).all()
    found = (_reader(tuple(of_one), resource_id) for _key, of_one in groupby(rows, key=lambda row: row.key))
    return tuple(one for one in found if one is not None)


def _reader(rows: Sequence[Any], resource_id: str | None) -> Reader | None:
    mine = [row for row in rows if resource_id is None or row.kind != "person" or row.value == resource_id]
    if not mine:
        return None
    scope = scope_of_rows((row.kind, row.value) for row in mine)
    return Reader(mine[0].resource_id, mine[0].name, scope, min(row.granted_at for row in mine))


_LEFT = (
    update(people)
    .where(
        people.c.workspace_key == bindparam("in_workspace"),
        people.c.resource_id == bindparam("of_person"),
        people.c.left_at.is_(None) != bindparam("is_here"),
    )
    .values(left_at=bindparam("since", type_=people.c.left_at.type))
)


def note_presence(connection: Connection, scope: Scope, resource_id: str, *, here: bool, now: datetime) -> bool:
    """Note that a person left, or is here again; whether that is news. Who left has no role while she is away."""
    values = {**_values(scope, resource_id), "is_here": here, "since": None if here else now}
    return connection.execute(_LEFT, values).rowcount > 0
