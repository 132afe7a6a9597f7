"""What a place shows of the bot's work: one status after the other, never one that was overtaken."""

import asyncio

import structlog

from bot.chat import Conversation, Status

_log = structlog.get_logger(__name__)

#: So long the end of a turn waits for a platform that is slow to show that the bot is at work no longer.
_PATIENCE_SECONDS = 5.0


class ShownStatus:
    """The status of one place, shown beside the work: no work waits for it, but its end a little."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._showing: asyncio.Task[None] | None = None

    def show(self, status: Status) -> "asyncio.Task[None]":
        """Let the place show a status, as soon as it has shown the one before."""
        self._showing = asyncio.create_task(self._show(self._showing, status))
        return self._showing

    async def _show(self, earlier: "asyncio.Task[None] | None", status: Status) -> None:
        if earlier is not None:
            await asyncio.wait([earlier])
        try:
            await self._conversation.status(status)
        except Exception as error:  # noqa: BLE001 (no answer is lost for that)
            _log.warning("a status could not be shown", status=status, error=type(error).__name__)

    async def show_idle(self) -> None:
        """Let the place show that the bot is at rest, and wait for that, unless the platform takes too long."""
        await asyncio.wait([self.show("idle")], timeout=_PATIENCE_SECONDS)

    def leave(self) -> None:
        """Show nothing more."""
        if self._showing is not None:
            self._showing.cancel()
