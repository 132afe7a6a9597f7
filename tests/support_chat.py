"""Real support channels (`shared/data/support_chat`): lines with their speakers, and reply chains annotated by hand.

A line is known by its number from the file's start, 0 first; the last 200 of 1,200 are annotated. `1000 1002 -` says
that line 1002 answers line 1000, and `1002 1002 -` that line 1002 begins a conversation.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

_LINE = re.compile(
    r"(?P<channel>\S+) (?P<day>\S+) \[(?P<time>[\d:]+)\] <(?P<speaker>[^>]+)>[ \t](?P<text>.*)", re.DOTALL
)
_LINK = re.compile(r"(\d+) (\d+) -\s*")


@dataclass(frozen=True, slots=True)
class Line:
    """What one person said at one moment."""

    number: int
    at: datetime
    speaker: str
    text: str


@dataclass(frozen=True, slots=True)
class Chain:
    """Lines that answer each other, in order."""

    lines: tuple[Line, ...]

    @property
    def speakers(self) -> tuple[str, ...]:
        """Who speaks, in the order of their first words."""
        return tuple(dict.fromkeys(line.speaker for line in self.lines))


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel's lines in order, and its chains in the order of their first lines."""

    lines: tuple[Line, ...]
    chains: tuple[Chain, ...]

    @property
    def chain_of(self) -> Mapping[int, Chain]:
        """The chain of each annotated line, by the line's number."""
        return {line.number: chain for chain in self.chains for line in chain.lines}


def read_channel(folder: Path, name: str) -> Channel:
    """The channel `stripe.1`, say."""
    lines = parse_lines((folder / f"{name}.ascii.txt").read_text(encoding="utf-8"))
    links = parse_links((folder / f"{name}.annotation.txt").read_text(encoding="utf-8"))
    return Channel(lines, tuple(Chain(tuple(lines[number] for number in chain)) for chain in connected(links)))


def parse_lines(log: str) -> tuple[Line, ...]:
    """The lines of a log. A time without seconds is the minute's beginning."""
    found = []
    for number, raw in enumerate(log.removesuffix("\n").split("\n")):
        match = _LINE.fullmatch(raw)
        if match is None:
            raise ValueError(f"Line {number} is no line of a chat.")
        at = datetime.fromisoformat(f"{match['day']}T{match['time']}").replace(tzinfo=UTC)
        found.append(Line(number, at, match["speaker"], match["text"]))
    return tuple(found)


def parse_links(annotation: str) -> tuple[tuple[int, int], ...]:
    """The links of an annotation: the number of a line, and of the line that answers it."""
    matches = [_LINK.fullmatch(raw) for raw in annotation.splitlines()]
    if None in matches:
        raise ValueError(f"Line {matches.index(None)} is no link.")
    return tuple((int(match[1]), int(match[2])) for match in matches if match)


def connected(links: Iterable[tuple[int, int]]) -> Sequence[tuple[int, ...]]:
    """The numbers that links connect, directly or not: each group in order, the groups by their first."""
    group_of: dict[int, set[int]] = {}
    for one, other in links:
        joined = group_of.get(one, {one}) | group_of.get(other, {other})
        group_of |= dict.fromkeys(joined, joined)
    return sorted({tuple(sorted(group)) for group in group_of.values()})
