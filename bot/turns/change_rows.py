"""Storage functions that follow the platform: edits, deletions, stops, feedback, who and what changed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql

from bot.access.role_rows import note_presence
from bot.access.scope import Scope
from bot.access.settings_rows import chosen_settings
from bot.agent.titles import title_of_question
from bot.chat import Deletion, Edit, Feedback, InstallationChanged, PersonChanged, PlaceChanged, Stopped
from bot.memory.message_rows import Change, delete_messages, untitle, update_messages
from bot.memory.thread_rows import suggest_title
from bot.memory.turn_rows import mark_based_on, name_person
from bot.memory.workspace_rows import ensure_workspace
from bot.storage.now import SharedNow
from bot.storage.signals import announce
from bot.storage.tables import messages, participants, people, threads, workspaces
from bot.storage.turn_tables import (
    feedback,
    is_open,
    is_waiting,
    jobs,
    leases,
    posts,
    turn_messages,
    turns,
)
from bot.turns.accept_rows import Accepted, first_delivery, lock_names, workspace_scope
from bot.turns.addressing import is_off_record
from bot.turns.held_rows import author_of, edit_held, take_held, untold
from bot.turns.off_record import erase_off_record
from bot.turns.options import TurnOptions
from bot.turns.pending_rows import keep_change, may_come, words_wait
from bot.turns.place_rows import change_place, find_place
from bot.turns.post_rows import BEGUN
from bot.turns.queue_rows import begin_again, outdate
from bot.turns.scrub_rows import queue_scrub
from bot.turns.turn_values import Word, changed

_SAID = (
    select(
        messages.c.key,
        messages.c.id,
        messages.c.seq,
        messages.c.edited_at,
        messages.c.thread_key,
        people.c.resource_id,
        people.c.keeps,
        threads.c.id.label("thread_id"),
    )
    .join(people, people.c.key == messages.c.resource_key)
    .join(threads, threads.c.key == messages.c.thread_key)
    .where(
        messages.c.workspace_key == bindparam("in_workspace"),
        messages.c.id == bindparam("said"),
        messages.c.role == "user",
    )
)
_TURN_OF = (
    select(
        turns.c.key,
        turns.c.id,
        turns.c.state,
        turns.c.restarts,
        turns.c.answer_key,
        turn_messages.c.taken,
        BEGUN.label("begun"),
    )
    .join(turn_messages, turn_messages.c.turn_key == turns.c.key)
    .where(turn_messages.c.message_key == bindparam("message_key"), is_open(turns))
    # Of what is not locked, PostgreSQL gives what was there before it waited for whoever claims the turn.
    .with_for_update(of=[turns, turn_messages], key_share=True)
)


@dataclass(frozen=True, slots=True)
class IncomingEdit:
    """An edit, with its text as it may be stored."""

    edit: Edit
    change: Change


def accept_edit(connection: Connection, given: IncomingEdit, options: TurnOptions, now: datetime) -> Accepted:
    """Take over an edit. One that comes before its message waits for it, if that will be the bot's."""
    edit = given.edit
    scope = workspace_scope(connection, edit.person.workspace_id, now)
    if scope is None:
        return Accepted("ignored")
    said = {"in_workspace": scope.workspace_key, "said": edit.utterance_id}
    lock_names(connection, scope, (edit.utterance_id,))
    stored = connection.execute(_SAID, said).one_or_none()
    if stored is None:
        return _early(connection, scope, given, options, now)
    if not first_delivery(connection, scope, edit.delivery_id, now):
        return Accepted("repeated")
    stale = stored.edited_at is not None and stored.edited_at >= edit.edited_at
    if stale or stored.resource_id != edit.person.resource_id:
        return Accepted("ignored")
    author = scope.of_person(edit.person.resource_id)
    # The thread's row is locked before the turn's, as everywhere.
    if not update_messages(connection, author, [given.change], edit.edited_at):
        return Accepted("ignored")
    off_record = _keep_or_not(connection, scope, stored, given.change.text or "")
    mark_based_on(connection, [stored.key], now)
    opened = _turn_of(connection, stored.key)
    if off_record and opened is None:
        # It was answered long ago.
        erase_off_record(connection, stored.thread_key, now)
    word: Word = ""
    # A turn that waits reads its question when it is worked, unless its answer waits to be delivered.
    if opened is not None and opened.taken and (opened.state != "queued" or opened.answer_key is not None):
        word = begin_again(connection, opened, options, also_begun=True)
        if word:
            announce(connection, word)
    return Accepted("turn" if word else "ignored", (word,))


def _keep_or_not(connection: Connection, scope: Scope, stored: Any, words: str) -> bool:
    """See to what an edit does to a message's being kept: whether it is off the record now."""
    off_record = not stored.keeps or (is_off_record(words) and chosen_settings(connection, scope).settings.off_record)
    if off_record:
        connection.execute(update(messages).where(messages.c.key == stored.key).values(off_record=True))
        untitle(connection, [stored.key])
    elif stored.seq == 1 and (title := title_of_question(words)):
        suggest_title(connection, scope.of_person(stored.resource_id), stored.thread_id, title, "question")
    return bool(off_record)


