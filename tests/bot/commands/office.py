"""An office: a running bot with its commands, people in each role, and supervision switched on."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, delete, insert, select, update

from adapters.local.world_rows import LocalPost
from bot.access.disclosure import Operator, operator_of
from bot.access.recorder import Recorder
from bot.access.scope import Scope
from bot.access.settings_rows import set_up_workspace
from bot.app import no_commands
from bot.chat import Adapter, Invocation
from bot.commands.admin.jobs import admin_kinds
from bot.commands.context import Services
from bot.commands.kinds import JOB_KINDS
from bot.commands.registry import all_commands
from bot.commands.running import Commands
from bot.memory.workspace_rows import ensure_workspace
from bot.models.port import Model
from bot.storage.tables import audit, people, roles, scopes
from bot.storage.turn_tables import OPEN_STATES, WAITING_STATES, jobs, turns
from bot.supervision.reading_rows import READINGS
from bot.turns.jobs import JobKinds
from bot.turns.scrub_rows import SCRUB
from tests.bot.turns.steering import Steered
from tests.bot.turns.team import WORKSPACE, Team, running
from tests.engines import SECRET

WORKSPACE_ID = f"local:{WORKSPACE}"
#: Members, a supervisor of everyone, an admin; and a guest.
STAFF = ("ana", "bela", "grace", "lin")
GUEST = "gus"
#: Jobs that wait for their time.
LATER = (READINGS, SCRUB)
ROLES = {"grace": "supervisor", "lin": "admin"}


def person_id(name: str) -> str:
    return f"{WORKSPACE_ID}:{name}"


@dataclass
class Office:
    """People at work, and what they see. A channel is named, or a person's direct conversation is meant."""

    team: Team
    key: int
    recorder: Recorder
    #: The file in which the end of the audit is written down.
    anchor: Path

    async def say(self, person: str, text: str, *, channel: str | None = None, answered: bool = True) -> str:
        """Let somebody say something; until the bot has answered, unless it will not."""
        post_id = await self.team.say(person, text, channel=channel)
        if answered:
            await self.quiet()
        return post_id

    async def quiet(self) -> None:
        """Wait until no turn and no job is owed, but for those whose time has not come."""

        async def nothing_owed() -> bool:
            return not await self.team.store.read(_owed)

        await self.team.until(nothing_owed)

    async def run(
        self,
        person: str,
        command: str,
        arguments: Mapping[str, str] | None = None,
        *,
        channel: str | None = None,
        root: str = "",
    ) -> LocalPost:
        """Let somebody run a command, and return what the bot shows her then."""
        before = await self.shown(person, channel)
        where = channel or f"@{person}"
        await self.team.local.command(WORKSPACE, where, person, command, dict(arguments or {}), root=root)
        return await self._next(person, channel, before)

    async def type(self, person: str, text: str, *, channel: str | None = None) -> LocalPost:
        """Let somebody type a command, and return what the bot shows her then."""
        before = await self.shown(person, channel)
        await self.team.say(person, text, channel=channel)
        return await self._next(person, channel, before)

    async def press(self, person: str, post: LocalPost, label: str) -> LocalPost:
        """Let somebody press the button with this label, and return what the bot shows her then."""
        token = next(one["token"] for one in post.extras["buttons"] if one["label"] == label)
        return await self._press(person, post, token, {})

    async def send(self, person: str, post: LocalPost, fields: Mapping[str, str] | None = None) -> LocalPost:
        """Let somebody send a form, its fields as they stand but for those that are given."""
        form = post.extras["form"]
        filled = {one["name"]: one["value"] for one in form["fields"]} | dict(fields or {})
        return await self._press(person, post, form["token"], filled)

    async def _press(self, person: str, post: LocalPost, token: str, fields: Mapping[str, str]) -> LocalPost:
        channel = None if post.channel == f"@{person}" else post.channel
        before = await self.shown(person, channel)
        await self.team.local.press(WORKSPACE, post.id, person, token, fields)
        return await self._next(person, channel, before)

    async def shown(self, person: str, channel: str | None = None) -> list[LocalPost]:
        """What the bot said, as a person sees it, oldest first."""
        return [post for post in await self.team.seen(person, channel=channel) if not post.author]

    async def _next(self, person: str, channel: str | None, before: list[LocalPost]) -> LocalPost:
        known = {post.id for post in before}

        async def fresh() -> list[LocalPost]:
            return [post for post in await self.shown(person, channel) if post.id not in known]

        found: list[LocalPost] = await self.team.until(fresh)
        return found[0]

    async def audit(self, *columns: str) -> list[Any]:
        """The rows of the audit, oldest first: their values of these columns."""
        wanted = [audit.c[name] for name in columns]
        statement = select(*wanted).where(audit.c.workspace_key == self.key).order_by(audit.c.seq)
        return await self.team.store.read(lambda connection: [tuple(row) for row in connection.execute(statement)])

    async def grant(self, name: str, role: str, *reach: tuple[str, str]) -> None:
        """Give somebody a role behind the bot's back; `reach` is a supervisor's scope."""
        now = self.team.bench.now()
        await self.team.store.write(lambda connection: _grant(connection, self.key, name, role, reach, now))

    async def set_scope(self, name: str, *reach: tuple[str, str]) -> None:
        """Let a supervisor read these, and nobody else, behind the bot's back."""
        now = self.team.bench.now()

        def write(connection: Connection) -> None:
            key = _person_key(connection, self.key, name)
            connection.execute(delete(scopes).where(scopes.c.resource_key == key))
            for kind, value in reach:
                row = {"resource_key": key, "workspace_key": self.key, "granted_at": now, "kind": kind, "value": value}
                connection.execute(insert(scopes), row)

        await self.team.store.write(write)

    async def revoke(self, name: str) -> None:
        """Take all roles of a person away behind the bot's back."""

        def write(connection: Connection) -> None:
            key = _person_key(connection, self.key, name)
            connection.execute(delete(roles).where(roles.c.resource_key == key))
            connection.execute(delete(scopes).where(scopes.c.resource_key == key))

        await self.team.store.write(write)

    async def set_person(self, name: str, /, **values: Any) -> None:
        """Change what is known of a person behind the bot's back."""

        def write(connection: Connection) -> None:
            key = _person_key(connection, self.key, name)
            connection.execute(update(people).where(people.c.key == key).values(**values))

        await self.team.store.write(write)


