"""What a platform tells the core."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from bot.chat.values import Attachment, Form, PersonRef, PlaceRef, Reply

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """Somebody ran a command: typed it, pressed a button, sent a form."""

    delivery_id: str
    person: PersonRef
    place: PlaceRef
    command: str
    arguments: Mapping[str, str]
    responder: Responder
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
