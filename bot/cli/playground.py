"""What the playground's workspace needs beside its people: a supervisor, an admin, and supervision switched on."""

from uuid import uuid4

from adapters.local.ids import resource_id, workspace_id
from adapters.local.playground.playground import RolesOf
from adapters.local.playground.seed import WORKSPACE
from bot.access.disclosure import operator_of
from bot.access.role_rows import OPERATOR, grant_role, read_standing, set_scope, take_over_roles
from bot.access.scope import Scope
from bot.access.settings_rows import chosen_settings, set_up_workspace
from bot.access.standing import ReadScope
from bot.chat import PersonRef
from bot.memory.people_rows import ensure_person
from bot.memory.turn_rows import name_person
from bot.memory.workspace_rows import ensure_workspace, workspace_key
from bot.turns.working import Bench

_SUPERVISOR, _ADMIN = "grace", "lin"


async def set_up_playground(bench: Bench) -> None:
    """Choose for the playground's workspace, once: Grace supervises, direct messages too; Lin is admin."""
    store, now = bench.store, bench.now()
    key = await store.write(ensure_workspace, workspace_id(WORKSPACE), now)
    scope = Scope("system", key, ())
    if (await store.read(chosen_settings, scope)).version:
        return
    grace, lin = resource_id(WORKSPACE, _SUPERVISOR), resource_id(WORKSPACE, _ADMIN)
    for person, name in ((grace, "Grace"), (lin, "Lin")):
        await store.write(ensure_person, scope, person, str(uuid4()), now)
        await store.write(name_person, scope, person, name)  # others are told of her before she says anything
    await store.write(grant_role, scope, grace, "supervisor", OPERATOR, now)
    await store.write(set_scope, scope, grace, ReadScope(everyone=True), OPERATOR, now)
    await store.write(take_over_roles, scope, lin, True, (), now)  # noqa: FBT003 (she is administrator there)
    await store.write(set_up_workspace, scope, {"supervision": "all"}, operator_of(bench.settings), now)


def roles_in(bench: Bench) -> RolesOf:
    """What people of the playground are to the bot."""

    async def roles_of(person: PersonRef) -> frozenset[str]:
        key = await bench.store.read(workspace_key, person.workspace_id)
        standing = await bench.store.read(read_standing, key or 0, person.resource_id)
        chosen = {"supervisor": standing.supervisor, "admin": standing.admin}
        return frozenset(name for name, has in chosen.items() if has)

    return roles_of
