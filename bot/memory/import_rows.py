"""Storage function that takes over what was said elsewhere: many messages of many threads in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, case, insert, or_, select, update

from bot.access.scope import Scope, disclosure_for, newest_disclosure
from bot.errors import ImportConflict
from bot.memory.drafts import Draft
from bot.memory.import_threads import ThreadRow, ensure_participants, ensure_people, ensure_threads
from bot.memory.message_rows import save_messages
from bot.memory.thread_rows import NewThread
from bot.memory.workspace_rows import LIBRARY_WORKSPACE
from bot.storage.search import index_messages
from bot.storage.tables import messages, people, threads, workspaces


@dataclass(frozen=True, slots=True)
class ImportBatch:
    """What one transaction takes over. Every thread that a draft names stands in `threads`, or is stored already."""

    threads: Sequence[NewThread]
    #: Each with its sender's time, and no id twice.
    drafts: Sequence[Draft]
    #: What threads are called that nobody has named, by thread id.
    titles: Mapping[str, str]
    #: Display names by resource id; a name that is known already stays.
    names: Mapping[str, str]
    #: The people were told, elsewhere, that supervisors may read this as far as the disclosure in force allows it.
    told: bool = False


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a batch: the ids of messages that are new, and of those that had other content before."""

    added: tuple[str, ...] = ()
    corrected: tuple[str, ...] = ()


#: The batch's threads, and its messages that are stored already; each by its id.
_Threads = Mapping[str, ThreadRow]
_Messages = Mapping[str, Row[Any]]


def import_messages(
    connection: Connection, scope: Scope, batch: ImportBatch, subjects: Mapping[str, str], now: datetime
) -> Imported:
    """Store a batch. What is there already, with the same content, is passed over.

    Args:
        connection: in a transaction.
        scope: the system's.
        batch: what to store.
        subjects: for each person of the batch a `people.subject_id`, in case that she is new.
        now: the time of the import.

    Raises:
        ImportConflict: ids stand in another thread or belong to another person, or a thread is somebody else's.
    """
    persons = ensure_people(connection, scope, subjects, batch.names, now)
    ids = {one.id for one in batch.threads} | {one.thread_id for one in batch.drafts}
    found = ensure_threads(connection, scope, batch.threads, ids, persons, now)
    # Read under the threads' locks: nobody adds a message to them meanwhile.
    stored = _stored(connection, scope, batch.drafts)
    _refuse_foreign(batch, found, stored)
    new = [one for one in batch.drafts if one.id not in stored]
    changed = [one for one in batch.drafts if one.id in stored and not _same(stored[one.id], one)]
    pairs = dict.fromkeys((one.thread_id, one.resource_id) for one in new)
    ensure_participants(connection, ((found[thread_id], persons[person]) for thread_id, person in pairs), now)
    if new:
        _insert(connection, scope, found, persons, batch, new, now)
        _advance(connection, found, new, now)
    _name_threads(connection, scope, batch.titles)
    if changed:
        save_messages(connection, scope, changed, now)
    return Imported(tuple(one.id for one in new), tuple(one.id for one in changed))


_MESSAGES = (
    select(
        messages.c.id,
        threads.c.id.label("thread_id"),
        people.c.resource_id,
        messages.c.role,
        messages.c.text,
        messages.c.sent_at,
        messages.c.metadata_,
    )
    .join(threads, threads.c.key == messages.c.thread_key)
    .join(people, people.c.key == messages.c.resource_key)
    .where(messages.c.workspace_key == bindparam("in_workspace"), messages.c.id.in_(bindparam("ids", expanding=True)))
)


def _stored(connection: Connection, scope: Scope, drafts: Sequence[Draft]) -> dict[str, Row[Any]]:
    values = {"in_workspace": scope.workspace_key, "ids": [one.id for one in drafts]}
    return {row.id: row for row in connection.execute(_MESSAGES, values)}


def _refuse_foreign(batch: ImportBatch, found: _Threads, stored: _Messages) -> None:
    owners = {new.id: new.resource_id for new in batch.threads}
    # A one-to-one conversation takes in nobody else's words, whatever a file says.
    taken = {
        thread_id
        for thread_id, owner in owners.items()
        if found[thread_id].place_kind == "direct" and found[thread_id].owner != owner
    }
    # An id is one message's: of one thread, one person and one part.
    foreign = [
        one.id
        for one in batch.drafts
        if one.thread_id in taken
        or (
            (row := stored.get(one.id)) is not None
            and (row.thread_id, row.resource_id, row.role) != (one.thread_id, one.resource_id, one.role)
        )
    ]
    if foreign:
        raise ImportConflict(foreign)


