"""The values of an import: threads and messages of another system, checked but not yet stored."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

Scalar = str | int | float | bool | None
PlaceKind = Literal["direct", "private", "public"]
Role = Literal["user", "assistant"]

#: Called with (bytes read, bytes in all) now and then while a file is read.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class ImportedThread:
    """One conversation elsewhere. `owner` is the first person who speaks in it or is answered in it."""

    id: str
    owner: str
    title: str
    place_kind: PlaceKind
    place_name: str
    #: The channel in which it lies, as supervisors' scopes name it; "" for a direct conversation.
    channel_id: str = ""


@dataclass(frozen=True, slots=True)
class ImportedMessage:
    """One thing that was said elsewhere.

    `resource_id` and `person_name` are the person who speaks or, where the assistant does, the person whom it answers.
    """

    id: str
    thread_id: str
    resource_id: str
    role: Role
    text: str
    #: Aware, in UTC.
    created_at: datetime
    person_name: str
    #: Counted from 1: the line of a JSON-lines file, the place in the list of an archive's member.
    line: int
    metadata: Mapping[str, Scalar] = field(default_factory=dict)
    #: The file inside an archive; empty where the file is no archive.
    member: str = ""

    @property
    def where(self) -> str:
        """Where the message stands in its file, to begin an error's sentence with."""
        return f"{self.member}, message {self.line}" if self.member else f"line {self.line}"


ImportRecord = ImportedThread | ImportedMessage


@dataclass(frozen=True, slots=True)
class Entry:
    """A message as one place of the file has it, with its thread as that same place describes it."""

    thread: ImportedThread
    message: ImportedMessage
    #: The file names no id: `message.id` follows from the message's content, and equal messages have equal ones.
    derived_id: bool = False


class Source(Protocol):
    """A file of foreign messages that can be read from its beginning as often as needed."""

    @property
    def total(self) -> int:
        """The bytes of one reading; 100 % of its progress."""

    @property
    def workspace(self) -> str:
        """The tenant of whose conversations this is; empty where the file does not say."""

    def entries(self, progress: Progress) -> Iterator[Entry]:
        """Read the file once, in the order in which it is to be imported.

        Raises:
            ImportFailed: names the place in the file, what is wrong there and what to do; never the text.
        """


def unwatched(_done: int, _total: int) -> None:
    """Progress that nobody looks at."""
