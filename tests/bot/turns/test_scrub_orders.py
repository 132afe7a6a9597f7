"""When the files are scrubbed: after a deletion of something that was there, and not after any other."""

from sqlalchemy import Connection, select

from bot.access.scope import Scope
from bot.storage.tables import people
from bot.storage.turn_tables import jobs
from bot.turns.held_rows import hold_message
from tests.bot.turns.events import HERE, NOON, Desk, deletion, desk, edit_of, message


async def orders(taken: Desk) -> int:
    return sum(row["kind"] == "scrub" for row in await taken.rows(jobs))


async def test_what_was_never_stored_is_no_reason(url: str) -> None:
    async with desk(url) as taken:
        await taken.take(message("words", "stored"))
        await taken.take(deletion("of others", "of somebody else"))

        assert await orders(taken) == 0


async def test_stored_words_are(url: str) -> None:
    async with desk(url) as taken:
        await taken.take(message("words", "stored"))
        await taken.take(deletion("of others", "stored", "of somebody else"))

        assert await orders(taken) == 1


async def test_words_that_waited_are(url: str) -> None:
    waiting = message("words", "held")

    def hold(connection: Connection) -> None:
        row = connection.execute(select(people.c.key, people.c.workspace_key)).one()
        hold_message(connection, Scope("system", row.workspace_key, ()), row.key, waiting, NOON)

    async with desk(url) as taken:
        assert waiting.person.workspace_id == HERE
        await taken.take(message("other words", "stored"))
        await taken.store.write(hold)
        await taken.take(deletion("held"))

        assert await orders(taken) == 1


async def test_words_of_an_edit_that_came_too_early_are(url: str) -> None:
    async with desk(url) as taken:
        await taken.take(edit_of(message("words", "late"), "better words"))
        await taken.take(deletion("late"))
        await taken.take(deletion("late"))

        assert await orders(taken) == 1
