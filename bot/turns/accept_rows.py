"""Storage functions that take a message in: everything about it in one transaction, or nothing."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, bindparam, select
from sqlalchemy.dialects import postgresql

from bot.access.scope import Scope
from bot.chat import Message
from bot.memory.drafts import Draft
from bot.memory.message_rows import save_messages
from bot.memory.people_rows import ensure_person
from bot.memory.terms import indexed_terms
from bot.memory.thread_rows import suggest_title
from bot.memory.turn_rows import name_person
from bot.memory.workspace_rows import ensure_workspace
from bot.storage.signals import announce
from bot.storage.tables import messages, participants, people, threads, workspaces
from bot.storage.turn_tables import deliveries_in, pending_changes, posts, utterances
from bot.turns.addressing import Followed, followed
from bot.turns.job_rows import queue_notice
from bot.turns.options import TurnOptions
from bot.turns.place_rows import find_place, join_thread, lock_place, open_thread, replied_place
from bot.turns.queue_rows import enqueue, haste_of
from bot.turns.rate_rows import refusal
from bot.turns.turn_values import Notice, Word

#: What became of a delivery. Whichever it is, the platform is told that it was taken in.
Outcome = Literal["turn", "repeated", "ignored", "refused", "deleted"]


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message, with all that a replay must not make anew."""

    message: Message
    #: Checked, and without its thread, which is found in the transaction.
    draft: Draft
    title: str
    turn_id: str
    subject_id: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """What was done, and which words say so to the workers."""

    outcome: Outcome
    words: tuple[Word, ...] = ()


_DELIVERY = (
    postgresql.insert(deliveries_in)
    .on_conflict_do_nothing(index_elements=["workspace_key", "id"])
    .returning(deliveries_in.c.id)
)
_UTTERANCE = (
    postgresql.insert(utterances)
    .on_conflict_do_nothing(index_elements=["workspace_key", "id"])
    .returning(utterances.c.id)
)
_WORKSPACE = select(workspaces.c.key, workspaces.c.removed_at).where(workspaces.c.id == bindparam("workspace_id"))


def workspace_scope(connection: Connection, workspace_id: str, now: datetime) -> Scope | None:
    """The program's own scope in a workspace, made known where it is not; None where the bot was removed from it."""
    row = connection.execute(_WORKSPACE, {"workspace_id": workspace_id}).one_or_none()
    if row is None:
        return Scope("system", ensure_workspace(connection, workspace_id, now), ())
    return None if row.removed_at is not None else Scope("system", row.key, ())


def first_delivery(connection: Connection, scope: Scope, delivery_id: str, now: datetime) -> bool:
    """Note a delivery; whether it is the first of its id."""
    row = {"workspace_key": scope.workspace_key, "id": delivery_id, "received_at": now}
    return connection.execute(_DELIVERY, row).scalar() is not None


def accept_message(connection: Connection, given: Incoming, options: TurnOptions, now: datetime) -> Accepted:
    """Take a message in: delivery, person, place, thread, participant, message and turn."""
    message = given.message
    scope = workspace_scope(connection, message.person.workspace_id, now)
    if scope is None:
        return Accepted("ignored")
    chain = replied_place(connection, scope, message.replies_to, message.place) if message.replies_to else None
    if not (
        message.addressing in {"mention", "direct"}
        or chain is not None
        or is_followed(connection, scope, message, now, options)
    ):
        return Accepted("ignored")
    if not first_delivery(connection, scope, message.delivery_id, now):
        return Accepted("repeated")
    person = scope.of_person(message.person.resource_id)
    resource_key = _person(connection, scope, given, now)
    if not _claim_utterance(connection, scope, message, resource_key, now):
        return Accepted("repeated")
    draft = _with_pending_change(connection, scope, given.draft)
    if draft is None:
        return Accepted("deleted")
    place = chain or lock_place(connection, scope, message.place, now)
    refused = refusal(connection, scope, resource_key, options, now)
    if refused is not None:
        return Accepted("refused", (_notify(connection, scope, refused, place.key, now),))
    thread = open_thread(connection, scope, place, message.person.resource_id, given.subject_id, now)
    haste = haste_of(connection, thread.key, resource_key, options, now)
    if haste.refused is not None:
        return Accepted("refused", (_notify(connection, scope, haste.refused, place.key, now),))
    join_thread(connection, thread, resource_key, now)
    (stored,) = save_messages(connection, person, [replace(draft, thread_id=thread.id)], now)
    if stored.seq == 1 and given.title:
        suggest_title(connection, person, thread.id, given.title, "question")
    word = enqueue(
        connection,
        scope,
        turn_id=given.turn_id,
        thread_key=thread.key,
        place_key=place.key,
        resource_key=resource_key,
        message_id=stored.id,
        haste=haste.count,
        options=options,
        now=now,
    )
    announce(connection, word)
    return Accepted("turn", (word,))


