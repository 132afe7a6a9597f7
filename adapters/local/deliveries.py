"""Delivers what inhabitants did to the bot, again and again until it is taken in."""

import asyncio

import structlog

from adapters.local.conversation import World
from adapters.local.deed_rows import Outgoing, still_out, taken_in
from adapters.local.inbound import event_of
from bot.chat import Event, Receive
from bot.errors import NotAllowed, StorageError

_log = structlog.get_logger(__name__)

_REDELIVER_SECONDS = 1.0
#: How many payloads are read at once.
_BATCH = 100


class Deliveries:
    """What is on its way from the local platform to the bot.

    Args:
        world: the platform.
        bot: the name by which people mention the bot.
    """

    def __init__(self, world: World, bot: str) -> None:
        self._world = world
        self._bot = bot
        self._receive: Receive | None = None
        self._waiting = asyncio.Event()
        #: Older deeds wait: what comes now is told after them.
        self._behind = False

    @property
    def running(self) -> bool:
        """Whether there is a bot to deliver to."""
        return self._receive is not None

    async def run(self, receive: Receive) -> None:
        """Deliver until cancelled; first what could not be delivered before."""
        waiting = await self._anything_waits()
        self._receive, self._behind = receive, self._behind or waiting
        self._waiting.set()
        try:
            while True:
                await self._waiting.wait()
                self._waiting.clear()
                try:
                    await self._deliver_all()
                except StorageError as error:
                    _log.warning("what was said cannot be delivered yet", error=type(error).__name__)
                    self._put_off()
                    await asyncio.sleep(_REDELIVER_SECONDS)
                # What was done meanwhile may have been left to the next look.
                self._behind = self._waiting.is_set()
        finally:
            self._receive = None

    async def deliver(self, out: Outgoing) -> None:
        """Deliver now, or, where that fails or older deeds wait, as soon as it is possible."""
        if self._receive is None or self._behind:
            self._put_off()
            return
        try:
            await self._deliver(self._receive, out)
        except StorageError:
            self._put_off()
        except BaseException:
            self._put_off()
            raise

    def _put_off(self) -> None:
        self._behind = True
        self._waiting.set()

    async def _anything_waits(self) -> bool:
        try:
            return bool(await self._world.store.read(still_out, 0, 1))
        except StorageError:
            return True

    async def hand_over(self, event: Event) -> None:
        """Deliver what is worth nothing later, such as a pressed button.

        Raises:
            NotAllowed: the bot does not run.
            StorageError: the bot cannot take it in.
        """
        if self._receive is None:
            raise NotAllowed("The bot does not run.")
        await self._receive(event)

    async def _deliver_all(self) -> None:
        after = 0
        while self._receive is not None:
            batch = await self._world.store.read(still_out, after, _BATCH)
            if not batch:
                return
            for out in batch:
                try:
                    await self._deliver(self._receive, out)
                except StorageError:
                    raise
                except Exception as error:  # noqa: BLE001 (one bad payload holds up no other; it is tried again later)
                    _log.error("what was said cannot be delivered", delivery=out.key, error=type(error).__name__)
            after = batch[-1].key

    async def _deliver(self, receive: Receive, out: Outgoing) -> None:
        await receive(event_of(out.payload, self._bot))
        await self._world.store.write(taken_in, out.key)
