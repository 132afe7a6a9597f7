"""Databases in a state that a command has to deal with."""

import sqlite3
from pathlib import Path

from sqlalchemy import create_engine

from bot.storage.schema import migrate


def make_old(path: Path) -> None:
    """A database of the first version."""
    path.parent.mkdir(exist_ok=True, mode=0o700)
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        migrate(connection, "0001")
    engine.dispose()
    path.chmod(0o600)


def make_newer(path: Path) -> None:
    """As a later version of the program would leave it."""
    execute(path, "UPDATE alembic_version SET version_num = '9999'")


def execute(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(statement)
    connection.close()
