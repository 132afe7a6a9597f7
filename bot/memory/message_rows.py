"""Storage functions that save, change and delete messages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, Select, Update, bindparam, case, delete, exists, func, or_, select, update
from sqlalchemy.dialects import postgresql

from bot.access.actor import ActorKind
from bot.access.scope import (
    Scope,
    disclosure_for,
    disclosure_of_edit,
    message_in_workspace,
    own_messages,
    person_key,
    visible_thread,
    visible_threads,
)
from bot.errors import Conflict, NotAllowed
from bot.memory.drafts import Draft
from bot.memory.fact_rows import facts_on, forget_groundless
from bot.memory.thread_rows import no_thread
from bot.memory.values import Message
from bot.storage.search import index_messages, unindex_messages
from bot.storage.tables import messages, participants, people, threads

_reader = people.alias("reader")


@cache
def _advance(kind: ActorKind) -> Update:
    """Lock a visible thread, count what it gains, and tell what a new message must know of it."""
    newest = bindparam("newest", type_=threads.c.last_message_at.type)
    returned: list[Any] = [threads.c.key, threads.c.next_seq, threads.c.last_message_at]
    if kind == "person":
        key = person_key(bindparam("for_reader"))
        told = select(_reader.c.told_version).where(_reader.c.key == key).scalar_subquery()
        returned += [key.label("reader_key"), disclosure_for(told).label("disclosure")]
    later = or_(threads.c.last_message_at.is_(None), threads.c.last_message_at < newest)
    return (
        update(threads)
        .where(visible_thread(kind))
        .values(
            next_seq=threads.c.next_seq + bindparam("gained"),
            message_count=threads.c.message_count + bindparam("gained"),
            last_message_at=case((later, newest), else_=threads.c.last_message_at),
            updated_at=bindparam("now", type_=threads.c.updated_at.type),
        )
        .returning(*returned)
    )


_PARTICIPANT_KEYS = (
    select(people.c.resource_id, people.c.key, disclosure_for(people.c.told_version, people).label("disclosure"))
    .join(participants, participants.c.resource_key == people.c.key)
    .where(participants.c.thread_key == bindparam("of_thread"))
)
_INSERT = (
    postgresql.insert(messages)
    .on_conflict_do_nothing(index_elements=["workspace_key", "id"])
    .returning(messages.c.id, messages.c.key)
)


def save_messages(connection: Connection, scope: Scope, drafts: Sequence[Draft], now: datetime) -> list[Message]:
    """Save all or none (R12). An id that its thread already holds is an edit.

    Raises:
        NotFound: a thread does not exist for the actor.
        NotAllowed: a message is another person's than the actor or a participant of the thread.
        Conflict: an id stands in another thread or belongs to another person.
    """
    saved: dict[str, Message] = {}
    # Threads are locked in one order everywhere, so that two saves never wait for each other.
    for thread_id, group in groupby(sorted(drafts, key=lambda one: one.thread_id), key=lambda one: one.thread_id):
        for message in _save_in_thread(connection, scope, thread_id, list(group), now):
            saved[message.id] = message
    return [saved[one.id] for one in drafts]


def _save_in_thread(
    connection: Connection, scope: Scope, thread_id: str, drafts: Sequence[Draft], now: datetime
) -> list[Message]:
    newest = max((one.created_at or now for one in drafts), default=now)
    values = {**scope.values(), "thread_id": thread_id, "gained": len(drafts), "newest": newest, "now": now}
    thread = connection.execute(_advance(scope.kind), values).one_or_none()
    if thread is None:
        raise no_thread(thread_id)
    authors = _authors(connection, scope, thread, drafts)
    first = thread.next_seq - len(drafts)
    stored = [_stored(one, first + number, thread.last_message_at) for number, one in enumerate(drafts)]
    rows = [
        {
            "workspace_key": scope.workspace_key,
            "thread_key": thread.key,
            "seq": message.seq,
            "id": message.id,
            "resource_key": authors[message.resource_id].key,
            "role": message.role,
            "text": message.text,
            "metadata_": message.metadata,
            "outcome": message.outcome,
            "sent_at": message.created_at,
            "disclosure": authors[message.resource_id].disclosure,
            "stored_at": now,
        }
        for message in stored
    ]
    keys = {row.id: row.key for row in connection.execute(_INSERT, rows)}
    index_messages(connection, thread.key, ((keys[one.id], one.terms) for one in drafts if one.id in keys))
    if len(keys) == len(drafts):
        return stored
    edits = [one for one in drafts if one.id not in keys]
    edited = {one.id: _edit(connection, scope, thread, authors[one.resource_id].key, one, now) for one in edits}
    recount(connection, [thread.key])
    return [edited.get(message.id, message) for message in stored]


@dataclass(frozen=True, slots=True)
class _Author:
    """Whose words are stored, and under which disclosure."""

    key: int
    disclosure: int


def _authors(connection: Connection, scope: Scope, thread: Row[Any], drafts: Sequence[Draft]) -> dict[str, _Author]:
    """Those whose words these are: the actor herself, or the thread's participants."""
    authors = {one.resource_id for one in drafts}
    if scope.kind == "person":
        if authors - set(scope.readers):
            raise NotAllowed("You can save only your own messages and the answers to them.")
        return {scope.readers[0]: _Author(thread.reader_key, thread.disclosure)}
    values = {"in_workspace": scope.workspace_key, "of_thread": thread.key}
    rows = connection.execute(_PARTICIPANT_KEYS, values)
    known = {row.resource_id: _Author(row.key, row.disclosure) for row in rows}
    if authors - set(known):
        raise NotAllowed("A message belongs to somebody who takes part in its thread.")
    return known


