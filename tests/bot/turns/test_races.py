"""Two transactions that meet on PostgreSQL: whoever waits for the other sees what the other left.

A statement that waited for a row goes on with that row as it is now, and with all others as they were before.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.util import await_only

from bot.chat import Event
from bot.storage.tables import messages
from bot.storage.turn_tables import turn_messages, turns
from bot.turns.accept_rows import Outcome
from bot.turns.post_rows import begin_post
from bot.turns.turn_rows import claim_turn, finish_turn, reread_turn
from bot.turns.turn_values import Turn
from tests.bot.turns.events import NOON, UNLIMITED, Desk, deletion, desk, edit_of, message

pytestmark = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)

CLAIM: Any = ("a process", ["local"], [], UNLIMITED, NOON)
SECONDS = 20


@asynccontextmanager
async def held_open(taken: Desk, function: Callable[..., Any], *args: Any) -> AsyncIterator[None]:
    """A transaction that has done all, and commits when the block ends."""
    done, go_on = asyncio.Event(), asyncio.Event()

    def hold(connection: Connection) -> None:
        function(connection, *args)
        done.set()
        await_only(go_on.wait())  # as the driver waits for the database

    holding = asyncio.create_task(taken.store.write(hold))
    try:
        async with asyncio.timeout(SECONDS):
            await done.wait()
        yield
    finally:
        go_on.set()
        await holding


_WAITS = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")


async def meeting(taken: Desk, event: Event, function: Callable[..., Any], *args: Any) -> Outcome:
    """Take an event in that waits for a transaction which is about to commit."""
    async with held_open(taken, function, *args):
        taking = asyncio.create_task(taken.take(event))
        await waits_for_a_lock(taken, taking)
    return await taking


async def waits_for_a_lock(taken: Desk, task: asyncio.Task[Any]) -> None:
    async with asyncio.timeout(SECONDS):
        while not await taken.store.read(lambda connection: connection.execute(_WAITS).scalar_one()):
            assert not task.done()
            await asyncio.sleep(0.01)


async def test_an_edit_that_waits_for_a_claim_begins_the_turn_anew(url: str) -> None:
    said = message("old words")
    async with desk(url) as taken:
        await taken.take(said)

        assert await meeting(taken, edit_of(said, "new words"), claim_turn, *CLAIM) == "turn"

        assert await taken.column(messages.c.text) == ["new words"]
        assert await taken.column(turns.c.revision) == [1]


async def test_a_message_that_waits_for_the_end_of_a_turn_joins_the_next(url: str) -> None:
    async with desk(url) as taken:
        turn = await with_more_to_say(taken)

        outcome = await meeting(taken, message("and this", "m3"), finish_turn, turn, "answered", "", "next", NOON)

        assert outcome == "turn"
        assert await taken.column(turns.c.state) == ["answered", "queued"]
        assert await taken.column(turn_messages.c.turn_key) == [1, 2, 2]


async def test_a_message_that_waits_for_a_post_to_begin_leaves_the_answer_alone(url: str) -> None:
    async with desk(url) as taken:
        await taken.take(message())
        turn = await taken.store.write(claim_turn, *CLAIM)

        await meeting(taken, message("more", "m2"), begin_post, turn, 0, "a post", UNLIMITED, NOON)

        assert await taken.column(turns.c.revision) == [0]
        assert await taken.column(turn_messages.c.taken) == [True, False]


async def test_a_deletion_that_waits_for_the_end_of_a_turn_is_told_to_the_next(url: str) -> None:
    async with desk(url) as taken:
        turn = await with_more_to_say(taken)

        await meeting(taken, deletion("m2"), finish_turn, turn, "answered", "", "next", NOON)

        assert await taken.column(messages.c.id) == ["m1"]
        assert (await taken.column(turns.c.revision))[-1] == 1


async def with_more_to_say(taken: Desk) -> Turn:
    """A turn in work whose author said something that will be her next turn."""
    await taken.take(message())
    turn = await taken.store.write(claim_turn, *CLAIM)
    assert turn is not None
    await taken.take(message("more", "m2"))
    return await taken.store.write(reread_turn, turn, UNLIMITED, NOON, take=False)
