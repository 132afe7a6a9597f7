"""The local platform's payloads as events. Pure: everything that it must know stands in the payload.

A payload is a dictionary as a platform would send it; `type` says which of the functions below reads it.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from adapters.local.ids import place_id, resource_id, workspace_id
from bot.chat import (
    Addressing,
    Attachment,
    Deletion,
    Edit,
    Event,
    Feedback,
    InstallationChanged,
    MembershipChanged,
    Message,
    PersonChanged,
    PersonRef,
    PlaceChanged,
    PlaceRef,
    Stopped,
)

Payload = Mapping[str, Any]

# As `ids.checked_name` has it: a full stop behind a name is none of it.
_MENTION = re.compile(r"(?<![^\W_])(?<!@)@([a-z0-9](?:[a-z0-9._-]*[a-z0-9])?)(?![^\W_])", re.IGNORECASE)
_BEHIND_A_MENTION = re.compile(r"[\s,:]*")


def event_of(payload: Payload, bot: str) -> Event:
    """The event of a payload.

    Args:
        payload: from the platform.
        bot: the name by which people mention the bot.
    """
    return _READERS[payload["type"]](payload, bot)


def person_ref(payload: Payload) -> PersonRef:
    """Who did it."""
    who = payload["person"]
    workspace = payload["workspace"]
    return PersonRef(
        workspace_id(workspace),
        resource_id(workspace, who["name"]),
        who["shown_name"],
        is_bot=who["role"] == "bot",
        home="elsewhere" if who["role"] == "guest" else "",
    )


def place_ref(workspace: str, channel: Mapping[str, Any], root: str) -> PlaceRef:
    """Where it happened."""
    name = channel["name"]
    address = {"channel": name, "root": root}
    shown = "" if channel["kind"] == "direct" else f"#{name}"
    within = place_id(name, "") if root else ""
    return PlaceRef(workspace_id(workspace), place_id(name, root), channel["kind"], shown, address, within)


def _message(payload: Payload, bot: str) -> Message:
    text, addressing = _addressed(payload, bot)
    # A mention at the top of a channel opens a thread below itself, and is answered there.
    root = payload["root"] or ("" if payload["channel"]["kind"] == "direct" else payload["post"])
    return Message(
        delivery_id=payload["delivery"],
        person=person_ref(payload),
        place=place_ref(payload["workspace"], payload["channel"], root),
        utterance_id=payload["post"],
        text=text,
        sent_at=_moment(payload["at"]),
        addressing=addressing,
        attachments=tuple(Attachment(**one) for one in payload.get("attachments", ())),
        to_others=addressing == "thread" and _names_others(payload, bot),
        replies_to=payload.get("replies_to", ""),
    )


def _names_others(payload: Payload, bot: str) -> bool:
    return bool({name.lower() for name in _MENTION.findall(payload["text"])} - {bot.lower()})


def _addressed(payload: Payload, bot: str) -> tuple[str, Addressing]:
    """The text without the mention that begins it, and how it comes to the bot."""
    text = payload["text"]
    if payload["channel"]["kind"] == "direct":
        return text, "direct"
    mentions = [match for match in _MENTION.finditer(text) if match[1].lower() == bot.lower()]
    if not mentions:
        return text, "thread" if payload["root"] else "channel"
    first = mentions[0]
    if text[: first.start()].strip():
        return text, "mention"
    behind = _BEHIND_A_MENTION.match(text, first.end())
    said = text[behind.end() if behind else first.end() :]
    # Nothing but the mention is something said too: "look at this".
    return said if said.strip() else text, "mention"


def _edit(payload: Payload, bot: str) -> Edit:
    text, addressing = _addressed(payload, bot)
    root = payload["root"] or ("" if payload["channel"]["kind"] == "direct" else payload["post"])
    return Edit(
        delivery_id=payload["delivery"],
        person=person_ref(payload),
        place=place_ref(payload["workspace"], payload["channel"], root),
        utterance_id=payload["post"],
        text=text,
        edited_at=_moment(payload["at"]),
        addressing=addressing,
        to_others=addressing == "thread" and _names_others(payload, bot),
    )


def _deletion(payload: Payload, _bot: str) -> Deletion:
    return Deletion(
        delivery_id=payload["delivery"],
        workspace_id=workspace_id(payload["workspace"]),
        utterance_ids=tuple(payload["posts"]),
    )


def _stopped(payload: Payload, _bot: str) -> Stopped:
    place = place_ref(payload["workspace"], payload["channel"], payload["root"])
    return Stopped(delivery_id=payload["delivery"], person=person_ref(payload), place=place)


def _feedback(payload: Payload, _bot: str) -> Feedback:
    return Feedback(
        delivery_id=payload["delivery"],
        person=person_ref(payload),
        place=place_ref(payload["workspace"], payload["channel"], payload["root"]),
        post_id=payload["post"],
        value=payload["value"],
    )


def _membership(payload: Payload, _bot: str) -> MembershipChanged:
    return MembershipChanged(
        delivery_id=payload["delivery"],
        person=person_ref(payload),
        place=place_ref(payload["workspace"], payload["channel"], ""),
        joined=payload["joined"],
    )


def _place(payload: Payload, _bot: str) -> PlaceChanged:
    place = place_ref(payload["workspace"], payload["channel"], payload.get("root", ""))
    return PlaceChanged(delivery_id=payload["delivery"], place=place, state=payload["state"])


def _person(payload: Payload, _bot: str) -> PersonChanged:
    return PersonChanged(delivery_id=payload["delivery"], person=person_ref(payload), active=payload["active"])


def _installation(payload: Payload, _bot: str) -> InstallationChanged:
    return InstallationChanged(
        delivery_id=payload["delivery"],
        workspace_id=workspace_id(payload["workspace"]),
        installed=payload["installed"],
    )


_READERS: Mapping[str, Callable[[Payload, str], Event]] = {
    "message": _message,
    "edit": _edit,
    "deletion": _deletion,
    "stop": _stopped,
    "feedback": _feedback,
    "membership": _membership,
    "place": _place,
    "person": _person,
    "installation": _installation,
}


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
