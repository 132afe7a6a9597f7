"""Every way in which a model fails, through the real client: one honest answer, in time, and the next turn works."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from html import unescape

import pytest

from bot import Agent, Memory, NewMessage
from bot.agent import rounds
from bot.errors import ModelAnswerUnusable, ModelFailed, ModelOverloaded, ModelRefused, ModelTimeout, ModelUnreachable
from bot.limits import ANSWER_CHARACTERS, TOOL_ARGUMENT_CHARACTERS, TOOL_CALLS, TOOL_ROUNDS
from bot.memory.values import Outcome
from bot.models import failures
from bot.models.assembly import CUT, EMPTY, USED_UP
from tests.bot.agent.talking import agent_at, costs, eyes_of, prompts_at, say, stored, told
from tests.bot.models.asking import KEY
from tests.model_server import (
    HALF_JSON,
    HALF_UTF8,
    NO_CHOICES,
    Behaviour,
    Exchange,
    ModelServer,
    Silence,
    Status,
    Stream,
    frame,
    text,
    tool_calls,
)

# What a model does is the same to both engines, and some of this waits.
pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)

#: What the real client waits for 20 and 60 seconds, and longer than a slow machine needs.
HASTY = {"idle_time": timedelta(milliseconds=500), "retry_time": timedelta(seconds=1)}
BOUND = 10.0
HALF = frame(content="Half an ")
CIRCLES = "I could not finish this: I went in circles looking things up."


@dataclass(frozen=True)
class Case:
    """What a server does, and how the turn ends."""

    behaviour: Behaviour
    outcome: Outcome
    answer: str
    requests: int = 1


def cut(reason: object) -> str:
    return f"Half an \n\n({reason})"


def cut_short(error: type[Exception] | str) -> str:
    return cut(f"My answer was cut short: {error if isinstance(error, str) else error.__doc__}")


def sentence(error: type[Exception]) -> str:
    return str(error.__doc__)


async def circling(exchange: Exchange) -> None:
    """Always wants to look up something else."""
    await tool_calls(("search_messages", json.dumps({"query": f"tea {len(exchange.request.body['messages'])}"})))(
        exchange
    )


async def circling_aloud(exchange: Exchange) -> None:
    query = json.dumps({"query": f"tea {len(exchange.request.body['messages'])}"})
    call = {"index": 0, "id": "a", "type": "function", "function": {"name": "search_messages", "arguments": query}}
    words = (HALF,) if exchange.request.body["messages"][-1]["role"] == "user" else ()
    await Stream((*words, frame(tool_calls=[call]), frame("tool_calls")))(exchange)


ENDLESS_ARGUMENTS = {"index": 0, "id": "a", "function": {"name": "search_messages", "arguments": "x" * 3_000}}
CASES: Mapping[str, Case] = {
    "wrong key": Case(Status(401), "failed", sentence(ModelRefused)),
    "no permission": Case(Status(403), "failed", sentence(ModelRefused)),
    "unknown model": Case(Status(404, "model_not_found"), "failed", failures.UNKNOWN_NAME),
    "not accepted": Case(Status(400), "failed", failures.NOT_ACCEPTED),
    "context too long": Case(Status(400, "context_length_exceeded"), "failed", failures.TOO_LONG),
    "overloaded": Case(Status(429), "failed", sentence(ModelOverloaded), 3),
    "overloaded for a minute": Case(Status(429, headers={"Retry-After": "60"}), "failed", sentence(ModelOverloaded)),
    "overloaded, for a moment": Case(
        Status(429, headers={"Retry-After": "0.05"}), "failed", sentence(ModelOverloaded), 3
    ),
    "quota used up": Case(Status(429, "insufficient_quota"), "failed", sentence(ModelOverloaded)),
    "server error": Case(Status(500), "failed", sentence(ModelFailed), 3),
    "bad gateway": Case(Status(502), "failed", sentence(ModelFailed), 3),
    "unavailable": Case(Status(503), "failed", sentence(ModelFailed), 3),
    "overloaded, as Anthropic says it": Case(Status(529), "failed", sentence(ModelFailed), 3),
    "silence": Case(Silence(), "failed", sentence(ModelTimeout)),
    "silence after the head": Case(Stream((), ending="silence"), "failed", sentence(ModelTimeout)),
    "keep-alives alone": Case(Stream((), ending="keep_alive", pause=0.01), "failed", sentence(ModelTimeout)),
    "reset before a word": Case(Stream((), ending="reset"), "failed", sentence(ModelFailed), 3),
    "reset after a word": Case(Stream((HALF,), ending="reset"), "cut", cut_short(ModelFailed)),
    "cut inside a piece": Case(Stream((HALF,), ending="cut"), "cut", cut_short(ModelFailed)),
    "ended without an end": Case(Stream((HALF,), ending="no_done"), "cut", cut_short(CUT)),
    "stalled after a word": Case(Stream((HALF,), ending="silence"), "cut", cut_short(ModelTimeout)),
    "keep-alives after a word": Case(Stream((HALF,), ending="keep_alive", pause=0.01), "cut", cut_short(ModelTimeout)),
    "an error after a word": Case(
        Stream((HALF, b'data: {"error": {"message": "SECRET-OF-THE-PROVIDER"}}\n\n')), "cut", cut_short(ModelFailed)
    ),
    "no choices": Case(Stream((NO_CHOICES, NO_CHOICES)), "failed", CUT),
    "an empty answer": Case(text(""), "failed", EMPTY),
    "half a character": Case(Stream((HALF, HALF_UTF8)), "cut", cut_short(ModelAnswerUnusable)),
    "half a document": Case(Stream((HALF, HALF_JSON)), "cut", cut_short(ModelAnswerUnusable)),
    "too long an answer": Case(
        Stream((HALF, frame("length"))), "cut", cut("My answer reached its length limit. Ask me to go on.")
    ),
    "length used up before a word": Case(Stream((frame("length"),)), "failed", USED_UP),
    "filtered after a word": Case(
        Stream((HALF, frame("content_filter"))),
        "cut",
        cut("The model provider's content filter withheld the rest of this answer."),
    ),
    "filtered before a word": Case(
        Stream((frame("content_filter"),)),
        "failed",
        "The model provider's content filter withheld this answer. Please put the question in other words.",
    ),
    "arguments that never end": Case(
        Stream((frame(tool_calls=[ENDLESS_ARGUMENTS]),), ending="repeat"), "failed", USED_UP
    ),
    "in circles": Case(circling, "failed", CIRCLES, TOOL_ROUNDS + 1),
    "in circles, aloud": Case(circling_aloud, "cut", cut(CIRCLES), TOOL_ROUNDS + 1),
}


async def begin(memory: Memory) -> None:
    """A conversation that was begun already: no title is asked for."""
    await eyes_of(memory).create_thread("ana", "t1")
    await eyes_of(memory).save_messages([NewMessage("t1", "ana", "Hello.")])


def assert_honest(shown: str, base_url: str) -> None:
    """The sentence may be shown to anybody."""
    port = base_url.partition("127.0.0.1:")[2].partition("/")[0]
    for secret in (KEY, base_url, port, "127.0.0.1", "http", "SECRET-OF-THE-PROVIDER", "some-model", "Error", "None"):
        assert secret not in shown


async def assert_the_next_turn_works(memory: Memory, agent: Agent, server: ModelServer, failure: str) -> None:
    """And knows the question, but nothing of the failure."""
    server.default = text("Better.")
    server.requests.clear()

    assert await say(agent, "And now?") == "Better."

    (prompt,) = prompts_at(server)
    shown = json.dumps(prompt, ensure_ascii=False)
    assert "What is tea?" in shown
    if failure:
        assert unescape(shown).count(failure) == 0
    assert told(await stored(memory))[-1] == ("assistant", "Better.", "answered")


@pytest.mark.parametrize("name", CASES)
async def test_every_failure_ends_in_one_honest_answer_in_time_and_the_next_turn_works(
    memory: Memory, server: ModelServer, name: str
) -> None:
    case = CASES[name]
    server.default = case.behaviour
    await begin(memory)
    began = time.monotonic()

    async with agent_at(memory, server, **HASTY) as agent:
        answer = await say(agent, "What is tea?")

        assert time.monotonic() - began < BOUND
        assert len(server.requests) == case.requests
        assert answer.count("Half an") == (case.outcome == "cut")
        assert answer == case.answer
        assert told(await stored(memory))[1:] == [("user", "What is tea?", ""), ("assistant", answer, case.outcome)]
        assert len(await costs(memory)) == 1
        assert_honest(answer, server.base_url)
        await assert_the_next_turn_works(memory, agent, server, answer if case.outcome == "failed" else "")


async def test_a_server_that_is_not_there_is_told_and_the_next_turn_works(memory: Memory, server: ModelServer) -> None:
    await begin(memory)
    async with ModelServer() as gone:
        nowhere = gone.base_url
    async with agent_at(memory, gone) as agent:
        answer = await say(agent, "What is tea?")

    async with agent_at(memory, server) as agent:
        assert answer == sentence(ModelUnreachable)
        assert told(await stored(memory))[-1] == ("assistant", answer, "failed")
        assert_honest(answer, nowhere)
        await assert_the_next_turn_works(memory, agent, server, answer)


@pytest.mark.parametrize(
    "passing", [Status(429, headers={"Retry-After": "0.05"}), Status(503), Stream((), ending="reset")]
)
async def test_what_passes_before_the_first_word_is_not_seen(
    memory: Memory, server: ModelServer, passing: Behaviour
) -> None:
    server.script(passing, text("Tea is a drink."))
    await begin(memory)

    async with agent_at(memory, server) as agent:
        answer = await say(agent, "What is tea?")

    assert told(await stored(memory))[-1] == ("assistant", answer, "answered")
    assert answer == "Tea is a drink."


async def test_a_failure_after_a_tool_was_used_keeps_what_was_said_and_repeats_nothing(
    memory: Memory, server: ModelServer
) -> None:
    call = {"index": 0, "id": "a", "function": {"name": "search_messages", "arguments": "{}"}}
    server.script(Stream((frame(content="Let me look."), frame(tool_calls=[call]), frame("tool_calls"))), Status(401))
    await begin(memory)

    async with agent_at(memory, server) as agent:
        answer = await say(agent, "What is tea?")

    assert answer == f"Let me look.\n\n(My answer was cut short: {ModelRefused.__doc__})"
    assert told(await stored(memory))[-1] == ("assistant", answer, "cut")


async def test_words_of_several_rounds_stand_apart(memory: Memory, server: ModelServer) -> None:
    call = {"index": 0, "id": "a", "function": {"name": "search_messages", "arguments": "{}"}}
    server.script(
        Stream((frame(content="Let me look."), frame(tool_calls=[call]), frame("tool_calls"))), text("It is a drink.")
    )
    await begin(memory)

    async with agent_at(memory, server) as agent:
        assert await say(agent, "What is tea?") == "Let me look.\n\nIt is a drink."


async def test_an_answer_that_never_ends_is_ended_at_its_limit(memory: Memory, server: ModelServer) -> None:
    server.default = Stream((frame(content="x" * 3_000),), ending="repeat")
    await begin(memory)

    async with agent_at(memory, server) as agent:
        answer = await say(agent, "What is tea?")
        await server.quiet()

    assert answer == "x" * ANSWER_CHARACTERS + "\n\n(My answer reached its length limit. Ask me to go on.)"
    assert told(await stored(memory))[-1] == ("assistant", answer, "cut")
    assert server.left_early == 1


async def test_an_answer_that_drips_for_ever_is_ended_with_the_turn(
    memory: Memory, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "TURN_TIME", timedelta(milliseconds=400))
    server.default = Stream((frame(content="drip "),), ending="repeat", pause=0.02)
    await begin(memory)
    began = time.monotonic()

    async with agent_at(memory, server) as agent:
        answer = await say(agent, "What is tea?")
        await server.quiet()

    assert time.monotonic() - began < BOUND
    words, _, note = answer.partition("\n\n")
    assert set(words.split()) == {"drip"}
    assert note == f"(My answer was cut short: {ModelTimeout.__doc__})"
    assert told(await stored(memory))[-1] == ("assistant", answer, "cut")


async def results_of(memory: Memory, server: ModelServer, *calls: tuple[str, str]) -> list[str]:
    """What the model is answered that wants these calls, and then says something."""
    server.script(tool_calls(*calls), text("Done."))
    await begin(memory)
    async with agent_at(memory, server) as agent:
        assert await say(agent, "What is tea?") == "Done."
    assert told(await stored(memory))[-1] == ("assistant", "Done.", "answered")
    return [
        unescape(message["content"]) for message in server.requests[-1].body["messages"] if message["role"] == "tool"
    ]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (("search_messages", '{"query": "tea'), "do not fit the schema"),
        (("search_messages", "[]"), "do not fit the schema"),
        (("search_messages", "null"), "do not fit the schema"),
        (("search_messages", '{"query": 7}'), "do not fit the schema"),
        (("search_messages", '{"query": "tea", "resource_id": "ben"}'), "do not fit the schema"),
        (("search_messages", '{"query": "' + "x" * 1_001 + '"}'), "do not fit the schema"),
        (("search_messages", "[" * 10_000), "do not fit the schema"),
        (("search_messages", '{"query": "' + "x" * TOOL_ARGUMENT_CHARACTERS + '"}'), "too long"),
        (("delete_everything", "{}"), "There is no such tool. There are: search_messages."),
        (("search_messages", '{"query": "\\u0000 \\" \' * :"}'), '{"found": []}'),
        (("search_messages", '{"query": "hello"}'), '"text": "Hello."'),
    ],
)
async def test_a_call_that_cannot_be_run_is_answered_with_why(
    memory: Memory, server: ModelServer, call: tuple[str, str], said: str
) -> None:
    (result,) = await results_of(memory, server, call)

    assert said in result


async def test_arguments_that_were_too_long_are_not_sent_back(memory: Memory, server: ModelServer) -> None:
    await results_of(memory, server, ("search_messages", '{"query": "' + "x" * TOOL_ARGUMENT_CHARACTERS + '"}'))

    assert len(json.dumps(server.requests[-1].body)) < 10_000


async def test_the_same_call_again_is_not_run_again(memory: Memory, server: ModelServer) -> None:
    call = ("search_messages", '{"query": "hello"}')

    first, second = await results_of(memory, server, call, call)

    assert "Hello." in first
    assert "You asked that already" in second


async def test_of_a_hundred_calls_at_once_only_the_first_few_are_run(memory: Memory, server: ModelServer) -> None:
    calls = [("search_messages", json.dumps({"query": f"hello {number}"})) for number in range(100)]

    results = await results_of(memory, server, *calls)

    assert ["Hello." in result for result in results] == [True] * TOOL_CALLS + [False] * (100 - TOOL_CALLS)
    assert all("Too many calls at once" in result for result in results[TOOL_CALLS:])


async def test_the_last_round_offers_no_tools_and_runs_none(memory: Memory, server: ModelServer) -> None:
    server.default = circling
    await begin(memory)

    async with agent_at(memory, server) as agent:
        await say(agent, "What is tea?")

    assert ["tools" in request.body for request in server.requests] == [True] * TOOL_ROUNDS + [False]


async def test_without_tool_calls_in_the_settings_none_are_offered_or_spoken_of(
    memory: Memory, server: ModelServer
) -> None:
    await begin(memory)

    async with agent_at(memory, server, tools=False) as agent:
        agent._settings = agent._settings.model_copy(update={"model_tools": False})
        await say(agent, "What is tea?")

    (request,) = server.requests
    assert "tools" not in request.body
    assert "search_messages" not in json.dumps(request.body)
