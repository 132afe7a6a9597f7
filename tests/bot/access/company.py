"""A workspace with people, channels and what they said, for the tests of who may read it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import Connection, Table, update

from bot import Actor, Memory, NewMessage
from bot.access.disclosure import DisclosureFacts, Operator
from bot.access.disclosure_rows import choose_keeping, current_disclosure
from bot.access.role_rows import grant_role, set_scope
from bot.access.scope import Scope
from bot.access.standing import ReadScope
from bot.memory.people_rows import ensure_person
from bot.memory.values import PlaceKind
from bot.memory.view import MemoryView
from bot.storage.store import Store
from bot.storage.tables import messages
from tests.bot.memory.stage import START, ticking
from tests.engines import SECRET, Clock

OPERATOR = Operator("Keeper", "Acme", "models.example", 90)


def held(supervision: Any, provider: str = "models.example", days: int = 90) -> DisclosureFacts:
    """What holds."""
    return DisclosureFacts("Keeper", "Acme", provider, days, supervision)


@dataclass
class Company:
    """A workspace, and short words for what is done in it."""

    memory: Memory
    clock: Clock

    @property
    def store(self) -> Store:
        store: Store = self.memory._store
        return store

    @property
    def scope(self) -> Scope:
        return Scope("system", self.memory._workspace_key, ())

    @property
    def system(self) -> MemoryView:
        view: MemoryView = self.memory.as_actor(Actor.system("test"))
        return view

    def person(self, resource_id: str) -> MemoryView:
        view: MemoryView = self.memory.as_actor(Actor.person(resource_id))
        return view

    def scoped(self, person: str, supervisor: str = "grace") -> MemoryView:
        view: MemoryView = self.memory.as_actor(Actor.scoped(supervisor, person, "quality"))
        return view

    async def do(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run a storage function that writes, within the program's own scope."""
        return await self.store.write(function, self.scope, *args, **kwargs)

    async def ask(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run one that reads."""
        return await self.store.read(function, self.scope, *args, **kwargs)

    async def know(self, *people: str) -> None:
        """Make people known."""
        for one in people:
            await self.do(ensure_person, one, str(uuid5(NAMESPACE_URL, f"{self.scope.workspace_key}{one}")), START)

    async def disclose(self, supervision: str) -> int:
        """Tell the workspace from now on that this holds; its version."""
        told = await self.do(current_disclosure, held(supervision), self.clock())
        return int(told.version)

    async def tell(self, person: str, version: int) -> None:
        """Tell a person of a disclosure."""
        await self.do(choose_keeping, person, version, keeps=True)

    async def supervises(self, person: str, reach: ReadScope) -> None:
        """Make somebody a supervisor."""
        await self.know(person)
        await self.do(grant_role, person, "supervisor", None, START)
        await self.do(set_scope, person, reach, None, START)

    async def thread(
        self, thread_id: str, *people: str, kind: PlaceKind = "direct", channel: str = "", title: str = ""
    ) -> None:
        """Begin a conversation of the first of these people, in which the others take part."""
        await self.system.create_thread(people[0], thread_id, title, place_kind=kind, channel_id=channel)
        for one in people[1:]:
            await self.system.add_participant(thread_id, one)

    async def say(self, thread_id: str, person: str, text: str, message_id: str, *, off_record: bool = False) -> None:
        """Say something."""
        await self.person(person).save_messages([NewMessage(thread_id, person, text, id=message_id)])
        if off_record:
            await self.do(_off_record, message_id)

    async def column(self, table: Table, column: Any) -> list[Any]:
        """A column of a table, in the order of its values."""
        return await self.store.read(
            lambda connection: sorted(connection.execute(table.select().with_only_columns(column)).scalars())
        )


def _off_record(connection: Connection, scope: Scope, message_id: str) -> None:
    mine = (messages.c.workspace_key == scope.workspace_key, messages.c.id == message_id)
    connection.execute(update(messages).where(*mine).values(off_record=True))


@asynccontextmanager
async def company(url: str, anchor: Path, workspace: str = "local:acme") -> AsyncIterator[Company]:
    """An empty workspace, in which supervision is off."""
    clock = ticking(START)
    async with await Memory.open(url, workspace=workspace, now=clock, secret=SECRET, anchor=anchor) as memory:
        yield Company(memory, clock)