def _early(connection: Connection, scope: Scope, given: IncomingEdit, options: TurnOptions, now: datetime) -> Accepted:
    """An edit of a message that is not stored: it waits for its author to be told, or for the message to come."""
    edit, words, author_id = given.edit, given.change.text, given.edit.person.resource_id
    if edit_held(connection, scope, edit.utterance_id, author_id, words or ""):
        first_delivery(connection, scope, edit.delivery_id, now)
        return Accepted("held")
    if not may_come(connection, scope, edit, now, options):
        return Accepted("ignored")
    if not first_delivery(connection, scope, edit.delivery_id, now):
        return Accepted("repeated")
    author = author_of(connection, scope, author_id)
    if options.disclose and (author is None or not author.keeps or untold(connection, scope, author)):
        # Nothing is kept of whoever was not told, or wants nothing kept: the message comes as it was said first.
        return Accepted("ignored")
    keep_change(connection, scope, edit.utterance_id, edit.edited_at, now, text=words, resource_id=author_id)
    return Accepted("ignored")


def _turn_of(connection: Connection, message_key: int) -> Any:
    """The open turn that is to answer a message, locked."""
    values = {"message_key": message_key}
    # Who waited for the end of a turn has not seen the next one, to which the message was carried over.
    return connection.execute(_TURN_OF, values).one_or_none() or connection.execute(_TURN_OF, values).one_or_none()


_THREADS_OF = (
    select(threads.c.key)
    .where(
        threads.c.key.in_(
            select(messages.c.thread_key).where(
                messages.c.workspace_key == bindparam("in_workspace"),
                messages.c.id.in_(bindparam("said", expanding=True)),
                messages.c.role == "user",
            )
        )
    )
    .order_by(threads.c.key)
    .with_for_update(key_share=True)
)


def accept_deletion(connection: Connection, deletion: Deletion, now: datetime) -> Accepted:
    """Erase what was deleted on the platform; what has not come yet will not be taken in."""
    scope = workspace_scope(connection, deletion.workspace_id, now)
    if scope is None:
        return Accepted("ignored")
    names = tuple(dict.fromkeys(deletion.utterance_ids))
    lock_names(connection, scope, names)
    if not first_delivery(connection, scope, deletion.delivery_id, now):
        return Accepted("repeated")
    # Threads are locked before turns and messages, in one order, as everywhere.
    connection.execute(_THREADS_OF, {"in_workspace": scope.workspace_key, "said": names})
    words: list[Word] = []
    erased = False
    for utterance_id in names:
        stored = connection.execute(_SAID, {"in_workspace": scope.workspace_key, "said": utterance_id}).one_or_none()
        if stored is None:
            if take_held(connection, scope, utterance_id) is None:
                erased |= words_wait(connection, scope, utterance_id)
                keep_change(connection, scope, utterance_id, now, now)
            else:
                erased = True
            continue
        turn = _turn_of(connection, stored.key)
        mark_based_on(connection, [stored.key], now)
        delete_messages(connection, scope, [utterance_id])
        erased = True
        if turn is not None:
            outdate(connection, turn.key)
            words.append(changed(turn.id))
    for word in words:
        announce(connection, word)
    if erased:
        queue_scrub(connection, now)
    return Accepted("deleted", tuple(words))


_RUNNING = (
    select(turns.c.key, turns.c.id, turns.c.answer_key, BEGUN.label("begun"))
    .join(people, people.c.key == turns.c.resource_key)
    .where(
        turns.c.place_key == bindparam("in_place"),
        people.c.resource_id == bindparam("of_person"),
        is_open(turns),
    )
    .with_for_update(of=turns, key_share=True)
)


_STOP = update(turns).where(turns.c.key == bindparam("turn_key")).values(stop_requested=True, ready_at=SharedNow())
_STOPPED_TOO = update(turn_messages).where(turn_messages.c.turn_key == bindparam("of_turn")).values(taken=True)


def accept_stop(connection: Connection, stopped: Stopped, now: datetime) -> Accepted:
    """Stop the person's own open turn in a place, with all that she has said for it so far.

    What she says afterwards, and what waits until the answer that is being shown has ended, becomes her next turn.
    """
    scope = workspace_scope(connection, stopped.person.workspace_id, now)
    if scope is None or not first_delivery(connection, scope, stopped.delivery_id, now):
        return Accepted("ignored")
    place = find_place(connection, scope, stopped.place.place_id)
    if place is None:
        return Accepted("ignored")
    values = {"in_place": place.key, "of_person": stopped.person.resource_id}
    words: list[Word] = []
    for turn in connection.execute(_RUNNING, values).all():
        # Where it waits to be tried again, it waits no longer.
        connection.execute(_STOP, {"turn_key": turn.key, "now": now})
        if turn.answer_key is None and not turn.begun:
            connection.execute(_STOPPED_TOO, {"of_turn": turn.key})
        words.append(changed(turn.id))
        announce(connection, words[-1])
    return Accepted("turn" if words else "ignored", tuple(words))


