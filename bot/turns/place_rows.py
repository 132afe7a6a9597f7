"""Storage functions for places, and for which thread goes on in one."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update
from sqlalchemy.dialects import postgresql

from bot.access.scope import Scope
from bot.chat import PlaceRef
from bot.memory.thread_rows import NewThread, ensure_thread
from bot.storage.tables import messages, participants, threads, workspaces
from bot.storage.turn_tables import places, posts, turns


@dataclass(frozen=True, slots=True)
class OpenThread:
    """The thread that goes on in a place."""

    key: int
    id: str
    created_at: datetime


_PLACE = select(places).where(places.c.workspace_key == bindparam("in_workspace"), places.c.id == bindparam("place_id"))
_LOCKED = _PLACE.with_for_update()
_KNOWN = select(workspaces.c.id, places).join(places, places.c.workspace_key == workspaces.c.key)


def place_ref(row: Row[Any], workspace_id: str) -> PlaceRef:
    """A stored place as adapters know it."""
    return PlaceRef(workspace_id, row.id, row.kind, row.name, row.address)


def find_place(connection: Connection, scope: Scope, place_id: str) -> Row[Any] | None:
    """A place by its id."""
    return connection.execute(_PLACE, {"in_workspace": scope.workspace_key, "place_id": place_id}).one_or_none()


def lock_place(connection: Connection, scope: Scope, place: PlaceRef, now: datetime) -> Row[Any]:
    """The place's row, made where it is missing, and locked: racing first messages make one thread."""
    values = {"in_workspace": scope.workspace_key, "place_id": place.place_id}
    row = connection.execute(_LOCKED, values).one_or_none()
    if row is None:
        new = {
            "workspace_key": scope.workspace_key,
            "id": place.place_id,
            "kind": place.kind,
            "name": place.name,
            "address": dict(place.address),
            "created_at": now,
        }
        statement = postgresql.insert(places).on_conflict_do_nothing(index_elements=["workspace_key", "id"])
        connection.execute(statement, new)
        row = connection.execute(_LOCKED, values).one()
    return row


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
    generation = place.generation + 1
    thread_id = place.id if generation == 1 else f"{place.id}#{generation}"
    new = NewThread(
        id=thread_id,
        resource_id=resource_id,
        title="",
        title_source="",
        metadata={},
        place_kind=place.kind,
        place_name=place.name,
        at=now,
        subject_id=subject_id,
    )
    ensure_thread(connection, scope, new)
    found = connection.execute(_BY_ID, {"in_workspace": scope.workspace_key, "thread_id": thread_id}).one()
    point_place(connection, place.key, found.key, generation)
    return OpenThread(found.key, found.id, found.created_at)


def point_place(connection: Connection, place_key: int, thread_key: int | None, generation: int) -> None:
    """Let another thread go on in a place; None: the next message begins one."""
    values = {"thread_key": thread_key, "generation": generation}
    connection.execute(update(places).where(places.c.key == place_key).values(values))


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


_REPLIED_POST = (
    select(turns.c.place_key, turns.c.thread_key)
    .join(posts, posts.c.turn_key == turns.c.key)
    .where(posts.c.workspace_key == bindparam("in_workspace"), posts.c.post_id == bindparam("replied"))
)
_REPLIED_MESSAGE = (
    select(places.c.key.label("place_key"), messages.c.thread_key)
    .join(places, places.c.thread_key == messages.c.thread_key)
    .where(messages.c.workspace_key == bindparam("in_workspace"), messages.c.id == bindparam("replied"))
)
_PLACE_BY_KEY = select(places).where(places.c.key == bindparam("place_key")).with_for_update()


def replied_place(connection: Connection, scope: Scope, replies_to: str, place: PlaceRef) -> Row[Any] | None:
    """The place whose conversation a reply goes on with, locked and turned to that thread; None where it is unknown.

    Only one of the same kind: what was said in a direct conversation does not go on in a channel.
    """
    values = {"in_workspace": scope.workspace_key, "replied": replies_to}
    for statement in (_REPLIED_POST, _REPLIED_MESSAGE):
        found = connection.execute(statement.limit(1), values).one_or_none()
        if found is None:
            continue
        row = connection.execute(_PLACE_BY_KEY, {"place_key": found.place_key}).one()
        if row.kind != place.kind:
            return None
        if row.thread_key != found.thread_key:
            point_place(connection, row.key, found.thread_key, row.generation)
            row = connection.execute(_PLACE_BY_KEY, {"place_key": found.place_key}).one()
        return row
    return None


def change_place(connection: Connection, scope: Scope, place: PlaceRef, state: str) -> None:
    """Take over a place's new name, kind, address and state; its threads' too, where they show them."""
    row = find_place(connection, scope, place.place_id)
    if row is None:
        return
    values = {"kind": place.kind, "name": place.name, "address": dict(place.address), "state": state}
    connection.execute(update(places).where(places.c.key == row.key).values(values))
    held = select(turns.c.thread_key).where(turns.c.place_key == row.key)
    shown = {"place_kind": place.kind, "place_name": place.name}
    connection.execute(update(threads).where(threads.c.key.in_(held)).values(shown))


def begin_anew(connection: Connection, scope: Scope, place: PlaceRef, now: datetime) -> None:
    """Let the next message in a place begin a new conversation."""
    row = lock_place(connection, scope, place, now)
    point_place(connection, row.key, None, row.generation)
