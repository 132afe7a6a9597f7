"""The yardstick: the transactions of real turns, recorded, and sent again by the driver alone.

They are sent to a copy of the database as it was before them. The same inserts in the same order get the same keys
there, so that every statement goes as it was recorded, with its own values.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, cast

import psycopg
from sqlalchemy import Connection, Engine, event

from benchmarks.raw import Statement, Transaction

_WRITING = ("INSERT", "UPDATE", "DELETE")


@contextmanager
def recording() -> Iterator[list[Transaction]]:
    """Record every transaction of every engine of SQLAlchemy, in the order of their commits."""
    open_ones: dict[int, Transaction] = {}
    recorded: list[Transaction] = []

    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        level = cast("str | None", options.get("isolation_level"))
        open_ones[id(connection)] = Transaction(isolation=level, read_only=bool(options.get("postgresql_readonly")))

    def execute(connection: Connection, _cursor: object, sql: str, parameters: Any, *_rest: object) -> None:
        found = open_ones.get(id(connection))
        if found is not None and not sql.startswith("BEGIN"):
            found.reads = found.reads and not sql.startswith(_WRITING)
            found.statements.append(Statement(sql, parameters, isinstance(parameters, list)))

    def commit(connection: Connection) -> None:
        recorded.append(open_ones.pop(id(connection)))

    def rollback(connection: Connection) -> None:
        open_ones.pop(id(connection), None)

    hooks: dict[str, Callable[..., None]] = {
        "begin": begin,
        "before_cursor_execute": execute,
        "commit": commit,
        "rollback": rollback,
    }
    for name, hook in hooks.items():
        event.listen(Engine, name, hook)
    try:
        yield recorded
    finally:
        for name, hook in hooks.items():
            event.remove(Engine, name, hook)
        # SQLAlchemy leaves this on, and would go on looking for listeners at every statement that is measured.
        Engine._has_events = False  # noqa: SLF001


class Driver(Protocol):
    """A connection of a driver."""

    def run(self, transactions: Sequence[Transaction]) -> None:
        """Send recorded transactions again, each with its own commit, and fetch every row."""
        ...

    def answered(self) -> int:
        """How many turns its copy of the database holds that were answered."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


_COUNT = "SELECT count(*) FROM turns WHERE state = 'answered'"


class SQLiteDriver:
    """One connection of sqlite3, set up as the runner sets up its writer."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        for pragma in ("foreign_keys = ON", "cache_size = -16000", "temp_store = MEMORY", "synchronous = FULL"):
            self._connection.execute(f"PRAGMA {pragma}")

    def run(self, transactions: Sequence[Transaction]) -> None:
        cursor = self._connection.cursor()
        for transaction in transactions:
            cursor.execute("BEGIN" if transaction.reads else "BEGIN IMMEDIATE")
            for statement in transaction.statements:
                if statement.many:
                    cursor.executemany(statement.sql, statement.parameters)
                else:
                    cursor.execute(statement.sql, statement.parameters).fetchall()
            cursor.execute("COMMIT")

    def answered(self) -> int:
        return int(self._connection.execute(_COUNT).fetchone()[0])

    def close(self) -> None:
        self._connection.close()


class PostgreSQLDriver:
    """One connection of psycopg as it comes: autocommit off, statements prepared after their fifth time."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url)

    def run(self, transactions: Sequence[Transaction]) -> None:
        connection = self._connection
        for transaction in transactions:
            repeatable = transaction.isolation == "REPEATABLE READ"
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ if repeatable else None
            connection.read_only = transaction.read_only or None
            cursor = connection.cursor()
            for statement in transaction.statements:
                sql = cast("Any", statement.sql)
                if statement.many:
                    cursor.executemany(sql, statement.parameters)
                    continue
                cursor.execute(sql, statement.parameters)
                if cursor.description is not None:
                    cursor.fetchall()
            connection.commit()

    def answered(self) -> int:
        row = self._connection.execute(_COUNT).fetchone()
        self._connection.commit()
        return int(row[0]) if row is not None else 0

    def close(self) -> None:
        self._connection.close()


def driver_of(url: str) -> Driver:
    """A driver's connection to a database."""
    return SQLiteDriver(url.removeprefix("sqlite:///")) if url.startswith("sqlite") else PostgreSQLDriver(url)
