"""Acts and rows are one to one, also when readers are killed, and when several processes read at once."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from textwrap import dedent

import pytest

from tests.bot.access.recording import WORKSPACE, recorded
from tests.engines import SECRET
from tests.processes import ROOT, output_of

#: Reads as a supervisor, one conversation after the other, and says what it was shown. Each act names itself in its
#: note: `<process>:<number>`.
READER = """
    import asyncio, os, sys
    from bot import Actor, Memory

    async def main():
        url, anchor, secret, name, count = sys.argv[1:]
        async with await Memory.open(url, secret=secret, anchor=anchor) as memory:
            for number in range(int(count)):
                note = f"{name}:{number}"
                view = memory.as_actor(Actor.supervisor("lead", persons=["ana"], reason=note))
                page = await view.recall("t1", "ana")
                assert page.total == 1
                os.write(1, f"{note}\\n".encode())

    asyncio.run(main())
"""


def reader(url: str, anchor: Path, name: str, count: int, shown: Path) -> subprocess.Popen[bytes]:
    """Start a reader that writes what it was shown to a file, which a kill leaves as it is."""
    with shown.open("ab") as file:
        arguments = [url, str(anchor), SECRET, name, str(count)]
        return subprocess.Popen([sys.executable, "-c", dedent(READER), *arguments], cwd=ROOT, stdout=file)


def wait_for_lines(shown: Path, count: int, deadline: float, dice: random.Random) -> None:
    """Until so much was shown, and a moment that nobody knows."""
    while len(shown.read_text().splitlines()) < count and time.monotonic() < deadline:
        time.sleep(dice.random() / 200)


async def read_and_be_killed(url: str, folder: Path, acts: int, kills: int) -> None:
    """Two readers at once, killed again and again, until so many acts were shown."""
    shown, anchor = folder / "shown", folder / "anchor"
    shown.touch()
    dice = random.Random(7)
    async with recorded(url, anchor):
        pass
    running: list[subprocess.Popen[bytes]] = []
    started = killed = 0
    deadline = time.monotonic() + 60 + acts / 4
    try:
        while len(lines := shown.read_text().splitlines()) < acts or killed < kills:
            assert time.monotonic() < deadline, (len(lines), killed)
            for one in list(running):
                if one.poll() is not None:
                    running.remove(one)
            while len(running) < 2:
                running.append(reader(url, anchor, f"p{started}", 10 * acts, shown))
                started += 1
            # Each kill falls somewhere else into what a reader does.
            wait = len(lines) + dice.randrange(1, max(2 * acts // kills, 2))
            await asyncio.to_thread(wait_for_lines, shown, wait, deadline, dice)
            victim = dice.choice(running)
            if victim.poll() is None:
                os.kill(victim.pid, signal.SIGKILL)
                victim.wait()
                killed += 1
    finally:
        for one in running:
            with suppress(ProcessLookupError):
                one.kill()
            one.wait()

    told = Counter(shown.read_text().splitlines())
    async with recorded(url, anchor) as record:
        rows = await record.rows()
        verdict = (await record.verdicts())[WORKSPACE]
    on_record = Counter(row.note for row in rows)
    assert verdict.damage is None
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
    assert max(on_record.values()) == max(told.values()) == 1, "one row for an act"
    assert set(told) <= set(on_record), "nothing was shown that is not on record"
    # Recorded and not shown: what a kill fell upon, at most one act of each process.
    unseen = Counter(note.partition(":")[0] for note in set(on_record) - set(told))
    assert max(unseen.values(), default=0) <= 1
    assert len(unseen) <= started


async def test_acts_and_rows_are_one_to_one_across_kills(url: str, tmp_path: Path) -> None:
    await read_and_be_killed(url, tmp_path, acts=200, kills=6)


@pytest.mark.long  # with `-o faulthandler_timeout=3600`: it takes its time
async def test_ten_thousand_acts_and_rows_are_one_to_one_across_kills(url: str, tmp_path: Path) -> None:
    await read_and_be_killed(url, tmp_path, acts=10_000, kills=60)


async def test_processes_that_act_at_once_make_no_forks_and_no_gaps(url: str, tmp_path: Path) -> None:
    async with recorded(url, tmp_path / "anchor"):
        pass
    running = [reader(url, tmp_path / "anchor", f"p{number}", 60, tmp_path / f"shown{number}") for number in range(2)]
    assert [one.wait(timeout=120) for one in running] == [0, 0]

    async with recorded(url, tmp_path / "anchor") as record:
        rows = await record.rows()
        writers = [row.note.partition(":")[0] for row in rows]

        assert [row.seq for row in rows] == list(range(1, 121))
        assert await record.damage() is None
        assert any(first != second for first, second in pairwise(writers)), "they took turns"


#: Reads with a disk on which nothing more fits, and again when there is room.
ON_A_FULL_DISK = """
    import asyncio, resource, signal, sys
    from bot import Actor, Memory

    async def main():
        url, anchor, secret = sys.argv[1:]
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        async with await Memory.open(url, secret=secret, anchor=anchor) as memory:
            view = memory.as_actor(Actor.supervisor("lead", persons=["ana"], reason="a test"))
            assert (await view.recall("t1")).total == 1
            resource.setrlimit(resource.RLIMIT_FSIZE, (64, hard))
            for _ in range(3):
                try:
                    await view.recall("t1")
                except Exception as error:
                    print(type(error).__name__)
                else:
                    print("shown")
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
            assert (await view.recall("t1")).total == 1

    asyncio.run(main())
"""


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
async def test_with_a_full_disk_nothing_is_shown(url: str, tmp_path: Path) -> None:
    async with recorded(url, tmp_path / "anchor"):
        pass

    status, out = output_of(ON_A_FULL_DISK, url, str(tmp_path / "anchor"), SECRET)

    assert (status, out.split()) == (0, ["StorageFull"] * 3)
    async with recorded(url, tmp_path / "anchor") as record:
        assert len(await record.rows()) == 2
        assert await record.damage() is None


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
async def test_without_room_for_the_anchor_nothing_is_shown(url: str, tmp_path: Path) -> None:
    async with recorded(url, tmp_path / "anchor"):
        pass

    status, out = output_of(ON_A_FULL_DISK, url, str(tmp_path / "anchor"), SECRET)

    assert (status, out.split()) == (0, ["StorageUnavailable"] * 3)
    async with recorded(url, tmp_path / "anchor") as record:
        assert len(await record.rows()) == 5, "that it was tried stays on record"
        assert await record.damage() is None
