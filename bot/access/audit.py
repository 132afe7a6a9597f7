"""The record of privileged acts: chained rows, committed before anything is shown."""

import hmac
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, insert, select, update
from sqlalchemy.dialects import postgresql

from bot.access.anchor import Head
from bot.access.chain import Link, digest_of
from bot.access.scope import Scope
from bot.access.secret import Secrets
from bot.errors import NotFound
from bot.storage.columns import EPOCH
from bot.storage.tables import audit, audit_heads, people, workspaces

#: The acts that read a person's words. Others change something, or read what is nobody's words.
READING = ("list", "open", "search", "export", "facts")
_OBJECT_CHARACTERS = 16


@dataclass(frozen=True, slots=True)
class Act:
    """Who did what to whom, how, when and why. People are named by their resource ids, conversations by theirs."""

    at: datetime
    actor_id: str
    #: As what she acts: "supervisor", "admin", "operator", "person", or "system" for the program itself.
    actor_kind: str
    #: One of `READING`, or a short word for anything else.
    action: str
    #: Whom it is about: a row for each, whether or not there is such a person; without any, one row about nobody.
    persons: tuple[str, ...] = ()
    #: Which conversation; "" for none.
    thread_id: str = ""
    #: "done" or "refused".
    outcome: str = "done"
    #: Why, as the person is shown it, and in words that stand here alone.
    category: str = ""
    note: str = ""


_HERE = people.c.workspace_key == bindparam("in_workspace")
_NEW_PERSON = postgresql.insert(people).on_conflict_do_nothing(index_elements=["workspace_key", "resource_id"])
_SUBJECT = select(people.c.subject_id).where(_HERE, people.c.resource_id == bindparam("of_person"))
_SUBJECTS = select(people.c.resource_id, people.c.subject_id).where(
    _HERE, people.c.resource_id.in_(bindparam("persons", expanding=True))
)
_NEW_HEAD = postgresql.insert(audit_heads).on_conflict_do_nothing(index_elements=["workspace_key"])
_UNCHAINED = select(func.coalesce(func.max(audit.c.seq), 0)).where(audit.c.workspace_key == bindparam("in_workspace"))
_HEAD = (
    select(audit_heads.c.seq, audit_heads.c.digest, workspaces.c.id)
    .join(workspaces, workspaces.c.key == audit_heads.c.workspace_key)
    .where(audit_heads.c.workspace_key == bindparam("in_workspace"))
    .with_for_update(of=audit_heads)
)
_WORKSPACE = select(workspaces.c.id).where(workspaces.c.key == bindparam("in_workspace"))
_RECORD = insert(audit)
_MOVE_HEAD = update(audit_heads).where(audit_heads.c.workspace_key == bindparam("in_workspace"))


def object_id(secrets: Secrets, thread_id: str) -> str:
    """How the audit names a conversation: the same one alike, and nothing of it can be told from the name."""
    if not thread_id:
        return ""
    return hmac.digest(secrets.objects, thread_id.encode("utf-8", "surrogatepass"), "sha256").hex()[:_OBJECT_CHARACTERS]


def record(connection: Connection, scope: Scope, act: Act, secrets: Secrets, *, subject_id: str) -> Head:
    """Write an act, and return where the workspace's audit ends then. Somebody unknown leaves a row without a subject.

    Whoever calls this writes what is returned to the anchor after the commit, and shows nothing before
    (`bot.access.recorder.Recorder` does).

    Args:
        connection: in the transaction of the act itself, where it changes something.
        scope: whose workspace is meant.
        act: what is done.
        secrets: the audit's key is among them.
        subject_id: random; whoever acts becomes known under it where she is not known yet.

    Raises:
        NotFound: there is no such workspace.
    """
    here = {"in_workspace": scope.workspace_key}
    last = _locked_head(connection, scope)
    actor = act.actor_id if act.actor_kind == "system" else _subject_of_actor(connection, scope, act, subject_id)
    found = connection.execute(_SUBJECTS, {**here, "persons": list(act.persons)}).all() if act.persons else []
    subjects: dict[str, str] = {row.resource_id: row.subject_id for row in found}
    rows = []
    for link in _links(
        act, actor, [subjects.get(one) for one in act.persons] or [None], object_id(secrets, act.thread_id)
    ):
        placed = replace(link, seq=last.seq + 1)
        digest = digest_of(secrets.audit, last.workspace_id, placed, last.digest or last.workspace_id)
        last = replace(last, seq=placed.seq, digest=digest, at=act.at)
        rows.append({"workspace_key": scope.workspace_key, **asdict(placed), "digest": digest})
    connection.execute(_RECORD, rows)
    connection.execute(_MOVE_HEAD, {**here, "seq": last.seq, "digest": last.digest})
    return last


def _locked_head(connection: Connection, scope: Scope) -> Head:
    """The end of the workspace's audit, which nobody else moves before this transaction ends."""
    here = {"in_workspace": scope.workspace_key}
    head = connection.execute(_HEAD, here).one_or_none()
    if head is None:
        if connection.execute(_WORKSPACE, here).scalar() is None:
            raise NotFound("There is no such workspace.")
        # Rows from before there was a chain keep their numbers.
        before = connection.execute(_UNCHAINED, here).scalar_one()
        connection.execute(_NEW_HEAD, {"workspace_key": scope.workspace_key, "seq": before, "digest": ""})
        head = connection.execute(_HEAD, here).one()
    return Head(head.id, head.seq, head.digest, EPOCH)


def _subject_of_actor(connection: Connection, scope: Scope, act: Act, subject_id: str) -> str:
    values = {"workspace_key": scope.workspace_key, "resource_id": act.actor_id, "subject_id": subject_id}
    asked = {"in_workspace": scope.workspace_key, "of_person": act.actor_id}
    known = connection.execute(_SUBJECT, asked).scalar()
    if known is None:
        connection.execute(_NEW_PERSON, {**values, "created_at": act.at})
        known = connection.execute(_SUBJECT, asked).scalar_one()
    return str(known)


def _links(act: Act, actor: str, subjects: list[str | None], conversation: str) -> Iterator[Link]:
    for subject in subjects:
        yield Link(
            0,
            act.at,
            actor,
            act.actor_kind,
            act.action,
            subject,
            conversation,
            act.outcome,
            act.category,
            act.note,
        )
