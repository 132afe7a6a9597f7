"""Housekeeping: what was kept long enough goes. In small transactions, so that nobody waits for it."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table, delete, exists, select, true

from bot.access.recorder import Recorder
from bot.access.settings_rows import chosen_retentions
from bot.access.sweeping import sweep_audit
from bot.memory.fact_rows import facts_on, forget_groundless
from bot.memory.message_rows import recount, untitle
from bot.storage.tables import disclosures, messages, threads, workspaces
from bot.storage.turn_tables import (
    deliveries_in,
    is_open,
    jobs,
    pending_changes,
    places,
    turns,
    utterances,
)
from bot.turns.held_rows import sweep_held
from bot.turns.job_rows import Job
from bot.turns.off_record import erase_off_record, threads_off_record
from bot.turns.scrub import scrub
from bot.turns.working import Bench

#: The kind of the job, and the beginning of its ids.
HOUSEKEEPING = "housekeeping"
#: Rows that one transaction deletes at most.
_PORTION = 500


async def keep_house(bench: Bench, job: Job, progress: Callable[[str], Awaitable[None]]) -> str:
    """Delete what is past its time: messages, the marks by which repetitions are known, closed work, unused places.

    Where messages are kept for ever, so are turns: whoever rates an answer, or replies to it, is known by its posts.
    """
    options, now = bench.options, bench.now()
    swept = await _sweep_old_messages(bench, now, progress)
    marks = now - options.deliveries_kept
    forgotten = marks if options.retention is None else min(marks, now - options.retention)
    for function, before in (
        (sweep_deliveries, marks),
        (sweep_utterances, marks),
        (sweep_pending_changes, now - options.pending_changes_kept),
        (sweep_jobs, marks),
        # With its turn the record of an answer's posts goes: it lasts as long as what was said.
        *(((sweep_turns, now - options.retention),) if options.retention is not None else ()),
        (sweep_places, forgotten),
    ):
        while await bench.store.write(function, before):
            await progress(f"{swept} messages deleted; {function.__name__}")
    while gone := await bench.store.write(sweep_held, now - options.held):
        swept += gone
    for thread_key in await bench.store.read(threads_off_record):
        swept += await bench.store.write(erase_off_record, thread_key, now)
    if swept:
        await scrub(bench, job, progress)
    await sweep_audit(bench.store, Recorder.of(bench.settings), now)
    return ""


_PROMISED = select(disclosures.c.workspace_key, disclosures.c.version, disclosures.c.retention_days).where(
    disclosures.c.retention_days > 0
)


def promised_retentions(connection: Connection) -> list[tuple[int, int, int]]:
    """How long people were told that their messages are kept: workspace, version of the disclosure, days."""
    return [(row.workspace_key, row.version, row.retention_days) for row in connection.execute(_PROMISED)]


async def _sweep_old_messages(bench: Bench, now: datetime, progress: Callable[[str], Awaitable[None]]) -> int:
    """Delete the messages that were kept as long as the operator, an admin, or what people were told allows."""
    kept = bench.options.retention
    past: list[tuple[Any, ...]] = [] if kept is None else [(now - kept,)]
    for workspace_key, days in (await bench.store.read(chosen_retentions)).items():
        past.append((now - timedelta(days=days), workspace_key))
    for workspace_key, version, days in await bench.store.read(promised_retentions):
        # Whoever was told of a shorter time when she said it is held to no longer one.
        past.append((now - timedelta(days=days), workspace_key, version))
    swept = 0
    for given in past:
        while gone := await bench.store.write(sweep_messages, *given):
            swept += gone
            await progress(f"{swept} messages deleted")
    return swept


def sweep_messages(
    connection: Connection, before: datetime, workspace_key: int | None = None, version: int | None = None
) -> int:
    """Delete a portion of the messages that were stored before a time, with what rests on them; how many they were.

    In one workspace, where it is named; those said under one disclosure, where that is.
    """
    # Those of turns that are still owed stay until these are closed.
    owed = exists().where(turns.c.thread_key == messages.c.thread_key, is_open(turns))
    # An index begins with the workspace.
    every = messages.c.workspace_key.in_(select(workspaces.c.key))
    here = every if workspace_key is None else messages.c.workspace_key == workspace_key
    said = true() if version is None else messages.c.disclosure == version
    past = select(messages.c.key, messages.c.thread_key).where(here, said, messages.c.stored_at < before, ~owed)
    found = connection.execute(past.limit(_PORTION)).all()
    # Locked: nothing is said in these threads until it is clear what is left of them.
    locked = select(threads.c.key).where(threads.c.key.in_({row.thread_key for row in found}))
    thread_keys = connection.execute(locked.order_by(threads.c.key).with_for_update(key_share=True)).scalars().all()
    # Looked at again under the locks: a turn may have been queued since.
    rows = connection.execute(past.where(messages.c.key.in_([row.key for row in found]))).all()
    if not rows:
        return 0
    keys = [row.key for row in rows]
    untitle(connection, keys)
    touched = facts_on(connection, keys)
    connection.execute(delete(messages).where(messages.c.key.in_(keys)))
    forget_groundless(connection, touched)
    recount(connection, thread_keys)
    empty = (threads.c.key.in_(thread_keys), threads.c.message_count == 0)
    connection.execute(delete(threads).where(*empty))
    return len(rows)


def sweep_deliveries(connection: Connection, before: datetime) -> int:
    """Forget a portion of the deliveries: no platform repeats them any more."""
    old = (
        select(deliveries_in.c.workspace_key, deliveries_in.c.id)
        .where(deliveries_in.c.received_at < before)
        .limit(_PORTION)
    )
    return _delete_pairs(connection, deliveries_in, "id", connection.execute(old).all())


def sweep_utterances(connection: Connection, before: datetime) -> int:
    """Forget a portion of the utterances' names."""
    old = select(utterances.c.workspace_key, utterances.c.id).where(utterances.c.received_at < before).limit(_PORTION)
    return _delete_pairs(connection, utterances, "id", connection.execute(old).all())


