"""A place that cannot be opened: its turns and jobs are tried again, given up at last, and hold up nobody."""

from typing import Any

import pytest
from sqlalchemy import select

from bot.errors import InvalidArgument, TurnLost
from bot.storage.turn_tables import jobs, places, turns
from bot.turns.job_rows import NewJob, queue_job
from tests.bot.turns.steering import Database, Steered
from tests.bot.turns.team import Team, running


class Closed:
    """A platform on which ana's place cannot be opened."""

    def __init__(self, team: Team) -> None:
        self.closed = True
        self._open = team.local.conversation
        team.local.conversation = self._conversation  # type: ignore[method-assign]

    def _conversation(self, place: Any, person: Any = None) -> Any:
        if self.closed and place.place_id == "@ana":
            raise KeyError("address")
        return self._open(place, person)


async def ends(team: Team, table: Any) -> list[tuple[str, str, int]]:
    wanted = select(table.c.state, table.c.reason, table.c.attempts).order_by(table.c.key)
    return await team.store.read(lambda connection: [tuple(row) for row in connection.execute(wanted)])


async def test_a_turn_whose_place_stays_closed_is_given_up_and_its_thread_goes_on(url: str) -> None:
    async with running(url, Steered(["Fine."]), post_attempts=3) as team:
        platform = Closed(team)
        await team.say("ana", "hello")
        await team.quiet()
        assert await ends(team, turns) == [("failed", "place", 3)]

        platform.closed = False
        await team.say("ana", "again")
        await team.quiet()
        assert await team.answers("ana") == ["Fine."]


async def test_a_job_whose_place_stays_closed_is_given_up(url: str) -> None:
    async with running(url, Steered(["Fine."]), post_attempts=3) as team:
        await team.say("ana", "hello")
        await team.quiet()
        Closed(team)

        def queue(connection: Any) -> None:
            where = connection.execute(select(places)).one()
            new = NewJob("n1", "notice", {}, where.workspace_key, place_key=where.key, report="Done.")
            queue_job(connection, new, team.bench.now())

        await team.store.write(queue)
        team.serving.signals.say("job")
        await team.quiet()
        assert ("failed", "place", 3) in await ends(team, jobs)


@pytest.mark.parametrize("step", ["release_turn", "finish_turn"])
async def test_a_closed_place_whose_turn_was_lost_holds_up_nobody(url: str, step: str) -> None:
    async with running(url, Steered(["Fine."]), post_attempts=1 if step == "finish_turn" else 12) as team:
        Closed(team)
        database = Database(team.store)

        async def lost(name: str) -> None:
            if name == step and database.calls.count(name) == 1:
                raise TurnLost

        database.watching = lost
        await team.say("ana", "hello")
        await database.until_called(step)
        await team.say("ben", "hello")
        await team.until(lambda: ben_is_answered(team))


async def ben_is_answered(team: Team) -> bool:
    return await team.answers("ben") == ["Fine."]


def test_a_job_with_a_place_lies_in_a_workspace() -> None:
    with pytest.raises(InvalidArgument):
        NewJob("n1", "notice", {}, place_key=1)
