"""Storage functions of the commands about settings: a change, and how many people are to hear of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, func, select

from bot.access.disclosure import Operator
from bot.access.role_rows import lock_settings
from bot.access.scope import Scope
from bot.access.settings_rows import SettingsChange, change_settings, chosen_settings, roll_back
from bot.commands.admin.setting_words import merged
from bot.errors import Conflict
from bot.storage.tables import disclosures, people
from bot.turns.held_rows import must_tell

_TOLD: Any = (
    select(disclosures, func.count(people.c.key).label("people"))
    .outerjoin(
        people,
        and_(
            people.c.workspace_key == disclosures.c.workspace_key,
            people.c.told_version == disclosures.c.version,
            people.c.left_at.is_(None),
        ),
    )
    .where(disclosures.c.workspace_key == bindparam("in_workspace"))
    .group_by(*disclosures.c)
    .order_by(disclosures.c.version)
)


def count_untold(connection: Connection, scope: Scope) -> int:
    """How many people were told of less than what holds now, and have to be told again."""
    rows = connection.execute(_TOLD, {"in_workspace": scope.workspace_key}).all()
    return sum(row.people for row in rows if must_tell(row, rows[-1]))


@dataclass(frozen=True, slots=True)
class Made:
    """A change that was made."""

    change: SettingsChange
    #: How many people are to be told of it, who would not have been before.
    untold: int


def make_change(
    connection: Connection, scope: Scope, changes: Mapping[str, Any], operator: Operator, by: str, now: datetime
) -> Made:
    """Change settings; of the channels, those that are named.

    Raises:
        NotAllowed: `by` is no admin, now.
        InvalidArgument: there is no such setting, or it cannot have this value.
        Conflict: they are so already.
    """
    lock_settings(connection, scope)
    before = count_untold(connection, scope)
    wanted = merged(chosen_settings(connection, scope).settings, changes)
    return _made(connection, scope, change_settings(connection, scope, wanted, operator, by, now), before)


def go_back(connection: Connection, scope: Scope, version: int, operator: Operator, by: str, now: datetime) -> Made:
    """Let an earlier version hold again, as a new one.

    Raises:
        NotAllowed: `by` is no admin, now.
        NotFound: there is no such version.
        InvalidArgument: what held then cannot hold now.
        Conflict: it is what holds.
    """
    before = count_untold(connection, scope)
    return _made(connection, scope, roll_back(connection, scope, version, operator, by, now), before)


def _made(connection: Connection, scope: Scope, change: SettingsChange, before: int) -> Made:
    if not change.changed:
        raise Conflict("That is so already; nothing was changed.")
    return Made(change, max(0, count_untold(connection, scope) - before))
