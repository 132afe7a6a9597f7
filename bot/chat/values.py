"""What is said, who says it, and where: the values of the seam."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from bot.errors import TurnLost
from bot.memory.values import PlaceKind


@dataclass(frozen=True, slots=True)
class PersonRef:
    """One human, or one bot, in one workspace."""

    workspace_id: str
    resource_id: str
    #: What the platform shows; it may change and is never a key. "" where the payload does not say.
    name: str = ""
    is_bot: bool = False
    #: The organisation that an outsider comes from (Slack Connect); "" for the workspace's own people.
    home: str = ""


@dataclass(frozen=True, slots=True)
class PlaceRef:
    """Where a conversation takes place: a direct conversation, a channel's thread, a reply chain."""

    workspace_id: str
    #: Unique within the workspace; a place's first stored thread bears the same id.
    place_id: str
    kind: PlaceKind
    name: str = ""
    #: What the adapter needs in order to find the place again after a restart, on any machine. The core only keeps it.
    address: Mapping[str, str] = field(default_factory=dict)
    #: The id of the place that this one lies in, a thread's channel; "" for none. What happens to a channel
    #: happens to all that lies in it, though the platform tells of the channel alone.
    within: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that somebody sent. `reference` means something to the adapter alone; `Adapter.fetch` takes it."""

    name: str
    media_type: str
    size: int
    reference: str


@dataclass(frozen=True, slots=True)
class Button:
    """A command with arguments under a label: pressed, it comes back as an `Invocation`, authorised again."""

    label: str
    command: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    style: Literal["plain", "primary", "danger"] = "plain"
    #: Asked before it is carried out; "" asks nothing.
    confirm: str = ""
    #: Who alone may press it, by resource id; "" is everybody who sees it.
    person: str = ""


@dataclass(frozen=True, slots=True)
class File:
    """A file that the bot sends."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headings; a platform without tables gets them as text."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawn picture with its numbers, which those who do not see the picture read instead."""

    title: str
    image: bytes
    numbers: Table


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that the bot does on the way to an answer: a tool that it uses."""

    title: str
    state: Literal["running", "done", "failed"] = "running"


@dataclass(frozen=True, slots=True)
class Reply:
    """What the bot says. `text` is CommonMark; whatever stands in it pings nobody and unfurls nothing."""

    text: str
    buttons: tuple[Button, ...] = ()
    files: tuple[File, ...] = ()
    table: Table | None = None
    chart: Chart | None = None
    #: It ends an answer, on which people may say what they think (`Feedback`).
    rateable: bool = False
    #: What the bot does on the way to it, where the platform can show that.
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Field:
    """One input of a form."""

    name: str
    label: str
    kind: Literal["text", "long_text", "person", "choice", "date"] = "text"
    required: bool = True
    value: str = ""
    hint: str = ""
    #: For a choice: (value, label).
    choices: tuple[tuple[str, str], ...] = ()
    most_characters: int = 1_000


@dataclass(frozen=True, slots=True)
class Form:
    """Inputs for a command: sent, they come back as an `Invocation` with the fields among its arguments."""

    title: str
    command: str
    fields: tuple[Field, ...]
    arguments: Mapping[str, str] = field(default_factory=dict)
    submit: str = "Send"


@dataclass(frozen=True, slots=True)
class Audience:
    """Who can read a place now, or can let herself in without being invited."""

    #: One person; those in `members`; everybody of the workspace; or nobody can tell, which allows nothing.
    reach: Literal["person", "members", "workspace", "unknown"]
    #: Resource ids, without bots; complete unless the reach is `unknown` or `workspace`.
    members: frozenset[str]
    #: Guests or people of another organisation are among them, or have been invited.
    outsiders: bool
    fetched_at: datetime


@dataclass(frozen=True, slots=True)
class Profile:
    """What a platform knows of a person."""

    name: str
    is_bot: bool = False
    #: Still a member of the workspace.
    active: bool = True
    #: A guest, or of another organisation.
    outsider: bool = False
    #: Owner or administrator on the platform.
    administrator: bool = False
    time_zone: str = "UTC"
    locale: str = ""


@dataclass(frozen=True, slots=True)
class EarlierMessage:
    """What was said in a place before the bot was asked: context, not kept as anybody's words."""

    author_id: str
    author_name: str
    text: str
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class PostKey:
    """Names one post for ever, so that it is sent once and can be found again after a crash."""

    #: At most 25 characters: the longest nonce that Discord takes.
    value: str
    #: Until when it may be sent, in seconds of `time.monotonic`: a process that slept longer has lost the turn.
    until: float = math.inf
    #: When it was first about to be sent, where that was tried before: how far back `find` has to look.
    tried_at: datetime | None = None

    def check(self) -> None:
        """To be called right before sending, after all waiting.

        Raises:
            TurnLost: another process may have taken the turn over; nothing may be sent.
        """
        if time.monotonic() >= self.until:
            raise TurnLost


@dataclass(frozen=True, slots=True)
class Found:
    """The post is there, under this id."""

    post_id: str


@dataclass(frozen=True, slots=True)
class Absent:
    """The platform says that there is no such post."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """The platform does not say."""


Finding = Found | Absent | Unknown
Status = Literal["working", "waiting", "idle"]
