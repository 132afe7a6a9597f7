"""The stage that the cases, rules and leaks are played on."""

import pytest

from bot import Memory
from tests.bot.memory.stage import Stage, set_stage
from tests.engines import Clock


@pytest.fixture
async def stage(memory: Memory, clock: Clock) -> Stage:
    """bob's t1 to t3 and carol's t4 and t5, with their messages."""
    return await set_stage(memory, clock)
