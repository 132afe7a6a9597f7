"""Storage functions that erase what was answered off the record."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, exists, select

from bot.memory.message_rows import recount, untitle
from bot.storage.tables import messages, threads
from bot.storage.turn_tables import is_open, turns
from bot.turns.scrub_rows import queue_scrub

_OPEN = exists().where(turns.c.thread_key == bindparam("of_thread"), is_open(turns))
_LOCKED = select(threads.c.key).where(threads.c.key == bindparam("of_thread"), ~_OPEN).with_for_update(key_share=True)
_THEIRS = select(messages.c.key).where(
    messages.c.thread_key == bindparam("of_thread"), messages.c.off_record, ~_OPEN
)


def erase_off_record(connection: Connection, thread_key: int, now: datetime) -> int:
    """Erase what was said off the record in a thread in which no answer is owed; how many messages that were."""
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
