"""What is sent, what comes back, and that nothing stays open."""

import asyncio
import subprocess
import sys
import time
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from pydantic import SecretStr

from bot.errors import SettingsError
from bot.limits import ANSWER_CHARACTERS, ANSWER_TOKENS
from bot.models.connection import OPENAI_ADDRESS, connect
from bot.models.openai_compatible import OpenAICompatibleModel
from bot.models.port import Finished, Model, ModelRequest, PromptMessage, TextDelta, ToolCall, Usage
from bot.settings import Settings
from tests.bot.models.asking import KEY, QUESTION, SEARCH, ask, end_of, model_at, text_of
from tests.model_server import (
    ANSWER,
    KEEP_ALIVE,
    NO_CHOICES,
    Behaviour,
    Frame,
    ModelServer,
    Silence,
    Stream,
    frame,
    text,
    tool_calls,
)

COUNTED = Usage(prompt_tokens=11, completion_tokens=7)


@pytest.mark.parametrize("pieces", [1, 2, 7, 1000])
async def test_the_pieces_joined_are_the_answer(server: ModelServer, pieces: int) -> None:
    answer = "Grüner Tee 🍵, ein\r\n\r\ndata: [DONE]\n\nAufguss."
    server.script(text(answer, pieces=pieces))
    events = await ask(server.base_url)
    assert text_of(events) == answer
    assert end_of(events) == Finished("stop", (), COUNTED)


async def test_the_pieces_come_as_they_are_sent(server: ModelServer) -> None:
    server.script(text(pieces=3, pause=0.05))
    model = model_at(server.base_url)
    times = [time.monotonic() async for _ in model.stream(QUESTION)]
    await model.close()
    assert all(later - earlier > 0.03 for earlier, later in pairwise(times[:3]))


async def test_only_what_every_server_takes_is_sent(server: ModelServer) -> None:
    await ask(server.base_url)
    request = server.requests[0]
    assert request.path == "/v1/chat/completions"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.body == {
        "model": "some-model",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "What is green tea?"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_completion_tokens": ANSWER_TOKENS,
    }


async def test_the_settings_change_what_is_sent(server: ModelServer) -> None:
    settings = Settings(
        _env_file=None,
        model="another-model",
        openai_base_url=server.base_url,
        openai_api_key=SecretStr(KEY),
        model_token_limit_field="max_tokens",
        model_answer_tokens=100,
        model_stream_usage=False,
        model_system_role="developer",
        model_tools=False,
    )
    model = OpenAICompatibleModel.from_settings(settings)
    events = [event async for event in model.stream(replace(QUESTION, tools=(SEARCH,)))]
    await model.close()
    body = server.requests[0].body
    assert (model.name, model.offline) == ("another-model", False)
    assert body.keys() == {"model", "messages", "stream", "max_tokens"}
    assert (body["model"], body["max_tokens"]) == ("another-model", 100)
    assert [message["role"] for message in body["messages"]] == ["developer", "user"]
    assert end_of(events).usage.estimated


async def test_a_model_that_is_not_set_cannot_be_asked() -> None:
    with pytest.raises(SettingsError, match="MODEL"):
        OpenAICompatibleModel.from_settings(Settings(_env_file=None, model=None))


async def test_the_environment_is_not_asked_behind_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-somebody-else")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    client = connect(None, None, timedelta(seconds=1))
    assert (str(client.base_url), client.api_key) == (f"{OPENAI_ADDRESS}/", "none")
    await client.close()


@pytest.mark.parametrize(("asked", "sent"), [(None, 200), (50, 50), (1000, 200)])
async def test_a_request_may_ask_for_less_than_the_settings(server: ModelServer, asked: int | None, sent: int) -> None:
    await ask(server.base_url, replace(QUESTION, max_tokens=asked), answer_tokens=200)
    assert server.requests[0].body["max_completion_tokens"] == sent


async def test_tools_and_their_results_are_told(server: ModelServer) -> None:
    calls = (ToolCall("a", "search", '{"query": "tea"}'), ToolCall("b", "search", '{"query": '))
    messages = (
        *QUESTION.messages,
        PromptMessage("assistant", "", tool_calls=calls),
        PromptMessage("tool", "Green tea.", tool_call_id="a"),
        PromptMessage("tool", "These arguments are not JSON.", tool_call_id="b"),
    )
    await ask(server.base_url, ModelRequest(messages, tools=(SEARCH,)))
    body = server.requests[0].body
    function = {"name": "search", "description": SEARCH.description, "parameters": dict(SEARCH.parameters)}
    assert body["tools"] == [{"type": "function", "function": function}]
    assistant, *results = body["messages"][2:]
    assert assistant["content"] is None
    assert [call["function"]["arguments"] for call in assistant["tool_calls"]] == ['{"query": "tea"}', "{}"]
    assert [result["tool_call_id"] for result in results] == ["a", "b"]


