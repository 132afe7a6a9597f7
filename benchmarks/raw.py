"""The yardstick: what our calls sent to the database, recorded once and sent again through the driver alone."""

import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, cast
from uuid import uuid4

import psycopg
from psycopg import IsolationLevel
from sqlalchemy import Connection, Engine, event

_COLUMNS = re.compile(r"INSERT INTO messages \(([^)]*)\)")
_LEVELS = {"REPEATABLE READ": IsolationLevel.REPEATABLE_READ, "SERIALIZABLE": IsolationLevel.SERIALIZABLE}


@dataclass
class Statement:
    """One statement as the driver got it. `many`: parameters are a list, for `executemany`."""

    sql: str
    parameters: Any
    many: bool


@dataclass
class Transaction:
    """The statements of one transaction, and how it was begun."""

    reads: bool = True
    isolation: str | None = None
    read_only: bool = False
    statements: list[Statement] = field(default_factory=list)


@contextmanager
def recording() -> Iterator[list[Transaction]]:
    """Record every transaction of every engine of SQLAlchemy. Calls must come one after the other."""
    recorded: list[Transaction] = []

    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        level = cast("str | None", options.get("isolation_level"))
        recorded.append(Transaction(isolation=level, read_only=bool(options.get("postgresql_readonly"))))

    def execute(_connection: Connection, _cursor: object, sql: str, parameters: Any, *_rest: object) -> None:
        if sql.startswith("BEGIN"):
            return
        recorded[-1].reads = recorded[-1].reads and sql.startswith(("SELECT", "WITH"))
        recorded[-1].statements.append(Statement(sql, parameters, isinstance(parameters, list)))

    event.listen(Engine, "begin", begin)
    event.listen(Engine, "before_cursor_execute", execute)
    try:
        yield recorded
    finally:
        event.remove(Engine, "before_cursor_execute", execute)
        event.remove(Engine, "begin", begin)
        # SQLAlchemy leaves this on, and would go on looking for listeners at every statement that is measured.
        Engine._has_events = False  # noqa: SLF001


@dataclass
class Saving:
    """What a transaction has learnt so far: an insert needs the number that the thread gave, the index the keys."""

    next_seq: int = 0
    keys: list[int] = field(default_factory=list)

    def learn(self, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Take what a later statement needs from what an earlier one returned."""
        if "next_seq" in names and rows:
            self.next_seq = rows[0][names.index("next_seq")]
        elif list(names) == ["id", "key"]:
            self.keys = [row[1] for row in rows]


class Step:
    """A statement that can be sent again: with fresh ids where the same ones would be refused."""

    def __init__(self, statement: Statement) -> None:
        self.sql, self.many, self._parameters = statement.sql, statement.many, statement.parameters
        inserts = _COLUMNS.match(self.sql)
        self._ids: list[Any] = []
        self._seqs: list[Any] = []
        self._indexes = self.sql.startswith("INSERT INTO message_search")
        if inserts is not None:
            places = _places([name.strip() for name in inserts[1].split(",")], self._parameters)
            self._ids, self._seqs = places["id"], places["seq"]

    def parameters(self, saving: Saving) -> Any:
        """The parameters to send now."""
        if self._indexes and not self.many:
            return _with_key(self._parameters, saving.keys[0])
        if self._indexes:
            return [_with_key(one, key) for one, key in zip(self._parameters, saving.keys, strict=True)]
        if not self._ids:
            return self._parameters
        fresh: Any = dict(self._parameters) if isinstance(self._parameters, Mapping) else list(self._parameters)
        first = saving.next_seq - len(self._ids)
        for number, (id_place, seq_place) in enumerate(zip(self._ids, self._seqs, strict=True)):
            fresh[id_place] = str(uuid4())
            fresh[seq_place] = first + number
        return fresh


def _places(columns: Sequence[str], parameters: Any) -> dict[str, list[Any]]:
    """Where the values of each column stand among the parameters: names on PostgreSQL, numbers on SQLite."""
    rows = len(parameters) // len(columns)
    if isinstance(parameters, Mapping):
        suffixes = [""] if rows == 1 and "id" in parameters else [f"__{row}" for row in range(rows)]
        return {column: [f"{column}{suffix}" for suffix in suffixes] for column in columns}
    return {column: list(range(at, len(parameters), len(columns))) for at, column in enumerate(columns)}


def _with_key(one: Any, key: int) -> Any:
    return {**one, "key": key} if isinstance(one, Mapping) else (key, *one[1:])


class Replay:
    """Recorded transactions, ready to be sent again."""

    def __init__(self, transactions: Sequence[Transaction]) -> None:
        self.transactions = [(one, [Step(statement) for statement in one.statements]) for one in transactions]


class Raw(Protocol):
    """A connection of a driver."""

    def run(self, replay: Replay) -> None:
        """Send it all again, with the same transactions, and fetch every row."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


class RawSQLite:
    """One connection of sqlite3, set up as the runner sets up its writer."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        for pragma in ("foreign_keys = ON", "cache_size = -16000", "temp_store = MEMORY", "synchronous = FULL"):
            self._connection.execute(f"PRAGMA {pragma}")

    def run(self, replay: Replay) -> None:
        cursor = self._connection.cursor()
        for transaction, steps in replay.transactions:
            cursor.execute("BEGIN" if transaction.reads else "BEGIN IMMEDIATE")
            saving = Saving()
            for step in steps:
                if step.many:
                    cursor.executemany(step.sql, step.parameters(saving))
                    continue
                rows = cursor.execute(step.sql, step.parameters(saving)).fetchall()
                if not transaction.reads and cursor.description:
                    saving.learn([column[0] for column in cursor.description], rows)
            cursor.execute("COMMIT")

    def close(self) -> None:
        self._connection.close()


class RawPostgreSQL:
    """One connection of psycopg as it comes: autocommit off, statements prepared after their fifth time."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url)

    def run(self, replay: Replay) -> None:
        connection = self._connection
        for transaction, steps in replay.transactions:
            connection.isolation_level = _LEVELS.get(transaction.isolation or "")
            connection.read_only = transaction.read_only or None
            cursor = connection.cursor()
            saving = Saving()
            for step in steps:
                if step.many:
                    cursor.executemany(step.sql, step.parameters(saving))
                    continue
                cursor.execute(step.sql, step.parameters(saving))
                if cursor.description is None:
                    continue
                rows = cursor.fetchall()
                if not transaction.reads:
                    saving.learn([column.name for column in cursor.description], rows)
            connection.commit()

    def close(self) -> None:
        self._connection.close()
