"""Whatever admins and others try, in whatever order: roles and settings change as the rules say, and the audit says so.

People act through the commands, as their buttons and forms do. A plain model says beside it who is admin.
"""

import asyncio
import os
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from adapters.local.adapter import LocalAdapter
from adapters.local.conversation import World
from adapters.local.ids import direct_channel
from adapters.local.inbound import place_ref
from bot.access.recorder import Recorder
from bot.access.role_rows import OPERATOR, admins_of, grant_role, note_presence
from bot.access.scope import Scope
from bot.access.settings_rows import chosen_settings, settings_history
from bot.access.workspace_settings import WorkspaceSettings
from bot.chat import Form, Invocation, PersonRef, Reply
from bot.commands.context import Services
from bot.commands.registry import all_commands
from bot.commands.running import Commands
from bot.errors import BotError, NotAllowed
from bot.memory.people_rows import ensure_person
from bot.memory.values import MemoryOptions
from bot.memory.workspace_rows import ensure_workspace
from bot.storage.store import Store, open_store
from bot.storage.tables import audit, people, roles, scopes
from bot.turns.working import Bench
from tests.bot.agent.talking import SETTINGS, Playing
from tests.bot.memory.stage import START
from tests.bot.turns.team import EASY
from tests.engines import SECRET, Clock

#: Dora is admin at the beginning: ADMINS names her, or she was made one. Gus is a guest.
PEOPLE = ("ana", "bela", "cleo", "dora", "gus")
PERSON = st.sampled_from(PEOPLE)
ROLE = st.sampled_from(["admin", "admin", "supervisor"])
UNKNOWN = "There is no such command here; `help` lists what I can do."


@dataclass(frozen=True)
class Step:
    """Somebody runs a command; or the platform says who somebody is, which `command` "" is."""

    actor: str
    command: str
    arguments: tuple[tuple[str, str], ...] = ()
    #: Whose id stands among the arguments, under which names.
    about: tuple[tuple[str, str], ...] = ()
    role: str = ""
    here: bool = True


def giving(actor: str, person: str, role: str, *, everyone: bool) -> Step:
    reach = (("everyone", "yes"),) if everyone else (("everyone", "no"), ("reads", "ana"))
    given_scope = tuple(one for one in reach if one[0] != "reads") if role == "supervisor" else ()
    named = (("person", person), *(one for one in reach if one[0] == "reads" and role == "supervisor"))
    return Step(actor, "admin grant now", (("role", role), *given_scope), named)


GIVE = st.builds(giving, PERSON, PERSON, ROLE, everyone=st.booleans())
TAKE = st.builds(lambda a, p, r: Step(a, "admin revoke now", (("role", r),), (("person", p),)), PERSON, PERSON, ROLE)
WIDEN = st.builds(lambda a, p, q: Step(a, "admin scope", (), (("person", p), ("reads", q))), PERSON, PERSON, PERSON)
NARROW = st.builds(
    lambda a, p, q: Step(a, "admin scope remove", (("kind", "person"),), (("person", p), ("value", q))),
    PERSON,
    PERSON,
    PERSON,
)
CHANGE = st.builds(
    lambda a, values: Step(a, "admin settings now", tuple(sorted(values.items()))),
    PERSON,
    st.fixed_dictionaries(
        {},
        optional={
            "supervision": st.sampled_from(["off", "channels", "all"]),
            "retention": st.sampled_from(["10", "30", "91", "default"]),
            "contact": st.sampled_from(["desk", "default"]),
            "notice": st.sampled_from(["yes", "no"]),
        },
    ),
)
BACK = st.builds(lambda a, n: Step(a, "admin settings back", (("version", str(n)),)), PERSON, st.integers(0, 6))
SAY = st.builds(
    lambda p, role, here: Step(p, "", role=role, here=here),
    PERSON,
    st.sampled_from(["member", "administrator"]),
    st.sampled_from([True, True, True, False]),
)
STEPS = st.lists(st.one_of(GIVE, GIVE, TAKE, WIDEN, NARROW, CHANGE, CHANGE, BACK, SAY), min_size=3, max_size=14)


class Listening:
    """A responder that keeps what was answered."""

    def __init__(self) -> None:
        self.said: list[str] = []

    async def private(self, reply: Reply) -> None:
        self.said.append(reply.text)

    async def public(self, reply: Reply) -> None:
        raise AssertionError(reply.text)

    async def form(self, form: Form) -> None:
        self.said.append(form.title)

    async def update(self, reply: Reply) -> None:
        self.said.append(reply.text)


