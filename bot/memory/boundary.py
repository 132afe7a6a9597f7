"""Where the prompt's window begins, stored so that a prompt's beginning stays the same from turn to turn. Pure.

A model server caches the prompt's prefix; a window that slid by one message each turn would never hit that cache. So a
window with a token budget is trimmed in chunks and keeps its boundary until it is too long again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bot.memory.values import Message
from bot.storage.columns import EPOCH, microseconds

#: A window that is too long is trimmed to this part of what it may hold.
_KEPT = 0.5
_CHARACTERS_PER_TOKEN = 4
#: What a message costs beside its words: role, name, date and fence.
_TOKENS_PER_MESSAGE = 16


@dataclass(frozen=True, slots=True)
class Boundary:
    """Messages before `before` are outside the window, and of those exactly at `before` the ones in `ids`."""

    before: datetime
    ids: frozenset[str] = field(default_factory=frozenset)

    def excludes(self, message: Message) -> bool:
        """Whether a message lies outside the window."""
        return message.created_at < self.before or (message.created_at == self.before and message.id in self.ids)

    def merged(self, other: "Boundary") -> "Boundary":
        """Two writers' boundaries become one: the newer wins, at the same moment their ids are united."""
        if self.before == other.before:
            return Boundary(self.before, self.ids | other.ids)
        return max(self, other, key=lambda boundary: boundary.before)

    def document(self) -> dict[str, Any]:
        """As it is stored."""
        return {"before": microseconds(self.before), "ids": sorted(self.ids)}

    @classmethod
    def of_document(cls, document: Mapping[str, Any] | None) -> "Boundary | None":
        """As it was stored."""
        if document is None:
            return None
        return cls(EPOCH + timedelta(microseconds=document["before"]), frozenset(document["ids"]))


def tokens_of(text: str) -> int:
    """About how many tokens a text has."""
    return len(text) // _CHARACTERS_PER_TOKEN + 1


def window(
    messages: Sequence[Message], boundary: Boundary | None, *, most: int, budget: int | None
) -> tuple[list[Message], Boundary | None]:
    """Choose what a prompt holds of a thread.

    Args:
        messages: the newest of the thread, in order: at least `most` of them where the thread has so many.
        boundary: where the last turn's window began.
        most: how many messages the window may hold.
        budget: how many tokens it may hold, or None.

    Returns:
        The window in order, and a new boundary where the old one had to move.
    """
    inside = [one for one in messages if boundary is None or not boundary.excludes(one)]
    if _fits(inside, most, budget):
        return _without_orphans(inside), None
    kept = inside
    # By tokens in chunks; by count exactly, for "the newest ten" is what was asked for.
    if budget is not None and not _fits(kept, len(kept), budget):
        while kept and not _fits(kept, len(kept), int(budget * _KEPT)):
            kept = kept[1:]
    kept = _without_orphans(kept[-most:] if most else [])
    if budget is None:
        return kept, None
    return kept, _boundary_before(kept, inside)


def _fits(messages: Sequence[Message], most: int, budget: int | None) -> bool:
    cost = sum(tokens_of(one.text) + _TOKENS_PER_MESSAGE for one in messages)
    return len(messages) <= most and (budget is None or cost <= budget)


def _without_orphans(messages: Sequence[Message]) -> list[Message]:
    """Drop tool results whose call is no longer there: the two are never parted."""
    start = 0
    while start < len(messages) and messages[start].role == "tool":
        start += 1
    return list(messages[start:])


def _boundary_before(kept: Sequence[Message], inside: Sequence[Message]) -> Boundary | None:
    left_out = inside[: len(inside) - len(kept)]
    if not left_out:
        return None
    moment = left_out[-1].created_at
    return Boundary(moment, frozenset(one.id for one in left_out if one.created_at == moment))
