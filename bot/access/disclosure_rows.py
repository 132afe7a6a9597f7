"""Storage functions for disclosures: what people were told, and what each of them chose."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, or_, select, update
from sqlalchemy.dialects import postgresql

from bot.access.disclosure import Disclosure, DisclosureFacts, Kept, SupervisorLine
from bot.access.role_rows import Reader, readers_of
from bot.access.scope import Scope
from bot.storage.tables import disclosures, facts, participants, people

_NEWEST = (
    select(
        disclosures.c.version,
        disclosures.c.supervision,
        disclosures.c.retention_days,
        disclosures.c.provider,
    )
    .where(disclosures.c.workspace_key == bindparam("in_workspace"))
    .order_by(disclosures.c.version.desc())
    .limit(1)
)
_NEW = (
    postgresql.insert(disclosures)
    .on_conflict_do_nothing(index_elements=["workspace_key", "version"])
    .returning(disclosures.c.version)
)
#: Another process may have told something else meanwhile; one that tells each time something else is not waited for.
_TRIES = 5


def newest(connection: Connection, scope: Scope) -> Disclosure | None:
    """What people are told now; None before anything was written down."""
    row = connection.execute(_NEWEST, {"in_workspace": scope.workspace_key}).one_or_none()
    return None if row is None else Disclosure(row.version, row.supervision, row.retention_days, row.provider)


def current_disclosure(connection: Connection, scope: Scope, held: DisclosureFacts, now: datetime) -> Disclosure:
    """What people are told now, as a new version where that is no longer what holds.

    One look where nothing changed. Of two processes that see a change at once, one writes the version.

    Args:
        connection: in a transaction.
        scope: the program's own.
        held: what holds.
        now: the time.
    """
    for _ in range(_TRIES):
        known = newest(connection, scope)
        if known is not None and known.says(held):
            return known
        told = Disclosure(
            1 if known is None else known.version + 1, held.supervision, held.retention_days, held.provider
        )
        row = {
            "workspace_key": scope.workspace_key,
            "version": told.version,
            "supervision": told.supervision,
            "retention_days": told.retention_days,
            "provider": told.provider,
            "created_at": now,
        }
        if connection.execute(_NEW, row).scalar() is not None:
            return told
    # Whatever the others say holds, and people are told that.
    return told


_TELL = (
    update(people)
    .where(
        people.c.key == bindparam("of_key"),
        people.c.workspace_key == bindparam("in_workspace"),
        or_(people.c.told_version.is_(None), people.c.told_version < bindparam("told")),
    )
    .values(told_version=bindparam("told"))
)


def tell(connection: Connection, scope: Scope, resource_key: int, version: int) -> None:
    """Note that a person was told of a disclosure. She never knows less than before."""
    connection.execute(_TELL, {"in_workspace": scope.workspace_key, "of_key": resource_key, "told": version})


_CHOOSE = (
    update(people)
    .where(people.c.workspace_key == bindparam("in_workspace"), people.c.resource_id == bindparam("of_person"))
    .values(keeps=bindparam("shall_keep"))
    .returning(people.c.key)
)


def choose_keeping(connection: Connection, scope: Scope, resource_id: str, version: int, *, keeps: bool) -> bool:
    """Note that a person was told of a disclosure and chose whether her words are kept; whether she is known."""
    values = {"in_workspace": scope.workspace_key, "of_person": resource_id, "shall_keep": keeps}
    key = connection.execute(_CHOOSE, values).scalar()
    if key is None:
        return False
    tell(connection, scope, key, version)
    return True


_KEPT: Any = (
    select(
        people.c.keeps,
        select(func.count())
        .select_from(participants)
        .where(participants.c.resource_key == people.c.key)
        .scalar_subquery()
        .label("conversations"),
        select(func.min(participants.c.joined_at))
        .where(participants.c.resource_key == people.c.key)
        .scalar_subquery()
        .label("since"),
        select(func.count())
        .select_from(facts)
        .where(facts.c.resource_key == people.c.key)
        .scalar_subquery()
        .label("facts"),
    )
    .select_from(people)
    .where(people.c.workspace_key == bindparam("in_workspace"), people.c.resource_id == bindparam("of_person"))
)


def kept_of(connection: Connection, scope: Scope, resource_id: str) -> Kept:
    """What is kept of a person."""
    row = connection.execute(_KEPT, {"in_workspace": scope.workspace_key, "of_person": resource_id}).one_or_none()
    return Kept(0, 0, None) if row is None else Kept(row.conversations, row.facts, row.since, row.keeps)


def supervisors_for(connection: Connection, scope: Scope, resource_id: str) -> Sequence[SupervisorLine]:
    """The supervisors whose scope concerns a person, as she is told of them; herself left out."""
    return [
        _line(one, resource_id) for one in readers_of(connection, scope, resource_id) if one.resource_id != resource_id
    ]


def _line(reader: Reader, resource_id: str) -> SupervisorLine:
    whole = reader.scope.everyone or resource_id in reader.scope.persons
    return SupervisorLine(reader.name or reader.resource_id, reader.scope, reader.since, whole)
