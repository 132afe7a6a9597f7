"""Storage functions that erase what was answered off the record."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, exists, select

from bot.memory.message_rows import recount, untitle
from bot.storage.tables import messages, threads
from bot.storage.turn_tables import is_open, turn_messages, turns
from bot.turns.scrub_rows import queue_scrub

_QUESTION = exists().where(
    turn_messages.c.message_key == messages.c.key, turns.c.key == turn_messages.c.turn_key, is_open(turns)
)
_ANSWER = exists().where(turns.c.answer_key == messages.c.key, is_open(turns))
_LOCKED = select(threads.c.key).where(threads.c.key == bindparam("of_thread")).with_for_update(key_share=True)
# What is still to be answered, or delivered, stays until then; what others are owed in the thread is no reason.
_THEIRS = select(messages.c.key).where(
    messages.c.thread_key == bindparam("of_thread"),
    messages.c.off_record,
    ~_QUESTION.correlate(messages),
    ~_ANSWER.correlate(messages),
)


def erase_off_record(connection: Connection, thread_key: int, now: datetime) -> int:
    """Erase what was answered off the record in a thread; how many messages that were."""
    of_thread = {"of_thread": thread_key}
    if connection.execute(_LOCKED, of_thread).scalar() is None:
        return 0
    # Looked at under the lock: a turn may have been queued since.
    keys = connection.execute(_THEIRS, of_thread).scalars().all()
    if not keys:
        return 0
    untitle(connection, keys)
    connection.execute(delete(messages).where(messages.c.key.in_(keys)))
    recount(connection, [thread_key])
    connection.execute(delete(threads).where(threads.c.key == thread_key, threads.c.message_count == 0))
    queue_scrub(connection, now)
    return len(keys)


_WITH_SUCH = select(messages.c.thread_key).where(messages.c.off_record).distinct().limit(500)


def threads_off_record(connection: Connection) -> list[int]:
    """Threads that hold something off the record: those that are answered just now, and what a crash left."""
    return list(connection.execute(_WITH_SUCH).scalars())
