"""Delivers what inhabitants did to the bot, again and again until it is taken in."""

import asyncio

import structlog

from adapters.local.commands import typed_in
from adapters.local.conversation import World
from adapters.local.deed_rows import Outgoing, still_out, taken_in
from adapters.local.inbound import event_of
from bot.chat import Event, Receive
from bot.commands.declaration import Registry
from bot.errors import NotAllowed, StorageError

_log = structlog.get_logger(__name__)

_REDELIVER_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0
#: How many payloads are read at once.
_BATCH = 100


class Deliveries:
    """What is on its way from the local platform to the bot.

    Args:
        world: the platform.
        bot: the name by which people mention the bot.
        registry: the commands that can be typed as messages.
    """

    def __init__(self, world: World, bot: str, registry: Registry) -> None:
        self._world = world
        self._bot = bot
        self._registry = registry
        self._receive: Receive | None = None
        self._waiting = asyncio.Event()
        # One at a time, each from the oldest on: what was done first is told first.
        self._telling = asyncio.Lock()

    @property
    def running(self) -> bool:
        """Whether there is a bot to deliver to."""
        return self._receive is not None

    async def run(self, receive: Receive) -> None:
        """Deliver until cancelled; first what could not be delivered before."""
        self._receive = receive
        self._waiting.set()
        pause = _REDELIVER_SECONDS
        try:
            while True:
                await self._waiting.wait()
                self._waiting.clear()
                if await self._tried():
                    pause = _REDELIVER_SECONDS
                    continue
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
                self._waiting.set()
        finally:
            self._receive = None

    async def _tried(self) -> bool:
        try:
            return await self._deliver_all()
        except StorageError as error:
            _log.warning("what was said cannot be delivered yet", error=type(error).__name__)
            return False

    async def deliver(self) -> None:
        """Deliver what waits, in order, or, where that fails, as soon as it is possible."""
        try:
            all_told = await self._deliver_all()
        except StorageError:
            all_told = False
        except BaseException:
            self._waiting.set()
            raise
        if not all_told:
            self._waiting.set()

    async def hand_over(self, event: Event) -> None:
        """Deliver what is worth nothing later, such as a pressed button.

        Raises:
            NotAllowed: the bot does not run.
            StorageError: the bot cannot take it in.
        """
        if self._receive is None:
            raise NotAllowed("The bot does not run.")
        await self._receive(event)

    async def _deliver_all(self) -> bool:
        """Deliver all, from the oldest on; whether nothing was left."""
        all_told, after = True, 0
        async with self._telling:
            while self._receive is not None:
                batch = await self._world.store.read(still_out, after, _BATCH)
                if not batch:
                    break
                for out in batch:
                    all_told &= await self._deliver(self._receive, out)
                if len(batch) < _BATCH:
                    break  # whoever did something since delivers it
                after = batch[-1].key
        return all_told

    async def _deliver(self, receive: Receive, out: Outgoing) -> bool:
        try:
            await receive(typed_in(self._world, event_of(out.payload, self._bot), self._registry))
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001 (one bad payload holds up no other; it is tried again later)
            _log.error("what was said cannot be delivered", delivery=out.key, error=type(error).__name__)
            return False
        await self._world.store.write(taken_in, out.key)
        return True
