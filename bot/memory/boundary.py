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

#: A window with a budget that is too long is trimmed to this part of what it may hold.
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
        messages: the newest of the thread, in order: more than `most` of them where the thread has so many.
        boundary: where the last turn's window began.
        most: how many messages the window may hold.
        budget: how many tokens it may hold, or None.

    Returns:
        The window in order, and a new boundary where the old one had to move.
    """
    inside = [one for one in messages if boundary is None or not boundary.excludes(one)]
    if _fits(inside, most, budget):
        return _without_orphans(inside), None
    if budget is None:
        # By count exactly: "the newest ten" is what was asked for.
        return _without_orphans(inside[-most:] if most else []), None
    kept = _without_orphans(_trimmed(inside, most, budget))
    return kept, _boundary_before(kept, inside)


def _cost(message: Message) -> int:
    return tokens_of(message.text) + _TOKENS_PER_MESSAGE


def _fits(messages: Sequence[Message], most: int, budget: int | None) -> bool:
    return len(messages) <= most and (budget is None or sum(map(_cost, messages)) <= budget)


def _trimmed(messages: Sequence[Message], most: int, budget: int) -> Sequence[Message]:
    """The newest messages, `_KEPT` of what there may be. The newest alone may take all of the budget."""
    cost, kept = 0, 0
    for one in reversed(messages):
        cost += _cost(one)
        if kept >= most * _KEPT or cost > (budget * _KEPT if kept else budget):
            break
        kept += 1
    return messages[len(messages) - kept :]


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