def _notify(connection: Connection, scope: Scope, notice: Notice, place_key: int, now: datetime) -> Word:
    word = queue_notice(connection, scope, notice, place_key, now)
    if word:
        announce(connection, word)
    return word


def _person(connection: Connection, scope: Scope, given: Incoming, now: datetime) -> int:
    """The key of the one who speaks, under the name that the platform shows now."""
    who = given.message.person
    found = connection.execute(
        _PERSON, {"in_workspace": scope.workspace_key, "of_person": who.resource_id}
    ).one_or_none()
    key = ensure_person(connection, scope, who.resource_id, given.subject_id, now) if found is None else found.key
    if who.name and (found is None or found.name != who.name):
        name_person(connection, scope, who.resource_id, who.name)
    return key


_PERSON = select(people.c.key, people.c.name).where(
    people.c.workspace_key == bindparam("in_workspace"), people.c.resource_id == bindparam("of_person")
)


def _claim_utterance(connection: Connection, scope: Scope, message: Message, resource_key: int, now: datetime) -> bool:
    """Claim all names of what was said; whether none of them was known."""
    row = {"workspace_key": scope.workspace_key, "received_at": now}
    names = dict.fromkeys((message.utterance_id, *message.aliases))
    claimed = [
        connection.execute(
            _UTTERANCE, row | {"id": name, "resource_key": resource_key if name == message.utterance_id else None}
        ).scalar()
        for name in names
    ]
    return all(name is not None for name in claimed)


_PENDING = select(pending_changes.c.text).where(
    pending_changes.c.workspace_key == bindparam("in_workspace"), pending_changes.c.utterance_id == bindparam("said")
)


def _with_pending_change(connection: Connection, scope: Scope, draft: Draft) -> Draft | None:
    """A message with the change that came before it; None where that was its deletion."""
    row = connection.execute(_PENDING, {"in_workspace": scope.workspace_key, "said": draft.id}).one_or_none()
    if row is None:
        return draft
    return None if row.text is None else replace(draft, text=row.text, terms=tuple(indexed_terms(row.text)))


_SPEAKERS = (
    select(people.c.resource_id)
    .join(participants, participants.c.resource_key == people.c.key)
    .where(participants.c.thread_key == bindparam("of_thread"))
    .limit(2)
)
_LAST = select(threads.c.last_message_at).where(threads.c.key == bindparam("of_thread"))


def is_followed(connection: Connection, scope: Scope, message: Message, now: datetime, options: TurnOptions) -> bool:
    """Whether an un-mentioned message is for the bot, by what is known of its thread."""
    if message.addressing != "thread":
        return False
    place = find_place(connection, scope, message.place.place_id)
    return followed(message, _followed(connection, place), now, options.following)


def _followed(connection: Connection, place: Row[Any] | None) -> Followed | None:
    if place is None or place.thread_key is None or place.state != "open":
        return None
    of_thread = {"of_thread": place.thread_key}
    last = connection.execute(_LAST, of_thread).scalar()
    return Followed(connection.execute(_SPEAKERS, of_thread).scalars().all(), last)


def is_for_the_bot(connection: Connection, message: Message, options: TurnOptions, now: datetime) -> bool:
    """As `accept_message` decides it, without changing anything: most that is said in a channel is for others."""
    row = connection.execute(_WORKSPACE, {"workspace_id": message.person.workspace_id}).one_or_none()
    if row is None or row.removed_at is not None:
        return False
    scope = Scope("system", row.key, ())
    if message.replies_to and _is_known(connection, scope, message.replies_to):
        return True
    return is_followed(connection, scope, message, now, options)


def _is_known(connection: Connection, scope: Scope, replies_to: str) -> bool:
    values = {"in_workspace": scope.workspace_key, "replied": replies_to}
    said = select(messages.c.key).where(
        messages.c.workspace_key == bindparam("in_workspace"), messages.c.id == bindparam("replied")
    )
    posted = select(posts.c.key).where(
        posts.c.workspace_key == bindparam("in_workspace"), posts.c.post_id == bindparam("replied")
    )
    return any(connection.execute(one.limit(1), values).scalar() is not None for one in (posted, said))
