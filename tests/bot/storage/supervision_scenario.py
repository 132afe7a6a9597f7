"""What supervision and a person's own choices change, with ids and times given."""

from datetime import timedelta
from typing import Any

from bot.access.audit import Act, record
from bot.access.scope import Scope
from bot.access.secret import Secrets
from bot.memory.people_rows import ensure_person
from bot.memory.workspace_rows import ensure_workspace
from bot.storage.store import Store
from bot.supervision.choice_rows import set_keeping
from bot.supervision.others_rows import order_report
from bot.supervision.reading_rows import note_told, queue_readings
from tests.bot.turns.events import HERE, NOON, place
from tests.engines import SECRET

_REPORT = {"category": "security", "thread": None, "channel": None, "start": None, "end": None}


async def supervision_scenario(store: Store) -> list[Any]:
    """Let everything happen once, and again; what became of it."""
    scope = Scope("system", await store.write(ensure_workspace, HERE, NOON), ())
    for name in ("read", "reader"):
        await store.write(ensure_person, scope, name, f"subject of {name}", NOON)
    done: list[Any] = []
    read = Act(NOON, "reader", "supervisor", "list", ("read",))
    await store.write(record, scope, read, Secrets.of(SECRET), subject_id="subject of reader")
    soon = timedelta(minutes=10)
    for number in range(2):
        ordered = ("r1", "reader", "read", _REPORT, place("@reader"), NOON)
        done.append(await store.write(order_report, scope, *ordered))
        for who in ("read", "unknown"):
            empty = f"empty {who} {number}"
            done.append(await store.write(queue_readings, scope, who, place(f"@{who}"), soon, empty, NOON))
        await store.write(note_told, scope, "read", 7)
        await store.write(set_keeping, scope, "new", "subject of new", NOON, keeps=False)
        await store.write(set_keeping, scope, "new", "subject of new", NOON, keeps=True)
    return done
