"""Which conversations are wanted: what narrows a list or a search, one's own or of somebody else. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from bot.access.actor import checked_id
from bot.commands.declaration import Option
from bot.errors import InvalidArgument
from bot.limits import ID_CHARACTERS, QUERY_CHARACTERS
from bot.memory.thread_pages import ThreadList

FILTERS = (
    Option("words", "Search for these words instead of listing", most_characters=QUERY_CHARACTERS),
    Option("from", "From this day on (UTC), such as 2026-11-22", "date"),
    Option("to", "Until this day (UTC), inclusive", "date"),
    Option("channel", "Only what was said in this channel", most_characters=ID_CHARACTERS),
)
PAGE = Option("page", "Which page", "number")


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which conversations are wanted."""

    words: str | None
    start: datetime | None
    end: datetime | None
    channel: str | None
    #: From 1.
    page: int

    @property
    def filter(self) -> dict[str, Any]:
        """As the memory's `list_threads` takes it."""
        every = {"start": self.start, "end": self.end, "channel_id": self.channel}
        return {name: value for name, value in every.items() if value is not None}

    @property
    def threads(self) -> ThreadList:
        """All that fit, the oldest first."""
        return ThreadList(channel_id=self.channel, start=self.start, end=self.end, direction="ASC")


def chosen(arguments: Mapping[str, Any]) -> Chosen:
    """Read the arguments of a command with these options. A day begins and ends in UTC.

    Raises:
        InvalidArgument: the channel can be none.
    """
    channel = (arguments.get("channel") or "").removeprefix("#")
    return Chosen(
        arguments.get("words"),
        _at(arguments.get("from"), time.min),
        _at(arguments.get("to"), time.max),
        checked_id("channel", channel) if channel else None,
        arguments.get("page", 1),
    )


def _at(day: date | None, moment: time) -> datetime | None:
    return None if day is None else datetime.combine(day, moment, UTC)


def kept_filters(arguments: Mapping[str, Any]) -> dict[str, str | None]:
    """The same choice as the arguments of a button."""
    given = {name: arguments.get(name) for name in ("words", "from", "to", "channel")}
    return {name: None if value is None else str(value) for name, value in given.items()}


def number_of(arguments: Mapping[str, Any], name: str) -> int:
    """A number among the arguments, such as a place in a list; 0 where it is not given.

    Raises:
        InvalidArgument: it is none.
    """
    value = str(arguments.get(name, "0"))
    if not value.isascii() or not value.isdecimal():
        raise InvalidArgument(name, f"{name} must be a number.")
    return int(value)
