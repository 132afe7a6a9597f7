"""Choosing what is imported: each thread before its messages, and what is left out counted."""

import json
import tracemalloc
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.errors import ImportFailed
from bot.importing.records import ImportedMessage, ImportedThread
from bot.importing.repeats import RepeatFilter
from bot.importing.select import LeftOut, read_records
from tests.bot.importing.exports import ADA, BARE, BOT, said, write_export


def record(thread: str, role: str = "user", text: str = "hello", **more: Any) -> dict[str, Any]:
    moment = "2026-03-01T09:30:00Z"
    return {"thread_id": thread, "resource_id": "ada", "role": role, "text": text, "created_at": moment, **more}


def write_lines(folder: Path, *records: dict[str, Any]) -> Path:
    path = folder / "file.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in records), encoding="utf-8")
    return path


def test_a_thread_counts_when_the_bot_speaks_in_it_even_last(tmp_path: Path) -> None:
    path = write_lines(
        tmp_path, record("with"), record("without"), record("without"), record("with"), record("with", "assistant")
    )

    found = read_records(path, whole_channels=False)

    assert {one.thread_id for one in found if isinstance(one, ImportedMessage)} == {"with"}
    assert (found.threads, found.messages, found.left_out) == (1, 3, LeftOut(threads=1, messages=2))


def test_whole_channels_is_everything(tmp_path: Path) -> None:
    path = write_lines(tmp_path, record("with"), record("without"), record("with", "assistant"))

    found = read_records(path, whole_channels=True)

    assert (found.threads, found.messages, found.left_out) == (2, 3, LeftOut(threads=0, messages=0))


def test_a_thread_is_as_its_first_line_has_it(tmp_path: Path) -> None:
    private, public = {"kind": "private", "name": "#a"}, {"kind": "public", "name": "#b"}
    path = write_lines(
        tmp_path, record("t", title="one", place=private), record("t", resource_id="bob", title="two", place=public)
    )

    threads = [one for one in read_records(path, whole_channels=True) if isinstance(one, ImportedThread)]

    assert threads == [ImportedThread("t", "ada", "one", "private", "#a", "a")]


def test_it_can_be_read_again_and_again(tmp_path: Path) -> None:
    path = write_lines(tmp_path, *[record("t", "assistant")] * 3)

    found = read_records(path, whole_channels=False)

    assert list(found) == list(found)
    assert len(list(found)) == len(found) == 4


@pytest.mark.parametrize("kind", ["lines", "slack"])
def test_the_progress_of_checking_rises_to_the_total(tmp_path: Path, kind: str) -> None:
    days = {f"general/2026-03-{day:02}.json": [said(ADA, f"{day}.000001")] for day in range(1, 9)}
    lines = write_lines(tmp_path, *(record("t") for _ in range(5_000)))
    path = lines if kind == "lines" else write_export(tmp_path, {**BARE, **days})
    seen: list[tuple[int, int]] = []

    read_records(path, whole_channels=True, bot_user=BOT, progress=lambda done, total: seen.append((done, total)))

    assert len(seen) > 5
    assert sorted(seen) == seen
    assert seen[-1][0] == seen[-1][1]
    assert len({total for _, total in seen}) == 1


def test_memory_does_not_grow_with_the_messages(tmp_path: Path) -> None:
    path = write_lines(tmp_path, *(record("t", "assistant", f"{number} " * 500) for number in range(5_000)))
    assert path.stat().st_size > 10_000_000
    tracemalloc.start()

    count = sum(1 for _ in read_records(path, whole_channels=False))

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 5_001
    assert peak < path.stat().st_size / 4


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent.jsonl"):
        with pytest.raises(ImportFailed, match="is no file"):
            read_records(path, whole_channels=False)


threads_and_roles = st.tuples(st.sampled_from("abcd"), st.sampled_from(["user", "assistant"]), st.sampled_from("xy"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(threads_and_roles, max_size=30), whole_channels=st.booleans())
def test_the_promises_hold_for_any_file(
    tmp_path: Path, lines: list[tuple[str, str, str]], *, whole_channels: bool
) -> None:
    path = write_lines(tmp_path, *(record(*line) for line in lines))
    dialogues = {thread for thread, role, _ in lines if whole_channels or role == "assistant"}
    expected = [line for line in lines if line[0] in dialogues]

    found = read_records(path, whole_channels=whole_channels)
    records = list(found)

    messages = [one for one in records if isinstance(one, ImportedMessage)]
    assert [(one.thread_id, one.role, one.text) for one in messages] == expected
    assert len({one.id for one in messages}) == len(messages)
    assert Counter(one.id for one in records if isinstance(one, ImportedThread)) == Counter(dialogues)
    for index, one in enumerate(records):
        if isinstance(one, ImportedThread):
            following = records[index + 1]
            assert isinstance(following, ImportedMessage)
            assert following.thread_id == one.id
    assert len(found) == len(records)
    assert found.left_out.messages == len(lines) - len(expected)
    assert found.left_out.threads == len({thread for thread, _, _ in lines} - dialogues)


@given(st.lists(st.integers(0, 50), max_size=200), st.integers(0, 1_000))
def test_the_filter_never_misses_a_repeat(numbers: list[int], size: int) -> None:
    seen_before = RepeatFilter(size)
    known: set[int] = set()

    for number in numbers:
        suspected = seen_before.seen(sha256(str(number).encode()).hexdigest())
        assert suspected or number not in known
        known.add(number)


def test_the_filter_seldom_suspects_wrongly() -> None:
    seen_before = RepeatFilter(200 * 10_000)

    wrong = sum(seen_before.seen(sha256(str(number).encode()).hexdigest()) for number in range(10_000))

    assert wrong < 100
