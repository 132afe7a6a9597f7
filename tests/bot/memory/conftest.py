"""The stage that the cases, rules and leaks are played on, and the two engines side by side."""

import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from bot import Memory
from tests.bot.memory.stage import START, Stage, set_stage, ticking
from tests.engines import Clock, Postgres


@pytest.fixture
async def stage(memory: Memory, clock: Clock) -> Stage:
    """bob's t1 to t3 and carol's t4 and t5, with their messages."""
    return await set_stage(memory, clock)


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
