"""Everything that the admins' commands change, with ids and times given."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection

from bot.access.scope import Scope
from bot.access.standing import ReadScope
from bot.chat import PlaceRef
from bot.commands.admin.announcing import Listener, tell_admins
from bot.commands.admin.jobs import queue_verification
from bot.commands.admin.role_rows import Known, give_role, narrow_scope, shut_out, take_over, take_role, widen_scope
from bot.commands.admin.settings_rows import Made, go_back, make_change, tell_channels
from bot.errors import BotError
from bot.memory.workspace_rows import ensure_workspace
from bot.storage.store import Store
from bot.turns.place_rows import lock_place
from bot.turns.turn_values import Notice
from tests.bot.storage.access_scenario import ACME, NOON

HERE = "local:administered"


def home(name: str) -> PlaceRef:
    return PlaceRef(HERE, f"@{name}", "direct", "", {"channel": f"@{name}", "root": ""})


def _answers_all(connection: Connection, scope: Scope, channel: str) -> Made:
    made = make_change(connection, scope, {"channels": {channel: "all"}}, ACME, "lin", NOON)
    return tell_channels(connection, scope, made, lambda place: place, NOON)


def _come_to(connection: Connection, scope: Scope, place: PlaceRef) -> None:
    lock_place(connection, scope, place, NOON)


async def admin_scenario(store: Store) -> list[Any]:
    """Let everything happen once; what each call returned."""
    here = Scope("system", await store.write(ensure_workspace, HERE, NOON), ())
    lin, grace = Known("lin", "Lin", "subject 1 of lin"), Known("grace", "Grace", "subject 1 of grace")
    people = [Listener(name, home(name)) for name in ("lin", "grace")]
    done: list[Any] = []

    async def keep(function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        try:
            done.append(await store.write(function, here, *args, **kwargs))
        except BotError as error:
            done.append((type(error), str(error)))

    for _ in range(2):
        await keep(take_over, lin, True, (), "news 1", people, NOON)
        await keep(give_role, grace, "supervisor", ReadScope(persons=("lin",)), "lin", NOON)
        await keep(widen_scope, "grace", ReadScope(channels=("harbour",)), "lin", NOON)
        await keep(narrow_scope, "grace", "person", "lin", "lin", NOON)
    await keep(take_role, "grace", "supervisor", "lin")
    await keep(take_role, "lin", "admin", "lin")
    await keep(make_change, {"channels": {"harbour": "all"}, "retention_days": 30}, ACME, "lin", NOON)
    await keep(make_change, {"channels": {"office": "off"}}, ACME, "lin", NOON)
    await keep(go_back, 1, ACME, "lin", NOON)
    await keep(_answers_all, "harbour")
    await keep(_come_to, PlaceRef(HERE, "office", "public", "#office", {"channel": "office", "root": ""}))
    await keep(_answers_all, "office")
    await keep(give_role, grace, "supervisor", ReadScope(persons=("lin",)), "lin", NOON)
    await keep(shut_out, "grace", "news 3", people, NOON)
    await keep(tell_admins, Notice("news 2", "Something changed."), people, NOON, but="grace")
    await keep(queue_verification, "lin", home("lin"), NOON)
    return done
