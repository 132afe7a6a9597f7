"""A workspace in which everybody has something to hide, and what comes of each attempt there."""

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Engine, delete, event, func, insert, select

from adapters.local.ids import direct_channel
from adapters.local.inbound import place_ref
from bot.chat import Form, Invocation, PersonRef, Reply
from bot.memory.workspace_rows import workspace_key
from bot.storage.tables import audit, messages, metadata, participants, people, roles, scopes, threads
from bot.storage.turn_tables import jobs
from bot.supervision.reading_rows import NO_READINGS
from bot.turns.scrub_rows import SCRUB
from tests.access.policy import COMMANDS, Named, Rule, Verdict
from tests.bot.commands.office import Office, office
from tests.bot.turns.team import WORKSPACE

ELSEWHERE = "elsewhere"
#: By what name each subject goes, and where she lives.
NAMES: Mapping[str, tuple[str, str]] = {
    "nobody known": (WORKSPACE, "nora"),
    "herself": (WORKSPACE, "ana"),
    "another member": (WORKSPACE, "bela"),
    "guest": (WORKSPACE, "gus"),
    "left": (WORKSPACE, "leo"),
    "supervisor": (WORKSPACE, "grace"),
    "supervisor of another": (WORKSPACE, "olga"),
    "supervisor of a channel": (WORKSPACE, "petra"),
    "admin": (WORKSPACE, "lin"),
    "admin elsewhere": (ELSEWHERE, "mo"),
    "bot": (WORKSPACE, "robo"),
}
#: A word that stands in each conversation and nowhere else; `own-` and her name in a subject's own.
CANARIES = {"ana": "heron", "ana in general": "egret", "bela": "stork", "zoe": "pelican", "eva": "crane", "leo": "ibis"}
#: What an attempt may change though it is denied: that it was made. The bot's answer is none of its tables.
_RECORDS = {"audit", "audit_heads", "deliveries_in"}

NO_ROLE = "Only supervisors can open other people's conversations here. Yours: history. This request was recorded."
_SAYINGS: Mapping[str, Verdict] = {
    "There is no such command here; `help` lists what I can do.": "unknown",
    "This conversation is gone, or it is not yours.": "gone",
    "There is nothing of that kind to forget, or it is not yours.": "nothing to forget",
    NO_ROLE: "no role",
    "These are your own conversations: `history` shows them, without anybody being told.": "own",
}
#: Statements that the worker makes at any time, and those of the platform, which is asked who lives there.
_OTHERS = re.compile(r"\b(jobs|leases|turns|posts|local_\w+)\b|pg_notify")
_NOTHING = re.compile(
    r"Nothing to show\. There may be no conversations, or they may be outside what you can read: "
    r"(everyone's|Bela|in #general)\. This request was recorded\."
)


#: A command, what it names, what the policy says.
Cell = tuple[str, Named, Verdict]


@dataclass(frozen=True)
class Thing:
    """Somebody, and what is hers."""

    person: str
    thread: str
    message: str


@dataclass
class Ear:
    """A responder that keeps what was answered, whole."""

    heard: list[tuple[str, Reply | Form]] = field(default_factory=list)

    async def private(self, reply: Reply) -> None:
        self.heard.append(("private", reply))

    async def public(self, reply: Reply) -> None:
        self.heard.append(("public", reply))

    async def form(self, form: Form) -> None:
        self.heard.append(("form", form))

    async def update(self, reply: Reply) -> None:
        self.heard.append(("update", reply))

    @property
    def everything(self) -> str:
        """All of it, buttons, files and fields too."""
        return repr(self.heard)

    @property
    def verdict(self) -> Verdict:
        """What an answer says."""
        assert len(self.heard) == 1, self.heard
        how, said = self.heard[0]
        assert how in {"private", "form"}, how
        if isinstance(said, Form):
            return "runs"
        found = _SAYINGS.get(said.text, "nothing" if _NOTHING.fullmatch(said.text) else "runs")
        assert "went wrong" not in said.text, said.text
        return found


