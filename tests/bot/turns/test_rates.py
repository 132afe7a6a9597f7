"""How much one person and one workspace may ask, what they are told, and what becomes of two bots that talk."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert
from structlog.testing import capture_logs

from bot.models.port import Finished, Model, ModelRequest, TextDelta, Usage
from bot.storage.tables import messages, usage
from bot.storage.turn_tables import jobs, turns
from bot.turns.turn_rows import claim_turn, finish_turn
from tests.bot.agent.talking import Playing, saying
from tests.bot.turns.events import (
    NOON,
    Desk,
    Moment,
    channel_thread,
    desk,
    message,
    new_delivery,
    person,
    place,
)
from tests.bot.turns.team import Team, running

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


async def notices(taken: Desk) -> list[str]:
    return [text for text in await taken.column(jobs.c.report) if text]


async def say(taken: Desk, name: str, number: int) -> str:
    said = message("hello", f"{name} {number}", who=person(name), where=place(f"@{name}"), at=NOON)
    return await taken.take(said)


async def test_ten_messages_a_minute_are_taken_from_each_person(url: str) -> None:
    clock = Moment()
    async with desk(url, clock=clock, messages_per_minute=10) as taken:
        outcomes = []
        for number in range(13):
            outcomes.append(await say(taken, "ana", number))
            clock.move(SECOND)
        assert outcomes == ["turn"] * 10 + ["refused"] * 3
        assert await say(taken, "ben", 1) == "turn"
        (told,) = await notices(taken)
        assert told.startswith("I take 10 messages a minute from each person, and did not keep what came after")
        assert told.endswith("Please write again in 50 seconds.")
        assert await taken.count(messages) == 11

        # What was refused does not count: the time that she was told is true, and to the second.
        clock.now = NOON + timedelta(seconds=59)
        assert await say(taken, "ana", 20) == "refused"
        clock.now = NOON + timedelta(seconds=60)
        assert await say(taken, "ana", 21) == "turn"
        assert await say(taken, "ana", 22) == "refused"


async def test_repetitions_are_not_counted(url: str) -> None:
    async with desk(url, messages_per_minute=3) as taken:
        for number in range(3):
            said = message("hello", f"m{number}", aliases=(f"x{number}",))
            copies = [said, replace(said, delivery_id=new_delivery()), message("hello", f"x{number}")]
            assert sorted([await taken.take(one) for one in copies]) == ["repeated", "repeated", "turn"]
        late = message("hello", "m9")
        assert await taken.take(late) == "refused"
        assert await taken.take(late) == "repeated"
        assert len(await notices(taken)) == 1


async def test_what_is_not_for_the_bot_is_not_counted(url: str) -> None:
    async with desk(url, messages_per_minute=1) as taken:
        for number in range(5):
            await taken.take(message("hello", f"c{number}", where=channel_thread(), addressing="channel"))
            await taken.take(message(" ", f"b{number}"))
        assert await say(taken, "ana", 1) == "turn"


async def test_messages_that_come_at_once_are_counted_exactly(url: str) -> None:
    async with desk(url, messages_per_minute=4) as taken:
        said = [message("hello", f"m{number}", where=channel_thread(f"general/{number}")) for number in range(8)]
        said.append(message("hello", "d1"))
        outcomes = await asyncio.gather(*map(taken.take, said))
        assert sorted(outcomes) == ["refused"] * 5 + ["turn"] * 4
        assert len(await notices(taken)) == 1


async def test_two_hundred_messages_a_day_are_taken_from_each_person(url: str) -> None:
    clock = Moment()
    async with desk(url, clock=clock, messages_per_day=5, messages_per_minute=3) as taken:
        for number in range(5):
            assert await say(taken, "ana", number) == "turn"
            clock.move(MINUTE)
        for number in range(5, 8):
            assert await say(taken, "ana", number) == "refused"
            clock.move(MINUTE)
        (told,) = await notices(taken)
        assert told.startswith("I take 5 messages a day from each person")
        assert await say(taken, "ben", 1) == "turn"
        clock.now = NOON + timedelta(hours=24, minutes=4)
        assert await say(taken, "ana", 20) == "turn"


async def test_so_many_questions_of_one_person_may_wait(url: str) -> None:
    async with desk(url, queue_per_person=2) as taken:
        places = [channel_thread(f"general/{number}") for number in range(4)]
        said = [message("hello", f"m{number}", where=where) for number, where in enumerate(places)]
        assert [await taken.take(one) for one in said] == ["turn", "turn", "refused", "refused"]
        assert await notices(taken) == [
            "2 of your questions wait for an answer, and I did not keep the last one. Please wait for those."
        ]
        assert await taken.take(message("hello", "b", who=person("ben"), where=places[0])) == "turn"
        turn = await taken.store.write(claim_turn, "a process", ["local"], [], taken.options, NOON)
        assert turn is not None
        await taken.store.write(finish_turn, turn, "answered", "", "next", NOON)
        assert await taken.take(message("hello", "m9", where=places[3])) == "turn"


async def spend(taken: Desk, tokens: int, workspace_key: int = 1, at: Any = NOON) -> None:
    cost = {"workspace_key": workspace_key, "resource_key": 1, "at": at, "model": "m", "prompt_tokens": tokens - 1,
            "completion_tokens": 1, "estimated": False, "model_calls": 1}  # fmt: skip
    await taken.store.write(lambda connection: connection.execute(insert(usage), cost) and None)


async def test_a_workspace_s_answers_have_a_budget_for_each_day(url: str) -> None:
    clock = Moment()
    async with desk(url, clock=clock, workspace_tokens_per_day=1_000) as taken:
        await say(taken, "ana", 1)
        await spend(taken, 5_000, at=NOON - timedelta(hours=12, seconds=1))  # yesterday's
        await spend(taken, 999)
        assert await say(taken, "ana", 2) == "turn"
        await spend(taken, 1 + 1)
        assert await say(taken, "ana", 3) == "refused"
        assert await say(taken, "ana", 4) == "refused"
        assert await say(taken, "ben", 1) == "refused"
        assert [told[:38] for told in await notices(taken)] == ["This workspace has used up its daily b"] * 2
        theirs = message(who=person(workspace="local:other"), where=place(workspace="local:other"))
        assert await taken.take(theirs) == "turn"
        clock.move(timedelta(hours=12))
        assert await say(taken, "ana", 5) == "turn"


def costing(tokens: int) -> Model:
    async def play(_request: ModelRequest) -> Any:
        yield TextDelta("An answer.")
        yield Finished("stop", usage=Usage(tokens - 1, 1))

    return Playing(play)


async def test_the_operator_is_warned_once_a_day_when_most_of_a_budget_is_spent(url: str) -> None:
    clock = Moment()
    with capture_logs() as logs:
        async with running(url, costing(300), now=clock, workspace_tokens_per_day=1_000) as team:
            for number in range(4):
                await team.say("ana", f"question {number}")
                await team.quiet()
                warned = [one for one in logs if one["event"] == "workspace budget"]
                assert len(warned) == (1 if number >= 2 else 0)
            assert {key: warned[0][key] for key in ("log_level", "workspace", "share")} == {
                "log_level": "warning", "workspace": "local:team", "share": 0.9
            }  # fmt: skip
            assert (await team.answers("ana"))[:4] == ["An answer."] * 4
            await team.say("ana", "one too many")
            await team.quiet()
            assert "used up its daily budget" in (await team.answers("ana"))[-1]
            clock.move(timedelta(days=1))
            for number in range(3):
                await team.say("ana", f"question {number}")
                await team.quiet()
    assert len([one for one in logs if one["event"] == "workspace budget"]) == 2


async def test_a_notice_is_posted_where_it_was_said(url: str) -> None:
    async with running(url, Playing(saying("Yes.")), messages_per_minute=1) as team:
        for _ in range(3):
            await team.say("ana", "hello")
            await team.quiet()
        answers = await team.answers("ana")
        assert answers[0] == "Yes."
        assert [one[:12] for one in answers[1:]] == ["I take 1 mes"]
        assert await team.answers("ben") == []


# Two bots


async def answer(taken: Desk) -> None:
    turn = await taken.store.write(claim_turn, "a process", ["local"], [], taken.options, taken.clock())
    assert turn is not None
    await taken.store.write(finish_turn, turn, "answered", "", f"after {turn.id}", taken.clock())


async def ask(taken: Desk, clock: Moment, number: int, pause: timedelta) -> str:
    clock.move(pause)
    outcome = await taken.take(message("hello", f"m{number}", at=clock.now))
    if outcome == "turn":
        await answer(taken)
    return outcome


async def test_who_answers_faster_than_a_human_is_answered_only_so_often(url: str) -> None:
    clock = Moment()
    async with desk(url, clock=clock, haste=6) as taken:
        outcomes = [await ask(taken, clock, number, SECOND) for number in range(12)]
        assert outcomes == ["turn"] * 7 + ["refused"] * 5
        assert [told[:39] for told in await notices(taken)] == ["You answer faster than a person can rea"]
        # Somebody else in the workspace is answered, and so is the same one in another conversation.
        assert await say(taken, "ben", 1) == "turn"
        await answer(taken)
        assert await taken.take(message("hello", "t1", where=channel_thread())) == "turn"
        await answer(taken)
        assert await ask(taken, clock, 20, timedelta(minutes=59)) == "refused"
        assert await ask(taken, clock, 21, timedelta(minutes=2)) == "turn"
        assert await taken.column(turns.c.haste) == [*range(7), 0, 0, 0]


async def test_one_pause_shows_a_human(url: str) -> None:
    clock = Moment()
    async with desk(url, clock=clock, haste=3) as taken:
        pauses = [SECOND, SECOND, SECOND, 3 * SECOND, SECOND, SECOND, SECOND]
        assert [await ask(taken, clock, number, pause) for number, pause in enumerate(pauses)] == ["turn"] * 7


async def test_several_messages_before_an_answer_are_no_haste(url: str) -> None:
    clock = Moment()
    async with desk(url, clock=clock, haste=2) as taken:
        for number in range(8):
            assert await taken.take(message("hello", f"m{number}")) == "turn"
        assert await taken.column(turns.c.haste) == [0]


async def test_who_is_too_fast_is_refused_while_the_last_answer_is_still_owed(url: str) -> None:
    clock = Moment()
    async with desk(url, clock=clock, haste=2) as taken:
        assert [await ask(taken, clock, number, SECOND) for number in range(2)] == ["turn", "turn"]
        clock.move(SECOND)
        assert await taken.take(message("hello", "last", at=clock.now)) == "turn"
        assert await taken.take(message("hello", "one more", at=clock.now)) == "refused"
        assert len(await notices(taken)) == 1


@pytest.mark.parametrize("before_it_is_closed", [False, True])
async def test_two_bots_that_answer_each_other_come_to_peace(url: str, before_it_is_closed: bool) -> None:
    clock = Moment()
    async with running(url, Playing(saying("Hello!")), now=clock, haste=6, peace=timedelta(hours=1)) as team:
        await team.say("ana", "Hello?")
        for said in range(1, 30):
            if await heard(team, said) == "peace":
                break
            if not before_it_is_closed:
                await team.quiet()
            await team.say("ana", "And hello to you!")
            clock.move(timedelta(milliseconds=100))
        await team.quiet()
        answers = await team.answers("ana")
        assert 6 <= len([one for one in answers if one == "Hello!"]) <= 8
        assert len([one for one in answers if one.startswith("You answer faster than a person")]) == 1

        clock.move(timedelta(minutes=61))
        await team.say("ana", "Shall we talk again?")
        await team.quiet()
        assert (await team.answers("ana"))[-1] == "Hello!"


async def heard(team: Team, count: int) -> str:
    """Wait for the bot's next answer; "peace" where it is that there will be none."""

    async def something() -> str:
        answers = await team.answers("ana")
        if any(one.startswith("You answer faster") for one in answers):
            return "peace"
        return "answer" if len(answers) >= count else ""

    return str(await team.until(something))
