"""What was confirmed is durable: nobody hears of a commit before the disk did, and no kill loses or doubles it."""

import asyncio
import re
import shutil
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Literal

import pytest
from sqlalchemy import Connection, insert, select

from bot.errors import StorageUnavailable
from bot.storage.columns import EPOCH
from bot.storage.store import open_store
from bot.storage.tables import workspaces
from tests.faults.server import Server, line_to
from tests.processes import output_of

#: Saves messages one after another and confirms each with one write(1).
SAVER = """
    import asyncio, os, sys
    from bot import Memory
    from bot.access.actor import Actor
    from bot.memory.values import NewMessage

    async def main():
        async with await Memory.open(sys.argv[1]) as memory:
            ana = memory.as_actor(Actor.person("ana"))
            if await ana.get_thread_by_id("t1") is None:
                await ana.create_thread("ana", "t1")
            for number in range(int(sys.argv[2])):
                await ana.save_messages([NewMessage("t1", "ana", f"message{number}", id=f"m{number}")])
                os.write(1, f"saved {number}\\n".encode())

    asyncio.run(main())
"""
TRACED = ("strace", "-f", "-y", "-q", "-s", "16")


@pytest.fixture
def path(sqlite_template: Path, tmp_path: Path) -> Path:
    target = tmp_path / "traced.db"
    shutil.copy(sqlite_template, target)
    return target


def confirmations(trace: Iterable[str]) -> list[bool]:
    """For each confirmation in a trace whether the WAL had been synchronised since the one before it."""
    found: list[bool] = []
    synchronised = False
    waiting = set()
    for line in trace:
        thread = line.split(maxsplit=1)[0]
        ended = line.rstrip().endswith("= 0")
        if re.search(r"\bf(data)?sync\(\d+<[^>]*-wal>", line):
            synchronised |= ended
            if not ended:
                waiting.add(thread)
        elif "sync resumed>" in line and thread in waiting:
            waiting.discard(thread)
            synchronised |= ended
        elif re.search(r'\bwrite\(1<[^>]*>, "saved', line):
            found.append(synchronised)
            synchronised = False
    return found


@pytest.mark.strace
def test_every_confirmation_on_sqlite_follows_a_synchronised_log(path: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    watched = [*TRACED, "-e", "trace=fdatasync,fsync,write", "-o", str(trace)]

    status, out = output_of(SAVER, f"sqlite:///{path}", "25", before=watched)

    assert status == 0, out
    assert out.count("saved") == 25
    assert confirmations(trace.read_text().splitlines()) == [True] * 25


def test_a_confirmation_before_the_synchronisation_would_be_noticed() -> None:
    sync = "7 fdatasync(5</tmp/a.db-wal>) = 0"
    begun, ended = "8 fdatasync(5</tmp/a.db-wal> <unfinished ...>", "8 <... fdatasync resumed>) = 0"
    saved, other = '9 write(1</dev/null>, "saved 1\\n", 8) = 8', "7 fdatasync(6</tmp/a.db>) = 0"

    assert confirmations([sync, saved, begun, ended, saved]) == [True, True]
    assert confirmations([sync, saved, saved]) == [True, False]
    assert confirmations([begun, saved, ended]) == [False]
    assert confirmations([other, saved]) == [False]


@pytest.mark.strace
@pytest.mark.parametrize("call", [1, 2, 7])
def test_a_kill_while_the_disk_writes_loses_nothing_confirmed_and_doubles_nothing(path: Path, call: int) -> None:
    killing = [*TRACED, "-e", f"inject=fdatasync,fsync:signal=SIGKILL:when={call}", "-o", "/dev/null"]

    status, out = output_of(SAVER, f"sqlite:///{path}", "12", before=killing)
    confirmed = [f"m{number}" for number in range(out.count("saved"))]
    with closing(sqlite3.connect(path)) as database:
        stored = [name for (name,) in database.execute("SELECT id FROM messages ORDER BY seq")]
        sound = database.execute("PRAGMA integrity_check").fetchall()
    again, out = output_of(SAVER, f"sqlite:///{path}", "12")
    with closing(sqlite3.connect(path)) as database:
        after = [name for (name,) in database.execute("SELECT id FROM messages ORDER BY seq")]
        indexed = database.execute("SELECT count(*) FROM message_search").fetchone()

    assert status == -9
    assert len(confirmed) < 12
    assert sound == [("ok",)]
    assert stored in (confirmed, [*confirmed, f"m{len(confirmed)}"])
    assert (again, after) == (0, [f"m{number}" for number in range(12)])
    assert indexed == (12,)


def add(connection: Connection, name: str) -> str:
    connection.execute(insert(workspaces), {"id": name, "created_at": EPOCH})
    return name


def names(connection: Connection) -> list[str]:
    return list(connection.execute(select(workspaces.c.id).order_by(workspaces.c.id)).scalars())


async def test_every_confirmation_on_postgresql_follows_the_answer_to_its_commit(server: Server) -> None:
    async with line_to(server.port) as line:
        store = await open_store(server.url(server.database(), port=line.port))
        line.at_commit = "hold"
        write = asyncio.create_task(store.write(add, "one"))
        await line.committing.wait()

        await asyncio.sleep(0.5)
        confirmed_early = write.done()
        line.answers.set()

        assert not confirmed_early
        assert await write == "one"
        line.at_commit = ""
        await store.close()


@pytest.mark.parametrize(("fate", "kept"), [("break", []), ("lose", ["one"])])
async def test_a_commit_whose_answer_is_lost_is_told_as_unknown_and_not_run_again(
    server: Server, fate: Literal["break", "lose"], kept: list[str]
) -> None:
    async with line_to(server.port) as line:
        store = await open_store(server.url(server.database(), port=line.port))
        line.at_commit = fate

        with pytest.raises(StorageUnavailable, match="unknown"):
            await store.write(add, "one")

        line.at_commit = ""
        line.answers.set()
        assert await store.read(names) == kept
        await store.close()
