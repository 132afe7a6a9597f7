"""Two transactions that meet on PostgreSQL: somebody comes to a conversation just as its only person forgets it."""

import asyncio

import pytest
from sqlalchemy import Connection

from bot.access.scope import Scope
from bot.storage.tables import messages, participants, people, threads
from bot.storage.turn_tables import places, turns
from bot.supervision.erasure_rows import Begun, Wanted, begin_erasure, end_erasure, erase_portion
from bot.turns.accept_rows import accept_message
from bot.turns.incoming import incoming
from tests.bot.turns.events import NOON, UNLIMITED, channel_thread, desk, message, person, place
from tests.bot.turns.test_races import held_open, waits_for_a_lock

pytestmark = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)

ANA, BEN = person("ana"), person("ben")


@pytest.mark.parametrize("extent", ["conversation", "everything"])
async def test_who_came_in_the_last_moment_keeps_words_turn_and_conversation(url: str, extent: str) -> None:
    where = channel_thread("general/1")
    async with desk(url) as taken:
        await taken.take(message("her words", "hers", who=ANA, where=where))
        (first,) = await taken.rows(threads)
        arrived = incoming(message("his words", "his", who=BEN, where=where))

        def begin(connection: Connection) -> Begun | None:
            wanted = Wanted("e1", ANA.resource_id, extent, where.place_id)  # type: ignore[arg-type]
            return begin_erasure(connection, Scope("system", first["workspace_key"], ()), wanted, place(), NOON)

        async with held_open(taken, accept_message, arrived, UNLIMITED, NOON):
            beginning = asyncio.create_task(taken.store.write(begin))
            await waits_for_a_lock(taken, beginning)
        begun = await beginning
        assert begun is not None
        while await taken.store.write(erase_portion, first["workspace_key"], begun.arguments, NOON):
            pass
        await taken.store.write(end_erasure, first["workspace_key"], begun.arguments)

        (ben,) = [row["key"] for row in await taken.rows(people) if row["resource_id"] == BEN.resource_id]
        assert [row["text"] for row in await taken.rows(messages)] == ["his words"]
        assert [row["resource_key"] for row in await taken.rows(participants)] == [ben]
        assert [row["resource_key"] for row in await taken.rows(turns)] == [ben]
        assert [(row["key"], row["owner_key"]) for row in await taken.rows(threads)] == [(first["key"], ben)]
        assert [row["thread_key"] for row in await taken.rows(places) if row["id"] == where.place_id] == [first["key"]]
