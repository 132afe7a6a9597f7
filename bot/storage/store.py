"""The runner: storage functions run in transactions, the same functions on SQLite and on PostgreSQL.

A storage function is plain and synchronous: it takes a connection and values, does one thing and never commits. It must
be replayable, for a transaction may be rolled back and run again: ids and times are arguments, and it keeps nothing.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Concatenate, Literal, ParamSpec, Protocol, TypeVar

from sqlalchemy import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError

from bot.errors import SettingsError
from bot.storage.signals import Signals

P = ParamSpec("P")
T = TypeVar("T")

#: What an opened store is for. A `worker` answers people and is alone on a SQLite file; a `writer` makes short changes
#: beside it; a `reader` changes nothing, not even the schema.
Purpose = Literal["worker", "writer", "reader"]


@dataclass(frozen=True, slots=True)
class Migration:
    """What was done to bring a database's schema up to date."""

    #: The revision that it had; None where it was empty.
    before: str | None
    after: str
    #: SQLite: the copy that was made before, and the command that puts it back. None where there was nothing to copy.
    snapshot: Path | None = None
    restore: str = ""


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """What became of bytes that no row holds any more."""

    #: False: somebody still reads what was there before; it is to be tried again.
    done: bool
    #: Why some of it may have stayed in unused corners of the files: "size" (they are too large to be written anew
    #: while people wait), "rights" (PostgreSQL: only the tables' owner may do that); "" where nothing stayed.
    left: Literal["", "size", "rights"] = ""


class Store(Protocol):
    """A database with an up-to-date schema."""

    @property
    def migration(self) -> Migration | None:
        """What opening did to the schema; None where there was nothing to do."""
        ...

    async def read(self, function: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `function` in a read-only transaction: one consistent picture of the database.

        Raises:
            StorageError: the database failed; the tree in `bot.errors`.
        """
        ...

    async def write(self, function: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `function` in a transaction and return its result after the commit is durable.

        When the caller is cancelled the transaction still ends, with its commit: nothing stays locked.

        Raises:
            StorageError: the database failed; nothing was changed, unless the sentence says that this is unknown.
        """
        ...

    async def scrub(self, tables: Sequence[str], most_bytes: int) -> Scrubbed:
        """Remove from the database's own files what was deleted from the tables: rows leave their bytes behind.

        Args:
            tables: where rows were deleted; SQLite has one file for all.
            most_bytes: files up to this size are written anew, which alone leaves nothing; larger ones only have their
                deleted rows overwritten, where the engine does that.

        Raises:
            StorageError: the database failed; nothing was changed but where bytes lie.
        """
        ...

    @property
    def shared(self) -> bool:
        """Whether several processes may work on this database at once."""
        ...

    def signals(self) -> Signals:
        """Where this process hears that there is something to do; to be closed by whoever asked for it."""
        ...

    async def close(self) -> None:
        """Finish what was begun, then close. A closed store raises StorageUnavailable."""
        ...


def parse_url(url: str) -> URL:
    """Read a database address: `sqlite:///file.db` or `postgresql://user:password@host/database`.

    Raises:
        SettingsError: it is neither, or an in-memory SQLite, which would forget everything.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise SettingsError("DATABASE_URL is not a database address, such as sqlite:///data/threadkeeper.db") from None
    if parsed.drivername in {"postgresql", "postgres", "postgresql+psycopg"}:
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername != "sqlite":
        raise SettingsError(f"DATABASE_URL names {parsed.drivername!r}; the engines are sqlite and postgresql.")
    if parsed.host:
        raise SettingsError("DATABASE_URL of a SQLite file has three slashes: sqlite:///data/threadkeeper.db")
    if "?" in url:
        raise SettingsError("DATABASE_URL of a SQLite file takes no options; a ? in its name is written %3F.")
    if parsed.database in {None, "", ":memory:"} or "\0" in str(parsed.database):
        raise SettingsError("DATABASE_URL must name a file, such as sqlite:///data/threadkeeper.db")
    return parsed


def file_url(path: str | os.PathLike[str]) -> str:
    """The address of a SQLite file, whatever signs its name has."""
    return URL.create("sqlite", database=os.fspath(path)).render_as_string()


async def open_store(url: str, *, purpose: Purpose = "writer", migration_url: str | None = None) -> Store:
    """Open a database, bringing its schema up to date unless it is opened for reading.

    Args:
        url: as `parse_url` takes it.
        purpose: see `Purpose`.
        migration_url: PostgreSQL only: the address with the role that owns the schema, where that is another one.

    Raises:
        StorageError: it cannot be opened; the sentence says why.
    """
    parsed = parse_url(url)
    if parsed.drivername == "sqlite":
        from bot.storage.sqlite import SQLiteStore  # noqa: PLC0415 (each engine is loaded when it is used)

        return await SQLiteStore.open(Path(parsed.database or ""), purpose)
    from bot.storage.postgresql import PostgreSQLStore  # noqa: PLC0415

    migration = parse_url(migration_url) if migration_url else parsed
    if migration.drivername != parsed.drivername:
        raise SettingsError("MIGRATION_DATABASE_URL must name the same PostgreSQL database as DATABASE_URL.")
    return await PostgreSQLStore.open(parsed, purpose, migration)
