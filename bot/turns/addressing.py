"""Which messages are for the bot. What is not is never stored. Pure."""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.access.workspace_settings import ChannelMode, WorkspaceSettings
from bot.chat import Message

# The words at the beginning, whatever marks, mention or greeting stands before them. What only looks like it costs a
# message that is answered and not kept; what is overlooked would be kept against somebody's word.
_MARKS = r"[\s*_~>`'\"“(]*"
_OFF_THE_RECORD = re.compile(
    rf"{_MARKS}(?:h(?:i|ey|ello)\b[\s,]*)?(?:@\S+[\s,:]*)?{_MARKS}off[\W_]+the[\W_]+record(?!\w)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Followed:
    """What is known of the thread in which an un-mentioned message was said."""

    #: Those who talked with the bot there, by resource id.
    speakers: Collection[str]
    last_message_at: datetime | None


def mode_of(message: Message, chosen: WorkspaceSettings) -> ChannelMode:
    """How the bot behaves where a message was said. With one person alone it always answers."""
    place = message.place
    return "mention" if place.kind == "direct" else chosen.mode_of(place.within or place.place_id)


def heard_in(message: Message, mode: ChannelMode) -> Message:
    """A message as it is meant in a channel of this mode: where the bot answers everything, all is said to it."""
    if mode != "all" or message.addressing not in {"channel", "thread"} or message.to_others:
        return message
    return replace(message, addressing="mention")


def heard_at_once(message: Message) -> bool | None:
    """Whether a message is for the bot, as far as it says so itself; None where the thread decides."""
    if message.person.is_bot or not (message.text.strip() or message.attachments):
        return False
    if message.addressing in {"mention", "direct"}:
        return True
    if message.to_others:
        return False
    return None if message.addressing == "thread" or message.replies_to else False


def followed(message: Message, thread: Followed | None, now: datetime, following: timedelta) -> bool:
    """Whether an un-mentioned message in a thread is for the bot.

    It is while one human and the bot talk there. From a second speaker, a message to somebody else or a long silence
    on, the bot has to be mentioned.
    """
    if thread is None or thread.last_message_at is None or message.to_others:
        return False
    return set(thread.speakers) == {message.person.resource_id} and now - thread.last_message_at <= following


def is_off_record(text: str) -> bool:
    """Whether a message asks to be answered and not kept: it begins with "off the record"."""
    return _OFF_THE_RECORD.match(text) is not None
