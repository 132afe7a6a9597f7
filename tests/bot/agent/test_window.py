"""What of a conversation stands in a prompt: by count, by tokens, and by the options of a call."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import Memory, MemoryOptions, NewMessage
from bot.agent.agent import Agent
from bot.errors import InvalidArgument
from bot.limits import WINDOW_MESSAGES
from bot.memory.boundary import Boundary, tokens_of, window
from bot.memory.values import Message, Role
from bot.models.port import ModelRequest
from tests.bot.agent.talking import Playing, agent_of, everything, eyes_of, program, say, saying, stored
from tests.engines import Clock

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def numbered(count: int, size: int = 1, role: Role = "user") -> list[Message]:
    return [
        Message(f"m{number}", "t1", "ana", role, "x" * size, NOON + timedelta(minutes=number), number + 1, {})
        for number in range(count)
    ]


def words_of(request: ModelRequest) -> list[str]:
    """What a prompt says between its first message and the question, without fences."""
    return [one.content.partition(">")[2].rpartition("<")[0] or one.content for one in request.messages[1:-1]]


async def talk(agent: Agent, turns: int, **options: Any) -> None:
    for number in range(turns):
        await say(agent, f"Question {number}?", **options)


async def test_the_window_is_the_newest_so_many_messages(memory: Memory) -> None:
    model = Playing(saying("Yes."))

    await talk(agent_of(memory, model), 6, options=MemoryOptions(last_messages=3))

    assert words_of(model.requests[-1]) == ["Yes.", "Question 4?", "Yes."]


async def test_the_window_of_a_memory_holds_for_a_call_that_says_nothing_else(url: str, clock: Clock) -> None:
    model = Playing(saying("Yes."))
    async with await Memory.open(url, now=clock, options=MemoryOptions(last_messages=2)) as memory:
        await talk(agent_of(memory, model), 3)

    assert words_of(model.requests[-1]) == ["Question 1?", "Yes."]


async def test_without_any_wish_the_window_is_ten(memory: Memory) -> None:
    model = Playing(saying("Yes."))

    await talk(agent_of(memory, model), 8)

    assert len(words_of(model.requests[-1])) == 10


BUDGET = MemoryOptions(token_budget=400)


def cost(request: ModelRequest) -> int:
    return sum(tokens_of(words) + 16 for words in words_of(request))


async def test_a_window_by_tokens_is_trimmed_in_chunks_and_keeps_its_beginning_between(memory: Memory) -> None:
    model = Playing(saying("y" * 60))

    await talk(agent_of(memory, model), 40, options=BUDGET)

    kept = [after.messages[: len(before.messages)] == before.messages for before, after in pairwise(model.requests)]
    assert all(cost(request) <= 400 for request in model.requests)
    assert 1 <= kept.count(False) <= 10


async def test_the_boundary_is_stored_and_the_same_after_a_restart(url: str, clock: Clock) -> None:
    model = Playing(saying("y" * 60))
    boundaries = []
    for _ in range(12):
        async with await Memory.open(url, now=clock, options=BUDGET) as memory:
            await talk(agent_of(memory, model), 2)
            boundaries.append(await eyes_of(memory).window_boundary("t1"))

    unbroken = Playing(saying("y" * 60))
    async with await Memory.open(url, now=clock, options=BUDGET) as memory:
        for number in range(24):
            await say(agent_of(memory, unbroken), f"Question {number % 2}?", "t2")

    assert [words_of(one) for one in model.requests] == [words_of(one) for one in unbroken.requests]
    assert boundaries[0] is None
    assert len(set(boundaries)) > 2
    assert any(before == after for before, after in pairwise(boundaries))


async def test_more_messages_than_are_looked_at_are_trimmed_in_chunks_too(memory: Memory) -> None:
    model = Playing(saying("Yes."))
    agent = agent_of(memory, model)
    await say(agent, "First?")
    first = [NewMessage("t1", "ana", f"Line {number}.") for number in range(WINDOW_MESSAGES)]
    await eyes_of(memory).save_messages(first)
    model.requests.clear()

    await talk(agent, 10, options=MemoryOptions(token_budget=1_000_000))

    assert all(len(words_of(request)) <= WINDOW_MESSAGES for request in model.requests)
    for before, after in pairwise(model.requests):
        assert after.messages[: len(before.messages)] == before.messages


async def test_a_newest_message_that_fits_the_budget_is_never_trimmed_away(memory: Memory) -> None:
    model = Playing(saying("y" * 1_200))

    await talk(agent_of(memory, model), 4, options=BUDGET)

    assert [words_of(request)[-1] for request in model.requests[1:]] == ["y" * 1_200] * 3


async def test_a_message_larger_than_the_whole_budget_is_left_out_and_the_turn_goes_on(memory: Memory) -> None:
    model = Playing(saying("y" * 4_000))

    await talk(agent_of(memory, model), 3, options=BUDGET)

    assert [words_of(request) for request in model.requests] == [[], [], []]
    assert len(await stored(memory)) == 6


@pytest.mark.parametrize("options", [MemoryOptions(last_messages=2), MemoryOptions(token_budget=100)])
async def test_a_result_is_never_parted_from_its_call(memory: Memory, options: MemoryOptions) -> None:
    await program(memory).create_thread("ana", "t1")
    lines: list[tuple[Role, str]] = [
        ("user", "What did we say of tea?"),
        ("assistant", "Let me look." + " " * 200),
        ("tool", "Result one."),
        ("tool", "Result two."),
        ("assistant", "Tea is fine."),
    ]
    await program(memory).save_messages([NewMessage("t1", "ana", text, role) for role, text in lines])
    model = Playing()

    await say(agent_of(memory, model), "Thanks.", options=options)

    assert words_of(model.requests[0]) == ["Tea is fine."]


@given(
    roles=st.lists(st.sampled_from(["user", "assistant", "tool"]), max_size=30),
    sizes=st.lists(st.integers(0, 400), min_size=30, max_size=30),
    most=st.integers(0, 12),
    budget=st.none() | st.integers(1, 600),
)
def test_no_window_is_too_long_or_begins_with_a_result(
    roles: list[Role], sizes: list[int], most: int, budget: int | None
) -> None:
    messages = [
        Message(f"m{number}", "t", "ana", role, "x" * size, NOON + timedelta(minutes=number // 3), number, {})
        for number, (role, size) in enumerate(zip(roles, sizes, strict=False))
    ]

    kept, moved = window(messages, None, most=most, budget=budget)

    assert kept == messages[len(messages) - len(kept) :]
    assert len(kept) <= most
    assert not kept or kept[0].role != "tool"
    assert budget is None or sum(tokens_of(one.text) + 16 for one in kept) <= budget
    if moved is not None:
        assert [one for one in messages if not moved.excludes(one)] == kept
        assert window(messages, moved, most=most, budget=budget) == (kept, None)


def test_a_boundary_that_two_writers_moved_is_the_newer_one() -> None:
    older, newer = Boundary(NOON, frozenset({"a"})), Boundary(NOON + timedelta(minutes=1), frozenset({"b"}))

    assert older.merged(newer) == newer.merged(older) == newer
    assert older.merged(Boundary(NOON, frozenset({"c"}))) == Boundary(NOON, frozenset({"a", "c"}))


async def test_a_window_of_none_loads_nothing_and_saves_nothing(memory: Memory) -> None:
    model = Playing(saying("Yes."))
    agent = agent_of(memory, model)
    await say(agent, "Remember me.")
    before = await everything(memory)

    answers = [
        await say(agent, "Forget me.", options=MemoryOptions(last_messages=None)),
        await say(agent, "Forget me.", "t2", options=MemoryOptions(last_messages=None)),
        await say(agent, "Forget me.", "t3", "ben", options=MemoryOptions(last_messages=None, token_budget=500)),
    ]

    assert answers == ["Yes."] * 3
    assert [words_of(request) for request in model.requests[1:]] == [[], [], []]
    assert [request.tools for request in model.requests[1:]] == [(), (), ()]
    assert await everything(memory) == before


@pytest.mark.parametrize("budget", [None, 500])
async def test_a_window_of_nought_loads_nothing_but_saves(memory: Memory, budget: int | None) -> None:
    model = Playing(saying("Yes."))

    await talk(agent_of(memory, model), 2, options=MemoryOptions(last_messages=0, token_budget=budget))

    assert words_of(model.requests[1]) == []
    assert len(await stored(memory)) == 4


async def test_a_turn_that_only_reads_loads_but_saves_nothing(memory: Memory) -> None:
    model = Playing(saying("y" * 100))
    agent = agent_of(memory, model)
    await talk(agent, 4)
    before = await everything(memory)
    boundary = await eyes_of(memory).window_boundary("t1")

    await say(agent, "Just asking.", options=MemoryOptions(read_only=True, token_budget=100))
    await say(agent, "Just asking.", options=MemoryOptions(read_only=True))
    await say(agent, "Just asking.", "new", options=MemoryOptions(read_only=True))

    assert [len(words_of(request)) for request in model.requests[-3:]] == [1, 8, 0]
    assert await everything(memory) == before
    assert await eyes_of(memory).window_boundary("t1") == boundary
    assert await eyes_of(memory).get_thread_by_id("new") is None


@pytest.mark.parametrize("options", [MemoryOptions(read_only=True), MemoryOptions(last_messages=None)])
async def test_a_turn_that_saves_nothing_tells_a_strangers_thread_from_a_missing_one_by_nothing(
    memory: Memory, options: MemoryOptions
) -> None:
    model = Playing(saying("Yes."))
    agent = agent_of(memory, model)
    await say(agent, "My canary-93 is private.")
    model.requests.clear()
    at = NOON - timedelta(days=1)

    foreign = await say(agent, "What is said here?", "t1", "mallory", options=options, created_at=at)
    missing = await say(agent, "What is said here?", "t2", "mallory", options=options, created_at=at)

    assert foreign == missing
    assert model.requests[0] == model.requests[1]
    assert "canary" not in repr(model.requests)


@pytest.mark.parametrize(
    ("options", "parameter"),
    [
        (MemoryOptions(last_messages=-1), "last_messages"),
        (MemoryOptions(last_messages=1.5), "last_messages"),  # type: ignore[arg-type]
        (MemoryOptions(token_budget=0), "token_budget"),
        (MemoryOptions(token_budget="many"), "token_budget"),  # type: ignore[arg-type]
    ],
)
async def test_a_window_that_cannot_be_is_refused_before_anything_is_stored(
    memory: Memory, options: MemoryOptions, parameter: str
) -> None:
    before = await everything(memory)

    with pytest.raises(InvalidArgument) as caught:
        await say(agent_of(memory), "Hello.", options=options)

    assert caught.value.parameter == parameter
    assert await everything(memory) == before
