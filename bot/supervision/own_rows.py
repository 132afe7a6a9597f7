"""Storage functions of a person's own export: that it is wanted, and what is kept of her beside her conversations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select

from bot.access.scope import Scope
from bot.chat import PlaceRef
from bot.memory.portions import portions
from bot.storage.signals import announce
from bot.storage.tables import audit, messages, participants, people, roles, scopes, threads, usage
from bot.storage.turn_tables import feedback, is_waiting, jobs, places
from bot.turns.job_rows import NewJob, queue_job
from bot.turns.place_rows import lock_place
from bot.turns.turn_values import Word

#: The kind of the job.
EXPORT = "export"

_PERSON = select(people).where(
    people.c.workspace_key == bindparam("in_workspace"), people.c.resource_id == bindparam("of_person")
)
_LOCKED = _PERSON.with_for_update(key_share=True)
_WAITS = select(jobs.c.key).where(
    jobs.c.resource_key == bindparam("person_key"), jobs.c.kind == EXPORT, is_waiting(jobs)
)


def order_export(
    connection: Connection, scope: Scope, export_id: str, resource_id: str, place: PlaceRef, now: datetime
) -> Word | None:
    """Queue a person's export, which goes to her direct conversation: the word that wakes a worker.

    Returns:
        "" where one is being made already; None where nothing is kept of her.
    """
    values = {"in_workspace": scope.workspace_key, "of_person": resource_id}
    person = connection.execute(_LOCKED, values).one_or_none()
    if person is None:
        return None
    if connection.execute(_WAITS, {"person_key": person.key}).first() is not None:
        return ""
    place_key = lock_place(connection, scope, place, now).key
    new = NewJob(f"{EXPORT}:{export_id}", EXPORT, {}, scope.workspace_key, person.key, place_key)
    word = queue_job(connection, new, now)
    announce(connection, word)
    return word


_HERE = (
    select(threads.c.id)
    .join(places, places.c.thread_key == threads.c.key)
    .join(participants, participants.c.thread_key == threads.c.key)
    .join(people, people.c.key == participants.c.resource_key)
    .where(
        places.c.workspace_key == bindparam("in_workspace"),
        places.c.id == bindparam("place_id"),
        people.c.resource_id == bindparam("of_person"),
    )
)


def conversation_here(connection: Connection, scope: Scope, place_id: str, resource_id: str) -> str | None:
    """The conversation that goes on in a place, if this person takes part in it."""
    values = {"in_workspace": scope.workspace_key, "place_id": place_id, "of_person": resource_id}
    return connection.execute(_HERE, values).scalar()


_LAST = (
    select(messages.c.id, messages.c.text)
    .join(threads, threads.c.key == messages.c.thread_key)
    .join(people, people.c.key == messages.c.resource_key)
    .where(
        threads.c.workspace_key == bindparam("in_workspace"),
        threads.c.id == bindparam("thread_id"),
        people.c.resource_id == bindparam("of_person"),
        messages.c.role == "user",
    )
    .order_by(messages.c.sent_at.desc(), messages.c.seq.desc())
    .limit(1)
)


def last_said(connection: Connection, scope: Scope, thread_id: str, resource_id: str) -> tuple[str, str] | None:
    """What a person said last in a conversation: its id and its text."""
    values = {"in_workspace": scope.workspace_key, "thread_id": thread_id, "of_person": resource_id}
    row = connection.execute(_LAST, values).one_or_none()
    return None if row is None else (row.id, row.text)


@dataclass(frozen=True, slots=True)
class OwnData:
    """What is kept of a person beside her conversations: rows by what they are, as values for a document."""

    person: Mapping[str, Any]
    lists: Mapping[str, tuple[Mapping[str, Any], ...]]


_READER = select(people.c.name).where(people.c.subject_id == audit.c.actor_id).scalar_subquery()
_of_her: Any = bindparam("person_key")
#: The lists of the document: its rows, and the columns as they are called there.
_LISTS: Mapping[str, Any] = {
    "usage": select(
        usage.c.at,
        usage.c.model,
        usage.c.prompt_tokens,
        usage.c.completion_tokens,
        usage.c.estimated,
        usage.c.model_calls,
    )
    .where(usage.c.resource_key == _of_her)
    .order_by(usage.c.at, usage.c.key),
    "ratings": select(messages.c.id.label("message"), feedback.c.value, feedback.c.at)
    .join(messages, messages.c.key == feedback.c.message_key)
    .where(feedback.c.resource_key == _of_her)
    .order_by(feedback.c.at, feedback.c.message_key),
    "roles": select(roles.c.role, roles.c.source, roles.c.granted_at)
    .where(roles.c.resource_key == _of_her)
    .order_by(roles.c.role, roles.c.source),
    # Whom a permission names is somebody else's.
    "permissions": select(scopes.c.kind, scopes.c.granted_at)
    .where(scopes.c.resource_key == _of_her)
    .order_by(scopes.c.kind, scopes.c.granted_at),
    "joined": select(threads.c.id.label("conversation"), threads.c.channel_id, participants.c.joined_at)
    .join(threads, threads.c.key == participants.c.thread_key)
    .where(participants.c.resource_key == _of_her)
    .order_by(participants.c.joined_at, threads.c.key),
    # Who read her conversations, and why: the note is the reader's own.
    "readings": select(
        audit.c.at, _READER.label("by"), audit.c.actor_kind.label("as"), audit.c.action, audit.c.category
    )
    .where(
        audit.c.subject_id == bindparam("subject"), audit.c.outcome == "done", audit.c.actor_id != audit.c.subject_id
    )
    .order_by(audit.c.key),
}
_SETTINGS = ("resource_id", "name", "created_at", "told_version", "keeps", "left_at", "told_readings")


def own_data(connection: Connection, scope: Scope, resource_id: str) -> OwnData | None:
    """What is kept of a person beside her conversations and facts; None where nothing is."""
    values = {"in_workspace": scope.workspace_key, "of_person": resource_id}
    person = connection.execute(_PERSON, values).mappings().one_or_none()
    if person is None:
        return None
    hers = {"person_key": person["key"], "subject": person["subject_id"]}
    lists = {
        name: tuple(dict(row) for row in connection.execute(statement, hers).mappings())
        for name, statement in _LISTS.items()
    }
    return OwnData({name: person[name] for name in _SETTINGS}, lists)


_EXTRA = (
    select(messages.c.id, messages.c.disclosure, messages.c.stored_at)
    .join(people, people.c.key == messages.c.resource_key)
    .where(
        people.c.workspace_key == bindparam("in_workspace"),
        people.c.resource_id == bindparam("of_person"),
        messages.c.workspace_key == bindparam("in_workspace"),
        messages.c.id.in_(bindparam("ids", expanding=True)),
    )
)


def kept_under(
    connection: Connection, scope: Scope, resource_id: str, ids: Sequence[str]
) -> dict[str, tuple[int, datetime]]:
    """Under which disclosure each of a person's messages was said, and when it was stored."""
    values = {"in_workspace": scope.workspace_key, "of_person": resource_id}
    found: dict[str, tuple[int, datetime]] = {}
    for some in portions(ids):
        rows = connection.execute(_EXTRA, values | {"ids": some})
        found |= {row.id: (row.disclosure, row.stored_at) for row in rows}
    return found
