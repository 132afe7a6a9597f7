"""What a database holds before a row is measured: people who talked, turns of long ago, a flood that waits."""

import asyncio
from datetime import timedelta
from uuid import uuid4

from sqlalchemy import Connection, insert, select

from benchmarks.turns.bot import Bot, clock, running
from benchmarks.turns.platform import STUCK, message
from bot.storage.store import open_store
from bot.storage.tables import usage
from bot.storage.turn_tables import turns

#: People who talk one after the other.
PEOPLE = 16
#: Turns that one workspace may have at work at once, and then some that wait.
_AT_WORK, QUEUED = 8, 1_000
CLOSED = 10_000


async def talk(bot: Bot, number: int) -> None:
    """Let each of the people be answered so many times."""
    for each in range(number * PEOPLE):
        before = bot.store.closed
        await bot.serving.app.receive(message(each % PEOPLE))
        await bot.store.until_closed(before + 1)


async def begin(url: str) -> None:
    """Make a database in which everybody has talked with the bot."""
    async with running(url) as bot:
        await talk(bot, 6)


async def add_closed_turns(url: str) -> None:
    """Add 10,000 answered turns of the last hours, with what they cost."""
    store = await open_store(url)
    try:
        await store.write(_add_closed)
    finally:
        await store.close()


def _add_closed(connection: Connection) -> None:
    known = connection.execute(select(turns).limit(PEOPLE)).all()
    closed, paid = [], []
    for number in range(CLOSED):
        one, at = known[number % len(known)], clock() - timedelta(seconds=CLOSED - number)
        row = dict(one._mapping) | {"id": str(uuid4()), "queued_at": at, "ready_at": at, "closed_at": at}  # noqa: SLF001
        del row["key"]
        closed.append(row | {"state": "answered", "answer_key": None})
        paid.append(
            {
                "workspace_key": one.workspace_key,
                "resource_key": one.resource_key,
                "at": at,
                "model": "instant",
                "prompt_tokens": 100,
                "completion_tokens": 10,
                "estimated": False,
                "model_calls": 1,
            }
        )
    connection.execute(insert(turns), closed)
    connection.execute(insert(usage), paid)


async def flood(bot: Bot) -> None:
    """Let one workspace ask far more than it may have at work at once; its answers never come."""
    for who in range(_AT_WORK):
        await bot.serving.app.receive(message(who, STUCK, workspace="flooded"))
    async with asyncio.timeout(30):
        while bot.serving.worker.at_work < _AT_WORK:  # noqa: ASYNC110 (nobody tells)
            await asyncio.sleep(0.01)
    for first in range(_AT_WORK, _AT_WORK + QUEUED, 50):
        waiting = [bot.serving.app.receive(message(who, workspace="flooded")) for who in range(first, first + 50)]
        await asyncio.gather(*waiting)
