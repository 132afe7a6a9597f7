"""Storage functions of one turn: what a worker reads of it, and how it ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, exists, insert, select, update

from bot.access.scope import Scope
from bot.chat import PersonRef
from bot.errors import TurnLost
from bot.memory.drafts import Draft
from bot.memory.turn_rows import Cost, close_turn
from bot.storage.now import SharedNow
from bot.storage.signals import announce
from bot.storage.tables import messages, people, threads, workspaces
from bot.storage.turn_tables import OPEN_STATES, is_open, places, turn_messages, turns
from bot.turns.lease_rows import free_lease, require_lease, take_next
from bot.turns.options import TurnOptions
from bot.turns.place_rows import place_ref
from bot.turns.post_rows import BEGUN, begin_post, finish_posts, read_posts, require_unchanged, start_sending
from bot.turns.rate_rows import warn_of_budget
from bot.turns.turn_values import Answer, Asked, Closed, Lease, Post, Turn, Word

_MICROSECOND = timedelta(microseconds=1)

_TURN = (
    select(
        turns,
        workspaces.c.id.label("workspace_id"),
        threads.c.id.label("thread_id"),
        threads.c.next_seq,
        places.c.id.label("place_id"),
        places.c.kind.label("place_kind"),
        places.c.name.label("place_name"),
        places.c.within,
        places.c.address,
        people.c.resource_id,
        people.c.name.label("person_name"),
    )
    .join(workspaces, workspaces.c.key == turns.c.workspace_key)
    .join(threads, threads.c.key == turns.c.thread_key)
    .join(places, places.c.key == turns.c.place_key)
    .join(people, people.c.key == turns.c.resource_key)
    .where(turns.c.key == bindparam("turn_key"))
)
_OPEN_QUESTIONS = (
    select(
        turn_messages.c.turn_key,
        turn_messages.c.taken,
        messages.c.id,
        messages.c.text,
        messages.c.sent_at,
        messages.c.seq,
        messages.c.metadata_,
        messages.c.off_record,
    )
    .join(messages, messages.c.key == turn_messages.c.message_key)
    .join(turns, turns.c.key == turn_messages.c.turn_key)
    .where(turns.c.thread_key == bindparam("of_thread"), is_open(turns))
    .order_by(messages.c.sent_at, messages.c.seq)
)
_ANSWER = select(messages.c.text, messages.c.outcome).where(messages.c.key == bindparam("answer_key"))
# Where an answer is stored or can be seen already, or was stopped, what was said since is not answered by it, and
# becomes the next turn: an answer never stands above its question, also where another process goes on with it.
_UNANSWERED = exists().where(
    turns.c.key == bindparam("of_turn"), turns.c.answer_key.is_(None), turns.c.stop_requested.is_(False), ~BEGUN
)
_TAKE_MESSAGES = (
    update(turn_messages)
    .where(turn_messages.c.turn_key == bindparam("of_turn"), turn_messages.c.taken.is_(False), _UNANSWERED)
    .values(taken=True)
)


def claim_turn(
    connection: Connection,
    owner: str,
    platforms: Sequence[str],
    at_work: Sequence[int],
    options: TurnOptions,
    now: datetime,
) -> Turn | None:
    """Lease the oldest turn that may be worked, with all that has been said for it so far; see `take_next`."""
    taken = take_next(connection, owner, platforms, at_work, options, now)
    if taken is None:
        return None
    key, lease = taken
    connection.execute(_TAKE_MESSAGES, {"of_turn": key})
    return _read(connection, key, lease)


def reread_turn(connection: Connection, turn: Turn, options: TurnOptions, now: datetime, *, take: bool) -> Turn:
    """A leased turn as it is now.

    Args:
        connection: in a transaction.
        turn: as it was.
        options: how long a lease lasts.
        now: the time, where one process works.
        take: whether what was said meanwhile is to be answered with it.

    Raises:
        TurnLost: another process has taken it over, or it was closed or erased meanwhile.
    """
    require_lease(connection, turn.thread_key, turn.lease, options, now)
    if take:
        connection.execute(_TAKE_MESSAGES, {"of_turn": turn.key})
    found = _read(connection, turn.key, turn.lease)
    if found is None:
        raise TurnLost
    return found


def _read(connection: Connection, key: int, lease: Lease) -> Turn | None:
    row = connection.execute(_TURN, {"turn_key": key}).one_or_none()
    if row is None or row.state not in OPEN_STATES:
        return None
    questions = connection.execute(_OPEN_QUESTIONS, {"of_thread": row.thread_key}).all()
    answered = None if row.answer_key is None else connection.execute(_ANSWER, {"answer_key": row.answer_key}).one()
    return Turn(
        key=row.key,
        id=row.id,
        workspace_key=row.workspace_key,
        thread_key=row.thread_key,
        thread_id=row.thread_id,
        place=place_ref(row),
        person=PersonRef(row.workspace_id, row.resource_id, row.person_name),
        lease=lease,
        attempts=row.attempts,
        revision=row.revision,
        stop_requested=row.stop_requested,
        asked=tuple(
            Asked(one.id, one.text, one.sent_at, one.seq, one.metadata_, one.off_record)
            for one in questions
            if one.turn_key == key and one.taken
        ),
        waiting=frozenset(one.id for one in questions if one.turn_key != key or not one.taken),
        heard=row.next_seq,
        answer=None if answered is None else Answer(answered.text, answered.outcome),
        posts=read_posts(connection, turn_key=key),
    )


@dataclass(frozen=True, slots=True)
class Recording:
    """An answer to be stored."""

    draft: Draft
    cost: Cost
    #: The messages that the model was shown.
    shown: tuple[str, ...]
    #: The key of the post that is to be sent right afterwards, where nothing was posted so far.
    first_post: str | None


_STORED = select(messages.c.key).where(
    messages.c.workspace_key == bindparam("in_workspace"), messages.c.id == bindparam("said")
)
_NOT_KEPT = (
    update(messages)
    .where(messages.c.workspace_key == bindparam("in_workspace"), messages.c.id == bindparam("said"))
    .values(off_record=True)
)
_ANSWERING = (
    update(turns)
    .where(turns.c.key == bindparam("turn_key"))
    .values(state="answering", answer_key=_STORED.scalar_subquery())
)


def record_answer(
    connection: Connection, turn: Turn, given: Recording, options: TurnOptions, now: datetime
) -> Post | None:
    """Store an answer with its cost and its ledger; from now on the turn is only delivered.

    Raises:
        TurnLost: another process has taken the turn over.
        NotFound: its question was changed or deleted, or the thread is gone. Nothing was stored.
    """
    require_lease(connection, turn.thread_key, turn.lease, options, now)
    stored = {"in_workspace": turn.workspace_key, "said": given.draft.id}
    if connection.execute(_STORED, stored).scalar() is not None:
        # A commit whose success got lost on the way.
        return None if given.first_post is None else begin_post(connection, turn, 0, given.first_post, options, now)
    author = Scope("system", turn.workspace_key, ()).of_person(turn.person.resource_id)
    # The thread's row is locked before the turn's, as everywhere.
    close_turn(connection, author, given.draft, given.cost, now, shown=given.shown)
    if any(one.off_record for one in turn.asked):
        connection.execute(_NOT_KEPT, stored)
    if word := warn_of_budget(connection, turn.workspace_key, turn.place.workspace_id, options, now):
        announce(connection, word)
    require_unchanged(connection, turn)
    connection.execute(_ANSWERING, stored | {"turn_key": turn.key})
    if given.first_post is None:
        return None
    # The lease and the revision were looked at above; nothing was posted before.
    return start_sending(connection, turn.workspace_key, 0, given.first_post, now, turn_key=turn.key)


_NEW_TURN = insert(turns).returning(turns.c.key)
_LEFT = exists().where(turn_messages.c.turn_key == bindparam("turn_key"), turn_messages.c.taken.is_(False))
_CLOSE = (
    update(turns)
    .where(turns.c.key == bindparam("turn_key"), is_open(turns))
    .values(
        state=bindparam("new_state"), closed_at=bindparam("at", type_=turns.c.closed_at.type), reason=bindparam("why")
    )
    .returning(turns.c.key, turns.c.thread_key, turns.c.resource_key, turns.c.place_key, turns.c.haste)
)
_CARRY = (
    update(turn_messages)
    .where(turn_messages.c.turn_key == bindparam("of_turn"), turn_messages.c.taken.is_(False))
    .values(turn_key=bindparam("new_turn"))
)


def finish_turn(connection: Connection, turn: Turn, state: Closed, reason: str, next_id: str, now: datetime) -> Word:
    """Close a turn and let go of its thread. What its author said meanwhile becomes her next turn, `next_id`.

    Raises:
        TurnLost: another process has taken the turn over.
        NotFound: its question was changed since it was read, or it was closed: this is not its end.
    """
    free_lease(connection, turn.thread_key, turn.lease, now)
    require_unchanged(connection, turn)
    finish_posts(connection, turn_key=turn.key)
    closed = connection.execute(_CLOSE, {"turn_key": turn.key, "new_state": state, "at": now, "why": reason}).one()
    if not connection.execute(select(_LEFT), {"turn_key": turn.key}).scalar():
        # Another author's turn may wait in this thread.
        announce(connection, "turn")
        return "turn"
    row = {
        "id": next_id,
        "workspace_key": turn.workspace_key,
        "thread_key": closed.thread_key,
        "place_key": closed.place_key,
        "resource_key": closed.resource_key,
        "state": "queued",
        "queued_at": now,
        "ready_at": now,
        "haste": closed.haste,
    }
    following = connection.execute(_NEW_TURN, row).scalar_one()
    connection.execute(_CARRY, {"of_turn": turn.key, "new_turn": following})
    announce(connection, "turn")
    return "turn"


_RELEASE = (
    update(turns)
    .where(turns.c.key == bindparam("turn_key"), is_open(turns))
    .values(
        state=bindparam("new_state"),
        ready_at=SharedNow("pause"),
        attempts=turns.c.attempts - bindparam("given_back"),
    )
)


def release_turn(connection: Connection, turn: Turn, pause: timedelta, *, counted: bool, now: datetime) -> None:
    """Put a turn back: it is worked again after a pause.

    Args:
        connection: in a transaction.
        turn: leased.
        pause: how long nobody begins it.
        counted: whether this was an attempt; a process that ends gives back what it could not finish uncounted.
        now: the time, where one process works.

    Raises:
        TurnLost: another process has taken it over.
    """
    free_lease(connection, turn.thread_key, turn.lease, now)
    values: dict[str, Any] = {
        "turn_key": turn.key,
        "new_state": "queued",
        "now": now,
        "pause": pause // _MICROSECOND,
        "given_back": 0 if counted else 1,
    }
    connection.execute(_RELEASE, values)
    announce(connection, "turn")
