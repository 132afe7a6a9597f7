"""Storage functions that take a message in: everything about it in one transaction, or nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, bindparam, delete, select, text, update
from sqlalchemy.dialects import postgresql

from bot.access.disclosure_rows import choose_keeping
from bot.access.scope import Scope
from bot.access.settings_rows import chosen_settings
from bot.agent.titles import title_of_question
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
from bot.storage.turn_tables import deliveries_in, pending_changes, utterances
from bot.turns.addressing import Followed, followed, is_off_record
from bot.turns.held_rows import Author, author_of, count_held, hold_message, take_held, untold
from bot.turns.incoming import Incoming
from bot.turns.job_rows import queue_notice
from bot.turns.notices import HELD, NOT_OFF_RECORD
from bot.turns.options import TurnOptions
from bot.turns.place_rows import (
    Replied,
    find_place,
    find_replied,
    join_thread,
    lock_place,
    lock_replied,
    open_thread,
    replied_thread,
    turn_back,
)
from bot.turns.queue_rows import enqueue, haste_of
from bot.turns.rate_rows import refusal, subject_of
from bot.turns.turn_values import Notice, Word
from bot.turns.welcome_rows import queue_welcome

#: Most messages of one person that wait until she was told.
HELD_MESSAGES = 20
#: What became of a delivery. Whichever it is, the platform is told that it was taken in.
Outcome = Literal["turn", "held", "repeated", "ignored", "refused", "deleted"]


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


_LOCK_NAMES = text(
    "SELECT pg_advisory_xact_lock(hashtextextended(name, :in_workspace)) FROM unnest(CAST(:names AS text[])) AS name"
)


def lock_names(connection: Connection, scope: Scope, names: Iterable[str]) -> None:
    """Let what concerns an utterance happen one after the other, also before there is anything of it to lock.

    Otherwise a message and its deletion that come at once would both find nothing of each other. On SQLite one
    transaction writes at a time anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK_NAMES, {"in_workspace": scope.workspace_key, "names": sorted(set(names))})


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
    replied = find_replied(connection, scope, message.replies_to, message.place) if message.replies_to else None
    if not (
        message.addressing in {"mention", "direct"}
        or replied is not None
        or is_followed(connection, scope, message, now, options)
    ):
        return Accepted("ignored")
    lock_names(connection, scope, (message.utterance_id, *message.aliases))
    if not first_delivery(connection, scope, message.delivery_id, now):
        return Accepted("repeated")
    author = _person(connection, scope, given, now)
    if not _claim_utterance(connection, scope, message, author.key, now):
        return Accepted("repeated")
    pending = _pending_change(connection, scope, message)
    if pending is not None and pending.text is None:
        return Accepted("deleted")
    if options.disclose and untold(connection, scope, author):
        said = message if pending is None else replace(message, text=pending.text)
        return _hold(connection, scope, said, author.key, now)
    return _store(connection, scope, given, pending, author, replied, options, now)


def release_held(
    connection: Connection,
    scope: Scope,
    resource_id: str,
    version: int,
    waiting: Sequence[Incoming],
    options: TurnOptions,
    now: datetime,
    *,
    keeps: bool,
) -> tuple[Word, ...]:
    """A person was told of a disclosure and chose: what waited of her is taken in now, in its order.

    Args:
        connection: in a transaction.
        scope: the program's own.
        resource_id: the person.
        version: of the disclosure that she was told of.
        waiting: what `read_held` gave; what does not wait any more is passed over.
        options: limits.
        now: the time.
        keeps: whether her words are to be kept.
    """
    # What is edited or deleted just now is so before, or afterwards.
    lock_names(connection, scope, [given.message.utterance_id for given in waiting])
    author = author_of(connection, scope, resource_id)
    if author is None:
        return ()
    choose_keeping(connection, scope, resource_id, version, keeps=keeps)
    author = replace(author, told_version=version, keeps=keeps)
    words: list[Word] = []
    for given in waiting:
        if take_held(connection, scope, given.message.utterance_id) is None:
            continue
        message = given.message
        replied = find_replied(connection, scope, message.replies_to, message.place) if message.replies_to else None
        words += _store(connection, scope, given, None, author, replied, options, now, waited=True).words
    return tuple(words)


