"""Questions with numbers, and answers that name them sentence by sentence: what a checker can read. Pure.

`ana asks #12` is answered by sentences like `[12 1/3] ...`; what is asked together is answered together: `[12+13 1/3]`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

_QUESTION = re.compile(r"(\w+) asks #(\d+)( slowly)?")
_PART = re.compile(r"\[([\w+]+) (\d+)/(\d+)\]")
_WORDS = ("alder", "birch", "cedar", "dogwood", "elm", "fir", "gum", "hazel")
#: Every third answer takes several posts.
_SHORT, _LONG = 2, 40

Part = tuple[tuple[str, ...], int, int]


def question(person: str, number: int, *, slowly: bool = False) -> str:
    """What a person says; `slowly`: its answer takes seconds."""
    return f"{person} asks #{number}{' slowly' if slowly else ''}"


def sentences_of(names: Sequence[str]) -> list[str]:
    """The one answer that there is to these questions; or the report of a job."""
    count = _LONG if any(name.isdigit() and int(name) % 3 == 0 for name in names) else _SHORT
    named = "+".join(names)
    return [
        f"[{named} {place}/{count}] {_WORDS[place % 8]} {_WORDS[(place * 5) % 8]}." for place in range(1, count + 1)
    ]


def answer_to(names: Sequence[str]) -> str:
    """As `sentences_of`, as one text."""
    return " ".join(sentences_of(names))


def parts_of(text: str) -> list[Part]:
    """What the sentences of a text answer: the names, which sentence, of how many."""
    return [(tuple(named.split("+")), int(place), int(count)) for named, place, count in _PART.findall(text)]


def questions_in(prompt: Sequence[Mapping[str, Any]]) -> tuple[list[str], bool]:
    """What the last one who speaks in a prompt asks and was not told yet; and whether slowly."""
    said = [match for one in prompt if one["role"] == "user" for match in _QUESTION.findall(str(one["content"]))]
    told = {
        name
        for one in prompt
        if one["role"] == "assistant"
        for part in parts_of(str(one["content"]))
        for name in part[0]
    }
    person = said[-1][0]
    mine = [one for one in said if one[0] == person and one[1] not in told]
    return sorted({number for _who, number, _how in mine}, key=int), any(how for *_rest, how in mine)
