"""The rounds of a turn with a model and tools that may be anybody's code."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from bot.agent import rounds, tools
from bot.agent.rounds import Progress, answer
from bot.agent.tools import Tool, run_tool
from bot.errors import ModelFailed, ModelTimeout
from bot.limits import ANSWER_CHARACTERS, TOOL_ROUNDS
from bot.memory.values import Outcome
from bot.models.assembly import EMPTY
from bot.models.port import Finished, ModelEvent, ModelRequest, PromptMessage, TextDelta, ToolCall, ToolSpec, Usage
from tests.bot.agent.talking import Playing, saying

PROMPT = (PromptMessage("system", "Be brief."), PromptMessage("user", "What is tea?"))


class NoArguments(BaseModel):
    pass


def tool(run: Callable[[Any], Any]) -> dict[str, Tool]:
    return {"look": Tool(ToolSpec("look", "Looks.", NoArguments.model_json_schema()), NoArguments, run)}


async def listen(model: Playing, offered: Mapping[str, Tool] | None = None) -> tuple[str, Progress]:
    progress = Progress()
    async with aclosing(answer(model, PROMPT, offered or {}, progress)) as pieces:
        heard = "".join([piece async for piece in pieces])
    assert heard == progress.text
    return heard, progress


def raising(error: Exception, *words: str) -> Callable[[ModelRequest], AsyncGenerator[ModelEvent, None]]:
    async def play(_request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        for word in words:
            yield TextDelta(word)
        raise error

    return play


@pytest.mark.parametrize(
    ("words", "outcome", "heard"),
    [
        ((), "failed", str(ModelFailed())),
        (("Half an",), "cut", f"Half an\n\n(My answer was cut short: {ModelFailed()})"),
    ],
)
async def test_whatever_a_model_raises_ends_in_a_sentence_without_its_secrets(
    words: tuple[str, ...], outcome: Outcome, heard: str
) -> None:
    said, progress = await listen(Playing(raising(RuntimeError("sk-secret at http://10.0.0.1"), *words)))

    assert (said, progress.outcome) == (heard, outcome)


@pytest.mark.parametrize("pieces", [(), ("",), (" ", "\n")])
async def test_an_answer_that_nobody_would_see_is_a_failure(pieces: tuple[str, ...]) -> None:
    said, progress = await listen(Playing(saying(*pieces)))

    assert (said.strip(), progress.outcome) == (EMPTY, "failed")


async def test_a_piece_larger_than_an_answer_is_cut_and_said_to_be() -> None:
    said, progress = await listen(Playing(saying("x" * 300_000, "never heard")))

    assert said == "x" * ANSWER_CHARACTERS + "\n\n(My answer reached its length limit. Ask me to go on.)"
    assert progress.outcome == "cut"
    assert progress.usage.estimated


async def test_rounds_together_say_no_more_than_an_answer_may() -> None:
    async def play(request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        yield TextDelta("x" * 60_000)
        calls = (ToolCall("a", "look", f'{{"number": {len(request.messages)}}}'),)
        yield Finished("tool_calls", calls, Usage(1, 1))

    said, progress = await listen(Playing(play))

    assert len(said) < ANSWER_CHARACTERS + 100
    assert progress.outcome == "cut"
    assert progress.model_calls == 2


async def test_a_model_that_wants_tools_but_names_none_comes_to_an_end() -> None:
    async def play(_request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        yield Finished("tool_calls")

    model = Playing(play)
    _, progress = await listen(model, tool(look))

    assert (progress.outcome, len(model.requests)) == ("failed", TOOL_ROUNDS + 1)


async def test_costs_are_added_up_and_estimated_where_a_call_broke_off_among_its_words() -> None:
    async def play(request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        if len(request.messages) == len(PROMPT):
            yield Finished("tool_calls", (ToolCall("a", "look", "{}"),), Usage(100, 10))
            return
        yield TextDelta("Half an answer.")
        raise ModelTimeout

    _, progress = await listen(Playing(play), tool(look))

    assert progress.usage.estimated
    assert progress.usage.prompt_tokens > 100
    assert 10 < progress.usage.completion_tokens < 20


async def test_a_model_is_closed_at_once_when_its_listener_leaves() -> None:
    closed = []

    async def play(_request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        try:
            while True:
                yield TextDelta("word ")
        finally:
            closed.append("model")

    async with aclosing(answer(Playing(play), PROMPT, {}, Progress())) as pieces:
        assert await anext(pieces) == "word "

    assert closed == ["model"]


async def test_what_is_wanted_after_the_last_round_is_not_run() -> None:
    ran = []

    async def run(_arguments: NoArguments) -> Mapping[str, Any]:
        ran.append("look")
        return {}

    async def play(request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        yield Finished("tool_calls", (ToolCall("a", "look", "{}" + " " * len(request.messages)),))

    await listen(Playing(play), tool(run))

    assert len(ran) == TOOL_ROUNDS


async def look(_arguments: NoArguments) -> Mapping[str, Any]:
    return {"found": []}


async def fail(_arguments: NoArguments) -> Mapping[str, Any]:
    raise RuntimeError("sk-secret")


async def hang(_arguments: NoArguments) -> Mapping[str, Any]:
    await asyncio.Event().wait()
    return {}


async def answer_nonsense(_arguments: NoArguments) -> Mapping[str, Any]:
    return {"found": object()}


@pytest.mark.parametrize("run", [fail, hang, answer_nonsense])
async def test_a_tool_that_fails_or_hangs_is_gone_on_without(
    run: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools, "TOOL_TIME", timedelta(milliseconds=50))

    result = await run_tool(tool(run), ToolCall("a", "look", "{}"))

    assert result == '{"error": "The tool failed; go on without it."}'


async def test_tools_that_hang_do_not_outlast_the_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "TURN_TIME", timedelta(milliseconds=50))

    async def play(_request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        yield Finished("tool_calls", (ToolCall("a", "look", "{}"),))

    async with asyncio.timeout(5):
        said, progress = await listen(Playing(play), tool(hang))

    assert (said, progress.outcome) == (str(ModelTimeout()), "failed")


async def test_a_cancelled_turn_is_cancelled_in_a_tool_too() -> None:
    hangs = asyncio.Event()

    async def run(_arguments: NoArguments) -> Mapping[str, Any]:
        hangs.set()
        return await hang(_arguments)

    async def play(_request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        yield Finished("tool_calls", (ToolCall("a", "look", "{}"),))

    task = asyncio.create_task(listen(Playing(play), tool(run)))
    await hangs.wait()

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
