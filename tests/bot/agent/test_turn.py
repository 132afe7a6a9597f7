"""One turn on both engines: what is stored, who sees it, and what happens when somebody leaves in the middle."""

import ast
import asyncio
import gc
import re
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
from structlog.testing import capture_logs

from bot import Agent, Memory, MemoryOptions, NewMessage
from bot.errors import InvalidArgument, NotFound, StorageUnavailable
from bot.limits import MESSAGE_BYTES
from bot.memory.view import MemoryView
from bot.models.port import ModelRequest
from bot.storage.postgresql import PostgreSQLStore
from tests.bot.agent.talking import (
    SETTINGS,
    TITLE,
    Pausing,
    Playing,
    agent_at,
    agent_of,
    costs,
    everything,
    eyes_of,
    is_title,
    program,
    prompt_text,
    prompts_at,
    say,
    saying,
    stored,
    titled,
    told,
)
from tests.engines import Clock
from tests.model_server import ANSWER, Exchange, ModelServer, Stream, frame, text, tool_calls

README = Path(__file__).resolve().parents[3] / "README.md"
#: The face that the project exists for, as it was asked for.
FACE = """
async for chunk in agent.stream("How do I update my profile?",
                                thread_id="support_thread_user1", resource_id="user1"): ...
async for chunk in agent.stream("I need help with billing",
                                thread_id="support_thread_user2", resource_id="user2"): ...

manager = Actor.supervisor("manager", persons=["user1"], reason="weekly review")
threads = await agent.memory.as_actor(manager).get_threads_by_resource_id("user1")
"""


