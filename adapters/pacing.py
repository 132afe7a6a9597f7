"""Showing a growing text no faster than a platform allows: what comes too fast is passed over, the last never."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


async def paced(growing: AsyncIterator[T], seconds: float) -> AsyncGenerator[T, None]:
    """The first and the last of what grows at once, and between them the newest, so many seconds apart.

    What `growing` raises is raised here, at once. Closed, this closes it.
    """
    newest: list[T] = []
    more, ended, shown = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def read() -> None:
        try:
            async for one in growing:
                newest[:] = [one]
                more.set()
                await shown.wait()  # the first is passed over by none
        finally:
            ended.set()
            more.set()

    reading = asyncio.create_task(read())
    try:
        while True:
            await more.wait()
            more.clear()
            if ended.is_set():
                await reading
            if newest:
                shown.set()
                yield newest.pop()
            if ended.is_set() and not newest:
                await reading  # it may have failed while the last one was shown
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await ended.wait()
    finally:
        reading.cancel()
        await asyncio.wait([reading])
        if not reading.cancelled():
            reading.exception()  # whoever closes this early does not ask for it
        close = getattr(growing, "aclose", None)
        if close is not None:
            await close()
