"""Where every event of every platform arrives: it is taken in, or its command is run."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from bot.chat import Event, Invocation, Reply
from bot.errors import BotError, StorageUnavailable
from bot.turns.intake import Intake

_log = structlog.get_logger(__name__)

#: Runs a command and answers through its responder.
Invoke = Callable[[Invocation], Awaitable[None]]

_VAGUE = "Something went wrong on my side. It was recorded; please try again later."


async def no_commands(invocation: Invocation) -> None:
    """What there is while no command is declared."""
    await invocation.responder.private(Reply("I have no such command."))


class App:
    """The core as adapters see it.

    Args:
        intake: makes events durable.
        invoke: runs commands.
    """

    def __init__(self, intake: Intake, invoke: Invoke = no_commands) -> None:
        self._intake = intake
        self._invoke = invoke
        self._running: set[asyncio.Task[None]] = set()

    async def receive(self, event: Event) -> None:
        """Take an event in; `bot.chat.Receive`. A command runs behind it, for platforms wait only seconds."""
        if not isinstance(event, Invocation):
            await self._intake.take(event)
            return
        taken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._take_and_run(event, taken))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            async with asyncio.timeout(self._intake.patience):
                await taken
        except TimeoutError:
            # It runs as soon as it is taken in: its repetition will not.
            raise StorageUnavailable("The database takes too long.") from None

    async def _take_and_run(self, invocation: Invocation, taken: "asyncio.Future[None]") -> None:
        try:
            outcome = await self._intake.take(invocation)
        except BotError as error:
            if not taken.done():
                taken.set_exception(error)
            return
        if not taken.done():
            taken.set_result(None)
        if outcome == "turn":
            await self._run(invocation)

    async def _run(self, invocation: Invocation) -> None:
        try:
            await self._invoke(invocation)
        except BotError as error:
            await self._sorry(invocation, str(error))
        except Exception as error:  # noqa: BLE001 (a bug: logged, and answered vaguely)
            _log.error("a command failed", command=invocation.command, error=type(error).__name__)
            await self._sorry(invocation, _VAGUE)

    async def _sorry(self, invocation: Invocation, sentence: str) -> None:
        try:
            await invocation.responder.private(Reply(sentence))
        except Exception as error:  # noqa: BLE001 (there is no other way to tell it)
            _log.warning("a command's failure could not be told", error=type(error).__name__)

    async def finish(self, seconds: float) -> None:
        """Let the commands that run come to their end, but not for longer than this; then end them."""
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