_ANSWER_OF_POST = (
    select(turns.c.answer_key, people.c.key.label("resource_key"))
    .join(posts, posts.c.turn_key == turns.c.key)
    .join(participants, participants.c.thread_key == turns.c.thread_key)
    .join(people, people.c.key == participants.c.resource_key)
    .where(
        posts.c.workspace_key == bindparam("in_workspace"),
        posts.c.post_id == bindparam("post_id"),
        people.c.resource_id == bindparam("of_person"),
        turns.c.answer_key.is_not(None),
    )
    .limit(1)
)
_FEEDBACK = postgresql.insert(feedback)


def accept_feedback(connection: Connection, given: Feedback, now: datetime) -> Accepted:
    """Store what a participant of a thread thinks of an answer in it."""
    scope = workspace_scope(connection, given.person.workspace_id, now)
    if scope is None or not first_delivery(connection, scope, given.delivery_id, now):
        return Accepted("ignored")
    values = {
        "in_workspace": scope.workspace_key,
        "post_id": given.post_id,
        "of_person": given.person.resource_id,
    }
    found = connection.execute(_ANSWER_OF_POST, values).one_or_none()
    if found is None:
        return Accepted("ignored")
    own = (feedback.c.message_key == found.answer_key, feedback.c.resource_key == found.resource_key)
    if given.value == "none":
        connection.execute(delete(feedback).where(*own))
        return Accepted("ignored")
    statement = _FEEDBACK.on_conflict_do_update(
        index_elements=["message_key", "resource_key"],
        set_={"value": _FEEDBACK.excluded.value, "at": _FEEDBACK.excluded.at},
    )
    row = {"message_key": found.answer_key, "resource_key": found.resource_key, "value": given.value, "at": now}
    connection.execute(statement, row)
    return Accepted("ignored")


def accept_place_change(connection: Connection, given: PlaceChanged, now: datetime) -> Accepted:
    """Take over what a place is now."""
    scope = workspace_scope(connection, given.place.workspace_id, now)
    if scope is not None and first_delivery(connection, scope, given.delivery_id, now):
        change_place(connection, scope, given.place, given.state)
    return Accepted("ignored")


def accept_person_change(connection: Connection, given: PersonChanged, now: datetime) -> Accepted:
    """Take over a person's name, and whether she is here: who left has no role while she is away."""
    scope = workspace_scope(connection, given.person.workspace_id, now)
    if scope is not None and first_delivery(connection, scope, given.delivery_id, now):
        if given.person.name:
            name_person(connection, scope, given.person.resource_id, given.person.name)
        note_presence(connection, scope, given.person.resource_id, here=given.active, now=now)
    return Accepted("ignored")


_LEASED_HERE = update(leases).where(
    leases.c.thread_key.in_(
        select(turns.c.thread_key).where(turns.c.workspace_key == bindparam("here"), is_open(turns))
    )
)
_TURNS_HERE = (
    update(turns)
    .where(turns.c.workspace_key == bindparam("here"), is_open(turns))
    .values(state="withdrawn", reason="removed", closed_at=bindparam("at", type_=turns.c.closed_at.type))
    .returning(turns.c.id)
)
_JOBS_HERE = (
    update(jobs)
    .where(jobs.c.workspace_key == bindparam("here"), is_waiting(jobs))
    .values(state="failed", reason="removed", closed_at=bindparam("at", type_=jobs.c.closed_at.type))
)


def accept_installation_change(connection: Connection, given: InstallationChanged, now: datetime) -> Accepted:
    """Note that the bot was let into a workspace or removed from it. Where it was removed, what is owed there ends."""
    key = ensure_workspace(connection, given.workspace_id, now)
    if not first_delivery(connection, Scope("system", key, ()), given.delivery_id, now):
        return Accepted("repeated")
    removed = None if given.installed else now
    unchanged = workspaces.c.removed_at.is_not(None) if removed else workspaces.c.removed_at.is_(None)
    connection.execute(update(workspaces).where(workspaces.c.key == key, ~unchanged).values(removed_at=removed))
    if removed is None:
        return Accepted("ignored")
    # Whoever works one of these finds its lease gone, and posts nothing more.
    connection.execute(_LEASED_HERE.values(owner=None, until=None), {"here": key})
    ended = connection.execute(_TURNS_HERE, {"here": key, "at": now}).scalars().all()
    connection.execute(_JOBS_HERE, {"here": key, "at": now})
    words = tuple(changed(turn_id) for turn_id in ended)
    for word in words:
        announce(connection, word)
    return Accepted("ignored", words)
