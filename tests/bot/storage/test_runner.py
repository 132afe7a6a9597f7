"""The runner: what a transaction promises on both engines, whoever fails, waits, is cancelled or killed."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import psycopg
import pytest
from sqlalchemy import Connection, Engine, event, func, insert, select, text, update

from bot.errors import Conflict, StorageError, StorageUnavailable
from bot.storage.columns import EPOCH
from bot.storage.postgresql import _ATTEMPTS, _POOL
from bot.storage.store import Store, open_store
from bot.storage.tables import workspaces


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    opened = await open_store(url)
    yield opened
    await opened.close()


def add(connection: Connection, name: str) -> str:
    connection.execute(insert(workspaces), {"id": name, "created_at": EPOCH})
    return name


def names(connection: Connection) -> list[str]:
    return list(connection.execute(select(workspaces.c.id).order_by(workspaces.c.id)).scalars())


def add_and_fail(connection: Connection, name: str) -> None:
    add(connection, name)
    raise Conflict("not this one")


def linger(connection: Connection, seconds: float, name: str | None = None) -> None:
    """Take long, without keeping the event loop."""
    if name:
        add(connection, name)
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_sleep(seconds)))
    else:
        time.sleep(seconds)


@asynccontextmanager
async def the_writer_is_busy(store: Store) -> AsyncIterator[None]:
    """Hold SQLite's writer, so that what is written meanwhile waits in one group."""
    busy, go_on = threading.Event(), threading.Event()

    def hold(_connection: Connection) -> None:
        busy.set()
        go_on.wait(10)

    holding = asyncio.create_task(store.write(hold))
    await asyncio.to_thread(busy.wait)
    yield
    go_on.set()
    await holding


@contextmanager
def counted_commits() -> Iterator[list[str]]:
    commits: list[str] = []

    def count(_connection: Connection) -> None:
        commits.append(threading.current_thread().name)

    event.listen(Engine, "commit", count)
    try:
        yield commits
    finally:
        event.remove(Engine, "commit", count)


# What a caller gets


async def test_a_write_returns_its_result_after_the_commit(store: Store, url: str) -> None:
    result = await store.write(add, "one")

    other = await open_store(url, purpose="reader")
    assert result == "one"
    assert await other.read(names) == ["one"]
    await other.close()


async def test_an_exception_reaches_its_caller_as_it_was_and_changes_nothing(store: Store) -> None:
    with pytest.raises(Conflict, match="not this one"):
        await store.write(add_and_fail, "one")

    assert await store.read(names) == []


async def test_a_reading_functions_exception_reaches_its_caller_too(store: Store) -> None:
    def fail(_connection: Connection) -> None:
        raise LookupError("nothing there")

    with pytest.raises(LookupError, match="nothing there"):
        await store.read(fail)

    assert await store.read(names) == []


async def test_a_broken_constraint_is_a_storage_error_without_the_drivers_words(store: Store) -> None:
    await store.write(add, "secret-name")

    with pytest.raises(StorageError) as caught:
        await store.write(add, "secret-name")

    assert type(caught.value) is StorageError
    assert "secret-name" not in str(caught.value)


async def test_a_wrong_statement_is_not_told_as_a_database_that_cannot_be_reached(store: Store) -> None:
    with pytest.raises(StorageError) as caught:
        await store.write(lambda connection: connection.execute(text("SELEKT 1")))

    assert type(caught.value) is StorageError


async def test_a_reader_cannot_write(store: Store) -> None:
    with pytest.raises(StorageError):
        await store.read(add, "one")

    await store.write(add, "two")
    assert await store.read(names) == ["two"]


async def test_a_store_opened_for_reading_refuses_to_write_and_reads_on(url: str) -> None:
    reader = await open_store(url, purpose="reader")

    with pytest.raises(StorageUnavailable, match="reading only"):
        await reader.write(add, "one")

    assert await reader.read(names) == []
    await reader.close()


