"""Storage functions that say what a person is to be told now; the newest disclosure then says just that."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, select

from bot.access.disclosure import Disclosure, DisclosureFacts, Operator, facts_of
from bot.access.disclosure_rows import current_disclosure, supervisors_for
from bot.access.role_rows import lock_settings
from bot.access.scope import Scope
from bot.access.settings_rows import chosen_settings
from bot.storage.tables import workspaces


def telling(
    connection: Connection, scope: Scope, operator: Operator, resource_id: str, now: datetime
) -> tuple[DisclosureFacts, Disclosure]:
    """What holds for a person now, and the disclosure that says so."""
    # Nobody changes the settings between their being read and being told.
    lock_settings(connection, scope)
    supervisors = [one.name for one in supervisors_for(connection, scope, resource_id)]
    facts = facts_of(operator, chosen_settings(connection, scope).settings, supervisors)
    return facts, current_disclosure(connection, scope, facts, now)


_KEYS = (
    select(workspaces.c.key)
    .where(workspaces.c.key > bindparam("after"), workspaces.c.removed_at.is_(None))
    .order_by(workspaces.c.key)
    .limit(bindparam("size"))
)


def workspace_keys(connection: Connection, after: int, size: int = 200) -> Sequence[int]:
    """The next workspaces in which the bot is."""
    return connection.execute(_KEYS, {"after": after, "size": size}).scalars().all()


def disclose_changes(connection: Connection, scope: Scope, operator: Operator, now: datetime) -> Disclosure:
    """Take down what people of a workspace are told from now on, where the operator changed it."""
    lock_settings(connection, scope)
    facts = facts_of(operator, chosen_settings(connection, scope).settings)
    return current_disclosure(connection, scope, facts, now)
