"""Several people in one thread: each is answered, each has it in her own list, and all words bear their names."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from bot.models.port import Finished, ModelRequest, TextDelta
from bot.storage.tables import messages, people
from bot.storage.turn_tables import turn_messages, turns
from bot.turns.turn_rows import claim_turn
from tests.bot.agent.talking import Playing, prompt_text, saying
from tests.bot.turns.events import NOON, channel_thread, deletion, desk, message, person
from tests.bot.turns.team import Team, running

BEN = person("ben")
THREAD = channel_thread()


class Gated:
    """A model that waits, before it says a word, until it is let go; and then before it ends."""

    name = "gated"
    offline = True

    def __init__(self, words: str = "An answer.") -> None:
        self.words = words
        self.requests: list[ModelRequest] = []
        self.speak = asyncio.Event()
        self.end = asyncio.Event()

    async def stream(self, request: ModelRequest) -> Any:
        self.requests.append(request)
        await self.speak.wait()
        yield TextDelta(self.words)
        await self.end.wait()
        yield Finished("stop")

    async def asked(self, times: int, team: Team) -> None:
        """Wait until it was asked so often."""
        await team.until(lambda: len(self.requests) == times)

    def go_on(self) -> None:
        self.speak.set()
        self.end.set()

    async def close(self) -> None:
        return


async def said_by_ana(team: Team, *words: str, channel: str = "general") -> str:
    return await team.say("ana", f"@keeper {words[0]}", channel=channel)


async def listed(team: Team, name: str) -> list[tuple[str, str]]:
    """What stands in a person's own list of messages."""
    page = await (await team.view(name)).list_messages_by_resource_id(team.person(name))
    return [(one.role, one.text) for one in page.items]


async def test_each_has_the_thread_and_her_own_words_in_her_own_list(url: str) -> None:
    async with running(url, Playing(saying("Noted."))) as team:
        root = await said_by_ana(team, "my boat is red")
        await team.quiet()
        await team.say("ben", "@keeper mine is green", channel="general", root=root)
        await team.quiet()

        assert await listed(team, "ana") == [("user", "my boat is red"), ("assistant", "Noted.")]
        assert await listed(team, "ben") == [("user", "mine is green"), ("assistant", "Noted.")]
        assert await listed(team, "cleo") == []
        for name in ("ana", "ben"):
            (thread,) = await (await team.view(name)).get_threads_by_resource_id(team.person(name))
            assert set(thread.participants) == {team.person("ana"), team.person("ben")}
            assert (await (await team.view(name)).recall(thread.id)).total == 4
        assert await (await team.view("cleo")).get_threads_by_resource_id(team.person("cleo")) == []


async def test_who_is_answered_in_a_thread_sees_the_others_words_under_their_names(url: str) -> None:
    model = Playing(saying("Noted."))
    async with running(url, model) as team:
        root = await said_by_ana(team, "my boat is red")
        await team.quiet()
        await team.say("cleo", "@keeper I have none", channel="general", root=root)
        await team.quiet()
        await team.say("ben", "@keeper what has ana?", channel="general", root=root)
        await team.quiet()

        prompt = prompt_text(model.requests[-1])
        assert "my boat is red" in prompt
        assert "I have none" in prompt
        ana, cleo, ben = (prompt.index(words) for words in ("my boat is red", "I have none", "what has ana?"))
        assert "Ana" in prompt[:ana][-200:]
        assert "Cleo" in prompt[ana:cleo]
        assert "Ben" in prompt[cleo:ben]


async def test_what_was_said_in_another_place_is_in_no_prompt(url: str) -> None:
    model = Playing(saying("Noted."))
    async with running(url, model) as team:
        await team.say("ana", "my secret is the kettle")
        await said_by_ana(team, "the kettle again", channel="secret")
        await team.quiet()
        await team.say("ben", "@keeper what is her secret?", channel="general")
        await team.quiet()

        assert "kettle" not in prompt_text(model.requests[-1])


async def test_people_who_ask_at_once_are_each_answered_once_in_order(url: str) -> None:
    model = Playing(saying("Noted."))
    async with running(url, model) as team:
        root = await said_by_ana(team, "hello")
        await team.quiet()
        await asyncio.gather(
            *(team.say(name, f"@keeper from {name}", channel="general", root=root) for name in ("ana", "ben", "cleo"))
        )
        await team.quiet()

        assert await team.states() == ["answered"] * 4
        assert await team.answers("ana", channel="general", root=root) == ["Noted."] * 4
        for request, name in zip(model.requests[1:], await in_order(team), strict=True):
            # Nobody else's open question is answered along.
            assert f"from {name}" in prompt_text(request)


