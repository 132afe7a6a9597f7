"""Telling a person that somebody read her conversations: in a message of its own, or with her next private answer."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from uuid import uuid4

from sqlalchemy import Connection

from bot.access.readings import Reading
from bot.access.scope import Scope
from bot.chat import Button, PlaceRef, Reply
from bot.storage.store import Store
from bot.supervision.reader_rows import NewReader, new_readers
from bot.supervision.reading_rows import note_told, queue_readings, until_due, untold_readings
from bot.supervision.reading_text import may_read, told, visits
from bot.turns.job_rows import Job
from bot.turns.jobs import Delivered, NotYet, Progress
from bot.turns.turn_values import Word
from bot.turns.working import Bench


@dataclass(frozen=True, slots=True)
class News:
    """What a person is to be told, and what is noted when she was."""

    text: str
    note: Callable[[Connection], None]


async def news(store: Store, scope: Scope, resource_id: str) -> News | None:
    """What a person was not told yet of who read her conversations, and who may now; None where that is nothing.

    Raises:
        StorageError: the database failed.
    """
    read, may = await store.read(_untold, scope, resource_id)
    if not read and not may:
        return None
    newest = max([one.seq for one in read] + [one.seq for one in may])
    parts = [*([told(visits(read))] if read else []), *([may_read(may)] if may else [])]
    return News("\n\n".join(parts), partial(note_told, scope=scope, resource_id=resource_id, seq=newest))


def _untold(connection: Connection, scope: Scope, resource_id: str) -> tuple[list[Reading], list[NewReader]]:
    return untold_readings(connection, scope, resource_id), new_readers(connection, scope, resource_id)


async def tell_readings(bench: Bench, job: Job, _progress: Progress) -> str | Delivered:
    """The job: the notice, when its time has come. Who cannot be written to is told with her next private answer."""
    pause = until_due(job.arguments["due"], bench.now())
    if pause > timedelta():
        raise NotYet(min(pause, bench.options.longest_backoff))
    scope = Scope("system", job.workspace_key or 0, ())
    found = await news(bench.store, scope, job.resource_id)
    if found is None:
        return ""  # she was told meanwhile, looked it up, or is not to be told
    reply = Reply(found.text, (Button("Privacy", "privacy", person=job.resource_id),))
    return Delivered(reply, found.note)


async def tell_nothing(_bench: Bench, _job: Job, _progress: Progress) -> str:
    """The job that stands where nobody is to be told."""
    return ""


async def order_notice(bench: Bench, scope: Scope, resource_id: str, place: PlaceRef | None) -> Word:
    """Queue the notice to a person, which goes to the place where the bot writes to her alone; one job in any case."""
    quiet = bench.options.notice_after
    return await bench.store.write(queue_readings, scope, resource_id, place, quiet, str(uuid4()), bench.now())
