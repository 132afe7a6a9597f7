"""A platform that fails: nothing is posted twice, nothing that the model said is lost, and nobody waits for ever."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.chat import Absent, Finding, Unknown
from bot.errors import PlatformBusy, PlatformUnreachable, PostRefused, PostUncertain
from bot.storage.turn_tables import turns
from tests.bot.turns.steering import Database, Platform, Steered, Step
from tests.bot.turns.team import WORKSPACE, Team, running

BUSY = PlatformBusy(timedelta(milliseconds=150))
PASSING = [BUSY, PlatformUnreachable()]


async def stored_answers(team: Team, person: str = "ana") -> list[str]:
    page = await (await team.view(person)).list_messages_by_resource_id(team.person(person))
    return [one.text for one in page.items if one.role == "assistant"]


async def ends_of_turns(team: Team) -> list[tuple[str, str, int]]:
    """State, reason and attempts of all turns."""
    found = select(turns.c.state, turns.c.reason, turns.c.attempts).order_by(turns.c.key)
    return await team.store.read(
        lambda connection: [(row.state, row.reason, row.attempts) for row in connection.execute(found)]
    )


def speaking(slow: bool) -> tuple[list[Step], asyncio.Event]:
    """An answer that is streamed, or posted whole."""
    go_on = asyncio.Event()
    if not slow:
        go_on.set()
    return ["One,", go_on, " two."], go_on


@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.parametrize("error", PASSING, ids=["busy", "unreachable"])
async def test_what_was_not_taken_is_sent_later_and_the_model_not_asked_again(
    url: str, error: Exception, slow: bool
) -> None:
    script, go_on = speaking(slow)
    model = Steered(script)
    async with running(url, model) as team:
        platform = Platform(team)
        platform.before["stream" if slow else "answer"] = [error, error]
        await team.say("ana", "Count")
        await team.until(lambda: platform.calls)
        asyncio.get_running_loop().call_later(0.2, go_on.set)
        await team.quiet()

        assert await team.answers("ana") == ["One, two."]
        assert await stored_answers(team) == ["One, two."]
        assert (model.calls, await team.post_states(), platform.count("find")) == (1, ["finished"], 0)
        # A platform that asks for patience costs no attempt.
        refused = 2 if not slow else 1
        assert await ends_of_turns(team) == [("answered", "", 1 if error is BUSY else 1 + refused)]
        assert platform.statuses[-1] == "idle"


async def test_a_platform_that_is_busy_is_left_alone_for_as_long_as_it_asks(url: str) -> None:
    async with running(url, Steered(["Here."])) as team:
        platform = Platform(team)
        platform.before["answer"] = [PlatformBusy(timedelta(seconds=1))]
        await team.say("ana", "Hello")
        await team.until(lambda: platform.count("answer") == 1)
        begun = asyncio.get_running_loop().time()
        await team.quiet()

        assert asyncio.get_running_loop().time() - begun >= 0.9
        assert await team.answers("ana") == ["Here."]


async def test_a_pause_without_measure_is_neither_kept_nor_ignored(url: str) -> None:
    async with running(url, Steered(["Here."]), longest_backoff=timedelta(milliseconds=500)) as team:
        platform = Platform(team)
        platform.before["answer"] = [PlatformBusy(timedelta(days=3)), PlatformBusy(timedelta(seconds=-3))]
        await team.say("ana", "Hello")
        await team.until(lambda: platform.count("answer") == 1)
        begun = asyncio.get_running_loop().time()
        await team.quiet()

        assert asyncio.get_running_loop().time() - begun >= 0.4
        assert (await team.answers("ana"), platform.count("answer")) == (["Here."], 3)


@pytest.mark.parametrize("slow", [False, True])
async def test_what_the_platform_refuses_is_kept_and_not_tried_again(url: str, slow: bool) -> None:
    script, go_on = speaking(slow)
    model = Steered(script)
    async with running(url, model) as team:
        platform = Platform(team)
        platform.before["stream" if slow else "answer"] = [PostRefused()]
        await team.say("ana", "Count")
        await team.until(lambda: platform.calls)
        asyncio.get_running_loop().call_later(0.2, go_on.set)
        await team.quiet()

        assert await team.answers("ana") == []
        assert await stored_answers(team) == ["One, two."]
        assert await ends_of_turns(team) == [("failed", "PostRefused", 1)]
        assert (model.calls, await team.post_states(), platform.statuses[-1]) == (1, ["planned"], "idle")


async def test_a_place_that_is_archived_meanwhile_gets_no_answer(url: str) -> None:
    go_on = asyncio.Event()
    async with running(url, Steered([go_on, "Too late."])) as team:
        root = await team.say("ana", "@keeper quick", channel="general")
        await team.until(lambda: team.serving.worker.at_work)
        await team.local.archive(WORKSPACE, "general")
        go_on.set()
        await team.quiet()

        assert await team.answers("ana", channel="general", root=root) == []
        assert [state for state, _, _ in await ends_of_turns(team)] == ["failed"]


async def test_a_platform_that_stays_away_is_given_up_after_its_attempts(url: str) -> None:
    model = Steered(["Here."])
    async with running(url, model, post_attempts=3) as team:
        platform = Platform(team)
        platform.before["answer"] = [PlatformUnreachable() for _ in range(9)]
        await team.say("ana", "Hello")
        await team.quiet()

        assert (platform.count("answer"), model.calls) == (3, 1)
        assert await ends_of_turns(team) == [("failed", "PlatformUnreachable", 3)]
        assert await stored_answers(team) == ["Here."]
        platform.before.clear()
        await team.say("ana", "Hello again")
        await team.quiet()
        assert await team.answers("ana") == ["Here."]


@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.parametrize("made", [False, True])
async def test_what_may_have_been_taken_is_looked_for_before_it_is_sent_again(url: str, made: bool, slow: bool) -> None:
    script, go_on = speaking(slow)
    model = Steered(script)
    async with running(url, model) as team:
        platform = Platform(team)
        (platform.after if made else platform.before)["stream" if slow else "answer"] = [PostUncertain()]
        await team.say("ana", "Count")
        await team.until(lambda: platform.calls)
        asyncio.get_running_loop().call_later(0.2, go_on.set)
        await team.quiet()

        assert await team.answers("ana") == ["One, two."]
        assert await stored_answers(team) == ["One, two."]
        # A stream that was opened before is known already.
        assert (model.calls, platform.count("find")) == (1, 0 if made and slow else 1)
        assert platform.count("answer") == (1 if made != slow else 2 if not slow else 0)
        assert await team.post_states() == ["finished"]


async def test_what_nobody_can_tell_is_never_posted_again_but_the_rest_goes_on(url: str) -> None:
    long = ("Well. " * 1_400).rstrip()  # three posts
    async with running(url, Steered([long])) as team:
        platform = Platform(team)
        platform.before["answer"] = [PostUncertain()]
        platform.finding = Unknown()
        await team.say("ana", "Tell me")
        await team.quiet()

        assert await team.post_states() == ["ambiguous", "finished", "finished"]
        assert (platform.count("answer"), platform.count("find")) == (3, 4)
        assert len(await team.answers("ana")) == 2
        assert await team.states() == ["answered"]


async def test_a_platform_that_cannot_tell_is_asked_again_before_that_is_believed(url: str) -> None:
    async with running(url, Steered(["One, two."])) as team:
        platform = Platform(team)
        platform.after["answer"] = [PostUncertain()]
        platform.finding, platform.finding_for = Unknown(), 3
        await team.say("ana", "Count")
        await team.quiet()

        assert await team.post_states() == ["finished"]
        assert (platform.count("answer"), platform.count("find")) == (1, 4)
        assert await team.answers("ana") == ["One, two."]


@pytest.mark.parametrize("finding", [Absent(), Unknown()], ids=["absent", "unknown"])
async def test_a_deleted_question_whose_post_is_uncertain_is_withdrawn(url: str, finding: Finding) -> None:
    async with running(url, Steered(["One, two."]), backoff=timedelta(milliseconds=400)) as team:
        platform = Platform(team)
        platform.before["answer"] = [PostUncertain()]
        platform.finding = finding
        said = await team.say("ana", "Count")
        await team.until(lambda: waits(team, platform))
        await team.local.delete(WORKSPACE, "ana", said)
        await team.quiet()

        assert (await team.states(), await team.answers("ana")) == (["withdrawn"], [])
        assert await team.post_states() == ([] if finding == Absent() else ["ambiguous"])


async def waits(team: Team, platform: Platform) -> bool:
    return "answer" in platform.calls and await team.states() == ["queued"]


@pytest.mark.parametrize(
    "error", [*PASSING, PostUncertain(), RuntimeError("a bug in an adapter")], ids=lambda e: type(e).__name__
)
async def test_a_stream_that_breaks_is_ended_by_an_edit(url: str, error: Exception) -> None:
    gates = [asyncio.Event(), asyncio.Event()]
    model = Steered(["One,", gates[0], " two,", gates[1], " three."])
    async with running(url, model) as team:
        platform = Platform(team)
        platform.within[2] = error
        await team.say("ana", "Count")
        await team.until(lambda: sees(team, "One,"))
        gates[0].set()
        await team.until(lambda: not platform.within)
        gates[1].set()
        await team.quiet()

        assert await team.answers("ana") == ["One, two, three."]
        assert await stored_answers(team) == ["One, two, three."]
        assert not (await team.seen("ana"))[-1].streaming
        assert (model.calls, platform.count("stream"), platform.count("answer"), platform.count("edit")) == (1, 1, 0, 1)
        assert await team.post_states() == ["finished"]


async def test_a_stream_that_breaks_and_says_nothing_of_it_is_ended_by_an_edit(url: str) -> None:
    gates = [asyncio.Event(), asyncio.Event()]
    model = Steered(["One,", gates[0], " two,", gates[1], " three."])
    async with running(url, model) as team:
        platform = Platform(team)
        platform.within[2] = RuntimeError()
        platform.hushes = True
        await team.say("ana", "Count")
        await team.until(lambda: sees(team, "One,"))
        gates[0].set()
        await team.until(lambda: not platform.within)
        gates[1].set()
        await team.quiet()

        assert (await team.answers("ana"), await stored_answers(team)) == (["One, two, three."], ["One, two, three."])
        assert (model.calls, platform.count("stream"), platform.count("edit")) == (1, 1, 1)


async def sees(team: Team, text: str) -> bool:
    return await team.answers("ana") == [text]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_an_edit_that_fails_is_made_again(url: str, when: str) -> None:
    go_on = asyncio.Event()
    model = Steered(["One,", go_on, " two."])
    async with running(url, model) as team:
        platform = Platform(team)
        platform.within[2] = PlatformUnreachable()
        getattr(platform, when)["edit"] = [PlatformUnreachable(), PostUncertain(), BUSY]
        await team.say("ana", "Count")
        await team.until(lambda: sees(team, "One,"))
        go_on.set()
        await team.quiet()

        assert (await team.answers("ana"), model.calls) == (["One, two."], 1)
        assert (platform.count("edit"), await team.post_states()) == (4, ["finished"])


async def test_the_record_of_an_answer_is_one_though_the_stream_breaks_while_it_is_made(url: str) -> None:
    go_on = asyncio.Event()
    model = Steered(["One,", go_on, " two."])
    async with running(url, model) as team:
        platform, database = Platform(team), Database(team.store)
        broken = asyncio.Event()

        async def slow_record(name: str) -> None:
            if name == "record_answer" and database.calls.count(name) == 1:
                broken.set()

        database.watching = slow_record
        platform.breaks = broken
        await team.say("ana", "Count")
        await team.until(lambda: sees(team, "One,"))
        go_on.set()
        await team.quiet()

        assert await team.answers("ana") == ["One, two."]
        assert await stored_answers(team) == ["One, two."]
        assert database.calls.count("record_answer") == 2


@pytest.mark.parametrize(
    "error", [PlatformUnreachable(), RuntimeError("never raises, it was said")], ids=["away", "bug"]
)
async def test_a_status_that_cannot_be_shown_costs_no_answer(url: str, error: Exception) -> None:
    async with running(url, Steered(["Here."])) as team:
        platform = Platform(team)
        platform.before["status"] = [error] * 9
        await team.say("ana", "Hello")
        await team.quiet()

        assert (await team.answers("ana"), await team.states()) == (["Here."], ["answered"])
