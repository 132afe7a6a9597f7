"""The runner on SQLite: one writer thread that commits in groups, readers apart.

Waiting transactions share one commit, which is one `fdatasync`; futures resolve after it. If one of a group fails, the
group is rolled back and each is run by itself, so that a failure touches nobody else.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Concatenate

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, inspect

from bot.errors import StorageError, StorageUnavailable, StorageUnreadable
from bot.storage.columns import read_document
from bot.storage.faults import DRIVER_ERRORS, translate, translated
from bot.storage.schema import REVISIONS, migrate, require_current, schema_state
from bot.storage.scrubbing import scrub_file
from bot.storage.signals import LocalSignals, Signals
from bot.storage.snapshot import restore_command, take_snapshot
from bot.storage.store import Migration, P, Purpose, Scrubbed, T
from bot.storage.worker_lock import WorkerLock

#: Most transactions that share a commit: enough for any burst, small enough that none waits long for the others.
_GROUP = 64
_READERS = 2
_BUSY_MILLISECONDS = 5_000


@dataclass(slots=True)
class _Task:
    """One transaction that somebody waits for."""

    run: Callable[[Connection], Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None

    def settle(self) -> None:
        """Hand over the outcome, on the waiting loop. A cancelled caller no longer waits."""
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


@dataclass(slots=True)
class _Lane:
    """A queue and the threads that empty it, each with its own connection."""

    engine: Engine
    group: int
    threads: int
    name: str
    queue: SimpleQueue[_Task | None] = field(default_factory=SimpleQueue)
    running: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Start the threads; returns when each has its connection."""
        for number in range(self.threads):
            ready: Future[None] = Future()
            thread = threading.Thread(target=self._work, args=(ready,), name=f"{self.name}-{number}", daemon=True)
            thread.start()
            self.running.append(thread)
            ready.result()

    def stop(self) -> None:
        """Let the threads finish what is queued, then end them."""
        for _ in self.running:
            self.queue.put(None)
        for thread in self.running:
            thread.join()
        self.running.clear()

    def _work(self, ready: Future[None]) -> None:
        try:
            connection = self.engine.connect()
        except BaseException as error:  # noqa: BLE001 (handed to whoever started the thread)
            ready.set_exception(error)
            return
        ready.set_result(None)
        with connection:
            while group := self._take():
                _run_group(connection, group)
                _settle(group)

    def _take(self) -> list[_Task]:
        """Wait for a task, then take what else is waiting. Empty at the end."""
        first = self.queue.get()
        group = [first] if first is not None else []
        while group and len(group) < self.group:
            try:
                task = self.queue.get_nowait()
            except Empty:
                break
            if task is None:  # the end: keep it for the next round
                self.queue.put(None)
                break
            group.append(task)
        return group


def _run_group(connection: Connection, group: Sequence[_Task]) -> None:
    """Run all in one transaction; on a failure each by itself, unless the disk failed, which fails all."""
    try:
        with connection.begin():
            for task in group:
                task.result = task.run(connection)
    except BaseException as error:  # noqa: BLE001 (every error belongs to a waiting caller)
        failure = translate(error) if isinstance(error, DRIVER_ERRORS) else error
        if failure is not error:
            failure.__cause__ = error
        if len(group) == 1 or isinstance(failure, StorageUnavailable):
            for task in group:
                task.error = failure
        else:
            for task in group:
                _run_group(connection, [task])


