"""The seam: what a chat platform and the core say to each other. No platform is named here, and none is needed.

An adapter turns payloads into the events below and carries out what the core asks of a `Conversation`. Ids are minted
by the adapter and opaque to the core: `workspace_id` begins with the platform's name and a colon, every other id is
unique within its workspace. docs/adapters.md shows a payload's way and how a platform is added.
"""

import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from bot.errors import TurnLost
from bot.memory.values import PlaceKind

# ---- values ---------------------------------------------------------------------------------------------------------


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

# ---- events ---------------------------------------------------------------------------------------------------------

#: How a message comes to the bot: it mentions the bot; it was said to the bot alone; it was said in a thread or a
#: channel that the bot can read, without a mention.
Addressing = Literal["mention", "direct", "thread", "channel"]
#: What a person thinks of an answer; "none" takes back what she said before.
Rating = Literal["good", "bad", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Somebody said something."""

    #: Names this delivery; the same again is a repetition. Unique within the workspace.
    delivery_id: str
    person: PersonRef
    place: PlaceRef
    #: Names what was said, however often and in whatever form it is delivered. Edits, deletions and replies name it so.
    utterance_id: str
    text: str
    sent_at: datetime
    addressing: Addressing
    #: Further names that the platform has for the same utterance: under each it is a repetition, and nothing else.
    #: `Edit`, `Deletion` and `replies_to` never bear one; an adapter that gets one there must turn it into the
    #: `utterance_id`.
    aliases: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    #: It is said to another person by name: a followed thread's message that is not for the bot.
    to_others: bool = False
    #: The `utterance_id` or the post that this replies to, never an alias: where the core knows it, its conversation
    #: goes on.
    replies_to: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """Somebody changed what she had said. May come before the `Message`."""

    delivery_id: str
    person: PersonRef
    place: PlaceRef
    #: That of the `Message`, never an alias.
    utterance_id: str
    text: str
    edited_at: datetime
    addressing: Addressing
    #: As of a `Message`: what is said to another person by name is not kept before its message came.
    to_others: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """Utterances were deleted. May come before their `Message`."""

    delivery_id: str
    workspace_id: str
    #: Those of the `Message`s, never an alias.
    utterance_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """Somebody ran a command: typed it, pressed a button, sent a form."""

    delivery_id: str
    person: PersonRef
    place: PlaceRef
    command: str
    arguments: Mapping[str, str]
    responder: "Responder"
    #: What was said, where the command was typed as a message: it is run once, however it is delivered.
    utterance_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """Somebody asked the bot to stop the answer that it is giving her here."""

    delivery_id: str
    person: PersonRef
    place: PlaceRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """Somebody said what she thinks of an answer."""

    delivery_id: str
    person: PersonRef
    place: PlaceRef
    post_id: str
    value: Rating


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipChanged:
    """Somebody joined or left a place: a hint that its audience has to be asked for again."""

    delivery_id: str
    person: PersonRef
    place: PlaceRef
    joined: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceChanged:
    """A place has another name, kind or state; `place` is what it is now, and so is what lies in it."""

    delivery_id: str
    #: Without a name, the one that is known stays.
    place: PlaceRef
    state: Literal["open", "archived", "gone"] = "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonChanged:
    """A person has another name, or left; `person` is who she is now."""

    delivery_id: str
    person: PersonRef
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallationChanged:
    """The bot was installed in a workspace, or removed from it."""

    delivery_id: str
    workspace_id: str
    installed: bool


Event = (
    Message
    | Edit
    | Deletion
    | Invocation
    | Stopped
    | Feedback
    | MembershipChanged
    | PlaceChanged
    | PersonChanged
    | InstallationChanged
)

# ---- protocols ------------------------------------------------------------------------------------------------------


class Receive(Protocol):
    """Where an adapter hands its events to: `App.receive`."""

    async def __call__(self, event: Event) -> None:
        """Take in an event. When this returns the event is durable and the platform may be told so.

        Raises:
            StorageError: it was not taken in; the platform must deliver it again. Never acknowledge then.
        """
        ...


class Conversation(Protocol):
    """One place, to speak in. Opened from a stored `PlaceRef`, on any machine, after any restart.

    Each method that posts raises: `PlatformBusy` (nothing was sent; after `retry_after` it may be),
    `PlatformUnreachable` (nothing was sent), `PostRefused` (the platform will never take this), `PostUncertain` (it may
    have been taken), `TurnLost` (from `PostKey.check`).
    """

    def split(self, text: str) -> tuple[str, ...]:
        """The posts that a text takes here, in order: each within the platform's limit, code fences whole, none empty.

        Of a text that grows, all but the last stay as they are.
        """
        ...

    async def answer(self, reply: Reply, key: PostKey) -> str:
        """Post once, and return the post's id. The text is one of `split`. Nothing here is tried a second time."""
        ...

    async def stream(
        self, replies: AsyncIterator[Reply], key: PostKey, opened: Callable[[str], Awaitable[None]]
    ) -> str:
        """Post a reply that grows, and return the post's id when it is whole.

        Args:
            replies: each is all of this post so far, the last one final, its text one of `split`; what comes faster
                than the platform takes it is passed over, but never the last.
            key: as for `answer`; to be checked before each change too.
            opened: awaited with the post's id as soon as there is a post, before anything is added to it.
        """
        ...

    async def edit(self, post_id: str, reply: Reply) -> None:
        """Let a post say something else; the end of a stream that a crash left open."""
        ...

    async def delete(self, post_id: str) -> None:
        """Remove a post; one that is gone already is no error."""
        ...

    async def find(self, key: PostKey) -> Finding:
        """Whether the post with this key was made. Never raises: what goes wrong is `Unknown`."""
        ...

    async def earlier(self, before: str, limit: int) -> Sequence[EarlierMessage]:
        """What was said here before an utterance, oldest first; empty where it cannot be read."""
        ...

    async def status(self, status: Status) -> None:
        """Show that the bot is at work, waits for the person, or neither. Never raises."""
        ...

    async def rename(self, title: str) -> None:
        """Give the place a title, where the platform has such. Never raises."""
        ...


class Responder(Protocol):
    """Answers one `Invocation`. Not durable: platforms let it live for 15 to 30 minutes.

    A private reply is seen by the person alone; where the platform cannot do that it is not given (`PostRefused`).
    """

    async def private(self, reply: Reply) -> None:
        """Answer so that the person alone sees it."""
        ...

    async def public(self, reply: Reply) -> None:
        """Answer so that everybody in the place sees it."""
        ...

    async def form(self, form: Form) -> None:
        """Show a form."""
        ...

    async def update(self, reply: Reply) -> None:
        """Replace what was answered last."""
        ...


class Adapter(Protocol):
    """A platform."""

    @property
    def platform(self) -> str:
        """Its name: what the ids of its workspaces begin with."""
        ...

    async def run(self, receive: Receive) -> None:
        """Receive events until cancelled. Returns early only where the platform cannot be served any more."""
        ...

    def conversation(self, place: PlaceRef, person: PersonRef | None = None) -> Conversation:
        """Open a place to speak in; nothing is sent by that.

        Args:
            place: the place.
            person: who is answered there, for platforms that show it to her first; None where the bot begins by itself.
        """
        ...

    async def audience(self, place: PlaceRef) -> Audience:
        """Who can read a place now; `unknown` where the platform does not say."""
        ...

    async def profile(self, person: PersonRef) -> Profile:
        """What the platform knows of a person.

        Raises:
            NotFound: it knows nobody like that.
        """
        ...

    async def open_dm(self, person: PersonRef) -> PlaceRef:
        """The place where the bot talks to one person alone.

        Raises:
            PostRefused: the person or the platform does not allow it.
        """
        ...

    async def publish_home(self, person: PersonRef, view: Sequence[Reply]) -> None:
        """Show a person her home page, section by section, where the platform has one.

        A home page that somebody opens comes in as an `Invocation` of the command `home` in her direct conversation.
        """
        ...

    async def fetch(self, attachment: Attachment) -> bytes:
        """The content of a file.

        Raises:
            NotFound: it is gone, or the bot may not read it.
        """
        ...
