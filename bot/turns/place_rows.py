"""Storage functions for places, and for which thread goes on in one."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import CompoundSelect, Connection, Row, bindparam, select, union, update
from sqlalchemy.dialects import postgresql

from bot.access.scope import Scope
from bot.chat import PlaceRef
from bot.memory.thread_rows import NewThread, ensure_thread
from bot.storage.tables import messages, participants, threads
from bot.storage.turn_tables import places, posts, turns


@dataclass(frozen=True, slots=True)
class OpenThread:
    """The thread that goes on in a place."""

    key: int
    id: str
    created_at: datetime


_PLACE = select(places).where(places.c.workspace_key == bindparam("in_workspace"), places.c.id == bindparam("place_id"))
# Weaker than a lock for deletion: who closes a turn refers to its place and must not wait for who queues another.
_LOCKED = _PLACE.with_for_update(key_share=True)
_NEW = postgresql.insert(places).on_conflict_do_nothing(index_elements=["workspace_key", "id"])
_POINT = (
    update(places)
    .where(places.c.key == bindparam("place_key"))
    .values(thread_key=bindparam("to_thread"), generation=bindparam("as_generation"))
)


def place_ref(row: Row[Any]) -> PlaceRef:
    """A place as adapters know it, of a row that holds it beside other things."""
    return PlaceRef(row.workspace_id, row.place_id, row.place_kind, row.place_name, row.address, row.within)


def find_place(connection: Connection, scope: Scope, place_id: str) -> Row[Any] | None:
    """A place by its id."""
    return connection.execute(_PLACE, {"in_workspace": scope.workspace_key, "place_id": place_id}).one_or_none()


def lock_place(connection: Connection, scope: Scope, place: PlaceRef, now: datetime) -> Row[Any]:
    """The place's row, made where it is missing, and locked: racing first messages make one thread.

    What its name and kind are now says every message, also where the news of their change got lost.
    """
    values = {"in_workspace": scope.workspace_key, "place_id": place.place_id}
    row = connection.execute(_LOCKED, values).one_or_none()
    if row is None:
        new = {
            "workspace_key": scope.workspace_key,
            "id": place.place_id,
            "kind": place.kind,
            "name": place.name,
            "within": place.within,
            "address": dict(place.address),
            "created_at": now,
        }
        connection.execute(_NEW, new)
        return connection.execute(_LOCKED, values).one()
    name = place.name or row.name
    if (row.kind, row.name) != (place.kind, name):
        change_place(connection, scope, replace(place, name=name), row.state)
        row = connection.execute(_LOCKED, values).one()
    return row


def place_of_thread(connection: Connection, scope: Scope, thread_id: str) -> PlaceRef | None:
    """Where a conversation is held, without its workspace's id; None where that is not known any more."""
    row = connection.execute(_HOLDING, {"in_workspace": scope.workspace_key, "thread_id": thread_id}).one_or_none()
    return None if row is None else PlaceRef("", row.id, row.kind, row.name, row.address, row.within)


_NAMED = select(threads.c.key).where(
    threads.c.workspace_key == bindparam("in_workspace"), threads.c.id == bindparam("thread_id")
)
_THERE = places.c.workspace_key == bindparam("in_workspace")
# The one where it goes on, where it was answered, or whose first conversation it is: whichever is still known.
_HELD_IN = union(
    select(places.c.key).where(places.c.thread_key.in_(_NAMED), _THERE),
    select(turns.c.place_key).where(turns.c.thread_key.in_(_NAMED)),
    select(places.c.key).where(places.c.id == bindparam("thread_id"), _THERE),
)
_HOLDING = select(places).where(_THERE, places.c.key.in_(_HELD_IN)).order_by(places.c.key).limit(1)

_OF_PLACE = select(threads.c.key, threads.c.id, threads.c.created_at)
_BY_KEY = _OF_PLACE.where(threads.c.key == bindparam("thread_key"))
_BY_ID = _OF_PLACE.where(threads.c.workspace_key == bindparam("in_workspace"), threads.c.id == bindparam("thread_id"))


def open_thread(
    connection: Connection, scope: Scope, place: Row[Any], resource_id: str, subject_id: str, now: datetime
) -> OpenThread:
    """The thread that goes on in a locked place; where there is none, the person begins one and owns it."""
    if place.thread_key is not None:
        found = connection.execute(_BY_KEY, {"thread_key": place.thread_key}).one()
        return OpenThread(found.key, found.id, found.created_at)
    generation, made = place.generation, False
    new = NewThread(
        id="",
        resource_id=resource_id,
        title="",
        title_source="",
        metadata={},
        place_kind=place.kind,
        place_name=place.name,
        at=now,
        subject_id=subject_id,
        channel_id="" if place.kind == "direct" else place.within or place.id,
    )
    while not made:
        # What bears the id already is no conversation of this place, whosever it is.
        generation += 1
        thread_id = place.id if generation == 1 else f"{place.id}#{generation}"
        made = ensure_thread(connection, scope, replace(new, id=thread_id))
    found = connection.execute(_BY_ID, {"in_workspace": scope.workspace_key, "thread_id": thread_id}).one()
    point_place(connection, place.key, found.key, generation)
    return OpenThread(found.key, found.id, found.created_at)


