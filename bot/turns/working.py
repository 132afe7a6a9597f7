"""One turn, from its lease to its end: the model is asked, the answer is stored and delivered, each once."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import uuid4

import structlog
from sqlalchemy import Connection

from bot.access.actor import Actor
from bot.agent.preparation import Asked, Prepared, prepare
from bot.agent.rounds import Progress, answer
from bot.chat import Conversation
from bot.errors import (
    BotError,
    ModelAnswerUnusable,
    ModelRefused,
    NotFound,
    PlatformBusy,
    PlatformError,
    PostRefused,
    PostUncertain,
    TurnLost,
)
from bot.memory.drafts import draft
from bot.memory.memory import Memory
from bot.memory.values import MemoryOptions, NewMessage, Outcome
from bot.models.port import Model
from bot.settings import Settings
from bot.storage.store import Store
from bot.turns.delivery import Delivery
from bot.turns.growing import Growing
from bot.turns.insist import insist
from bot.turns.notices import GIVEN_UP, STOPPED, STOPPED_BEFORE
from bot.turns.options import TurnOptions
from bot.turns.post_rows import begin_post
from bot.turns.turn_log import StoredPosts
from bot.turns.turn_rows import Recording, finish_turn, record_answer, release_turn, reread_turn
from bot.turns.turn_values import Answer, Closed, Post, Turn

_log = structlog.get_logger(__name__)

#: Asked again, these fail again.
_FINAL = (ModelRefused, ModelAnswerUnusable)


@dataclass(frozen=True, slots=True)
class Bench:
    """What every turn is worked with."""

    store: Store
    model: Model
    settings: Settings
    memory_options: MemoryOptions
    options: TurnOptions
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Close:
    """The turn has ended."""

    state: Closed
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """The turn is to be worked again, after a pause."""

    pause: timedelta
    counted: bool = True


Ending = Close | Release


class _Changed(Exception):
    """The question changed while it was being answered."""


class Working:
    """A leased turn being worked.

    Args:
        bench: with what.
        turn: the turn.
        conversation: its place.
    """

    def __init__(self, bench: Bench, turn: Turn, conversation: Conversation) -> None:
        self._bench = bench
        self.turn = turn
        self._conversation = conversation
        self._log = StoredPosts(bench.store, turn.id, dict(turn.posts), self._begin_post, bench.options, bench.now)
        self._delivery = Delivery(conversation, self._log, bench.options.settling, bench.now)
        self._look = asyncio.Event()
        self._growing: Growing | None = None
        #: How it ended, once it did.
        self.ending: Ending | None = None

    def look(self) -> None:
        """Look into the database: the turn may have been changed, stopped or lost."""
        self._look.set()

    async def run(self) -> Ending | None:
        """Work the turn to its end. None: another process has it now, and nothing is left to do here.

        Cancelled, it gives the turn back.
        """
        shown = asyncio.create_task(self._conversation.status("working"))
        try:
            ending = await self._end()
            await self._show_idle(shown)
            await insist(lambda: self._apply(ending))
        except TurnLost:
            await self._show_idle(shown)
            return None
        except asyncio.CancelledError:
            shown.cancel()
            with suppress(BotError):
                await asyncio.shield(self._apply(Release(timedelta(), counted=False)))
            raise
        self.ending = ending
        return ending

    async def _show_idle(self, shown: "asyncio.Task[None]") -> None:
        await asyncio.wait([shown])
        await self._conversation.status("idle")

    async def _end(self) -> Ending:
        """Bring the turn as far as it goes now."""
        watching = asyncio.create_task(self._watch())
        try:
            while True:
                try:
                    return await self._once()
                except (_Changed, NotFound):
                    before = self.turn.revision
                    self.turn = await insist(lambda: self._reread(take=True))
                    if self.turn.revision == before:
                        # Not the question, but something around it is gone, and with it what there was to answer.
                        return Close("withdrawn", NotFound.__name__)
        except PlatformBusy as error:
            return Release(error.retry_after, counted=False)
        except PostUncertain:
            return self._again(self._bench.options.post_attempts, PostUncertain.__name__, self._bench.options.settling)
        except PostRefused as error:
            return Close("failed", type(error).__name__)
        except PlatformError as error:
            return self._again(self._bench.options.post_attempts, type(error).__name__)
        except TurnLost:
            raise
        except Exception as error:  # noqa: BLE001 (whatever goes wrong, the turn is not lost)
            _log.error("a turn failed in a way that no turn should", turn=self.turn.id, error=type(error).__name__)
            return self._again(self._bench.options.attempts + 1, type(error).__name__)
        finally:
            watching.cancel()

    def _again(self, attempts: int, reason: str, least: timedelta = timedelta()) -> Ending:
        """Try again later, unless it was tried often enough."""
        if self.turn.attempts >= attempts:
            return Close("failed", reason)
        options = self._bench.options
        pause = min(options.backoff * 2 ** (self.turn.attempts - 1), options.longest_backoff)
        return Release(max(pause, least))

    async def _once(self) -> Ending:
        turn, options = self.turn, self._bench.options
        if not turn.asked:
            await self._delivery.withdraw()
            return Close("withdrawn")
        if turn.answer is None:
            if turn.stop_requested:
                await self._record(STOPPED_BEFORE, "failed", Progress(), ())
            elif turn.attempts > options.attempts:
                await self._record(GIVEN_UP, "failed", Progress(), ())
            else:
                waits = await self._ask()
                if waits is not None:
                    return waits
        recorded = self.turn.answer
        if recorded is None:
            raise TurnLost
        await self._delivery.deliver(recorded.text)
        if self.turn.stop_requested:
            return Close("stopped")
        return Close("failed", "model") if recorded.outcome == "failed" else Close("answered")

    # The model

    async def _ask(self) -> Release | None:
        """Let the model answer, showing what it says while it does; a pause where it failed and may be asked again."""
        prepared = await insist(self._prepare)
        progress, growing = Progress(), Growing()
        shown = prepared.shown

        async def record() -> None:
            if self.turn.answer is None:
                await self._record_what_was_said(progress, growing, tuple(shown))

        self._growing = growing
        speaking = asyncio.create_task(self._speak(prepared, progress, growing))
        try:
            await growing.more(0)
            whole = await growing.whole_within(self._bench.options.whole.total_seconds())
            if not whole and not self._delivery.begun and progress.failure is None:
                await self._stream(growing, record)
            await growing.end_of_it()
            if self._may_be_asked_again(progress):
                return Release(self._bench.options.backoff * 2 ** (self.turn.attempts - 1))
            await record()
        finally:
            self._growing = None
            speaking.cancel()
            await asyncio.wait([speaking])
        return None

    async def _prepare(self) -> Prepared:
        turn, bench = self.turn, self._bench
        memory = Memory(bench.store, turn.workspace_key, bench.memory_options, bench.now)
        question = turn.asked[-1]
        asked = Asked(
            view=memory.as_actor(Actor.person(turn.person.resource_id)),
            thread_id=turn.thread_id,
            text=question.text,
            asked_at=question.sent_at,
            kept=True,
            left_out=turn.waiting | {question.id},
        )
        return await prepare(asked, bench.memory_options, bench.settings)

    async def _speak(self, prepared: Prepared, progress: Progress, growing: Growing) -> None:
        try:
            pieces = answer(self._bench.model, prepared.prompt, prepared.tools, progress)
            async with aclosing(pieces):
                async for piece in pieces:
                    growing.add(piece)
        except Exception as error:  # noqa: BLE001 (whoever reads what grows handles it)
            growing.give_up(error)
        else:
            growing.end()

    async def _stream(self, growing: Growing, record: Callable[[], Awaitable[None]]) -> None:
        try:
            await self._delivery.stream(growing, record)
        except PlatformError:
            # What the model says is worth keeping, whatever the platform does; it is delivered later.
            await growing.end_of_it()
            await record()
            raise

    def _may_be_asked_again(self, progress: Progress) -> bool:
        """Whether the model failed before anybody saw a word, in a way that may pass."""
        failure = progress.failure
        if failure is None or progress.outcome != "failed" or isinstance(failure, _FINAL):
            return False
        return self.turn.attempts < self._bench.options.model_attempts and not self.turn.stop_requested

    async def _record_what_was_said(self, progress: Progress, growing: Growing, shown: tuple[str, ...]) -> None:
        if self.turn.stop_requested and progress.outcome != "answered":
            said = growing.text.rstrip()
            growing.end(f"{said}\n\n{STOPPED}" if said else STOPPED_BEFORE)
            await self._record(growing.text, "cut" if said else "failed", progress, shown)
        else:
            await self._record(growing.text, progress.outcome, progress, shown)

    async def _record(self, text: str, outcome: Outcome, progress: Progress, shown: tuple[str, ...]) -> None:
        turn, bench, log = self.turn, self._bench, self._log
        stored = NewMessage(
            turn.thread_id,
            turn.person.resource_id,
            text,
            role="assistant",
            metadata={"model": bench.model.name},
            outcome=outcome,
        )
        # One id for all tries: a commit whose success got lost on the way is not made twice.
        checked = draft(stored, str(uuid4()))
        first = None if self._delivery.begun else log.value(0)
        given = Recording(checked, progress.cost(bench.model.name), shown, first)
        until = log.lease_end()
        post = await insist(lambda: bench.store.write(record_answer, turn, given, bench.options, bench.now()))
        if post is not None:
            log.recorded(post, until)
        self.turn = replace(turn, answer=Answer(checked.text, outcome))

    # The database

    async def _watch(self) -> None:
        """Look into the database whenever that is asked for, and tell whoever makes an answer what changed."""
        while True:
            await self._look.wait()
            self._look.clear()
            try:
                now = await self._reread(take=False)
            except TurnLost as error:
                if self._growing is not None:
                    self._growing.give_up(error)
                return
            except BotError:
                continue  # the next look will tell
            if now.revision != self.turn.revision:
                if self._growing is not None:
                    self._growing.give_up(_Changed())
            elif now.stop_requested and not self.turn.stop_requested:
                self.turn = replace(self.turn, stop_requested=True)
                if self._growing is not None:
                    self._growing.end()

    async def _reread(self, *, take: bool) -> Turn:
        bench = self._bench
        return await bench.store.write(reread_turn, self.turn, bench.options, bench.now(), take=take)

    def _begin_post(self, connection: Connection, part: int, value: str, now: datetime) -> Post:
        return begin_post(connection, self.turn, part, value, self._bench.options, now)

    async def _apply(self, ending: Ending) -> None:
        bench, turn = self._bench, self.turn
        if isinstance(ending, Close):
            await bench.store.write(finish_turn, turn, ending.state, ending.reason, str(uuid4()), bench.now())
        else:
            await bench.store.write(release_turn, turn, ending.pause, counted=ending.counted, now=bench.now())
