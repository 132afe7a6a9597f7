"""What the fault tests share: a PostgreSQL server that they may stop."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.server import Server


@pytest.fixture(scope="session")
def stoppable() -> Iterator[Server]:
    """A server of the fault tests' own, made once."""
    folder = Path(tempfile.mkdtemp(prefix="tk-own-pg-"))
    made = Server(folder)
    made.start()
    made.run("CREATE ROLE guarded LOGIN PASSWORD 's3cret'", "ALTER SYSTEM SET synchronous_commit = 'off'")
    made.run("SELECT pg_reload_conf()")
    try:
        yield made
    finally:
        if made.running:
            made.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def server(stoppable: Server) -> Server:
    """A running server; the test may stop it."""
    if not stoppable.running:
        stoppable.start()
    return stoppable
