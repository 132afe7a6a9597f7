"""Storage functions for single threads: each takes a connection and a scope, and never commits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, Select, Update, bindparam, delete, exists, insert, select, update
from sqlalchemy.dialects import postgresql

from bot.access.actor import ActorKind
from bot.access.scope import Scope, masked_of_thread, named_person, takes_part, visible_count, visible_thread
from bot.errors import Conflict, NotAllowed, NotFound
from bot.memory.boundary import Boundary
from bot.memory.fact_rows import facts_on, forget_groundless
from bot.memory.people_rows import PERSON, ensure_person
from bot.memory.portions import portions
from bot.memory.values import ANOTHER_PARTICIPANT, PlaceKind, Thread
from bot.storage.tables import messages, participants, people, threads


@dataclass(frozen=True, slots=True)
class NewThread:
    """A thread to be made, with all that a replay must not make anew."""

    id: str
    resource_id: str
    title: str
    title_source: str
    metadata: Mapping[str, Any]
    place_kind: PlaceKind
    place_name: str
    at: datetime
    #: For a person who is not known yet.
    subject_id: str
    #: The channel in which it lies, as supervisors' scopes name it; "" for a direct one and where it is unknown.
    channel_id: str = ""


def no_thread(thread_id: str) -> NotFound:
    """The one sentence for a thread that is missing and for one that is not yours: they look alike."""
    return NotFound(f"No thread found with id {thread_id}")


_NEW = (
    postgresql.insert(threads).on_conflict_do_nothing(index_elements=["workspace_key", "id"]).returning(threads.c.key)
)
_JOIN = insert(participants)


def ensure_thread(connection: Connection, scope: Scope, new: NewThread) -> bool:
    """Make a thread unless its id is taken; say whether it was made (racing first messages make one thread)."""
    owner = ensure_person(connection, scope, new.resource_id, new.subject_id, new.at)
    made = connection.execute(
        _NEW,
        {
            "workspace_key": scope.workspace_key,
            "id": new.id,
            "owner_key": owner,
            "title": new.title,
            "title_source": new.title_source,
            "metadata_": dict(new.metadata),
            "place_kind": new.place_kind,
            "place_name": new.place_name,
            "channel_id": new.channel_id,
            "created_at": new.at,
            "updated_at": new.at,
        },
    ).scalar()
    if made is None:
        return False
    row = {"resource_key": owner, "thread_key": made, "thread_created_at": new.at, "joined_at": new.at}
    connection.execute(_JOIN, row)
    return True


def create_thread(connection: Connection, scope: Scope, new: NewThread) -> Thread:
    """Make a thread.

    Raises:
        Conflict: the id is taken in this workspace; nothing is changed (R1).
    """
    if not ensure_thread(connection, scope, new):
        raise Conflict(f"A thread with id {new.id} exists already.")
    return get_thread(connection, scope, new.id)


@cache
def thread_select(kind: ActorKind) -> Select[Any]:
    """Threads, whichever, in the order of `Thread`'s fields, and the key. Who reads narrows it to what is seen."""
    owner = select(people.c.resource_id).where(people.c.key == threads.c.owner_key).scalar_subquery()
    return select(
        threads.c.id,
        owner,
        masked_of_thread(kind, threads.c.title, ""),
        threads.c.created_at,
        threads.c.updated_at,
        threads.c.last_message_at,
        masked_of_thread(kind, threads.c.metadata_, {}),
        threads.c.place_kind,
        threads.c.place_name,
        visible_count(kind),
        threads.c.key,
    ).select_from(threads)


@cache
def _by_id(kind: ActorKind, *, of_person: bool) -> Select[Any]:
    statement = thread_select(kind).where(visible_thread(kind))
    return statement.where(takes_part(named_person(kind))) if of_person else statement


def find_thread(connection: Connection, scope: Scope, thread_id: str, resource_id: str | None = None) -> Thread | None:
    """A visible thread, or None. With `resource_id` only one in which that person takes part (R2)."""
    values = {**scope.values(), "thread_id": thread_id}
    if resource_id is not None:
        values["of_person"] = resource_id
    row = connection.execute(_by_id(scope.kind, of_person=resource_id is not None), values).one_or_none()
    return None if row is None else with_participants(connection, scope, [row])[0]


def get_thread(connection: Connection, scope: Scope, thread_id: str, resource_id: str | None = None) -> Thread:
    """As `find_thread`.

    Raises:
        NotFound: there is none to see.
    """
    thread = find_thread(connection, scope, thread_id, resource_id)
    if thread is None:
        raise no_thread(thread_id)
    return thread


# A look-up for each row: joined, PostgreSQL may read the whole table of people for it.
_PARTICIPANT = select(people.c.resource_id).where(people.c.key == participants.c.resource_key).scalar_subquery()
_PARTICIPANTS = (
    select(participants.c.thread_key, _PARTICIPANT)
    .where(participants.c.thread_key.in_(bindparam("thread_keys", expanding=True)))
    .order_by(participants.c.thread_key, participants.c.joined_at, participants.c.resource_key)
)


