"""JSON lines: one message on each line, in the format of `docs/import.md`."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, cast, get_args

from bot import limits
from bot.errors import ImportFailed
from bot.importing import fields
from bot.importing.records import Entry, ImportedMessage, ImportedThread, PlaceKind, Progress, Role

_FIELDS = (
    "thread_id",
    "resource_id",
    "role",
    "text",
    "created_at",
    "id",
    "title",
    "name",
    "place",
    "metadata",
)
_PLACE_FIELDS = ("kind", "name")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LINES_PER_REPORT = 1_000


@dataclass(frozen=True, slots=True)
class JsonLines:
    """A file of JSON lines, of which one line at a time is in memory. `total` is its size in bytes."""

    path: Path
    total: int

    @classmethod
    def open(cls, path: Path) -> "JsonLines":
        """See how long the file is.

        Raises:
            ImportFailed: it cannot be read.
        """
        try:
            return cls(path, path.stat().st_size)
        except OSError as error:
            raise ImportFailed(f"{path} cannot be read: {error.strerror}") from error

    @property
    def workspace(self) -> str:
        """None: any program writes such files."""
        return ""

    def entries(self, progress: Progress) -> Iterator[Entry]:
        """Read the file once, line by line; blank lines are passed over.

        Raises:
            ImportFailed: names the line, what is wrong with it and what to do; never the text.
        """
        done = 0
        for number, line in _lines(self.path):
            done += len(line)
            if number % _LINES_PER_REPORT == 0:
                progress(done, self.total)
            if line.strip():
                yield parse_line(line, number)
        progress(self.total, self.total)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines with their numbers. Only a line feed ends one: JSON strings may hold the other line ends of Unicode."""
    number = 0
    try:
        with path.open("rb") as file:
            # One byte more than allowed tells a line that fits from one that goes on.
            while line := file.readline(limits.IMPORT_LINE_BYTES + 1):
                number += 1
                if len(line) > limits.IMPORT_LINE_BYTES:
                    raise ImportFailed(
                        f"line {number}: longer than {limits.IMPORT_LINE_BYTES} bytes; "
                        "write one message on each line, and split what is longer"
                    )
                yield number, line.removeprefix(_BYTE_ORDER_MARK) if number == 1 else line
    except OSError as error:
        raise ImportFailed(f"line {number + 1}: {path} cannot be read on: {error.strerror}") from error


def parse_line(line: bytes, number: int) -> Entry:
    """The message on line `number`.

    Raises:
        ImportFailed: "line 17: ", what is wrong, and what to do.
    """
    with fields.located(f"line {number}"):
        record = fields.load_json(line)
        if not isinstance(record, dict):
            raise ImportFailed("not an object; write one JSON object { ... } on each line")
        fields.only_known(record, _FIELDS)
        message = _message(record, number)
        return Entry(_thread(record, message), message, derived_id="id" not in record)


def _message(record: Mapping[str, Any], number: int) -> ImportedMessage:
    thread_id, resource_id = fields.identifier(record, "thread_id"), fields.identifier(record, "resource_id")
    role = cast("Role", fields.choice(record, "role", get_args(Role)))
    text = fields.short_enough(fields.required(record, "text"))
    created_at = fields.instant(record, "created_at")
    named = "id" in record
    return ImportedMessage(
        id=fields.identifier(record, "id") if named else _derived_id(thread_id, resource_id, role, created_at, text),
        thread_id=thread_id,
        resource_id=resource_id,
        role=role,
        text=text,
        created_at=created_at,
        person_name=fields.string(record, "name", characters=limits.TITLE_CHARACTERS),
        line=number,
        metadata=fields.scalars(record, "metadata"),
    )


def _thread(record: Mapping[str, Any], message: ImportedMessage) -> ImportedThread:
    place = fields.mapping(record, "place")
    fields.only_known(place, _PLACE_FIELDS, "place.")
    kind = fields.choice(place, "place.kind", get_args(PlaceKind)) if "place" in record else "direct"
    name = fields.string(place, "place.name", characters=limits.TITLE_CHARACTERS)
    return ImportedThread(
        id=message.thread_id,
        owner=message.resource_id,
        title=fields.string(record, "title", characters=limits.TITLE_CHARACTERS),
        place_kind=cast("PlaceKind", kind),
        place_name=name,
        # All that the file says of a channel is its name, and that is its id in a local workspace.
        channel_id="" if kind == "direct" else name.removeprefix("#"),
    )


def _derived_id(thread_id: str, resource_id: str, role: Role, created_at: datetime, text: str) -> str:
    """An id that follows from the message alone, so that a second import finds what the first one stored.

    A JSON list cannot be read in two ways, as joined strings can: ("ab", "c") and ("a", "bc") stay apart. The time
    stands in UTC: the same moment written with another offset is the same moment.
    """
    content = json.dumps([thread_id, resource_id, role, created_at.isoformat(), text], ensure_ascii=False)
    return f"import:{sha256(content.encode()).hexdigest()}"
