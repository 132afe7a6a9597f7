"""What comes in, checked and cleaned before a transaction begins. Pure: values in, values or InvalidArgument out."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, get_args

from bot.access.actor import checked_id
from bot.errors import InvalidArgument
from bot.limits import (
    IDS_AT_ONCE,
    MESSAGE_BYTES,
    METADATA_BYTES,
    METADATA_DEPTH,
    METADATA_FILTERS,
    SAVE_MESSAGES,
    TITLE_CHARACTERS,
)
from bot.memory.clean import clean_text, clean_value
from bot.memory.terms import indexed_terms
from bot.memory.values import Message, NewMessage, Outcome, Role

_ROLES = get_args(Role)
_OUTCOMES = get_args(Outcome)
_FILTER_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}")


@dataclass(frozen=True, slots=True)
class Draft:
    """A message that may be stored as it is."""

    id: str
    thread_id: str
    resource_id: str
    role: Role
    text: str
    #: None: the newest of its thread.
    created_at: datetime | None
    metadata: Mapping[str, Any]
    outcome: Outcome
    terms: tuple[str, ...]


def checked_text(text: object, parameter: str = "text") -> str:
    """A message's text, cleaned of what no database takes.

    Raises:
        InvalidArgument: it is no string, or longer than a message may be.
    """
    if not isinstance(text, str):
        raise InvalidArgument(parameter, f"{parameter} must be a string")
    clean = clean_text(text)
    if len(clean) > MESSAGE_BYTES or len(clean.encode()) > MESSAGE_BYTES:
        raise InvalidArgument(parameter, f"{parameter} must have at most {MESSAGE_BYTES:,} bytes")
    return clean


def checked_metadata(metadata: object) -> dict[str, Any]:
    """Metadata that both engines store alike: JSON with text keys, without NaN.

    Raises:
        InvalidArgument: it is no mapping, cannot be JSON, or is too large.
    """
    if not isinstance(metadata, Mapping):
        raise InvalidArgument("metadata", "metadata must be a mapping")
    if not metadata:
        return {}
    if not all(isinstance(key, str) for key in metadata):
        raise InvalidArgument("metadata", "metadata must have strings as keys")
    if _deeper(metadata, METADATA_DEPTH):
        raise InvalidArgument("metadata", f"metadata must not be deeper than {METADATA_DEPTH} levels")
    stored = _as_json(clean_value(dict(metadata)))
    if len(stored) > METADATA_BYTES:
        raise InvalidArgument("metadata", f"metadata must have at most {METADATA_BYTES:,} bytes as JSON")
    # What is given back at once is what will be read later: a key that is a number is a text in JSON.
    return dict(json.loads(stored))


def _deeper(value: object, levels: int) -> bool:
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return levels < 0 or any(_deeper(one, levels - 1) for one in inner)


def _as_json(value: object) -> str:
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        raise InvalidArgument(
            "metadata", "metadata must be JSON: strings, numbers, booleans, null, lists, maps"
        ) from None


def checked_filter(metadata: object) -> tuple[tuple[str, str], ...]:
    """A filter over metadata: names with scalars as JSON, all of which must match (R9).

    Raises:
        InvalidArgument: it is no mapping, a name or a value is not of that kind, or there are too many.
    """
    if metadata is None:
        return ()
    if not isinstance(metadata, Mapping):
        raise InvalidArgument("metadata", "metadata must be a mapping")
    if len(metadata) > METADATA_FILTERS:
        raise InvalidArgument("metadata", f"metadata can be filtered by at most {METADATA_FILTERS} names")
    for name, value in metadata.items():
        if not isinstance(name, str) or not _FILTER_NAME.fullmatch(name):
            raise InvalidArgument("metadata", "metadata has an invalid key: letters, digits and _ . - only")
        if value is not None and not isinstance(value, str | int | float):
            raise InvalidArgument("metadata", "metadata can be filtered by scalars only")
    return tuple((name, _as_json(_whole(clean_value(value)))) for name, value in metadata.items())


def _whole(value: object) -> object:
    """A number without a fraction as an integer: 1 and 1.0 are the same to a filter."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def checked_ids(parameter: str, ids: object) -> tuple[str, ...]:
    """A list of ids, each once.

    Raises:
        InvalidArgument: it is no list, one of them can be no id, or there are too many.
    """
    if isinstance(ids, str) or not isinstance(ids, Sequence):
        raise InvalidArgument(parameter, f"{parameter} must be a list of ids")
    if len(ids) > IDS_AT_ONCE:
        raise InvalidArgument(parameter, f"{parameter} must be at most {IDS_AT_ONCE:,} at once")
    return tuple(dict.fromkeys(checked_id(parameter, one) for one in ids))


