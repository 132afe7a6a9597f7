"""Bots whose database is taken away while people talk to them: what was taken in is answered once, and all goes on."""

import asyncio
import os
import resource
import shutil
import signal
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from functools import partial
from pathlib import Path

import psycopg
import pytest

from tests.faults.history import Verdict, read_history
from tests.faults.server import Server
from tests.faults.stage import Stage, stage
from tests.faults.test_broken_storage import NAMESPACE, may_mount

#: Five conversations of one person each, and a room in which three talk.
TALKS = (
    *((f"dm/p{number}", f"p{number}") for number in range(5)),
    *(("room", person) for person in ("ana", "ben", "cleo")),
)
#: So soon after the database is there again somebody has got an answer.
BACK_WITHIN = 15.0
#: A busy machine is given so long for everything else.
_SECONDS = 120.0
#: No process may miss its renewal because the machine is busy, or its turns are given up in the end.
LEASE = 3.0
_MOST_OPEN = 16


@asynccontextmanager
async def talking(on: Stage) -> AsyncIterator[None]:
    """People go on asking, whatever happens; but nobody asks much faster than the bots answer."""

    async def talk() -> None:
        while True:
            for place, person in TALKS:
                if on.platform.unanswered < _MOST_OPEN:
                    on.platform.ask(place, person)
                await asyncio.sleep(0.03)

    task = asyncio.create_task(talk())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def somebody_is_answered(on: Stage, number: int = 10) -> None:
    """Wait until so many more questions than now are answered."""

    def answered() -> int:
        return len(on.platform.said) - len(on.open())

    before = answered()
    await on.until(lambda: answered() >= before + number, _SECONDS)


async def a_new_question_is_answered(on: Stage, seconds: float) -> None:
    name = on.platform.ask("dm/late", "late")
    await on.until(lambda: name not in on.open(), seconds)


async def whole(on: Stage) -> Verdict:
    """Wait until nothing is owed, end the bots, and see that none of them ever fell over."""
    await on.all_answered(_SECONDS)
    verdict = await on.end()
    assert verdict.kills == 0
    assert verdict.ambiguous == 0
    assert verdict.answered_once == verdict.acknowledged == verdict.said
    return verdict


# PostgreSQL


