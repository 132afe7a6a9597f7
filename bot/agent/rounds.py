"""The rounds of one turn: ask the model, run the tools that it wants, ask again; until it has answered or must end."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from bot.agent.fence import fenced
from bot.agent.tools import Tool, run_tool
from bot.errors import ModelError, ModelTimeout
from bot.limits import ANSWER_CHARACTERS, TOOL_CALLS, TOOL_ROUNDS, TURN_TIME
from bot.memory.values import Outcome
from bot.models.port import Finished, Model, ModelRequest, PromptMessage, TextDelta, ToolCall, Usage

_CUT_AT_LENGTH = "(My answer reached its length limit. Ask me to go on.)"
_WITHHELD = "(The model provider's content filter withheld the rest of this answer.)"
_WITHHELD_WHOLE = "The model provider's content filter withheld this answer. Please put the question in other words."
_CUT_SHORT = "(My answer was cut short: {reason})"


@dataclass(slots=True)
class Progress:
    """How far a turn has come: what was said so far, how it ended, what it cost."""

    text: str = ""
    outcome: Outcome = "cut"
    usage: Usage = field(default_factory=Usage)
    model_calls: int = 0


async def answer(
    model: Model,
    prompt: Sequence[PromptMessage],
    tools: Mapping[str, Tool],
    progress: Progress,
    time: float | None = None,
) -> AsyncGenerator[str, None]:
    """Answer a prompt piece by piece, keeping `progress` true. Every failure ends in one honest sentence.

    What was yielded once is never repeated: a model that fails before its first word is asked again by its client,
    one that fails afterwards leaves its words and a note.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + (TURN_TIME.total_seconds() if time is None else time)
    try:
        async with aclosing(_rounds(model, prompt, tools, progress, deadline)) as pieces:
            async for piece in pieces:
                progress.text += piece
                yield piece
    except ModelError as error:
        note = _CUT_SHORT.format(reason=error) if progress.text else str(error)
        progress.outcome = "cut" if progress.text else "failed"
        yield _noted(progress, note)


def _noted(progress: Progress, note: str) -> str:
    piece = f"\n\n{note}" if progress.text else note
    progress.text += piece
    return piece


async def _rounds(
    model: Model, prompt: Sequence[PromptMessage], tools: Mapping[str, Tool], progress: Progress, deadline: float
) -> AsyncGenerator[str, None]:
    messages = list(prompt)
    asked: set[tuple[str, str]] = set()
    for number in range(TOOL_ROUNDS + 1):
        # In the last round there are no tools to ask for: the model has to answer.
        offered = tuple(tool.spec for tool in tools.values()) if number < TOOL_ROUNDS else ()
        finished = Finished("stop")
        said = ""
        progress.model_calls += 1
        async for event in _in_time(model.stream(ModelRequest(tuple(messages), offered)), deadline):
            if isinstance(event, Finished):
                finished = event
            elif len(progress.text) < ANSWER_CHARACTERS:
                said += event.text
                yield event.text
        progress.usage += finished.usage
        if finished.reason != "tool_calls":
            progress.outcome = "answered"
            if finished.reason != "stop":
                progress.outcome = "cut" if progress.text else "failed"
                yield _ending(finished, progress)
            return
        messages.append(PromptMessage("assistant", said, finished.tool_calls))
        messages += [await _result(tools, call, asked, place) for place, call in enumerate(finished.tool_calls)]
    progress.outcome = "cut" if progress.text else "failed"
    yield ("\n\n" if progress.text else "") + "I could not finish this: I went in circles looking things up."


def _ending(finished: Finished, progress: Progress) -> str:
    """What to say of an answer that did not end by itself."""
    withheld = _WITHHELD if progress.text else _WITHHELD_WHOLE
    note = _CUT_AT_LENGTH if finished.reason == "length" else withheld
    return f"\n\n{note}" if progress.text else note


async def _result(tools: Mapping[str, Tool], call: ToolCall, asked: set[tuple[str, str]], place: int) -> PromptMessage:
    """Run one call and put its result into words that cannot leave their fence. Each call gets an answer."""
    if place >= TOOL_CALLS:
        result = '{"error": "Too many calls at once."}'
    elif (call.name, call.arguments) in asked:
        result = '{"error": "You asked that already; the answer stands above."}'
    else:
        asked.add((call.name, call.arguments))
        result = await run_tool(tools, call)
    return PromptMessage("tool", fenced("result", result, {}), tool_call_id=call.id)


async def _in_time(
    events: AsyncIterator[TextDelta | Finished], deadline: float
) -> AsyncGenerator[TextDelta | Finished, None]:
    """Events until the deadline of the whole turn.

    Raises:
        ModelTimeout: it passed.
    """
    try:
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    event = await anext(events)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise ModelTimeout from None
            yield event
    finally:
        close = getattr(events, "aclose", None)
        if close is not None:
            await close()
