"""Storage functions that read lists of messages: a thread's, several threads', a person's; by page or by cursor."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

from sqlalchemy import Connection, Select, bindparam, func, or_, select
from sqlalchemy.sql.elements import ColumnElement

from bot.access.actor import ActorKind
from bot.access.scope import Scope, masked, named_person, readable_words, visible_messages, visible_threads
from bot.memory.paging import Cursor, Slice
from bot.memory.values import ANOTHER_PARTICIPANT, Direction, Message, Role
from bot.storage.columns import Instant, Key
from bot.storage.documents import Holds, holds_values
from bot.storage.tables import messages, people, threads


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """Which messages of a list are wanted. The date range is inclusive unless a flag says otherwise (R8)."""

    start: datetime | None = None
    end: datetime | None = None
    start_exclusive: bool = False
    end_exclusive: bool = False
    #: Names with scalars as JSON.
    metadata: tuple[tuple[str, str], ...] = ()
    #: Whose part in the conversation; none means all.
    roles: tuple[Role, ...] = ()
    #: Only those of conversations in this channel.
    channel_id: str | None = None


EVERYTHING = MessageFilter()


@dataclass(frozen=True, slots=True)
class MessageList:
    """A list of messages: of the threads with these keys, of a person, or else all that the actor may read."""

    thread_keys: tuple[int, ...] = ()
    resource_id: str | None = None
    direction: Direction = "DESC"
    filter: MessageFilter = EVERYTHING


@dataclass(frozen=True, slots=True)
class Found:
    """A part of a list, in chronological order, with what its page needs to know."""

    messages: tuple[Message, ...]
    total: int
    next_cursor: str | None = None
    #: Their keys, by which messages of one moment are in order.
    keys: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Shape:
    """All of a list that its statement depends on: statements are built once for each shape."""

    kind: ActorKind
    of: Literal["thread", "threads", "person", "all"]
    start: Literal["", ">=", ">"]
    end: Literal["", "<=", "<"]
    #: How many names of metadata filter it.
    metadata: int
    roles: tuple[Role, ...] = ()
    direction: Direction = "DESC"
    cursor: bool = False
    limited: bool = True
    skips: bool = False
    in_channel: bool = False


def shape_of(scope: Scope, wanted: MessageList) -> Shape:
    """The shape of a list for an actor."""
    chosen = wanted.filter
    several: Literal["thread", "threads"] = "thread" if len(wanted.thread_keys) == 1 else "threads"
    one_or_all: Literal["person", "all"] = "all" if wanted.resource_id is None else "person"
    return Shape(
        kind=scope.kind,
        of=several if wanted.thread_keys else one_or_all,
        start="" if chosen.start is None else ">" if chosen.start_exclusive else ">=",
        end="" if chosen.end is None else "<" if chosen.end_exclusive else "<=",
        metadata=len(chosen.metadata),
        roles=chosen.roles,
        in_channel=chosen.channel_id is not None,
    )


def list_values(scope: Scope, wanted: MessageList) -> dict[str, Any]:
    """The values of `list_conditions`."""
    values = scope.values() | holds_values(wanted.filter.metadata)
    if len(wanted.thread_keys) == 1:
        values["of_thread"] = wanted.thread_keys[0]
    elif wanted.thread_keys:
        values["of_threads"] = list(wanted.thread_keys)
    elif wanted.resource_id is not None:
        values["of_person"] = wanted.resource_id
    if wanted.filter.start is not None:
        values["from_start"] = wanted.filter.start
    if wanted.filter.end is not None:
        values["to_end"] = wanted.filter.end
    if wanted.filter.channel_id is not None:
        values["of_channel"] = wanted.filter.channel_id
    return values


def _tie(shape: Shape) -> Any:
    """What orders messages of one moment: `seq` inside a thread, the key across threads."""
    return messages.c.seq if shape.of == "thread" else messages.c.key


def list_conditions(shape: Shape) -> list[ColumnElement[bool]]:
    """What a list of this shape holds for its actor."""
    found = [visible_threads(shape.kind), visible_messages(shape.kind), *_of_whom(shape)]
    if shape.start:
        found.append(messages.c.sent_at.op(shape.start, is_comparison=True)(bindparam("from_start", type_=Instant())))
    if shape.end:
        found.append(messages.c.sent_at.op(shape.end, is_comparison=True)(bindparam("to_end", type_=Instant())))
    if shape.metadata:
        found += [readable_words(shape.kind), *(Holds(messages.c.metadata_, one) for one in range(shape.metadata))]
    if shape.roles:
        found.append(messages.c.role.in_(shape.roles))
    if shape.cursor:
        moment, tie = bindparam("cursor_moment", type_=Instant()), bindparam("cursor_tie", type_=Key)
        at_it = messages.c.sent_at == moment
        if shape.direction == "DESC":
            found.append(or_(messages.c.sent_at < moment, at_it & (_tie(shape) < tie)))
            found.append(messages.c.sent_at <= moment)  # the same, in words that an index understands
        else:
            found.append(or_(messages.c.sent_at > moment, at_it & (_tie(shape) > tie)))
            found.append(messages.c.sent_at >= moment)
    return found


def _of_whom(shape: Shape) -> list[ColumnElement[bool]]:
    """Of which threads, person and channel the messages are."""
    found: list[ColumnElement[bool]] = []
    if shape.of == "thread":
        found.append(threads.c.key == bindparam("of_thread"))
    elif shape.of == "threads":
        found.append(threads.c.key.in_(bindparam("of_threads", expanding=True)))
    elif shape.of == "person":
        found.append(messages.c.resource_key == named_person(shape.kind))
    if shape.in_channel:
        found.append(threads.c.channel_id == bindparam("of_channel"))
    return found


def _in_order(statement: Select[Any], shape: Shape) -> Select[Any]:
    order = (messages.c.sent_at, _tie(shape))
    return statement.order_by(*(column.desc() if shape.direction == "DESC" else column for column in order))


# Looked up for each row of a page; joined, PostgreSQL may read the whole table of people for it.
_SPEAKER = select(people.c.resource_id).where(people.c.key == messages.c.resource_key).scalar_subquery()


def message_columns(kind: ActorKind) -> tuple[ColumnElement[Any], ...]:
    """The columns of a message in the order of `Message`'s fields, and its key."""
    return (
        messages.c.id,
        threads.c.id,
        masked(kind, _SPEAKER, ANOTHER_PARTICIPANT),
        messages.c.role,
        masked(kind, messages.c.text, ""),
        messages.c.sent_at,
        messages.c.seq,
        masked(kind, messages.c.metadata_, {}),
        messages.c.outcome,
        messages.c.edited_at,
        messages.c.key,
    )


