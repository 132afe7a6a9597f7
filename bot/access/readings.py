"""Reading the audit: for a person who has read her conversations, for the admins all of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, and_, bindparam, case, exists, func, literal, or_, select, type_coerce

from bot.access.audit import READING
from bot.access.scope import Scope
from bot.storage.columns import Instant
from bot.storage.tables import audit, people, roles

_DAY = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Reading:
    """What one reader did on one day with one person's conversations, for one reason."""

    #: How she is called now; "" where she was erased.
    reader: str
    #: "supervisor", "admin" or "operator".
    reader_kind: str
    action: str
    category: str
    #: When she did it last on that day (UTC).
    at: datetime
    #: How many different conversations she opened.
    conversations: int
    #: The last of the acts, by its number in the audit; pages and notices go by it.
    seq: int


_reader = people.alias("reader")
_subject = people.alias("subject")
_HERE = audit.c.workspace_key == bindparam("in_workspace")
_DAY_OF = type_coerce(audit.c.at, BigInteger) // literal(_DAY, BigInteger)


def _name_of(person: Any) -> Any:
    return case((person.c.name != "", person.c.name), else_=person.c.resource_id)


# Rows from before there was a chain may name a reader who was never known as a person.
_READER = func.coalesce(_name_of(_reader), case((audit.c.digest == "", audit.c.actor_id), else_=""))
_READINGS = (
    select(
        _READER.label("reader"),
        audit.c.actor_kind,
        audit.c.action,
        audit.c.category,
        type_coerce(func.max(audit.c.at), Instant()).label("at"),
        func.count(func.nullif(audit.c.object_id, "").distinct()).label("conversations"),
        func.max(audit.c.seq).label("seq"),
    )
    .select_from(audit)
    .join(_subject, _subject.c.subject_id == audit.c.subject_id)
    .outerjoin(_reader, _reader.c.subject_id == audit.c.actor_id)
    .where(
        _HERE,
        _subject.c.workspace_key == bindparam("in_workspace"),
        _subject.c.resource_id == bindparam("of_person"),
        audit.c.action.in_(READING),
        audit.c.outcome == "done",
        audit.c.seq > bindparam("after"),
    )
    .group_by(audit.c.actor_id, _READER, audit.c.actor_kind, audit.c.action, audit.c.category, _DAY_OF)
    .having(func.max(audit.c.seq) < bindparam("before"))
    .order_by(func.max(audit.c.seq).desc())
    .limit(bindparam("most"))
)
#: No audit has as many rows.
_ENDLESS = (1 << 31) - 1


def readings_of(
    connection: Connection, scope: Scope, resource_id: str, most: int, *, after: int = 0, before: int | None = None
) -> list[Reading]:
    """Who has read a person's conversations, the newest first: for herself and for the program, and for nobody else.

    Args:
        connection: to read on.
        scope: of the person, or of the program itself.
        resource_id: whose conversations.
        most: how many rows at most.
        after: only acts with higher numbers, such as those of which she was not told yet.
        before: goes on behind a page: the `seq` of its last row.
    """
    if scope.kind not in {"person", "system"} or not scope.includes(resource_id):
        return []
    asked = {
        "in_workspace": scope.workspace_key,
        "of_person": resource_id,
        "after": after,
        "before": _ENDLESS if before is None else before,
        "most": most,
    }
    return [
        Reading(row.reader, row.actor_kind, row.action, row.category, row.at, row.conversations, row.seq)
        for row in connection.execute(_READINGS, asked)
    ]


@dataclass(frozen=True, slots=True)
class Recorded:
    """A row of the audit, with the names that people have now; "" for somebody who was erased or never known."""

    seq: int
    at: datetime
    actor: str
    actor_kind: str
    action: str
    subject: str
    object_id: str
    outcome: str
    category: str
    note: str


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which rows are wanted; what is "" does not matter. People are named by their resource ids."""

    action: str = ""
    actor: str = ""
    subject: str = ""


#: An admin who has not left; the program itself needs to be none.
_IS_ADMIN = (
    exists()
    .where(
        roles.c.resource_key == people.c.key,
        roles.c.role == "admin",
        people.c.workspace_key == bindparam("in_workspace"),
        people.c.resource_id == bindparam("for_reader"),
        people.c.left_at.is_(None),
    )
    .correlate(None)
)
_RECORDED = (
    select(
        audit.c.seq,
        audit.c.at,
        _READER.label("actor"),
        audit.c.actor_kind,
        audit.c.action,
        func.coalesce(_name_of(_subject), "").label("subject"),
        audit.c.object_id,
        audit.c.outcome,
        audit.c.category,
        audit.c.note,
    )
    .select_from(audit)
    .outerjoin(_reader, _reader.c.subject_id == audit.c.actor_id)
    .outerjoin(_subject, _subject.c.subject_id == audit.c.subject_id)
    .where(_HERE, audit.c.seq < bindparam("before"))
    .order_by(audit.c.seq.desc())
    .limit(bindparam("most"))
)


def _subject_id(parameter: str) -> Any:
    named = and_(people.c.workspace_key == bindparam("in_workspace"), people.c.resource_id == bindparam(parameter))
    return select(people.c.subject_id).where(named).scalar_subquery()


def read_audit(
    connection: Connection, scope: Scope, wanted: AuditFilter, most: int, *, before: int | None = None
) -> Sequence[Recorded]:
    """A page of the workspace's audit, the newest row first: for an admin and for the program, and for nobody else.

    Whoever shows it records that first, as any act.

    Args:
        connection: to read on.
        scope: of the admin, or of the program itself.
        wanted: which rows.
        most: how many at most.
        before: goes on behind a page: the `seq` of its last row.
    """
    if scope.kind not in {"person", "system"}:
        return []
    statement = _RECORDED if scope.kind == "system" else _RECORDED.where(_IS_ADMIN)
    asked: dict[str, Any] = {**scope.values(), "before": _ENDLESS if before is None else before, "most": most}
    conditions: Mapping[str, Any] = {
        "action": audit.c.action == bindparam("wanted_action"),
        # Rows from before there was a chain may name whoever acted as she was called.
        "actor": or_(
            audit.c.actor_id == _subject_id("wanted_actor"),
            and_(audit.c.digest == "", audit.c.actor_id == bindparam("wanted_actor")),
        ),
        "subject": audit.c.subject_id == _subject_id("wanted_subject"),
    }
    for name, condition in conditions.items():
        if value := getattr(wanted, name):
            statement = statement.where(condition)
            asked[f"wanted_{name}"] = value
    return [Recorded(*row) for row in connection.execute(statement, asked)]