@pytest.mark.parametrize("finish", ["tool_calls", "stop", "function_call"])
@pytest.mark.parametrize("way", ["fragments", "whole", "no_ids"])
async def test_wishes_for_tools_come_whole_however_they_are_sent(server: ModelServer, way: str, finish: str) -> None:
    wishes = (("search", '{"query": "tea"}'), ("search", '{"query": "malformed'), ("no_such_tool", "{}"))
    server.script(tool_calls(*wishes, way=way, finish=finish))  # type: ignore[arg-type]
    end = end_of(await ask(server.base_url, replace(QUESTION, tools=(SEARCH,))))
    assert end.reason == "tool_calls"
    assert [(call.name, call.arguments) for call in end.tool_calls] == list(wishes)
    assert len({call.id for call in end.tool_calls}) == 3
    if way == "no_ids":
        assert [call.id for call in end.tool_calls] == ["call_0", "call_1", "call_2"]


@pytest.mark.parametrize("reason", ["length", "content_filter"])
async def test_a_cut_or_withheld_answer_says_so(server: ModelServer, reason: str) -> None:
    server.script(text(finish=reason))
    events = await ask(server.base_url)
    assert (text_of(events), end_of(events).reason) == (ANSWER, reason)


async def test_a_count_that_never_comes_is_estimated(server: ModelServer) -> None:
    server.script(text("x" * 400, usage=False))
    usage = end_of(await ask(server.base_url)).usage
    assert usage == Usage(prompt_tokens=7, completion_tokens=100, estimated=True)


async def test_chunks_that_say_nothing_are_passed_over(server: ModelServer) -> None:
    nothing: tuple[Frame, ...] = (
        NO_CHOICES,
        KEEP_ALIVE,
        {"choices": None},
        {},
        {"choices": [{"delta": None}]},
        frame(content=None),
    )
    server.script(Stream((*nothing, frame(content="Tea."), *nothing, frame("stop"))))
    assert text_of(await ask(server.base_url)) == "Tea."


async def test_an_answer_that_never_ends_is_ended(server: ModelServer) -> None:
    server.script(Stream((frame(content="x" * 3_000),), ending="repeat"))
    events = await ask(server.base_url)
    assert len(text_of(events)) == ANSWER_CHARACTERS
    assert end_of(events).reason == "length"
    await server.quiet()
    assert server.left_early == 1


async def test_arguments_that_never_end_are_ended_and_nothing_runs(server: ModelServer) -> None:
    endless = {"index": 0, "id": "a", "function": {"name": "search", "arguments": "x" * 3_000}}
    server.script(Stream((frame(content="Let me look."), frame(tool_calls=[endless])), ending="repeat"))
    end = end_of(await ask(server.base_url))
    assert (end.reason, end.tool_calls) == ("length", ())
    await server.quiet()
    assert server.left_early == 1


async def test_who_stops_listening_closes_the_connection(server: ModelServer) -> None:
    server.script(Stream((frame(content="x"),), ending="repeat", pause=0.01))
    model = model_at(server.base_url)
    async with aclosing(model.stream(QUESTION)) as stream:
        assert await anext(stream) == TextDelta("x")
    await server.quiet()
    assert server.left_early == 1
    await model.close()


@pytest.mark.parametrize("ending", ["silence", "repeat"])
async def test_who_is_cancelled_closes_the_connection(server: ModelServer, ending: str) -> None:
    server.script(Stream((frame(content="x"),), ending=ending, pause=0.01))  # type: ignore[arg-type]
    model = model_at(server.base_url, idle_time=timedelta(seconds=30))
    listened = asyncio.Event()

    async def listen() -> None:
        async with aclosing(model.stream(QUESTION)) as stream:
            async for _ in stream:
                listened.set()

    task = asyncio.create_task(listen())
    await listened.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await server.quiet()
    assert server.left_early == 1
    await model.close()


@pytest.mark.parametrize("silence", [Silence(), Stream((), ending="silence")])
async def test_who_is_cancelled_before_the_first_word_closes_the_connection(
    server: ModelServer, silence: Behaviour
) -> None:
    server.script(silence)
    model = model_at(server.base_url, retry_time=timedelta(seconds=30))
    task = asyncio.ensure_future(anext(model.stream(QUESTION)))
    await server.asked()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await server.quiet()
    assert server.left_early == 1
    await model.close()


async def test_many_answers_share_one_client(server: ModelServer) -> None:
    model = model_at(server.base_url, retry_time=timedelta(seconds=30), idle_time=timedelta(seconds=30))

    async def answer() -> str:
        return text_of([event async for event in model.stream(QUESTION)])

    assert await asyncio.gather(*(answer() for _ in range(20))) == [ANSWER] * 20
    await model.close()


async def test_closing_what_was_never_used_is_nothing() -> None:
    model: Model = model_at("http://127.0.0.1:9/v1")
    await model.close()


def test_importing_the_model_does_not_import_openai() -> None:
    program = (
        "import sys, bot.models.openai_compatible, bot.models.failures; print({'openai', 'httpx2'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
