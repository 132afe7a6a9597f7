"""Splitting: nothing is lost, every part is whole and within the limit, and what was posted stays as it is."""

import re
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from adapters.text import LEAST_LIMIT, split

FENCES = ("```", "````", "~~~", "```python", "~~~ text", "  ```", "    ```js")
LINES = st.one_of(
    st.sampled_from((*FENCES, "", "   ", "- item", "`code`", "```inline``` code", "``", "`" * 12, "~" * 40)),
    st.text(st.sampled_from("ab. !`~\t"), max_size=30),
    st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=40),
    st.integers(1, 400).map(lambda count: "x" * count),
    st.integers(1, 60).map(lambda count: "word " * count),
)
DOCUMENTS = st.lists(LINES, max_size=30).map("\n".join)
SHORT_DOCUMENTS = st.lists(LINES, max_size=10).map("\n".join)
LIMITS = st.sampled_from((LEAST_LIMIT, 101, 137, 400))
#: Where fences stand as people write them: opened, filled, closed.
BLOCKS = st.lists(
    st.one_of(
        st.lists(st.text("abc ", min_size=1, max_size=30), min_size=1, max_size=6).map("\n".join),
        st.tuples(st.sampled_from(("```", "~~~", "````py")), st.lists(st.text("abc ", max_size=30), max_size=20)).map(
            lambda block: "\n".join([block[0], *block[1], block[0].rstrip("py")])
        ),
    ),
    max_size=12,
).map("\n\n".join)


def open_mark(part: str) -> str:
    """The mark of the fence that is open at a part's end, line by line, as CommonMark has it."""
    mark = ""
    for line in part.split("\n"):
        found = re.match(r"[ \t]*(`{3,}|~{3,})(.*)", line, re.DOTALL)
        if found is None:
            continue
        if not mark and len(found[1]) <= 10 and not (found[1][0] == "`" and "`" in found[2]):
            mark = found[1]
        elif mark and found[1].startswith(mark) and not found[2].strip():
            mark = ""
    return mark


def content(text: str) -> str:
    """A text without whitespace and fence lines."""
    return "".join(re.sub(r"(?m)^[ \t]*(`{3,}[^`\n]*|~{3,}[^\n]*)$", "", text).split())


@given(DOCUMENTS, LIMITS)
@example("a" * 99 + "\n```", LEAST_LIMIT)
@example("```\n" + "\n" * 300, LEAST_LIMIT)
@example("```py\n" + "x\n" * 200 + "```\nafter", LEAST_LIMIT)
@example("word " * 17 + "```not a fence " * 20, LEAST_LIMIT)
@settings(max_examples=400)
def test_each_part_is_within_the_limit_not_blank_and_leaves_no_fence_open(text: str, limit: int) -> None:
    parts = split(text, limit)

    assert all(0 < len(part) <= limit and part.strip() for part in parts)
    assert [open_mark(part) for part in parts] == [""] * len(parts)
    assert bool(parts) == bool(text.strip())


@given(BLOCKS, LIMITS)
@settings(max_examples=300)
def test_nothing_is_lost_but_whitespace_where_it_was_cut(text: str, limit: int) -> None:
    assert content("\n".join(split(text, limit))) == content(text)


@given(st.text(st.characters(codec="utf-8", exclude_characters="`~\r"), max_size=1_500), LIMITS)
@settings(max_examples=300)
def test_text_without_fences_gets_nothing_added(text: str, limit: int) -> None:
    assert "".join("".join(split(text, limit)).split()) == "".join(text.split())


@given(SHORT_DOCUMENTS, LIMITS)
@example("```py\n" + "x\n" * 41 + "```\nafter", LEAST_LIMIT)
@example("w" * 98 + " ```code```", LEAST_LIMIT)
@example("x" * 97 + "\n```py\ncode\n```", LEAST_LIMIT)
@settings(max_examples=150, deadline=None)
def test_of_a_growing_text_all_parts_but_the_last_stay_as_they_are(text: str, limit: int) -> None:
    grown = [split(text[:length], limit) for length in range(len(text) + 1)]

    for before, after in pairwise(grown):
        assert after[: len(before) - 1] == before[:-1]
        assert len(after) >= len(before)


