"""The runner on PostgreSQL: psycopg 3 through SQLAlchemy's asyncio engine, a pool of connections."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Concatenate

from sqlalchemy import Connection, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.util import greenlet_spawn

from bot.errors import StorageUnavailable
from bot.storage.columns import read_document
from bot.storage.faults import connection_lost, may_replay, translate, translated
from bot.storage.schema import REVISIONS, grant_use, migrate, require_current, schema_state
from bot.storage.scrubbing import is_still_seen, next_transaction, scrub_tables
from bot.storage.signals import PostgreSQLSignals, Signals
from bot.storage.store import Migration, P, Purpose, Scrubbed, T

_POOL = 10
_POOL_SECONDS = 10
_CONNECT_SECONDS = 5
#: The longest that a transaction may take, waiting for locks and its repetitions included; a silent server ends there.
_TRANSACTION_SECONDS = 30
#: How often a transaction is run, where PostgreSQL gave up on it for another's sake or its connection had died.
_ATTEMPTS = 4
#: The server ends a transaction in which nothing is said for so long: a process that was paused in the middle of one
#: would hold its locks for as long as it sleeps. What it was about to do is rolled back.
_SILENT_SECONDS = 4
#: How long is waited for those who read what was deleted, before it is scrubbed.
_SEEN_SECONDS = 5.0
_DURABLE = "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
_UNKNOWN = "The database was lost in the middle of a commit: whether the change was kept is unknown."


class PostgreSQLStore:
    """A PostgreSQL database. A commit is answered when PostgreSQL says that it is durable (`synchronous_commit`)."""

    def __init__(self, engine: AsyncEngine, owner_url: URL, *, writes: bool) -> None:
        self._engine = engine
        self._owner_url = owner_url
        self._writes = writes
        self.migration: Migration | None = None
        # READ COMMITTED gives each statement its own picture; a reading function gets one for all.
        self._reading = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._begun: set[asyncio.Task[Any]] = set()
        self._closing: asyncio.Future[None] | None = None

    @classmethod
    async def open(cls, url: URL, purpose: Purpose, migration_url: URL) -> "PostgreSQLStore":
        """Open the database; see `bot.storage.store.open_store`."""
        engine = _engine(url)
        migration = None
        try:
            with translated():
                if purpose != "reader":
                    migration = await _bring_up_to_date(engine, url, migration_url)
                async with asyncio.timeout(_TRANSACTION_SECONDS), engine.connect() as connection:
                    await connection.run_sync(require_current)
        except BaseException as error:
            await engine.dispose()
            if type(error) is StorageUnavailable:
                raise StorageUnavailable(_not_opened(url)) from error
            raise
        store = cls(engine, migration_url, writes=purpose != "reader")
        store.migration = migration
        return store

    async def read(self, function: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._to_the_end(
            self._run(self._reading, lambda connection: function(connection, *args, **kwargs))
        )

    async def write(self, function: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        if not self._writes:
            raise StorageUnavailable("This database was opened for reading only.")
        return await self._to_the_end(self._run(self._engine, lambda connection: function(connection, *args, **kwargs)))

    async def _to_the_end(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` in a task of its own, so that a cancelled caller leaves no half transaction and no lock."""
        if self._closing is not None:
            work.close()
            raise StorageUnavailable("The database is closed.")
        task = asyncio.ensure_future(work)
        self._begun.add(task)
        task.add_done_callback(self._finished)
        return await asyncio.shield(task)

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._begun.discard(task)
        if not task.cancelled():
            task.exception()  # a cancelled caller's failure is nobody's any more

    async def _run(self, engine: AsyncEngine, run: Callable[[Connection], T]) -> T:
        committing = False

        async def once() -> T:
            nonlocal committing
            committing = False
            # All of it in one greenlet: AsyncConnection would make one for each of connect, begin, commit and close.
            return await greenlet_spawn(transact)

        def transact() -> T:
            nonlocal committing
            with engine.sync_engine.connect() as connection, connection.begin():
                result = run(connection)
                committing = True
            return result

        try:
            async with asyncio.timeout(_TRANSACTION_SECONDS):
                for attempt in range(1, _ATTEMPTS):
                    try:
                        return await once()
                    except DBAPIError as error:
                        if not may_replay(error) and (committing or not error.connection_invalidated):
                            raise
                    await asyncio.sleep(0.01 * 2**attempt)
                return await once()
        except (SQLAlchemyError, OSError) as error:
            if committing and connection_lost(error) and not may_replay(error):
                raise StorageUnavailable(_UNKNOWN) from error
            raise translate(error) from error

    async def scrub(self, tables: Sequence[str], most_bytes: int) -> Scrubbed:
        if not self._writes:
            raise StorageUnavailable("This database was opened for reading only.")
        # The owner's address, where it is another: only the owner may write tables anew.
        return await self._to_the_end(self._scrub(tables, most_bytes))

    async def _scrub(self, tables: Sequence[str], most_bytes: int) -> Scrubbed:
        owner = _engine(self._owner_url)
        try:
            with translated():
                async with owner.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
                    following = await connection.run_sync(next_transaction)
                    until = time.monotonic() + _SEEN_SECONDS
                    while await connection.run_sync(is_still_seen, following):
                        if time.monotonic() > until:
                            return Scrubbed(done=False)
                        await asyncio.sleep(0.05)
                    return await connection.run_sync(scrub_tables, tables, most_bytes)
        finally:
            await owner.dispose()

    @property
    def shared(self) -> bool:
        return True

    def signals(self) -> Signals:
        return PostgreSQLSignals(self._engine.url.set(drivername="postgresql").render_as_string(hide_password=False))

    async def close(self) -> None:
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._end())
        await asyncio.shield(self._closing)  # cancelled or not, it is closed whole

    async def _end(self) -> None:
        await asyncio.gather(*self._begun, return_exceptions=True)
        await self._engine.dispose()


def _engine(url: URL) -> AsyncEngine:
    engine = create_async_engine(
        url,
        pool_size=_POOL,
        max_overflow=0,
        pool_timeout=_POOL_SECONDS,
        json_deserializer=read_document,
        connect_args={"connect_timeout": _CONNECT_SECONDS},
    )

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        # A server that answers before the disk did is told better; what is stricter than "on" stays.
        cursor = connection.cursor()
        cursor.execute(_DURABLE)
        cursor.execute(f"SET idle_in_transaction_session_timeout = '{_SILENT_SECONDS}s'")
        cursor.close()
        connection.commit()

    return engine


def _not_opened(url: URL) -> str:
    """What an operator needs in order to mend the address; never the password, which may stand in the query too."""
    place = url.host or url.query.get("host") or "this machine"
    return f"PostgreSQL at {place} cannot be reached, or does not admit {url.username} to {url.database}."


async def _bring_up_to_date(engine: AsyncEngine, url: URL, migration_url: URL) -> Migration | None:
    async with asyncio.timeout(_TRANSACTION_SECONDS), engine.connect() as connection:
        if migration_url.username == url.username and (await connection.run_sync(schema_state)).current:
            return None
    owner = _engine(migration_url)
    try:
        async with owner.begin() as connection:
            found = await connection.run_sync(migrate)
            if url.username and migration_url.username != url.username:
                await connection.run_sync(grant_use, url.username)
    finally:
        await owner.dispose()
    return None if found.current else Migration(found.revision, REVISIONS[-1])
