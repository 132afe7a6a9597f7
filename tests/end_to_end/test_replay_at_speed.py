"""A real support channel at 50 messages a second, while processes are killed: each message is answered once, in order.

The processes are programs of their own (`replay_worker.py`); what they did is read from the posts alone.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.storage.store import open_store
from tests.end_to_end.replaying import Checked, check, counted, pace, posts_of_channel
from tests.processes import ROOT

pytestmark = pytest.mark.data

_SECONDS = 120
_LINES = 1_200


@contextmanager
def worker(url: str, log: Path, *, first: int = 0, last: int = 0, pause: float = 0.02) -> "Iterator[Worker]":
    """A started program; at the end it is killed, if it did not end."""
    command = (sys.executable, "-m", "tests.end_to_end.replay_worker", url, log, first, last, pause)
    with subprocess.Popen([*map(str, command)], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Worker(process)
        finally:
            process.kill()


class Worker:
    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def works(self) -> None:
        """Wait until it works."""
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def lives(self, seconds: float) -> bool:
        """Whether it still runs after so many seconds."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return True
        return False


async def outcome(url: str, log: Path, *, kills: int, seconds: float) -> Checked:
    """What the posts tell, after the numbers were printed for whoever reads along (`pytest -rP`)."""
    store = await open_store(url, purpose="reader")
    try:
        posts, numbers = await store.read(posts_of_channel), await store.read(counted)
    finally:
        await store.close()
    checked = check(posts)
    calls = len(log.read_text().splitlines())  # noqa: ASYNC240 (all is over by now)
    print(  # noqa: T201
        f"messages {checked.said} at {pace(posts):.0f}/s, answers {checked.answers}, kills {kills}, "
        f"seconds {seconds:.0f}, "
        + ", ".join(f"{name} {len(found)}" for name, found in checked.faults.items())
        + f", model calls per turn {calls / max(1, checked.answers):.2f}, {numbers}"
    )
    assert (numbers["open"], numbers["ambiguous"], numbers["deadlocks"]) == (0, 0, 0)
    assert numbers.get("turns answered") == checked.answers
    return checked


async def beside_one_that_is_killed(url: str, log: Path, *, first: int, every: float) -> Checked:
    """One process says everything and works; another works beside it and is killed again and again."""
    begun, kills = time.monotonic(), 0
    with worker(url, log, first=first, last=_LINES) as speaking:
        speaking.works()
        while speaking.process.poll() is None:
            assert time.monotonic() - begun < _SECONDS
            with worker(url, log) as killed:
                killed.works()
                speaking.lives(every)
                kills += 1
        assert speaking.process.returncode == 0
    return await outcome(url, log, kills=kills, seconds=time.monotonic() - begun)


async def alone_and_killed(url: str, log: Path, *, first: int, every: float, kills: int) -> Checked:
    """One process says everything and works; it is killed and started again, and then left alone."""
    begun, killed = time.monotonic(), 0
    while True:
        with worker(url, log, first=first, last=_LINES) as speaking:
            speaking.works()
            if not speaking.lives(every if killed < kills else _SECONDS):
                assert speaking.process.returncode == 0
                break
            assert killed < kills, "it does not end"
            killed += 1
    return await outcome(url, log, kills=killed, seconds=time.monotonic() - begun)


@pytest.mark.parametrize("engine", ["postgresql"])
async def test_a_real_channel_is_answered_once_and_in_order_beside_a_process_that_is_killed(
    url: str, tmp_path: Path
) -> None:
    checked = await beside_one_that_is_killed(url, tmp_path / "calls", first=_LINES - 250, every=2)

    assert checked.said == 250
    assert not any(checked.faults.values()), checked.faults


@pytest.mark.parametrize("engine", ["sqlite"])
async def test_a_real_channel_is_answered_once_and_in_order_by_a_process_that_is_killed(
    url: str, tmp_path: Path
) -> None:
    checked = await alone_and_killed(url, tmp_path / "calls", first=_LINES - 200, every=1.5, kills=3)

    assert checked.said == 200
    assert not any(checked.faults.values()), checked.faults


@pytest.mark.long
async def test_all_of_a_real_channel_is_answered_once_and_in_order(url: str, engine: str, tmp_path: Path) -> None:
    log = tmp_path / "calls"
    if engine == "sqlite":
        checked = await alone_and_killed(url, log, first=0, every=5, kills=4)
    else:
        checked = await beside_one_that_is_killed(url, log, first=0, every=10)

    assert checked.said == _LINES
    assert not any(checked.faults.values()), checked.faults