def buttons(post: LocalPost) -> list[str]:
    """The labels of a post's buttons."""
    return [one["label"] for one in post.extras.get("buttons", ())]


def fields(post: LocalPost) -> dict[str, str]:
    """The fields of a post's form, as they are filled in."""
    return {one["name"]: one["value"] for one in post.extras["form"]["fields"]}


def _owed(connection: Connection) -> bool:
    open_turns = select(turns.c.key).where(turns.c.state.in_(OPEN_STATES)).limit(1)
    waiting = select(jobs.c.key).where(jobs.c.state.in_(WAITING_STATES), jobs.c.kind.not_in(LATER)).limit(1)
    return any(connection.execute(one).scalar() is not None for one in (open_turns, waiting))


def _person_key(connection: Connection, workspace: int, name: str) -> int:
    mine = (people.c.workspace_key == workspace, people.c.resource_id == person_id(name))
    return int(connection.execute(select(people.c.key).where(*mine)).scalar_one())


def _grant(
    connection: Connection, workspace: int, name: str, role: str, reach: tuple[tuple[str, str], ...], now: Any
) -> None:
    key = _person_key(connection, workspace, name)
    row = {"resource_key": key, "workspace_key": workspace, "granted_at": now}
    connection.execute(insert(roles), row | {"role": role, "source": "granted"})
    for kind, value in reach:
        connection.execute(insert(scopes), row | {"kind": kind, "value": value})


def _furnish(connection: Connection, operator: Operator, now: Any, *, supervision: str, told: bool) -> int:
    """The workspace with its people, their roles and what they were told."""
    workspace = ensure_workspace(connection, WORKSPACE_ID, now)
    scope = Scope("system", workspace, ())
    change = set_up_workspace(connection, scope, {"supervision": supervision}, operator, now)
    for name in (*STAFF, GUEST):
        row = {"resource_id": person_id(name), "name": name.title(), "subject_id": str(uuid4())}
        version = change.disclosure.version if told else None
        connection.execute(
            insert(people), row | {"workspace_key": workspace, "created_at": now, "told_version": version}
        )
    for name, role in ROLES.items():
        _grant(connection, workspace, name, role, (("everyone", ""),) if role == "supervisor" else (), now)
    return workspace


@asynccontextmanager
async def office(
    url: str,
    model: Model | None = None,
    *,
    supervision: str = "all",
    told: bool = True,
    kinds: JobKinds = JOB_KINDS,
    **changes: Any,
) -> AsyncIterator[Office]:
    """A bot with commands that serves `ana`, `bela`, `grace` (supervisor of everyone), `lin` (admin) and `gus` (guest).

    `#general` is public and `#leads` private (grace and lin); in `#partners`, which is private too, the guest is with
    ana and grace.
    """
    registry = all_commands()
    late: dict[str, Any] = {"invoke": no_commands}

    async def invoke(invocation: Invocation) -> None:
        await late["invoke"](invocation)

    with TemporaryDirectory() as folder:
        anchor = Path(folder) / "anchor"
        recorder = Recorder.at(url, secret=SECRET, anchor=anchor)
        adapters: dict[str, Adapter] = {}
        async with running(
            url,
            model or Steered(["An answer."]),
            invoke=invoke,
            kinds={**kinds, **admin_kinds(recorder, adapters)},
            people=STAFF,
            registry=registry,
            **changes,
        ) as team:
            await team.local.settle(WORKSPACE, GUEST, GUEST.title(), "guest")
            await team.local.make_channel(WORKSPACE, "leads", "private", ("grace", "lin"))
            await team.local.make_channel(WORKSPACE, "partners", "private", ("ana", "grace", GUEST))
            await team.quiet()
            key = await team.store.write(
                lambda connection: _furnish(
                    connection,
                    operator_of(team.bench.settings),
                    team.bench.now(),
                    supervision=supervision,
                    told=told,
                )
            )
            adapters[team.local.platform] = team.local
            late["invoke"] = Commands(Services(team.bench, adapters, registry, recorder, team.serving.signals))
            yield Office(team, key, recorder, anchor)
