"""Text from outside as CommonMark that says just this text. Pure."""

import re
from itertools import pairwise

from bot.visible import visible, visible_line

#: What begins something else than text in CommonMark, wherever it stands; all of it may follow a backslash.
_SIGNS = re.compile(r"([\\`*_\[\]<>&~|$])")
#: What begins a heading, a list, a rule or a code block at the beginning of a line.
_BEGINNING = re.compile(r"^([#+=:-])|^(\d{1,9})([.)])")


def inline(text: str) -> str:
    """Text as text, on one line."""
    return _SIGNS.sub(r"\\\1", visible_line(text))


def quoted(text: str) -> str:
    """Text as a quotation, every line of it marked, so that it can begin nothing outside."""
    lines = [_line(line) for line in visible(text).split("\n")]
    # A backslash at a line's end breaks it there; at a paragraph's end it would show.
    broken = (line and after and "\\" for line, after in pairwise([*lines, ""]))
    return "".join(f"> {line}{end}".rstrip(" ") + "\n" for line, end in zip(lines, broken, strict=True))


def _line(line: str) -> str:
    words = line.lstrip(" \t")
    # Four blanks would begin a code block, in which backslashes show.
    indent = "\u00a0" * len(line[: len(line) - len(words)].expandtabs(4))
    escaped = _BEGINNING.sub(r"\\\1" if words[:1] in set("#+=:-") else r"\2\\\3", _SIGNS.sub(r"\\\1", words))
    return f"{indent}{escaped}" if escaped else ""
