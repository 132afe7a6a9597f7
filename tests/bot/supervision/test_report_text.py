"""A supervisor's export as documents: inert, marked, and silent about third parties."""

import csv
from datetime import UTC, datetime
from io import StringIO

from hypothesis import given
from hypothesis import strategies as st

from bot.memory.values import ANOTHER_PARTICIPANT, Message, Thread
from bot.supervision.report_text import Watermark, beginning, cells, conversation, inert, table

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MARK = Watermark("=Grace", "Ana *bold*", "ana", NOON, "quality review", "Tess")
#: What spreadsheets take for a formula's beginning.
BEGINNINGS = "=+-@\t\r\n＝＋－＠"  # noqa: RUF001


def thread(**changes: object) -> Thread:
    values = {
        "id": "t1", "resource_id": "ana", "title": "=1+1", "created_at": NOON, "updated_at": NOON,
        "last_message_at": NOON, "metadata": {}, "place_kind": "public", "place_name": "@general", "message_count": 1,
    }  # fmt: skip
    return Thread(**{**values, **changes})  # type: ignore[arg-type]


def message(text: str, **changes: object) -> Message:
    values = {
        "id": "m1", "thread_id": "t1", "resource_id": "ana", "role": "user", "text": text, "created_at": NOON,
        "seq": 1, "metadata": {},
    }  # fmt: skip
    return Message(**{**values, **changes})  # type: ignore[arg-type]


def rows_of(document: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(document, newline="")))


@given(st.lists(st.text(max_size=40) | st.sampled_from(BEGINNINGS).flatmap(lambda c: st.text().map(lambda t: c + t))))
def test_no_cell_begins_a_formula_and_none_breaks_out_of_its_row(texts: list[str]) -> None:
    rows = rows_of(table([row for text in texts for row in cells(thread(title=text), [message(text)], MARK)]))

    assert len(rows) == len(texts)
    assert not [cell for row in rows for cell in row.values() if cell[:1] and cell[0] in BEGINNINGS]


def test_what_is_no_formula_stays_as_it_is() -> None:
    assert [inert(text) for text in ("a = b", "'quoted'", "", "1,5")] == ["a = b", "'quoted'", "", "1,5"]
    assert [inert(text) for text in ("=1", "@x", "\tx", "-5")] == ["'=1", "'@x", "'\tx", "'-5"]


def test_each_row_and_each_conversation_says_whose_it_is_who_took_it_and_why() -> None:
    mark = "Exported by =Grace on 2026-11-22T12:00:00Z. Conversations of Ana *bold*. Reason: quality review."
    rows = cells(thread(), [message("one"), message("two")], MARK)
    text = beginning(MARK) + conversation(thread(), [message("one")], MARK)

    assert [row["exported"] for row in rows] == [mark, mark]
    assert text.count("quality review") == 2
    assert "Ana \\*bold\\*" in text
    assert "Ana *bold*" not in text


def test_of_third_parties_it_says_that_they_spoke() -> None:
    foreign = message("", resource_id=ANOTHER_PARTICIPANT)
    answer = message("", resource_id=ANOTHER_PARTICIPANT, role="assistant")
    rows = cells(thread(), [foreign, answer], MARK)
    text = conversation(thread(), [foreign, answer], MARK)

    assert [(row["speaker"], row["shown"], row["text"]) for row in rows] == [
        ("another participant", "no", ""),
        ("Tess to another participant", "no", ""),
    ]
    assert text.count("(not shown)") == 2


def test_marks_of_edits_and_of_answers_that_ended_early_stay() -> None:
    said = [message("x", edited_at=NOON), message("y", role="assistant", outcome="cut")]
    text = conversation(thread(), said, MARK)
    rows = cells(thread(), said, MARK)

    assert ", Ana \\*bold\\*, edited\n" in text
    assert ", Tess, cut\n" in text
    assert [(row["edited"], row["outcome"]) for row in rows] == [("2026-11-22T12:00:00Z", ""), ("", "cut")]
