"""One's own conversations: listed, opened, searched, renamed, resumed, deleted."""

import pytest
from sqlalchemy import update

from adapters.local.world_rows import LocalPost
from bot.chat import Audience, PlaceRef
from bot.storage.tables import usage
from tests.bot.commands.office import Office, buttons, office
from tests.bot.turns.team import WORKSPACE


async def talk(here: Office, person: str, *questions: str) -> None:
    """A conversation for each question."""
    for question in questions:
        await here.say(person, question)
        await here.run(person, "new")


async def first_listed(here: Office, person: str = "ana") -> LocalPost:
    return await here.press(person, await here.type(person, "history"), "1")


async def test_conversations_are_listed_newest_first_by_pages(url: str) -> None:
    async with office(url) as here:
        await talk(here, "ana", *(f"question {number}" for number in range(1, 8)))
        await talk(here, "bela", "a question of bela")
        first = await here.type("ana", "history")
        assert "(7), page 1 of 2" in first.text
        assert [f"question {number}" in first.text for number in range(1, 8)] == [False, False] + [True] * 5
        assert first.text.index("question 7") < first.text.index("question 3")
        assert buttons(first) == ["1", "2", "3", "4", "5", "More", "Search…"]
        second = await here.press("ana", first, "More")
        assert "question 1" in second.text
        assert "bela" not in first.text + second.text
        assert buttons(second) == ["1", "2", "Back", "Search…"]


async def test_an_opened_conversation_shows_who_said_what(url: str) -> None:
    async with office(url) as here:
        await talk(here, "ana", "where is the *boat*?")
        opened = await first_listed(here)
        assert r"> where is the \*boat\*?" in opened.text
        assert "**Tess**" in opened.text
        assert buttons(opened) == ["Go on with it", "Rename…", "Delete", "My conversations"]


async def test_earlier_messages_of_a_long_conversation_follow(url: str) -> None:
    async with office(url) as here:
        for number in range(1, 6):
            await here.say("ana", f"question {number}.")
        opened = await first_listed(here)
        assert "> question 5." in opened.text
        assert "> question 1." not in opened.text
        earlier = await here.press("ana", opened, "Earlier")
        assert "> question 1." in earlier.text
        assert "> question 4." not in earlier.text


async def test_searching_finds_ones_own_words_alone(url: str) -> None:
    async with office(url) as here:
        await talk(here, "ana", "the purple boat", "a green house")
        await talk(here, "bela", "another purple boat")
        form = await here.press("ana", await here.type("ana", "history"), "Search…")
        found = await here.send("ana", form, {"words": "purple"})
        assert "the purple boat" in found.text
        assert "another" not in found.text
        assert "green" not in found.text
        opened = await here.press("ana", found, "1")
        assert "the purple boat" in opened.text
        nothing = await here.type("ana", 'history words:"no such thing at all xyzzy"')
        assert nothing.text.startswith("Nothing was found")


async def test_a_conversation_gets_another_title(url: str) -> None:
    async with office(url) as here:
        await talk(here, "ana", "where is the boat?")
        form = await here.press("ana", await first_listed(here), "Rename…")
        renamed = await here.send("ana", form, {"title": "*Boats*"})
        assert r"\*Boats\*" in renamed.text
        assert r"\*Boats\*" in (await here.type("ana", "history")).text


async def test_an_old_conversation_goes_on_where_one_was(url: str) -> None:
    async with office(url) as here:
        await talk(here, "ana", "about boats", "about houses")
        listed = await here.type("ana", "history")
        opened = await here.press("ana", listed, "2")
        assert "about boats" in opened.text
        resumed = await here.press("ana", opened, "Go on with it")
        assert "You go on" in resumed.text
        await here.say("ana", "and their sails?")
        assert "and their sails?" in (await first_listed(here)).text
        assert "(2)" in (await here.type("ana", "history")).text


async def test_what_others_share_does_not_go_on_in_private(url: str) -> None:
    async with office(url) as here:
        await here.say("ana", "@keeper about boats", channel="general")
        opened = await first_listed(here)
        assert "Go on with it" not in buttons(opened)
        thread = opened.extras["buttons"]
        assert thread
        refused = await here.run("ana", "history resume", {"thread": (await thread_ids(here, "ana"))[0]})
        assert "goes on where it is held" in refused.text


async def test_deleting_asks_first_and_then_it_is_gone(url: str) -> None:
    async with office(url) as here:
        await talk(here, "ana", "where is the boat?")
        opened = await first_listed(here)
        (delete,) = [one for one in opened.extras["buttons"] if one["label"] == "Delete"]
        assert delete["style"] == "danger"
        assert "cannot be undone" in delete["confirm"]
        gone = await here.press("ana", opened, "Delete")
        assert "being erased" in gone.text
        assert (await here.type("ana", "history")).text == "You have no conversations yet."
        again = await here.press("ana", opened, "Rename…")
        assert again.text == "This conversation is gone, or it is not yours."


