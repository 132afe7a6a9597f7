"""What is to become of what people say to the bot, in plain Python: written from the rules, not from the bot's code.

Each text carries a canary that names its place, author, number and version. An answer names the numbers and versions
of what it answers, in other words than the canaries, so that it may stand where a canary must be gone.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

WORKSPACES = ("a", "b")
PEOPLE = ("ana", "ben", "cleo")
#: Channel, kind and thread. In the direct one each person is alone with the bot.
PLACES = (("", "direct", ""), ("general", "public", "r1"), ("general", "public", "r2"), ("secret", "private", "r3"))

_CANARY = re.compile(r"cn(\d+)w(\d)p(\d)a(\d)n(\d+)v(\d+)z")
_ANSWERED = re.compile(r"\bre(\d+)v(\d+)\b")


class Where(NamedTuple):
    """A place: numbers of a workspace and of a place in it; for a direct one, of the person."""

    workspace: int
    place: int
    alone: int

    @classmethod
    def of(cls, where: int, who: int) -> "Where":
        place = where // len(WORKSPACES)
        return cls(where % len(WORKSPACES), place, who if PLACES[place][1] == "direct" else -1)

    @property
    def direct(self) -> bool:
        return PLACES[self.place][1] == "direct"


class Canary(NamedTuple):
    """A canary that was found."""

    text: str
    run: int
    workspace: int
    place: int
    who: int
    number: int
    version: int

    @property
    def where(self) -> Where:
        return Where(self.workspace, self.place, self.who if PLACES[self.place][1] == "direct" else -1)


@dataclass
class Said:
    """One message, as the rules know it."""

    run: int
    number: int
    where: Where
    who: int
    #: Said to the bot by name, or to it alone.
    addressed: bool
    #: When it was said, in no unit.
    at: int
    versions: int = 1
    #: The version that stands: that of the newest edit, by the platform's time.
    stands: int = 1
    changed_at: int = -1
    delivered: bool = False
    #: It was taken in, as what is to be answered, as the how manieth.
    taken: int | None = None
    deleted: bool = False
    #: The answer must be to this version, or to a later one.
    owed: int = 1

    @property
    def place(self) -> int:
        """Its place among all that were taken in."""
        assert self.taken is not None
        return self.taken

    def canary(self, version: int) -> str:
        where = self.where
        return f"cn{self.run}w{where.workspace}p{where.place}a{self.who}n{self.number}v{version}z"

    def text(self, version: int) -> str:
        return f"{self.canary(version)} shared words"

    def outdated(self) -> set[str]:
        """The canaries that must be nowhere."""
        standing = set() if self.deleted else {self.stands}
        return {self.canary(version) for version in {*range(1, self.versions + 1)} - standing}


@dataclass
class Rules:
    """All that was said, and what follows from it."""

    said: list[Said] = field(default_factory=list)
    took: int = 0

    def speakers(self, where: Where) -> set[int]:
        return {one.who for one in self.said if one.where == where and one.taken is not None}

    def is_for_the_bot(self, said: Said) -> bool | None:
        """Whether an answer is owed; None where that hangs on whether an older answer still stands."""
        if said.deleted:
            return False
        if said.addressed:
            return True
        if self.speakers(said.where) != {said.who}:
            return False
        standing = [one for one in self.said if one.where == said.where and one.taken is not None and not one.deleted]
        return True if standing else None

    def take(self, said: Said) -> None:
        said.taken = self.took
        self.took += 1

    def change(self, said: Said, version: int, at: int) -> bool:
        """An edit made at a time; whether it is the newest."""
        newest = at > said.changed_at
        if newest:
            said.stands, said.changed_at = version, at
        return newest

    def threads_of(self, workspace: int, who: int) -> set[Where]:
        mine = (one for one in self.said if one.taken is not None and one.who == who)
        return {one.where for one in mine if one.where.workspace == workspace}

    def title(self, where: Where) -> str:
        """What a thread is called: as its first message begins, by nothing where that is gone."""
        first = min((one for one in self.taken() if one.where == where), key=lambda one: one.place)
        return "" if first.deleted else first.text(first.stands)

    def taken(self) -> list[Said]:
        return [one for one in self.said if one.taken is not None]

    def outdated(self) -> set[str]:
        return {canary for one in self.said for canary in one.outdated()}

    def misplaced(self, prompt: str, question: str) -> list[str]:
        """The canaries in a prompt that its asker, or those who read along, may not hear."""
        asked = next(canaries(question))
        hers = self.threads_of(asked.workspace, asked.who) if asked.where.direct else set()
        allowed = {asked.where} | hers
        return [one.text for one in canaries(prompt) if one.where not in allowed or one.run != asked.run]


def canaries(text: str) -> Iterator[Canary]:
    """All canaries in a text."""
    for found in _CANARY.finditer(text):
        yield Canary(found[0], *map(int, found.groups()))


def answered(text: str) -> dict[int, int]:
    """The numbers that an answer names, each with its version."""
    return {int(found[1]): int(found[2]) for found in _ANSWERED.finditer(text)}
