"""What the stores hold: people who talk in messages of about sixty words, the same words in every run."""

import asyncio
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TypeVar

from bot.access.actor import Actor
from bot.memory.memory import Memory
from bot.memory.values import NewMessage
from bot.memory.view import MemoryView

T = TypeVar("T")

#: A typical person has two threads of twenty messages; one busy person has twenty of ten. Whatever a store's size, it
#: is made of these, so that nothing which belongs to one person grows with the store.
THREADS, MESSAGES = 2, 20
BUSY, BUSY_THREADS, BUSY_MESSAGES = "busy", 20, 10
LONG, LONG_MESSAGES = "long", 10_000
#: What imports go into: one person's ten threads, empty at first.
IMPORTED, IMPORTED_THREADS = "imported", 10

#: Stands in every second message of everybody; stands in one of two hundred.
COMMON_WORD, RARE_WORD = "invoice", "zeppelin"

SYSTEM = Actor.system("benchmark")
_BEGAN = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
_BATCH = 2_000
_AT_ONCE = 64
_SAVERS = 3
_WORDS_PER_MESSAGE = 60


class Writer:
    """Makes texts of words as frequent as those of a language: the n-th most frequent comes 1/n times as often."""

    def __init__(self) -> None:
        self._random = random.Random(20261122)
        syllables = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
        self._words = ["".join(self._random.choices(syllables, k=self._random.randint(1, 4))) for _ in range(4_000)]
        self._weights = list(_summed(1 / rank for rank in range(1, len(self._words) + 1)))
        self._number = 0

    def text(self) -> str:
        """The next text."""
        self._number += 1
        words = self._random.choices(self._words, cum_weights=self._weights, k=_WORDS_PER_MESSAGE)
        if self._number % 2 == 0:
            words[7] = COMMON_WORD
        if self._number % 200 == 0:
            words[9] = RARE_WORD
        return " ".join(words).capitalize() + "."


def _summed(numbers: Iterator[float]) -> Iterator[float]:
    total = 0.0
    for number in numbers:
        total += number
        yield total


#: A person, her thread, and how many messages it holds.
PlannedThread = tuple[str, str, int]


@dataclass(frozen=True)
class Plan:
    """Whose threads a store has."""

    threads: tuple[PlannedThread, ...]

    @property
    def messages(self) -> int:
        """All messages together."""
        return sum(size for _person, _thread, size in self.threads)


def people_of(size: int) -> int:
    """How many typical people a store of `size` messages has."""
    return (size - BUSY_THREADS * BUSY_MESSAGES) // (THREADS * MESSAGES)


def person(number: int) -> str:
    """The id of a typical person."""
    return f"person-{number:05}"


def thread(owner: str, number: int) -> str:
    """The id of a thread."""
    return f"{owner}/{number}"


def plan_of(size: int) -> Plan:
    """A store of `size` messages (rounded to whole people)."""
    owners = [(person(number), THREADS, MESSAGES) for number in range(people_of(size))]
    # In the middle: neither the oldest rows nor the newest.
    owners.insert(len(owners) // 2, (BUSY, BUSY_THREADS, BUSY_MESSAGES))
    owners.append((IMPORTED, IMPORTED_THREADS, 0))
    return Plan(tuple((owner, thread(owner, number), size) for owner, many, size in owners for number in range(many)))


LONG_PLAN = Plan(((LONG, thread(LONG, 0), LONG_MESSAGES),))


async def fill(memory: Memory, plan: Plan, writer: Writer) -> int:
    """Store what `plan` says; return how many bytes of text that was."""
    system = memory.as_actor(SYSTEM)
    for some in _batched(plan.threads, _AT_ONCE):
        await asyncio.gather(*(system.create_thread(owner, thread_id) for owner, thread_id, _size in some))
    size = 0
    # Several threads at once, and each from its first message to its last.
    for portions in _batched(_portions(plan), _SAVERS):
        texts = [_messages(portion, writer) for portion in portions]
        await asyncio.gather(*(_save(system, portion) for portion in texts))
        size += sum(len(one.text.encode()) for portion in texts for one in portion)
    return size


async def _save(system: MemoryView, messages: Sequence[NewMessage]) -> None:
    for batch in _batched(messages, _BATCH):
        await system.save_messages(batch)


def _portions(plan: Plan) -> Iterator[list[PlannedThread]]:
    """The threads in groups of about one batch."""
    portion: list[PlannedThread] = []
    for one in plan.threads:
        portion.append(one)
        if sum(size for _owner, _thread, size in portion) >= _BATCH:
            yield portion
            portion = []
    yield portion


def _messages(portion: Iterable[PlannedThread], writer: Writer) -> list[NewMessage]:
    return [
        NewMessage(
            thread_id=thread_id,
            resource_id=owner,
            text=writer.text(),
            role="assistant" if number % 2 else "user",
            created_at=_BEGAN + timedelta(seconds=number),
        )
        for owner, thread_id, size in portion
        for number in range(size)
    ]


def _batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
