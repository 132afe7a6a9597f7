"""The offline model, and what any model can find with the search tool: what the place's readers may hear, no more."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from html import unescape

import pytest

from bot import Memory, NewMessage
from tests.bot.agent.talking import agent_at, agent_of, eyes_of, is_title, program, say, stored
from tests.engines import Clock
from tests.model_server import Exchange, ModelServer, text, tool_calls

INTRODUCTION = "No model is configured, so I cannot think; I can only look up what was said before."
NOTHING = f"{INTRODUCTION} I found nothing that bears on this. `help` shows what I can do without one."


async def test_it_says_that_there_is_no_model(memory: Memory) -> None:
    assert await say(agent_of(memory), "How do I brew tea?") == NOTHING


async def test_it_answers_with_stored_words_their_date_their_conversation_and_who_said_them(memory: Memory) -> None:
    agent = agent_of(memory)
    at = datetime(2019, 10, 5, 0, 10, 52, tzinfo=UTC)
    await say(agent, 'My blue teapot is <broken> & "gone" &lt;', "t1", created_at=at)

    answer = await say(agent, "What about my teapot?", "t2")

    assert answer == (
        f"{INTRODUCTION} This seems to bear on it:\n"
        '- 2019-10-05 00:10 UTC, “My blue teapot is <broken> & "gone" &lt;”, ana: '
        'My blue teapot is <broken> & "gone" &lt;'
    )


async def test_it_finds_what_was_said_in_this_conversation(memory: Memory) -> None:
    agent = agent_of(memory)
    await say(agent, "My teapot is blue.")

    answer = await say(agent, "What colour is my teapot?")

    assert ", this conversation, ana: My teapot is blue." in answer


async def test_its_own_answers_are_not_quoted_again(memory: Memory) -> None:
    agent = agent_of(memory)

    answers = [await say(agent, f"What about my teapot, {number}?") for number in range(6)]

    assert [one.count(INTRODUCTION) for one in answers] == [1] * 6
    assert answers[-1].count("\n- ") == 5
    assert "you, answering" not in answers[-1]
    assert max(map(len, answers)) < 700


async def test_long_words_and_titles_stand_on_one_short_line_each_and_forge_no_further_one(memory: Memory) -> None:
    agent = agent_of(memory)
    await say(agent, "teapot\n- 2020-01-01 00:00 UTC, “x”, ben: I resign.\n" + "teapot " * 100)
    await eyes_of(memory).update_thread("t1", title="Tea\n- 2020-01-01 00:00 UTC, “x”, ben: I resign.")

    answer = await say(agent, "What of the teapot?", "t2")

    assert answer.count("\n") == 1
    assert len(answer) < 500


async def test_a_question_of_signs_or_of_great_length_is_answered(memory: Memory) -> None:
    agent = agent_of(memory)

    assert await say(agent, "?!") == NOTHING
    assert INTRODUCTION in await say(agent, "teapot " * 10_000)


@dataclass(frozen=True)
class Place:
    """Where ana asks, and whose canaries may be found there."""

    thread_id: str
    heard: frozenset[str]


#: Each thread: its kind of place, and who takes part, the owner first.
WORLD = {
    "ana_1": ("direct", ["ana"]),
    "ana_2": ("direct", ["ana"]),
    "pair": ("direct", ["ana", "ben"]),
    "circle": ("private", ["ana", "ben", "carol"]),
    "square": ("public", ["ben", "ana"]),
    "empty_circle": ("private", ["ana"]),
    "empty_square": ("public", ["ana"]),
    "ben_1": ("direct", ["ben"]),
    "bens_circle": ("private", ["ben", "carol"]),
    "bens_square": ("public", ["ben"]),
}
OWN = frozenset(thread_id for thread_id, (_, people) in WORLD.items() if "ana" in people)
PLACES = (
    Place("ana_1", OWN),
    *(Place(thread_id, frozenset({thread_id})) for thread_id in sorted(OWN - {"ana_1", "ana_2"})),
)
CANARY = re.compile(r"cnry-(\w+)-\w+-x")


async def fill(memory: Memory) -> None:
    for thread_id, (kind, people) in WORLD.items():
        await program(memory).create_thread(
            people[0],
            thread_id,
            title=f"The secret title cnry-{thread_id}-title-x",
            place_kind=kind,  # type: ignore[arg-type]
            place_name=f"cnry-{thread_id}-place-x",
        )
        for person in people[1:]:
            await program(memory).add_participant(thread_id, person)
        await program(memory).save_messages(
            [
                NewMessage(thread_id, person, f"My secret is cnry-{thread_id}-{person}-x, says {role}.", role)
                for person in people
                for role in ("user", "assistant", "tool")
            ]
        )


@pytest.fixture
async def world(memory: Memory, url: str, clock: Clock) -> Memory:
    """People with secrets, in every kind of place, and a namesake of ana in another workspace."""
    await fill(memory)
    async with await Memory.open(url, now=clock, workspace="another") as another:
        await program(another).create_thread("ana", "elsewhere")
        secret = NewMessage("elsewhere", "ana", "My secret is cnry-elsewhere-ana-x.")
        await program(another).save_messages([secret])
    return memory


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.thread_id)
async def test_offline_it_finds_what_the_places_readers_may_hear_and_nothing_else(world: Memory, place: Place) -> None:
    answer = await say(agent_of(world), "What is the secret?", place.thread_id)

    found = set(CANARY.findall(answer))
    assert found
    assert found <= place.heard


async def test_offline_a_person_alone_finds_every_conversation_of_hers(world: Memory) -> None:
    agent = agent_of(world)

    answers = [await say(agent, f"What of cnry-{thread_id}?", "ana_1") for thread_id in sorted(OWN)]

    for thread_id, answer in zip(sorted(OWN), answers, strict=True):
        assert f"cnry-{thread_id}-ana-x" in answer


async def test_what_no_person_said_is_not_put_into_anybodys_mouth(world: Memory, server: ModelServer) -> None:
    server.script(tool_calls(("search_messages", '{"query": "cnry-ana_1-ana-x"}')), text())
    async with agent_at(world, server) as agent:
        await say(agent, "What is the secret?", "ana_1")

    (result,) = (one["content"] for one in server.requests[-1].body["messages"] if one["role"] == "tool")
    found = json.loads(unescape(result).removeprefix("<result>").removesuffix("</result>"))["found"]
    assert {hit["text"].split()[-1]: hit["speaker"] for hit in found if "cnry-ana_1" in hit["text"]} == {
        "user.": "ana",
        "assistant.": "you, answering",
        "tool.": "a tool",
    }


WORDS = ("secret", "says", "user", "my", "ana", "ben", "carol", "x")
QUERIES = (
    *(f"cnry-{thread_id}" for thread_id in (*WORLD, "elsewhere")),
    *WORDS,
    *("*", "%", "_", "secret*", '"secret"', "secret OR ben", "NOT ana", "NEAR(secret ben)", "terms: secret", "^secret"),
    *(
        "=t1",
        "=t2 | =t3",
        "'=t4'",
        "=",
        "secret & !ana",
        "secret:*",
        "') OR 1=1 --",
        '" OR "1"="1',
        "\\",
        "\0",
        "\ud800",
    ),
    *("secret " * 100, "geheim", "\u0441\u0435\u043a\u0440\u0435\u0442", "\uff53\uff45\uff43\uff52\uff45\uff54"),
)
ARGUMENTS: tuple[object, ...] = (
    *({"query": query} for query in QUERIES),
    *({"query": query, "people_only": True} for query in WORDS),
    *(
        {"query": "secret", name: value}
        for name in ("resource_id", "thread_id", "workspace", "person", "everywhere", "roles", "per_page", "options")
        for value in ("ben", "ben_1", True, None, ["ben"])
    ),
    {},
    {"query": ["secret"]},
    {"people_only": "false"},
    [],
    None,
)
CALLS = (
    *(("search_messages", json.dumps(arguments)) for arguments in ARGUMENTS),
    *(
        (name, json.dumps({"thread_id": "ben_1", "resource_id": "ben"}))
        for name in ("recall", "list_threads", "get_thread_by_id", "open_turn", "read_file", "", "search_messages ")
        if name
    ),
)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.thread_id)
async def test_a_model_that_tries_everything_finds_what_the_places_readers_may_hear_and_nothing_else(
    world: Memory, server: ModelServer, place: Place
) -> None:
    left = list(CALLS)

    async def try_everything(exchange: Exchange) -> None:
        """Eight calls in each of six rounds; then it says all that it was shown."""
        if is_title(exchange) or "tools" not in exchange.request.body or not left:
            await text(" ".join(CANARY.findall(json.dumps(exchange.request.body["messages"]))) or "Nothing.")(exchange)
            return
        await tool_calls(*(left.pop(0) for _ in range(min(8, len(left)))))(exchange)

    server.default = try_everything
    async with agent_at(world, server) as agent:
        while left:
            await say(agent, "What is the secret?", place.thread_id)

    found: set[str] = set()
    for request in server.requests:
        assert not set(CANARY.findall(json.dumps(request.body))) - place.heard
        results = [message["content"] for message in request.body["messages"] if message["role"] == "tool"]
        found |= set(CANARY.findall("".join(results)))
    assert found == place.heard
    assert not set(CANARY.findall(json.dumps([one.text for one in await stored(world, place.thread_id)]))) - place.heard
