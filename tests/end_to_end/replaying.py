"""A real support channel as threads of a local one: who says what where, a model that answers, a checker of the posts.

Each line stands with its number in a message. The model names the numbers that it answers, so that the posts alone,
as people see them, tell whether something was lost, answered twice or out of order.
"""

import asyncio
import os
import re
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, select, text

from adapters.local.tables import local_posts
from bot.models.port import Finished, ModelEvent, ModelRequest, TextDelta
from bot.storage.tables import usage
from bot.storage.turn_tables import OPEN_STATES, posts, turns
from tests.support_chat import Channel, Line

WORKSPACE, CHANNEL = "stripe", "dev"
_SILENCE = timedelta(minutes=30)
#: Who says nothing for so long is being started again.
_STARTING_SECONDS = 0.5
_QUESTION = re.compile(r"§(\d+):")
#: A number, in a message or in an answer.
NAMED = re.compile(r"§(\d+)")
_WHOLE = re.compile(r"For( §\d+)+\. That is all\.")
#: Every so many answers come slowly, word by word.
_SLOW_EVERY = 7
_WORD_SECONDS = 0.04


@dataclass(frozen=True)
class Saying:
    """A line as it is said: by whom, and below which other line; a thread's first line stands below none."""

    number: int
    person: str
    text: str
    root: int | None


def sayings(channel: Channel, lines: Sequence[Line]) -> list[Saying]:
    """Lines as messages to the bot.

    An annotated chain is a thread; of what is not annotated, whatever is said until there is silence for a while. The
    bot is mentioned in each thread's first line, and in every line of a thread in which several people speak.
    """
    threads: dict[int, list[Line]] = {}
    last: datetime | None = None
    root = -1
    for line in lines:
        chain = channel.chain_of.get(line.number)
        if chain is not None:
            threads.setdefault(chain.lines[0].number, []).append(line)
            continue
        if last is None or line.at - last > _SILENCE:
            root = line.number
        threads.setdefault(root, []).append(line)
        last = line.at
    return sorted((one for lines in threads.values() for one in _of_thread(lines)), key=lambda one: one.number)


def _of_thread(lines: Sequence[Line]) -> Iterable[Saying]:
    several = len({line.speaker for line in lines}) > 1
    for line in lines:
        first = line is lines[0]
        mention = "@keeper " if first or several or "@" in line.text else ""
        text = f"{mention}§{line.number}: {line.text}"
        yield Saying(line.number, local_name(line.speaker), text, None if first else lines[0].number)


def local_name(speaker: str) -> str:
    """A speaker's name as a local person's."""
    return f"u-{re.sub(r'[^a-z0-9._-]', '-', speaker.lower())}-u"


class Naming:
    """A model that names all questions in its prompt that no answer in it names.

    Args:
        log: where each call is written down.
    """

    name, offline = "naming", True

    def __init__(self, log: Path) -> None:
        self._log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        said = [_QUESTION.findall(one.content) for one in request.messages if one.role == "user"]
        named = {one for each in request.messages if each.role == "assistant" for one in NAMED.findall(each.content)}
        asked = sorted({int(one) for each in said for one in each if one not in named})
        os.write(self._log, f"{asked}\n".encode())
        slow = asked[-1] % _SLOW_EVERY == 0 if asked else False
        for word in ["For", *(f" §{one}" for one in asked), ".", " That", " is", " all", "."]:
            yield TextDelta(word)
            if slow:
                await asyncio.sleep(_WORD_SECONDS)
        yield Finished("stop")

    async def close(self) -> None:
        os.close(self._log)


@dataclass
class Checked:
    """What the posts of a channel tell."""

    said: int = 0
    answers: int = 0
    lost: list[int] = field(default_factory=list)
    twice: list[int] = field(default_factory=list)
    #: Answers that stand above one to something said earlier in their thread, or above their question.
    out_of_order: list[str] = field(default_factory=list)
    #: Answers that are not whole, and threads in which one of several people's questions was answered by another's.
    broken: list[str] = field(default_factory=list)

    @property
    def faults(self) -> dict[str, list[Any]]:
        return {"lost": self.lost, "twice": self.twice, "out of order": self.out_of_order, "broken": self.broken}


def check(rows: Sequence[Any]) -> Checked:
    """Check the rows of `local_posts`, in their order."""
    checked = Checked()
    threads: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        threads[row.root or row.id].append(row)
    for thread in threads.values():
        _check_thread(thread, checked)
    return checked


def _check_thread(thread: Sequence[Any], checked: Checked) -> None:
    author_of: dict[int, str] = {}
    answered: Counter[int] = Counter()
    latest = -1
    for row in thread:
        if row.author:
            number = int(NAMED.findall(row.text)[0])
            author_of[number] = row.author
            continue
        numbers = [int(one) for one in NAMED.findall(row.text)]
        authors = {author_of.get(one, "") for one in numbers}
        checked.answers += 1
        if not _WHOLE.fullmatch(row.text) or row.streaming or row.deleted or len(authors) > 1:
            checked.broken.append(row.text)
        if "" in authors or not numbers or min(numbers) < latest:
            checked.out_of_order.append(row.text)
        latest = max([latest, *numbers[:1]])
        answered.update(numbers)
    checked.said += len(author_of)
    checked.lost += [one for one in author_of if one not in answered]
    checked.twice += [one for one, times in answered.items() if times > 1]


def pace(rows: Sequence[Any]) -> float:
    """How many messages people said per second, while there was a process for them to speak in."""
    times: list[datetime] = sorted(row.at for row in rows if row.author)
    pauses = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
    spoken = [pause for pause in pauses if pause < _STARTING_SECONDS]
    return len(spoken) / max(sum(spoken), 0.001)


def posts_of_channel(connection: Connection) -> list[Any]:
    """All that stands in the channel, in order."""
    mine = (local_posts.c.workspace == WORKSPACE, local_posts.c.channel == CHANNEL)
    return list(connection.execute(select(local_posts).where(*mine).order_by(local_posts.c.key)))


def _deadlocks(connection: Connection) -> int:
    """How often two transactions waited for each other: a second is lost each time."""
    if connection.dialect.name != "postgresql":
        return 0
    counts = text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    return int(connection.execute(counts).scalar_one())


def counted(connection: Connection) -> dict[str, int]:
    """What the bot's own tables say: turns by state, ambiguous posts, calls of the model that ended in an answer."""
    found = connection.execute(select(turns.c.state, func.count()).group_by(turns.c.state)).all()
    states = {f"turns {state}": times for state, times in found}
    ambiguous = select(func.count()).select_from(posts).where(posts.c.state == "ambiguous")
    calls = select(func.coalesce(func.sum(usage.c.model_calls), 0))
    return states | {
        "deadlocks": _deadlocks(connection),
        "open": sum(times for state, times in found if state in OPEN_STATES),
        "ambiguous": connection.execute(ambiguous).scalar_one(),
        "calls": connection.execute(calls).scalar_one(),
    }
