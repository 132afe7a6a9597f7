"""An empty workspace on each engine."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.bot.access.company import Company, company


@pytest.fixture
async def firm(url: str, tmp_path: Path) -> AsyncIterator[Company]:
    """A workspace in which supervision is off."""
    async with company(url, tmp_path / "firm.anchor") as opened:
        yield opened