@dataclass(frozen=True)
class State:
    """What stands in the tables."""

    #: What admins decide: roles that were given, scopes, settings with their versions.
    given: frozenset[tuple[str, ...]]
    settings: WorkspaceSettings
    versions: tuple[int, ...]
    #: What platform and ADMINS decide: (person, source).
    taken_over: frozenset[tuple[str, str]]
    #: Who is admin now, of those who are here.
    admins: tuple[str, ...]
    #: (seq, actor_kind, outcome)
    audit: tuple[tuple[int, str, str], ...]

    @property
    def decided(self) -> Any:
        return self.given, self.settings, self.versions


@dataclass
class Firm:
    """One workspace with its commands."""

    store: Store
    commands: Commands
    local: LocalAdapter
    clock: Clock
    workspace: str
    key: int
    #: Whether ADMINS names dora.
    named: bool
    #: What the platform says of those who are here.
    platform: dict[str, str] = field(default_factory=dict)

    def id(self, name: str) -> str:
        return f"local:{self.workspace}:{name}"

    async def settle(self, name: str, role: str) -> None:
        self.platform[name] = role
        await self.local.settle(self.workspace, name, name.title(), role)

    async def leave(self, name: str) -> None:
        self.platform.pop(name, None)
        await self.local.leave_workspace(self.workspace, name)
        scope = Scope("system", self.key, ())
        await self.store.write(note_presence, scope, self.id(name), here=False, now=self.clock())

    async def run(self, step: Step) -> tuple[str, BotError | None]:
        responder = Listening()
        given_arguments = dict(step.arguments) | {name: self.id(person) for name, person in step.about}
        place = place_ref(self.workspace, {"name": direct_channel(step.actor), "kind": "direct"}, "")
        person = PersonRef(f"local:{self.workspace}", self.id(step.actor), step.actor.title())
        invocation = Invocation(
            delivery_id=str(uuid4()),
            person=person,
            place=place,
            command=step.command,
            arguments=given_arguments,
            responder=responder,
        )
        try:
            await self.commands(invocation)
        except BotError as error:
            return "", error
        (said,) = responder.said
        return said, None

    async def state(self) -> State:
        return await self.store.read(self._state)

    def _state(self, connection: Connection) -> State:
        scope = Scope("system", self.key, ())
        held = connection.execute(
            select(people.c.resource_id, roles.c.role, roles.c.source)
            .join(roles, roles.c.resource_key == people.c.key)
            .where(people.c.workspace_key == self.key)
        ).all()
        reach = connection.execute(
            select(people.c.resource_id, scopes.c.kind, scopes.c.value)
            .join(scopes, scopes.c.resource_key == people.c.key)
            .where(people.c.workspace_key == self.key)
        ).all()
        recorded = connection.execute(
            select(audit.c.seq, audit.c.actor_kind, audit.c.outcome)
            .where(audit.c.workspace_key == self.key)
            .order_by(audit.c.seq)
        ).all()
        given_roles = {(one.resource_id, one.role) for one in held if one.source == "granted"}
        return State(
            frozenset(given_roles | {tuple(row) for row in reach}),
            chosen_settings(connection, scope).settings,
            tuple(one.version for one in reversed(settings_history(connection, scope, size=100))),
            frozenset((one.resource_id, one.source) for one in held if one.source != "granted"),
            admins_of(connection, scope),
            tuple((row.seq, row.actor_kind, row.outcome) for row in recorded),
        )

    async def version(self, number: int) -> WorkspaceSettings:
        if number == 0:
            return WorkspaceSettings()
        known = await self.store.read(settings_history, Scope("system", self.key, ()), size=100)
        return next(one.settings for one in known if one.version == number)


def is_admin(firm: Firm, name: str, before: State) -> bool:
    """The rule: ADMINS, an owner or administrator who is no guest, or whom an admin made one."""
    granted = (firm.id(name), "admin") in before.given
    return (name == "dora" and firm.named) or firm.platform[name] == "administrator" or granted


async def take(firm: Firm, step: Step, seen: set[str]) -> None:
    """Do a step, and look at what must hold after it."""
    before = await firm.state()
    if not step.command:
        if step.actor != "gus":
            await (firm.settle(step.actor, step.role) if step.here else firm.leave(step.actor))
        assert (await firm.state()).decided == before.decided
        return
    if step.actor not in firm.platform:
        return  # who left writes nothing
    # The platform is asked once in a minute.
    firm.clock.now += timedelta(minutes=2)
    admin = is_admin(firm, step.actor, before)
    said, error = await firm.run(step)
    after = await firm.state()
    new = [row[1:] for row in after.audit[len(before.audit) :]]
    own = [one for one in new if one[0] != "system"]
    changed = before.decided != after.decided
    assert [row[0] for row in after.audit] == list(range(1, len(after.audit) + 1))
    assert after.versions == tuple(range(1, len(after.versions) + 1))
    assert {person for person, _source in before.taken_over ^ after.taken_over} <= {firm.id(step.actor)}
    assert len(new) - len(own) == (before.taken_over != after.taken_over)
    assert not [one for one in after.given if one[0] == firm.id("gus")]
    if not admin:
        assert (said, own, changed) == (UNKNOWN, [("person", "refused")], False)
        seen.add("unknown")
        return
    assert after.admins
    if isinstance(error, NotAllowed):
        assert (own, changed) == ([("admin", "refused")], False)
        seen.add(str(error))
    else:
        assert own == ([("admin", "done")] if changed else [])
        seen.add(f"{step.command}: {'done' if changed else type(error).__name__}")
    if step.command == "admin settings back" and changed:
        assert after.settings == await firm.version(int(dict(step.arguments)["version"]))


