"""Driver errors translated into our tree, at the only place that sees them."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from json import JSONDecodeError

from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from bot.errors import SchemaOutdated, StorageError, StorageFull, StorageLocked, StorageUnavailable, StorageUnreadable

# SQLite's own sentences: its error codes are on the exception only from Python 3.11 on and not for every call.
_SQLITE_SENTENCES: tuple[tuple[str, type[StorageError]], ...] = (
    ("database is locked", StorageLocked),
    ("database table is locked", StorageLocked),
    ("database or disk is full", StorageFull),
    ("disk i/o error", StorageFull),
    ("unable to open database file", StorageUnreadable),
    ("file is not a database", StorageUnreadable),
    ("database disk image is malformed", StorageUnreadable),
    ("could not decode to utf-8", StorageUnreadable),
    ("readonly database", StorageUnreadable),
    ("no such table", SchemaOutdated),
    ("no such column", SchemaOutdated),
)
# PostgreSQL's SQLSTATE classes and codes (Appendix A of its manual).
_SQLSTATES: tuple[tuple[tuple[str, ...], type[StorageError]], ...] = (
    (("53100", "58030"), StorageFull),
    (("42P01", "42703"), SchemaOutdated),
    (("08", "53", "57P"), StorageUnavailable),
)
#: What comes from a driver or a disk. A damaged file shows in texts that are none and documents that do not parse.
DRIVER_ERRORS = (SQLAlchemyError, OSError, UnicodeDecodeError, JSONDecodeError)
#: Serialization failure and deadlock: the transaction may simply be run again.
_REPLAYABLE = {"40001", "40P01"}


def sqlstate(error: BaseException) -> str:
    """PostgreSQL's error code, "" where there is none."""
    origin = error.orig if isinstance(error, DBAPIError) else error
    return getattr(origin, "sqlstate", None) or ""


def may_replay(error: BaseException) -> bool:
    """Whether PostgreSQL gave up on this transaction for the sake of another one."""
    return sqlstate(error) in _REPLAYABLE


def connection_lost(error: BaseException) -> bool:
    """Whether there is no connection any more, or never was one. A file is never lost: SQLite says what is wrong."""
    if not isinstance(error, DBAPIError):
        return isinstance(error, OSError)
    return error.connection_invalidated or (
        isinstance(error, OperationalError) and not isinstance(error.orig, sqlite3.Error)
    )


def translate(error: SQLAlchemyError | OSError | UnicodeDecodeError | JSONDecodeError) -> StorageError:
    """What a driver's error means to us. The driver's words, which may hold values of rows, are left behind."""
    if isinstance(error, PoolTimeoutError | OSError):
        return StorageUnavailable()
    if isinstance(error, UnicodeDecodeError | JSONDecodeError):
        return StorageUnreadable()
    code = sqlstate(error)
    origin = getattr(error, "orig", error)
    sentence = str(origin).lower() if isinstance(origin, sqlite3.Error) else ""
    kinds: list[type[StorageError]] = [
        *(kind for codes, kind in _SQLSTATES if code.startswith(codes)),
        *(kind for words, kind in _SQLITE_SENTENCES if words in sentence),
        *([StorageUnavailable] if connection_lost(error) else []),
    ]
    if kinds:
        return kinds[0]()
    return StorageError(f"The database failed ({type(origin).__name__}).")


@contextmanager
def translated() -> Iterator[None]:
    """Raise our errors in place of the driver's."""
    try:
        yield
    except DRIVER_ERRORS as error:
        raise translate(error) from error
