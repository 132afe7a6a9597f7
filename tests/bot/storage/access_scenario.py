"""Everything that roles, settings and disclosures change, with ids and times given."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from bot.access.disclosure import DisclosureFacts, Operator
from bot.access.disclosure_rows import choose_keeping, current_disclosure, newest
from bot.access.role_rows import (
    OPERATOR,
    grant_role,
    list_roles,
    note_presence,
    revoke_role,
    set_scope,
    take_all_roles,
    take_over_roles,
)
from bot.access.scope import Scope
from bot.access.settings_rows import change_settings, roll_back, set_up_workspace, settings_history
from bot.access.standing import ReadScope
from bot.errors import BotError
from bot.memory.people_rows import ensure_person
from bot.memory.workspace_rows import ensure_workspace
from bot.storage.store import Store

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ACME = Operator("Keeper", "Acme", "models.example", 90)


async def access_scenario(store: Store) -> list[Any]:
    """Let everything happen once; what each call returned."""
    here = Scope("system", await store.write(ensure_workspace, "local:access", NOON), ())
    done: list[Any] = []

    async def keep(function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        try:
            done.append(await store.write(function, here, *args, **kwargs))
        except BotError as error:
            done.append((type(error), str(error)))

    for name in ("lin", "grace"):
        await store.write(ensure_person, here, name, f"subject of {name}", NOON)
    await keep(take_over_roles, "lin", True, ("grace",), NOON)
    await keep(grant_role, "lin", "admin", OPERATOR, NOON)
    await keep(take_over_roles, "lin", False, (), NOON)
    await keep(revoke_role, "lin", "admin", "lin")
    await keep(grant_role, "grace", "supervisor", "lin", NOON)
    await keep(set_scope, "grace", ReadScope(persons=("lin",), channels=("harbour",)), "lin", NOON)
    await keep(set_scope, "grace", ReadScope(everyone=True), "lin", NOON)
    await keep(revoke_role, "grace", "supervisor", "lin")
    await keep(grant_role, "grace", "supervisor", "lin", NOON)
    await keep(set_scope, "grace", ReadScope(everyone=True), "lin", NOON)
    await keep(take_all_roles, "grace")
    await keep(note_presence, "grace", here=False, now=NOON)
    await keep(set_up_workspace, {"supervision": "all"}, ACME, NOON)
    await keep(change_settings, {"persona": "terse"}, ACME, "lin", NOON)
    await keep(change_settings, {"supervision": "loud"}, ACME, "lin", NOON)
    await keep(roll_back, 1, ACME, "lin", NOON)
    await keep(current_disclosure, DisclosureFacts("Keeper", "Acme", "other.example", 90, "all"), NOON)
    await keep(choose_keeping, "lin", 2, keeps=False)
    done.append(await store.read(newest, here))
    done.append(await store.read(settings_history, here))
    done.append([one.resource_id for one in (await store.read(list_roles, here)).holders])
    return done
