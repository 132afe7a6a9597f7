"""The people, threads and messages that the cases of the memory were measured on, and short words for the tests."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, func, insert, select

from bot import Actor, Memory, Message, NewMessage, Page, Thread
from bot.errors import BotError, InvalidArgument
from bot.memory.view import MemoryView
from bot.storage.tables import disclosures
from tests.engines import Clock

#: When t1 was made; the clock of the fixtures stands years later.
START = datetime(2024, 3, 1, 9, 0, tzinfo=UTC)


def minute(number: float) -> datetime:
    """So many minutes after the start."""
    return START + timedelta(minutes=number)


def ticking(start: datetime) -> Clock:
    """A clock that moves on by a second with each look at it."""
    return Clock(start, timedelta(seconds=1))


def said(thread_id: str, resource_id: str, text: str, **fields: Any) -> NewMessage:
    """A message to be saved."""
    return NewMessage(thread_id, resource_id, text, **fields)


def ids(page: Page[Message] | Page[Thread] | Sequence[Message] | Sequence[Thread]) -> list[str]:
    """The ids of what a page or list holds, in order."""
    return [one.id for one in (page.items if isinstance(page, Page) else page)]


def texts(page: Page[Message]) -> list[str]:
    """The texts of what a page holds, in order."""
    return [one.text for one in page.items]


def numbered(first: int, last: int) -> list[str]:
    """The ids m<first> to m<last>."""
    return [f"m{number}" for number in range(first, last + 1)]


@dataclass(frozen=True)
class Stage:
    """bob owns t1, t2, t3 and carol t4, t5, made in this order and updated in the opposite one; t1 holds m1 to m25."""

    memory: Memory
    clock: Clock

    def person(self, resource_id: str) -> MemoryView:
        """The memory as a person sees it."""
        view: MemoryView = self.memory.as_actor(Actor.person(resource_id))
        return view

    @property
    def bob(self) -> MemoryView:
        """The memory as bob sees it."""
        return self.person("bob")

    @property
    def carol(self) -> MemoryView:
        """The memory as carol sees it."""
        return self.person("carol")

    @property
    def system(self) -> MemoryView:
        """The memory as the program itself sees it."""
        view: MemoryView = self.memory.as_actor(Actor.system("test"))
        return view

    def supervisor(self, *persons: str) -> MemoryView:
        """The memory as a supervisor of `persons` sees it."""
        actor = Actor.supervisor("manager", persons=persons, reason="weekly review")
        view: MemoryView = self.memory.as_actor(actor)
        return view


async def set_stage(stage: Stage) -> None:
    """Make the threads and messages of the cases."""
    for number in range(1, 6):
        stage.clock.now = START + timedelta(days=number)
        metadata = {"team": "red" if number % 2 else "blue", "n": number, "open": True}
        await stage.system.create_thread("bob" if number < 4 else "carol", f"t{number}", metadata=metadata)
    await stage.bob.save_messages(
        [
            said(
                "t1",
                "bob",
                f"message {number}",
                id=f"m{number}",
                created_at=minute(number),
                metadata={} if number % 5 else {"k": "five"},
            )
            for number in range(1, 26)
        ]
    )
    await stage.carol.save_messages(
        [
            said("t4", "carol", f"carol's message {number}", id=f"c{number}", created_at=minute(number + 2.5))
            for number in (1, 2)
        ]
    )
    for number in range(5, 0, -1):
        await stage.system.update_thread(f"t{number}", metadata={})


async def outcome(act: Awaitable[object]) -> object:
    """What comes of an act: its result, or its error's kind and sentence."""
    try:
        return await act
    except BotError as error:
        return type(error), str(error)


async def refused(act: Awaitable[object]) -> InvalidArgument:
    """The refusal that an act ends with."""
    with pytest.raises(InvalidArgument) as refusal:
        await act
    return refusal.value


async def disclose(memory: Memory, supervision: str) -> None:
    """Tell the people of the memory's workspace whose words supervisors may read from now on."""
    workspace = memory._workspace_key

    def write(connection: Connection) -> None:
        newest = select(func.max(disclosures.c.version)).where(disclosures.c.workspace_key == workspace)
        values = {
            "workspace_key": workspace,
            "version": connection.execute(newest).scalar_one() + 1,
            "supervision": supervision,
            "created_at": START,
        }
        connection.execute(insert(disclosures), values)

    await memory._store.write(write)