def point_place(connection: Connection, place_key: int, thread_key: int | None, generation: int) -> None:
    """Let another thread go on in a place; None: the next message begins one."""
    connection.execute(_POINT, {"place_key": place_key, "to_thread": thread_key, "as_generation": generation})


_JOIN = postgresql.insert(participants).on_conflict_do_nothing(index_elements=["resource_key", "thread_key"])


def join_thread(connection: Connection, thread: OpenThread, resource_key: int, now: datetime) -> None:
    """Let a person who speaks in a thread take part in it."""
    row = {
        "resource_key": resource_key,
        "thread_key": thread.key,
        "thread_created_at": thread.created_at,
        "joined_at": now,
    }
    connection.execute(_JOIN, row)


@dataclass(frozen=True, slots=True)
class Replied:
    """The conversation that a reply goes on with, and its place."""

    place_key: int
    thread_key: int


_PLACE_OF_TURN = select(turns.c.place_key, turns.c.thread_key, places.c.kind, places.c.id, places.c.within).join(
    places, places.c.key == turns.c.place_key
)
_REPLIED_POST = _PLACE_OF_TURN.join(posts, posts.c.turn_key == turns.c.key).where(
    posts.c.workspace_key == bindparam("in_workspace"), posts.c.post_id == bindparam("replied")
)
# Whichever turn of the thread: a thread stays in its place.
_REPLIED_MESSAGE = _PLACE_OF_TURN.join(messages, messages.c.thread_key == turns.c.thread_key).where(
    messages.c.workspace_key == bindparam("in_workspace"), messages.c.id == bindparam("replied")
)


def find_replied(connection: Connection, scope: Scope, replies_to: str, place: PlaceRef) -> Replied | None:
    """The conversation that a reply goes on with; None where it is unknown.

    Only one of the same kind in the same channel: what was said in a direct conversation or in another channel does
    not go on here.
    """
    values = {"in_workspace": scope.workspace_key, "replied": replies_to}
    for statement in (_REPLIED_POST, _REPLIED_MESSAGE):
        found = connection.execute(statement.limit(1), values).one_or_none()
        if found is not None:
            here = found.kind == place.kind and (found.within or found.id) == (place.within or place.place_id)
            return Replied(found.place_key, found.thread_key) if here else None
    return None


_PLACE_BY_KEY = select(places).where(places.c.key == bindparam("place_key")).with_for_update(key_share=True)


def lock_replied(connection: Connection, replied: Replied) -> Row[Any]:
    """The place of a conversation, locked."""
    return connection.execute(_PLACE_BY_KEY, {"place_key": replied.place_key}).one()


def replied_thread(connection: Connection, replied: Replied | None) -> OpenThread | None:
    """The conversation itself; None where nothing is replied to."""
    if replied is None:
        return None
    found = connection.execute(_BY_KEY, {"thread_key": replied.thread_key}).one()
    return OpenThread(found.key, found.id, found.created_at)


def turn_back(connection: Connection, place: Row[Any], replied: Replied | None) -> None:
    """Let a conversation that is replied to go on in its place, which is locked."""
    if replied is not None and place.thread_key != replied.thread_key:
        point_place(connection, place.key, replied.thread_key, place.generation)


def change_place(connection: Connection, scope: Scope, place: PlaceRef, state: str) -> None:
    """Take over the new name, kind and state of a place and of all that lies in it, and show them on their threads.

    Its new address is its own alone: how the adapter finds what lies in it is not said.
    """
    values: dict[str, Any] = {"kind": place.kind, "state": state}
    shown: dict[str, Any] = {"place_kind": place.kind}
    if place.name:
        # Not every payload says it: what is known stays.
        values["name"] = shown["place_name"] = place.name
    itself = (places.c.workspace_key == scope.workspace_key, places.c.id == place.place_id)
    inside = (places.c.workspace_key == scope.workspace_key, places.c.within == place.place_id)
    moved = values | {"address": dict(place.address)}
    changed = [
        *connection.execute(update(places).where(*itself).values(moved).returning(places.c.key)).scalars(),
        *connection.execute(update(places).where(*inside).values(values).returning(places.c.key)).scalars(),
    ]
    if not changed:
        return
    held: CompoundSelect[Any] = union(
        select(turns.c.thread_key).where(turns.c.place_key.in_(changed)),
        select(places.c.thread_key).where(places.c.key.in_(changed), places.c.thread_key.is_not(None)),
    )
    connection.execute(update(threads).where(threads.c.key.in_(held)).values(shown))


def begin_anew(connection: Connection, scope: Scope, place: PlaceRef, now: datetime) -> None:
    """Let the next message in a place begin a new conversation."""
    row = lock_place(connection, scope, place, now)
    point_place(connection, row.key, None, row.generation)


def resume_thread(connection: Connection, scope: Scope, place: PlaceRef, thread_id: str, now: datetime) -> bool:
    """Let a stored conversation go on in a place; whether it is there. Whether it may is for the caller to know."""
    row = lock_place(connection, scope, place, now)
    found = connection.execute(_BY_ID, {"in_workspace": scope.workspace_key, "thread_id": thread_id}).one_or_none()
    if found is None:
        return False
    point_place(connection, row.key, found.key, row.generation)
    return True
