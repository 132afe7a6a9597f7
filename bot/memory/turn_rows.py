"""Storage functions of a turn: the question in, the window out, the answer in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, bindparam, insert, select, update

from bot.access.actor import ActorKind
from bot.access.scope import Scope, narrowest_disclosure, person_key, visible_thread
from bot.errors import NotFound
from bot.memory.boundary import Boundary
from bot.memory.drafts import Draft
from bot.memory.message_pages import MessageList, read_messages
from bot.memory.message_rows import save_messages
from bot.memory.paging import Slice
from bot.memory.thread_rows import NewThread, ensure_thread, suggest_title, thread_select
from bot.memory.values import Message, Thread
from bot.storage.tables import ledger, messages, participants, people, threads, usage


@dataclass(frozen=True, slots=True)
class Cost:
    """What a turn's answer cost."""

    model: str
    prompt_tokens: int
    completion_tokens: int
    estimated: bool
    model_calls: int


@dataclass(frozen=True, slots=True)
class Context:
    """What a turn may know of its thread: the thread, its newest messages in order, how its people are called."""

    #: None where there is no such thread yet.
    thread: Thread | None = None
    messages: tuple[Message, ...] = ()
    boundary: Boundary | None = None
    #: Display names by resource id; a person without one stands there under the id.
    names: Mapping[str, str] | None = None


def open_turn(
    connection: Connection, scope: Scope, new: NewThread, question: Draft, title: str, now: datetime
) -> Message:
    """Save a question, in a thread that is made where it is missing (racing first questions make one).

    Raises:
        NotFound: the thread exists, but not for this actor.
    """
    try:
        (message,) = save_messages(connection, scope, [question], now)
    except NotFound:
        # Whoever made it meanwhile: one that is somebody else's is missing again.
        ensure_thread(connection, scope, new)
        (message,) = save_messages(connection, scope, [question], now)
    if message.seq == 1 and title:
        suggest_title(connection, scope, new.id, title, "question")
    return message


def read_context(connection: Connection, scope: Scope, thread_id: str, most: int) -> Context:
    """The newest `most` messages of a thread, with what a prompt must know beside them. Empty where nothing is seen."""
    row = connection.execute(_context(scope.kind), {**scope.values(), "thread_id": thread_id}).one_or_none()
    if row is None:
        return Context()
    *fields, key, boundary = row
    known = connection.execute(_NAMES, {"of_thread": key}).all()
    company = tuple(one.resource_id for one in known)
    thread = Thread(*fields, participants=company)  # type: ignore[misc]
    found = read_messages(connection, scope, MessageList((key,)), Slice(0, most), thread.message_count)
    names = {one.resource_id: one.name or one.resource_id for one in known}
    return Context(thread, found.messages, Boundary.of_document(boundary), names)


@cache
def _context(kind: ActorKind) -> Select[Any]:
    """A visible thread by its id, with where its window begins."""
    found = thread_select(kind).add_columns(threads.c.window_boundary)
    return found.where(visible_thread(kind))


_NAMES = (
    select(people.c.resource_id, people.c.name)
    .join(participants, participants.c.resource_key == people.c.key)
    .where(participants.c.thread_key == bindparam("of_thread"))
    .order_by(participants.c.joined_at, people.c.key)
)
_MESSAGE_KEY = (
    select(messages.c.key)
    .where(messages.c.workspace_key == bindparam("in_workspace"), messages.c.id == bindparam("message_id"))
    .scalar_subquery()
)
_ASKED = (
    select(messages.c.key)
    .join(threads, threads.c.key == messages.c.thread_key)
    .where(
        messages.c.workspace_key == bindparam("in_workspace"),
        messages.c.id == bindparam("message_id"),
        threads.c.id == bindparam("thread_id"),
    )
)
_PAY = (
    insert(usage)
    .values(resource_key=person_key(bindparam("of_person")), message_key=_MESSAGE_KEY)
    .returning(usage.c.message_key)
)


