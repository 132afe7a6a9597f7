"""Storage functions of what a local place shows beside its posts: whether the bot is at work, and a title."""

from collections.abc import Mapping

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects import postgresql

from adapters.local.tables import local_statuses

_STATUS = postgresql.insert(local_statuses)


def put_status(connection: Connection, workspace: str, channel: str, root: str, changes: Mapping[str, str]) -> None:
    """Show a status or a title in a place."""
    statement = _STATUS.on_conflict_do_update(
        index_elements=["workspace", "channel", "root"], set_={name: _STATUS.excluded[name] for name in changes}
    )
    connection.execute(statement, {"workspace": workspace, "channel": channel, "root": root, **changes})
    mine = (
        local_statuses.c.workspace == workspace,
        local_statuses.c.channel == channel,
        local_statuses.c.root == root,
    )
    # Nothing to show is no row: each thread would leave one behind.
    nothing = (local_statuses.c.status == "idle", local_statuses.c.title == "")
    connection.execute(delete(local_statuses).where(*mine, *nothing))


def get_status(connection: Connection, workspace: str, channel: str, root: str) -> tuple[str, str]:
    """The status and the title of a place."""
    mine = (
        local_statuses.c.workspace == workspace,
        local_statuses.c.channel == channel,
        local_statuses.c.root == root,
    )
    row = connection.execute(select(local_statuses.c.status, local_statuses.c.title).where(*mine)).one_or_none()
    return ("idle", "") if row is None else (row.status, row.title)
