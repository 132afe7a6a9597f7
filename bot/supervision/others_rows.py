"""Storage functions that show a supervisor another person's conversations, and order their export."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select

from bot.access.scope import Scope
from bot.chat import PlaceRef
from bot.memory.message_pages import Found
from bot.memory.paging import Slice
from bot.memory.portions import portions
from bot.memory.recall_rows import Recall, recall
from bot.memory.thread_pages import ThreadList, list_threads
from bot.memory.thread_rows import find_thread
from bot.memory.values import Thread
from bot.storage.signals import announce
from bot.storage.tables import people
from bot.turns.job_rows import NewJob, queue_job
from bot.turns.place_rows import lock_place
from bot.turns.turn_values import Word

#: The kind of the job that makes a supervisor's export.
REPORT = "report"


@dataclass(frozen=True, slots=True)
class Transcript:
    """A conversation with a page of its messages, as a supervisor sees it."""

    thread: Thread
    found: Found


def read_transcript(connection: Connection, scope: Scope, thread_id: str, part: Slice) -> Transcript | None:
    """A conversation with its newest messages, or earlier ones; None where there is none to see."""
    thread = find_thread(connection, scope, thread_id)
    found = recall(connection, scope, Recall((thread_id,), None, part))
    return None if thread is None else Transcript(thread, found)


_NAMES = select(people.c.resource_id, people.c.name).where(
    people.c.workspace_key == bindparam("in_workspace"),
    people.c.resource_id.in_(bindparam("persons", expanding=True)),
)


def names_of(connection: Connection, scope: Scope, persons: Collection[str]) -> dict[str, str]:
    """How people are called, by their ids; under her id who has no name, or is not known."""
    found: dict[str, str] = {}
    for some in portions(list(persons)):
        rows = connection.execute(_NAMES, {"in_workspace": scope.workspace_key, "persons": some})
        found |= {row.resource_id: row.name for row in rows}
    return {one: found.get(one) or one for one in persons}


def anything_to_export(connection: Connection, scope: Scope, wanted: ThreadList, thread_id: str | None) -> bool:
    """Whether there is a conversation to export: the one that is named, or one of the list."""
    if thread_id is not None:
        return find_thread(connection, scope, thread_id) is not None
    return list_threads(connection, scope, wanted, Slice(0, 0)).total > 0


_KEY = select(people.c.key).where(
    people.c.workspace_key == bindparam("in_workspace"), people.c.resource_id == bindparam("of_person")
)
_PERSON = select(people.c.resource_id).where(
    people.c.workspace_key == bindparam("in_workspace"), people.c.key == bindparam("person_key")
)


def order_report(
    connection: Connection,
    scope: Scope,
    report_id: str,
    supervisor: str,
    person: str,
    chosen: Mapping[str, Any],
    place: PlaceRef,
    now: datetime,
) -> Word:
    """Queue an export, which goes to the supervisor's direct conversation.

    Args:
        connection: in a transaction.
        scope: the program's own.
        report_id: makes it one, however often it is ordered. The job's id names the person too, as an erasure finds it.
        supervisor: who orders it.
        person: whose conversations.
        chosen: which of them, and why.
        place: where the file goes.
        now: the time.
    """
    values = {"in_workspace": scope.workspace_key}
    orders = connection.execute(_KEY, values | {"of_person": supervisor}).scalar_one()
    read = connection.execute(_KEY, values | {"of_person": person}).scalar_one()
    place_key = lock_place(connection, scope, place, now).key
    arguments = {**chosen, "person": read}
    new = NewJob(f"{REPORT}:{person}:{report_id}", REPORT, arguments, scope.workspace_key, orders, place_key)
    word = queue_job(connection, new, now)
    if word:
        announce(connection, word)
    return word


def person_of_report(connection: Connection, scope: Scope, person_key: int) -> str | None:
    """Whose conversations an export holds; None where she was erased since."""
    return connection.execute(_PERSON, {"in_workspace": scope.workspace_key, "person_key": person_key}).scalar()