def _all_columns(kind: ActorKind) -> Select[Any]:
    """Messages as `message_columns`, whichever: who reads narrows it to what the actor may see."""
    return select(*message_columns(kind)).select_from(threads).join(messages, messages.c.thread_key == threads.c.key)


def visible_select(kind: ActorKind) -> Select[Any]:
    """The visible messages of visible threads, as `message_columns`."""
    return _all_columns(kind).where(visible_threads(kind), visible_messages(kind))


def as_message(row: Any) -> Message:
    """A row of `message_columns` as a message."""
    return Message(*row[:-1])


@lru_cache(maxsize=512)
def _page(shape: Shape) -> Select[Any]:
    if not shape.skips:
        statement = _in_order(_all_columns(shape.kind).where(*list_conditions(shape)), shape)
        return statement.limit(bindparam("size")) if shape.limited else statement
    # What is skipped is skipped on the index: only the page's own rows are read and joined.
    skipping = (
        select(messages.c.key)
        .select_from(threads)
        .join(messages, messages.c.thread_key == threads.c.key)
        .where(*list_conditions(shape))
    )
    # Joined, and not asked for with IN: PostgreSQL would first read all that the conditions hold.
    chosen = _in_order(skipping, shape).limit(bindparam("size")).offset(bindparam("skip")).subquery("chosen")
    return _in_order(_all_columns(shape.kind).join(chosen, chosen.c.key == messages.c.key), shape)


@lru_cache(maxsize=512)
def _count(shape: Shape) -> Select[Any]:
    joined = threads.join(messages, messages.c.thread_key == threads.c.key)
    return select(func.count()).select_from(joined).where(*list_conditions(shape))


def count_messages(connection: Connection, scope: Scope, wanted: MessageList) -> int:
    """How many messages a list has for this actor."""
    return int(connection.execute(_count(shape_of(scope, wanted)), list_values(scope, wanted)).scalar_one())


def read_messages(connection: Connection, scope: Scope, wanted: MessageList, part: Slice, total: int) -> Found:
    """Read a part of a list: by cursor at the same cost everywhere, by number from the nearer end.

    The part counts from the newest message where the list's direction is DESC; what is returned is chronological. By
    cursor there is a next cursor where there is a next part; by number, where the part is full.
    """
    size, skip, direction = part.size, part.offset, wanted.direction
    if size is not None and skip > total // 2:
        size, skip = min(size, total - skip), max(0, total - skip - size)
        direction = "ASC" if direction == "DESC" else "DESC"
    if size is not None and size <= 0:
        return Found((), total)
    values = list_values(scope, wanted)
    if size is not None:
        # By cursor nobody has counted: one more shows whether anything follows.
        values["size"] = size if part.cursor is None else size + 1
    if skip:
        values["skip"] = skip
    if part.cursor is not None:
        values |= {"cursor_moment": part.cursor.moment, "cursor_tie": part.cursor.tie}
    shape = replace(
        shape_of(scope, wanted),
        direction=direction,
        cursor=part.cursor is not None,
        limited=size is not None,
        skips=skip > 0,
    )
    rows = connection.execute(_page(shape), values).all()
    ends = part.size is None or len(rows) < part.size + (part.cursor is not None)
    rows = rows[:size]
    if direction == "DESC":
        rows = rows[::-1]
    found, keys = tuple(as_message(row) for row in rows), tuple(row[-1] for row in rows)
    return Found(found, total, None if ends else _cursor_after(shape, wanted, rows), keys)


def _cursor_after(shape: Shape, wanted: MessageList, rows: Sequence[Any]) -> str:
    edge = rows[0] if wanted.direction == "DESC" else rows[-1]
    moment, seq, key = edge[5], edge[6], edge[-1]
    return str(Cursor(moment, seq if shape.of == "thread" else key))