async def test_a_reading_function_sees_one_picture_while_others_write(store: Store, url: str) -> None:
    read_once, written = threading.Event(), threading.Event()

    def write_beside() -> None:
        async def write() -> None:
            other = await open_store(url)
            await other.write(add, "between")
            await other.close()

        read_once.wait(10)
        asyncio.run(write())
        written.set()

    def look_twice(connection: Connection) -> tuple[list[str], list[str]]:
        first = names(connection)
        read_once.set()
        assert written.wait(10)
        return first, names(connection)

    beside = threading.Thread(target=write_beside)
    beside.start()
    first, second = await store.read(look_twice)
    beside.join()

    assert first == second == []
    assert await store.read(names) == ["between"]


async def test_a_long_write_does_not_keep_readers_waiting(store: Store) -> None:
    long = asyncio.create_task(store.write(linger, 0.6, "long"))
    await asyncio.sleep(0.1)

    seen = await store.read(names)

    assert seen == []
    assert not long.done()
    await long


async def test_a_long_read_does_not_keep_writers_waiting(store: Store) -> None:
    long = asyncio.create_task(store.read(linger, 0.6))
    await asyncio.sleep(0.1)

    await store.write(add, "one")

    assert not long.done()
    await long


# Groups, on SQLite


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
async def test_waiting_writes_share_one_commit(store: Store) -> None:
    with counted_commits() as commits:
        async with the_writer_is_busy(store):
            waiting = [asyncio.create_task(store.write(add, f"{number:02}")) for number in range(16)]
            await asyncio.sleep(0.05)
        results = await asyncio.gather(*waiting)

    assert results == [f"{number:02}" for number in range(16)]
    assert commits == ["threadkeeper-writer-0"] * 2
    assert await store.read(names) == results


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
async def test_one_that_fails_takes_nobody_of_its_group_along(store: Store) -> None:
    runs: dict[int, int] = {}

    def work(connection: Connection, number: int) -> None:
        runs[number] = runs.get(number, 0) + 1
        (add_and_fail if number == 7 else add)(connection, f"{number:02}")

    async with the_writer_is_busy(store):
        waiting = [asyncio.create_task(store.write(work, number)) for number in range(16)]
        await asyncio.sleep(0.05)
    results = await asyncio.gather(*waiting, return_exceptions=True)

    assert [number for number, result in enumerate(results) if result is not None] == [7]
    assert isinstance(results[7], Conflict)
    assert await store.read(names) == [f"{number:02}" for number in range(16) if number != 7]
    assert runs == {number: 2 if number <= 7 else 1 for number in range(16)}


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
async def test_a_statement_that_sqlite_refuses_fails_its_caller_alone(store: Store) -> None:
    def too_deep(connection: Connection) -> None:
        connection.exec_driver_sql("SELECT " + "-".join(["1"] * 2000))

    async with the_writer_is_busy(store):
        waiting = [asyncio.create_task(store.write(add, f"{number}")) for number in range(3)]
        failing = asyncio.create_task(store.write(too_deep))
        await asyncio.sleep(0.05)

    assert await asyncio.gather(*waiting) == ["0", "1", "2"]
    with pytest.raises(StorageError):
        await failing


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
async def test_loops_of_several_threads_use_one_store(store: Store) -> None:
    def of_a_thread(letter: str) -> None:
        async def write_some() -> None:
            await asyncio.gather(*(store.write(add, f"{letter}{number}") for number in range(5)))

        asyncio.run(write_some())

    threads = [threading.Thread(target=of_a_thread, args=(letter,)) for letter in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join)

    assert await store.read(names) == sorted(f"{letter}{number}" for letter in "abcd" for number in range(5))


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
async def test_a_loop_that_ended_keeps_nobody_else_from_an_answer(store: Store) -> None:
    def of_a_thread() -> None:
        loop = asyncio.new_event_loop()
        task = loop.create_task(store.write(add, "nobody waits"))
        loop.call_soon(loop.stop)
        loop.run_forever()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(task)
        loop.close()

    async with the_writer_is_busy(store):
        await asyncio.to_thread(of_a_thread)
        waiting = asyncio.create_task(store.write(add, "somebody waits"))
        await asyncio.sleep(0.05)

    assert await waiting == "somebody waits"
    assert await store.read(names) == ["nobody waits", "somebody waits"]


# Cancelled and closed


