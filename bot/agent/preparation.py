"""What one turn's model is given: the prompt, the tools, and which stored messages stand behind them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bot.agent.prompt import PromptInput, build_prompt
from bot.agent.tools import Reach, Tool, one_to_one, search_tool
from bot.limits import WINDOW_MESSAGES
from bot.memory.boundary import window
from bot.memory.turn_rows import Context
from bot.memory.values import MemoryOptions, Message, PlaceKind, Thread
from bot.memory.view import MemoryView
from bot.models.port import PromptMessage
from bot.settings import Settings

_TOOL_HINT = "With search_messages you can look up what was said earlier and is not in front of you."


@dataclass(frozen=True, slots=True)
class Asked:
    """A question: by whom, where, what."""

    #: The asker's own view.
    view: MemoryView
    thread_id: str
    text: str
    asked_at: datetime
    #: Whether it is stored, and with that the answer: only then the window's boundary moves.
    kept: bool
    #: Messages of the thread that the window leaves out: the questions themselves, and what is not yet to be answered.
    left_out: frozenset[str] = frozenset()
    #: What the asker said right before it and is answered with it, each with its time.
    also_asked: tuple[tuple[str, datetime], ...] = ()
    #: From this `seq` on the thread's messages came too late for this turn, and are left out too.
    heard: int | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """All that the model gets."""

    prompt: tuple[PromptMessage, ...]
    tools: Mapping[str, Tool]
    #: The ids of the stored messages that the model was shown; tools add to it what they find.
    shown: dict[str, None] = field(default_factory=dict)


async def prepare(asked: Asked, options: MemoryOptions, settings: Settings) -> Prepared:
    """Read what the turn may know and build its prompt.

    Raises:
        StorageError: the database failed.
    """
    context, remembered = await _remember(asked, options)
    thread, asker, names = context.thread, asked.view.actor.id, context.names or {}
    alone = thread is None or one_to_one(thread, asker)
    shown = dict.fromkeys(message.id for message in remembered)
    tools: dict[str, Tool] = {}
    if thread is not None:
        question = " ".join([*(text for text, _at in asked.also_asked), asked.text])
        tool = search_tool(Reach(asked.view, thread, question, asked.left_out, alone, names, shown))
        tools[tool.spec.name] = tool
    given = PromptInput(
        bot_name=settings.bot_name,
        persona=settings.persona,
        place_kind=_place_kind(thread, alone=alone),
        place_name="" if thread is None else thread.place_name,
        asker=asker,
        names=names,
        window=remembered,
        question=asked.text,
        asked_at=asked.asked_at,
        also_asked=asked.also_asked,
        tool_hint=_TOOL_HINT if tools and settings.model_tools else "",
    )
    return Prepared(build_prompt(given), tools, shown)


async def _remember(asked: Asked, options: MemoryOptions) -> tuple[Context, list[Message]]:
    """What is known of the thread, and the window of the prompt."""
    if options.last_messages is None:
        return Context(), []
    # A budget of tokens takes the place of the count, but nothing is nothing.
    by_tokens = options.token_budget is not None and options.last_messages > 0
    most = WINDOW_MESSAGES if by_tokens else options.last_messages
    # One more than is shown, to see that there are too many, beside those that are left out.
    context = await asked.view.read_context(asked.thread_id, most + 1 + max(1, len(asked.left_out)))
    earlier = [message for message in context.messages if _precedes(asked, message)]
    chosen, moved = window(earlier, context.boundary, most=most, budget=options.token_budget)
    if moved is not None and asked.kept:
        await asked.view.move_window_boundary(asked.thread_id, moved)
    return context, chosen


def _precedes(asked: Asked, message: Message) -> bool:
    """Whether a message belongs to what the question goes on with."""
    return message.id not in asked.left_out and (asked.heard is None or message.seq < asked.heard)


def _place_kind(thread: Thread | None, *, alone: bool) -> PlaceKind:
    """Who reads along, as the prompt tells: a direct conversation that somebody joined is one with members."""
    if alone or thread is None:
        return "direct"
    return "private" if thread.place_kind == "direct" else thread.place_kind
