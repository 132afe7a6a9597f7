"""The stage that the cases, rules and leaks are played on, and the two engines side by side."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from bot import Memory
from tests.bot.memory.stage import START, Stage, set_stage, ticking
from tests.engines import Clock, Postgres


def _set(url: str) -> None:
    async def build() -> None:
        clock = ticking(START)
        async with await Memory.open(url, now=clock) as memory:
            await set_stage(Stage(memory, clock))

    asyncio.run(build())


@pytest.fixture(scope="session")
def sqlite_stage(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Path:
    """A SQLite file with the stage in it, made once and copied for each test."""
    path = tmp_path_factory.mktemp("stage") / "stage.db"
    shutil.copy(sqlite_template, path)
    _set(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_stage(postgres: Postgres, postgres_template: str) -> str:
    """A PostgreSQL database with the stage in it, likewise."""
    name = postgres.create("tk_stage", template=postgres_template)
    _set(postgres.url(name))
    return name


@pytest.fixture
def url(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a database: with the stage in it for a test that asks for the stage, else empty."""
    kind = "stage" if "stage" in request.fixturenames else "template"
    if engine == "sqlite":
        path = tmp_path / "test.db"
        shutil.copy(request.getfixturevalue(f"sqlite_{kind}"), path)
        yield f"sqlite:///{path}"
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    name = postgres.create(f"tk_{uuid4().hex}", template=request.getfixturevalue(f"postgres_{kind}"))
    yield postgres.url(name)
    postgres.drop(name)


@pytest.fixture
def stage(memory: Memory, clock: Clock) -> Stage:
    """bob's t1 to t3 and carol's t4 and t5, with their messages."""
    return Stage(memory, clock)


@pytest.fixture
async def both(
    tmp_path: Path, sqlite_template: Path, postgres: Postgres, postgres_template: str
) -> AsyncIterator[tuple[Stage, Stage]]:
    """Two empty memories, one on each engine, with clocks that show the same."""
    shutil.copy(sqlite_template, tmp_path / "both.db")
    name = postgres.create(f"tk_{uuid4().hex}", template=postgres_template)
    try:
        async with AsyncExitStack() as stack:
            stages = []
            for url in (f"sqlite:///{tmp_path / 'both.db'}", postgres.url(name)):
                clock = ticking(START)
                memory = await stack.enter_async_context(await Memory.open(url, now=clock))
                stages.append(Stage(memory, clock))
            yield stages[0], stages[1]
    finally:
        postgres.drop(name)
