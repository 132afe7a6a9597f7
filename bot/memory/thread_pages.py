"""Storage function that lists threads: a person's, or all that the actor may see."""

from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, func, or_, select

from bot.access.actor import ActorKind
from bot.access.scope import Scope, every_visible, named_person, own_part, readable_threads
from bot.memory.paging import Cursor, Slice
from bot.memory.thread_rows import thread_select, with_participants
from bot.memory.values import Direction, Thread
from bot.storage.columns import Instant, Key
from bot.storage.documents import Holds, holds_values
from bot.storage.tables import participants, threads

ThreadOrder = Literal["created_at", "updated_at", "last_message_at"]


@dataclass(frozen=True, slots=True)
class ThreadList:
    """Which threads are wanted, in which order. Without a person: all that the actor may see."""

    resource_id: str | None = None
    #: Names with scalars as JSON.
    metadata: tuple[tuple[str, str], ...] = ()
    order: ThreadOrder = "created_at"
    direction: Direction = "DESC"
    #: Those in this channel.
    channel_id: str | None = None
    #: Those whose newest message is from then on, and until then; both inclusive.
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class FoundThreads:
    """A part of a list of threads, with what its page needs to know."""

    threads: tuple[Thread, ...]
    total: int
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class _Shape:
    kind: ActorKind
    of_person: bool
    #: How many names of metadata filter it.
    metadata: int
    order: ThreadOrder = "created_at"
    direction: Direction = "DESC"
    cursor: Literal["", "time", "none"] = ""
    limited: bool = True
    in_channel: bool = False
    started: bool = False
    ended: bool = False


def list_threads(connection: Connection, scope: Scope, wanted: ThreadList, part: Slice) -> FoundThreads:
    """Read a part of a list of threads."""
    values = scope.values() | holds_values(wanted.metadata)
    # A person's own list is all that she may see.
    of_person = wanted.resource_id is not None and (scope.kind != "person" or wanted.resource_id not in scope.readers)
    if of_person:
        values["of_person"] = wanted.resource_id
    values |= {name: value for name, value in _chosen(wanted).items() if value is not None}
    counted = _Shape(
        scope.kind,
        of_person,
        len(wanted.metadata),
        in_channel=wanted.channel_id is not None,
        started=wanted.start is not None,
        ended=wanted.end is not None,
    )
    total = int(connection.execute(_count(counted), values).scalar_one())
    if part.size == 0:
        return FoundThreads((), total)
    shape = replace(
        counted,
        order=wanted.order,
        direction=wanted.direction,
        cursor="" if part.cursor is None else "none" if part.cursor.moment is None else "time",
        limited=part.size is not None,
    )
    if part.size is not None:
        # By cursor one more shows whether anything follows.
        values |= {"size": part.size if part.cursor is None else part.size + 1, "skip": part.offset}
    if part.cursor is not None:
        values |= {"cursor_moment": part.cursor.moment, "cursor_tie": part.cursor.tie}
    every = connection.execute(_page(shape), values).all()
    rows = every[: part.size]
    found = tuple(with_participants(connection, scope, rows))
    if part.size is None or len(every) < values["size"]:
        return FoundThreads(found, total)
    edge = Cursor(getattr(found[-1], wanted.order), rows[-1][-1])
    return FoundThreads(found, total, str(edge))


def _chosen(wanted: ThreadList) -> dict[str, Any]:
    return {"of_channel": wanted.channel_id, "from_start": wanted.start, "to_end": wanted.end}


def _conditions(shape: _Shape) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if shape.metadata:
        found += [readable_threads(shape.kind), *(Holds(threads.c.metadata_, one) for one in range(shape.metadata))]
    if shape.of_person:
        found.append(participants.c.resource_key == named_person(shape.kind))
    if shape.in_channel:
        found.append(threads.c.channel_id == bindparam("of_channel"))
    if shape.started:
        found.append(threads.c.last_message_at >= bindparam("from_start", type_=Instant()))
    if shape.ended:
        found.append(threads.c.last_message_at <= bindparam("to_end", type_=Instant()))
    return found


def _of_person(statement: Select[Any], shape: _Shape) -> Select[Any]:
    if not shape.of_person:
        return statement
    return statement.join(participants, participants.c.thread_key == threads.c.key)


@lru_cache(maxsize=256)
def _count(shape: _Shape) -> Select[Any]:
    statement = every_visible(select(func.count()).select_from(threads), shape.kind).where(*_conditions(shape))
    return _of_person(statement, shape)


@lru_cache(maxsize=256)
def _page(shape: _Shape) -> Select[Any]:
    # A person's list in its usual order is read from the participants' index alone.
    part = own_part if shape.kind == "person" else participants
    by_index = shape.order == "created_at" and (shape.kind == "person" or shape.of_person)
    moment = part.c.thread_created_at if by_index else threads.c[shape.order]
    tie = part.c.thread_key if by_index else threads.c.key
    statement = every_visible(thread_select(shape.kind), shape.kind).where(*_conditions(shape))
    statement = _of_person(statement, shape)
    if shape.cursor:
        statement = statement.where(_after_cursor(shape, moment, tie))
    descending = shape.direction == "DESC"
    primary = moment.desc() if descending else moment.asc()
    if shape.order == "last_message_at":
        primary = primary.nulls_last()
    statement = statement.order_by(primary, tie.desc() if descending else tie.asc())
    return statement.limit(bindparam("size")).offset(bindparam("skip")) if shape.limited else statement


def _after_cursor(shape: _Shape, moment: Any, tie: Any) -> ColumnElement[bool]:
    """What comes after the cursor. Threads without a last message come after all others, in both directions."""
    at, number = bindparam("cursor_moment", type_=Instant()), bindparam("cursor_tie", type_=Key)
    descending = shape.direction == "DESC"
    beyond = tie < number if descending else tie > number
    if shape.cursor == "none":
        return and_(moment.is_(None), beyond)
    further = moment < at if descending else moment > at
    return or_(further, and_(moment == at, beyond), moment.is_(None))
