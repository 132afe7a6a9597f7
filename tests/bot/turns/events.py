"""Events as adapters hand them over, and an intake that takes them without anybody who works."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import Connection, Table, func, select, text

from bot.access.actor import Actor
from bot.chat import (
    Addressing,
    Deletion,
    Edit,
    Event,
    Feedback,
    InstallationChanged,
    Invocation,
    MembershipChanged,
    Message,
    PersonChanged,
    PersonRef,
    PlaceChanged,
    PlaceRef,
    Stopped,
)
from bot.memory.memory import Memory
from bot.memory.values import MemoryOptions, PlaceKind
from bot.memory.view import MemoryView
from bot.memory.workspace_rows import workspace_key
from bot.storage.signals import LocalSignals
from bot.storage.store import Store, open_store
from bot.storage.tables import metadata
from bot.turns.accept_rows import Outcome
from bot.turns.intake import Intake
from bot.turns.options import TurnOptions

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HERE = "local:team"
#: No limit gets into the way of what a test is about.
UNLIMITED = TurnOptions(
    disclose=False,
    messages_per_minute=None,
    messages_per_day=None,
    workspace_tokens_per_day=None,
    haste=None,
    accept=timedelta(seconds=20),
)
_deliveries = count(1)


def new_delivery() -> str:
    return f"delivery {next(_deliveries)}"


def person(name: str = "ana", workspace: str = HERE, **more: Any) -> PersonRef:
    return PersonRef(workspace, f"{workspace}:{name}", name.title(), **more)


def place(
    place_id: str = "@ana", kind: PlaceKind = "direct", name: str = "", workspace: str = HERE, within: str = ""
) -> PlaceRef:
    return PlaceRef(workspace, place_id, kind, name, {"channel": place_id}, within)


def channel_thread(place_id: str = "general/1", kind: PlaceKind = "public", workspace: str = HERE) -> PlaceRef:
    channel = place_id.partition("/")[0]
    return place(place_id, kind, f"#{channel}", workspace, within=channel)


def message(
    words: str = "where is the boat?",
    utterance_id: str = "m1",
    *,
    who: PersonRef | None = None,
    where: PlaceRef | None = None,
    addressing: Addressing | None = None,
    at: datetime = NOON,
    **more: Any,
) -> Message:
    """Ana says something in her direct conversation, unless it is said otherwise."""
    where = where or place()
    return Message(
        delivery_id=more.pop("delivery_id", None) or new_delivery(),
        person=who or person(),
        place=where,
        utterance_id=utterance_id,
        text=words,
        sent_at=at,
        addressing=addressing or ("direct" if where.kind == "direct" else "mention"),
        **more,
    )


def edit_of(said: Message, words: str, at: datetime = NOON + timedelta(seconds=1), **more: Any) -> Edit:
    given: dict[str, Any] = {
        "delivery_id": new_delivery(),
        "person": said.person,
        "place": said.place,
        "utterance_id": said.utterance_id,
        "text": words,
        "edited_at": at,
        "addressing": said.addressing,
    }
    return Edit(**(given | more))


def deletion(*utterance_ids: str, workspace: str = HERE, delivery_id: str = "") -> Deletion:
    return Deletion(delivery_id=delivery_id or new_delivery(), workspace_id=workspace, utterance_ids=utterance_ids)


def installation(*, installed: bool, workspace: str = HERE, delivery_id: str = "") -> InstallationChanged:
    return InstallationChanged(delivery_id=delivery_id or new_delivery(), workspace_id=workspace, installed=installed)


class Nobody:
    """A responder for commands that nobody answers."""

    async def private(self, reply: Any) -> None: ...
    async def public(self, reply: Any) -> None: ...
    async def form(self, form: Any) -> None: ...
    async def update(self, reply: Any) -> None: ...


def every_event(workspace: str = HERE) -> list[Event]:
    """One of each kind, about one message."""
    who, where = person(workspace=workspace), place(workspace=workspace)
    said = message(who=who, where=where)
    about: Mapping[str, Any] = {"person": who, "place": where}
    return [
        said,
        edit_of(said, "where is my boat?"),
        deletion("m1", workspace=workspace),
        Invocation(delivery_id=new_delivery(), command="help", arguments={}, responder=Nobody(), **about),
        Stopped(delivery_id=new_delivery(), **about),
        Feedback(delivery_id=new_delivery(), post_id="p1", value="good", **about),
        MembershipChanged(delivery_id=new_delivery(), joined=True, **about),
        PlaceChanged(delivery_id=new_delivery(), place=where),
        PersonChanged(delivery_id=new_delivery(), person=who),
        installation(installed=True, workspace=workspace),
    ]


@dataclass
class Moment:
    """A clock that stands until it is moved."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def move(self, by: timedelta) -> None:
        self.now += by


@dataclass
class Desk:
    """Takes events in; nobody works."""

    store: Store
    options: TurnOptions
    clock: Callable[[], datetime]

    def __post_init__(self) -> None:
        self.intake = Intake(self.store, LocalSignals(), self.options, self.clock)

    async def take(self, event: Event) -> Outcome:
        return await self.intake.take(event)

    async def rows(self, table: Table) -> list[dict[str, Any]]:
        """All rows of a table, in order."""
        keys = list(table.primary_key.columns)
        return await self.store.read(
            lambda connection: [dict(row) for row in connection.execute(select(table).order_by(*keys)).mappings()]
        )

    async def column(self, column: Any) -> list[Any]:
        return [row[column.key] for row in await self.rows(column.table)]

    async def count(self, table: Table) -> int:
        return await self.store.read(
            lambda connection: connection.execute(select(func.count()).select_from(table)).scalar_one()
        )

    async def view(self, name: str = "ana", workspace: str = HERE) -> MemoryView:
        key = await self.store.read(workspace_key, workspace)
        memory = Memory(self.store, key or 0, MemoryOptions(), self.clock)
        return memory.as_actor(Actor.person(f"{workspace}:{name}"))

    async def holds(self, words: str) -> list[str]:
        """The tables in which these words stand, index included."""
        return await self.store.read(tables_with, words)


def tables_with(connection: Connection, words: str) -> list[str]:
    names = [table.name for table in metadata.sorted_tables] + ["message_search"]
    return [
        name
        for name in names
        if any(words in str(tuple(row)).lower() for row in connection.execute(text(f"SELECT * FROM {name}")))
    ]


@asynccontextmanager
async def desk(
    url: str, *, clock: Callable[[], datetime] | None = None, options: TurnOptions = UNLIMITED, **changes: Any
) -> AsyncIterator[Desk]:
    store = await open_store(url)
    try:
        yield Desk(store, replace(options, **changes), clock or Moment())
    finally:
        await store.close()
