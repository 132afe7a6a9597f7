"""Storage functions that queue turns: one open turn for each author in a thread, bursts joined, haste counted."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, exists, insert, select, update
from sqlalchemy.dialects import postgresql

from bot.access.scope import Scope
from bot.memory.message_rows import recount
from bot.storage.columns import Instant
from bot.storage.tables import messages, threads
from bot.storage.turn_tables import is_open, leases, posts, turn_messages, turns
from bot.turns.notices import in_circles
from bot.turns.options import TurnOptions
from bot.turns.post_rows import BEGUN
from bot.turns.turn_values import Notice, Word, changed


@dataclass(frozen=True, slots=True)
class Haste:
    """How many turns in a row were asked for faster than a human can read; and the notice, where it is enough."""

    count: int = 0
    refused: Notice | None = None


_LATEST = (
    select(turns.c.key, turns.c.state, turns.c.closed_at, turns.c.haste)
    .where(turns.c.thread_key == bindparam("of_thread"), turns.c.resource_key == bindparam("of_person"))
    .order_by(turns.c.key.desc())
    .limit(1)
)
_OPEN = (
    select(turns.c.key, turns.c.id, turns.c.state, turns.c.restarts, turns.c.stop_requested, BEGUN.label("begun"))
    .where(
        turns.c.thread_key == bindparam("of_thread"),
        turns.c.resource_key == bindparam("of_person"),
        is_open(turns),
    )
    .with_for_update(key_share=True)
)
# Of what is not locked, PostgreSQL gives what was there before it waited for whoever began a post.
_BEGUN_BY_NOW = select(BEGUN).where(turns.c.key == bindparam("turn_key"))
# Said right after a post of the bot, and first of what was said since.
_HASTEN = (
    update(turns)
    .where(
        turns.c.key == bindparam("turn_key"),
        exists().where(posts.c.turn_key == turns.c.key, posts.c.sent_at > bindparam("lately", type_=Instant())),
        ~exists().where(turn_messages.c.turn_key == turns.c.key, turn_messages.c.taken.is_(False)),
    )
    .values(haste=turns.c.haste + 1)
)
_MESSAGE = select(messages.c.key).where(
    messages.c.workspace_key == bindparam("in_workspace"), messages.c.id == bindparam("said")
)
_BELONGS = (
    postgresql.insert(turn_messages)
    .values(message_key=_MESSAGE.scalar_subquery(), turn_key=bindparam("to_turn"))
    .on_conflict_do_nothing(index_elements=["message_key"])
)
_NEW = insert(turns).returning(turns.c.key)
# Looked for first: an insertion that meets the row waits for whoever renews the lease, who may wait for the thread.
_LEASE = (
    postgresql.insert(leases)
    .from_select(
        ["thread_key"],
        select(threads.c.key).where(
            threads.c.key == bindparam("of_thread"), ~exists().where(leases.c.thread_key == bindparam("of_thread"))
        ),
    )
    .on_conflict_do_nothing(index_elements=["thread_key"])
)


def haste_of(connection: Connection, thread_key: int, resource_key: int, options: TurnOptions, now: datetime) -> Haste:
    """Count a further turn of a person in a thread, and see whether it is a bot that answers the bot."""
    if options.haste is None:
        return Haste()
    last = connection.execute(_LATEST, {"of_thread": thread_key, "of_person": resource_key}).one_or_none()
    if last is None:
        return Haste()
    if last.haste >= options.haste and (last.closed_at is None or now - last.closed_at < options.peace):
        said = f"in circles:{last.key}"
        return Haste(last.haste, Notice(said, in_circles(options.peace)))
    if last.closed_at is None:
        return Haste(last.haste)
    return Haste(last.haste + 1 if now - last.closed_at < options.hasty else 0)


def enqueue(
    connection: Connection,
    scope: Scope,
    *,
    turn_id: str,
    thread_key: int,
    place_key: int,
    resource_key: int,
    message_id: str,
    haste: int,
    options: TurnOptions,
    now: datetime,
) -> Word:
    """Let a stored message be answered: by its author's open turn in the thread, or by a new one.

    The thread is locked by whoever saved the message. What is said while the turn is worked begins it anew as long as
    nothing of its answer was posted; afterwards it waits, and becomes the next turn.
    """
    said = {"in_workspace": scope.workspace_key, "said": message_id}
    values = {"of_thread": thread_key, "of_person": resource_key}
    opened = connection.execute(_OPEN, values).one_or_none()
    if opened is None:
        # Who waited for the end of a turn has not seen the one that carries over what it left.
        opened = connection.execute(_OPEN, values).one_or_none()
    if opened is not None:
        begun = opened.begun or connection.execute(_BEGUN_BY_NOW, {"turn_key": opened.key}).scalar_one()
        if begun:
            # It becomes the next turn, which inherits the haste.
            connection.execute(_HASTEN, {"turn_key": opened.key, "lately": now - options.hasty})
        connection.execute(_BELONGS, said | {"to_turn": opened.key})
        if opened.state == "queued" or opened.stop_requested:
            # A turn that was stopped answers nothing that is said afterwards: that becomes the next turn.
            return "turn"
        return "" if begun else begin_again(connection, opened, options)
    row = {
        "id": turn_id,
        "workspace_key": scope.workspace_key,
        "thread_key": thread_key,
        "place_key": place_key,
        "resource_key": resource_key,
        "state": "queued",
        "queued_at": now,
        "ready_at": now,
        "haste": haste,
    }
    turn_key = connection.execute(_NEW, row).scalar_one()
    connection.execute(_LEASE, {"of_thread": thread_key})
    connection.execute(_BELONGS, said | {"to_turn": turn_key})
    return "turn"


def begin_again(connection: Connection, opened: Any, options: TurnOptions, *, also_begun: bool = False) -> Word:
    """Let a turn that is being worked take note that its question changed; "" where it is too late for that.

    Args:
        connection: in a transaction that holds the turn's row.
        opened: key, id, restarts, and whether something of its answer was posted.
        options: how often that is allowed.
        also_begun: also where something was posted, which is then edited.
    """
    if opened.restarts >= options.restarts or (opened.begun and not also_begun):
        return ""
    outdate(connection, opened.key, restarted=True)
    return changed(opened.id)


_ANSWER = select(messages.c.key, messages.c.thread_key).join(turns, turns.c.answer_key == messages.c.key)


def outdate(connection: Connection, turn_key: int, *, restarted: bool = False) -> None:
    """Let what was made for a turn so far be out of date; an answer that was stored, but not delivered, is erased."""
    stored = connection.execute(_ANSWER.where(turns.c.key == turn_key)).one_or_none()
    changes: dict[str, Any] = {"revision": turns.c.revision + 1}
    if restarted:
        changes["restarts"] = turns.c.restarts + 1
    connection.execute(update(turns).where(turns.c.key == turn_key).values(changes))
    # What stands in a post that was whole is not what it is to say any more.
    whole = (posts.c.turn_key == turn_key, posts.c.state == "finished")
    connection.execute(update(posts).where(*whole).values(state="accepted"))
    if stored is not None:
        connection.execute(delete(messages).where(messages.c.key == stored.key))
        recount(connection, [stored.thread_key])
