"""The values of the memory: what its methods take and return. All frozen; times are aware and in UTC."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

T = TypeVar("T")

Role = Literal["user", "assistant", "system", "tool"]
Direction = Literal["ASC", "DESC"]
#: Where a conversation happens: between one person and the bot, in a place with members, or in one that all can read.
PlaceKind = Literal["direct", "private", "public"]
#: How an answer ended: whole, early, or with a sentence that says what went wrong. "" for what is no answer.
Outcome = Literal["", "answered", "cut", "failed"]

#: Stands in place of a person whose words the reader may not see; such a message's text is empty.
ANOTHER_PARTICIPANT = "another participant"


@dataclass(frozen=True, slots=True)
class Thread:
    """A thread: one stored conversation, owned by one person and listed by each participant."""

    id: str
    resource_id: str
    title: str
    created_at: datetime
    updated_at: datetime
    #: The newest message's time; None while there is none.
    last_message_at: datetime | None
    metadata: Mapping[str, Any]
    place_kind: PlaceKind
    place_name: str
    message_count: int
    participants: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """A stored message. The order of a thread is (`created_at`, `seq`)."""

    id: str
    thread_id: str
    #: Whose words these are; for an answer, whom it answers.
    resource_id: str
    role: Role
    text: str
    created_at: datetime
    #: Counts the messages of a thread in the order in which they were stored.
    seq: int
    metadata: Mapping[str, Any]
    outcome: Outcome = ""
    edited_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to be saved. Without `id` it gets one; without `created_at` it is the newest of its thread.

    Saving an `id` that the same thread already holds edits that message.
    """

    thread_id: str
    resource_id: str
    text: str
    role: Role = "user"
    id: str | None = None
    created_at: datetime | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    outcome: Outcome = ""


@dataclass(frozen=True, slots=True)
class MessageChange:
    """A change to a stored message: what is None stays; metadata is merged, key by key."""

    id: str
    text: str | None = None
    metadata: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Include:
    """A message that a recall shall hold whatever its page, with neighbours from that message's own thread."""

    id: str
    previous: int = 0
    next: int = 0


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page of a list.

    `next_cursor` continues where this page ends at the same cost everywhere in the list, however long it is; counting
    pages by `page` gets dearer towards the end. None at the end.
    """

    items: tuple[T, ...]
    total: int
    page: int
    #: None where the page holds everything.
    per_page: int | None
    has_more: bool
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class MemoryOptions:
    """What a turn remembers.

    `last_messages` is the window: the newest messages that a prompt holds; 0 loads none, None loads and saves nothing.
    `token_budget` bounds it by tokens instead (about four characters each). `read_only` loads, but saves nothing.
    `working_memory` is reserved for the form of facts that comes later.
    """

    last_messages: int | None = 10
    token_budget: int | None = None
    read_only: bool = False
    working_memory: None = None
