"""Everything that forgetting and exporting change, with ids and times given."""

from typing import Any

from sqlalchemy import insert

from bot.access.scope import Scope
from bot.memory.workspace_rows import ensure_workspace
from bot.storage.store import Store
from bot.storage.tables import condensations, threads
from bot.supervision.erasing import queue_traces
from bot.supervision.erasure_rows import (
    Wanted,
    begin_erasure,
    clear_traces,
    end_erasure,
    erase_portion,
    note_scrubbed,
    read_erasure,
)
from bot.supervision.own_rows import order_export
from bot.turns.job_rows import Job
from bot.turns.turn_values import Lease
from tests.bot.turns.events import NOON, UNLIMITED, Desk, Moment, channel_thread, message, person, place

OFFICE = "local:forgetful"


async def erasure_scenario(store: Store) -> list[Any]:
    """Let a person forget a message, a conversation, everything; what came of it."""
    desk, done = Desk(store, UNLIMITED, Moment()), list[Any]()
    ana, ben = person("ana", OFFICE), person("ben", OFFICE)
    mine = place("@ana", workspace=OFFICE)
    shared = channel_thread("general/9", workspace=OFFICE)
    for number in range(3):
        done.append(await desk.take(message("my words", f"f{number}", who=ana, where=mine)))
    for who in (ana, ben):
        done.append(await desk.take(message("before all", f"g {who.name}", who=who, where=shared)))
    key = await store.write(ensure_workspace, OFFICE, NOON)
    scope = Scope("system", key, ())
    (thread, *_) = await desk.rows(threads)
    condensed = {"thread_key": thread["key"], "up_to_seq": 1, "text": "short", "model": "m", "created_at": NOON}
    await store.write(lambda connection: connection.execute(insert(condensations), condensed) and None)
    done.extend([await store.write(order_export, scope, "x", ana.resource_id, mine, NOON) for _ in range(2)])
    for number, (extent, what) in enumerate((("message", "f0"), ("conversation", "general/9"), ("everything", ""))):
        wanted = Wanted(f"erasure {number}", ana.resource_id, extent, what)  # type: ignore[arg-type]
        begun = await store.write(begin_erasure, scope, wanted, mine, NOON)
        assert begun is not None
        while await store.write(erase_portion, key, begun.arguments, NOON):
            done.append("a portion")
        for _ in range(2):
            await store.write(end_erasure, key, begun.arguments)
        job = Job(0, f"erase:{wanted.id}", "erase", begun.arguments, key, "", None, Lease("", 0), 1, None, {})
        await store.write(queue_traces, job, NOON)
        await store.write(note_scrubbed, wanted.id, NOON)
        done.append(await store.write(clear_traces, job.id, begun.arguments.get("places", [])))
        found = await store.read(read_erasure, wanted.id)
        assert found is not None
        done.append((found.before, found.after, found.scrubbed_at))
    return done
