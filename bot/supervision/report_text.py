"""A supervisor's export as documents, Markdown and CSV, both saying whose, who made it and why. Pure."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import StringIO

from bot.commonmark import inline, quoted
from bot.exporting import iso
from bot.memory.values import ANOTHER_PARTICIPANT, Message, Thread
from bot.visible import visible

#: What a spreadsheet may take for the beginning of a formula, in any width.
_FORMULA = frozenset("=+-@\t\r\n＝＋－＠")  # noqa: RUF001 (the full-width ones are meant)
_COLUMNS = (
    "conversation", "title", "place", "time", "speaker", "role", "outcome", "edited", "shown", "text", "exported",
)  # fmt: skip
_LEFT_OUT = "(not shown)"


@dataclass(frozen=True, slots=True)
class Watermark:
    """Who exported whose conversations, when and why."""

    reader: str
    person: str
    #: The person, by her id.
    person_id: str
    at: datetime
    category: str
    bot: str

    def __str__(self) -> str:
        return f"Exported by {self.reader} on {iso(self.at)}. Conversations of {self.person}. Reason: {self.category}."


def beginning(mark: Watermark) -> str:
    """How the Markdown document begins."""
    return (
        f"# Conversations of {inline(mark.person)}\n\n{inline(str(mark))}\n\nWhat third parties wrote is not shown. "
        f"{inline(mark.person)} sees that this was exported, by whom and why.\n"
    )


def conversation(thread: Thread, messages: Sequence[Message], mark: Watermark) -> str:
    """A conversation in it, with the watermark."""
    title = inline(thread.title or thread.place_name or "(no title)")
    about = f"{thread.place_kind} conversation" + (f" in {inline(thread.place_name)}" if thread.place_name else "")
    parts = [f"\n## {title}\n\nA {about}, begun {iso(thread.created_at)}. Id: {inline(thread.id)}\n"]
    for one in messages:
        marks = [one.outcome if one.outcome in {"cut", "failed"} else "", "edited" if one.edited_at else ""]
        head = ", ".join([iso(one.created_at), inline(_speaker(one, mark)), *filter(None, marks)])
        parts.append(f"\n### {head}\n\n{quoted(one.text) if _is_shown(one) else _LEFT_OUT + chr(10)}")
    parts.append(f"\n*{inline(str(mark))}*\n")
    return "".join(parts)


def _speaker(message: Message, mark: Watermark) -> str:
    if message.role == "assistant":
        return mark.bot if _is_shown(message) else f"{mark.bot} to {ANOTHER_PARTICIPANT}"
    return mark.person if message.resource_id == mark.person_id else message.resource_id


def _is_shown(message: Message) -> bool:
    return message.resource_id != ANOTHER_PARTICIPANT


def table(rows: Sequence[Mapping[str, str]]) -> str:
    """Rows of `cells` as CSV with a heading. No cell is a formula to any spreadsheet."""
    text = StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    for row in rows:
        writer.writerow([inert(row[name]) for name in _COLUMNS])
    return text.getvalue()


def cells(thread: Thread, messages: Sequence[Message], mark: Watermark) -> list[dict[str, str]]:
    """A conversation as rows, each with the watermark: so it stays with whatever is cut out."""
    return [
        {
            "conversation": thread.id,
            "title": thread.title,
            "place": thread.place_name or thread.place_kind,
            "time": iso(one.created_at),
            "speaker": _speaker(one, mark),
            "role": one.role,
            "outcome": one.outcome,
            "edited": "" if one.edited_at is None else iso(one.edited_at),
            "shown": "yes" if _is_shown(one) else "no",
            "text": one.text,
            "exported": str(mark),
        }
        for one in messages
    ]


def inert(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula, and no reader's eye for something else."""
    shown = visible(cell)
    return f"'{shown}" if shown[:1] in _FORMULA or cell[:1] in _FORMULA else shown
