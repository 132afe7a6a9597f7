"""An event loop beside the main thread."""

import asyncio
import os
import signal
import threading
from collections.abc import Iterator

import pytest

from bot.errors import NotFound
from bot.terminal.background import Background


async def answer(value: int) -> int:
    await asyncio.sleep(0)
    return value


async def fail() -> None:
    raise NotFound


def test_work_gives_its_result_or_its_error() -> None:
    with Background() as background:
        assert background.run(answer(1)) == 1
        with pytest.raises(NotFound):
            background.run(fail())
        assert background.run(answer(2)) == 2


def test_work_goes_on_between_two_calls() -> None:
    async def begin() -> asyncio.Task[None]:
        return asyncio.create_task(later())

    async def later() -> None:
        done.set()

    done = threading.Event()
    with Background() as background:
        task = background.run(begin())

        assert done.wait(5)
    assert task.done()


@pytest.fixture
def ctrl_c_works() -> Iterator[None]:
    """As in a terminal: a test run in the background has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c_works")
def test_ctrl_c_cancels_the_work_and_waits_for_its_end() -> None:
    cleaned = []

    async def work() -> None:
        try:
            threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
            await asyncio.sleep(30)
        finally:
            await asyncio.sleep(0.05)
            cleaned.append(True)

    with Background() as background, pytest.raises(KeyboardInterrupt):
        background.run(work())

    assert cleaned == [True]
