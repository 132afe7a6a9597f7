"""One turn, from its lease to its end: the model is asked, the answer is stored and delivered, each once."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Literal
from uuid import uuid4

import structlog
from sqlalchemy import Connection

from bot.access.actor import Actor
from bot.access.remembered import RememberedSettings
from bot.agent import preparation
from bot.agent.preparation import Prepared, prepare
from bot.agent.prompt import spoken
from bot.agent.rounds import Progress
from bot.chat import Conversation, Reply
from bot.errors import (
    BotError,
    NotFound,
    StorageError,
    TurnLost,
)
from bot.memory.drafts import draft
from bot.memory.memory import Memory
from bot.memory.values import MemoryOptions, NewMessage, Outcome
from bot.models.port import Model
from bot.settings import Settings
from bot.storage.store import Store
from bot.turns.asking import Asking
from bot.turns.cost_rows import pay_unanswered
from bot.turns.delivery import Delivery
from bot.turns.endings import Close, Ending, Release, after_failure
from bot.turns.insist import insist
from bot.turns.lease_rows import let_go
from bot.turns.notices import GIVEN_UP, STOPPED_BEFORE
from bot.turns.off_record import erase_off_record
from bot.turns.options import TurnOptions
from bot.turns.pauses import pause_after
from bot.turns.post_rows import begin_post
from bot.turns.shown_status import ShownStatus
from bot.turns.turn_log import StoredPosts, lease_end
from bot.turns.turn_rows import Recording, finish_turn, record_answer, release_turn, reread_turn
from bot.turns.turn_values import Answer, Post, Turn

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Bench:
    """What every turn is worked with."""

    store: Store
    model: Model
    settings: Settings
    memory_options: MemoryOptions
    options: TurnOptions
    now: Callable[[], datetime]


class _Changed(Exception):
    """The question changed while it was being answered."""


class Working:
    """A leased turn being worked.

    Args:
        bench: with what.
        turn: the turn.
        conversation: its place.
        held_until: until when its lease holds, as `lease_end` gave it before it was taken.
        chosen: what workspaces' admins chose.
    """

    def __init__(
        self, bench: Bench, turn: Turn, conversation: Conversation, held_until: float, chosen: RememberedSettings
    ) -> None:
        self._bench = bench
        self._chosen = chosen
        self.turn = turn
        self._conversation = conversation
        self._log = StoredPosts(
            bench.store, turn.id, dict(turn.posts), self._begin_post, bench.options, bench.now, held_until
        )
        self._delivery = Delivery(conversation, self._log, bench.options.settling, bench.now)
        self._look = asyncio.Event()
        self._asking: Asking | None = None
        #: The newest revision of the question that is known of.
        self._newest = turn.revision
        self._shown = ShownStatus(conversation)

    def look(self) -> None:
        """Look into the database: the turn may have been changed, stopped or lost."""
        self._look.set()

    def renewed(self, until: float) -> None:
        """Take note that the lease was renewed, until then."""
        self._log.renewed(until)

    async def run(self) -> Ending | None:
        """Work the turn to its end. None: another process has it now, or it is gone, and nothing is left to do here.

        Cancelled, it gives the turn back.

        Raises:
            StorageError: the database refuses for good to take down how it ended.
        """
        watching = asyncio.create_task(self._watch())
        try:
            return await self._work()
        except TurnLost:
            await self._clear_away()
            await self._shown.show_idle()
            return None
        except asyncio.CancelledError:
            with suppress(BotError):
                await asyncio.shield(self._apply(Release(timedelta(), counted=False)))
            raise
        finally:
            watching.cancel()
            self._shown.leave()

    async def _work(self) -> Ending:
        """Work until the turn is closed or put back, beginning anew whenever its question changed."""
        while True:
            self._shown.show("working")
            try:
                ending = await self._attempt()
                await self._shown.show_idle()
                await insist(partial(self._apply, ending))
            except (_Changed, NotFound):
                await self._begin_anew()
            else:
                return ending

    async def _attempt(self) -> Ending:
        try:
            return await self._once()
        except (TurnLost, _Changed, NotFound):
            raise
        except Exception as error:  # noqa: BLE001 (whatever goes wrong, the turn is not lost)
            return after_failure(self.turn, error, self._bench.options)

    async def _once(self) -> Ending:
        """Bring the turn from wherever it stands to its end, as it is known now."""
        turn, options = self.turn, self._bench.options
        if not turn.asked:
            await self._delivery.withdraw()
            return Close("withdrawn")
        if turn.answer is not None and turn.attempts > options.post_attempts:
            return Close("failed", "attempts")
        if turn.answer is None and (instead := self._instead_of_an_answer()):
            await self._record(str(uuid4()), instead, "failed", Progress(), ())
        elif turn.answer is None and await self._ask() == "again":
            return Release(pause_after(turn.attempts, options))
        recorded = self.turn.answer
        if recorded is None:
            raise TurnLost
        await self._delivery.deliver(Reply(recorded.text, rateable=recorded.rateable))
        if self.turn.stop_requested and recorded.outcome != "answered":
            return Close("stopped")
        if recorded.outcome == "failed":
            return Close("failed", "attempts" if recorded.text == GIVEN_UP else "model")
        return Close("answered")

    def _instead_of_an_answer(self) -> str:
        """What is said without asking the model; "" where it is to be asked."""
        if self.turn.stop_requested:
            return STOPPED_BEFORE
        return GIVEN_UP if self.turn.attempts > self._bench.options.attempts else ""

    # The model

    async def _ask(self) -> Literal["recorded", "again"]:
        """Let the model answer, showing what it says while it does; "again" where it failed and may be asked again."""
        if self._newest > self.turn.revision:
            raise _Changed
        asking = self._asking = Asking()
        try:
            asking.begin(self._bench.model, await insist(self._prepare))
            await self._show_growing(asking)
            if asking.may_be_asked_again and self.turn.attempts < self._bench.options.model_attempts:
                return "again"
            await self._record_what_was_said(asking)
        finally:
            self._asking = None
            await asking.end()
            if self.turn.answer is None and asking.progress.model_calls:
                await asyncio.shield(self._pay_for_nothing(asking))
        return "recorded"

    async def _pay_for_nothing(self, asking: Asking) -> None:
        """Note what an answer cost that is given up. It is tried once: what it cost is not to be counted twice."""
        bench, cost = self._bench, asking.progress.cost(self._bench.model.name)
        given = (self.turn, asking.answer_id, cost, bench.options, bench.now())
        try:
            await bench.store.write(pay_unanswered, *given)
        except StorageError as error:
            _log.warning("what the model cost was not noted", turn=self.turn.id, error=type(error).__name__)

    async def _prepare(self) -> Prepared:
        turn, bench = self.turn, self._bench
        memory = Memory(bench.store, turn.workspace_key, bench.memory_options, bench.now)
        question = turn.asked[-1]
        asked = preparation.Asked(
            view=memory.as_actor(Actor.person(turn.person.resource_id)),
            thread_id=turn.thread_id,
            text=spoken(question.text, question.metadata),
            asked_at=question.sent_at,
            kept=True,
            left_out=turn.waiting | {one.id for one in turn.asked},
            # Each question is before the model, however long the thread has grown since.
            also_asked=tuple((spoken(one.text, one.metadata), one.sent_at) for one in turn.asked[:-1]),
            heard=turn.heard,
        )
        return await prepare(asked, bench.memory_options, await self._settings())

    async def _settings(self) -> Settings:
        """The operator's settings, with what the workspace's admins say of what the bot should be like."""
        settings = self._bench.settings
        persona = (await self._chosen.of(self.turn.place.workspace_id)).persona
        if not persona:
            return settings
        return settings.model_copy(update={"persona": f"{settings.persona.strip()}\n{persona}".strip()})

    async def _show_growing(self, asking: Asking) -> None:
        """Wait until the model has said all, and show what it says meanwhile; what is whole at once is shown later."""
        growing = asking.growing
        await growing.first_word()
        whole = await growing.whole_within(self._bench.options.whole.total_seconds())
        if whole or self._delivery.begun:
            await growing.end_of_it()
            return
        try:
            await self._delivery.stream(growing, lambda: self._record_what_was_said(asking))
        except (TurnLost, _Changed, NotFound):
            raise
        except Exception:
            # What the model says is worth keeping, whatever the platform does; it is delivered later.
            await growing.end_of_it()
            await self._record_what_was_said(asking, post=False)
            raise

    async def _record_what_was_said(self, asking: Asking, *, post: bool = True) -> bool:
        """Store the answer, unless that was done; whether it is one on which people may say what they think."""
        if self.turn.answer is None:
            if asking.stopped:
                await asking.end()  # by now it is known what it cost
            text, outcome = asking.conclude()
            # The questions stood in the prompt, too: an answer rests on them first of all.
            shown = (*asking.shown, *(one.id for one in self.turn.asked))
            await self._record(asking.answer_id, text, outcome, asking.progress, shown, post=post)
        return self.turn.answer is not None and self.turn.answer.rateable

    async def _record(
        self,
        answer_id: str,
        text: str,
        outcome: Outcome,
        progress: Progress,
        shown: tuple[str, ...],
        *,
        post: bool = True,
    ) -> None:
        """Store the answer; with `post`, and with the first post of it as being sent, where nothing was posted."""
        turn, bench, log, at = self.turn, self._bench, self._log, self._bench.now()
        stored = NewMessage(
            turn.thread_id,
            turn.person.resource_id,
            text,
            role="assistant",
            metadata={"model": bench.model.name},
            outcome=outcome,
        )
        checked = draft(stored, answer_id)
        first = log.value(0) if post and not self._delivery.begun else None
        given = Recording(checked, progress.cost(bench.model.name), shown, first)

        async def record() -> Post | None:
            until = lease_end(bench.store, bench.options)
            begun = await bench.store.write(record_answer, turn, given, bench.options, at)
            log.renewed(until)
            return begun

        begun = await insist(record)
        if begun is not None:
            log.recorded(begun)
        self.turn = replace(self.turn, answer=Answer(checked.text, outcome))

    # The database

    async def _watch(self) -> None:
        """Look into the database whenever that is asked for, and tell whoever makes an answer what changed."""
        while True:
            await self._look.wait()
            self._look.clear()
            try:
                now = await insist(partial(self._reread, take=False))
            except TurnLost as error:
                self._interrupt(error)
                return
            except StorageError as error:
                _log.warning("a turn could not be looked at", turn=self.turn.id, error=type(error).__name__)
                continue
            self._newest = max(self._newest, now.revision)
            if self._newest > self.turn.revision:
                self._interrupt(_Changed())
            elif now.stop_requested:
                self.turn = replace(self.turn, stop_requested=True)
                if self._asking is not None:
                    self._asking.stop()

    def _interrupt(self, reason: Exception) -> None:
        if self._asking is not None:
            self._asking.growing.give_up(reason)

    async def _begin_anew(self) -> None:
        """Take the turn as it is now."""
        before = self.turn.revision
        self.turn = await insist(partial(self._reread, take=True))
        self._log.reread(self.turn.posts)
        if self.turn.revision == before:
            # Not the question, but something around it is gone, and with it what there was to answer.
            self.turn = replace(self.turn, asked=())

    async def _reread(self, *, take: bool) -> Turn:
        bench = self._bench
        return await bench.store.write(reread_turn, self.turn, bench.options, bench.now(), take=take)

    def _begin_post(self, connection: Connection, part: int, value: str, now: datetime) -> Post:
        return begin_post(connection, self.turn, part, value, self._bench.options, now)

    async def _apply(self, ending: Ending) -> None:
        bench, turn = self._bench, self.turn
        if isinstance(ending, Close):
            await bench.store.write(finish_turn, turn, ending.state, ending.reason, str(uuid4()), bench.now())
            if any(one.off_record for one in turn.asked):
                # Where this process ends before, housekeeping does it.
                await bench.store.write(erase_off_record, turn.thread_key, bench.now())
        else:
            await bench.store.write(release_turn, turn, ending.pause, counted=ending.counted, now=bench.now())

    async def _clear_away(self) -> None:
        """Let go of a turn that was lost. Where it was erased, what was posted of it goes with it."""
        bench, turn = self._bench, self.turn
        given = (turn.thread_key, turn.key, turn.lease)
        if not await insist(lambda: bench.store.write(let_go, *given, bench.now())):
            return
        try:
            await self._delivery.withdraw()
        except Exception as error:  # noqa: BLE001 (nobody will try it again: the turn is no more)
            _log.warning("posts of an erased turn were left", turn=turn.id, error=type(error).__name__)
