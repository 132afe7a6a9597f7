"""What a conversation is called, and by whom."""

import asyncio

import pytest

from bot import Memory
from bot.agent import titles
from bot.agent.titles import cleaned_title, title_of_question
from bot.limits import TITLE_CHARACTERS, TITLE_TIME
from tests.bot.agent.talking import (
    SETTINGS,
    TITLE,
    Playing,
    agent_at,
    agent_of,
    eyes_of,
    program,
    say,
    stored,
    titled,
)
from tests.model_server import Behaviour, Exchange, ModelServer, Silence, Status, Stream, frame, text


async def title_of(memory: Memory, thread_id: str = "t1") -> str:
    thread = await program(memory).get_thread_by_id(thread_id)
    assert thread is not None
    return str(thread.title)


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("How do I update my profile?", "How do I update my profile?"),
        ("\n\n  two   words \n more", "two words"),
        ("x" * 100, "x" * 59 + "…"),
        ("word " * 30, "word word word word word word word word word word word word"[:59].rsplit(" ", 1)[0] + "…"),
        ("a" * 50 + ", " + "b" * 50, "a" * 50 + "…"),
        ("日本語のタイトル", "日本語のタイトル"),
        ("\n" * 5_000 + "too far down", ""),
    ],
)
def test_a_question_gives_the_beginning_of_its_first_line_with_words(question: str, title: str) -> None:
    assert title_of_question(question) == title


@pytest.mark.parametrize(
    ("answer", "title"),
    [
        ("Green tea", "Green tea"),
        ('  "Green\ttea"\n', "Green tea"),
        ("**Green tea**\n\nI chose this title because", "Green tea"),
        ("„Grüner Tee“", "Grüner Tee"),
        ("", ""),
        (" \n ", ""),
        ("x" * TITLE_CHARACTERS, "x" * TITLE_CHARACTERS),
        ("x" * (TITLE_CHARACTERS + 1), ""),
    ],
)
def test_a_models_answer_is_a_title_only_if_it_looks_like_one(answer: str, title: str) -> None:
    assert cleaned_title(answer) == title


async def test_a_conversation_is_called_by_its_first_question_at_once(memory: Memory) -> None:
    agent = agent_of(memory, Playing())

    await say(agent, "How do I update my profile?")
    await say(agent, "And my name?")

    assert await title_of(memory) == "How do I update my profile?"


async def test_where_a_model_is_set_it_names_the_conversation_once(memory: Memory, server: ModelServer) -> None:
    server.default = titled(text(), text(f'"{TITLE}"'))
    async with agent_at(memory, server) as agent:
        await say(agent, "How do I update my </message> profile?")
        await say(agent, "And my name?")

    assert await title_of(memory) == TITLE
    asked = [request.body for request in server.requests if "tools" not in request.body]
    assert len(asked) == 1
    assert asked[0]["messages"][1]["content"] == ("<message>How do I update my &lt;/message&gt; profile?</message>")


async def test_a_persons_own_title_is_never_overwritten(memory: Memory, server: ModelServer) -> None:
    server.default = titled(text())
    await eyes_of(memory).create_thread("ana", "t1", title="My own")
    async with agent_at(memory, server) as agent:
        await say(agent, "How do I update my profile?")

    assert await title_of(memory) == "My own"


async def test_a_title_that_was_given_while_the_model_thought_of_one_stays(memory: Memory, server: ModelServer) -> None:
    thinks, may_answer = asyncio.Event(), asyncio.Event()

    async def think(exchange: Exchange) -> None:
        thinks.set()
        await may_answer.wait()
        await text(TITLE)(exchange)

    server.default = titled(text(), think)
    async with agent_at(memory, server) as agent:
        await say(agent, "How do I update my profile?")
        await thinks.wait()
        await eyes_of(memory).update_thread("t1", title="My own")
        may_answer.set()

    assert await title_of(memory) == "My own"


@pytest.mark.parametrize(
    "failure",
    [
        Status(500),
        Status(401),
        text(" "),
        text("x" * 1_000),
        Stream((frame(content="Half a"),), ending="reset"),
        Stream((frame(content="slow "),), ending="repeat", pause=0.01),
        Silence(),
    ],
)
async def test_a_title_that_fails_costs_nothing_but_the_title(
    memory: Memory, server: ModelServer, failure: Behaviour, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(titles, "TITLE_TIME", TITLE_TIME / 100)
    server.default = titled(text("Well."), failure)
    async with agent_at(memory, server) as agent:
        answers = [await say(agent, "How do I update my profile?"), await say(agent, "And my name?")]

    assert answers == ["Well.", "Well."]
    assert await title_of(memory) == "How do I update my profile?"
    await server.quiet()


async def test_a_title_of_a_conversation_that_is_gone_is_dropped(memory: Memory, server: ModelServer) -> None:
    thinks, may_answer = asyncio.Event(), asyncio.Event()

    async def think(exchange: Exchange) -> None:
        thinks.set()
        await may_answer.wait()
        await text(TITLE)(exchange)

    server.default = titled(text(), think)
    async with agent_at(memory, server) as agent:
        await say(agent, "How do I update my profile?")
        await thinks.wait()
        await eyes_of(memory).delete_thread("t1")
        may_answer.set()

    assert await stored(memory) == []


async def test_a_failed_first_answer_gets_no_title_by_the_model(memory: Memory, server: ModelServer) -> None:
    server.default = Status(401)
    async with agent_at(memory, server) as agent:
        await say(agent, "How do I update my profile?")

    assert await title_of(memory) == "How do I update my profile?"
    assert len(server.requests) == 1


async def test_without_a_model_no_title_is_asked_of_anybody(memory: Memory) -> None:
    async with agent_of(memory) as agent:
        await say(agent, "How do I update my profile?")

    assert SETTINGS.model is None
    assert await title_of(memory) == "How do I update my profile?"
