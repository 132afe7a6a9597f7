"""Who read a person's conversations, in words for her. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.access.disclosure import ReadingLine
from bot.access.readings import Reading
from bot.commonmark import inline
from bot.supervision.reader_rows import NewReader

#: What the person is told of who acts at the command line, whatever she is called there.
OPERATOR = "the operator"
ERASED = "somebody whose name is erased"
_BY = {
    "everyone": "as everyone's",
    "person": "yours are named",
    "channel": "what is said in some channels",
}
_DEEDS = {"list": "listed them", "search": "searched them", "export": "exported them", "facts": "read the facts"}
#: Lines of one notice.
_LINES = 10


@dataclass(frozen=True, slots=True)
class Visit:
    """All that one reader did on one day for one reason."""

    name: str
    category: str
    #: When she did the last of it.
    at: datetime
    deeds: tuple[str, ...]
    #: How many different conversations she opened.
    conversations: int
    seq: int

    @property
    def line(self) -> ReadingLine:
        """As `privacy` shows it."""
        return ReadingLine(self.name, self.at, self.category, self.conversations)


def visits(readings: Sequence[Reading]) -> list[Visit]:
    """Readings, put together by reader, day and reason; the newest first."""
    grouped: dict[tuple[str, str, str, str], list[Reading]] = {}
    for one in readings:
        day = f"{one.at.astimezone(UTC):%Y-%m-%d}"
        grouped.setdefault((one.reader, one.reader_kind, one.category, day), []).append(one)
    found = [_visit(group) for group in grouped.values()]
    return sorted(found, key=lambda one: -one.seq)


def _visit(group: Sequence[Reading]) -> Visit:
    first = group[0]
    name = OPERATOR if first.reader_kind == "operator" else first.reader or ERASED
    opened = max((one.conversations for one in group if one.action == "open"), default=0)
    deeds = tuple(dict.fromkeys(_DEEDS[one.action] for one in group if one.action in _DEEDS))
    return Visit(name, first.category, max(one.at for one in group), deeds, opened, max(one.seq for one in group))


def told(found: Sequence[Visit]) -> str:
    """What a person is told, unasked, of who read her conversations, as CommonMark."""
    lines = [f"- {visit_text(one)}" for one in found[:_LINES]]
    if len(found) > _LINES:
        lines.append(f"- and {len(found) - _LINES:,} more")
    return "\n".join(["Somebody read your conversations with me:", "", *lines])


def may_read(found: Sequence[NewReader]) -> str:
    """What a person is told, unasked, of who may read her conversations since a while, as CommonMark."""
    lines = [
        f"- **{inline(one.name)}**, since {one.since.day} {one.since:%b %Y %H:%M} UTC: {_BY[one.kind]}"
        for one in found[:_LINES]
    ]
    if len(found) > _LINES:
        lines.append(f"- and {len(found) - _LINES:,} more")
    return "\n".join(["Somebody may read your conversations with me now who could not before:", "", *lines])


def visit_text(one: Visit) -> str:
    """One line of it."""
    opened = (
        [f"opened {one.conversations:,} {'conversation' if one.conversations == 1 else 'conversations'}"]
        if one.conversations
        else []
    )
    when = f"{one.at.day} {one.at:%b %Y %H:%M} UTC"
    reason = inline(one.category) or "no category"
    return f"**{inline(one.name)}**, {when}, {reason}: {', '.join([*opened, *one.deeds]) or 'read'}"
