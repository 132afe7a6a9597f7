"""Text from outside shows, and commands nothing."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.visible import visible, visible_json, visible_line

OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("Grüße 日本語 👩‍👩‍👧 שלום", "Grüße 日本語 👩‍👩‍👧 שלום"),
        ("\x1b[31mred\x1b[0m", "␛[31mred␛[0m"),
        ("\x1b]0;title\x07", "␛]0;title␇"),
        ("a\rb\r\nc\x85d\u2028e", "a\nb\nc\nd\ne"),
        ("\x00\x08\x7f\x9b2J", "␀␈␡\ufffd2J"),
        ("safe\u202egnp.exe", "safe[U+202E]gnp.exe"),
        ("\ud83d", "\ufffd"),
    ],
)
def test_what_a_terminal_obeys_is_shown(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text(alphabet=st.characters()))
def test_nothing_that_is_obeyed_is_left(text: str) -> None:
    assert not OBEYED.search(visible(text))
    assert not re.search(r"[\n\t]", visible_line(text))
    visible(text).encode()


@given(st.text(alphabet=st.characters()), st.text(alphabet=st.characters()))
def test_pieces_are_as_harmless_as_the_whole(one: str, other: str) -> None:
    assert not OBEYED.search(visible(one) + visible(other))


@given(st.text(alphabet=st.characters()))
def test_json_keeps_its_values(text: str) -> None:
    document = visible_json(json.dumps([text], ensure_ascii=False))

    assert json.loads(document) == [text]
    assert not OBEYED.search(document)
