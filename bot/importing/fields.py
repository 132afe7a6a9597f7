"""Checking foreign values: each function gives the value, or says what is wrong with it and what to do.

What they refuse they never quote: it may be somebody's message, also where another value was expected. For the same
reason they raise `from None`: the foreign exceptions carry the whole line.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from math import isfinite
from typing import Any, NoReturn

from bot import limits
from bot.errors import ImportFailed
from bot.importing.records import Scalar

_SURROGATE = re.compile(r"[\ud800-\udfff]")
_SHOWN_NAME = 40


@contextmanager
def located(place: str) -> Iterator[None]:
    """Put `place` before the sentence of whatever is wrong inside; a file's name may hold what a terminal obeys."""
    try:
        yield
    except ImportFailed as error:
        visible = "".join(character if character.isprintable() else "?" for character in place)
        raise ImportFailed(f"{visible}: {error}") from error


def shown(name: str) -> str:
    """A foreign field's name, short and without anything that a terminal would obey."""
    return ascii(name if len(name) <= _SHOWN_NAME else name[:_SHOWN_NAME] + "...")


def storable(text: str) -> bool:
    """Whether the text can be written as UTF-8; JSON can smuggle in half a character."""
    return text.isascii() or _SURROGATE.search(text) is None


def load_json(data: bytes) -> Any:
    """Parse UTF-8 JSON as RFC 8259 has it, a good deal stricter than `json.loads`.

    Raises:
        ImportFailed: the encoding or the JSON is broken, nested too deeply, has a key twice in one object, or NaN.
    """
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_object, parse_constant=_constant)
    except UnicodeDecodeError as error:
        raise ImportFailed(f"not UTF-8 at byte {error.start + 1}; save the file in UTF-8") from None
    except json.JSONDecodeError as error:
        raise ImportFailed(f"not JSON at character {error.pos + 1}; correct it there") from None
    except RecursionError:
        raise ImportFailed("nested too deeply; no value may be deeper than a message needs") from None
    except ValueError:  # json leaves the refusal of an endless integer to int()
        raise ImportFailed("a number with too many digits; shorten it, or write it as a string") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise ImportFailed(f"the field {shown(twice)} stands twice in one object; keep one of them")
    return value


def _constant(name: str) -> NoReturn:
    raise ImportFailed(f"{name} is no JSON number; write a number, a string or null")


def only_known(record: Mapping[str, Any], known: Iterable[str], prefix: str = "") -> None:
    """Refuse fields that nobody will read: they are typing mistakes more often than extras."""
    for name in record:
        if name not in known:
            raise ImportFailed(f"unknown field {shown(prefix + name)}; the fields are {', '.join(known)}")


def string(record: Mapping[str, Any], name: str, *, characters: int | None = None) -> str:
    """The string `record[name]` (the last part of a dotted name), or "" where there is none.

    Raises:
        ImportFailed: it is no string, is too long, or cannot be written as UTF-8.
    """
    value = record.get(name.rpartition(".")[2], "")
    if not isinstance(value, str):
        raise ImportFailed(f'"{name}" must be a string')
    if characters is not None and len(value) > characters:
        raise ImportFailed(f'"{name}" is longer than {characters} characters; shorten it')
    if not storable(value):
        raise ImportFailed(f'"{name}" holds half of a surrogate pair; write the whole character')
    return value


def required(record: Mapping[str, Any], name: str, *, characters: int | None = None) -> str:
    """The string `record[name]`, which must be there and say something."""
    if name.rpartition(".")[2] not in record:
        raise ImportFailed(f'"{name}" is missing; every message needs one')
    value = string(record, name, characters=characters)
    if not value.strip():
        raise ImportFailed(f'"{name}" is blank; every message needs one')
    return value


def identifier(record: Mapping[str, Any], name: str) -> str:
    """The id `record[name]`: required, short enough to be a key, and all of it visible."""
    value = required(record, name, characters=limits.ID_CHARACTERS)
    if not value.isprintable():
        raise ImportFailed(f'"{name}" holds a control character or another invisible one; remove it')
    return value


def short_enough(text: str) -> str:
    """The text of a message, which must fit into one."""
    if len(text.encode()) > limits.MESSAGE_BYTES:
        raise ImportFailed(f'"text" is longer than {limits.MESSAGE_BYTES} bytes; split the message')
    return text


def choice(record: Mapping[str, Any], name: str, choices: tuple[str, ...]) -> str:
    """One of `choices`, required."""
    value = required(record, name)
    if value not in choices:
        raise ImportFailed(f'"{name}" must be one of: {", ".join(choices)}')
    return value


def instant(record: Mapping[str, Any], name: str) -> datetime:
    """The time `record[name]`: ISO 8601 with its zone. Given in UTC."""
    value = required(record, name)
    try:
        time = datetime.fromisoformat(value)
        if time.tzinfo is not None:
            return time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ImportFailed(f'"{name}" is no time; write it like 2026-11-22T09:30:00Z') from None
    raise ImportFailed(f'"{name}" has no time zone; end it with Z (UTC) or an offset such as +02:00')


def mapping(record: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The object `record[name]`, or an empty one where there is none."""
    value = record.get(name, {})
    if not isinstance(value, dict):
        raise ImportFailed(f'"{name}" must be an object')
    return value


def scalars(record: Mapping[str, Any], name: str) -> dict[str, Scalar]:
    """The object `record[name]` of strings, numbers, booleans and nulls; empty where there is none."""
    value = mapping(record, name)
    for key, scalar in value.items():
        if isinstance(scalar, dict | list):
            raise ImportFailed(f"{shown(f'{name}.{key}')} must be a string, a number, true, false or null")
        if isinstance(scalar, float) and not isfinite(scalar):  # 1e999 is good JSON and an infinite float
            raise ImportFailed(f"{shown(f'{name}.{key}')} is too large a number; write it as a string")
        if not storable(f"{key}{scalar}"):
            raise ImportFailed(f'"{name}" holds half of a surrogate pair; write the whole character')
    if len(json.dumps(value)) > limits.METADATA_BYTES:
        raise ImportFailed(f'"{name}" is larger than {limits.METADATA_BYTES} bytes; shorten it')
    return value