def _stored(one: Draft, seq: int, newest: datetime) -> Message:
    """A draft as it will be read. Without a time of its own it is the newest of its thread, whatever the clocks say."""
    created_at = one.created_at or newest
    return Message(
        one.id, one.thread_id, one.resource_id, one.role, one.text, created_at, seq, one.metadata, one.outcome
    )  # fmt: skip


def _edit(
    connection: Connection, scope: Scope, thread: Row[Any], author_key: int, one: Draft, now: datetime
) -> Message:
    """Save a draft over the message of the same id, thread and person."""
    same = (
        messages.c.thread_key == thread.key,
        messages.c.resource_key == author_key,
        messages.c.id == one.id,
        messages.c.role == one.role,
    )
    changes: dict[str, Any] = {
        "text": one.text,
        "metadata_": one.metadata,
        "outcome": one.outcome,
        "edited_at": now,
        "disclosure": disclosure_of_edit(),
    }
    if one.created_at is not None:
        changes["sent_at"] = one.created_at
    untitle(connection, connection.execute(select(messages.c.key).where(*same)).scalars().all(), one.text)
    statement = update(messages).where(*same).values(changes)
    statement = statement.returning(messages.c.key, messages.c.seq, messages.c.sent_at)
    row = connection.execute(statement, {"in_workspace": scope.workspace_key}).one_or_none()
    if row is None:
        raise Conflict(f"A message with id {one.id} exists already and is not this one.")
    unindex_messages(connection, [row.key])
    index_messages(connection, thread.key, [(row.key, one.terms)])
    return Message(
        one.id, one.thread_id, one.resource_id, one.role, one.text, row.sent_at, row.seq, one.metadata, one.outcome, now
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Change:
    """A checked change: what is None stays."""

    id: str
    text: str | None
    terms: tuple[str, ...]
    metadata: dict[str, Any] | None


@cache
def _own(kind: ActorKind) -> Select[Any]:
    """The messages with these ids that the actor may change, and their threads, locked."""
    return (
        select(messages.c.key, messages.c.id, messages.c.thread_key, messages.c.metadata_)
        .join(threads, threads.c.key == messages.c.thread_key)
        .where(
            visible_threads(kind),
            own_messages(kind),
            message_in_workspace(),
            messages.c.id.in_(bindparam("ids", expanding=True)),
        )
        .order_by(messages.c.thread_key, messages.c.key)
        # Who closes a turn refers to its thread, and must not wait for who waits for that turn.
        .with_for_update(key_share=True)
    )


_EARLIER = messages.alias("earlier")
_FIRST_QUESTIONS = select(messages.c.thread_key).where(
    messages.c.key.in_(bindparam("keys", expanding=True)),
    messages.c.role == "user",
    messages.c.text.is_distinct_from(bindparam("new_text", type_=messages.c.text.type)),
    ~exists().where(
        _EARLIER.c.thread_key == messages.c.thread_key, _EARLIER.c.role == "user", _EARLIER.c.seq < messages.c.seq
    ),
)
_UNTITLE = (
    update(threads)
    .where(threads.c.key.in_(_FIRST_QUESTIONS), threads.c.title_source.in_(("question", "model")))
    .values(title="", title_source="")
)


def untitle(connection: Connection, keys: Sequence[int], new_text: str | None = None) -> None:
    """Take the titles away that were made of these messages' words, where they are about to go: a title tells them."""
    connection.execute(_UNTITLE, {"keys": keys, "new_text": new_text})


def update_messages(connection: Connection, scope: Scope, changes: Sequence[Change], now: datetime) -> list[str]:
    """Change messages; return the ids of those that there were to change."""
    wanted = {change.id: change for change in changes}
    rows = connection.execute(_own(scope.kind), {**scope.values(), "ids": list(wanted)}).all()
    for row in rows:
        change = wanted[row.id]
        values: dict[str, Any] = {"edited_at": now}
        if change.metadata is not None:
            values["metadata_"] = row.metadata_ | change.metadata
        if change.text is not None:
            untitle(connection, [row.key], change.text)
            values |= {"text": change.text, "disclosure": disclosure_of_edit()}
            unindex_messages(connection, [row.key])
            index_messages(connection, row.thread_key, [(row.key, change.terms)])
        statement = update(messages).where(messages.c.key == row.key).values(values)
        connection.execute(statement, {"in_workspace": scope.workspace_key} if "disclosure" in values else None)
    touched = {row.thread_key for row in rows}
    connection.execute(update(threads).where(threads.c.key.in_(touched)).values(updated_at=now))
    return [row.id for row in rows]


def delete_messages(connection: Connection, scope: Scope, ids: Sequence[str]) -> None:
    """Delete messages with what rests on them alone: index entries, vectors, facts. Unknown ids are no error."""
    rows = connection.execute(_own(scope.kind), {**scope.values(), "ids": list(ids)}).all()
    if not rows:
        return
    keys = [row.key for row in rows]
    touched = facts_on(connection, keys)
    untitle(connection, keys)
    connection.execute(delete(messages).where(messages.c.key.in_(keys)))
    forget_groundless(connection, touched)
    recount(connection, sorted({row.thread_key for row in rows}))


def recount(connection: Connection, thread_keys: Sequence[int]) -> None:
    """Make the threads' counts and newest times true again after messages went or moved in time."""
    of_thread = messages.c.thread_key == threads.c.key
    connection.execute(
        update(threads)
        .where(threads.c.key.in_(thread_keys))
        .values(
            message_count=select(func.count()).select_from(messages).where(of_thread).scalar_subquery(),
            last_message_at=select(func.max(messages.c.sent_at)).where(of_thread).scalar_subquery(),
        )
    )
