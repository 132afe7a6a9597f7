"""Broken storage: each fault has its sentence, comes within a bound, loses nothing, and passes by itself."""

import asyncio
import random
import shutil
import socket
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, insert, select

from bot import Memory
from bot.access.actor import Actor
from bot.errors import (
    BotError,
    SettingsError,
    StorageError,
    StorageLocked,
    StorageUnavailable,
    StorageUnreadable,
    WorkerRunning,
)
from bot.memory.values import NewMessage
from bot.storage.columns import EPOCH
from bot.storage.store import file_url, open_store
from bot.storage.tables import workspaces
from tests.faults.server import Server, line_to
from tests.processes import output_of, program


def add(connection: Connection, name: str) -> str:
    connection.execute(insert(workspaces), {"id": name, "created_at": EPOCH})
    return name


def names(connection: Connection) -> list[str]:
    return list(connection.execute(select(workspaces.c.id).order_by(workspaces.c.id)).scalars())


@pytest.fixture
def path(sqlite_template: Path, tmp_path: Path) -> Path:
    """An up-to-date SQLite file."""
    target = tmp_path / "broken.db"
    shutil.copy(sqlite_template, target)
    return target


@asynccontextmanager
async def bounded(seconds: float) -> AsyncIterator[None]:
    """What is inside ends by itself in this time."""
    begun = time.monotonic()
    async with asyncio.timeout(seconds + 30):
        yield
    assert time.monotonic() - begun < seconds


# Disks


#: Saves messages; where one fails it says how, calls `mended`, and saves it again. Ends with what a new memory holds.
PERSISTENT = """
    import asyncio, os, sys
    from bot import Memory
    from bot.access.actor import Actor
    from bot.memory.values import NewMessage

    async def main(url, count, size, mended):
        async with await Memory.open(url) as memory:
            ana = memory.as_actor(Actor.person("ana"))
            if await ana.get_thread_by_id("t1") is None:
                await ana.create_thread("ana", "t1")
            for number in range(count):
                message = NewMessage("t1", "ana", f"{number} " + "x" * size, id=f"m{number}")
                for attempt in range(9):
                    try:
                        await ana.save_messages([message])
                    except Exception as error:
                        print(type(error).__name__, flush=True)
                        recalled = await ana.recall("t1", per_page=None)
                        assert [one.id for one in recalled.items] == [f"m{n}" for n in range(number)], recalled.total
                        mended()
                    else:
                        break
        async with await Memory.open(url, purpose="reader") as memory:
            recalled = await memory.as_actor(Actor.person("ana")).recall("t1", per_page=None)
            assert [one.id for one in recalled.items] == [f"m{n}" for n in range(count)], recalled.total
        print("all there")
"""
FULL_DISK = (
    PERSISTENT
    + """
    folder = sys.argv[1]
    assert os.system(f"mount -t tmpfs -o size=3m none {folder}") == 0
    ballast = os.path.join(folder, "ballast")
    with open(ballast, "wb") as file:
        file.write(bytes(1_500_000))
    asyncio.run(main(f"sqlite:///{folder}/full.db", 12, 60_000, lambda: os.remove(ballast)))
"""
)
FULL_QUOTA = (
    PERSISTENT
    + """
    import resource, signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, hard))
    asyncio.run(main(sys.argv[1], 12, 60_000, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))))
"""
)


