"""Who works on what: how much at once, in which order, and what becomes of a turn that another process took over."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from bot.storage.turn_tables import leases
from bot.turns.options import TurnOptions
from tests.bot.turns.steering import Database, Platform, Steered, Step
from tests.bot.turns.team import Team, running

PEOPLE = ("ana", "ben", "cleo", "dora", "emil")


async def owners(team: Team) -> list[str | None]:
    return await team.store.read(
        lambda connection: list(connection.execute(select(leases.c.owner).order_by(leases.c.thread_key)).scalars())
    )


async def taken_over(team: Team, database: Database, by: str | None = "another process") -> None:
    """What another process does that believes this one dead; with None it is gone again."""
    far = team.bench.now() + timedelta(days=1)
    values = {"owner": by, "fence": leases.c.fence + 1, "until": None if by is None else far}
    await database.unhindered(lambda connection: connection.execute(update(leases).values(values)) and None)


def test_so_much_is_worked_at_once_by_default() -> None:
    options = TurnOptions()
    assert (options.at_once, options.at_once_per_person, options.at_once_per_workspace) == (16, 2, 8)


@pytest.mark.parametrize(
    ("limits", "most"),
    [
        ({}, 8),
        ({"at_once_per_workspace": 3}, 3),
        ({"at_once": 2}, 2),
        ({"at_once_per_person": 1}, 5),
        ({"at_once_per_workspace": 99}, 10),
    ],
    ids=["by default", "workspace", "process", "person", "person's two"],
)
async def test_no_more_is_worked_at_once_than_allowed_and_all_is_worked(
    url: str, limits: dict[str, Any], most: int
) -> None:
    go_on = asyncio.Event()
    model = Steered([go_on, "Answered."])
    async with running(url, model, people=PEOPLE, **limits) as team:
        for number in range(3):
            for person in PEOPLE:
                await team.say(person, f"@keeper question {number}", channel="general")
        await team.until(lambda: model.at_work == most)
        await asyncio.sleep(0.3)
        assert model.at_work == most
        go_on.set()
        await team.quiet(30)

        assert await team.states() == ["answered"] * 15
        assert model.calls == 15
        assert model.most_at_work == most
        assert set(await owners(team)) == {None}


@pytest.mark.parametrize("step", ["_begin_post", "record_answer", "finish_turn"])
async def test_whoever_lost_a_turn_posts_nothing_and_leaves_it_to_the_other(url: str, step: str) -> None:
    go_on = asyncio.Event()
    script: list[Step] = ["One,", go_on, " two."] if step == "_begin_post" else ["One, two."]
    async with running(url, Steered(script)) as team:
        platform, database = Platform(team), Database(team.store)
        posted: list[int] = []

        async def lose(name: str) -> None:
            if name == step and not posted:
                posted.append(len(await team.answers("ana")))
                await taken_over(team, database)

        database.watching = lose
        await team.say("ana", "Count")
        await team.until(lambda: posted)
        await team.until(lambda: team.serving.worker.at_work == 0)
        assert len(await team.answers("ana")) == posted[0] == (1 if step == "finish_turn" else 0)
        assert platform.statuses[-1] == "idle"
        assert (await team.states())[0] in {"leased", "answering"}
        assert await owners(team) == ["another process"]

        # The other dies as well, and the first is the next.
        go_on.set()
        await taken_over(team, database, None)
        await team.quiet()
        assert (await team.answers("ana"), await team.states()) == (["One, two."], ["answered"])
        assert platform.count("answer") + platform.count("stream") == 1


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
async def test_a_process_that_slept_longer_than_its_lease_adds_nothing_to_a_post(url: str) -> None:
    go_on, never = asyncio.Event(), asyncio.Event()
    script: list[Step] = ["One,", go_on, " two,", never, " three."]
    async with running(url, Steered(script), lease=timedelta(milliseconds=600)) as team:
        platform, database = Platform(team), Database(team.store)
        # It hears nothing of what became of its lease: all that it knows is the time.
        database.before["renew_leases"] = 1_000
        await team.say("ana", "Count")
        await team.until(lambda: sees(team, "One,"))
        await taken_over(team, database)
        await asyncio.sleep(0.7)
        go_on.set()
        await team.until(lambda: team.serving.worker.at_work == 0)

        assert await team.answers("ana") == ["One,"]
        assert platform.count("edit") == 0


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
async def test_a_lease_is_renewed_for_as_long_as_the_work_takes(url: str) -> None:
    go_on = asyncio.Event()
    async with running(url, Steered(["One,", go_on, " two."]), lease=timedelta(milliseconds=600)) as team:
        await team.say("ana", "Count")
        await team.until(lambda: sees(team, "One,"))
        await asyncio.sleep(1.5)
        go_on.set()
        await team.quiet()

        assert await team.answers("ana") == ["One, two."]


async def sees(team: Team, text: str) -> bool:
    return await team.answers("ana") == [text]
