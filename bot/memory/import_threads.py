"""Storage functions that make the people, threads and participants of an import known, many at a time."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, Row, bindparam, select, update
from sqlalchemy.dialects import postgresql

from bot.access.scope import Scope
from bot.memory.thread_rows import NewThread
from bot.storage.tables import participants, people, threads

#: Id, key, next `seq`, time of beginning, kind of place, owner's id.
ThreadRow = Row[str, int, int, datetime, str, str]

_PEOPLE = select(people.c.resource_id, people.c.key).where(
    people.c.workspace_key == bindparam("in_workspace"), people.c.resource_id.in_(bindparam("ids", expanding=True))
)
_NAME = (
    update(people)
    .where(
        people.c.workspace_key == bindparam("in_workspace"),
        people.c.resource_id == bindparam("of_person"),
        people.c.name == "",
    )
    .values(name=bindparam("new_name"))
)
# In one order everywhere, so that two writers never wait for each other.
_THREADS = (
    select(
        threads.c.id,
        threads.c.key,
        threads.c.next_seq,
        threads.c.created_at,
        threads.c.place_kind,
        people.c.resource_id.label("owner"),
    )
    .join(people, people.c.key == threads.c.owner_key)
    .where(threads.c.workspace_key == bindparam("in_workspace"), threads.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(threads.c.id)
    .with_for_update(of=threads)
)


def ensure_people(
    connection: Connection, scope: Scope, subjects: Mapping[str, str], names: Mapping[str, str], now: datetime
) -> dict[str, int]:
    """The keys of persons, who are made known where they are not.

    Args:
        connection: in a transaction.
        scope: the system's.
        subjects: for each person a `people.subject_id`, in case that she is new.
        names: display names; a name that is known already stays.
        now: when they became known.
    """
    values = {"in_workspace": scope.workspace_key, "ids": sorted(subjects)}
    found = dict(connection.execute(_PEOPLE, values).all())
    missing = [
        {
            "workspace_key": scope.workspace_key,
            "resource_id": person,
            "subject_id": subjects[person],
            "created_at": now,
        }
        for person in sorted(subjects)
        if person not in found
    ]
    if missing:
        statement = postgresql.insert(people).on_conflict_do_nothing(index_elements=["workspace_key", "resource_id"])
        connection.execute(statement, missing)
        found = dict(connection.execute(_PEOPLE, values).all())
    named = [
        {"in_workspace": scope.workspace_key, "of_person": person, "new_name": name}
        for person, name in sorted(names.items())
    ]
    if named:
        connection.execute(_NAME, named)
    return found


def ensure_threads(
    connection: Connection,
    scope: Scope,
    new: Sequence[NewThread],
    ids: Iterable[str],
    persons: Mapping[str, int],
    now: datetime,
) -> dict[str, ThreadRow]:
    """The threads with these ids, locked; those of `new` are made where they are missing."""
    rows = [
        {
            "workspace_key": scope.workspace_key,
            "id": one.id,
            "owner_key": persons[one.resource_id],
            "title": one.title,
            "title_source": one.title_source,
            "metadata_": dict(one.metadata),
            "place_kind": one.place_kind,
            "place_name": one.place_name,
            "channel_id": one.channel_id,
            "created_at": one.at,
            "updated_at": now,
        }
        for one in sorted(new, key=lambda one: one.id)
    ]
    if rows:
        statement = postgresql.insert(threads).on_conflict_do_nothing(index_elements=["workspace_key", "id"])
        connection.execute(statement, rows)
    found = connection.execute(_THREADS, {"in_workspace": scope.workspace_key, "ids": sorted(ids)})
    return {row.id: row for row in found}


def ensure_participants(connection: Connection, pairs: Iterable[tuple[ThreadRow, int]], now: datetime) -> None:
    """Let persons take part in threads: pairs of a row of `ensure_threads` and a person's key."""
    rows = [
        {
            "resource_key": person,
            "thread_key": thread.key,
            "thread_created_at": thread.created_at,
            "joined_at": now,
        }
        for thread, person in pairs
    ]
    if rows:
        statement = postgresql.insert(participants)
        connection.execute(statement.on_conflict_do_nothing(index_elements=["resource_key", "thread_key"]), rows)
