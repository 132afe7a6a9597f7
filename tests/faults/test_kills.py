"""A bot killed at each moment of a message's way, twice: nobody is left without an answer, nobody gets two."""

from pathlib import Path

import pytest

from tests.faults.crash_points import POINTS
from tests.faults.platform_server import Faults
from tests.faults.stage import stage

#: Two direct conversations, and a place where two people talk.
TALKS = (("dm/ana", "ana"), ("dm/ben", "ben"), ("room", "ana"), ("room", "cleo"))
JOB_POINTS = {"in-a-job", "reported-not-posted"}


@pytest.mark.parametrize("point", POINTS)
async def test_a_bot_killed_at_any_moment_leaves_nothing_lost_and_nothing_twice(
    url: str, tmp_path: Path, point: str
) -> None:
    jobs = 3 if point in JOB_POINTS else 0
    async with stage(url, tmp_path, "--jobs", str(jobs), faults=Faults(duplicate=0.1)) as on:
        on.owe_jobs(jobs)
        for passing in (1, 2):
            # Everyone asks for a short answer, and somebody for a long one.
            for place, person in TALKS:
                on.platform.ask(place, person)
            bot = on.start("one", "--point", point, "--nth", str(passing))
            assert await bot.ended() == -9, on.logs()
        on.platform.ask("dm/ana", "ana")
        on.start()
        await on.all_answered()
        verdict = await on.end()

    assert verdict.problems == {}
    assert verdict.ambiguous == 0
    assert verdict.kills == 2
    assert verdict.said == 9
    assert verdict.acknowledged == 9
    assert verdict.answered_once == 9 + jobs
    assert verdict.model_calls <= verdict.answers - jobs + 2 * len(TALKS)
