"""The agent: one turn, from the question to the stored answer."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self, TypeVar

import structlog

from bot.access.actor import Actor, checked_id
from bot.agent.preparation import Asked, prepare
from bot.agent.rounds import Progress, answer
from bot.agent.titles import title_by_model, title_of_question
from bot.errors import BotError, InvalidArgument, NotFound
from bot.memory.drafts import checked_text, checked_time
from bot.memory.memory import Memory
from bot.memory.values import MemoryOptions, Message, NewMessage
from bot.memory.view import MemoryView
from bot.models.choose import model_of
from bot.models.port import Model
from bot.settings import Settings, read_settings

_log = structlog.get_logger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Turn:
    """An opened turn: whose, where, what was asked, and what of it is stored."""

    view: MemoryView
    thread_id: str
    text: str
    asked_at: datetime
    #: None where this turn is not kept.
    question: Message | None
    #: The sender's time was given: the answer takes it too, so that a replayed conversation stays in order.
    replayed: bool

    def asked(self) -> Asked:
        """The question, for the model."""
        own = frozenset() if self.question is None else frozenset({self.question.id})
        return Asked(self.view, self.thread_id, self.text, self.asked_at, self.question is not None, own)


class Agent:
    """Answers people out of a memory. Also an async context manager; it does not close the memory.

    Args:
        memory: where conversations are kept.
        model: who answers; without one, the model of the settings, or the offline model where none is set.
        settings: the bot's name, persona and model; without them they are read from the environment and `.env`.
        identify: as whom a speaker is kept: given a `resource_id`, its stored one. Where it says None the person is
            answered and nothing is kept; where it raises likewise, with a warning in the log.
    """

    def __init__(
        self,
        *,
        memory: Memory,
        model: Model | None = None,
        settings: Settings | None = None,
        identify: Callable[[str], Awaitable[str | None]] | None = None,
    ) -> None:
        self.memory = memory
        self._identify = identify
        self._settings = read_settings() if settings is None else settings
        self._model = model_of(self._settings) if model is None else model
        self._background: set[asyncio.Task[Any]] = set()

    @property
    def model(self) -> Model:
        """Who answers."""
        return self._model

    async def stream(
        self,
        text: str,
        *,
        thread_id: str,
        resource_id: str,
        options: MemoryOptions | None = None,
        created_at: datetime | None = None,
    ) -> AsyncGenerator[str, None]:
        """Answer `text`, piece by piece. When the stream has ended, question and answer are durably stored.

        Who stops listening early closes the stream (`contextlib.aclosing`); what was said until then is stored, as cut.

        Args:
            text: what the person says. A blank text is nothing said: it is neither kept nor answered.
            thread_id: the conversation; one that is missing is made.
            resource_id: who speaks.
            options: what this turn remembers, instead of the memory's own.
            created_at: when it was said, for the replay of a conversation; without, now.

        Raises:
            InvalidArgument: the text, an id or an option has a value that it cannot have.
            NotFound: the thread is somebody else's; it looks like a missing one.
            StorageError: the database failed. What was not stored is not stored; the sentence says so.
        """
        chosen = _checked(self.memory.options if options is None else options)
        known = await self._known_as(Actor.person(resource_id).id)
        if known is None:
            chosen = replace(chosen, last_messages=None)
        turn = await self._open(text, thread_id, known or resource_id, chosen, created_at)
        if turn is None:
            return
        prepared = await prepare(turn.asked(), chosen, self._settings)
        progress = Progress()
        try:
            async with aclosing(answer(self._model, prepared.prompt, prepared.tools, progress)) as pieces:
                async for piece in pieces:
                    yield piece
        except BaseException:
            # The listener left: what was said so far is kept, and no failure of that hides the leaving.
            await self._keep_silently(turn, progress, tuple(prepared.shown))
            raise
        await self._keep(turn, progress, tuple(prepared.shown))
        self._suggest_title(turn, progress)

    async def _known_as(self, resource_id: str) -> str | None:
        """As whom a speaker is kept; None where nothing of hers is to be."""
        if self._identify is None:
            return resource_id
        try:
            known = await self._identify(resource_id)
        except Exception as error:  # noqa: BLE001 (the program's own code: whatever it raises, the person is answered)
            _log.warning("who speaks could not be found out; answered and not kept", error=type(error).__name__)
            return None
        return None if known is None else checked_id("resource_id", known)

    async def _open(
        self, text: str, thread_id: str, resource_id: str, options: MemoryOptions, created_at: datetime | None
    ) -> _Turn | None:
        view = self.memory.as_actor(Actor.person(resource_id))
        checked_id("thread_id", thread_id)
        said_at = None if created_at is None else checked_time("created_at", created_at)
        clean = checked_text(text)
        if not clean.strip():
            return None
        question = None
        if options.last_messages is not None and not options.read_only:
            title = title_of_question(clean)
            question = await view.open_turn(thread_id, clean, title=title, created_at=said_at)
        asked_at = question.created_at if question else said_at or datetime.now(UTC)
        return _Turn(view, thread_id, clean, asked_at, question, said_at is not None)

    async def _keep(self, turn: _Turn, progress: Progress, shown: tuple[str, ...]) -> None:
        """Store the answer, so far as there is one."""
        if turn.question is None or not progress.says_something:
            return
        stored = NewMessage(
            turn.thread_id,
            turn.view.actor.id,
            progress.text,
            role="assistant",
            created_at=turn.question.created_at if turn.replayed else None,
            metadata={"model": self._model.name},
            outcome=progress.outcome,
        )
        cost = progress.cost(self._model.name)
        try:
            # Begun, it is finished, whoever is cancelled meanwhile.
            await asyncio.shield(self._behind(turn.view.close_turn(stored, cost, turn.question.id, shown)))
        except NotFound:
            # The question was deleted while the model spoke: the answer goes with it.
            _log.info("answer dropped with its deleted question")

    async def _keep_silently(self, turn: _Turn, progress: Progress, shown: tuple[str, ...]) -> None:
        try:
            await self._keep(turn, progress, shown)
        except BotError as error:
            _log.warning("a cut answer was not stored", error=type(error).__name__)

    def _suggest_title(self, turn: _Turn, progress: Progress) -> None:
        first = turn.question is not None and turn.question.seq == 1
        if first and progress.outcome == "answered" and not self._model.offline:
            self._behind(self._title(turn))

    def _behind(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    async def _title(self, turn: _Turn) -> None:
        title = await title_by_model(self._model, turn.text)
        if not title:
            return
        try:
            about = None if turn.question is None else (turn.question.id, turn.question.text)
            await turn.view.suggest_title(turn.thread_id, title, about=about)
        except BotError as error:
            _log.info("title not stored", error=type(error).__name__)

    async def close(self) -> None:
        """Finish what goes on behind answers that were given, and close the model."""
        await asyncio.gather(*self._background, return_exceptions=True)
        await self._model.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _checked(options: MemoryOptions) -> MemoryOptions:
    """Raises InvalidArgument for a window that cannot be."""
    for name, value, least in (("last_messages", options.last_messages, 0), ("token_budget", options.token_budget, 1)):
        if value is not None and (not isinstance(value, int) or value < least):
            raise InvalidArgument(name, f"{name} must be None or an integer >= {least}")
    return options
