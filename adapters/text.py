"""Splitting CommonMark at a platform's limit. Pure.

A text is cut where it hurts least: between paragraphs, else lines, sentences, words, characters. A code fence that a
cut falls into is closed before and opened again after it. Where a cut is depends only on what stands before it and on
there being more: of a text that grows, all parts but the last stay as they are.
"""

import re
import unicodedata
from collections.abc import Iterator

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})([^\n]*)$", re.MULTILINE)
#: Where to cut, best first; the cut is behind the match.
_BORDERS = (re.compile(r"\n\s*\n"), re.compile(r"\n"), re.compile(r"[.!?…]\s+"), re.compile(r"\s+"))
#: How much of a part is given up at most for a better place to cut.
_SLACK = 0.5


def split(text: str, limit: int) -> tuple[str, ...]:
    """The parts of a text, each of at most `limit` characters, none blank; empty for a blank text.

    Raises:
        ValueError: the limit is too small for a code fence around anything.
    """
    if limit < 40:  # noqa: PLR2004 (room for two fences and some text)
        raise ValueError("limit must be at least 40 characters")
    return tuple(part for part in _parts(text, limit) if part.strip())


def _parts(text: str, limit: int) -> Iterator[str]:
    rest = text
    while len(rest) > limit:
        cut = _cut(rest, limit)
        head, rest = rest[:cut], rest[cut:]
        fence = _open_fence(head)
        if fence is None:
            yield head.rstrip()
            rest = rest.lstrip("\n")
            continue
        mark, opening = fence
        room = limit - len(mark) - 1
        if len(head.rstrip("\n")) > room:
            head, rest = head[: _cut(head, room)], head[_cut(head, room) :] + rest
            fence = _open_fence(head)
        if fence is None:
            yield head.rstrip()
            rest = rest.lstrip("\n")
            continue
        yield f"{head.rstrip(chr(10))}\n{mark}"
        rest = f"{opening}\n{rest.lstrip(chr(10)) if rest.startswith(chr(10)) else rest}"
    yield rest.rstrip() if rest.strip() else ""


def _open_fence(text: str) -> tuple[str, str] | None:
    """The mark and the opening line of a fence that is still open at the end of a text."""
    opened: tuple[str, str] | None = None
    for match in _FENCE.finditer(text):
        mark, info = match.group(1), match.group(2)
        if opened is None:
            opened = (mark, mark + info[:20])
        elif mark[0] == opened[0][0] and len(mark) >= len(opened[0]) and not info.strip():
            opened = None
    return opened


def _cut(text: str, limit: int) -> int:
    """Where to cut a text that is longer than `limit`."""
    least = int(limit * _SLACK)
    for border in _BORDERS:
        ends = [match.end() for match in border.finditer(text, least, limit)]
        if ends:
            return ends[-1]
    return _between_characters(text, limit)


def _between_characters(text: str, limit: int) -> int:
    """The last place up to `limit` that does not part a letter from its marks, or an emoji from what joins it."""
    for cut in range(limit, max(limit // 2, 1), -1):
        if not _belongs_to_the_one_before(text, cut):
            return cut
    return limit


def _belongs_to_the_one_before(text: str, index: int) -> bool:
    if index >= len(text):
        return False
    here, before = text[index], text[index - 1]
    joined = "\u200d" in {here, before}
    modified = unicodedata.combining(here) != 0 or here in {"\ufe0f", "\u20e3"} or "\U0001f3fb" <= here <= "\U0001f3ff"
    flag = "\U0001f1e6" <= here <= "\U0001f1ff" and "\U0001f1e6" <= before <= "\U0001f1ff"
    return joined or modified or flag