def example() -> str:
    """The block of the README that shows the library's face."""
    blocks = re.findall(r"^```python\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)
    (block,) = [one for one in blocks if "from bot import Actor, Agent, Memory" in one]
    return str(block)


async def test_the_example_of_the_readme_runs_as_it_stands_there(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in type(SETTINGS).model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    program_text = example()
    assert program_text.endswith(FACE)
    program_text = program_text.replace("sqlite:///support.db", url)

    names: dict[str, Any] = {}
    compiled = compile(program_text, "README.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    assert isinstance(compiled, CodeType)
    await eval(compiled, names)
    await names["agent"].close()
    await names["memory"].close()

    (thread,) = names["threads"]
    assert (thread.id, thread.resource_id, thread.title) == (
        "support_thread_user1",
        "user1",
        "How do I update my profile?",
    )
    async with await Memory.open(url) as memory:
        for person, question in (("user1", "How do I update my profile?"), ("user2", "I need help with billing")):
            page = await eyes_of(memory, person).list_messages_by_resource_id(person)
            assert [(one.role, one.thread_id) for one in page.items] == [
                ("user", f"support_thread_{person}"),
                ("assistant", f"support_thread_{person}"),
            ]
            assert page.items[0].text == question
            assert "No model is configured" in page.items[1].text


async def test_conversations_stay_apart_and_last_beyond_a_restart(url: str, clock: Clock) -> None:
    model = Playing(saying("Noted."))
    async with await Memory.open(url, now=clock) as memory:
        for person in ("ana", "ben"):
            await say(agent_of(memory, model), f"I am {person}.", f"of_{person}", person)

    async with await Memory.open(url, now=clock) as memory:
        await say(agent_of(memory, model), "Who am I?", "of_ana", "ana")
        of_ana, of_ben = await stored(memory, "of_ana", "ana"), await stored(memory, "of_ben", "ben")
        threads = await eyes_of(memory, "ben").get_threads_by_resource_id("ben")

    assert [one.text for one in of_ana] == ["I am ana.", "Noted.", "Who am I?", "Noted."]
    assert [one.text for one in of_ben] == ["I am ben.", "Noted."]
    assert [thread.id for thread in threads] == ["of_ben"]
    assert "I am ana." in prompt_text(model.requests[-1])
    assert "ben" not in prompt_text(model.requests[-1])


async def test_question_and_answer_are_stored_with_how_it_ended_and_what_it_cost(
    memory: Memory, server: ModelServer
) -> None:
    server.default = titled(text(ANSWER))
    async with agent_at(memory, server) as agent:
        answer = await say(agent, "What is green tea?")
        first, second = await stored(memory)

    assert answer == ANSWER
    assert told([first, second]) == [("user", "What is green tea?", ""), ("assistant", ANSWER, "answered")]
    assert (first.resource_id, second.resource_id) == ("ana", "ana")
    assert second.metadata == {"model": "some-model"}
    assert second.created_at >= first.created_at
    assert await costs(memory) == [("some-model", 11, 7, False, 1)]


async def test_each_turn_leaves_one_row_of_what_it_cost_over_all_its_rounds(
    memory: Memory, server: ModelServer
) -> None:
    server.script(tool_calls(("search_messages", '{"query": "tea"}')), text("Found.", usage=False), text("Again."))
    async with agent_at(memory, server) as agent:
        await eyes_of(memory).create_thread("ana", "t1")
        await eyes_of(memory).save_messages([NewMessage("t1", "ana", "Hello.")])
        await say(agent, "Tea?")
        await say(agent, "Tea again?")

    (first, second) = await costs(memory)
    assert (first[0], first[3], first[4]) == ("some-model", True, 2)
    assert second == ("some-model", 11, 7, False, 1)


async def test_a_stream_into_anothers_thread_fails_as_if_it_were_missing_and_leaves_nothing(
    memory: Memory, server: ModelServer
) -> None:
    server.default = titled(text())
    async with agent_at(memory, server) as agent:
        await say(agent, "This is mine.", "t1", "ana")
        await agent.close()
        before, calls = await everything(memory), len(server.requests)

        with pytest.raises(NotFound) as foreign:
            await say(agent, "Let me in.", "t1", "mallory")

        with pytest.raises(NotFound) as missing:
            await eyes_of(memory, "mallory").recall("t2", "mallory")
        assert str(foreign.value) == str(missing.value).replace("t2", "t1")
        assert await everything(memory) == before
        assert len(server.requests) == calls


async def test_a_participant_may_speak_in_anothers_thread_and_both_keep_their_own_words(memory: Memory) -> None:
    model = Playing(saying("Welcome."))
    agent = agent_of(memory, model)
    await program(memory).create_thread("ana", "t1", place_kind="private", place_name="tea")
    await program(memory).add_participant("t1", "ben")

    await say(agent, "I am Ana.", "t1", "ana")
    await say(agent, "I am Ben.", "t1", "ben")

    prompt = prompt_text(model.requests[1])
    assert '<message from="ana"' in prompt
    assert '<message from="ben"' in prompt
    for person, own in (("ana", "I am Ana."), ("ben", "I am Ben.")):
        page = await eyes_of(memory, person).list_messages_by_resource_id(person)
        assert [one.text for one in page.items] == [own, "Welcome."]


async def test_a_direct_conversation_that_somebody_joined_is_not_called_a_private_one_with_one_person(
    memory: Memory,
) -> None:
    model = Playing()
    agent = agent_of(memory, model)
    await say(agent, "Alone.")
    await program(memory).add_participant("t1", "ben")
    await say(agent, "Together.")

    alone, together = (request.messages[0].content for request in model.requests)
    assert "with one person, whom alone your answers reach" in alone
    assert "whom alone" not in together
    assert "All of them read your answers" in together


async def test_leak_6_parallel_first_messages_make_one_thread_and_all_are_kept(memory: Memory) -> None:
    agent = agent_of(memory, Playing(saying("Yes.")))

    await asyncio.gather(*(say(agent, f"Message {number}.") for number in range(5)))

    (thread,) = await eyes_of(memory).get_threads_by_resource_id("ana")
    found = await stored(memory)
    assert (thread.id, thread.message_count) == ("t1", 10)
    assert sorted(one.text for one in found if one.role == "user") == [f"Message {number}." for number in range(5)]
    assert [one.text for one in found if one.role == "assistant"] == ["Yes."] * 5
    assert [one.seq for one in found] == list(range(1, 11))
    assert len(await costs(memory)) == 5


CANARY = re.compile(r"cnry-(\w+?)-\d")


async def echo(exchange: Exchange) -> None:
    """Searches for canaries first, then says all that it was shown, piece by piece."""
    messages = exchange.request.body["messages"]
    if is_title(exchange) or messages[-1]["role"] == "tool":
        shown = "".join(message["content"] or "" for message in messages)
        pieces = sorted({found[0] for found in CANARY.finditer(shown)}) or ["nothing"]
        await Stream((*(frame(content=f"{piece} ") for piece in pieces), frame("stop")), pause=0.001)(exchange)
    else:
        await tool_calls(("search_messages", '{"query": "secret canary words"}'))(exchange)


async def test_fifty_interleaved_turns_of_ten_people_show_each_only_their_own_words(
    memory: Memory, server: ModelServer
) -> None:
    server.default = echo
    people = [f"p{number}" for number in range(10)]

    async def talk(person: str) -> list[str]:
        return [
            await say(agent, f"My secret canary words are cnry-{person}-{turn}.", f"of_{person}", person)
            for turn in range(5)
        ]

    async with agent_at(memory, server) as agent:
        answers = await asyncio.gather(*map(talk, people))

    for request in server.requests:
        assert len(set(CANARY.findall(repr(request.body)))) == 1
    for person, said in zip(people, answers, strict=True):
        assert [set(CANARY.findall(one)) for one in said] == [{person}] * 5
        assert len(set(re.findall(r"cnry-\w+-\d", said[-1]))) == 5
        page = await eyes_of(memory, person).list_messages_by_resource_id(person)
        assert (len(page.items), set(CANARY.findall(repr(page.items)))) == (10, {person})


async def listen_until(agent: Any, words: str, ready: asyncio.Event) -> None:
    """Listen, and tell when the first piece has come."""
    async with aclosing(agent.stream(words, thread_id="t1", resource_id="ana")) as pieces:
        async for _ in pieces:
            ready.set()


async def test_who_stops_listening_keeps_what_was_said_and_closes_the_connection(
    memory: Memory, server: ModelServer
) -> None:
    server.script(Stream((frame(content="So far"),), ending="silence"))
    agent = agent_at(memory, server)

    async with aclosing(agent.stream("Tell me.", thread_id="t1", resource_id="ana")) as pieces:
        first = await anext(pieces)

    assert first == "So far"
    await server.quiet()
    assert server.left_early == 1
    assert told(await stored(memory)) == [("user", "Tell me.", ""), ("assistant", "So far", "cut")]
    ((*_, estimated, calls),) = await costs(memory)
    assert (estimated, calls) == (True, 1)
    await agent.close()


async def test_who_is_cancelled_keeps_what_was_said_and_closes_the_connection(
    memory: Memory, server: ModelServer
) -> None:
    server.script(Stream((frame(content="So far"),), ending="silence"))
    agent = agent_at(memory, server)
    speaks = asyncio.Event()
    task = asyncio.create_task(listen_until(agent, "Tell me.", speaks))
    await speaks.wait()

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await server.quiet()
    assert server.left_early == 1
    assert told(await stored(memory)) == [("user", "Tell me.", ""), ("assistant", "So far", "cut")]
    await agent.close()


async def test_who_drops_the_stream_without_closing_it_keeps_what_was_said(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Pausing()
    was_stored = asyncio.Event()
    store = MemoryView.close_turn

    async def tell(*arguments: Any) -> Any:
        answer = await store(*arguments)
        was_stored.set()
        return answer

    monkeypatch.setattr(MemoryView, "close_turn", tell)

    async for _ in agent_of(memory, model).stream("Tell me.", thread_id="t1", resource_id="ana"):
        break
    gc.collect()
    await was_stored.wait()

    assert model.closed.is_set()
    assert told(await stored(memory)) == [("user", "Tell me.", ""), ("assistant", "So far", "cut")]


async def test_who_leaves_before_the_first_word_leaves_the_question_alone(memory: Memory) -> None:
    waiting = asyncio.Event()

    async def play(_request: ModelRequest) -> Any:
        waiting.set()
        await asyncio.Event().wait()
        yield

    agent = agent_of(memory, Playing(play))
    task = asyncio.create_task(say(agent, "Tell me."))
    await waiting.wait()

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert told(await stored(memory)) == [("user", "Tell me.", "")]


async def test_who_is_cancelled_while_a_long_answer_is_being_stored_finds_it_stored_whole(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = agent_of(memory, Playing(saying("A whole answer.")))
    storing, may_store = asyncio.Event(), asyncio.Event()
    store = MemoryView.close_turn

    async def slowly(*arguments: Any) -> Any:
        storing.set()
        await may_store.wait()
        return await store(*arguments)

    monkeypatch.setattr(MemoryView, "close_turn", slowly)
    task = asyncio.create_task(say(agent, "Tell me."))
    await storing.wait()

    task.cancel()
    may_store.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    await agent.close()

    assert told(await stored(memory))[1] == ("assistant", "A whole answer.", "answered")


@pytest.mark.parametrize("way", ["closed", "cancelled", "to the end"])
async def test_a_database_that_failed_meanwhile_is_told_to_who_listens_and_hides_no_leaving(
    url: str, clock: Clock, way: str
) -> None:
    model = Pausing()
    memory = await Memory.open(url, now=clock)
    stream = agent_of(memory, model).stream("Tell me.", thread_id="t1", resource_id="ana")
    assert await anext(stream) == "So far"
    await memory.close()

    if way == "closed":
        await stream.aclose()
    elif way == "cancelled":
        task = asyncio.ensure_future(anext(stream))
        await model.speaks.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    else:
        model.may_go_on.set()
        with pytest.raises(StorageUnavailable):
            assert [piece async for piece in stream] == [" and further."]

    async with await Memory.open(url, now=clock) as again:
        assert told(await stored(again)) == [("user", "Tell me.", "")]


@pytest.mark.parametrize("what", ["thread", "question", "thread_made_anew"])
async def test_an_answer_goes_with_what_was_deleted_while_the_model_spoke(memory: Memory, what: str) -> None:
    model = Pausing()
    agent = agent_of(memory, model)
    task = asyncio.create_task(say(agent, "My canary-17."))
    await model.speaks.wait()
    (question,) = await stored(memory)

    if what == "question":
        await eyes_of(memory).delete_messages([question.id])
    else:
        await eyes_of(memory).delete_thread("t1")
    if what == "thread_made_anew":
        await eyes_of(memory).create_thread("ana", "t1")
    model.may_go_on.set()
    answer = await task

    assert answer == "So far and further."
    assert await stored(memory) == []
    assert await costs(memory) == []


async def test_nothing_of_the_database_is_held_while_the_model_thinks(memory: Memory, url: str, engine: str) -> None:
    model = Pausing()
    task = asyncio.create_task(say(agent_of(memory, model), "Think."))
    await model.speaks.wait()

    if engine == "sqlite":
        with sqlite3.connect(url.removeprefix("sqlite:///"), timeout=0, isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            other.execute("COMMIT")
        other.close()
    else:
        assert isinstance(memory._store, PostgreSQLStore)
        assert memory._store._engine.pool.checkedout() == 0  # type: ignore[attr-defined] # a queue pool
    others = await asyncio.gather(
        *(say(agent_of(memory, Playing()), "Quick.", f"of_p{number}", f"p{number}") for number in range(20))
    )

    assert not task.done()
    assert others == ["An answer."] * 20
    model.may_go_on.set()
    assert await task == "So far and further."


async def test_two_agents_on_one_database_share_a_conversation(url: str, clock: Clock) -> None:
    models = Playing(saying("Here.")), Playing(saying("There."))
    async with await Memory.open(url, now=clock) as one, await Memory.open(url, now=clock) as other:
        agents = agent_of(one, models[0]), agent_of(other, models[1])
        await say(agents[0], "First.")
        await say(agents[1], "Second.")
        await asyncio.gather(*(say(agents[number % 2], f"Parallel {number}.", "t2") for number in range(10)))
        found, parallel = await stored(one), await stored(other, "t2")

    assert [message.text for message in found] == ["First.", "Here.", "Second.", "There."]
    assert "First." in prompt_text(models[1].requests[0])
    assert sorted(message.seq for message in parallel) == list(range(1, 21))


async def test_the_time_that_was_given_is_the_questions_and_the_answers(memory: Memory) -> None:
    model = Playing()
    at = datetime(2019, 10, 5, 0, 10, 52, tzinfo=UTC)

    await say(agent_of(memory, model), "Long ago.", created_at=at)

    assert [one.created_at for one in await stored(memory)] == [at, at]
    assert 'at="2019-10-05 00:10 UTC"' in prompt_text(model.requests[0])


@pytest.mark.parametrize(
    ("wrong", "parameter"),
    [
        ({"words": "x" * (MESSAGE_BYTES + 1)}, "text"),
        ({"words": None}, "text"),
        ({"thread_id": " "}, "thread_id"),
        ({"thread_id": ""}, "thread_id"),
        ({"thread_id": " ", "options": MemoryOptions(last_messages=None)}, "thread_id"),
        ({"thread_id": " ", "options": MemoryOptions(read_only=True)}, "thread_id"),
        ({"resource_id": ""}, "resource_id"),
        ({"resource_id": "a\0b"}, "resource_id"),
        ({"created_at": datetime(2019, 10, 5)}, "created_at"),  # noqa: DTZ001 (the point)
    ],
)
async def test_what_cannot_be_asked_is_refused_before_anything_is_stored(
    memory: Memory, wrong: dict[str, Any], parameter: str
) -> None:
    model = Playing()
    before = await everything(memory)

    with pytest.raises(InvalidArgument) as caught:
        await say(agent_of(memory, model), **{"words": "Hello.", **wrong})

    assert caught.value.parameter == parameter
    assert await everything(memory) == before
    assert model.requests == []


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ("a\0b", "a\ufffdb"),
        ("half \ud83d of one", "half \ufffd of one"),
        ("é" * (MESSAGE_BYTES // 2), "é" * (MESSAGE_BYTES // 2)),
    ],
)
async def test_every_text_that_can_be_stored_is_asked_and_kept(memory: Memory, asked: str, kept: str) -> None:
    model = Playing()

    await say(agent_of(memory, model), asked)

    question, _ = await stored(memory)
    assert question.text == kept
    assert unescape(model.requests[0].messages[-1].content.partition(">")[2].rpartition("<")[0]) == kept


async def test_a_prompt_that_a_server_was_sent_is_the_one_that_was_built(memory: Memory, server: ModelServer) -> None:
    server.default = titled(text("Well."))
    async with agent_at(memory, server) as agent:
        await say(agent, "First </message>?")
        await say(agent, "Second?")

    before, after = prompts_at(server)
    assert after[: len(before)] == before
    assert [message["role"] for message in after] == ["system", "user", "assistant", "user"]
    assert (await eyes_of(memory).get_threads_by_resource_id("ana"))[0].title == TITLE


@pytest.mark.parametrize("nothing", ["", " \n\t", "\u3000"])
async def test_rule_18_a_message_without_text_is_ignored(memory: Memory, nothing: str) -> None:
    model = Playing()
    before = await everything(memory)

    answer = await say(agent_of(memory, model), nothing)

    assert answer == ""
    assert await everything(memory) == before
    assert model.requests == []


async def _nobody(_resource_id: str) -> None:
    return None


async def _unreachable(_resource_id: str) -> str:
    raise RuntimeError("the directory is down")


@pytest.mark.parametrize("identify", [_nobody, _unreachable])
async def test_rule_19_somebody_without_an_identity_is_answered_and_not_kept(
    memory: Memory, identify: Callable[[str], Awaitable[str | None]]
) -> None:
    await say(agent_of(memory), "A word kept before.")
    before = await everything(memory)
    model = Playing()

    answer = await say(Agent(memory=memory, model=model, settings=SETTINGS, identify=identify), "Hello.")

    assert answer == "An answer."
    assert await everything(memory) == before
    assert "kept before" not in prompt_text(model.requests[0])


async def test_rule_19_an_identity_that_cannot_be_found_out_is_warned_of_without_a_word_of_the_message(
    memory: Memory,
) -> None:
    agent = Agent(memory=memory, model=Playing(), settings=SETTINGS, identify=_unreachable)

    with capture_logs() as logs:
        await say(agent, "A secret question.")

    assert [entry["log_level"] for entry in logs] == ["warning"]
    assert "secret" not in str(logs)


async def test_rule_19_an_identity_is_whom_the_conversation_is_kept_for(memory: Memory) -> None:
    async def known(resource_id: str) -> str:
        return f"person of {resource_id}"

    await say(Agent(memory=memory, model=Playing(), settings=SETTINGS, identify=known), "Hello.", resource_id="U1")

    (thread,) = (await program(memory).list_threads()).items
    assert thread.resource_id == "person of U1"
