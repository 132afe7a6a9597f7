"""An answer while it grows: the model adds to it, the platform shows of it what it can keep up with."""

import asyncio
from contextlib import suppress


class Growing:
    """A text that grows until it is whole, or until it is given up."""

    def __init__(self) -> None:
        self.text = ""
        self.whole = False
        self._given_up: BaseException | None = None
        self._changed = asyncio.Event()

    def add(self, piece: str) -> None:
        """Let it grow, unless it has ended."""
        if not self.whole:
            self.text += piece
            self._changed.set()

    def end(self, text: str | None = None) -> None:
        """Nothing more will come; `text` replaces what came, which it begins with."""
        if text is not None:
            self.text = text
        self.whole = True
        self._changed.set()

    def give_up(self, reason: BaseException) -> None:
        """Let everybody who waits for more raise `reason`."""
        self._given_up = reason
        self._changed.set()

    async def first_word(self) -> None:
        """Wait until there is something to show, or until the end.

        Raises:
            BaseException: the reason for which it was given up.
        """
        await self.more(0)
        while not self.whole and not self.text.strip():
            await self.more(len(self.text))

    async def more(self, beyond: int) -> None:
        """Wait until the text is longer than `beyond`, or whole.

        Raises:
            BaseException: the reason for which it was given up.
        """
        while True:
            if self._given_up is not None:
                # Those who wait for it are several: each gets it without the other's traceback.
                raise self._given_up.with_traceback(None)
            if self.whole or len(self.text) > beyond:
                return
            self._changed.clear()
            await self._changed.wait()

    async def end_of_it(self) -> None:
        """Wait for the end.

        Raises:
            BaseException: the reason for which it was given up.
        """
        while not self.whole:
            await self.more(len(self.text))

    async def whole_within(self, seconds: float) -> bool:
        """Wait for the end, but not longer than this; whether it came.

        Raises:
            BaseException: the reason for which it was given up.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.end_of_it()
        return self.whole