@pytest.mark.parametrize("command", ["open", "resume", "rename"])
async def test_anothers_conversation_is_as_one_that_is_not_there(url: str, command: str) -> None:
    async with office(url) as here:
        await talk(here, "ana", "the purple boat")
        (mine,) = await thread_ids(here, "ana")
        foreign = await here.run("bela", f"history {command}", {"thread": mine})
        absent = await here.run("bela", f"history {command}", {"thread": "no such thread"})
        assert foreign.text == absent.text == "This conversation is gone, or it is not yours."
        assert await thread_ids(here, "ana") == [mine]


async def test_a_command_in_a_channel_is_answered_to_its_asker_alone(url: str) -> None:
    async with office(url) as here:
        await talk(here, "ana", "the purple boat")
        shown = await here.type("ana", "@keeper history", channel="general")
        assert shown.only_for == "ana"
        assert "purple" in shown.text
        assert await here.shown("bela", "general") == []


async def test_a_typed_command_is_no_message(url: str) -> None:
    async with office(url) as here:
        await here.type("ana", "history")
        assert await thread_ids(here, "ana") == []
        await here.say("ana", "history of the boats")
        assert len(await thread_ids(here, "ana")) == 1


async def test_help_shows_what_one_may(url: str) -> None:
    async with office(url) as here:
        member = (await here.type("ana", "help")).text
        assert "`history`" in member
        assert "`forget`" in member
        assert "admin" not in member
        assert "`admin setup`" in (await here.type("lin", "help")).text


async def test_usage_counts_what_one_said(url: str) -> None:
    async with office(url) as here:
        await here.say("ana", "one")
        await here.say("ana", "two")
        shown = await here.type("ana", "usage")
        rows = {row[0]: row[1] for row in shown.extras["tables"][0]["rows"]}
        assert rows["Messages in the last 24 hours"] == "2"
        assert rows["Tokens of answers to you today"] == "0"
        costly = update(usage).values(prompt_tokens=7)
        await here.team.store.write(lambda connection: connection.execute(costly) and None)
        shown = await here.type("ana", "usage")
        rows = {row[0]: row[1] for row in shown.extras["tables"][0]["rows"]}
        assert rows["Tokens of answers to you today"] == "14"
        assert (await here.type("bela", "usage")).extras["tables"][0]["rows"][1][1] == "0"


async def test_what_cannot_be_read_is_a_sentence(url: str) -> None:
    async with office(url) as here:
        shown = await here.run("ana", "history", {"page": "none"})
        assert shown.text == "page must be a number from 1 to 1,000,000."
        beyond = await here.run("ana", "history", {"page": "99"})
        assert beyond.text == "You have no conversations yet."


async def thread_ids(here: Office, person: str) -> list[str]:
    view = await here.team.view(person)
    return [thread.id for thread in await view.get_threads_by_resource_id(f"local:{WORKSPACE}:{person}")]


async def talk_in_leads(here: Office) -> None:
    """Bela asks about walnuts in a private channel, and Ana about almonds beside her; then Ana is removed from it."""
    await here.team.local.make_channel(WORKSPACE, "council", "private", ("ana", "bela"))
    root = await here.say("bela", "@keeper walnut budget", channel="council")
    await here.team.say("ana", "@keeper almond budget", channel="council", root=root)
    await here.quiet()
    await here.team.local.leave(WORKSPACE, "council", "ana")
    await here.team.say("bela", "@keeper walnut verdict", channel="council", root=root)
    await here.quiet()


async def test_who_left_a_channel_reads_her_own_words_there_and_the_answers_to_her_alone(url: str) -> None:
    async with office(url) as here:
        await talk_in_leads(here)
        listed = await here.type("ana", "history")
        assert "walnut" not in listed.text
        assert "council" in listed.text
        opened = await here.press("ana", listed, "1")
        assert "almond budget" in opened.text
        assert "walnut" not in opened.text
        assert "Bela" not in opened.text
        assert "another participant" in opened.text
        assert opened.text.count("An answer.") == 1
        assert "walnut verdict" in (await first_listed(here, "bela")).text
        await here.team.local.join(WORKSPACE, "council", "ana")
        assert "walnut verdict" in (await first_listed(here)).text


async def test_who_left_a_channel_finds_nothing_of_others_there_nor_how_much_there_is(url: str) -> None:
    async with office(url) as here:
        await talk_in_leads(here)
        nothing = await here.type("ana", "history words:walnut")
        assert nothing.text == "Nothing was found for “walnut”."
        found = await here.type("ana", "history words:budget")
        assert "(1)" in found.text
        assert "almond" in found.text
        assert "walnut" not in found.text
        assert "(2)" in (await here.type("bela", "history words:walnut")).text


async def test_a_place_whose_readers_nobody_can_tell_is_closed(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with office(url) as here:
        await here.say("bela", "@keeper walnut budget", channel="general")
        root = (await here.team.seen("bela", channel="general"))[0].id
        await here.team.say("ana", "@keeper almond budget", channel="general", root=root)
        await here.quiet()
        assert "walnut" in (await first_listed(here)).text

        async def unknown(_place: PlaceRef) -> Audience:
            return Audience("unknown", frozenset(), outsiders=True, fetched_at=here.team.bench.now())

        monkeypatch.setattr(here.team.local, "audience", unknown)
        closed = await first_listed(here)
        assert "walnut" not in closed.text
        assert "almond" in closed.text
