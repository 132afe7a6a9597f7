"""How much is worked at once: for one person, for one workspace; who asks too much waits, and holds up nobody else."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta

from bot.models.port import Finished, ModelEvent, ModelRequest, TextDelta
from tests.bot.agent.talking import Playing
from tests.bot.turns.team import Team, running


class _Thinking:
    """A model that thinks until it is let go on."""

    def __init__(self) -> None:
        self.asked = 0
        self.go_on = asyncio.Event()

    async def __call__(self, _request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        self.asked += 1
        await self.go_on.wait()
        yield TextDelta("Thought about.")
        yield Finished("stop")


async def _ask_in_threads(team: Team, person: str, number: int) -> None:
    for each in range(number):
        await team.say(person, f"@keeper question {each}?", channel="general")


async def test_of_one_persons_questions_two_are_worked_at_once_and_others_are_not_held_up(url: str) -> None:
    think = _Thinking()
    async with running(url, Playing(think), at_once_per_person=2) as team:
        await _ask_in_threads(team, "ana", 4)
        await team.until(lambda: think.asked == 2)
        await team.say("ben", "And I?")
        await team.until(lambda: think.asked == 3)

        assert await team.states() == ["leased", "leased", "queued", "queued", "leased"]
        think.go_on.set()
        await team.quiet()
        assert await team.states() == ["answered"] * 5


async def test_of_one_workspaces_questions_no_more_are_worked_at_once_than_it_may_have(url: str) -> None:
    think = _Thinking()
    async with running(url, Playing(think), at_once_per_person=9, at_once_per_workspace=3) as team:
        await _ask_in_threads(team, "ana", 3)
        await team.until(lambda: think.asked == 3)
        await team.say("ben", "And I?")
        await team.say("cleo", "And I?")

        assert await team.states() == ["leased"] * 3 + ["queued"] * 2
        assert team.serving.worker.at_work == 3
        think.go_on.set()
        await team.quiet()
        assert await team.states() == ["answered"] * 5


async def test_what_waits_for_room_is_begun_when_there_is_some_and_not_at_the_next_look(url: str) -> None:
    async with running(url, Playing(), at_once=1, poll=timedelta(hours=1)) as team:
        await asyncio.gather(*(team.say(person, "Hello?") for person in ("ana", "ben", "cleo")))
        await team.quiet()

        assert await team.states() == ["answered"] * 3


async def test_a_notice_is_posted_when_it_is_queued_and_not_at_the_next_look(url: str) -> None:
    async with running(url, Playing(), messages_per_minute=1, poll=timedelta(hours=1)) as team:
        await team.say("ana", "One.")
        await team.quiet()
        await team.say("ana", "Two.")
        await team.quiet()

        assert len(await team.answers("ana")) == 2
        assert await team.states() == ["answered"]
