"""An answer on its way: streamed while the model speaks, whole when it is quick, each part once and in order."""

import asyncio
from functools import partial

import pytest

from bot.errors import ModelOverloaded, ModelRefused, ModelUnreachable
from bot.models.port import Model
from tests.bot.turns.steering import Platform, Steered, Step
from tests.bot.turns.team import Team, running

LONG = " ".join(f"word number {number}" for number in range(900))[:12_400].rstrip()  # four posts


async def stored_answers(team: Team, person: str = "ana") -> list[tuple[str, str]]:
    page = await (await team.view(person)).list_messages_by_resource_id(team.person(person))
    return [(one.text, one.outcome) for one in page.items if one.role == "assistant"]


async def test_a_slow_answer_is_seen_while_it_grows_and_ends_as_it_is_stored(url: str) -> None:
    second, third = asyncio.Event(), asyncio.Event()
    model = Steered(["One.", second, " Two.", third, " Three."])
    async with running(url, model) as team:
        platform = Platform(team)
        await team.say("ana", "Count")
        await team.until(lambda: shows(team, "One."))
        assert await team.states() == ["leased"]
        assert (await team.seen("ana"))[-1].streaming
        second.set()
        await team.until(lambda: shows(team, "One. Two."))
        third.set()
        await team.quiet()

        assert await team.answers("ana") == ["One. Two. Three."]
        assert not (await team.seen("ana"))[-1].streaming
        assert await stored_answers(team) == [("One. Two. Three.", "answered")]
        assert (await team.states(), await team.post_states(), model.calls) == (["answered"], ["finished"], 1)
        assert (platform.count("stream"), platform.count("answer"), platform.count("edit")) == (1, 0, 0)
        assert platform.statuses == ["working", "idle"]


async def shows(team: Team, text: str) -> bool:
    return await team.answers("ana") == [text]


async def test_an_instant_answer_is_posted_whole(url: str) -> None:
    async with running(url, Steered(["All ", "at ", "once."])) as team:
        platform = Platform(team)
        await team.say("ana", "Quick")
        await team.quiet()

        assert await team.answers("ana") == ["All at once."]
        assert (platform.count("stream"), platform.count("answer"), platform.count("edit")) == (0, 1, 0)
        assert platform.statuses == ["working", "idle"]


@pytest.mark.parametrize("slow", [False, True])
async def test_a_long_answer_takes_several_posts_in_order(url: str, slow: bool) -> None:
    gates = [asyncio.Event() for _ in range(3)]
    pieces: list[Step] = [LONG[:2_000]]
    for number, gate in enumerate(gates):
        pieces += [gate, LONG[2_000 + number * 3_500 : 5_500 + number * 3_500]]
    async with running(url, Steered(pieces)) as team:
        platform = Platform(team)
        if not slow:
            for gate in gates:
                gate.set()
        await team.say("ana", "Tell me everything")
        for number, gate in enumerate(gates):
            if slow:
                await team.until(partial(has_posts, team, number + 1))
                gate.set()
        await team.quiet()

        posts = await team.answers("ana")
        assert len(posts) == 4
        assert " ".join(posts) == LONG
        assert await stored_answers(team) == [(LONG, "answered")]
        assert await team.post_states() == ["finished"] * 4
        assert (platform.count("stream"), platform.count("answer")) == ((4, 0) if slow else (0, 4))


async def has_posts(team: Team, number: int) -> bool:
    return len(await team.answers("ana")) >= number


async def test_blank_pieces_open_no_post(url: str) -> None:
    go_on = asyncio.Event()
    async with running(url, Steered(["\n", " ", go_on, "\nNow."])) as team:
        platform = Platform(team)
        await team.say("ana", "Well?")
        await asyncio.sleep(0.1)
        assert platform.calls == ["status"]
        go_on.set()
        await team.quiet()

        assert [text.strip() for text in await team.answers("ana")] == ["Now."]
        assert await team.states() == ["answered"]


async def test_a_model_that_fails_before_its_first_word_is_asked_again(url: str) -> None:
    model = Steered([ModelOverloaded()], [ModelUnreachable()], ["At last."])
    async with running(url, model) as team:
        platform = Platform(team)
        await team.say("ana", "Please")
        await team.quiet()

        assert await team.answers("ana") == ["At last."]
        assert await stored_answers(team) == [("At last.", "answered")]
        assert (model.calls, await team.states()) == (3, ["answered"])
        assert platform.statuses[-1] == "idle"


async def test_a_model_that_fails_too_often_is_admitted_once(url: str) -> None:
    model = Steered([ModelOverloaded()])
    async with running(url, model) as team:
        platform = Platform(team)
        await team.say("ana", "Please")
        await team.quiet()

        assert await team.answers("ana") == [str(ModelOverloaded())]
        assert await stored_answers(team) == [(str(ModelOverloaded()), "failed")]
        assert (model.calls, await team.states()) == (3, ["failed"])
        assert platform.statuses[-1] == "idle"


async def test_a_final_failure_of_the_model_is_admitted_at_once(url: str) -> None:
    model = Steered([ModelRefused()])
    async with running(url, model) as team:
        await team.say("ana", "Please")
        await team.quiet()

        assert await team.answers("ana") == [str(ModelRefused())]
        assert (model.calls, await team.states()) == (1, ["failed"])


@pytest.mark.parametrize("slow", [False, True])
async def test_a_model_that_fails_among_its_words_leaves_them_with_a_note(url: str, slow: bool) -> None:
    go_on = asyncio.Event()
    model = Steered(["Half of it", go_on, ModelOverloaded()])
    async with running(url, model) as team:
        await team.say("ana", "Please")
        if slow:
            await team.until(lambda: shows(team, "Half of it"))
        go_on.set()
        await team.quiet()

        (answer,) = await team.answers("ana")
        assert answer.startswith("Half of it\n\n(My answer was cut short: ")
        assert await stored_answers(team) == [(answer, "cut")]
        assert (model.calls, await team.post_states()) == (1, ["finished"])


async def test_a_burst_is_one_turn_with_one_answer(url: str) -> None:
    go_on = asyncio.Event()
    model = Steered([go_on, "To the first."], ["To both."])
    async with running(url, model) as team:
        await team.say("ana", "first words")
        await team.until(lambda: model.calls == 1)
        await team.say("ana", "second words")
        await team.quiet()

        assert await team.answers("ana") == ["To both."]
        assert await team.states() == ["answered"]
        assert "first words" in model.prompt()
        assert "second words" in model.prompt()


async def test_what_is_said_after_the_first_word_becomes_the_next_turn(url: str) -> None:
    go_on = asyncio.Event()
    model = Steered(["One", go_on, "."], ["Two."])
    async with running(url, model) as team:
        await team.say("ana", "first words")
        await team.until(lambda: shows(team, "One"))
        await team.say("ana", "second words")
        go_on.set()
        await team.quiet()

        assert await team.answers("ana") == ["One.", "Two."]
        assert await team.states() == ["answered", "answered"]
        assert "second words" not in model.prompt(0)


async def test_a_thread_is_answered_in_order_while_its_first_turn_waits_to_be_tried_again(url: str) -> None:
    model: Model = Steered([ModelOverloaded()], ["To ana."], ["To ben."])
    async with running(url, model) as team:
        root = await team.say("ana", "@keeper hello", channel="general")
        await team.say("ben", "@keeper me too", channel="general", root=root)
        await team.quiet()

        assert await team.answers("ana", channel="general", root=root) == ["To ana.", "To ben."]
