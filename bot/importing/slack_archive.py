"""The zip of a Slack export: its members as lists of objects, read without unpacking anything to disk.

A member's name is looked up and never used as a path, so that no name can reach outside the archive.
"""

import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile

from bot import limits
from bot.errors import ImportFailed
from bot.importing import fields
from bot.importing.records import PlaceKind

#: What zipfile raises for archives that are damaged, encrypted (RuntimeError) or hostile.
_BROKEN = (BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError, OSError)
#: Nothing else is written by Slack; other methods unpack a block at a time, however large it is.
_METHODS = (ZIP_STORED, ZIP_DEFLATED)
#: Each list of conversations, who can read what is said there, and Slack's sign before the name; most private first.
_LISTS: tuple[tuple[str, PlaceKind, str], ...] = (
    ("dms.json", "direct", ""),
    ("mpims.json", "private", ""),
    ("groups.json", "private", "#"),
    ("channels.json", "public", "#"),
)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\.json")
_SLACK_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Channel:
    """A conversation of the export: channel, group or direct message. `days` are its members, the oldest first."""

    id: str
    kind: PlaceKind
    name: str
    days: tuple[str, ...]


@contextmanager
def open_archive(path: Path) -> Iterator[ZipFile]:
    """Open a zip for reading.

    Raises:
        ImportFailed: it is none.
    """
    try:
        archive = ZipFile(path)
    except _BROKEN as error:
        raise ImportFailed(f"{path} is no sound zip archive; download the export again") from error
    with archive:
        yield archive


def read_objects(archive: ZipFile, member: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of the list in `member`, numbered from 1.

    Raises:
        ImportFailed: names the member, and the object where one is wrong.
    """
    with fields.located(member):
        values = fields.load_json(_read(archive, member))
        if not isinstance(values, list):
            raise ImportFailed("not a list; this is not what Slack exports")
        for number, value in enumerate(values, start=1):
            if not isinstance(value, dict):
                raise ImportFailed(f"item {number} is not an object; this is not what Slack exports")
    yield from enumerate(values, start=1)


def _read(archive: ZipFile, member: str) -> bytes:
    """A member's bytes. Neither the size that the archive declares nor the one that it unpacks to may be too large."""
    try:
        info = archive.getinfo(member)
    except KeyError:
        raise ImportFailed("missing; a Slack export has it at the top of its archive") from None
    if info.compress_type not in _METHODS:
        raise ImportFailed("packed in a way that Slack does not use; pack it again with deflate")
    too_large = ImportFailed(f"larger than {limits.IMPORT_MEMBER_BYTES} bytes; export a shorter time")
    if info.file_size > limits.IMPORT_MEMBER_BYTES:
        raise too_large
    try:
        with archive.open(info) as file:
            data = file.read(limits.IMPORT_MEMBER_BYTES + 1)
    except _BROKEN as error:
        raise ImportFailed("damaged or encrypted; download the export again") from error
    if len(data) > limits.IMPORT_MEMBER_BYTES:
        raise too_large
    return data


def read_channels(archive: ZipFile) -> tuple[Channel, ...]:
    """All conversations of the export. What stands in two lists is as private as the more private one says.

    Raises:
        ImportFailed: channels.json is missing, or a list is not what Slack exports.
    """
    days = _days(archive)
    channels: dict[str, Channel] = {}
    for member, kind, sign in _LISTS:
        if member not in archive.NameToInfo and member != "channels.json":
            continue
        for number, record in read_objects(archive, member):
            with fields.located(f"{member}, item {number}"):
                channel_id = slack_id(record, "id")
                name = fields.string(record, "name", characters=limits.TITLE_CHARACTERS)
            if channel_id not in channels:
                folder = channel_id if channel_id in days else name
                # Each folder is given once: no private conversation comes in again as a public one of the same name.
                own_days = tuple(days.pop(folder, ()))
                channels[channel_id] = Channel(channel_id, kind, f"{sign}{name}" if name else "", own_days)
    return tuple(channels.values())


def _days(archive: ZipFile) -> dict[str, list[str]]:
    """The members that hold messages, by folder, in order. Whatever else lies in the archive is never opened."""
    days: dict[str, list[str]] = {}
    for member in sorted(archive.NameToInfo):
        folder, _, name = member.rpartition("/")
        if folder and _DAY.fullmatch(name):
            days.setdefault(folder, []).append(member)
    return days


def slack_id(record: Mapping[str, Any], name: str) -> str:
    """The id `record[name]`, required."""
    value = fields.required(record, name)
    if not is_slack_id(value):
        raise ImportFailed(f'"{name}" is no id of Slack; they look like U0123ABCD')
    return value


def is_slack_id(value: str) -> bool:
    """Whether Slack could have made the id: it has no colon, so that ours, put together with colons, stay distinct."""
    return _SLACK_ID.fullmatch(value) is not None
