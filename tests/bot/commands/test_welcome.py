"""A person's first contact: she is told in private, chooses, and is answered."""

import pytest
from sqlalchemy import select

from bot.access.disclosure import operator_of
from bot.access.scope import Scope
from bot.access.settings_rows import change_settings
from bot.errors import NotAllowed
from bot.storage.tables import messages, people
from bot.storage.turn_tables import turns
from tests.bot.commands.office import Office, buttons, office, person_id

QUESTION = "where is the purple boat?"


async def texts(here: Office) -> list[str]:
    statement = select(messages.c.text).order_by(messages.c.key)
    return await here.team.store.read(lambda connection: list(connection.execute(statement).scalars()))


async def keeps(here: Office) -> set[bool]:
    return await here.team.store.read(lambda connection: set(connection.execute(select(people.c.keeps)).scalars()))


async def test_she_is_told_before_anything_is_kept_and_answered_when_she_goes_on(url: str) -> None:
    async with office(url, told=False, disclose=True) as here:
        await here.say("ana", QUESTION)
        (notice,) = await here.shown("ana")
        assert "I'm Tess, an AI, and I can be wrong" in notice.text
        assert buttons(notice) == ["Continue", "Don't keep mine", "Details"]
        assert await texts(here) == []

        await here.press("ana", notice, "Continue")
        await here.team.quiet()
        assert (await here.shown("ana"))[-1].text == "An answer."
        assert await texts(here) == [QUESTION, "An answer."]
        assert await keeps(here) == {True}


async def test_who_wants_nothing_kept_is_answered_all_the_same(url: str) -> None:
    async with office(url, told=False, disclose=True) as here:
        await here.say("ana", QUESTION)
        (notice,) = await here.shown("ana")
        await here.press("ana", notice, "Don't keep mine")
        await here.team.quiet()
        assert "An answer." in [post.text for post in await here.shown("ana")]

        async def nothing_kept() -> bool:
            return not await texts(here)

        await here.team.until(nothing_kept)


async def test_in_a_channel_others_see_only_that_there_is_something_to_be_told(url: str) -> None:
    async with office(url, told=False, disclose=True) as here:
        post_id = await here.say("ana", f"@keeper {QUESTION}", channel="general")
        (pointer,) = await here.shown("bela", "general")
        assert pointer.root == post_id
        assert "in private" in pointer.text
        assert "Tess" not in pointer.text
        assert buttons(pointer) == ["Show me"]

        notice = await here.press("ana", pointer, "Show me")
        assert notice.only_for == "ana"
        await here.press("ana", notice, "Continue")
        await here.team.quiet()
        answers = [post.text for post in await here.shown("bela", "general")]
        assert answers == [pointer.text, "An answer."]


async def test_nobody_presses_for_another(url: str) -> None:
    async with office(url, told=False, disclose=True) as here:
        await here.say("ana", f"@keeper {QUESTION}", channel="general")
        (pointer,) = await here.shown("bela", "general")
        token = pointer.extras["buttons"][0]["token"]
        with pytest.raises(NotAllowed):
            await here.team.local.press("team", pointer.id, "bela", token)
        assert await texts(here) == []


async def test_pressing_twice_answers_once(url: str) -> None:
    async with office(url, told=False, disclose=True) as here:
        await here.say("ana", QUESTION)
        (notice,) = await here.shown("ana")
        await here.press("ana", notice, "Continue")
        await here.press("ana", notice, "Continue")
        await here.team.quiet()
        count = await here.team.store.read(lambda connection: len(connection.execute(select(turns.c.key)).all()))
        assert count == 1
        assert await texts(here) == [QUESTION, "An answer."]


async def test_what_changed_after_she_was_shown_it_is_told_anew(url: str) -> None:
    async with office(url, told=False, disclose=True, supervision="off") as here:
        await here.say("ana", QUESTION)
        (notice,) = await here.shown("ana")
        assert "grace" not in notice.text.lower()
        operator = operator_of(here.team.bench.settings)
        scope, now = Scope("system", here.key, ()), here.team.bench.now()
        wanted = {"supervision": "all"}
        await here.team.store.write(change_settings, scope, wanted, operator, person_id("lin"), now)
        again = await here.press("ana", notice, "Continue")
        assert buttons(again) == ["Continue", "Don't keep mine", "Details"]
        assert "Grace" in again.text
        assert await texts(here) == []
        await here.press("ana", again, "Continue")
        await here.team.quiet()
        assert QUESTION in await texts(here)


async def test_who_comes_back_on_the_day_on_which_everything_was_forgotten_is_told_again(url: str) -> None:
    async with office(url, told=False, disclose=True) as here:

        async def told(times: int) -> list[str]:
            found = [post.id for post in await here.shown("gus") if "Continue" in buttons(post)]
            return found if len(found) == times else []

        async def nobody() -> bool:
            hers = people.c.resource_id.contains("gus") | people.c.resource_id.contains("erased")
            who = select(people.c.key).where(hers)
            return not await here.team.store.read(lambda connection: connection.execute(who).all())

        for times in (1, 2, 3):
            # Her row is the newest: on SQLite the next one gets its key, and so does her place.
            await here.say("gus", QUESTION)
            post_id = (await here.team.until(lambda times=times: told(times)))[-1]  # type: ignore[misc]
            notice = next(post for post in await here.shown("gus") if post.id == post_id)
            await here.press("gus", notice, "Continue")
            await here.team.quiet()
            await here.run("gus", "forget everything", {"word": "FORGET"})
            await here.team.until(nobody)
            await here.quiet()
