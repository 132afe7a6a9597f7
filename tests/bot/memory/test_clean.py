import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bot.memory.clean import clean_text, clean_value

ANY_TEXT = st.text(st.characters(exclude_categories=()))
JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | ANY_TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner),
)


@given(ANY_TEXT)
def test_a_clean_text_can_be_stored_and_differs_only_where_it_could_not(text: str) -> None:
    clean = clean_text(text)
    clean.encode()
    assert "\x00" not in clean
    assert len(clean) == len(text)
    assert all(new in (old, "\ufffd") for new, old in zip(clean, text, strict=True))
    assert clean_text(clean) is clean


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")))
def test_a_text_that_can_be_stored_stays_the_very_same_object(text: str) -> None:
    assert clean_text(text) is text


def test_nul_and_lone_surrogates_become_replacement_characters() -> None:
    assert clean_text("a\x00b\ud83dc") == "a\ufffdb\ufffdc"


def test_a_pair_joined_by_json_stays_and_one_that_python_never_joined_does_not() -> None:
    assert clean_text(json.loads('"\\ud83d\\ude00"')) == "😀"
    assert clean_text("\ud83d" + "\ude00") == "\ufffd\ufffd"


def test_other_control_characters_line_ends_and_decomposed_letters_stay() -> None:
    text = "\x01\t\r\n\x7f\ufeffe\u0301\ufffe\U0010ffff"
    assert clean_text(text) is text


def test_a_value_is_cleaned_at_every_depth_keys_included() -> None:
    value = {"a\x00": ["\ud800", {"b": ("\x00", 1, 2.5, None, True)}]}
    assert clean_value(value) == {"a\ufffd": ["\ufffd", {"b": ["\ufffd", 1, 2.5, None, True]}]}


def test_of_keys_that_become_alike_the_last_value_stays() -> None:
    assert clean_value({"\x00": 1, "\ud800": 2}) == {"\ufffd": 2}


@given(JSON_LIKE)
def test_a_clean_value_can_be_stored_as_json_and_the_given_one_is_left_alone(value: Any) -> None:
    before = json.dumps(value)
    clean = clean_value(value)
    assert "\\u0000" not in json.dumps(clean).replace("\\\\", "")
    json.dumps(clean, ensure_ascii=False).encode()
    assert clean_value(clean) == clean
    assert json.dumps(value) == before
