"""What is measured: each row of the table as calls of the memory's face."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.content import (
    BUSY,
    COMMON_WORD,
    IMPORTED,
    IMPORTED_THREADS,
    LONG,
    LONG_MESSAGES,
    RARE_WORD,
    SYSTEM,
    Writer,
    people_of,
    person,
    thread,
)
from bot.access.actor import Actor
from bot.memory.memory import Memory
from bot.memory.turn_rows import Cost
from bot.memory.values import MemoryOptions, NewMessage

Call = Callable[[Memory, int], Awaitable[Any]]

WINDOW = MemoryOptions(last_messages=20)
TOGETHER = 16
IMPORT_BATCH = 1_000
#: Turns go round this many people, spread over the whole store.
_TALKERS = 16

_COST = Cost(model="benchmark", prompt_tokens=1_000, completion_tokens=100, estimated=False, model_calls=1)
_writer = Writer()
_QUESTION, _ANSWER = _writer.text(), _writer.text()


@dataclass(frozen=True)
class Scenario:
    """One row.

    `ours` is called once a round; `parts` are the calls that the driver repeats one after the other, each of which is
    recorded by itself. A number says whose turn it is. Times are divided by `per`.
    """

    name: str
    ours: Callable[[int], Call]
    parts: Callable[[int], tuple[Call, ...]]
    aims: dict[str, float]
    variants: int = 1
    per: int = 1
    long_thread: bool = False
    writes: bool = False
    rate: bool = False


async def _turn(memory: Memory, owner: str, thread_id: str) -> None:
    """What the memory does for one turn: reads the window, then saves the question and the answer."""
    view = memory.as_actor(Actor.person(owner))
    await view.recall(thread_id, options=WINDOW)
    await view.save_messages(
        [
            NewMessage(thread_id=thread_id, resource_id=owner, text=_QUESTION),
            NewMessage(thread_id=thread_id, resource_id=owner, text=_ANSWER, role="assistant", outcome="answered"),
        ]
    )


async def _agents_turn(memory: Memory, owner: str, thread_id: str) -> None:
    """What the agent asks of the memory for one turn; the model answers between the second and the third."""
    view = memory.as_actor(Actor.person(owner))
    question = await view.open_turn(thread_id, _QUESTION)
    await view.read_context(thread_id, 20)
    answer = NewMessage(thread_id=thread_id, resource_id=owner, text=_ANSWER, role="assistant", outcome="answered")
    await view.close_turn(answer, _COST, question.id)


def _talker(size: int, number: int) -> str:
    return person(number % _TALKERS * people_of(size) // _TALKERS)


def _turn_of(size: int) -> Call:
    def call(memory: Memory, number: int) -> Awaitable[Any]:
        owner = _talker(size, number)
        return _turn(memory, owner, thread(owner, 0))

    return call


def _agents_turn_of(size: int) -> Call:
    def call(memory: Memory, number: int) -> Awaitable[Any]:
        owner = _talker(size, number)
        return _agents_turn(memory, owner, thread(owner, 1))

    return call


def _turns_together(size: int) -> Call:
    turn = _turn_of(size)

    def call(memory: Memory, _number: int) -> Awaitable[Any]:
        return asyncio.gather(*(turn(memory, number) for number in range(TOGETHER)))

    return call


def _each_turn(size: int) -> tuple[Call, ...]:
    turn = _turn_of(size)
    return tuple(lambda memory, _number, who=who: turn(memory, who) for who in range(TOGETHER))


def _long_turn(memory: Memory, _number: int) -> Awaitable[Any]:
    return _turn(memory, LONG, thread(LONG, 0))


def _page_by_number(memory: Memory, _number: int) -> Awaitable[Any]:
    view = memory.as_actor(Actor.person(LONG))
    return view.recall(thread(LONG, 0), page=LONG_MESSAGES // 20 // 2, per_page=20)


class _ByCursor:
    """The page after a cursor from the middle, which is found once."""

    def __init__(self) -> None:
        self._cursor: str | None = None

    async def __call__(self, memory: Memory, _number: int) -> None:
        view = memory.as_actor(Actor.person(LONG))
        if self._cursor is None:
            middle = await view.recall(thread(LONG, 0), page=LONG_MESSAGES // 20 // 2 - 1, per_page=20)
            self._cursor = middle.next_cursor
        await view.recall(thread(LONG, 0), per_page=20, cursor=self._cursor)


def _listing(memory: Memory, _number: int) -> Awaitable[Any]:
    return memory.as_actor(Actor.person(BUSY)).list_threads()


def _searching(word: str) -> Call:
    return lambda memory, _number: memory.as_actor(Actor.person(BUSY)).search_messages(word)


def _importing(memory: Memory, _number: int) -> Awaitable[Any]:
    return memory.as_actor(SYSTEM).save_messages(_imported())


def _imported() -> list[NewMessage]:
    each = IMPORT_BATCH // IMPORTED_THREADS
    return [
        NewMessage(thread(IMPORTED, number), IMPORTED, text, "assistant" if at % 2 else "user")
        for number in range(IMPORTED_THREADS)
        for at, text in enumerate(_IMPORTED_TEXTS[:each])
    ]


_IMPORTED_TEXTS = [_writer.text() for _ in range(IMPORT_BATCH // IMPORTED_THREADS)]


def _same(name: str, call: Call, aim: float | None = None, **more: bool | int) -> Scenario:
    """A row whose call is the same at every size, and is what the driver repeats."""
    aims = {} if aim is None else {"sqlite": aim, "postgresql": 2.5}
    return Scenario(name, lambda _size: call, lambda _size: (call,), aims, **more)  # type: ignore[arg-type]


_TURN_AIMS = {"sqlite": 3.0, "postgresql": 2.5}
_by_cursor = _ByCursor()

#: What reads comes first: it is measured at the very size that the table names.
SCENARIOS = (
    _same("list of a person's 20 threads", _listing, 4.0),
    _same("search, common word (100 hits)", _searching(COMMON_WORD)),
    _same("search, rare word (1 hit)", _searching(RARE_WORD)),
    _same("page 250 of 500 of a 10,000-message thread", _page_by_number, 4.0, long_thread=True),
    _same("the same page by cursor", _by_cursor, 4.0, long_thread=True),
    Scenario(
        "memory turn (20 read, 2 saved)",
        _turn_of,
        lambda size: (_turn_of(size),),
        _TURN_AIMS,
        variants=_TALKERS,
        writes=True,
    ),
    Scenario(
        "agent's turn (question, 20 read, answer)",
        _agents_turn_of,
        lambda size: (_agents_turn_of(size),),
        _TURN_AIMS,
        variants=_TALKERS,
        writes=True,
    ),
    _same("turn in a 10,000-message thread", _long_turn, 3.0, long_thread=True, writes=True),
    Scenario(
        "16 turns at once, per turn",
        _turns_together,
        _each_turn,
        {"sqlite": 1.0, "postgresql": 1.0},
        per=TOGETHER,
        writes=True,
    ),
    _same("import, 1,000 in 10 threads, per message", _importing, per=IMPORT_BATCH, writes=True, rate=True),
)
