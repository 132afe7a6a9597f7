"""The values of turns: what a worker holds while it works, and the words that wake one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from bot.chat import PersonRef, PlaceRef

#: What a worker hears: "turn" or "job" (there is one to be done), "turn:<id>" (that one changed), "" (nothing).
Word = str

PostState = Literal["planned", "sending", "accepted", "finished", "ambiguous"]
#: How a turn ends.
Closed = Literal["answered", "stopped", "withdrawn", "failed"]


def changed(turn_id: str) -> Word:
    """The word for a turn whose question was changed, or that was stopped."""
    return f"turn:{turn_id}"


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence for a person who is not answered: `id` makes it one however often it is meant."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on a thread, or on a job, until another process takes it over."""

    owner: str
    fence: int


@dataclass(frozen=True, slots=True)
class Post:
    """One recorded post."""

    part: int
    value: str
    state: PostState
    post_id: str | None
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class Asked:
    """A message that a turn answers."""

    id: str
    text: str
    sent_at: datetime
    seq: int
    metadata: Mapping[str, Any]
    #: It is answered and not kept.
    off_record: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """The stored answer of a turn."""

    text: str
    outcome: str

    @property
    def rateable(self) -> bool:
        """Whether people may say what they think of it: not of one that says only that there is none."""
        return self.outcome != "failed"


@dataclass(frozen=True, slots=True)
class Turn:
    """A leased turn, as it stood when it was read."""

    key: int
    id: str
    workspace_key: int
    thread_key: int
    thread_id: str
    place: PlaceRef
    person: PersonRef
    lease: Lease
    attempts: int
    revision: int
    stop_requested: bool
    #: Its questions, in order; none are left where all were deleted.
    asked: tuple[Asked, ...]
    #: The thread's messages that are not yet to be answered: other turns' questions, and what came since.
    waiting: frozenset[str]
    #: What was said in the thread from this `seq` on was said after it was read.
    heard: int
    answer: Answer | None
    posts: Mapping[int, Post]