async def test_a_cancelled_callers_write_is_kept_and_leaves_no_lock(store: Store, url: str) -> None:
    begun = []
    for turns in range(30):
        task = asyncio.create_task(store.write(add, f"{turns:02}"))
        for _ in range(turns):
            await asyncio.sleep(0)
        if turns and not task.done():
            begun.append(f"{turns:02}")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    await asyncio.wait_for(store.write(add, "after"), 5)
    await store.close()  # waits for those that nobody waits for any more

    again = await open_store(url)
    assert begun
    assert {*begun, "after"} <= set(await again.read(names))
    await again.close()


async def test_cancelled_callers_take_no_connection_along(store: Store) -> None:
    for number in range(3 * _POOL):
        task = asyncio.create_task((store.read if number % 2 else store.write)(linger, 0.01))
        await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    together = asyncio.gather(*(store.write(add, f"{number:02}") for number in range(2 * _POOL)))
    assert len(await asyncio.wait_for(together, 10)) == 2 * _POOL
    assert len(await store.read(names)) == 2 * _POOL


async def test_closing_waits_for_what_was_begun(store: Store, url: str) -> None:
    writes = [asyncio.create_task(store.write(linger, 0.2, f"{number}")) for number in range(3)]
    await asyncio.sleep(0)

    await store.close()

    again = await open_store(url)
    assert await again.read(names) == ["0", "1", "2"]
    assert await asyncio.gather(*writes) == [None, None, None]
    await again.close()


async def test_a_cancelled_close_still_closes_and_keeps_what_was_begun(store: Store, url: str) -> None:
    write = asyncio.create_task(store.write(linger, 0.3, "begun"))
    await asyncio.sleep(0.05)
    closing = asyncio.create_task(store.close())
    await asyncio.sleep(0.05)

    closing.cancel()
    await asyncio.gather(closing, return_exceptions=True)
    await store.close()

    again = await open_store(url)
    await write
    assert await again.read(names) == ["begun"]
    await again.close()


async def test_a_closed_store_refuses_and_closes_again_without_a_word(store: Store) -> None:
    await store.close()

    with pytest.raises(StorageUnavailable, match="closed"):
        await store.write(add, "one")
    with pytest.raises(StorageUnavailable, match="closed"):
        await store.read(names)
    await store.close()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
async def test_a_cancelled_opening_leaves_neither_lock_nor_thread(url: str) -> None:
    for turns in range(4):
        opening = asyncio.create_task(open_store(url, purpose="worker"))
        for _ in range(turns):
            await asyncio.sleep(0)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening

    ours = [one.name for one in threading.enumerate() if one.name.startswith("threadkeeper")]
    store = await open_store(url, purpose="worker")
    assert ours == []
    assert await store.write(add, "one") == "one"
    await store.close()


