"""Showing a growing text no faster than a platform allows: what comes too fast is passed over, the last never."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress


async def paced(texts: AsyncIterator[str], seconds: float) -> AsyncGenerator[str, None]:
    """The newest of `texts` at most every so many seconds; the first and the last always.

    What `texts` raises is raised here, at once.
    """
    newest: list[str] = []
    more, ended = asyncio.Event(), asyncio.Event()

    async def read() -> None:
        try:
            async for text in texts:
                newest[:] = [text]
                more.set()
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
                yield newest.pop()
            if ended.is_set() and not newest:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await ended.wait()
    finally:
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.wait([reading])