def _settle(group: Sequence[_Task]) -> None:
    """Wake each waiting loop once for all its tasks."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Task]] = {}
    for task in group:
        by_loop.setdefault(task.loop, []).append(task)
    for loop, tasks in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle_here, tasks)
        except RuntimeError:  # the loop is closed: nobody waits any more
            continue


def _settle_here(tasks: Sequence[_Task]) -> None:
    for task in tasks:
        task.settle()


class SQLiteStore:
    """A SQLite file in WAL mode with full durability: a commit is on the disk before anybody hears of it."""

    def __init__(self, path: Path, writer: _Lane | None, readers: _Lane, lock: WorkerLock | None) -> None:
        self._path = path
        self._writer = writer
        self._readers = readers
        self._lock = lock
        self.migration: Migration | None = None
        # Loops of several threads may use one store: nothing is queued behind the end.
        self._gate = threading.Lock()
        self._closing: asyncio.Future[None] | None = None

    @classmethod
    async def open(cls, path: Path, purpose: Purpose) -> "SQLiteStore":
        """Open the file, making it where it is missing; see `bot.storage.store.open_store`.

        Raises:
            WorkerRunning: `purpose` is `worker` and another process works on this file.
        """
        opening = asyncio.ensure_future(asyncio.to_thread(cls._open, path, purpose))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            with suppress(StorageError):  # nobody gets it: it leaves no thread and no lock behind
                await (await opening).close()
            raise

    @classmethod
    def _open(cls, path: Path, purpose: Purpose) -> "SQLiteStore":
        _make_private(path, purpose)
        lock = WorkerLock.acquire(path) if purpose == "worker" else None
        writer = _Lane(_engine(path, writes=True), _GROUP, 1, "threadkeeper-writer") if purpose != "reader" else None
        readers = _Lane(_engine(path, writes=False), 1, _READERS, "threadkeeper-reader")
        store = cls(path, writer, readers, lock)
        try:
            with translated():
                if writer is not None:
                    store.migration = _bring_up_to_date(path)
                    writer.start()
                with readers.engine.connect() as connection, connection.begin():
                    require_current(connection)
                readers.start()
        except BaseException:
            store._end()
            raise
        return store

    async def read(self, function: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._submit(self._readers, lambda connection: function(connection, *args, **kwargs))

    async def write(self, function: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        if self._writer is None:
            raise StorageUnavailable("This database was opened for reading only.")
        return await self._submit(self._writer, lambda connection: function(connection, *args, **kwargs))

    async def _submit(self, lane: _Lane, run: Callable[..., T]) -> T:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        with self._gate:
            if self._closing is not None:
                raise StorageUnavailable("The database is closed.")
            lane.queue.put(_Task(run, loop, future))
        return await future

    async def scrub(self, tables: Sequence[str], most_bytes: int) -> Scrubbed:
        if self._writer is None:
            raise StorageUnavailable("This database was opened for reading only.")
        return await asyncio.to_thread(scrub_file, self._path, most_bytes)

    @property
    def shared(self) -> bool:
        return False

    def signals(self) -> Signals:
        return LocalSignals()

    async def close(self) -> None:
        with self._gate:
            if self._closing is None:
                self._closing = asyncio.ensure_future(asyncio.to_thread(self._end))
        await asyncio.shield(self._closing)  # cancelled or not, it is closed whole

    def _end(self) -> None:
        for lane in (self._writer, self._readers):
            if lane is not None:
                lane.stop()
        if self._lock is not None:
            self._lock.release()


def _make_private(path: Path, purpose: Purpose) -> None:
    """Make a new database file readable by its owner alone: it holds people's words."""
    try:
        if purpose == "reader" and not path.exists():
            raise StorageUnreadable(f"There is no database at {path}.")
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch(mode=0o600)
    except OSError as error:
        raise StorageUnreadable(f"The database file {path} cannot be made: {error.strerror}.") from error
    if not path.is_file() or not os.access(path, os.R_OK if purpose == "reader" else os.R_OK | os.W_OK):
        raise StorageUnreadable(f"{path} is no file that this user can read and write.")


def _engine(path: Path, *, writes: bool, foreign_keys: bool = True) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        poolclass=NullPool,
        json_deserializer=read_document,
        connect_args={"isolation_level": None, "check_same_thread": False, "timeout": _BUSY_MILLISECONDS / 1000},
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}")
        cursor.execute(f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}")
        cursor.execute("PRAGMA cache_size = -16000")
        cursor.execute("PRAGMA temp_store = MEMORY")
        if writes:
            # What is deleted is overwritten where it stood; see bot/storage/scrubbing.py for what that leaves.
            cursor.execute("PRAGMA secure_delete = ON")
            cursor.execute("PRAGMA journal_mode = WAL")
            cursor.execute("PRAGMA synchronous = FULL")
        else:
            cursor.execute("PRAGMA query_only = ON")
        cursor.close()

    # A writer takes the lock at once: a deferred transaction that turns into a write can fail where it stands. Said by
    # the dialect and not by an event: an engine with events looks for listeners at every statement.
    words = "BEGIN IMMEDIATE" if writes else "BEGIN"

    def begin(dbapi_connection: Any) -> None:
        dbapi_connection.execute(words)

    engine.dialect.do_begin = begin  # type: ignore[method-assign]
    return engine


def _bring_up_to_date(path: Path) -> Migration | None:
    """Migrate where needed, after a snapshot of what there is. Who comes second waits and finds the work done."""
    with _engine(path, writes=False).connect() as connection, connection.begin():
        if schema_state(connection).current:
            return None
    # Batch migrations copy tables; with foreign keys on, dropping the old one would cascade.
    with _engine(path, writes=True, foreign_keys=False).connect() as connection, connection.begin():
        state = schema_state(connection)
        if state.current:
            return None
        if state.revision is None:
            if set(inspect(connection).get_table_names()) - {"alembic_version"}:
                raise StorageUnreadable(f"{path} is the database of another program.")
            migrate(connection)
            return Migration(None, REVISIONS[-1])
        snapshot = take_snapshot(path, state.revision)
        migrate(connection)
        return Migration(state.revision, REVISIONS[-1], snapshot, restore_command(path, snapshot))
