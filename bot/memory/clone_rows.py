"""Storage function that copies a thread, whole or in part."""

from dataclasses import dataclass
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import Connection, insert, select, update

from bot.access.scope import Scope
from bot.limits import TITLE_CHARACTERS
from bot.memory.terms import indexed_terms
from bot.memory.thread_rows import NewThread, create_thread, get_thread, lock_own_thread
from bot.memory.values import Thread
from bot.storage.search import index_messages
from bot.storage.tables import messages, threads


@dataclass(frozen=True, slots=True)
class CloneRequest:
    """Which messages of which thread go into a new one. None and empty mean: all."""

    source_id: str
    new_id: str
    title: str | None
    limit: int | None
    start: datetime | None
    end: datetime | None
    message_ids: tuple[str, ...] | None
    at: datetime


def clone_thread(connection: Connection, scope: Scope, request: CloneRequest) -> Thread:
    """Copy a thread, whole or in part, for its owner.

    Raises:
        NotFound: there is no such thread.
        NotAllowed: the actor takes part in it but does not own it.
        Conflict: the new id is taken.
    """
    row = lock_own_thread(connection, scope, request.source_id)
    source = get_thread(connection, scope, request.source_id)
    new = NewThread(
        id=request.new_id,
        resource_id=source.resource_id,
        title=request.title if request.title is not None else f"Clone of {source.title}"[:TITLE_CHARACTERS].strip(),
        title_source="person",
        metadata=source.metadata,
        place_kind=source.place_kind,
        place_name=source.place_name,
        at=request.at,
        subject_id="",  # the owner is known
        channel_id=connection.execute(select(threads.c.channel_id).where(threads.c.key == row.key)).scalar_one(),
    )
    create_thread(connection, scope, new)
    _copy_messages(connection, scope, row.key, request)
    return get_thread(connection, scope, request.new_id)


def _copy_messages(connection: Connection, scope: Scope, source_key: int, request: CloneRequest) -> None:
    # What was said off the record is erased when it is answered: a copy would stay.
    statement = select(messages).where(messages.c.thread_key == source_key, ~messages.c.off_record)
    if request.start is not None:
        statement = statement.where(messages.c.sent_at >= request.start)
    if request.end is not None:
        statement = statement.where(messages.c.sent_at <= request.end)
    if request.message_ids is not None:
        statement = statement.where(messages.c.id.in_(request.message_ids))
    newest_first = statement.order_by(messages.c.sent_at.desc(), messages.c.seq.desc()).limit(request.limit)
    chosen = connection.execute(newest_first).all()[::-1]
    if not chosen:
        return
    target = select(threads.c.key).where(threads.c.workspace_key == scope.workspace_key, threads.c.id == request.new_id)
    key = connection.execute(target).scalar_one()
    rows = []
    for seq, old in enumerate(chosen, start=1):
        row = {column.key: old._mapping[column] for column in messages.c if column is not messages.c.key}  # noqa: SLF001 (a documented name)
        row["stored_at"] = request.at
        # Made of both ids, so that a replay makes the same ones.
        rows.append(
            row | {"thread_key": key, "seq": seq, "id": str(uuid5(NAMESPACE_URL, f"{request.new_id}\n{old.id}"))}
        )
    made = connection.execute(insert(messages).returning(messages.c.key, messages.c.text), rows).all()
    index_messages(connection, key, ((one.key, indexed_terms(one.text)) for one in made))
    counted = {"next_seq": len(rows) + 1, "message_count": len(rows), "last_message_at": chosen[-1].sent_at}
    connection.execute(update(threads).where(threads.c.key == key).values(counted))
