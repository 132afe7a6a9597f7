"""The runner on PostgreSQL: psycopg 3 through SQLAlchemy's asyncio engine, a pool of connections."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate

from sqlalchemy import Connection
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from bot.errors import StorageUnavailable
from bot.storage.faults import may_replay, translate, translated
from bot.storage.schema import migrate, require_current, schema_state
from bot.storage.store import P, Purpose, T

_POOL = 10
_POOL_SECONDS = 10
_CONNECT_SECONDS = 5
#: How often a transaction is run again after PostgreSQL gave up on it for another's sake, or its connection had died.
_ATTEMPTS = 4


class PostgreSQLStore:
    """A PostgreSQL database. A commit is answered when PostgreSQL says that it is durable (`synchronous_commit`)."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        # READ COMMITTED gives each statement its own picture; a reading function gets one for all.
        self._reading = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._begun: set[asyncio.Task[Any]] = set()
        self._closed = False

    @classmethod
    async def open(cls, url: URL, purpose: Purpose, migration_url: URL) -> "PostgreSQLStore":
        """Open the database; see `bot.storage.store.open_store`."""
        engine = _engine(url)
        try:
            with translated():
                if purpose != "reader":
                    await _bring_up_to_date(engine, url, migration_url)
                async with engine.connect() as connection:
                    await connection.run_sync(require_current)
        except BaseException:
            await engine.dispose()
            raise
        return cls(engine)

    async def read(self, function: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._to_the_end(
            self._run(self._reading, lambda connection: function(connection, *args, **kwargs))
        )

    async def write(self, function: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._to_the_end(self._run(self._engine, lambda connection: function(connection, *args, **kwargs)))

    async def _to_the_end(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` in a task of its own, so that a cancelled caller leaves no half transaction and no lock."""
        if self._closed:
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
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                async with engine.connect() as connection, connection.begin():
                    result = await connection.run_sync(run)
            except (SQLAlchemyError, OSError) as error:
                if attempt == _ATTEMPTS or not _again(error):
                    raise translate(error) from error
                await asyncio.sleep(0.01 * 2**attempt)
            else:
                return result
        raise AssertionError  # the last attempt returned or raised

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        await asyncio.gather(*self._begun, return_exceptions=True)
        await self._engine.dispose()


def _again(error: SQLAlchemyError | OSError) -> bool:
    """Whether running the transaction again can help: it was a deadlock's victim, or began on a connection long dead.

    A connection lost at the commit is not run again: whether it was committed is unknown.
    """
    if may_replay(error):
        return True
    return isinstance(error, DBAPIError) and error.connection_invalidated and error.statement is not None


def _engine(url: URL) -> AsyncEngine:
    return create_async_engine(
        url,
        pool_size=_POOL,
        max_overflow=0,
        pool_timeout=_POOL_SECONDS,
        connect_args={"connect_timeout": _CONNECT_SECONDS},
    )


async def _bring_up_to_date(engine: AsyncEngine, url: URL, migration_url: URL) -> None:
    async with engine.connect() as connection:
        if (await connection.run_sync(schema_state)).current:
            return
    owner = engine if migration_url == url else _engine(migration_url)
    try:
        async with owner.begin() as connection:
            await connection.run_sync(migrate)
    finally:
        if owner is not engine:
            await owner.dispose()
