"""Column types that mean the same on SQLite and PostgreSQL."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import JSON, BigInteger, Dialect, Integer, TypeDecorator
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

#: Primary keys that the database hands out. SQLite's rowid is an INTEGER, whatever its size.
Key = BigInteger().with_variant(Integer(), "sqlite")

#: Metadata: JSON text on SQLite, JSONB on PostgreSQL. Python's None is SQL's NULL.
Document: TypeEngine[Any] = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def microseconds(moment: datetime) -> int:
    """Microseconds from 1970 to an aware `moment`, exact."""
    return (moment - EPOCH) // _MICROSECOND


class Instant(TypeDecorator[datetime]):
    """A moment as whole microseconds since 1970, UTC.

    SQLite has no time type; the same integer on both engines leaves order and equality no room to differ.
    """

    impl = BigInteger
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], int | None]:
        """Store an aware datetime; a naive one raises TypeError."""
        return _stored

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[int | None], datetime | None]:
        """Read an aware datetime in UTC."""
        return _read


# Plain functions, once for each value of each row: a decorator's own way asks twice as much.
def _stored(moment: datetime | None) -> int | None:
    return None if moment is None else microseconds(moment)


def _read(value: int | None) -> datetime | None:
    return None if value is None else EPOCH + _MICROSECOND * value


def read_document(text: str | bytes) -> Any:
    """Parse stored JSON. Most metadata is empty."""
    return {} if text in {"{}", b"{}"} else json.loads(text)