def sound(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as database:
        return database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_disk_that_may_not_be_used_further_is_told_and_passes(path: Path) -> None:
    status, out = output_of(FULL_QUOTA, f"sqlite:///{path}")

    assert (status, out.split("\n")) == (0, ["StorageFull", "all there", ""])
    assert sound(path)


def may_mount() -> bool:
    """Whether this machine lets a program have mounts of its own; where not, the quota above stands for the disk."""
    return output_of("import os, sys; sys.exit(os.system('mount -t tmpfs none /mnt') != 0)", before=NAMESPACE)[0] == 0


NAMESPACE = ("unshare", "-r", "-m")


def test_a_full_disk_is_told_and_passes_when_there_is_space_again(tmp_path: Path, path: Path) -> None:
    status, out = (
        output_of(FULL_DISK, str(tmp_path), before=NAMESPACE) if may_mount() else output_of(FULL_QUOTA, file_url(path))
    )

    assert (status, out.split("\n")) == (0, ["StorageFull", "all there", ""])


async def make_thread(path: Path) -> None:
    async with await Memory.open(path) as memory:
        await memory.as_actor(Actor.person("ana")).create_thread("ana", "t1", metadata={"a": "b"})


@pytest.mark.strace
@pytest.mark.parametrize(
    "fault", ["fdatasync,fsync:error=EIO:when=2..3", "pwrite64:error=ENOSPC:when=20..24", "pwrite64:error=EIO:when=21"]
)
def test_a_failing_disk_is_told_and_passes(path: Path, fault: str) -> None:
    asyncio.run(make_thread(path))  # so that the faults come while messages are saved
    failing = ("strace", "-f", "-q", "-e", f"inject={fault}", "-o", "/dev/null")

    status, out = output_of(
        PERSISTENT + "\n    asyncio.run(main(sys.argv[1], 8, 5000, lambda: None))\n",
        f"sqlite:///{path}",
        before=failing,
    )

    *failures, end, _ = out.split("\n")
    assert (status, end) == (0, "all there")
    assert set(failures) == {"StorageFull"}
    assert sound(path)


# Locks


HOLDER = """
    import sqlite3, sys
    database = sqlite3.connect(sys.argv[1], isolation_level=None)
    database.execute("BEGIN IMMEDIATE")
    print("held", flush=True)
    sys.stdin.readline()
    database.execute("COMMIT")
    print("released", flush=True)
"""


@contextmanager
def held(code: str, *arguments: str) -> Iterator[tuple[int, Callable[[], None], Callable[[], None]]]:
    """A program that says a word when it holds something: its pid, how to let it go on, and how to kill it."""
    with program(code, *arguments) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        assert running.stdout.readline().strip()

        def go_on() -> None:
            assert running.stdin is not None
            running.stdin.write("\n")
            running.stdin.flush()
            running.wait(20)

        def kill() -> None:
            running.kill()
            running.wait(20)

        try:
            yield running.pid, go_on, kill
        finally:
            running.kill()


async def test_a_database_that_another_program_locks_is_told_in_time_and_works_later(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.storage.sqlite._BUSY_MILLISECONDS", 300)
    store = await open_store(f"sqlite:///{path}")

    with held(HOLDER, str(path)) as (_pid, release, _kill):
        async with bounded(5):
            with pytest.raises(StorageLocked):
                await store.write(add, "one")
            assert await store.read(names) == []
        release()

    assert await store.write(add, "two") == "two"
    assert await store.read(names) == ["two"]
    await store.close()


async def test_a_short_lock_is_waited_for(path: Path) -> None:
    store = await open_store(f"sqlite:///{path}")

    with held(HOLDER, str(path)) as (_pid, release, _kill):
        write = asyncio.create_task(store.write(add, "one"))
        await asyncio.sleep(0.3)
        early = write.done()
        await asyncio.to_thread(release)

    assert not early
    assert await write == "one"
    await store.close()


WORKER = """
    import asyncio, sys
    from bot.storage.store import open_store

    async def main():
        store = await open_store(sys.argv[1], purpose="worker")
        print("working", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        await store.close()

    asyncio.run(main())
"""


async def test_a_second_worker_on_a_file_is_refused_and_told_which_process_is_the_first(path: Path) -> None:
    link = path.with_name("link.db")
    link.symlink_to(path)

    with held(WORKER, f"sqlite:///{path}") as (pid, _go_on, _kill):
        for other in (path, link):
            with pytest.raises(WorkerRunning, match=rf"process {pid}\b"):
                await open_store(f"sqlite:///{other}", purpose="worker")


async def test_readers_and_writers_work_beside_a_worker(path: Path) -> None:
    with held(WORKER, f"sqlite:///{path}"):
        writer = await open_store(f"sqlite:///{path}")
        reader = await open_store(f"sqlite:///{path}", purpose="reader")

        await writer.write(add, "one")

        assert await reader.read(names) == ["one"]
        await writer.close()
        await reader.close()


@pytest.mark.parametrize("end", ["killed", "closed"])
async def test_after_a_worker_ended_another_one_works(path: Path, end: str) -> None:
    with held(WORKER, f"sqlite:///{path}") as (_pid, go_on, kill):
        await asyncio.to_thread(kill if end == "killed" else go_on)

    store = await open_store(f"sqlite:///{path}", purpose="worker")

    assert await store.write(add, "one") == "one"
    await store.close()


async def test_a_worker_that_could_not_open_its_file_keeps_no_lock(path: Path, sqlite_template: Path) -> None:
    a_text(path)
    with pytest.raises(StorageUnreadable):
        await open_store(f"sqlite:///{path}", purpose="worker")
    shutil.copy(sqlite_template, path)

    store = await open_store(f"sqlite:///{path}", purpose="worker")

    assert await store.read(names) == []
    await store.close()


# Files that are none


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_text(path: Path) -> None:
    path.write_text("Dear diary,\n" * 1000)


def a_zeroed_first_page(path: Path) -> None:
    path.write_bytes(bytes(4096) + path.read_bytes()[4096:])


def a_part(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def a_header_alone(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


@pytest.mark.parametrize("damage", [a_folder, a_text, a_zeroed_first_page, a_part, a_header_alone])
@pytest.mark.parametrize("purpose", ["worker", "reader"])
async def test_a_file_that_is_no_whole_database_is_refused_with_a_sentence(
    path: Path, damage: Callable[[Path], None], purpose: str
) -> None:
    damage(path)

    with pytest.raises(StorageUnreadable) as caught:
        await Memory.open(path, purpose="worker" if purpose == "worker" else "reader")

    assert "sqlite" not in str(caught.value).lower()


def listed(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


async def test_a_missing_file_is_not_made_by_a_reader(tmp_path: Path) -> None:
    with pytest.raises(StorageUnreadable, match="There is no database at"):
        await open_store(f"sqlite:///{tmp_path}/none/none.db", purpose="reader")

    assert listed(tmp_path) == set()


async def test_a_file_that_cannot_be_made_is_told_with_its_name(path: Path) -> None:
    for place in (f"{path}/inside.db", "/proc/nowhere/a.db"):
        with pytest.raises(StorageUnreadable, match=place):
            await open_store(f"sqlite:///{place}")


@pytest.mark.parametrize(
    "name", ["what?.db", "100%.db", "a%20b.db", "a#b.db", "ein größerer Ordner/ö.db", "a;b c'd\".db"]
)
async def test_a_path_opens_the_file_of_that_very_name(tmp_path: Path, name: str) -> None:
    async with await Memory.open(tmp_path / name) as memory:
        await memory.as_actor(Actor.person("ana")).create_thread("ana")

    assert sound(tmp_path / name)
    assert listed((tmp_path / name).parent) == {Path(name).name}


async def test_a_damaged_file_is_refused_or_works_and_nothing_else(path: Path, tmp_path: Path) -> None:
    await make_thread(path)
    async with await Memory.open(path) as memory:
        ana = memory.as_actor(Actor.person("ana"))
        await ana.save_messages([NewMessage("t1", "ana", f"the boat {number}" * 20) for number in range(30)])
    chance = random.Random(7)

    outcomes = {await life_on(damaged(path, tmp_path / f"{number}.db", chance)) for number in range(40)}

    assert outcomes <= {"works", "refused"}
    assert len(outcomes) == 2


def damaged(path: Path, target: Path, chance: random.Random) -> Path:
    """A copy with some bytes changed."""
    content = bytearray(path.read_bytes())
    for _ in range(chance.choice((1, 20, 400))):
        content[chance.randrange(len(content))] = chance.randrange(256)
    target.write_bytes(content)
    return target


async def life_on(path: Path) -> str:
    try:
        async with await Memory.open(path) as memory:
            ana = memory.as_actor(Actor.person("ana"))
            await ana.list_threads()
            await ana.recall("t1", per_page=None)
            await ana.search_messages("boat")
            await ana.create_thread("ana", "t2")
            await ana.save_messages([NewMessage("t2", "ana", "a boat")])
    except StorageError:
        return "refused"
    except BotError as error:
        return type(error).__name__
    return "works"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "threadkeeper.db",
        "mysql://bot:s3cret@host/data",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite://data/threadkeeper.db",
        "sqlite:///a.db?mode=ro",
        "sqlite:///a?.db",
        "sqlite:///a\0.db",
        "postgresql://bot:s3cret@host:port/data",
        "postgresql+asyncpg://bot:s3cret@host/data",
        "s3cret@host",
    ],
)
async def test_an_address_that_cannot_be_one_is_a_settings_error_without_its_secrets(address: str) -> None:
    with pytest.raises(SettingsError, match="DATABASE_URL") as caught:
        await open_store(address)

    assert "s3cret" not in str(caught.value)


async def test_the_owners_address_must_be_of_the_same_engine() -> None:
    with pytest.raises(SettingsError, match="MIGRATION_DATABASE_URL"):
        await open_store("postgresql://host/data", migration_url="sqlite:///a.db")


# PostgreSQL


def sentences(error: BaseException | None) -> str:
    """Everything that a log could show of an error."""
    found = []
    while error is not None:
        found += [str(error), repr(error)]
        error = error.__cause__ or error.__context__
    return "\n".join(found)


@pytest.mark.parametrize("trouble", ["nobody listens", "unknown database", "wrong password", "unknown role"])
async def test_a_server_that_does_not_let_us_in_is_told_in_one_sentence_without_the_password(
    server: Server, trouble: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        closed = free.getsockname()[1]
    url = {
        "nobody listens": server.url("postgres", login="postgres:wr0ng", port=closed),
        "unknown database": server.url("nowhere", login="postgres:wr0ng"),
        "wrong password": server.url("postgres", login="guarded:wr0ng"),
        "unknown role": server.url("postgres", login="nobody:wr0ng"),
    }[trouble]

    async with bounded(5):
        with pytest.raises(StorageUnavailable, match=r"PostgreSQL at 127\.0\.0\.1 cannot be reached") as caught:
            await open_store(url)

    assert "wr0ng" not in sentences(caught.value)
    assert "\n" not in str(caught.value)


async def test_a_server_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.storage.postgresql._CONNECT_SECONDS", 2)

    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with bounded(6):
            with pytest.raises(StorageUnavailable):
                await open_store(f"postgresql://bot@127.0.0.1:{silent.getsockname()[1]}/data")


def linger(connection: Connection, name: str) -> None:
    add(connection, name)
    connection.execute(select(func.pg_sleep(5)))


async def test_a_server_that_dies_inside_transactions_keeps_none_of_them_and_comes_back(server: Server) -> None:
    store = await open_store(server.url(server.database()))
    confirmed = [await store.write(add, f"{number:02}") for number in range(20)]
    inside = [asyncio.create_task(store.write(linger, f"inside{number}")) for number in range(3)]
    await asyncio.sleep(0.3)

    async with bounded(10):
        await asyncio.to_thread(server.stop)
        failures = await asyncio.gather(*inside, return_exceptions=True)
        with pytest.raises(StorageUnavailable):
            await store.read(names)
    await asyncio.to_thread(server.start)
    async with bounded(5):
        seen = await store.read(names)
        await store.write(add, "after")

    assert [type(failure) for failure in failures] == [StorageUnavailable] * 3
    assert seen == confirmed
    await store.close()


async def test_a_slow_line_is_borne(server: Server) -> None:
    async with line_to(server.port) as line:
        store = await open_store(server.url(server.database(), port=line.port))
        line.delay = 0.2

        await asyncio.gather(*(store.write(add, f"{number}") for number in range(5)))

        assert await store.read(names) == ["0", "1", "2", "3", "4"]
        await store.close()


async def test_a_line_that_swallows_everything_ends_calls_in_time_and_works_again(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.storage.postgresql._TRANSACTION_SECONDS", 1)
    async with line_to(server.port) as line:
        store = await open_store(server.url(server.database(), port=line.port))
        await asyncio.gather(*(store.write(add, f"{number}") for number in range(3)))
        line.passable.clear()

        async with bounded(15):
            calls = (store.write(add, "lost"), store.read(names), store.write(add, "lost too"))
            failures = await asyncio.gather(*calls, return_exceptions=True)

        assert [isinstance(failure, StorageUnavailable) for failure in failures] == [True] * 3
        line.passable.set()
        assert await store.write(add, "found") == "found"
        await store.close()
