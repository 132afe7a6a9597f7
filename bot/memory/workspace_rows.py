"""Storage functions for workspaces."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.dialects import postgresql

from bot.storage.tables import disclosures, workspaces

#: The workspace of a program that embeds the memory. Its supervision is on: the program is its admin.
LIBRARY_WORKSPACE = "local:default"

_KEY = select(workspaces.c.key).where(workspaces.c.id == bindparam("workspace_id"))


def workspace_key(connection: Connection, workspace_id: str) -> int | None:
    """The key of a workspace; None where it was never heard of."""
    return connection.execute(_KEY, {"workspace_id": workspace_id}).scalar()


def ensure_workspace(connection: Connection, workspace_id: str, at: datetime) -> int:
    """Make a workspace known. Supervision is off until an admin switches it on; the library's is on."""
    statement = postgresql.insert(workspaces).on_conflict_do_nothing(index_elements=["id"])
    connection.execute(statement, {"id": workspace_id, "created_at": at})
    key = connection.execute(_KEY, {"workspace_id": workspace_id}).scalar_one()
    known = select(disclosures.c.version).where(disclosures.c.workspace_key == key).limit(1)
    if connection.execute(known).scalar() is None:
        supervision = "all" if workspace_id == LIBRARY_WORKSPACE else "off"
        first = {"workspace_key": key, "version": 1, "supervision": supervision, "created_at": at}
        # Two processes may make it at once.
        connection.execute(postgresql.insert(disclosures).on_conflict_do_nothing(), first)
    return key
