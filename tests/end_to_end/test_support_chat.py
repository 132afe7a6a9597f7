"""A real support channel through the agent: each person's list, and a supervisor's, hold exactly what is theirs.

Each annotated reply chain is a thread in the public place `#stripe` in which all its speakers take part; every other
line is that person's direct message.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot import Actor, Memory, Message
from bot.agent.agent import Agent
from bot.memory.view import MemoryView
from bot.models.offline import OfflineModel
from tests.bot.agent.talking import SETTINGS, say
from tests.support_chat import Channel, Line, read_channel

pytestmark = pytest.mark.data

#: Thread, role and text of a message.
Told = tuple[str, str, str]
_HIT = re.compile(r"^- (?P<date>\d{4}-\d\d-\d\d \d\d:\d\d) UTC, .*", re.MULTILINE)


@dataclass
class Replay:
    """What was put through the agent, as it must be found again."""

    channel: Channel
    #: For each person, what they said and were answered, in order.
    expected: dict[str, list[Told]] = field(default_factory=lambda: defaultdict(list))
    #: For each answer, who asked and in which thread.
    answers: list[tuple[Line, str, str]] = field(default_factory=list)

    def thread_of(self, line: Line) -> str:
        chain = self.chain_of.get(line.number)
        return f"direct-{line.speaker}" if chain is None else f"stripe-{chain.lines[0].number}"

    def __post_init__(self) -> None:
        self.chain_of = self.channel.chain_of


@pytest.fixture
def channel(data: Path) -> Channel:
    return read_channel(data / "support_chat", "stripe.1")


async def put_through(memory: Memory, channel: Channel) -> Replay:
    replay = Replay(channel)
    program = memory.as_actor(Actor.system("replay of a channel"))
    async with Agent(memory=memory, model=OfflineModel(), settings=SETTINGS) as agent:
        for line in channel.lines:
            chain = replay.chain_of.get(line.number)
            thread_id = replay.thread_of(line)
            if chain is not None and line == chain.lines[0]:
                await program.create_thread(line.speaker, thread_id, place_kind="public", place_name="#stripe")
                for other in chain.speakers[1:]:
                    await program.add_participant(thread_id, other)
            answer = await say(agent, line.text, thread_id, line.speaker, created_at=line.at)
            replay.expected[line.speaker] += [(thread_id, "user", line.text), (thread_id, "assistant", answer)]
            replay.answers.append((line, thread_id, answer))
    return replay


def told(messages: Sequence[Message]) -> list[Told]:
    return [(one.thread_id, one.role, one.text) for one in messages]


async def listed(view: MemoryView, person: str) -> list[Message]:
    """A person's list, page by page."""
    found: list[Message] = []
    page = await view.list_messages_by_resource_id(person, per_page=100)
    found += page.items
    while page.next_cursor is not None:
        page = await view.list_messages_by_resource_id(person, per_page=100, cursor=page.next_cursor)
        found += page.items
    assert len(found) == page.total
    return found


async def test_of_a_real_channel_each_list_holds_exactly_that_persons_words_and_the_answers(
    memory: Memory, channel: Channel
) -> None:
    replay = await put_through(memory, channel)
    everybody = tuple(replay.expected)
    manager_of_all = memory.as_actor(Actor.supervisor("manager", persons=everybody, reason="weekly review"))

    assert len(everybody) == 110
    assert sum(map(len, replay.expected.values())) == 2 * len(channel.lines) == 2_400
    for person, expected in replay.expected.items():
        own = await listed(memory.as_actor(Actor.person(person)), person)
        manager = memory.as_actor(Actor.supervisor("manager", persons=[person], reason="weekly review"))

        assert told(own) == expected
        assert {one.resource_id for one in own} == {person}
        assert await listed(manager, person) == own
        assert await listed(manager_of_all, person) == own
        await assert_threads(memory, replay, person)
    assert_nothing_strange_is_quoted(replay)


async def assert_threads(memory: Memory, replay: Replay, person: str) -> None:
    """Exactly the person's threads are hers; a supervisor sees those, and nobody else's words in them."""
    expected = {thread_id for thread_id, *_ in replay.expected[person]}
    own = await memory.as_actor(Actor.person(person)).get_threads_by_resource_id(person)
    manager = memory.as_actor(Actor.supervisor("manager", persons=[person], reason="weekly review"))
    supervised = await manager.get_threads_by_resource_id(person)

    assert {thread.id for thread in own} == {thread.id for thread in supervised} == expected
    for thread in own:
        words_of_all = [
            one for line, thread_id, answer in replay.answers if thread_id == thread.id for one in (line.text, answer)
        ]
        seen = await memory.as_actor(Actor.person(person)).recall(thread.id, per_page=None)
        assert [one.text for one in seen.items] == words_of_all
        shown = await manager.recall(thread.id, per_page=None)
        assert [one.text for one in shown.items if one.resource_id == person] == [
            text for thread_id, _, text in replay.expected[person] if thread_id == thread.id
        ]
        assert {one.text for one in shown.items if one.resource_id != person} <= {""}


def assert_nothing_strange_is_quoted(replay: Replay) -> None:
    """An answer quotes only words that its asker may read, and in public only those of its own thread."""
    quotes = 0
    for asked, thread_id, answer in replay.answers:
        heard = readable(replay, asked, thread_id)
        for hit in _HIT.finditer(answer):
            quotes += 1
            assert any(hit[0].endswith(words) for words in heard.get(hit["date"], ())), hit[0]
    assert quotes > 1_000


def readable(replay: Replay, asked: Line, thread_id: str) -> Mapping[str, list[str]]:
    """By date, the ends of the hits that an answer to this line may hold."""
    public = asked.number in replay.chain_of
    own = {one for one, *_ in replay.expected[asked.speaker]}
    found: dict[str, list[str]] = defaultdict(list)
    for line in replay.channel.lines[: asked.number]:
        where = replay.thread_of(line)
        if where == thread_id or (not public and where in own):
            found[f"{line.at:%Y-%m-%d %H:%M}"].append(f", {line.speaker}: {shortened(line.text)}")
    return found


def shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 200 else line[:200].rsplit(" ", 1)[0] + "…"


def test_the_channel_is_read_as_its_readme_describes_it(channel: Channel) -> None:
    first, *_, last = channel.lines
    annotated = {line.number for chain in channel.chains for line in chain.lines}

    assert (first.speaker, first.text, f"{first.at:%F %T}") == ("giorgio", "let me share code ", "2019-10-05 00:10:52")
    assert (len(channel.lines), last.number) == (1_200, 1_199)
    assert annotated == {999, *range(1_000, 1_200)}
    assert len(channel.chains) == 27
    # Line 1005 answers the question of line 1004: numbers begin with 0.
    assert [line.text for line in channel.lines[1_004:1_006]][1] == "Yes "
    assert channel.chain_of[1_005] == channel.chain_of[1_004]
