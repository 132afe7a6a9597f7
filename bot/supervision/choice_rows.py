"""Storage functions for what a person chooses about her own words."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, select, update

from bot.access.scope import Scope
from bot.memory.people_rows import ensure_person
from bot.storage.tables import people

_KEEP = (
    update(people)
    .where(people.c.workspace_key == bindparam("in_workspace"), people.c.resource_id == bindparam("of_person"))
    .values(keeps=bindparam("shall_keep"))
)
_CONTACT = select(people.c.resource_id).where(
    people.c.workspace_key == bindparam("in_workspace"),
    people.c.resource_id == bindparam("of_person"),
    people.c.left_at.is_(None),
)


def set_keeping(
    connection: Connection, scope: Scope, resource_id: str, subject_id: str, now: datetime, *, keeps: bool
) -> None:
    """Note whether a person's words are kept from now on. What she was told, and what is kept already, stays.

    Args:
        connection: in a transaction.
        scope: the program's own.
        resource_id: the person.
        subject_id: random: she becomes known under it where she is not, for she may choose before her first word.
        now: the time.
        keeps: whether they are.
    """
    ensure_person(connection, scope, resource_id, subject_id, now)
    connection.execute(_KEEP, {"in_workspace": scope.workspace_key, "of_person": resource_id, "shall_keep": keeps})


def is_here(connection: Connection, scope: Scope, resource_id: str) -> bool:
    """Whether somebody is known under this id, and has not left."""
    values = {"in_workspace": scope.workspace_key, "of_person": resource_id}
    return connection.execute(_CONTACT, values).scalar() is not None
