"""A playground with its bot, and a browser without a window."""

from collections.abc import AsyncIterator

import pytest

from tests.web.asking import Browser
from tests.web.stage import Stage, playing


@pytest.fixture
async def stage(url: str) -> AsyncIterator[Stage]:
    async with playing(url) as opened:
        yield opened


@pytest.fixture
async def browser(stage: Stage) -> Browser:
    return Browser(stage)
