"""The record of privileged acts: one row for each, committed before anything is shown."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select

from bot.access.scope import Scope, person_key
from bot.storage.tables import audit, people


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who looked at whom, how, when and why."""

    at: datetime
    actor_id: str
    action: str
    #: The persons whose words were asked for, whether or not there are any.
    persons: tuple[str, ...]
    reason: str


_SUBJECT = select(people.c.subject_id).where(people.c.key == person_key(bindparam("of_person"))).scalar_subquery()
_RECORD = insert(audit).values(subject_id=_SUBJECT)


def record(connection: Connection, scope: Scope, entry: AuditEntry) -> None:
    """Write `entry`, a row for each person. Someone unknown leaves a row without a subject: the attempt is recorded."""
    rows = [
        {
            "in_workspace": scope.workspace_key,
            "of_person": person,
            "workspace_key": scope.workspace_key,
            "at": entry.at,
            "actor_id": entry.actor_id,
            "action": entry.action,
            "reason": entry.reason,
        }
        for person in entry.persons
    ]
    connection.execute(_RECORD, rows)
