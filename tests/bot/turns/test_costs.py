"""What the model was asked for is paid for, whether or not anybody gets to read it."""

import asyncio
from typing import Any

from sqlalchemy import select

from bot.errors import ModelUnreachable
from bot.storage.tables import usage
from tests.bot.turns.steering import Steered
from tests.bot.turns.team import WORKSPACE, Team, running


async def paid(team: Team) -> list[Any]:
    return await team.store.read(lambda connection: list(connection.execute(select(usage).order_by(usage.c.key))))


async def test_an_answer_that_is_given_up_for_an_edit_is_paid_for(url: str) -> None:
    model = Steered(["One, ", asyncio.Event()], ["Whole."])
    async with running(url, model) as team:
        said = await team.say("ana", "Count")
        await team.until(lambda: begun(team))
        await team.local.edit(WORKSPACE, said, "ana", "Count again")
        await team.quiet()

        assert await team.answers("ana") == ["Whole."]
        given_up, answered = await paid(team)
        assert (given_up.message_key, given_up.model_calls, given_up.estimated) == (None, 1, True)
        assert given_up.prompt_tokens > 0
        assert given_up.completion_tokens > 0
        assert answered.message_key is not None
        assert given_up.resource_key == answered.resource_key


async def begun(team: Team) -> bool:
    return await team.answers("ana") != []


async def test_a_call_that_failed_and_is_made_again_is_counted(url: str) -> None:
    async with running(url, Steered([ModelUnreachable()], ["Whole."])) as team:
        await team.say("ana", "Count")
        await team.quiet()

        assert [(row.message_key is None, row.model_calls) for row in await paid(team)] == [(True, 1), (False, 1)]


async def test_an_answer_that_is_given_is_paid_for_once(url: str) -> None:
    go_on = asyncio.Event()
    async with running(url, Steered(["One, ", go_on, "two."])) as team:
        await team.say("ana", "Count")
        await team.until(lambda: begun(team))
        go_on.set()
        await team.quiet()

        assert [row.message_key is None for row in await paid(team)] == [False]
