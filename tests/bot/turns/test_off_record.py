"""What is said off the record is answered, and then it is nowhere."""

from typing import Any

from sqlalchemy import Table, select, update

from bot.access.disclosure import Operator
from bot.access.scope import Scope
from bot.access.settings_rows import change_settings
from bot.storage.tables import messages, people, threads, usage
from bot.storage.turn_tables import turns
from tests.bot.agent.talking import Playing
from tests.bot.turns.events import tables_with
from tests.bot.turns.team import Team, running

_LOCAL = {"local_posts", "local_outbox"}


async def kept(bot: Team, words: str) -> set[str]:
    """Where words stand, but for the platform's own copy of what was posted."""
    return set(await bot.store.read(tables_with, words)) - _LOCAL


async def gone(bot: Team, words: str) -> bool:
    return not await kept(bot, words)


async def rows(bot: Team, table: Table) -> list[Any]:
    return await bot.store.read(lambda connection: list(connection.execute(select(table)).all()))


async def nothing_in(bot: Team, table: Table) -> bool:
    return not await rows(bot, table)


async def test_an_answer_off_the_record_is_given_and_nothing_of_it_is_kept(url: str) -> None:
    async with running(url, Playing()) as bot:
        await bot.say("ana", "off the record: the purple boat")
        await bot.quiet()
        assert len(await bot.answers("ana")) == 1
        await bot.until(lambda: nothing_in(bot, threads))
        assert await kept(bot, "purple") == set()


async def test_what_is_on_the_record_stays_beside_it(url: str) -> None:
    async with running(url, Playing()) as bot:
        await bot.say("ana", "the green boat")
        await bot.quiet()
        await bot.say("ana", "off the record: the purple boat")
        await bot.quiet()
        await bot.say("ana", "the mauve boat")
        await bot.quiet()
        assert len(await bot.answers("ana")) == 3
        await bot.until(lambda: gone(bot, "purple"))
        assert "messages" in await kept(bot, "green")
        assert [row.role for row in await rows(bot, messages)] == ["user", "assistant"] * 2


async def test_who_wants_nothing_kept_is_answered_each_time(url: str) -> None:
    async with running(url, Playing()) as bot:
        await bot.say("ana", "hello")
        await bot.quiet()
        await bot.store.write(lambda connection: connection.execute(update(people).values(keeps=False)) and None)
        for words in ("the purple boat", "a purple house"):
            await bot.say("ana", words)
            await bot.quiet()
        assert len(await bot.answers("ana")) == 3
        await bot.until(lambda: gone(bot, "purple"))
        # What it cost is counted all the same, and who asked how often.
        assert len(await rows(bot, usage)) == 3
        assert len(await rows(bot, turns)) == 3


async def test_where_an_admin_forbids_it_the_bot_says_so_instead_of_pretending(url: str) -> None:
    async with running(url, Playing()) as bot:
        await bot.say("ana", "hello")
        await bot.quiet()
        operator = Operator("Tess", "", "nobody", 0)
        scope, now = Scope("system", 1, ()), bot.bench.now()
        await bot.store.write(change_settings, scope, {"off_record": False}, operator, None, now)
        await bot.say("ana", "off the record: the purple boat")
        await bot.quiet()
        assert "not possible here" in (await bot.answers("ana"))[-1]
        assert await kept(bot, "purple") == set()
        assert len(await rows(bot, turns)) == 1


async def test_what_is_off_the_record_is_in_no_later_prompt(url: str) -> None:
    model = Playing()
    async with running(url, model) as bot:
        await bot.say("ana", "off the record: the purple boat")
        await bot.say("ana", "what did I just tell you?")
        await bot.quiet()
        await bot.say("ana", "and now?")
        await bot.quiet()
        assert "purple" not in str(model.requests[-1])
        await bot.until(lambda: gone(bot, "purple"))


async def test_an_edit_takes_a_message_off_the_record(url: str) -> None:
    async with running(url, Playing()) as bot:
        post_id = await bot.say("ana", "the purple boat")
        await bot.quiet()
        await bot.local.edit("team", post_id, "ana", "off the record: the mauve boat")
        await bot.quiet()
        assert await kept(bot, "purple") == set()
        assert await kept(bot, "mauve") == set()


async def test_an_answer_to_somebody_else_does_not_keep_what_is_off_the_record(url: str) -> None:
    async with running(url, Playing()) as bot:
        root = await bot.say("ana", "@keeper off the record: the purple boat", channel="general")
        await bot.say("ben", "@keeper and I?", channel="general", root=root)
        await bot.quiet()
        await bot.until(lambda: gone(bot, "purple"))
        assert {row.text for row in await rows(bot, messages) if row.role == "user"} == {"and I?"}
