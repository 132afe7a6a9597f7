"""Messages as JSON and back: what waits until its author was told what is kept. Pure."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from bot.chat import Attachment, Message, PersonRef, PlaceRef


def as_document(message: Message) -> dict[str, Any]:
    """A message as JSON."""
    found = asdict(message)
    return found | {"sent_at": message.sent_at.isoformat(), "aliases": list(message.aliases)}


def from_document(document: Mapping[str, Any]) -> Message:
    """The message that `as_document` wrote."""
    given = dict(document)
    return Message(
        **given
        | {
            "person": PersonRef(**given["person"]),
            "place": PlaceRef(**given["place"]),
            "sent_at": datetime.fromisoformat(given["sent_at"]),
            "aliases": tuple(given["aliases"]),
            "attachments": tuple(Attachment(**one) for one in given["attachments"]),
        }
    )
