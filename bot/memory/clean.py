"""What no database takes: U+0000 and surrogates without a partner become U+FFFD; all else stays as it came.

PostgreSQL's text and jsonb refuse both, SQLite's C strings end at the first, and UTF-8 has no spelling of the second.
"""

import math
import re
from typing import Any

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
#: From here on Python writes a float with an exponent, which PostgreSQL's jsonb gives back as a whole number.
_LARGE = 1e16


def clean_text(text: str) -> str:
    r"""The text with U+FFFD for each U+0000 and each surrogate; the very same object if it has none.

    Python joins no surrogates: `"\ud83d" + "\ude00"` stays two, and becomes two U+FFFD. JSON readers have joined the
    halves of a real character before a text comes here.
    """
    if text.isascii() and "\x00" not in text:
        return text
    return _UNSTORABLE.sub("\ufffd", text)


def clean_value(value: Any) -> Any:
    """A JSON-like value with all its texts clean, keys too; of keys that become alike the last one's value stays.

    Numbers stay equal, in the form in which jsonb gives them back: large floats are whole numbers, and -0.0 is 0.0.
    """
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, float) and math.isfinite(value):
        return int(value) if abs(value) >= _LARGE else value + 0.0
    if isinstance(value, dict):
        return {clean_value(key): clean_value(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [clean_value(inner) for inner in value]
    return value
