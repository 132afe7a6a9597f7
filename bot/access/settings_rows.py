"""Storage functions for what a workspace's admins chose: each change is a version, and none is ever overwritten."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select

from bot.access.disclosure import Disclosure, Operator, facts_of
from bot.access.disclosure_rows import current_disclosure
from bot.access.role_rows import OPERATOR, lock_settings, require_admin
from bot.access.scope import Scope
from bot.access.workspace_settings import DEFAULTS, WorkspaceSettings, changed_settings, from_stored, stored
from bot.errors import NotFound
from bot.storage.tables import people, workspace_settings

#: How the operator stands in the history.
BY_OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Chosen:
    """What holds, and its version: 0 where nobody chose anything."""

    version: int
    settings: WorkspaceSettings


_NEWEST = (
    select(workspace_settings.c.version, workspace_settings.c.values_)
    .where(workspace_settings.c.workspace_key == bindparam("in_workspace"))
    .order_by(workspace_settings.c.version.desc())
    .limit(1)
)


def chosen_settings(connection: Connection, scope: Scope) -> Chosen:
    """What holds in a workspace now."""
    row = connection.execute(_NEWEST, {"in_workspace": scope.workspace_key}).one_or_none()
    return Chosen(0, DEFAULTS) if row is None else Chosen(row.version, from_stored(row.values_))


_every = workspace_settings.alias("every")
_RETENTIONS = select(workspace_settings.c.workspace_key, workspace_settings.c.values_).where(
    workspace_settings.c.version
    == select(func.max(_every.c.version))
    .where(_every.c.workspace_key == workspace_settings.c.workspace_key)
    .scalar_subquery()
)


def chosen_retentions(connection: Connection) -> dict[int, int]:
    """For how many days messages are kept in the workspaces whose admins chose that, by workspace key."""
    chosen = ((row.workspace_key, from_stored(row.values_).retention_days) for row in connection.execute(_RETENTIONS))
    return {key: days for key, days in chosen if days is not None}


@dataclass(frozen=True, slots=True)
class SettingsChange:
    """A change of settings: what held, what holds, and what people are told from now on."""

    before: Chosen
    after: Chosen
    disclosure: Disclosure

    @property
    def changed(self) -> bool:
        """Whether anything is other than before."""
        return self.before.version != self.after.version


_SUBJECT = select(people.c.subject_id).where(
    people.c.workspace_key == bindparam("in_workspace"), people.c.resource_id == bindparam("of_person")
)
_NEW = insert(workspace_settings)


def change_settings(
    connection: Connection,
    scope: Scope,
    changes: Mapping[str, Any],
    operator: Operator,
    by: str | None,
    now: datetime,
) -> SettingsChange:
    """Change settings. What people are told of it becomes a new disclosure in the same transaction.

    Args:
        connection: in a transaction.
        scope: the program's own.
        changes: the new values by the settings' names; what is not named stays.
        operator: what the operator chose.
        by: the admin who changes it, or the operator (None).
        now: the time.

    Raises:
        NotAllowed: `by` is no admin, now.
        InvalidArgument: there is no such setting, or it cannot have this value; nothing is changed.
    """
    lock_settings(connection, scope)
    require_admin(connection, scope, by)
    before = chosen_settings(connection, scope)
    wanted = changed_settings(before.settings, changes, operator_days=operator.retention_days)
    return _keep(connection, scope, before, wanted, operator, by, now)


def roll_back(
    connection: Connection, scope: Scope, version: int, operator: Operator, by: str | None, now: datetime
) -> SettingsChange:
    """Let the settings of an earlier version hold again, as a new version; 0 is what holds where nobody chose.

    Raises:
        NotAllowed: `by` is no admin, now.
        NotFound: there is no such version.
        InvalidArgument: what held then cannot hold now.
    """
    lock_settings(connection, scope)
    require_admin(connection, scope, by)
    before = chosen_settings(connection, scope)
    values = {} if version == 0 else connection.execute(_VALUES, _version(scope, version)).scalar()
    if values is None:
        raise NotFound(f"There is no version {version} of the settings.")
    # Checked as any other change is: the operator may keep messages for a shorter time than then.
    wanted = changed_settings(from_stored(values), {}, operator_days=operator.retention_days)
    if wanted.retention_days is not None:
        changed_settings(wanted, {"retention_days": wanted.retention_days}, operator_days=operator.retention_days)
    return _keep(connection, scope, before, wanted, operator, by, now)


_VALUES = select(workspace_settings.c.values_).where(
    workspace_settings.c.workspace_key == bindparam("in_workspace"),
    workspace_settings.c.version == bindparam("of_version"),
)


def _version(scope: Scope, version: int) -> dict[str, Any]:
    return {"in_workspace": scope.workspace_key, "of_version": version}


def _keep(
    connection: Connection,
    scope: Scope,
    before: Chosen,
    wanted: WorkspaceSettings,
    operator: Operator,
    by: str | None,
    now: datetime,
) -> SettingsChange:
    after = before
    if wanted != before.settings:
        after = Chosen(before.version + 1, wanted)
        changed_by: str = BY_OPERATOR
        if by is not OPERATOR:
            values = {"in_workspace": scope.workspace_key, "of_person": by}
            changed_by = connection.execute(_SUBJECT, values).scalar_one()
        row = {
            "workspace_key": scope.workspace_key,
            "version": after.version,
            "values_": stored(wanted),
            "changed_by": changed_by,
            "changed_at": now,
        }
        connection.execute(_NEW, row)
    return SettingsChange(before, after, current_disclosure(connection, scope, facts_of(operator, wanted), now))


def set_up_workspace(
    connection: Connection, scope: Scope, changes: Mapping[str, Any], operator: Operator, now: datetime
) -> SettingsChange:
    """Choose for a workspace in which nobody chose anything yet, at the operator's order; elsewhere nothing is done."""
    lock_settings(connection, scope)
    before = chosen_settings(connection, scope)
    if before.version:
        told = current_disclosure(connection, scope, facts_of(operator, before.settings), now)
        return SettingsChange(before, before, told)
    return change_settings(connection, scope, {"set_up": True, **changes}, operator, OPERATOR, now)


@dataclass(frozen=True, slots=True)
class SettingsVersion:
    """A version in the history of a workspace's settings."""

    version: int
    settings: WorkspaceSettings
    at: datetime
    #: The admin, as she is called now; None where she was erased, and for the operator.
    by: str | None
    #: Whether it was the operator.
    by_operator: bool


_HISTORY = (
    select(
        workspace_settings.c.version,
        workspace_settings.c.values_,
        workspace_settings.c.changed_at,
        workspace_settings.c.changed_by,
        people.c.name,
        people.c.resource_id,
    )
    .outerjoin(people, people.c.subject_id == workspace_settings.c.changed_by)
    .where(
        workspace_settings.c.workspace_key == bindparam("in_workspace"),
        workspace_settings.c.version < bindparam("before_version"),
    )
    .order_by(workspace_settings.c.version.desc())
    .limit(bindparam("size"))
)


def settings_history(
    connection: Connection, scope: Scope, before: int | None = None, size: int = 20
) -> tuple[SettingsVersion, ...]:
    """Versions of the settings, the newest first; `before` is the last version of the page before this one."""
    values = {
        "in_workspace": scope.workspace_key,
        "before_version": 2**31 - 1 if before is None else before,
        "size": size,
    }
    return tuple(
        SettingsVersion(
            row.version,
            from_stored(row.values_),
            row.changed_at,
            row.name or row.resource_id,
            row.changed_by == BY_OPERATOR,
        )
        for row in connection.execute(_HISTORY, values)
    )