@dataclass
class Matrix:
    """The office, and what there is to name in it."""

    office: Office
    things: Mapping[str, Thing]

    async def run(
        self, subject: str, command: str, arguments: Mapping[str, str], *, channel: str = "", root: str = ""
    ) -> Ear:
        """Let somebody run a command as a platform would, and wait until it has run."""
        workspace, name = NAMES[subject]
        where = {"name": channel or direct_channel(name), "kind": "public" if channel else "direct"}
        ear = Ear()
        invocation = Invocation(
            delivery_id=str(uuid4()),
            person=PersonRef(
                f"local:{workspace}",
                f"local:{workspace}:{name}",
                is_bot=subject == "bot",
                home="elsewhere" if subject == "guest" else "",
            ),
            place=place_ref(workspace, where, root),
            command=command,
            arguments=dict(arguments),
            responder=ear,
        )
        app = self.office.team.serving.app
        await app.receive(invocation)
        await app.finish(20)
        return ear

    def named(self, subject: str, named: Named) -> Thing:
        """What a subject names."""
        workspace, name = NAMES[subject]
        if named == "own":
            return self.things[name]
        if named == "absent":
            thing = self.things["nobody"]
            return Thing(f"local:{workspace}:nobody", thing.thread, thing.message)
        if named == "mixed":
            return Thing(self.things["ana"].person, self.things["bela"].thread, self.things["bela"].message)
        whose = {"hers": "ana", "hers in a channel": "ana in general", "elsewhere": "zoe", "erased": "eva"}
        return self.things[whose[named]]

    def arguments(self, subject: str, rule: Rule, named: Named) -> Iterator[Mapping[str, str]]:
        """With what a command is run to name something."""
        if not named:
            yield rule.given
            return
        thing = self.named(subject, named)
        values = {"person": thing.person, "thread": thing.thread, "message": thing.message}
        together = {option: values[kind] for option, kind in rule.names.items()}
        if not rule.apart:
            yield {**rule.given, **together}
            return
        for option, value in together.items():
            yield {**rule.given, option: value}

    async def dump(self) -> Mapping[str, Any]:
        """All that is stored, but for the records of attempts; who became known by one is left out too."""
        return await self.office.team.store.read(_dump)


def _dump(connection: Connection) -> Mapping[str, Any]:
    found = {}
    for table in metadata.sorted_tables:
        if table.name not in _RECORDS:
            statement = select(table).order_by(*table.primary_key)
            if table.name == "people":
                statement = statement.where(people.c.resource_id != f"local:{WORKSPACE}:nora")
            if table.name == "jobs":
                # Queued so that what is done does not tell whether somebody is to be told.
                statement = statement.where(jobs.c.kind != NO_READINGS)
            found[table.name] = connection.execute(statement).all()
    return found


@contextmanager
def statements() -> Iterator[list[str]]:
    """What is asked of the database meanwhile, but for the queue and the platform."""
    asked: list[str] = []

    def listen(_connection: Connection, _cursor: object, statement: str, *_rest: object) -> None:
        if not _OTHERS.search(statement):
            asked.append(statement)

    event.listen(Engine, "before_cursor_execute", listen)
    try:
        yield asked
    finally:
        event.remove(Engine, "before_cursor_execute", listen)


def cells_of(subject: str) -> Iterator[Cell]:
    """All cells of a subject."""
    for command, rule in COMMANDS.items():
        if not rule.needs_name:
            yield command, "", rule.who[subject]
        for named, verdict in rule.cells.get(subject, {}).items():
            yield command, named, verdict


async def conversation(here: Office, workspace: str, name: str, *, channel: str = "") -> Thing:
    """A person's newest conversation, in a channel or alone."""

    def read(connection: Connection) -> Thing:
        mine = (
            people.c.resource_id == f"local:{workspace}:{name}",
            threads.c.channel_id == channel if channel else threads.c.place_kind == "direct",
        )
        joined = (
            select(threads.c.id, threads.c.key)
            .join(participants, participants.c.thread_key == threads.c.key)
            .join(people, people.c.key == participants.c.resource_key)
        )
        row = connection.execute(joined.where(*mine).order_by(threads.c.key.desc()).limit(1)).one()
        said = select(func.min(messages.c.id)).where(messages.c.thread_key == row.key, messages.c.role == "user")
        return Thing(f"local:{workspace}:{name}", row.id, str(connection.execute(said).scalar_one()))

    return await here.team.store.read(read)


