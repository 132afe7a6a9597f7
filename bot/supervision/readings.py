"""Telling a person that somebody read her conversations: in a message of its own, or with her next private answer."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from sqlalchemy import Connection

from bot.access.scope import Scope
from bot.chat import Button, PlaceRef, Reply
from bot.storage.store import Store
from bot.supervision.reading_rows import note_told, notice_waits, queue_readings, until_due, untold_readings
from bot.supervision.reading_text import told, visits
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
    """What a person was not told yet of who read her conversations; None where that is nothing.

    Raises:
        StorageError: the database failed.
    """
    found = await store.read(untold_readings, scope, resource_id)
    if not found:
        return None
    newest = max(one.seq for one in found)
    return News(told(visits(found)), partial(note_told, scope=scope, resource_id=resource_id, seq=newest))


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


async def wants_notice(bench: Bench, scope: Scope, resource_id: str) -> bool:
    """Whether a person is to be told of something that no notice on its way will tell."""
    return not await bench.store.read(notice_waits, scope, resource_id, bench.now())


async def order_notice(bench: Bench, scope: Scope, resource_id: str, place: PlaceRef) -> Word:
    """Queue the notice to a person, which goes to the place where the bot writes to her alone."""
    return await bench.store.write(queue_readings, scope, resource_id, place, bench.options.notice_after, bench.now())
