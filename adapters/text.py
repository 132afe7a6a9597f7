"""Splitting CommonMark at a platform's limit. Pure.

A text is cut where it hurts least: between paragraphs, else lines, sentences, words, characters. A code fence that a
cut falls into is closed before and opened again after it; one that begins late in a part begins the next one instead.

Of a text that grows, all parts but the last stay as they are, and there are never fewer of them. For this a cut depends
only on what stands in a window behind the one before, and on there being more than the window holds.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

#: Smallest limit: there must be room for two fences around something.
LEAST_LIMIT = 100
_LONGEST_MARK = 10
_INFO_CHARACTERS = 20
#: Room for closing a fence: a line break and its mark.
_RESERVE = 1 + _LONGEST_MARK
_MARKS = ("```", "~~~")
# However far it is indented: in a list it may be far, and chat platforms do not mind.
_FENCE = re.compile(r"^[ \t]*(?:(`{3,})([^`\n]*)|(~{3,})([^\n]*))$", re.MULTILINE)
_CLOSING = re.compile(r"[ \t]*(`+|~+)[ \t\r]*(\n|\Z)")
#: Where to cut, best first; the cut is behind the match.
_BORDERS = (re.compile(r"\n\s*\n"), re.compile(r"\n"), re.compile(r"[.!?…]\s+"), re.compile(r"\s+"))


@dataclass(frozen=True, slots=True)
class _Fence:
    """A code fence that is open."""

    mark: str
    #: The line that opens it again.
    opening: str
    #: Where its opening line begins and ends, in the part in which it does.
    begin: int
    end: int


def split(text: str, limit: int) -> tuple[str, ...]:
    """The parts of a text, each of at most `limit` characters, none blank; empty for a blank text.

    Raises:
        ValueError: the limit is less than `LEAST_LIMIT`.
    """
    if limit < LEAST_LIMIT:
        raise ValueError(f"limit must be at least {LEAST_LIMIT} characters")
    return tuple(part for part in _parts(text, limit) if part.strip())


def _parts(text: str, limit: int) -> Iterator[str]:
    start, fence = 0, None
    while True:
        start, fence = _begin(text, start, fence)
        before = "" if fence is None else f"{fence.opening}\n"
        room = limit - len(before)
        if fence is not None or any(text.find(mark, start, start + room) >= 0 for mark in _MARKS):
            room -= _RESERVE
        if len(text) - start <= room:
            yield _part(before, text[start:], _open_fence(text[start:], fence))
            return
        cut = _cut(text, start, start + room)
        left = _open_fence(text[start:cut], fence)
        if left is not None and left is not fence and left.begin > 0:
            empty = not text[start + left.end : cut].strip()
            if empty or left.begin >= room // 2:
                cut, left = start + left.begin, None
        yield _part(before, text[start:cut], left)
        start, fence = cut, left


def _begin(text: str, start: int, fence: _Fence | None) -> tuple[int, _Fence | None]:
    """Where a part begins that follows a cut: behind the end of its fence, if nothing more stands in that."""
    while fence is not None:
        closing = _CLOSING.match(text, start)
        if closing is None or closing[1][0] != fence.mark[0]:
            return start, fence
        if closing[2] == "":
            return len(text), fence  # it may become the closing line: nothing is shown of it yet
        if len(closing[1]) < len(fence.mark):
            return start, fence
        start, fence = closing.end(), None
    while text.startswith("\n", start):
        start += 1
    return start, fence


def _part(before: str, body: str, fence: _Fence | None) -> str:
    """A part with its fences whole."""
    body = body.rstrip()
    if not body:
        return ""
    return f"{before}{body}" if fence is None else f"{before}{body}\n{fence.mark}"


def _open_fence(body: str, fence: _Fence | None) -> _Fence | None:
    """The fence that is open at the end of a part, given the one that is open at its beginning."""
    if not any(mark in body for mark in _MARKS):
        return fence  # most texts are prose, and a growing one is split often
    for match in _FENCE.finditer(body):
        mark, info = match[1] or match[3], match[2] or match[4] or ""
        if fence is None:
            if len(mark) <= _LONGEST_MARK:
                opening = mark + info.rstrip()[:_INFO_CHARACTERS]
                fence = _Fence(mark, opening, match.start(), match.end())
        elif mark[0] == fence.mark[0] and len(mark) >= len(fence.mark) and not info.strip():
            fence = None
    return fence


def _cut(text: str, start: int, end: int) -> int:
    """Where to cut a text that goes on behind `end`; nothing behind that is looked at."""
    least = start + (end - start) // 2
    for border in _BORDERS:
        for match in reversed(list(border.finditer(text, least, end))):
            if _may_be_cut(text, match.end(), end):
                return match.end()
    last = end - len(_MARKS[0])
    for cut in range(last, least, -1):
        if not text.startswith(_MARKS, cut) and not _belongs_to_the_one_before(text, start, cut):
            return cut
    return last


def _may_be_cut(text: str, cut: int, end: int) -> bool:
    """Whether a cut makes no fence of what stands in the middle of a line."""
    return text[cut - 1] == "\n" or (cut <= end - len(_MARKS[0]) and not text.startswith(_MARKS, cut))


def _belongs_to_the_one_before(text: str, start: int, index: int) -> bool:
    """Whether a character is shown as one with what stands before it: marks, joined emoji, flags."""
    here, before = text[index], text[index - 1]
    if "\u200d" in {here, before} or unicodedata.category(here) in {"Mn", "Mc", "Me"}:
        return True
    if here == "\u200c" or "\U0001f3fb" <= here <= "\U0001f3ff" or "\U000e0020" <= here <= "\U000e007f":
        return True
    return _is_flag_letter(here) and _flag_letters_before(text, start, index) % 2 == 1


def _is_flag_letter(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _flag_letters_before(text: str, start: int, index: int) -> int:
    first = index
    while first > start and _is_flag_letter(text[first - 1]):
        first -= 1
    return index - first
