"""Events as they may be stored: ids that can be ids, names and times that a database takes. Pure."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, get_args

from bot.access.actor import checked_id
from bot.chat import (
    Deletion,
    Edit,
    Event,
    Feedback,
    InstallationChanged,
    Message,
    PersonChanged,
    PersonRef,
    PlaceChanged,
    PlaceRef,
    Rating,
)
from bot.errors import InvalidArgument
from bot.limits import ID_CHARACTERS, IDS_AT_ONCE
from bot.memory.clean import clean_text, clean_value
from bot.memory.drafts import checked_time

#: The ids of a place's later threads are longer than its own by this much at most.
_GENERATION_CHARACTERS = 12
#: Longest name of a person or a place that is kept, in characters; longer ones are cut.
_NAME_CHARACTERS = 200
#: What is said to be later than this has come from a clock that is wrong: it counts as said now.
_SKEW = timedelta(minutes=1)


def checked_event(event: Event, now: datetime) -> Event:
    """An event that may be stored.

    Raises:
        InvalidArgument: names what can never be stored.
    """
    checked_id("delivery_id", event.delivery_id)
    return replace(event, **_who_and_where(event), **_what(event, now))


def _who_and_where(event: Event) -> dict[str, Any]:
    if isinstance(event, Deletion | InstallationChanged):
        checked_id("workspace_id", event.workspace_id)
        return {}
    if isinstance(event, PlaceChanged):
        return {"place": _place(event.place)}
    if isinstance(event, PersonChanged):
        return {"person": _person(event.person)}
    if event.place.workspace_id != event.person.workspace_id:
        raise InvalidArgument("place", "place must be of the person's workspace")
    return {"person": _person(event.person), "place": _place(event.place)}


def _what(event: Event, now: datetime) -> dict[str, Any]:
    if isinstance(event, Deletion):
        _check_ids("utterance_ids", event.utterance_ids)
    elif isinstance(event, Message):
        _check_ids("utterance_id", (event.utterance_id, *event.aliases))
        if event.replies_to:
            checked_id("replies_to", event.replies_to)
        return {"sent_at": _not_later(checked_time("sent_at", event.sent_at), now)}
    elif isinstance(event, Edit):
        checked_id("utterance_id", event.utterance_id)
        return {"edited_at": _not_later(checked_time("edited_at", event.edited_at), now)}
    elif isinstance(event, Feedback):
        checked_id("post_id", event.post_id)
        if event.value not in get_args(Rating):
            raise InvalidArgument("value", f"value must be one of {', '.join(get_args(Rating))}")
    return {}


def _check_ids(parameter: str, ids: tuple[str, ...]) -> None:
    if len(ids) > IDS_AT_ONCE:
        raise InvalidArgument(parameter, f"{parameter} must be at most {IDS_AT_ONCE:,} at once")
    for one in ids:
        checked_id(parameter, one)


def _person(person: PersonRef) -> PersonRef:
    checked_id("workspace_id", person.workspace_id)
    checked_id("resource_id", person.resource_id)
    return replace(person, name=_name(person.name))


def _place(place: PlaceRef) -> PlaceRef:
    checked_id("workspace_id", place.workspace_id)
    checked_id("place_id", place.place_id)
    if len(place.place_id) > ID_CHARACTERS - _GENERATION_CHARACTERS:
        raise InvalidArgument("place_id", "place_id is too long for the ids of its threads")
    if place.within:
        checked_id("within", place.within)
    return replace(place, name=_name(place.name), address=clean_value(dict(place.address)))


def _name(name: str) -> str:
    return clean_text(name)[:_NAME_CHARACTERS]


def _not_later(moment: datetime, now: datetime) -> datetime:
    return now if moment > now + _SKEW else moment