def _give(connection: Connection, key: int, name: str, role: str, *reach: tuple[str, str]) -> None:
    """A role, behind the bot's back; of somebody who was not known she becomes known."""
    known = select(people.c.key, people.c.created_at).where(
        people.c.workspace_key == key, people.c.resource_id.endswith(f":{name}")
    )
    row = connection.execute(known).one()
    common = {"resource_key": row.key, "workspace_key": key, "granted_at": row.created_at}
    connection.execute(insert(roles), common | {"role": role, "source": "granted"})
    for kind, value in reach:
        connection.execute(insert(scopes), common | {"kind": kind, "value": value})


@asynccontextmanager
async def furnished(url: str) -> AsyncIterator[Matrix]:
    """The office with all subjects; everybody has said something, and knows the bot but for nora."""
    async with office(url, poll=timedelta(minutes=5), lease=timedelta(minutes=5)) as here:
        team, local = here.team, here.team.local
        for name, role in (("nora", "member"), ("leo", "member"), ("olga", "member"), ("petra", "member"),
                           ("eva", "member"), ("zoe", "member"), ("robo", "bot")):  # fmt: skip
            await local.settle(WORKSPACE, name, name.title(), role)
        for name in ("zoe", "mo"):
            await local.settle(ELSEWHERE, name, name.title())
        for name in ("bela", "gus", "leo", "grace", "olga", "petra", "lin", "eva", "ana"):
            await team.say(name, f"{CANARIES.get(name, f'own-{name}')} asks")
        await team.say("ana", f"@keeper {CANARIES['ana in general']} asks", channel="general")
        for name in ("zoe", "mo"):
            await local.say(ELSEWHERE, f"@{name}", name, f"{CANARIES.get(name, f'own-{name}')} asks")
        await here.quiet()
        things = {
            name: await conversation(here, WORKSPACE, name)
            for name in ("ana", "bela", "gus", "leo", "grace", "olga", "petra", "lin", "eva")
        }
        things["ana in general"] = await conversation(here, WORKSPACE, "ana", channel="general")
        things["zoe"], things["mo"] = [await conversation(here, ELSEWHERE, name) for name in ("zoe", "mo")]
        things["nora"] = Thing(f"local:{WORKSPACE}:nora", str(uuid4()), str(uuid4()))
        things["robo"] = Thing(f"local:{WORKSPACE}:robo", str(uuid4()), str(uuid4()))
        things["nobody"] = Thing(f"local:{WORKSPACE}:nobody", str(uuid4()), str(uuid4()))
        matrix = Matrix(here, things)
        await _give_roles(matrix)
        await local.leave_workspace(WORKSPACE, "leo")
        await here.run("eva", "forget everything", {"word": "FORGET"})
        await team.quiet()
        await local.leave_workspace(WORKSPACE, "eva")
        # Files are scrubbed at the end of the minute: that would come in between.
        await team.store.write(_scrub_nothing)
        yield matrix


def _scrub_nothing(connection: Connection) -> None:
    connection.execute(delete(jobs).where(jobs.c.kind == SCRUB))


async def _give_roles(matrix: Matrix) -> None:
    store, key = matrix.office.team.store, matrix.office.key
    elsewhere = await store.read(workspace_key, f"local:{ELSEWHERE}")
    assert elsewhere is not None

    def write(connection: Connection) -> None:
        _give(connection, key, "olga", "supervisor", ("person", f"local:{WORKSPACE}:bela"))
        _give(connection, key, "petra", "supervisor", ("channel", "general"))
        _give(connection, key, "leo", "supervisor", ("everyone", ""))
        _give(connection, key, "leo", "admin")
        _give(connection, elsewhere, "mo", "admin")

    await store.write(write)


async def recorded(matrix: Matrix) -> list[tuple[str, str]]:
    """What the audits of all workspaces say: action and outcome, in order."""
    statement = select(audit.c.action, audit.c.outcome).order_by(audit.c.key)
    return await matrix.office.team.store.read(
        lambda connection: [(row.action, row.outcome) for row in connection.execute(statement)]
    )
