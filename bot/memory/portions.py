"""Lists of keys in portions: an engine's statement takes only so many values."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from bot.limits import IDS_AT_ONCE

T = TypeVar("T")


def portions(keys: Sequence[T]) -> Iterator[Sequence[T]]:
    """The keys in their order, so many at once as any statement takes; nothing for none."""
    return (keys[at : at + IDS_AT_ONCE] for at in range(0, len(keys), IDS_AT_ONCE))