def checked_count(parameter: str, count: object, most: int = 2**31 - 1) -> int:
    """A number of things.

    Raises:
        InvalidArgument: it is no integer, negative or too large.
    """
    if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count <= most:
        raise InvalidArgument(parameter, f"{parameter} must be an integer from 0 to {most:,}")
    return count


def checked_title(title: object) -> str:
    """A title on one line.

    Raises:
        InvalidArgument: it is no string or too long.
    """
    if not isinstance(title, str):
        raise InvalidArgument("title", "title must be a string")
    if len(title) > TITLE_CHARACTERS:
        raise InvalidArgument("title", f"title must have at most {TITLE_CHARACTERS} characters")
    return clean_text(title)


def checked_time(parameter: str, moment: object) -> datetime:
    """An aware time, in UTC.

    Raises:
        InvalidArgument: it is no datetime, has no zone, or lies outside of the years 1 to 9999 in UTC.
    """
    if not isinstance(moment, datetime) or moment.utcoffset() is None:
        raise InvalidArgument(parameter, f"{parameter} must be a datetime with a time zone")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise InvalidArgument(parameter, f"{parameter} must lie in the years 1 to 9999") from None


def draft(message: NewMessage | Message, new_id: str) -> Draft:
    """Check one message; `new_id` is for one that brings none.

    Raises:
        InvalidArgument: names the field that cannot be stored.
    """
    if not isinstance(message, NewMessage | Message):
        raise InvalidArgument("messages", "messages must be NewMessage or Message values")
    if message.role not in _ROLES:
        raise InvalidArgument("role", f"role must be one of {', '.join(_ROLES)}")
    if message.outcome not in _OUTCOMES:
        raise InvalidArgument("outcome", f"outcome must be one of {', '.join(map(repr, _OUTCOMES))}")
    text = checked_text(message.text)
    return Draft(
        id=new_id if message.id is None else checked_id("id", message.id),
        thread_id=checked_id("thread_id", message.thread_id),
        resource_id=checked_id("resource_id", message.resource_id),
        role=message.role,
        text=text,
        created_at=None if message.created_at is None else checked_time("created_at", message.created_at),
        metadata=checked_metadata(message.metadata),
        outcome=message.outcome,
        terms=tuple(indexed_terms(text)),
    )


def draft_all(messages: Sequence[NewMessage | Message], new_ids: Iterable[str]) -> list[Draft]:
    """Check all before any is stored (R12).

    Raises:
        InvalidArgument: one of them cannot be stored, an id comes twice, or there are too many.
    """
    if isinstance(messages, str) or not isinstance(messages, Sequence):
        raise InvalidArgument("messages", "messages must be a list")
    if len(messages) > SAVE_MESSAGES:
        raise InvalidArgument("messages", f"messages must be at most {SAVE_MESSAGES:,} at once")
    drafts = [draft(message, new_id) for message, new_id in zip(messages, new_ids, strict=False)]
    if len({one.id for one in drafts}) != len(drafts):
        raise InvalidArgument("id", "id must not come twice in one save")
    return drafts
