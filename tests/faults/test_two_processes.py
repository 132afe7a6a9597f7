"""Two bots on one PostgreSQL: what one leaves, the other finishes; what one has lost, it posts no more."""

import asyncio
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from tests.engines import Postgres
from tests.faults.history import read_history
from tests.faults.platform_server import Faults
from tests.faults.stage import Bot, Stage, stage

LEASE = 2.5
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
async def test_what_a_killed_process_was_at_another_finishes_soon(shared_url: str, tmp_path: Path, point: str) -> None:
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
        on.platform.ask("elsewhere", "ben")
        on.platform.ask("elsewhere", "cleo")
        first = on.start("zero")
        await on.all_answered()
        assert await first.terminate() == 0

        sleeper = on.start("one", "--point", point, "--signal", "STOP")
        on.platform.ask("room", "ana", slowly=True)  # a long answer, of several posts
        await sleeper.stopped()
        asleep_at = time.monotonic()
        on.start("two")
        await on.until(lambda: "two" in on.platform.listening)
        await on.all_answered(WITHIN)
        # What it had shown before it fell asleep may have been all of it: its lease has ended all the same.
        await asyncio.sleep(max(0.0, asleep_at + 1.5 * LEASE - time.monotonic()))

        woken_at = time.monotonic()
        sleeper.wake()
        on.platform.ask("elsewhere", "ben")
        await on.all_answered()
        await on.until(lambda: on.platform.listened("one", woken_at))
        verdict = await on.end()
        spoken = posted_by(on, "one", woken_at)

    assert [text for text in spoken if "[4 " not in text] == []  # it may answer what was asked after it woke
    assert verdict.problems == {}
    assert verdict.answered_once == verdict.said == 4


async def test_a_process_told_to_end_gives_a_long_answer_to_the_other(shared_url: str, tmp_path: Path) -> None:
    async with stage(shared_url, tmp_path, "--grace", "0.3", "--lease", "30") as on:
        one, _two = await both_at_work(on)
        while "one" not in on.asking():  # whoever takes a turn has it
            number = len(on.platform.said) + 1
            on.platform.ask(f"room{number}", f"p{number}", slowly=True)
            await on.until(partial(on.was_asked, number))
        assert await one.terminate() == 0
        await on.all_answered(15)  # far sooner than the lease of the one that ended
        verdict = await on.end()

    assert verdict.problems == {}
    assert verdict.answered_once == verdict.said
    assert verdict.model_calls == verdict.said + 1  # one answer was begun by each


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
