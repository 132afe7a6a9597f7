"""A copy of the SQLite file before its schema changes, with the command that restores it."""

import os
import shlex
from pathlib import Path

import structlog
from sqlalchemy import URL, NullPool, create_engine

_log = structlog.get_logger(__name__)


def snapshot_path(path: Path, revision: str) -> Path:
    """Where the copy of `path` at `revision` stands: beside it, never over an older copy."""
    number = 1
    while (candidate := path.with_name(f"{path.name}.before-migrating-{revision}.{number}")).exists():
        number += 1
    return candidate


def restore_command(path: Path, snapshot: Path) -> str:
    """The shell command that puts `snapshot` back, for a stopped bot; it works from any folder."""
    target, source = path.resolve(), snapshot.resolve()
    # The WAL goes first: left beside an older file it would be replayed into it.
    return f"rm -f {_quoted(f'{target}-wal')} {_quoted(f'{target}-shm')} && cp -p {_quoted(source)} {_quoted(target)}"


def _quoted(path: Path | str) -> str:
    return shlex.quote(str(path))


def take_snapshot(path: Path, revision: str) -> Path:
    """Copy the database, whole, consistent and durable, and log how to restore it.

    Whoever calls holds the write lock on another connection, so that the copy is exactly what is about to change.
    """
    snapshot = snapshot_path(path, revision)
    snapshot.touch(mode=0o600, exist_ok=False)
    # VACUUM runs outside of transactions.
    engine = create_engine(URL.create("sqlite", database=str(path)), poolclass=NullPool, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("VACUUM INTO ?", (str(snapshot),))
        with snapshot.open("rb") as file:
            os.fsync(file.fileno())
    except BaseException:
        snapshot.unlink()
        raise
    _log.info("snapshot before migrating", snapshot=str(snapshot), restore=restore_command(path, snapshot))
    return snapshot
