"""What is asked stands before the model: every question of a turn, the files that came with it, and nothing else."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta

from sqlalchemy import select

from bot.chat import File, Invocation, PlaceRef
from bot.models.port import Finished, ModelEvent, ModelRequest, TextDelta
from bot.storage.tables import threads
from bot.turns.accept_rows import Outcome
from bot.turns.post_keys import post_value
from bot.turns.post_rows import begin_post
from bot.turns.turn_rows import claim_turn, release_turn
from tests.bot.agent.talking import Playing, prompt_text, saying
from tests.bot.turns.events import NOON, desk, message, new_delivery, person, place
from tests.bot.turns.team import Team, running

#: As the local platform has it.
DIRECT = PlaceRef("local:team", "@ana", "direct", "", {"channel": "@ana", "root": ""})


async def test_every_question_of_a_burst_is_before_the_model_however_many_they_are(url: str) -> None:
    async with desk(url) as taken:
        for number in range(30):
            at = NOON + timedelta(seconds=number)
            await taken.take(message(f"question {number}!", f"m{number}", where=DIRECT, at=at))

    model = Playing(saying("All answered."))
    async with running(url, model) as team:
        await team.quiet()

        (request,) = model.requests
        asked = [one.content for one in request.messages if one.role == "user"]
        assert [f"question {number}!" in text for number, text in enumerate(asked)] == [True] * 30


async def test_a_file_without_a_word_is_named_to_the_model(url: str) -> None:
    model = Playing(saying("I cannot read it."))
    async with running(url, model) as team:
        await team.say("ana", "", files=[File("plan.pdf", "application/pdf", b"%PDF")])
        await team.quiet()
        await team.say("ana", "and?")
        await team.quiet()

        for request in model.requests:
            assert "[Attachment: plan.pdf, application/pdf, 4 bytes; not read]" in prompt_text(request)


async def test_a_mention_without_a_word_is_answered(url: str) -> None:
    async with running(url, Playing(saying("Yes?"))) as team:
        root = await team.say("ana", " @keeper ", channel="general")
        await team.quiet()

        assert await team.answers("ana", channel="general", root=root) == ["Yes?"]


async def test_a_process_takes_only_turns_of_the_platforms_that_it_serves(url: str) -> None:
    elsewhere = "elsewhere:team"
    async with desk(url) as taken:
        there = place("@ana", workspace=elsewhere)
        await taken.take(message("hello", "m1", who=person(workspace=elsewhere), where=there))
        await taken.take(message("hello", "m1"))

        found = []
        for process, platform in (
            ("one", "elsewhereabouts"),
            ("two", "local"),
            ("three", "local"),
            ("four", "elsewhere"),
        ):
            turn = await taken.store.write(claim_turn, process, [platform], [], taken.options, NOON)
            found.append(None if turn is None else turn.place.workspace_id)
        assert found == [None, "local:team", None, elsewhere]


async def test_a_command_that_was_typed_is_run_once_in_whatever_delivery(url: str) -> None:
    def typed(utterance_id: str) -> Invocation:
        return Invocation(
            delivery_id=new_delivery(),
            person=person(),
            place=place(),
            command="help",
            arguments={},
            responder=None,  # type: ignore[arg-type] # nobody answers here
            utterance_id=utterance_id,
        )

    async with desk(url) as taken:
        outcomes: list[Outcome] = [await taken.take(typed(one)) for one in ("c1", "c1", "c2", "", "")]

        assert outcomes == ["turn", "repeated", "turn", "turn", "turn"]
        assert await taken.take(message("help", "c1")) == "repeated"


class _Titling:
    """Answers at once, and thinks of a title until it is let go on."""

    def __init__(self) -> None:
        self.thinks = asyncio.Event()
        self.go_on = asyncio.Event()

    async def __call__(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        if request.messages[0].content.startswith("Name the conversation"):
            self.thinks.set()
            await self.go_on.wait()
            yield TextDelta("A boat in the bay")
        else:
            yield TextDelta("In the bay.")
        yield Finished("stop")


async def titles(team: Team) -> list[str]:
    return list(await team.store.read(lambda connection: connection.execute(select(threads.c.title)).scalars().all()))


async def test_a_title_is_made_though_what_was_said_first_came_later(url: str) -> None:
    async with desk(url) as taken:
        await taken.take(message("Where is the boat?", "m1", where=DIRECT, at=NOON))
        await taken.take(message("And the car?", "m2", where=DIRECT, at=NOON - timedelta(seconds=9)))

    model = _Titling()
    model.go_on.set()
    async with running(url, Playing(model, offline=False)) as team:
        await team.until(lambda: titled(team))


async def titled(team: Team) -> bool:
    return await titles(team) == ["A boat in the bay"]


async def test_a_title_is_not_made_of_what_was_edited_or_deleted_meanwhile(url: str) -> None:
    for change in ("nothing", "edit", "deletion"):
        model = _Titling()
        async with running(url, Playing(model, offline=False)) as team:
            person_name = {"nothing": "ana", "edit": "ben", "deletion": "cleo"}[change]
            post = await team.say(person_name, "Where is the boat?")
            await team.quiet()
            await asyncio.wait_for(model.thinks.wait(), 10)
            if change == "edit":
                await team.local.edit("team", post, person_name, "Where is the car?")
            if change == "deletion":
                await team.local.delete("team", person_name, post)
            model.go_on.set()
            await asyncio.gather(*team.serving.worker._behind)

            assert ("A boat in the bay" in await titles(team)) is (change == "nothing")
            await team.store.write(lambda connection: connection.execute(threads.delete()))


async def test_an_answer_that_can_be_seen_takes_up_no_later_question_also_in_another_process(url: str) -> None:
    async with desk(url) as taken:
        await taken.take(message("first", "m1", where=DIRECT))
        turn = await taken.store.write(claim_turn, "a process", ["local"], [], taken.options, NOON)
        assert turn is not None
        await taken.store.write(begin_post, turn, 0, post_value(turn.id, 0), taken.options, NOON)
        await taken.take(message("second", "m2", where=DIRECT, at=NOON + timedelta(seconds=1)))
        await taken.store.write(release_turn, turn, timedelta(), counted=True, now=NOON)

    model = Playing(saying("Answered."))
    async with running(url, model) as team:
        await team.quiet()

        asked = [request.messages[-1].content for request in model.requests]
        assert [("first" in text, "second" in text) for text in asked] == [(True, False), (False, True)]
        assert await team.states() == ["answered", "answered"]
