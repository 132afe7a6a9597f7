"""The rounds of one turn: ask the model, run the tools that it wants, ask again; until it has answered or must end."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

import structlog

from bot.agent.fence import fenced
from bot.agent.tools import Tool, run_tool
from bot.errors import ModelAnswerUnusable, ModelError, ModelFailed, ModelTimeout
from bot.limits import ANSWER_CHARACTERS, TOOL_ARGUMENT_CHARACTERS, TOOL_CALLS, TOOL_ROUNDS, TURN_TIME
from bot.memory.turn_rows import Cost
from bot.memory.values import Outcome
from bot.models.assembly import CHARACTERS_PER_TOKEN, EMPTY, prompt_characters
from bot.models.port import Finished, Model, ModelEvent, ModelRequest, PromptMessage, ToolCall, Usage

_log = structlog.get_logger(__name__)

_CUT_AT_LENGTH = "My answer reached its length limit. Ask me to go on."
_WITHHELD = "The model provider's content filter withheld the rest of this answer."
_WITHHELD_WHOLE = "The model provider's content filter withheld this answer. Please put the question in other words."
_IN_CIRCLES = "I could not finish this: I went in circles looking things up."


@dataclass(slots=True)
class Progress:
    """How far a turn has come: what was said so far, how it ended, what it cost."""

    text: str = ""
    outcome: Outcome = "cut"
    usage: Usage = field(default_factory=Usage)
    model_calls: int = 0
    #: What ended it, where the model failed.
    failure: ModelError | None = None

    def cost(self, model_name: str) -> Cost:
        """What it cost, to be stored with the answer."""
        usage = self.usage
        return Cost(model_name, usage.prompt_tokens, usage.completion_tokens, usage.estimated, self.model_calls)

    @property
    def says_something(self) -> bool:
        """Whether a person sees any of it."""
        return bool(self.text.strip())

    def end_early(self, after_words: str, alone: str | None = None) -> str:
        """Mark the answer as ended early or failed; the sentence that tells so after its words, or alone."""
        self.outcome = "cut" if self.says_something else "failed"
        return f"\n\n({after_words})" if self.says_something else alone or after_words


async def answer(
    model: Model, prompt: Sequence[PromptMessage], tools: Mapping[str, Tool], progress: Progress
) -> AsyncGenerator[str, None]:
    """Answer a prompt piece by piece, keeping `progress` true. Every failure ends in one honest sentence.

    What was yielded once is never repeated: a model that fails before its first word is asked again by its client,
    one that fails afterwards leaves its words and a note.
    """
    deadline = asyncio.get_running_loop().time() + TURN_TIME.total_seconds()
    try:
        async with aclosing(_rounds(model, prompt, tools, progress, deadline)) as pieces:
            async for piece in pieces:
                progress.text += piece
                yield piece
    except ModelError as error:
        failure = error
    except Exception as error:  # noqa: BLE001 (a model may be anybody's code; the person gets an answer all the same)
        _log.error("the model raised what no model should", error=type(error).__name__)
        failure = ModelFailed()
    else:
        return
    progress.failure = failure
    note = progress.end_early(f"My answer was cut short: {failure}", str(failure))
    progress.text += note
    yield note


async def _rounds(
    model: Model, prompt: Sequence[PromptMessage], tools: Mapping[str, Tool], progress: Progress, deadline: float
) -> AsyncGenerator[str, None]:
    messages = list(prompt)
    asked: set[tuple[str, str]] = set()
    for number in range(TOOL_ROUNDS + 1):
        # In the last round there are no tools to ask for: the model has to answer.
        offered = tuple(tool.spec for tool in tools.values()) if number < TOOL_ROUNDS else ()
        request = ModelRequest(tuple(messages), offered)
        call = _Call()
        # What an earlier round said stands apart.
        gap = "\n\n" if progress.says_something else ""
        progress.model_calls += 1
        try:
            async with aclosing(_in_time(model.stream(request), deadline)) as events:
                async for event in events:
                    room = ANSWER_CHARACTERS - len(progress.text)
                    if piece := call.take(event, room):
                        yield gap + piece
                        gap = ""
                    if call.full:
                        break
        finally:
            progress.usage += call.usage(request)
        if call.reason != "tool_calls":
            if ending := _ending(call, progress):
                yield ending
            return
        if number == TOOL_ROUNDS:
            break
        messages.append(PromptMessage("assistant", call.text, tuple(map(_bounded, call.finished.tool_calls))))
        messages += await _results(tools, call.finished.tool_calls, asked, deadline)
    yield progress.end_early(_IN_CIRCLES)


@dataclass(slots=True)
class _Call:
    """One call of the model: what it said, and how it ended."""

    text: str = ""
    #: It said more than is kept of an answer.
    full: bool = False
    finished: Finished = field(default_factory=lambda: Finished("stop"))
    _ended: bool = False

    @property
    def reason(self) -> str:
        return "length" if self.full else self.finished.reason

    def take(self, event: ModelEvent, room: int) -> str:
        """Take in an event; the text that it adds, for which there is so much room."""
        if isinstance(event, Finished):
            self.finished, self._ended = event, True
            return ""
        piece = event.text[: max(0, room)]
        self.full = len(piece) < len(event.text)
        self.text += piece
        return piece

    def usage(self, request: ModelRequest) -> Usage:
        """What it cost; about what, where it broke off among its words. Of one that never began, nothing is known."""
        if self._ended or not self.text:
            return self.finished.usage
        asked, said = prompt_characters(request), len(self.text)
        return Usage(asked // CHARACTERS_PER_TOKEN + 1, said // CHARACTERS_PER_TOKEN + 1, estimated=True)


def _ending(call: _Call, progress: Progress) -> str:
    """Mark how the answer ended, and give what is to be said of one that did not end by itself.

    Raises:
        ModelAnswerUnusable: it ended, but nobody would see anything.
    """
    if call.reason == "length":
        return progress.end_early(_CUT_AT_LENGTH)
    if call.reason == "content_filter":
        return progress.end_early(_WITHHELD, _WITHHELD_WHOLE)
    if not progress.says_something:
        raise ModelAnswerUnusable(EMPTY)
    progress.outcome = "answered"
    return ""


def _bounded(call: ToolCall) -> ToolCall:
    """A call as the model is reminded of it: arguments that were too long to be read are not sent back to it."""
    return call if len(call.arguments) <= TOOL_ARGUMENT_CHARACTERS else replace(call, arguments="{}")


async def _results(
    tools: Mapping[str, Tool], calls: Sequence[ToolCall], asked: set[tuple[str, str]], deadline: float
) -> list[PromptMessage]:
    """Run all calls of a round. Each gets an answer.

    Raises:
        ModelTimeout: the whole turn's deadline passed.
    """
    try:
        async with asyncio.timeout_at(deadline):
            return [await _result(tools, call, asked, place) for place, call in enumerate(calls)]
    except TimeoutError:
        raise ModelTimeout from None


async def _result(tools: Mapping[str, Tool], call: ToolCall, asked: set[tuple[str, str]], place: int) -> PromptMessage:
    """Run one call and put its result into words that cannot leave their fence."""
    if place >= TOOL_CALLS:
        result = '{"error": "Too many calls at once."}'
    elif (call.name, call.arguments) in asked:
        result = '{"error": "You asked that already; the answer stands above."}'
    else:
        asked.add((call.name, call.arguments))
        result = await run_tool(tools, call)
    return PromptMessage("tool", fenced("result", result, {}), tool_call_id=call.id)


async def _in_time(events: AsyncGenerator[ModelEvent, None], deadline: float) -> AsyncGenerator[ModelEvent, None]:
    """Events until the deadline of the whole turn; whenever this is closed, they are.

    Raises:
        ModelTimeout: it passed.
    """
    async with aclosing(events):
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    event = await anext(events)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise ModelTimeout from None
            yield event