def test_a_code_block_goes_on_in_the_next_part_as_code() -> None:
    code = "\n".join(f"    line_{number}()" for number in range(20))
    parts = split(f"Look:\n\n```python\n{code}\n```\n\nDone.", 150)

    assert len(parts) > 2
    assert all(part.startswith("```python\n    line_") for part in parts[1:])
    assert [line for part in parts for line in part.split("\n") if "line_" in line] == code.split("\n")
    assert parts[-1].endswith("```\n\nDone.")


def test_a_code_block_that_begins_late_begins_the_next_part() -> None:
    prose, code = "Some prose. " * 7, "```\n" + "code\n" * 10 + "```"

    assert split(f"{prose}\n{code}", 120) == (prose.rstrip(), code)


def test_the_line_that_opens_a_block_is_not_cut() -> None:
    code = "```python with a title of so many words that one of them\ncode\n```"

    assert split("x" * 42 + f"\n{code}", LEAST_LIMIT) == ("x" * 42, code)


def test_a_block_that_ends_at_a_cut_is_not_opened_again() -> None:
    code = "```\n" + "code\n" * 17 + "c" * 27
    assert split(f"{code}\n```\nAfterwards.\n\n" + "y" * 50, 130)[1:] == ("Afterwards.\n\n" + "y" * 50,)


@pytest.mark.parametrize(
    "whole",
    ["👩‍👩‍👧‍👦", "🇩🇪", "e\u0301", "👍🏽", "1️⃣", "कि", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"],
    ids=["family", "flag", "accent", "skin", "keycap", "vowel sign", "tags"],
)
def test_what_is_shown_as_one_character_is_not_cut(whole: str) -> None:
    for shift in range(len(whole) + 1):
        parts = split("x" * shift + whole * 200, LEAST_LIMIT)
        assert len(parts) > 1
        assert "".join(parts) == "x" * shift + whole * 200
        assert all(part.lstrip("x") == whole * (len(part.lstrip("x")) // len(whole)) for part in parts)


@pytest.mark.parametrize(
    ("text", "cut_behind"),
    [
        ("A paragraph.\n\n" + "word " * 30, "A paragraph."),
        ("First line here\n" + "word " * 30, "First line here"),
        ("One sentence ends here! " + "word " * 30, "One sentence ends here!"),
        ("x" * 70 + " " + "y" * 80, "x" * 70),
    ],
    ids=["paragraph", "line", "sentence", "word"],
)
def test_a_text_is_cut_where_it_hurts_least(text: str, cut_behind: str) -> None:
    padded = "z" * (88 - len(cut_behind)) + text
    assert split(padded, LEAST_LIMIT)[0].endswith(cut_behind)


def test_backticks_inside_a_line_do_not_become_a_fence() -> None:
    text = "x" * 80 + " ```not a fence " + "y" * 60

    assert "".join("".join(split(text, LEAST_LIMIT)).split()) == "".join(text.split())


def test_a_text_that_fits_is_left_alone() -> None:
    assert split("x" * 4_000, 4_000) == ("x" * 4_000,)
    assert split("  indented\n\n- and more\n", 4_000) == ("  indented\n\n- and more",)
    assert split(" \n ", 4_000) == ()


@pytest.mark.parametrize("text", ["x", "`", "```\n", "\n", " ", "x\n", "🇩🇪", "e\u0301", "a b", "~~~ x"])
def test_a_megabyte_is_split_in_one_pass(text: str) -> None:
    class Counting(str):
        """Counts how many characters are copied out of it."""

        __slots__ = ()
        copied = 0

        def __getitem__(self, index: object) -> str:
            found = super().__getitem__(index)  # type: ignore[index]
            Counting.copied += len(found)
            return found

    whole = Counting(text * (1_000_000 // len(text)))
    assert all(len(part) <= 2_000 for part in split(whole, 2_000))
    assert Counting.copied < 20 * len(whole)


def test_a_limit_without_room_for_fences_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 100"):
        split("text", LEAST_LIMIT - 1)