async def play(url: str, anchor: Path, number: int, steps: list[Step], seen: set[str], *, named: bool) -> None:
    async with AsyncExitStack() as stack:
        store = await open_store(url)
        stack.push_async_callback(store.close)
        clock = Clock(START, timedelta(milliseconds=1))
        workspace = f"firm{number}"
        chosen = SETTINGS.model_copy(update={"admins": f"local:{workspace}:dora" if named else ""})
        bench = Bench(store, Playing(), chosen, MemoryOptions(), EASY, clock)
        local = LocalAdapter(World(store, clock, b"a secret of the tests"))
        signals = store.signals()
        stack.push_async_callback(signals.close)
        recorder = Recorder.at(url, secret=SECRET, anchor=anchor)
        commands = Commands(Services(bench, {"local": local}, all_commands(), recorder, signals))
        key = await store.write(ensure_workspace, f"local:{workspace}", START)
        firm = Firm(store, commands, local, clock, workspace, key, named)
        for name in PEOPLE:
            await firm.settle(name, {"gus": "guest"}.get(name, "member"))
        if not named:
            scope = Scope("system", key, ())
            await store.write(ensure_person, scope, firm.id("dora"), f"dora of {workspace}", START)
            await store.write(grant_role, scope, firm.id("dora"), "admin", OPERATOR, START)
        for step in steps:
            await take(firm, step, seen)


#: All that must have happened in the examples, or they show nothing.
EXPECTED = {
    "unknown",
    "admin grant now: done",
    "admin grant now: Conflict",
    "admin revoke now: done",
    "admin revoke now: Conflict",
    "admin scope: done",
    "admin scope remove: done",
    "admin settings now: done",
    "admin settings back: done",
    "admin settings back: NotFound",
    "This role comes from the operator's settings, and can be taken away there alone.",
    "This is the last admin: make somebody else one before.",
    "Only a supervisor has a scope: give the role first.",
    "Bots, guests, people of other organisations and people who left cannot have a role here.",
}


def test_roles_and_settings_change_by_the_rules_alone_and_the_audit_tells_it(url: str, tmp_path: Path) -> None:
    loop = asyncio.new_event_loop()
    runs = 0
    seen: set[str] = set()

    @settings(
        max_examples=60 if url.startswith("sqlite") else 15,
        derandomize="CI" in os.environ,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(steps=STEPS, named=st.booleans())
    def plays(steps: list[Step], *, named: bool) -> None:
        nonlocal runs
        runs += 1
        loop.run_until_complete(play(url, tmp_path / "run.anchor", runs, [*FIRST, *steps], seen, named=named))

    try:
        plays()
    finally:
        loop.close()
    assert seen >= EXPECTED


#: What is tried in every example: each of the answers above comes at least once.
FIRST = (
    giving("ana", "ana", "admin", everyone=False),
    giving("dora", "bela", "supervisor", everyone=False),
    giving("dora", "bela", "supervisor", everyone=False),
    giving("dora", "gus", "admin", everyone=False),
    Step("dora", "admin scope", (), (("person", "bela"), ("reads", "cleo"))),
    Step("dora", "admin scope", (), (("person", "ana"), ("reads", "cleo"))),
    Step("dora", "admin scope remove", (("kind", "person"),), (("person", "bela"), ("value", "ana"))),
    Step("dora", "admin settings now", (("retention", "30"),)),
    Step("dora", "admin settings now", (("supervision", "channels"),)),
    Step("dora", "admin settings back", (("version", "1"),)),
    Step("dora", "admin settings back", (("version", "99"),)),
    Step("dora", "admin revoke now", (("role", "admin"),), (("person", "dora"),)),
    Step("dora", "admin revoke now", (("role", "supervisor"),), (("person", "ana"),)),
    giving("dora", "ana", "admin", everyone=False),
    Step("dora", "admin revoke now", (("role", "admin"),), (("person", "ana"),)),
)
