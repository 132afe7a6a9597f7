"""Storage functions for who takes part in a thread, and whose it is."""

from datetime import datetime

from sqlalchemy import Connection, delete, insert, update
from sqlalchemy.dialects import postgresql

from bot.access.scope import Scope
from bot.errors import NotAllowed
from bot.memory.people_rows import ensure_person
from bot.memory.thread_rows import get_thread, lock_thread
from bot.memory.values import Thread
from bot.storage.tables import messages, participants, threads


def transfer_thread(
    connection: Connection, scope: Scope, thread_id: str, resource_id: str, *, subject_id: str, at: datetime
) -> Thread:
    """Give a thread, with its owner's messages, to another person.

    Raises:
        NotFound: there is no such thread.
        NotAllowed: only the program itself may put words into somebody's history.
    """
    if scope.kind != "system":
        raise NotAllowed("Only an operator can hand a conversation to somebody else.")
    row = lock_thread(connection, scope, thread_id)
    new_owner = ensure_person(connection, scope, resource_id, subject_id, at)
    of_old = (messages.c.thread_key == row.key, messages.c.resource_key == row.owner_key)
    connection.execute(update(messages).where(*of_old).values(resource_key=new_owner))
    in_thread = participants.c.thread_key == row.key
    connection.execute(
        delete(participants).where(in_thread, participants.c.resource_key.in_([row.owner_key, new_owner]))
    )
    joined = {"resource_key": new_owner, "thread_key": row.key, "thread_created_at": row.created_at, "joined_at": at}
    connection.execute(insert(participants), joined)
    changes = update(threads).where(threads.c.key == row.key).values(owner_key=new_owner, updated_at=at)
    connection.execute(changes)
    return get_thread(connection, scope, thread_id)


def add_participant(
    connection: Connection, scope: Scope, thread_id: str, resource_id: str, *, subject_id: str, at: datetime
) -> Thread:
    """Let a person take part in a thread: she sees it, and it stands in her list.

    Raises:
        NotAllowed: only an adapter, which knows who can read the place, decides that; it acts as the system.
        NotFound: there is no such thread.
    """
    if scope.kind != "system":
        raise NotAllowed("Only the platform decides who takes part in a conversation.")
    row = lock_thread(connection, scope, thread_id)
    person = ensure_person(connection, scope, resource_id, subject_id, at)
    statement = postgresql.insert(participants).on_conflict_do_nothing(index_elements=["resource_key", "thread_key"])
    joined = {"resource_key": person, "thread_key": row.key, "thread_created_at": row.created_at, "joined_at": at}
    connection.execute(statement, joined)
    return get_thread(connection, scope, thread_id)
