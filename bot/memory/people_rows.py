"""Storage functions for people."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.dialects import postgresql

from bot.access.scope import Scope
from bot.storage.tables import people

PERSON = select(people.c.key).where(
    people.c.workspace_key == bindparam("in_workspace"), people.c.resource_id == bindparam("of_person")
)

_NEW = postgresql.insert(people).on_conflict_do_nothing(index_elements=["workspace_key", "resource_id"])


def ensure_person(connection: Connection, scope: Scope, resource_id: str, subject_id: str, at: datetime) -> int:
    """The key of a person, who is made known where she is not."""
    values = {"workspace_key": scope.workspace_key, "resource_id": resource_id, "subject_id": subject_id}
    connection.execute(_NEW, {**values, "created_at": at})
    return connection.execute(PERSON, {"in_workspace": scope.workspace_key, "of_person": resource_id}).scalar_one()
