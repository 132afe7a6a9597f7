"""Text from outside, made safe to show: what a terminal or a reader's eye would obey is shown instead. Pure.

Names, titles, messages and a model's words all come from outside. Each character is looked at by itself, so a sequence
that arrives in pieces is as harmless as one that arrives whole.
"""

#: Where the control pictures begin: U+241B stands for ESC, and so on.
_PICTURES = 0x2400
_TABLE: dict[int, str] = {
    # C0 and DEL: moves the cursor, sets the title, rings the bell.
    **{code: chr(_PICTURES + code) for code in range(0x20) if chr(code) not in "\t\n"},
    0x0D: "\n",
    0x7F: "\u2421",
    # C1: the same commands again, each in one character.
    **dict.fromkeys(range(0x80, 0xA0), "\ufffd"),
    0x85: "\n",
    # Line ends that not every terminal knows.
    0x2028: "\n",
    0x2029: "\n",
    # Embeddings, overrides and isolates, which make text read in another order than it stands.
    **{code: f"[U+{code:04X}]" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))},
    # Half a character, which cannot be written at all.
    **dict.fromkeys(range(0xD800, 0xE000), "\ufffd"),
}
#: In JSON all of C0 is escaped already, and what stands between the strings is ours.
_JSON_TABLE = {code: f"\\u{code:04x}" for code in _TABLE if code >= 0x20}  # noqa: PLR2004 (the first that is no C0)
_OTHER_LINE_ENDS = str.maketrans(dict.fromkeys("\n\t", " "))


def visible(text: str) -> str:
    """`text` on the lines that it has, with everything a terminal would obey shown as a sign."""
    return text.replace("\r\n", "\n").translate(_TABLE)


def visible_line(text: str) -> str:
    """`text` on one line."""
    return visible(text).translate(_OTHER_LINE_ENDS)


def visible_json(document: str) -> str:
    r"""JSON with the same values, where what a terminal would obey stands as `\u` and four digits."""
    return document.translate(_JSON_TABLE)