def with_participants(connection: Connection, scope: Scope, rows: Sequence[Any]) -> list[Thread]:
    """Rows of `thread_select` as threads. Whom the actor may not read stands there without a name."""
    named: dict[int, list[str]] = {row[-1]: [] for row in rows}
    for keys in portions(list(named)):
        for thread_key, resource_id in connection.execute(_PARTICIPANTS, {"thread_keys": keys}).all():
            named[thread_key].append(resource_id)

    def shown(resource_id: str) -> str:
        return resource_id if scope.includes(resource_id) or scope.kind == "person" else ANOTHER_PARTICIPANT

    # The columns are in the order of `Thread`'s fields.
    return [
        Thread(row[0], shown(row[1]), *row[2:-1], participants=tuple(map(shown, named[row[-1]])))  # type: ignore[misc]
        for row in rows
    ]


@cache
def _locked(kind: ActorKind) -> Select[Any]:
    columns = select(
        threads.c.key, threads.c.owner_key, threads.c.metadata_, threads.c.created_at, threads.c.window_boundary
    )
    return columns.where(visible_thread(kind)).with_for_update(of=threads)


def lock_thread(connection: Connection, scope: Scope, thread_id: str) -> Row[Any]:
    """Lock a visible thread until the transaction ends.

    Raises:
        NotFound: there is none to see.
    """
    row = connection.execute(_locked(scope.kind), {**scope.values(), "thread_id": thread_id}).one_or_none()
    if row is None:
        raise no_thread(thread_id)
    return row


def lock_own_thread(connection: Connection, scope: Scope, thread_id: str) -> Row[Any]:
    """Lock a thread that the actor may change as a whole.

    Raises:
        NotFound: there is none to see.
        NotAllowed: a person sees it but does not own it.
    """
    row = lock_thread(connection, scope, thread_id)
    if scope.kind == "person":
        values = {"in_workspace": scope.workspace_key, "of_person": scope.readers[0]}
        if row.owner_key != connection.execute(PERSON, values).scalar():
            raise NotAllowed("Only the person who began this conversation can do that.")
    return row


def update_thread(
    connection: Connection,
    scope: Scope,
    thread_id: str,
    *,
    title: str | None,
    metadata: Mapping[str, Any] | None,
    at: datetime,
) -> Thread:
    """Change a thread's title, and merge metadata into what it has: parallel merges all survive (R10)."""
    row = lock_own_thread(connection, scope, thread_id)
    changes: dict[str, Any] = {"updated_at": at}
    if title is not None:
        changes |= {"title": title, "title_source": "person"}
    if metadata is not None:
        changes["metadata_"] = row.metadata_ | dict(metadata)
    connection.execute(update(threads).where(threads.c.key == row.key).values(changes))
    return get_thread(connection, scope, thread_id)


def suggest_title(
    connection: Connection, scope: Scope, thread_id: str, title: str, source: str, about: tuple[str, str] | None = None
) -> None:
    """Give a thread the title that a question or a model suggests; a person's own is never overwritten.

    `about` is the id and the text of the message that the title was made of: if that is gone, or says something else by
    now, so does the title.
    """
    values = {**scope.values(), "thread_id": thread_id, "new_title": title, "new_source": source}
    statement = _suggest(scope.kind)
    if about is not None:
        statement, values = statement.where(_STILL_SAID), values | {"said_id": about[0], "said_text": about[1]}
    connection.execute(statement, values)


_STILL_SAID = (
    exists()
    .where(
        messages.c.thread_key == threads.c.key,
        messages.c.id == bindparam("said_id"),
        messages.c.text == bindparam("said_text"),
    )
    .correlate(threads)
)


@cache
def _suggest(kind: ActorKind) -> Update:
    statement = update(threads).where(visible_thread(kind), threads.c.title_source != "person")
    return statement.values(title=bindparam("new_title"), title_source=bindparam("new_source"))


def delete_thread(connection: Connection, scope: Scope, thread_id: str) -> None:
    """Delete a thread with its messages, their index entries and vectors, and the facts that rest on it alone (R11).

    Raises:
        NotAllowed: a participant who does not own the thread sees it, but cannot delete it.
    """
    try:
        row = lock_own_thread(connection, scope, thread_id)
    except NotFound:
        return
    touched = facts_on(connection, select(messages.c.key).where(messages.c.thread_key == row.key))
    connection.execute(delete(threads).where(threads.c.key == row.key))
    forget_groundless(connection, touched)


def move_boundary(connection: Connection, scope: Scope, thread_id: str, boundary: Boundary) -> None:
    """Store where the thread's window begins, merged with what another writer stored. Unseen threads stay untouched."""
    try:
        row = lock_thread(connection, scope, thread_id)
    except NotFound:
        return
    stored = Boundary.of_document(row.window_boundary)
    merged = boundary if stored is None else stored.merged(boundary)
    changes = update(threads).where(threads.c.key == row.key).values(window_boundary=merged.document())
    connection.execute(changes)


def read_boundary(connection: Connection, scope: Scope, thread_id: str) -> Boundary | None:
    """Where the thread's window begins, if that was ever stored."""
    statement = select(threads.c.window_boundary).where(visible_thread(scope.kind))
    return Boundary.of_document(connection.execute(statement, {**scope.values(), "thread_id": thread_id}).scalar())