# What PostgreSQL breaks off


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
async def test_who_finds_no_free_connection_in_time_is_told_and_later_ones_work(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.storage.postgresql._POOL_SECONDS", 0.2)
    store = await open_store(url)
    long = [asyncio.create_task(store.read(linger, 0.8)) for _ in range(_POOL)]
    await asyncio.sleep(0.3)

    with pytest.raises(StorageUnavailable):
        await store.write(add, "too many")

    await asyncio.gather(*long)
    assert await store.write(add, "one") == "one"
    assert await store.read(names) == ["one"]
    await store.close()


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
async def test_a_deadlocks_victim_is_run_again(store: Store) -> None:
    await store.write(add, "first")
    await store.write(add, "second")
    runs = []

    def lock_both(connection: Connection, mine: str, other: str) -> str:
        runs.append(mine)
        connection.execute(text("SET LOCAL deadlock_timeout = '50ms'"))
        for name in (mine, other):
            connection.execute(
                update(workspaces).where(workspaces.c.id == name).values(created_at=workspaces.c.created_at)
            )
            connection.execute(select(func.pg_sleep(0.1)))
        return mine

    results = await asyncio.gather(store.write(lock_both, "first", "second"), store.write(lock_both, "second", "first"))

    assert list(results) == ["first", "second"]
    assert len(runs) > 2


def give_up(connection: Connection, code: str) -> None:
    connection.execute(text(f"DO $$ BEGIN RAISE EXCEPTION SQLSTATE '{code}'; END $$"))


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
@pytest.mark.parametrize("code", ["40001", "40P01"])
async def test_a_transaction_that_postgresql_gave_up_on_is_run_again_from_its_beginning(
    store: Store, code: str
) -> None:
    runs = []

    def work(connection: Connection) -> str:
        runs.append(add(connection, "one"))
        if len(runs) < 3:
            give_up(connection, code)
        return "done"

    assert await store.write(work) == "done"
    assert len(runs) == 3
    assert await store.read(names) == ["one"]


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
async def test_a_transaction_that_never_succeeds_is_given_up_after_a_few_attempts(store: Store) -> None:
    runs = []

    def work(connection: Connection) -> None:
        runs.append(1)
        give_up(connection, "40001")

    with pytest.raises(StorageUnavailable, match="Nothing was changed"):
        await store.write(work)

    assert len(runs) == _ATTEMPTS
    assert await store.write(add, "one") == "one"


def terminate_others(url: str) -> int:
    """Kill every other connection to this database."""
    with psycopg.connect(url, autocommit=True) as connection:
        killed = connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return len(killed.fetchall())


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
async def test_connections_that_died_in_the_pool_are_replaced(store: Store, url: str) -> None:
    await asyncio.gather(*(store.write(linger, 0.05) for _ in range(4)))

    assert terminate_others(url) >= 4

    assert await asyncio.gather(*(store.write(add, f"{number}") for number in range(4))) == ["0", "1", "2", "3"]
    assert terminate_others(url) >= 1
    assert await store.read(names) == ["0", "1", "2", "3"]


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
async def test_a_connection_that_dies_inside_a_transaction_repeats_it_on_another_one(store: Store, url: str) -> None:
    runs: list[str] = []

    def work(connection: Connection) -> str:
        runs.append(add(connection, "one"))
        if len(runs) == 1:
            terminate_others(url)
        add(connection, "two")
        return "done"

    assert await store.write(work) == "done"
    assert len(runs) == 2
    assert await store.read(names) == ["one", "two"]


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
async def test_a_commit_is_durable_even_where_the_server_says_otherwise(store: Store) -> None:
    def settings(connection: Connection) -> list[str]:
        of_server = text("SELECT setting FROM pg_file_settings WHERE name = 'synchronous_commit' AND applied")
        of_session = text("SELECT current_setting('synchronous_commit')")
        return [connection.execute(query).scalar_one() for query in (of_server, of_session)]

    of_the_server, of_the_session = await store.write(settings)

    assert of_the_server == "off"
    assert of_the_session == "on"


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
async def test_a_transaction_that_waits_too_long_ends_and_frees_what_it_waited_for(
    store: Store, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.write(add, "one")
    monkeypatch.setattr("bot.storage.postgresql._TRANSACTION_SECONDS", 0.3)
    change: Callable[[Connection], object] = lambda connection: connection.execute(  # noqa: E731 (short)
        update(workspaces).values(id="changed")
    )

    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE workspaces")
        before = time.monotonic()
        with pytest.raises(StorageUnavailable):
            await store.write(change)
        took = time.monotonic() - before
    waiting = await store.read(
        lambda connection: connection.execute(
            text("SELECT count(*) FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database"
                 " WHERE datname = current_database())")
        ).scalar_one()
    )  # fmt: skip

    assert took < 3
    assert waiting == 0
    assert await store.read(names) == ["one"]


@pytest.mark.parametrize("engine", ["postgresql"])
async def test_a_process_that_sleeps_in_a_transaction_keeps_its_locks_for_seconds_only(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.storage.postgresql._SILENT_SECONDS", 1)
    store = await open_store(url)
    slept: list[bool] = []

    def make_then_sleep(connection: Connection) -> None:
        connection.execute(insert(workspaces), {"id": "the same", "created_at": EPOCH})
        if not slept:
            slept.append(True)
            time.sleep(2.5)  # as a stopped process does; nothing else of it goes on either
            with psycopg.connect(url, autocommit=True) as other:
                # Another process would have waited for this row.
                other.execute("SET lock_timeout = '100ms'")
                other.execute("INSERT INTO workspaces (id, created_at) VALUES ('the same', 0)")
                other.execute("DELETE FROM workspaces WHERE id = 'the same'")
        connection.execute(select(func.count()).select_from(workspaces))

    try:
        await store.write(make_then_sleep)
        assert await store.read(lambda connection: len(connection.execute(select(workspaces)).all())) == 1
    finally:
        await store.close()
