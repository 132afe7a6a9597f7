"""Pages: which part of a list is wanted, by number or by cursor. Pure."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.errors import InvalidArgument
from bot.storage.columns import EPOCH, microseconds

_CURSOR = re.compile(r"(-?\d{1,18}|n)\.(\d{1,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where in a list the next page begins: after this time of its order (None: after all times) and tie-break."""

    moment: datetime | None
    tie: int

    def __str__(self) -> str:
        return f"{'n' if self.moment is None else microseconds(self.moment)}.{self.tie}"


@dataclass(frozen=True, slots=True)
class Slice:
    """Which part of a list is wanted. `size` None is all of it."""

    page: int
    size: int | None
    cursor: Cursor | None = None

    @property
    def offset(self) -> int:
        """How many items come before this part; 0 with a cursor, which needs no counting."""
        return 0 if self.cursor is not None else self.page * (self.size or 0)

    def has_more(self, found: int, total: int) -> bool:
        """Whether items follow this part, of which `found` were found."""
        return self.size is not None and self.offset + min(found, self.size) < total


def checked_slice(page: object, per_page: object, cursor: str | None = None) -> Slice:
    """Read a page's number, size and cursor.

    Raises:
        InvalidArgument: names `page`, `per_page` or `cursor`.
    """
    if per_page is not None and (not isinstance(per_page, int) or isinstance(per_page, bool)):
        raise InvalidArgument("per_page", "per_page must be None or an integer")
    if isinstance(per_page, int) and per_page < 0:
        raise InvalidArgument("per_page", "per_page must be >= 0")
    if not isinstance(page, int) or isinstance(page, bool):
        raise InvalidArgument("page", "page must be an integer")
    if page < 0:
        raise InvalidArgument("page", "page must be >= 0")
    if per_page is None and page != 0:
        raise InvalidArgument("page", "page must be 0 when per_page is None")
    if max(page, per_page or 0) >= 2**31:
        raise InvalidArgument("page", "page and per_page must be below 2,147,483,648")
    if cursor is not None and page != 0:
        raise InvalidArgument("cursor", "cursor goes with page 0: it says itself where the page begins")
    return Slice(page, per_page, None if cursor is None else parse_cursor(cursor))


def parse_cursor(cursor: str) -> Cursor:
    """Read what `Page.next_cursor` held.

    Raises:
        InvalidArgument: it is nothing that we gave.
    """
    match = _CURSOR.fullmatch(cursor) if isinstance(cursor, str) else None
    try:
        if match is not None:
            moment = None if match[1] == "n" else EPOCH + timedelta(microseconds=int(match[1]))
            return Cursor(moment, int(match[2]))
    except OverflowError:
        pass
    raise InvalidArgument("cursor", "cursor must be the next_cursor of a page")