async def in_order(team: Team) -> list[str]:
    """Who asked the second turn and all that followed."""
    asked = select(turns.c.resource_key).order_by(turns.c.key)
    names = await team.store.read(lambda connection: connection.execute(asked).scalars().all())
    known = await team.store.read(lambda connection: connection.execute(people.select()).all())
    by_key = {row.key: row.resource_id.rpartition(":")[2] for row in known}
    return [by_key[key] for key in names][1:]


async def test_each_author_has_one_open_turn_in_a_thread(url: str) -> None:
    async with desk(url) as taken:
        for number in range(3):
            await taken.take(message("hello", f"a{number}", where=THREAD))
            await taken.take(message("hello", f"b{number}", who=BEN, where=THREAD))

        assert await taken.count(turns) == 2
        owner = {row["message_key"]: row["turn_key"] for row in await taken.rows(turn_messages)}
        authors = {row["key"]: row["resource_key"] for row in await taken.rows(messages)}
        assert len({(owner[key], author) for key, author in authors.items()}) == 2


async def test_what_is_said_in_several_messages_while_it_waits_is_one_question(url: str) -> None:
    async with desk(url) as taken:
        for number in range(3):
            await taken.take(message(f"line {number}", f"m{number}", at=NOON + timedelta(seconds=number)))

        turn = await taken.store.write(claim_turn, "a process", ["local"], [], taken.options, NOON)
        assert turn is not None
        assert [one.text for one in turn.asked] == ["line 0", "line 1", "line 2"]
        assert turn.waiting == frozenset()


async def test_what_is_said_while_the_model_thinks_begins_the_answer_anew(url: str) -> None:
    model = Gated()
    async with running(url, model) as team:
        await team.say("ana", "what is red?")
        await team.until(lambda: len(model.requests) == 1)
        await team.say("ana", "and green?")
        await team.until(lambda: len(model.requests) == 2)
        model.go_on()
        await team.quiet()

        prompt = prompt_text(model.requests[-1])
        assert "what is red?" in prompt
        assert "and green?" in prompt
        assert await team.answers("ana") == ["An answer."]
        assert await team.states() == ["answered"]


async def test_an_answer_is_begun_anew_only_so_often(url: str) -> None:
    model = Gated()
    async with running(url, model, restarts=2) as team:
        await team.say("ana", "what?")
        for number in range(2):
            await model.asked(number + 1, team)
            await team.say("ana", f"line {number}")
        await model.asked(3, team)
        await team.say("ana", "one line too many")
        model.go_on()
        await team.quiet()

        assert len(model.requests) == 4
        assert "one line too many" not in prompt_text(model.requests[2])
        assert "one line too many" in prompt_text(model.requests[3])
        assert await team.answers("ana") == ["An answer."] * 2
        assert await team.states() == ["answered"] * 2


async def test_what_is_said_after_the_first_words_is_the_next_question(url: str) -> None:
    model = Gated()
    async with running(url, model) as team:
        await team.say("ana", "what is red?")
        model.speak.set()
        await team.until(lambda: begun(team))
        await team.say("ana", "and green?")
        await team.say("ana", "and blue?")
        model.end.set()
        await team.quiet()

        assert len(model.requests) == 2
        assert "and green?" not in prompt_text(model.requests[0])
        assert "and blue?" in prompt_text(model.requests[1])
        assert await team.answers("ana") == ["An answer."] * 2
        assert await team.states() == ["answered"] * 2


async def begun(team: Team) -> bool:
    return "accepted" in await team.post_states()


async def test_an_author_s_burst_does_not_touch_another_s_turn(url: str) -> None:
    model = Gated()
    async with running(url, model) as team:
        root = await said_by_ana(team, "what is red?")
        await team.until(lambda: len(model.requests) == 1)
        await team.say("ben", "@keeper what is green?", channel="general", root=root)
        model.go_on()
        await team.quiet()

        assert len(model.requests) == 2
        assert "green" not in prompt_text(model.requests[0])
        assert await team.states() == ["answered"] * 2


@pytest.mark.parametrize("asked", ["@keeper hello", "hello @keeper"])
async def test_a_first_mention_is_answered_in_a_thread_of_its_own(url: str, asked: str) -> None:
    async with running(url, Playing(saying("Hi."))) as team:
        roots = [await team.say(name, asked, channel="general") for name in ("ana", "ben")]
        await team.quiet()
        assert [await team.answers("ana", channel="general", root=root) for root in roots] == [["Hi."], ["Hi."]]


async def test_a_part_of_a_burst_that_was_deleted_is_not_answered(url: str) -> None:
    async with desk(url) as taken:
        for number in range(3):
            await taken.take(message(f"line {number}", f"m{number}", at=NOON + timedelta(seconds=number)))
        await taken.take(deletion("m1"))
        turn = await taken.store.write(claim_turn, "a process", ["local"], [], taken.options, NOON)
        assert turn is not None
        assert [one.text for one in turn.asked] == ["line 0", "line 2"]