def sweep_pending_changes(connection: Connection, before: datetime) -> int:
    """Forget a portion of the changes whose message never came."""
    old = (
        select(pending_changes.c.workspace_key, pending_changes.c.utterance_id)
        .where(pending_changes.c.received_at < before)
        .limit(_PORTION)
    )
    return _delete_pairs(connection, pending_changes, "utterance_id", connection.execute(old).all())


def sweep_turns(connection: Connection, before: datetime) -> int:
    """Forget a portion of the closed turns, with the record of their posts."""
    old = select(turns.c.key).where(turns.c.closed_at < before).limit(_PORTION)
    keys = connection.execute(old).scalars().all()
    connection.execute(delete(turns).where(turns.c.key.in_(keys)))
    return len(keys)


def sweep_jobs(connection: Connection, before: datetime) -> int:
    """Forget a portion of the closed jobs."""
    keys = connection.execute(select(jobs.c.key).where(jobs.c.closed_at < before).limit(_PORTION)).scalars().all()
    connection.execute(delete(jobs).where(jobs.c.key.in_(keys)))
    return len(keys)


def sweep_places(connection: Connection, before: datetime) -> int:
    """Forget a portion of the places in which nothing goes on; whoever speaks there again makes it anew."""
    empty = (
        places.c.thread_key.is_(None),
        places.c.created_at < before,
        ~exists().where(turns.c.place_key == places.c.key),
        ~exists().where(jobs.c.place_key == places.c.key),
    )
    past = select(places.c.key).where(*empty)
    # Where somebody speaks just now, something goes on.
    locked = past.order_by(places.c.key).limit(_PORTION).with_for_update(skip_locked=True)
    keys = connection.execute(locked).scalars().all()
    # Looked at again under the locks: a turn may have been queued since.
    gone = delete(places).where(places.c.key.in_(keys), *empty).returning(places.c.key)
    return len(connection.execute(gone).scalars().all())


def _delete_pairs(connection: Connection, table: Table, name: str, rows: Sequence[Any]) -> int:
    """Delete rows of a table whose key is a workspace and an id."""
    by_workspace: dict[int, list[str]] = {}
    for workspace_key, one in rows:
        by_workspace.setdefault(workspace_key, []).append(one)
    for workspace_key, ids in by_workspace.items():
        mine = (table.c.workspace_key == workspace_key, table.c[name].in_(ids))
        connection.execute(delete(table).where(*mine))
    return len(rows)
