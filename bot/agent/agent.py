"""The agent: one turn, from the question to the stored answer."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self, TypeVar

import structlog

from bot.access.actor import Actor, checked_id
from bot.agent.prompt import PromptInput, build_prompt
from bot.agent.rounds import Progress, answer
from bot.agent.titles import title_by_model, title_of_question
from bot.agent.tools import Reach, Tool, one_to_one, search_tool
from bot.errors import BotError, InvalidArgument, NotFound
from bot.limits import WINDOW_MESSAGES
from bot.memory.boundary import window
from bot.memory.drafts import checked_text, checked_time
from bot.memory.memory import Memory
from bot.memory.turn_rows import Context, Cost
from bot.memory.values import MemoryOptions, Message, NewMessage, PlaceKind, Thread
from bot.memory.view import MemoryView
from bot.models.choose import model_of
from bot.models.port import Model, PromptMessage
from bot.settings import Settings, read_settings

_log = structlog.get_logger(__name__)

T = TypeVar("T")

_TOOL_HINT = "With search_messages you can look up what was said earlier and is not in front of you."


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
        prompt, tools = await self._prepare(turn, chosen)
        progress = Progress()
        try:
            async with aclosing(answer(self._model, prompt, tools, progress)) as pieces:
                async for piece in pieces:
                    yield piece
        except BaseException:
            # The listener left: what was said so far is kept, and no failure of that hides the leaving.
            await self._keep_silently(turn, progress)
            raise
        await self._keep(turn, progress)
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

    async def _prepare(
        self, turn: _Turn, options: MemoryOptions
    ) -> tuple[tuple[PromptMessage, ...], Mapping[str, Tool]]:
        context, remembered = await self._remember(turn, options)
        thread, asker, names = context.thread, turn.view.actor.id, context.names or {}
        alone = thread is None or one_to_one(thread, asker)
        tools: dict[str, Tool] = {}
        if thread is not None:
            question_id = turn.question.id if turn.question else ""
            tool = search_tool(Reach(turn.view, thread, turn.text, question_id, alone, names))
            tools[tool.spec.name] = tool
        given = PromptInput(
            bot_name=self._settings.bot_name,
            persona=self._settings.persona,
            place_kind=_place_kind(thread, alone=alone),
            place_name="" if thread is None else thread.place_name,
            asker=asker,
            names=names,
            window=remembered,
            question=turn.text,
            asked_at=turn.asked_at,
            tool_hint=_TOOL_HINT if tools and self._settings.model_tools else "",
        )
        return build_prompt(given), tools

    async def _remember(self, turn: _Turn, options: MemoryOptions) -> tuple[Context, list[Message]]:
        """What is known of the thread, and the window of the prompt."""
        if options.last_messages is None:
            return Context(), []
        # A budget of tokens takes the place of the count, but nothing is nothing.
        by_tokens = options.token_budget is not None and options.last_messages > 0
        most = WINDOW_MESSAGES if by_tokens else options.last_messages
        # Two more than are shown: the question, and one to see that there are too many.
        context = await turn.view.read_context(turn.thread_id, most + 2)
        own = "" if turn.question is None else turn.question.id
        earlier = [message for message in context.messages if message.id != own]
        chosen, moved = window(earlier, context.boundary, most=most, budget=options.token_budget)
        if moved is not None and turn.question is not None:
            await turn.view.move_window_boundary(turn.thread_id, moved)
        return context, chosen

    async def _keep(self, turn: _Turn, progress: Progress) -> None:
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
        usage = progress.usage
        cost = Cost(
            self._model.name, usage.prompt_tokens, usage.completion_tokens, usage.estimated, progress.model_calls
        )
        try:
            # Begun, it is finished, whoever is cancelled meanwhile.
            await asyncio.shield(self._behind(turn.view.close_turn(stored, cost, turn.question.id)))
        except NotFound:
            # The question was deleted while the model spoke: the answer goes with it.
            _log.info("answer dropped with its deleted question")

    async def _keep_silently(self, turn: _Turn, progress: Progress) -> None:
        try:
            await self._keep(turn, progress)
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
            await turn.view.suggest_title(turn.thread_id, title)
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


def _place_kind(thread: Thread | None, *, alone: bool) -> PlaceKind:
    """Who reads along, as the prompt tells: a direct conversation that somebody joined is one with members."""
    if alone or thread is None:
        return "direct"
    return "private" if thread.place_kind == "direct" else thread.place_kind
