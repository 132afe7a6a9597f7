"""Storage function of what a person is told of who has become able to read her conversations."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, bindparam, or_, select

from bot.access.scope import Scope
from bot.access.settings_rows import chosen_settings
from bot.storage.tables import audit, people, roles, scopes

#: The acts by which somebody becomes able to read others, or more of them, as the audit names them.
GIVING = ("role given", "scope widened")
#: Between what an act writes and its own row lies no more than this.
_TOGETHER = timedelta(minutes=1)
#: Most rows that are looked at for one answer.
_MOST = 50


@dataclass(frozen=True, slots=True)
class NewReader:
    """Somebody who may read a person's conversations, and could not before."""

    name: str
    #: "everyone", "person" or "channel": by what.
    kind: str
    since: datetime
    #: The row of the audit that says so.
    seq: int


_reader = people.alias("reader")
_person = people.alias("person")
_NEW: Any = (
    select(_reader.c.resource_id, _reader.c.name, scopes.c.kind, scopes.c.granted_at, audit.c.seq, audit.c.at)
    .select_from(_person)
    .join(audit, audit.c.workspace_key == _person.c.workspace_key)
    .join(_reader, _reader.c.subject_id == audit.c.subject_id)
    .join(roles, and_(roles.c.resource_key == _reader.c.key, roles.c.role == "supervisor"))
    .join(scopes, scopes.c.resource_key == _reader.c.key)
    .where(
        _person.c.workspace_key == bindparam("in_workspace"),
        _person.c.resource_id == bindparam("of_person"),
        # Whoever was never told anything hears of all readers before her first word is kept.
        _person.c.told_version.is_not(None),
        audit.c.seq > _person.c.told_readings,
        audit.c.action.in_(GIVING),
        audit.c.outcome == "done",
        # She knows what she did herself.
        audit.c.actor_id != _person.c.subject_id,
        _reader.c.workspace_key == _person.c.workspace_key,
        _reader.c.key != _person.c.key,
        _reader.c.left_at.is_(None),
        scopes.c.granted_at > _person.c.created_at,
        or_(scopes.c.kind != "person", scopes.c.value == _person.c.resource_id),
    )
    .order_by(audit.c.seq.desc(), scopes.c.granted_at.desc(), scopes.c.kind)
    .limit(_MOST)
)


def new_readers(connection: Connection, scope: Scope, resource_id: str) -> list[NewReader]:
    """Who has become able to read a person's conversations, and she was not told of it; the newest first, each once.

    Nobody where supervision is off: nobody can read them then.
    """
    supervised = chosen_settings(connection, scope).settings.supervision
    if supervised == "off":
        return []
    found: dict[str, NewReader] = {}
    for row in connection.execute(_NEW, {"in_workspace": scope.workspace_key, "of_person": resource_id}):
        # An older permission is not what this act gave.
        if abs(row.at - row.granted_at) <= _TOGETHER and row.resource_id not in found:
            found[row.resource_id] = NewReader(row.name or row.resource_id, row.kind, row.granted_at, row.seq)
    return list(found.values())
