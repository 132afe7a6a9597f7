"""A copy of the SQLite file before its schema changes, with the command that restores it."""

import shlex
from pathlib import Path

import structlog
from sqlalchemy import Connection

_log = structlog.get_logger(__name__)


def snapshot_path(path: Path, revision: str) -> Path:
    """Where the copy of `path` at `revision` stands: beside it, never over an older copy."""
    number = 1
    while (candidate := path.with_name(f"{path.name}.before-migrating-{revision}.{number}")).exists():
        number += 1
    return candidate


def restore_command(path: Path, snapshot: Path) -> str:
    """The shell command that puts `snapshot` back, for a stopped bot."""
    quoted = {name: shlex.quote(str(place)) for name, place in (("path", path), ("snapshot", snapshot))}
    sidecars = f"{shlex.quote(f'{path}-wal')} {shlex.quote(f'{path}-shm')}"
    return f"cp {quoted['snapshot']} {quoted['path']} && rm -f {sidecars}"


def take_snapshot(connection: Connection, path: Path, revision: str) -> Path:
    """Copy the database, whole and consistent, and log how to restore it."""
    snapshot = snapshot_path(path, revision)
    snapshot.touch(mode=0o600)
    connection.exec_driver_sql("VACUUM INTO ?", (str(snapshot),))
    connection.rollback()
    _log.info("snapshot before migrating", snapshot=str(snapshot), restore=restore_command(path, snapshot))
    return snapshot