def _hold(connection: Connection, scope: Scope, message: Message, resource_key: int, now: datetime) -> Accepted:
    """Let a message wait until its author was told what is kept, and tell her."""
    place = lock_place(connection, scope, message.place, now)
    who = subject_of(connection, resource_key)
    if count_held(connection, resource_key) >= HELD_MESSAGES:
        full = Notice(f"held:{who}:{now.astimezone(UTC):%Y-%m-%dT%H}", HELD)
        return _refuse(connection, scope, message, full, place.key, now)
    hold_message(connection, scope, resource_key, message, now)
    word = queue_welcome(connection, scope, resource_key, place, message.utterance_id, now)
    return Accepted("held", (word,))


def _store(
    connection: Connection,
    scope: Scope,
    given: Incoming,
    pending: Row[Any] | None,
    author: Author,
    replied: Replied | None,
    options: TurnOptions,
    now: datetime,
    *,
    waited: bool = False,
) -> Accepted:
    """Store a message of a person who was told, and owe her an answer. What waited was counted when it came."""
    message, resource_key = given.message, author.key
    person = scope.of_person(message.person.resource_id)
    draft = given.draft if pending is None else _changed(given.draft, pending.text)
    place = lock_place(connection, scope, message.place, now) if replied is None else lock_replied(connection, replied)
    refused = None if waited else refusal(connection, scope, resource_key, options, now)
    if refused is not None:
        return _refuse(connection, scope, message, refused, place.key, now)
    off_record = is_off_record(draft.text)
    if off_record and not chosen_settings(connection, scope).settings.off_record:
        said = Notice(
            f"off record:{subject_of(connection, resource_key)}:{now.astimezone(UTC):%Y-%m-%dT%H:%M}", NOT_OFF_RECORD
        )
        return _refuse(connection, scope, message, said, place.key, now)
    thread = replied_thread(connection, replied) or open_thread(
        connection, scope, place, message.person.resource_id, given.subject_id, now
    )
    haste = haste_of(connection, thread.key, resource_key, options, now)
    if haste.refused is not None:
        return _refuse(connection, scope, message, haste.refused, place.key, now)
    turn_back(connection, place, replied)
    join_thread(connection, thread, resource_key, now)
    (stored,) = save_messages(connection, person, [replace(draft, thread_id=thread.id)], now)
    if pending is not None:
        _mark(connection, scope, stored.id, edited_at=pending.changed_at)
    if off_record or not author.keeps:
        _mark(connection, scope, stored.id, off_record=True)
    elif stored.seq == 1 and (title := title_of_question(draft.text)):
        suggest_title(connection, person, thread.id, title, "question")
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


def _mark(connection: Connection, scope: Scope, message_id: str, **values: Any) -> None:
    mine = (messages.c.workspace_key == scope.workspace_key, messages.c.id == message_id)
    connection.execute(update(messages).where(*mine).values(**values))


def refuse_message(
    connection: Connection, message: Message, sentence: str, now: datetime, *, daily: bool = False
) -> Accepted:
    """Tell a person why a message for the bot is not stored: at most once a minute, or in each place once a day."""
    scope = workspace_scope(connection, message.person.workspace_id, now)
    if scope is None:
        return Accepted("ignored")
    if not first_delivery(connection, scope, message.delivery_id, now):
        return Accepted("repeated")
    who = f"{scope.workspace_key}:{message.person.resource_id}"
    place = lock_place(connection, scope, message.place, now)
    when = f"{place.key}:{now.astimezone(UTC):%Y-%m-%d}" if daily else f"{now.astimezone(UTC):%Y-%m-%dT%H:%M}"
    notice = Notice(f"unusable:{who}:{when}", sentence)
    return Accepted("refused", (_notify(connection, scope, notice, place.key, now),))


_UNCOUNT = (
    update(utterances)
    .where(utterances.c.workspace_key == bindparam("in_workspace"), utterances.c.id == bindparam("said"))
    .values(resource_key=None)
)