_HELD_UP = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND backend_xid IS NOT NULL
"""


@asynccontextmanager
async def inside_transactions(url: str, count: int) -> AsyncIterator[list[int]]:
    """Hold bots up in the middle of transactions that have written; the processes of the server that work for them."""
    async with (
        await psycopg.AsyncConnection.connect(url) as holder,
        await psycopg.AsyncConnection.connect(url, autocommit=True) as watcher,
    ):
        await holder.execute("LOCK TABLE turn_messages IN ACCESS EXCLUSIVE MODE")
        async with asyncio.timeout(_SECONDS):
            while True:
                held = [int(row[0]) for row in await (await watcher.execute(_HELD_UP)).fetchall()]
                if len(held) >= count:
                    break
                await asyncio.sleep(0.01)
        yield held
        with suppress(psycopg.OperationalError):  # it died with the others
            await holder.rollback()


async def killed(server: Server, _held: list[int], away: float) -> None:
    await asyncio.to_thread(server.kill)
    await asyncio.sleep(away)
    await asyncio.to_thread(server.start)


async def stopped(server: Server, _held: list[int], away: float) -> None:
    await asyncio.to_thread(server.stop)
    await asyncio.sleep(away)
    await asyncio.to_thread(server.start)


async def restarted(server: Server, _held: list[int], _away: float) -> None:
    await asyncio.to_thread(server.restart)


async def one_connection_killed(server: Server, held: list[int], _away: float) -> None:
    server.kill_one(held[0])


Fault = Callable[[Server, list[int], float], Awaitable[None]]


@pytest.mark.parametrize("fault", [killed, stopped, restarted, one_connection_killed])
async def test_bots_go_on_by_themselves_when_their_server_is_back(server: Server, tmp_path: Path, fault: Fault) -> None:
    url = server.url(server.database())
    async with stage(url, tmp_path, "--lease", "60") as on:
        for name in ("one", "two"):
            on.start(name)
        async with talking(on):
            await somebody_is_answered(on)
            async with inside_transactions(url, 2) as held:
                gone_at = time.monotonic()
                await fault(server, held, 1.0)
            await on.until(partial(on.refused_at_least, 1, gone_at), _SECONDS)
            await a_new_question_is_answered(on, BACK_WITHIN)
            await somebody_is_answered(on)
        verdict = await whole(on)

    assert set(on.refusals()) == {"StorageUnavailable"}
    assert verdict.problems == {}  # no model was asked twice, either: nobody had lost a lease
    await nothing_is_half(url)


async def test_bots_whose_server_was_away_for_longer_than_their_leases_say_nothing_twice(
    server: Server, tmp_path: Path
) -> None:
    url = server.url(server.database())
    async with stage(url, tmp_path, "--lease", str(LEASE)) as on:
        for name in ("one", "two"):
            on.start(name)
        async with talking(on):
            await somebody_is_answered(on)
            async with inside_transactions(url, 2) as held:
                await killed(server, held, LEASE + 1.0)
            await a_new_question_is_answered(on, BACK_WITHIN)
            await somebody_is_answered(on)
        verdict = await whole(on)

    assert set(on.refusals()) == {"StorageUnavailable"}
    verdict.asked_again.clear()  # whoever takes a turn over asks again
    assert verdict.problems == {}
    await nothing_is_half(url)


_HALF = {
    "turns that are open": "SELECT count(*) FROM turns WHERE state IN ('queued', 'leased', 'answering')",
    "messages that no turn answers": """
        SELECT count(*) FROM messages WHERE role = 'user'
        AND key NOT IN (SELECT message_key FROM turn_messages)
    """,
    "answers of no turn": """
        SELECT count(*) FROM messages WHERE role = 'assistant'
        AND key NOT IN (SELECT answer_key FROM turns WHERE answer_key IS NOT NULL)
    """,
    "posts that are not finished": "SELECT count(*) FROM posts WHERE state != 'finished'",
    "names of what was never stored": "SELECT count(*) FROM utterances WHERE id NOT IN (SELECT id FROM messages)",
}


async def nothing_is_half(url: str) -> None:
    async with await psycopg.AsyncConnection.connect(url) as connection:
        found = {what: await (await connection.execute(query.encode())).fetchone() for what, query in _HALF.items()}
    assert found == dict.fromkeys(_HALF, (0,))


# A full disk


_ON_A_DISK = 'mount -t tmpfs -o size=16m none "$0" && exec "$@"'
_AS_IT_IS = 'test -d "$0" && exec "$@"'


class Disk:
    """The disk of a bot, which has a name space of its own for it; where there are none, a quota stands for it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mounted = may_mount()
        self._pid = 0

    @property
    def before(self) -> tuple[str, ...]:
        """What the bot runs under."""
        return (
            *(NAMESPACE if self._mounted else ()),
            "sh",
            "-c",
            _ON_A_DISK if self._mounted else _AS_IT_IS,
            str(self._folder),
        )

    def of(self, pid: int) -> None:
        self._pid = pid

    def inside(self, name: str) -> Path:
        """A file of the disk, as it is seen from outside."""
        return Path(f"/proc/{self._pid}/root{self._folder}/{name}")

    def fill(self) -> None:
        """Leave no room on it."""
        if not self._mounted:
            size = max(file.stat().st_size for file in self._folder.iterdir())
            self._limit(size)
            return
        with self.inside("ballast").open("wb", buffering=0) as ballast:
            for size in (65_536, 4_096):
                while _written(ballast.fileno(), size):
                    pass

    def free(self) -> None:
        """Let there be room again."""
        if self._mounted:
            self.inside("ballast").unlink()
        else:
            self._limit(resource.RLIM_INFINITY)

    def _limit(self, size: int) -> None:
        hard = resource.prlimit(self._pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(self._pid, resource.RLIMIT_FSIZE, (size, hard))

    @contextmanager
    def as_it_stands(self) -> Iterator[sqlite3.Connection]:
        """The database, as it would be found if the bot were killed now."""
        with tempfile.TemporaryDirectory() as copied:
            os.kill(self._pid, signal.SIGSTOP)
            try:
                for name in ("full.db", "full.db-wal"):
                    shutil.copy(self.inside(name), copied)
            finally:
                os.kill(self._pid, signal.SIGCONT)
            with closing(sqlite3.connect(f"{copied}/full.db")) as database:
                yield database

    def nothing_is_half(self) -> bool:
        """Whether the database is sound, and all is done: the last turns end after their answers are seen."""
        with self.as_it_stands() as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            return all(database.execute(query).fetchone() == (0,) for query in _HALF.values())


def _written(file: int, size: int) -> bool:
    try:
        return os.write(file, bytes(size)) == size
    except OSError:
        return False


def acknowledged(on: Stage) -> set[str]:
    """The ids of what a platform was told is taken in."""
    return {f"u{one['name']}" for one in read_history(on.history.path) if one["what"] == "acknowledged"}


async def test_a_bot_whose_disk_is_full_takes_nothing_in_that_it_cannot_keep_and_goes_on_with_space(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    disk = Disk(folder)
    async with stage(f"sqlite:///{folder}/full.db", tmp_path) as on:
        disk.of(on.start(before=disk.before).pid)
        async with talking(on):
            await somebody_is_answered(on)
            for _time in range(2):
                disk.fill()
                full_at = time.monotonic()
                await on.until(partial(on.refused_at_least, 5, full_at), _SECONDS)
                taken = acknowledged(on)
                with disk.as_it_stands() as database:
                    assert taken <= {row[0] for row in database.execute("SELECT id FROM messages")}
                disk.free()
                await a_new_question_is_answered(on, BACK_WITHIN)
                await somebody_is_answered(on)
        await on.all_answered(_SECONDS)
        await on.until(disk.nothing_is_half, _SECONDS)
        verdict = await whole(on)

    assert set(on.refusals()) == {"StorageFull"}
    assert verdict.problems == {}
