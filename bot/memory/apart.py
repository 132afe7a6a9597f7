"""Work that would keep everybody waiting goes to a thread of its own."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

#: Texts longer than this, together, are taken apart elsewhere: about ten milliseconds' work.
_LONG = 50_000


async def apart(size: int, work: Callable[[], T]) -> T:
    """Do `work` on texts of `size` characters: here, or in a thread where it is long."""
    return await asyncio.to_thread(work) if size > _LONG else work()
