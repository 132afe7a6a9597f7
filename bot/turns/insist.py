"""What must be written down is written down, however long the database is away."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from bot.errors import StorageUnavailable

T = TypeVar("T")

_log = structlog.get_logger(__name__)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0


async def insist(write: Callable[[], Awaitable[T]]) -> T:
    """Repeat a write until the database takes it. Only for what may be written twice.

    Raises:
        StorageError: the database refuses for good.
    """
    pause = _FIRST_PAUSE
    while True:
        try:
            return await write()
        except StorageUnavailable as error:
            _log.warning("the database is away; trying again", error=type(error).__name__, seconds=pause)
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