def close_turn(
    connection: Connection,
    scope: Scope,
    answer: Draft,
    cost: Cost,
    now: datetime,
    question_id: str | None = None,
    shown: Sequence[str] = (),
) -> Message:
    """Save an answer with what it cost and with the messages that it is based on.

    Raises:
        NotFound: the thread, or the question in it, was deleted meanwhile; the answer goes with it.
    """
    (message,) = save_messages(connection, scope, [answer], now)
    if question_id is not None:
        # The thread is locked by now: what is deleted is gone, and what is there stays until the answer stands.
        asked = {"in_workspace": scope.workspace_key, "message_id": question_id, "thread_id": answer.thread_id}
        if connection.execute(_ASKED, asked).one_or_none() is None:
            raise NotFound("The question was deleted.")
    values: dict[str, Any] = {
        "in_workspace": scope.workspace_key,
        "of_person": answer.resource_id,
        "message_id": answer.id,
        "workspace_key": scope.workspace_key,
        "at": now,
        "model": cost.model,
        "prompt_tokens": cost.prompt_tokens,
        "completion_tokens": cost.completion_tokens,
        "estimated": cost.estimated,
        "model_calls": cost.model_calls,
    }
    answer_key = connection.execute(_PAY, values).scalar()
    if shown and answer_key is not None:
        enter_ledger(connection, scope, answer_key, shown)
        _narrow(connection, scope, answer.id, shown)
    return message


_DISCLOSURES = (
    select(messages.c.disclosure)
    .where(messages.c.workspace_key == bindparam("in_workspace"), messages.c.id.in_(bindparam("ids", expanding=True)))
    .distinct()
)
_NARROWEST = select(narrowest_disclosure())
_BEARS = (
    update(messages)
    .where(messages.c.workspace_key == bindparam("in_workspace"), messages.c.id == bindparam("message_id"))
    .values(disclosure=bindparam("version"))
)


def _narrow(connection: Connection, scope: Scope, answer_id: str, shown: Sequence[str]) -> None:
    """Let an answer be read by nobody who may not read all that it is based on: it may repeat any of it."""
    here = {"in_workspace": scope.workspace_key}
    ids = list(dict.fromkeys((*shown, answer_id)))
    versions = connection.execute(_DISCLOSURES, {**here, "ids": ids}).scalars().all()
    if len(versions) < 2:  # noqa: PLR2004 (its own is among them)
        return
    narrowest = 0 if 0 in versions else connection.execute(_NARROWEST, {**here, "versions": list(versions)}).scalar()
    connection.execute(_BEARS, {**here, "message_id": answer_id, "version": narrowest or 0})


_SHOWN = select(messages.c.key).where(
    messages.c.workspace_key == bindparam("in_workspace"), messages.c.id.in_(bindparam("ids", expanding=True))
)


def enter_ledger(connection: Connection, scope: Scope, answer_key: int, shown: Sequence[str]) -> None:
    """Note which messages an answer is based on. Those that were deleted meanwhile are not among them."""
    values = {"in_workspace": scope.workspace_key, "ids": list(dict.fromkeys(shown))}
    rows = [{"answer_key": answer_key, "source_key": key} for key in connection.execute(_SHOWN, values).scalars()]
    if rows:
        connection.execute(insert(ledger), rows)


def mark_based_on(connection: Connection, source_keys: Sequence[int], at: datetime) -> None:
    """Mark the answers that were based on these messages: what they rest on was changed or deleted since."""
    based = select(ledger.c.answer_key).where(ledger.c.source_key.in_(source_keys))
    rows = connection.execute(select(messages.c.key, messages.c.metadata_).where(messages.c.key.in_(based))).all()
    for row in rows:
        changed = row.metadata_ | {"source_changed_at": at.isoformat()}
        connection.execute(update(messages).where(messages.c.key == row.key).values(metadata_=changed))


_NAME = (
    update(people)
    .where(
        people.c.workspace_key == bindparam("in_workspace"),
        people.c.resource_id == bindparam("of_person"),
        people.c.name != bindparam("new_name"),
    )
    .values(name=bindparam("new_name"))
)


def name_person(connection: Connection, scope: Scope, resource_id: str, name: str) -> None:
    """Remember how the platform calls a person who is known."""
    connection.execute(_NAME, {"in_workspace": scope.workspace_key, "of_person": resource_id, "new_name": name})