def _same(row: Row[Any], one: Draft) -> bool:
    return bool((row.text, row.sent_at, row.metadata_) == (one.text, one.created_at, dict(one.metadata)))


_DISCLOSURES = select(people.c.key, disclosure_for(people.c.told_version, people)).where(
    people.c.key.in_(bindparam("persons", expanding=True))
)
_NEWEST = select(newest_disclosure())
_IS_LIBRARY = select(workspaces.c.id == LIBRARY_WORKSPACE).where(workspaces.c.key == bindparam("in_workspace"))


def _disclosures(connection: Connection, scope: Scope, batch: ImportBatch, persons: Sequence[int]) -> dict[int, int]:
    """Under which disclosure each person's words are stored.

    In the library's workspace as if she said them now. Elsewhere nobody was told anything when they were said: no
    supervisor ever sees them, unless the operator knows better.
    """
    values = {"in_workspace": scope.workspace_key}
    if batch.told:
        return dict.fromkeys(persons, connection.execute(_NEWEST, values).scalar_one())
    if connection.execute(_IS_LIBRARY, values).scalar_one():
        return dict(connection.execute(_DISCLOSURES, values | {"persons": persons}).all())
    return dict.fromkeys(persons, 0)


_INSERT = insert(messages).returning(messages.c.id, messages.c.key)


def _insert(
    connection: Connection,
    scope: Scope,
    found: _Threads,
    persons: Mapping[str, int],
    batch: ImportBatch,
    new: Sequence[Draft],
    now: datetime,
) -> None:
    """Insert messages and index them. A thread's messages keep the order in which they come."""
    disclosed = _disclosures(connection, scope, batch, sorted({persons[one.resource_id] for one in new}))
    seqs = {thread_id: row.next_seq for thread_id, row in found.items()}
    rows = []
    for one in new:
        rows.append(
            {
                "workspace_key": scope.workspace_key,
                "thread_key": found[one.thread_id].key,
                "seq": seqs[one.thread_id],
                "id": one.id,
                "resource_key": persons[one.resource_id],
                "role": one.role,
                "text": one.text,
                "metadata_": one.metadata,
                "outcome": one.outcome,
                "sent_at": one.created_at,
                "disclosure": disclosed[persons[one.resource_id]],
                "stored_at": now,
            }
        )
        seqs[one.thread_id] += 1
    keys = {row.id: row.key for row in connection.execute(_INSERT, rows)}
    entries: dict[int, list[tuple[int, Sequence[str]]]] = {}
    for one in new:
        entries.setdefault(found[one.thread_id].key, []).append((keys[one.id], one.terms))
    for thread_key, of_thread in entries.items():
        index_messages(connection, thread_key, of_thread)


_newest = bindparam("newest", type_=threads.c.last_message_at.type)
_ADVANCE = (
    update(threads)
    .where(threads.c.key == bindparam("thread_key"))
    .values(
        next_seq=threads.c.next_seq + bindparam("gained"),
        message_count=threads.c.message_count + bindparam("gained"),
        last_message_at=case(
            (or_(threads.c.last_message_at.is_(None), threads.c.last_message_at < _newest), _newest),
            else_=threads.c.last_message_at,
        ),
        updated_at=bindparam("now", type_=threads.c.updated_at.type),
    )
)


def _advance(connection: Connection, found: _Threads, new: Sequence[Draft], now: datetime) -> None:
    """Count what each thread gained."""
    gained: dict[str, list[datetime]] = {}
    for one in new:
        gained.setdefault(one.thread_id, []).append(one.created_at or now)
    rows = [
        {"thread_key": found[thread_id].key, "gained": len(times), "newest": max(times), "now": now}
        for thread_id, times in sorted(gained.items())
    ]
    connection.execute(_ADVANCE, rows)


_TITLE = (
    update(threads)
    .where(
        threads.c.workspace_key == bindparam("in_workspace"),
        threads.c.id == bindparam("thread_id"),
        threads.c.title_source == "",
    )
    .values(title=bindparam("new_title"), title_source="question")
)


def _name_threads(connection: Connection, scope: Scope, titles: Mapping[str, str]) -> None:
    rows = [
        {"in_workspace": scope.workspace_key, "thread_id": thread_id, "new_title": title}
        for thread_id, title in sorted(titles.items())
    ]
    if rows:
        connection.execute(_TITLE, rows)
