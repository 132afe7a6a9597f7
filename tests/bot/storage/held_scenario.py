"""Everything that happens to messages that wait, and to what is off the record, with ids and times given."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from bot.access.disclosure import Operator
from bot.access.scope import Scope
from bot.access.telling import disclose_changes, telling
from bot.memory.workspace_rows import ensure_workspace
from bot.storage.store import Store
from bot.turns.accept_rows import release_held
from bot.turns.held_rows import read_held, sweep_held
from bot.turns.incoming import incoming
from bot.turns.off_record import erase_off_record
from bot.turns.place_rows import resume_thread
from bot.turns.turn_rows import claim_turn, finish_turn
from tests.bot.turns.events import NOON, UNLIMITED, Desk, Moment, deletion, edit_of, message, person, place

WORKSPACE = "local:held"
ACME = Operator("Keeper", "Acme", "models.example", 90)
OPTIONS = replace(UNLIMITED, disclose=True)


async def held_scenario(store: Store) -> list[Any]:
    """Let everything happen once; what became of it."""
    desk = Desk(store, OPTIONS, Moment())
    ana, here = person("ana", WORKSPACE), place(workspace=WORKSPACE)
    said = [message(f"off the record: {number}", f"h{number}", who=ana, where=here) for number in range(4)]
    done: list[Any] = [await desk.take(one) for one in said]
    done.append(await desk.take(edit_of(said[1], "off the record: changed")))
    done.append(await desk.take(deletion("h2", workspace=WORKSPACE)))
    scope = Scope("system", await store.write(ensure_workspace, WORKSPACE, NOON), ())
    told = (await store.write(telling, scope, ACME, ana.resource_id, NOON))[1]
    waiting = [incoming(one) for one in await store.read(read_held, scope, ana.resource_id)][:2]
    given = (scope, ana.resource_id, told.version, waiting, OPTIONS, NOON)
    done.append(await store.write(release_held, *given, keeps=True))
    at_work: list[int] = []
    turn = await store.write(claim_turn, "a process", ["local"], at_work, OPTIONS, NOON)
    while turn is not None and turn.workspace_key != scope.workspace_key:
        at_work.append(turn.thread_key)
        turn = await store.write(claim_turn, "a process", ["local"], at_work, OPTIONS, NOON)
    assert turn is not None
    done.append(await store.write(finish_turn, turn, "answered", "", "no turn", NOON))
    done.append(await store.write(resume_thread, scope, here, turn.thread_id, NOON))
    done.append(await store.write(erase_off_record, turn.thread_key, NOON))
    await store.write(disclose_changes, scope, replace(ACME, provider="other.example"), NOON)
    done.append(await store.write(sweep_held, NOON + timedelta(days=400)))
    return done
