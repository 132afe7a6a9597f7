"""Two bots on one PostgreSQL: what one leaves, the other finishes; what one has lost, it posts no more."""

import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.engines import Postgres
from tests.faults.history import read_history
from tests.faults.platform_server import Faults
from tests.faults.stage import Bot, Stage, stage

LEASE = 1.5
#: Beyond its lease, so long may it take until somebody else has finished what a dead process left.
WITHIN = LEASE + 5


@pytest.fixture
def shared_url(postgres: Postgres, postgres_template: str) -> Iterator[str]:
    name = postgres.create(f"tk_{uuid4().hex}", template=postgres_template)
    yield postgres.url(name)
    postgres.drop(name)


async def both_at_work(on: Stage, *options: str) -> tuple[Bot, Bot]:
    """Two bots, of which each takes events and turns: the first with these options."""
    bots = on.start("one", *options), on.start("two")
    await on.until(lambda: {"one", "two"} <= on.platform.listening)
    return bots


def posted_by(on: Stage, name: str, since: float) -> list[str]:
    """What a process posted or edited from a time on."""
    return [
        one["text"]
        for one in read_history(on.history.path)
        if one["what"] in {"posted", "edited"} and one["process"] == name and one["at"] >= since
    ]


@pytest.mark.parametrize("point", ["while-the-model-speaks", "recorded-not-posted", "between-parts"])
async def test_what_a_killed_process_was_at_another_finishes_soon(
    shared_url: str, tmp_path: Path, point: str
) -> None:
    async with stage(shared_url, tmp_path, "--lease", str(LEASE), faults=Faults(duplicate=0.1)) as on:
        one, _two = await both_at_work(on, "--point", point)
        places = 0
        while one.running:  # whoever takes a turn has it; some are taken by the one that dies
            places += 1
            on.platform.ask(f"room{places}", "ana" if places % 2 else "ben")
            await on.until(lambda: not one.running or on.platform.undelivered == 0)
        assert await one.ended() == -9
        killed_at = time.monotonic()
        await on.all_answered(WITHIN)
        assert time.monotonic() - killed_at < WITHIN
        verdict = await on.end()

    assert verdict.problems == {}
    assert verdict.answered_once == verdict.said == places
    assert verdict.kills == 1


@pytest.mark.parametrize("point", ["while-the-model-speaks", "recorded-not-posted", "while-a-post-grows"])
async def test_a_process_that_slept_longer_than_its_lease_posts_nothing_of_what_it_lost(
    shared_url: str, tmp_path: Path, point: str
) -> None:
    async with stage(shared_url, tmp_path, "--lease", str(LEASE)) as on:
        sleeper = on.start("one", "--point", point, "--signal", "STOP")
        for place in ("room1", "room2", "room3"):
            on.platform.ask(place, place)  # three people, of whom one gets a long answer
        await sleeper.stopped()
        on.start("two")
        await on.until(lambda: "two" in on.platform.listening)
        begun = time.monotonic()
        await on.all_answered(WITHIN)
        assert time.monotonic() - begun < WITHIN

        woken_at = time.monotonic()
        sleeper.wake()
        on.platform.ask("room4", "ben")
        await on.all_answered()
        await on.until(lambda: on.platform.listened("one", woken_at))
        verdict = await on.end()
        spoken = posted_by(on, "one", woken_at)

    assert all("[4 " in text for text in spoken)
    assert verdict.problems == {}
    assert verdict.answered_once == verdict.said == 4


async def test_a_process_told_to_end_gives_a_long_answer_to_the_other(shared_url: str, tmp_path: Path) -> None:
    async with stage(shared_url, tmp_path, "--grace", "0.3", "--lease", "30") as on:
        one = on.start("one")
        on.platform.ask("room", "ana", slowly=True)
        await on.until(lambda: bool(on.platform.posts))
        on.start("two")
        await on.until(lambda: "two" in on.platform.listening)
        assert await one.terminate() == 0
        await on.all_answered()  # far sooner than the lease of the one that ended
        verdict = await on.end()

    assert verdict.problems == {}
    assert verdict.answered_once == 1
    assert verdict.model_calls == 2


async def test_processes_that_are_replaced_under_load_lose_nothing_and_say_nothing_twice(
    shared_url: str, tmp_path: Path
) -> None:
    async with stage(shared_url, tmp_path, "--grace", "0.5", faults=Faults(duplicate=0.1, forget=0.05)) as on:
        current = on.start("one")
        for name in ("two", "three"):
            following = on.start(name)
            while name not in on.platform.listening:
                for place in ("room1", "room2", "dm/ana", "dm/ben"):
                    on.platform.ask(place, place.removeprefix("dm/"))
                await on.until(lambda: on.platform.undelivered == 0)
            assert await current.terminate() == 0
            current = following
        await on.all_answered()
        verdict = await on.end()

    assert verdict.problems == {}
    assert verdict.answered_once == verdict.acknowledged == verdict.said