def _refuse(
    connection: Connection, scope: Scope, message: Message, notice: Notice, place_key: int, now: datetime
) -> Accepted:
    """Tell why a message is not taken in. It does not count: who waits as long as she was told is heard again."""
    connection.execute(_UNCOUNT, {"in_workspace": scope.workspace_key, "said": message.utterance_id})
    return Accepted("refused", (_notify(connection, scope, notice, place_key, now),))


def _notify(connection: Connection, scope: Scope, notice: Notice, place_key: int, now: datetime) -> Word:
    word = queue_notice(connection, scope, notice, place_key, now)
    if word:
        announce(connection, word)
    return word


def _person(connection: Connection, scope: Scope, given: Incoming, now: datetime) -> Author:
    """The one who speaks, under the name that the platform shows now.

    Her row is locked: what she says at once, wherever that is, is counted one after the other.
    """
    who = given.message.person
    values = {"in_workspace": scope.workspace_key, "of_person": who.resource_id}
    found = connection.execute(_PERSON, values).one_or_none()
    if found is None:
        ensure_person(connection, scope, who.resource_id, given.subject_id, now)
        found = connection.execute(_PERSON, values).one()
    if who.name and found.name != who.name:
        name_person(connection, scope, who.resource_id, who.name)
    return Author(found.key, found.told_version, found.keeps)


_PERSON = (
    select(people.c.key, people.c.name, people.c.told_version, people.c.keeps)
    .where(people.c.workspace_key == bindparam("in_workspace"), people.c.resource_id == bindparam("of_person"))
    .with_for_update(key_share=True)
)


def claim_name(connection: Connection, scope: Scope, utterance_id: str, now: datetime) -> bool:
    """Claim what was said as a command; whether it was not taken in before. It is no message, and counts as none."""
    row = {"workspace_key": scope.workspace_key, "id": utterance_id, "received_at": now, "resource_key": None}
    return connection.execute(_UTTERANCE, row).scalar() is not None


def _claim_utterance(connection: Connection, scope: Scope, message: Message, resource_key: int, now: datetime) -> bool:
    """Claim all names of what was said; whether none of them was known. It counts once, by whatever name."""
    row = {"workspace_key": scope.workspace_key, "received_at": now, "resource_key": None}
    others = [name for name in dict.fromkeys(message.aliases) if name != message.utterance_id]
    claimed = [connection.execute(_UTTERANCE, row | {"id": name}).scalar() for name in others]
    new = all(name is not None for name in claimed)
    if new:
        # It may have been loaded from an export of the platform.
        values = {"in_workspace": scope.workspace_key, "said": message.utterance_id}
        new = connection.execute(_STORED, values).scalar() is None
    row |= {"id": message.utterance_id, "resource_key": resource_key if new else None}
    return connection.execute(_UTTERANCE, row).scalar() is not None and new


_STORED = select(messages.c.key).where(
    messages.c.workspace_key == bindparam("in_workspace"), messages.c.id == bindparam("said")
)
_PENDING = (
    delete(pending_changes)
    .where(
        pending_changes.c.workspace_key == bindparam("in_workspace"),
        pending_changes.c.utterance_id == bindparam("said"),
    )
    .returning(pending_changes.c.text, pending_changes.c.changed_at, pending_changes.c.resource_id)
)


def _pending_change(connection: Connection, scope: Scope, message: Message) -> Row[Any] | None:
    """The change that came before its message, if any; it waits no longer."""
    values = {"in_workspace": scope.workspace_key, "said": message.utterance_id}
    row: Any = connection.execute(_PENDING, values).one_or_none()
    # Nobody edits what somebody else said.
    return None if row is not None and row.resource_id not in {None, message.person.resource_id} else row


def _changed(draft: Draft, text: str) -> Draft:
    return replace(draft, text=text, terms=tuple(indexed_terms(text)))


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
    if message.replies_to and find_replied(connection, scope, message.replies_to, message.place) is not None:
        return True
    return is_followed(connection, scope, message, now, options)
