"""A database that is away, a turn that always fails, a process that dies again: nothing lost, nothing twice."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import update

from bot.agent.preparation import prepare
from bot.errors import PlatformUnreachable, StorageUnreadable
from bot.storage.turn_tables import turns
from bot.turns.notices import GIVEN_UP
from tests.bot.turns.steering import Database, Platform, Steered
from tests.bot.turns.team import Team, running

STEPS = ("claim_turn", "_begin_post", "record_answer", "accept_post", "finish_turn")


async def stored(team: Team, person: str = "ana") -> list[tuple[str, str]]:
    page = await (await team.view(person)).list_messages_by_resource_id(team.person(person))
    return [(one.role, one.text) for one in page.items]


async def sees(team: Team, text: str) -> bool:
    return await team.answers("ana") == [text]


@pytest.mark.parametrize("kept", [False, True], ids=["refused", "kept"])
@pytest.mark.parametrize("step", STEPS)
async def test_a_database_that_is_away_at_any_step_loses_and_doubles_nothing(url: str, step: str, kept: bool) -> None:
    go_on = asyncio.Event()
    model = Steered(["Streamed", go_on, "."], ["Whole."])
    async with running(url, model) as team:
        platform, database = Platform(team), Database(team.store)
        for times, ended in enumerate((["Streamed."], ["Streamed.", "Whole."]), start=1):
            # What was kept at the second try is found out to have ended.
            (database.after if kept else database.before)[step] = 1 if kept and step == "finish_turn" else 2
            await team.say("ana", f"question {times}")
            if times == 1:
                await team.until(lambda: sees(team, "Streamed"))
                go_on.set()
            await team.quiet(15)
            assert await team.answers("ana") == ended
            # A streamed answer has its first post recorded by itself, an instant one together with the answer.
            if step != "_begin_post" or times == 1:
                assert (database.after if kept else database.before)[step] == 0
        await team.until(lambda: team.serving.worker.at_work == 0)

        told = [("user", "question 1"), ("assistant", "Streamed."), ("user", "question 2"), ("assistant", "Whole.")]
        assert await stored(team) == told
        assert (await team.states(), model.calls) == (["answered", "answered"], 2)
        assert await team.post_states() == ["finished", "finished"]
        assert (platform.count("stream"), platform.count("answer"), platform.count("find")) == (1, 1, 0)


@pytest.mark.parametrize("kept", [False, True], ids=["refused", "kept"])
@pytest.mark.parametrize("step", ["give_up_post", "release_turn"])
async def test_a_database_that_is_away_when_a_turn_is_put_back_loses_nothing(url: str, step: str, kept: bool) -> None:
    async with running(url, Steered(["Here."])) as team:
        platform, database = Platform(team), Database(team.store)
        platform.before["answer"] = [PlatformUnreachable()]
        (database.after if kept else database.before)[step] = 1
        await team.say("ana", "Hello")
        await team.quiet()

        assert (await team.answers("ana"), platform.count("answer")) == (["Here."], 2)
        assert database.after[step] == database.before[step] == 0


async def test_an_ending_that_cannot_be_taken_down_is_tried_again_in_time(url: str) -> None:
    async with running(url, Steered(["Here."])) as team:
        platform, database = Platform(team), Database(team.store)

        async def refuse(name: str) -> None:
            if name == "finish_turn" and database.calls.count(name) == 1:
                raise StorageUnreadable

        database.watching = refuse
        await team.say("ana", "Hello")
        await team.quiet()

        assert (await team.answers("ana"), await team.states()) == (["Here."], ["answered"])
        assert (database.calls.count("finish_turn"), platform.count("answer")) == (2, 1)


async def test_a_turn_that_always_fails_is_given_up_with_a_sentence_and_holds_up_nobody(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    async def poisoned(asked: Any, *more: Any) -> Any:
        if asked.text == "poison":
            tried.append(asked)
            raise RuntimeError("never seen by anybody")
        return await prepare(asked, *more)

    monkeypatch.setattr("bot.turns.working.prepare", poisoned)
    async with running(url, Steered(["Fine."])) as team:
        platform = Platform(team)
        await team.say("ana", "poison")
        await team.say("ben", "hello")
        await team.until(lambda: ben_is_answered(team))
        await team.quiet(20)

        assert await team.answers("ana") == [GIVEN_UP]
        assert await stored(team) == [("user", "poison"), ("assistant", GIVEN_UP)]
        assert await team.states() == ["failed", "answered"]
        assert (len(tried), platform.statuses[-1]) == (5, "idle")
        await team.say("ana", "hello")
        await team.quiet()
        assert await team.answers("ana") == [GIVEN_UP, "Fine."]


async def ben_is_answered(team: Team) -> bool:
    return await team.answers("ben") == ["Fine."]


@pytest.mark.parametrize("crashes", [4, 5, 50])
async def test_a_turn_in_which_processes_died_is_given_up_at_last(url: str, crashes: int) -> None:
    model = Steered(["Fine."])
    async with running(url, model) as team:
        database = Database(team.store)

        async def died(name: str) -> None:
            if name == "claim_turn" and model.calls == 0:
                dead = update(turns).where(turns.c.state == "queued", turns.c.attempts == 0).values(attempts=crashes)
                await database.unhindered(lambda connection: connection.execute(dead) and None)

        database.watching = died
        await team.say("ana", "hello")
        await team.quiet()

        if crashes < 5:
            assert (await team.answers("ana"), await team.states(), model.calls) == (["Fine."], ["answered"], 1)
        else:
            assert (await team.answers("ana"), await team.states(), model.calls) == ([GIVEN_UP], ["failed"], 0)


async def test_a_place_that_this_process_cannot_open_holds_up_nobody(url: str) -> None:
    async with running(url, Steered(["Fine."])) as team:
        open_place = team.local.conversation

        def broken(place: Any, person: Any = None) -> Any:
            if place.place_id.endswith("@ana") or "ana" in place.place_id:
                raise KeyError("address")
            return open_place(place, person)

        team.local.conversation = broken  # type: ignore[method-assign]
        await team.say("ana", "hello")
        await team.say("ben", "hello")
        await team.until(lambda: ben_is_answered(team))
        assert (await team.states())[0] in {"queued", "leased"}


async def test_a_bug_in_an_adapter_loses_no_words_and_asks_the_model_once(url: str) -> None:
    go_on = asyncio.Event()
    model = Steered(["One,", go_on, " two."])
    async with running(url, model) as team:
        platform = Platform(team)
        platform.before["stream"] = [RuntimeError("a bug")]
        await team.say("ana", "Count")
        await team.until(lambda: platform.count("stream"))
        go_on.set()
        await team.quiet()

        assert (await team.answers("ana"), model.calls) == (["One, two."], 1)
