from collections.abc import AsyncIterator

import pytest

import bot.models.connection  # noqa: F401 (loads openai now, so that no test measures its import)
from tests.model_server import ModelServer


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    """A model server that a strict one's complaints are asked of at the end."""
    async with ModelServer() as server:
        yield server
        assert server.violations == []
