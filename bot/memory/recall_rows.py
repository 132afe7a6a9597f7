"""Storage function that recalls: a page of threads' messages, with chosen ones and their neighbours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Select, bindparam, exists, or_, select

from bot.access.actor import ActorKind, supervises
from bot.access.scope import Scope, message_in_workspace, named_person, takes_part, visible_count, visible_threads
from bot.memory.message_pages import (
    EVERYTHING,
    Found,
    MessageFilter,
    MessageList,
    as_message,
    count_messages,
    read_messages,
    visible_select,
)
from bot.memory.paging import Cursor, Slice
from bot.memory.search_rows import find_messages
from bot.memory.thread_rows import no_thread
from bot.memory.values import Direction, Include, Message
from bot.storage.columns import Key
from bot.storage.tables import messages, participants, threads


@dataclass(frozen=True, slots=True)
class Recall:
    """What is to be recalled."""

    thread_ids: tuple[str, ...]
    resource_id: str | None
    part: Slice
    direction: Direction = "DESC"
    filter: MessageFilter = EVERYTHING
    includes: tuple[Include, ...] = ()
    #: Terms of a search inside the threads: the page is then of the best hits.
    terms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Located:
    """Threads that an actor may read, found by their ids."""

    keys: tuple[int, ...]
    ids: frozenset[str]
    message_count: int


def locate(connection: Connection, scope: Scope, thread_ids: Sequence[str], resource_id: str | None) -> Located:
    """Find visible threads; with `resource_id` only those in which that person takes part."""
    one = len(thread_ids) == 1
    values = scope.values() | ({"thread_id": thread_ids[0]} if one else {"thread_ids": list(thread_ids)})
    if resource_id is not None:
        values["of_person"] = resource_id
    rows = connection.execute(_located(scope.kind, one=one, of_person=resource_id is not None), values).all()
    return Located(tuple(row[0] for row in rows), frozenset(row[1] for row in rows), sum(row[2] for row in rows))


@lru_cache
def _located(kind: ActorKind, *, one: bool, of_person: bool) -> Select[int, str, int]:
    # A list of parameters is spelt out anew at each execution: what is asked of one thread does without.
    named = threads.c.id == bindparam("thread_id") if one else threads.c.id.in_(bindparam("thread_ids", expanding=True))
    count = threads.c.message_count if supervises(kind) else visible_count(kind)
    statement = select(threads.c.key, threads.c.id, count).where(visible_threads(kind, by_index=True), named)
    return statement.where(takes_part(named_person(kind))) if of_person else statement


def recall(connection: Connection, scope: Scope, wanted: Recall) -> Found:
    """Recall a page, always in chronological order.

    Raises:
        NotFound: a thread does not exist for the actor or for the person named. A single thread asked for without a
            person is empty then, as a missing one is.
    """
    located = locate(connection, scope, wanted.thread_ids, wanted.resource_id)
    missing = [one for one in wanted.thread_ids if one not in located.ids]
    if missing and (wanted.resource_id is not None or len(wanted.thread_ids) > 1):
        raise no_thread(missing[0])
    if missing:
        return Found((), 0)
    asked = MessageList(located.keys, direction=wanted.direction, filter=wanted.filter)
    if wanted.terms:
        found = find_messages(connection, scope, wanted.terms, asked, wanted.part)
    else:
        plain = wanted.filter == EVERYTHING and not supervises(scope.kind)
        total = located.message_count if plain else count_messages(connection, scope, asked)
        found = read_messages(connection, scope, asked, wanted.part, total)
    if not wanted.includes and not wanted.terms:
        return found
    there = dict(zip(found.keys, found.messages, strict=True))
    for include in wanted.includes:
        there |= _included(connection, scope, wanted.resource_id, located.keys, include)
    in_order = sorted(there, key=lambda key: (there[key].created_at, key))
    return Found(tuple(there[key] for key in in_order), found.total, found.next_cursor)


@lru_cache
def _target(kind: ActorKind, *, of_person: bool) -> Select[Any]:
    """Where a message stands, if it may be included."""
    found = visible_select(kind).where(message_in_workspace(), messages.c.id == bindparam("target_id"))
    if of_person:
        return found.where(takes_part(named_person(kind)))
    recalled = bindparam("of_threads", expanding=True, type_=Key)
    if supervises(kind):  # who owns a thread may be hidden from her
        return found.where(threads.c.key.in_(recalled))
    owned = threads.alias("owned")
    owners = select(owned.c.owner_key).where(owned.c.key.in_(recalled))
    part = exists().where(participants.c.thread_key == threads.c.key, participants.c.resource_key.in_(owners))
    return found.where(or_(threads.c.key.in_(recalled), part.correlate_except(participants)))


def _included(
    connection: Connection, scope: Scope, resource_id: str | None, recalled: Sequence[int], include: Include
) -> Mapping[int, Message]:
    """A message and its neighbours in its own thread (R6), by key. A foreign one is dropped: never an error.

    Foreign is what the actor may not see, and what stands in a thread where the person asked about takes no part: the
    one named, or else the owners of the threads recalled.
    """
    statement = _target(scope.kind, of_person=resource_id is not None)
    company = {"of_threads": list(recalled)} if resource_id is None else {"of_person": resource_id}
    row = connection.execute(statement, {**scope.values(), **company, "target_id": include.id}).one_or_none()
    if row is None:
        return {}
    target = as_message(row)
    around = {row[-1]: target}
    located = locate(connection, scope, (target.thread_id,), None)
    sides: tuple[tuple[Direction, int], ...] = (("DESC", include.previous), ("ASC", include.next))
    for direction, size in sides:
        part = Slice(0, size, Cursor(target.created_at, target.seq))
        found = read_messages(connection, scope, MessageList(located.keys, direction=direction), part, 0)
        around |= zip(found.keys, found.messages, strict=True)
    return around
