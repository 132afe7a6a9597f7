"""Channels in which an admin let the bot answer everything, or nothing."""

from datetime import timedelta

from bot.access.disclosure import Operator
from bot.access.scope import Scope
from bot.access.settings_rows import change_settings
from bot.storage.tables import messages
from bot.storage.turn_tables import jobs, turns
from tests.bot.turns.events import NOON, Desk, channel_thread, desk, message, person, place


async def choose(at: Desk, **modes: str) -> None:
    await at.take(message("hello", f"first {modes}", where=place("@lin"), who=person("lin")))
    operator = Operator("Tess", "", "nobody", 0)
    await at.store.write(change_settings, Scope("system", 1, ()), {"channels": modes}, operator, None, NOON)
    at.intake._chosen._seconds = 0
    at.intake._chosen._known.clear()


async def test_where_everything_is_answered_nobody_has_to_be_mentioned(url: str) -> None:
    async with desk(url) as at:
        await choose(at, general="all")
        assert await at.take(message("a", "m1", where=channel_thread("general/1"), addressing="channel")) == "turn"
        ben = person("ben")
        said = message("b", "m2", who=ben, where=channel_thread("general/1"), addressing="thread")
        assert await at.take(said) == "turn"
        others = message("@ben look", "m3", where=channel_thread("general/1"), addressing="thread", to_others=True)
        assert await at.take(others) == "ignored"
        assert await at.take(message("c", "m4", where=channel_thread("other/1"), addressing="channel")) == "ignored"
        bot = message(
            "d", "m5", who=person("robo", is_bot=True), where=channel_thread("general/2"), addressing="channel"
        )
        assert await at.take(bot) == "ignored"


async def test_where_it_is_switched_off_it_says_so_once_a_day_and_keeps_nothing(url: str) -> None:
    async with desk(url) as at:
        await choose(at, general="off")
        before = await at.count(messages)
        for number in range(3):
            where = channel_thread("general/1")
            assert await at.take(message("the purple boat", f"m{number}", where=where)) == "refused"
        assert await at.take(message("x", "m8", where=channel_thread("general/2"), addressing="channel")) == "ignored"
        assert await at.count(messages) == before
        assert await at.holds("purple boat") == []
        said = [row["report"] for row in await at.rows(jobs)]
        assert len(said) == 1
        assert "switched me off" in str(said[0])
        at.clock.move(timedelta(days=1))  # type: ignore[attr-defined]
        await at.take(message("x", "m9", where=channel_thread("general/1")))
        assert await at.count(jobs) == 2


async def test_other_channels_and_direct_conversations_are_as_ever(url: str) -> None:
    async with desk(url) as at:
        await choose(at, general="off")
        owed = await at.count(turns)
        assert await at.take(message("a", "m1", where=channel_thread("other/1"))) == "turn"
        assert await at.take(message("b", "m2")) == "turn"
        assert await at.count(turns) == owed + 2


async def test_a_choice_is_heard_of_after_a_moment(url: str) -> None:
    async with desk(url) as at:
        await choose(at, other="off")
        at.intake._chosen._seconds = 1e9
        assert await at.take(message("a", "m1", where=channel_thread("general/1"))) == "turn"
        operator = Operator("Tess", "", "nobody", 0)
        wanted = {"channels": {"general": "off"}}
        await at.store.write(change_settings, Scope("system", 1, ()), wanted, operator, None, NOON)
        assert await at.take(message("b", "m2", where=channel_thread("general/1"))) == "turn"
        at.intake._chosen._known.clear()
        assert await at.take(message("c", "m3", where=channel_thread("general/1"))) == "refused"
