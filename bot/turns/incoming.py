"""A message with all that a transaction must not make anew when it is replayed. Pure."""

from dataclasses import dataclass
from uuid import uuid4

from bot.chat import Attachment, Message
from bot.memory.drafts import Draft, draft
from bot.memory.values import NewMessage


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message, checked and cleaned."""

    message: Message
    #: Checked, and without its thread, which is found in the transaction.
    draft: Draft
    turn_id: str
    subject_id: str


def incoming(message: Message) -> Incoming:
    """Check and clean a message.

    Raises:
        InvalidArgument: it cannot be stored.
    """
    stored = NewMessage(
        thread_id=message.place.place_id,
        resource_id=message.person.resource_id,
        text=message.text,
        id=message.utterance_id,
        created_at=message.sent_at,
        metadata={"attachments": [_kept(one) for one in message.attachments]} if message.attachments else {},
    )
    return Incoming(message, draft(stored, ""), str(uuid4()), str(uuid4()))


def _kept(attachment: Attachment) -> dict[str, str | int]:
    return {
        "name": attachment.name,
        "media_type": attachment.media_type,
        "size": attachment.size,
        "reference": attachment.reference,
    }
