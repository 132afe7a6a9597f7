"""JSON lines: everything valid comes through, everything else is refused with its line and without its words."""

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import limits
from bot.errors import ImportFailed
from bot.importing.jsonl import parse_line
from bot.importing.records import ImportedMessage, ImportedThread
from bot.importing.select import read_records

DOCUMENT = Path(__file__).parents[3] / "docs" / "import.md"
SECRET = "the-words-of-somebody"
RECORD = {
    "thread_id": "t1",
    "resource_id": "ada",
    "role": "assistant",
    "text": SECRET,
    "created_at": "2026-03-01T09:30:00Z",
}


def line(**changes: Any) -> bytes:
    return json.dumps({**RECORD, **changes}).encode()


def without(name: str) -> bytes:
    return json.dumps({key: value for key, value in RECORD.items() if key != name}).encode()


def imported(path: Path, *lines: bytes) -> list[ImportedThread | ImportedMessage]:
    file = path / "file.jsonl"
    file.write_bytes(b"\n".join(lines))
    return list(read_records(file, whole_channels=True))


def ids(path: Path, *lines: bytes) -> list[str]:
    return [record.id for record in imported(path, *lines) if isinstance(record, ImportedMessage)]


def refusal(path: Path, *lines: bytes) -> str:
    with pytest.raises(ImportFailed) as refused:
        imported(path, *lines)
    return str(refused.value)


class TestTheDocument:
    def example(self, tmp_path: Path) -> Path:
        found = re.search(r"```jsonl\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
        assert found
        file = tmp_path / "example.jsonl"
        file.write_text(found[1], encoding="utf-8")
        return file

    def test_its_example_is_read_as_it_says(self, tmp_path: Path) -> None:
        records = list(read_records(self.example(tmp_path), whole_channels=True))

        assert records[:3] == [
            ImportedThread("support-1", "ada", "Change of address", "private", "#support", "support"),
            ImportedMessage(
                id="m-1",
                thread_id="support-1",
                resource_id="ada",
                role="user",
                text="How do I change my address?",
                created_at=datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
                person_name="Ada Lovelace",
                line=1,
            ),
            ImportedMessage(
                id="m-2",
                thread_id="support-1",
                resource_id="ada",
                role="assistant",
                text="Under Settings, then Profile.",
                created_at=datetime(2026, 3, 1, 9, 30, 4, 250_000, tzinfo=UTC),
                person_name="Ada Lovelace",
                line=2,
                metadata={"model": "small-1", "tokens": 212},
            ),
        ]
        assert records[3] == ImportedThread("grace", "grace", "", "direct", "")
        assert [record.line for record in records[4:] if isinstance(record, ImportedMessage)] == [4, 5]
        assert records[5].id == f"{records[4].id}:2"

    def test_it_says_what_is_left_out_of_its_example(self, tmp_path: Path) -> None:
        found = read_records(self.example(tmp_path), whole_channels=False)

        assert {record.id for record in found} == {"support-1", "m-1", "m-2"}
        assert (found.left_out.messages, found.left_out.threads) == (2, 1)

    def test_its_table_names_every_field(self) -> None:
        with pytest.raises(ImportFailed) as refused:
            parse_line(line(colour="red"), 1)

        fields = str(refused.value).partition("the fields are ")[2].split(", ")
        table = re.findall(r"^\| `(\w+)` \| (?:required|optional)", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
        assert sorted(fields) == sorted(table)

    def test_its_refusal_is_ours(self) -> None:
        with pytest.raises(ImportFailed) as refused:
            parse_line(line(created_at="2026-03-01T09:30:00"), 17)

        assert f"    {refused.value}\n" in DOCUMENT.read_text(encoding="utf-8")


deep = 100_000

REFUSED = {
    "not JSON": (b'{"text": "' + SECRET.encode(), "not JSON at character"),
    "two values": (line() + line(), "not JSON"),
    "a list": (b"[1]", "not an object"),
    "a bare string": (b'"hello"', "not an object"),
    "not UTF-8": (b'{"text": "\xff"}', "not UTF-8 at byte 11"),
    "UTF-16": (line().decode().encode("utf-16-le"), "not"),
    "nested deeply": (b'{"metadata":' + b"[" * deep + b"]" * deep + b"}", "nested too deeply"),
    "NaN": (line(metadata={"a": float("nan")}), "NaN is no JSON number"),
    "Infinity": (line(metadata={"a": float("-inf")}), "-Infinity is no JSON number"),
    "an infinite number": (line(metadata={"a": 1})[:-2] + b"e999}}", "'metadata.a' is too large a number"),
    "an endless number": (line(metadata={"a": 1})[:-2] + b"1" * 5_000 + b"}}", "too many digits"),
    "a key twice": (line()[:-1] + b', "role": "user"}', "'role' stands twice"),
    "a key twice, inside": (line()[:-1] + b', "place": {"kind": "direct", "kind": "public"}}', "'kind' stands twice"),
    "an unknown field": (line(tread_id="t1"), "unknown field 'tread_id'; the fields are thread_id"),
    "an unknown field that a terminal obeys": (line(**{"\x1b[2J": 1}), "unknown field '\\x1b[2J'"),
    "an unknown field without end": (line(**{"x" * 10_000: 1}), f"unknown field '{'x' * 40}...'"),
    "an unknown field of the place": (line(place={"kind": "direct", "nam": "x"}), "unknown field 'place.nam'"),
    **{f"no {name}": (without(name), f'"{name}" is missing') for name in RECORD},
    **{f"blank {name}": (line(**{name: " \t"}), f'"{name}" is blank') for name in [*RECORD, "id"]},
    **{
        f"{name} a number": (line(**{name: 7}), f'"{name}" must be a string')
        for name in [*RECORD, "id", "title", "name"]
    },
    **{
        f"{name} null": (line(**{name: None}), f'"{name}" must be a string')
        for name in [*RECORD, "id", "title", "name"]
    },
    **{
        f"{name} too long": (
            line(**{name: "x" * (limits.ID_CHARACTERS + 1)}),
            f'"{name}" is longer than 512 characters',
        )
        for name in ("id", "thread_id", "resource_id")
    },
    **{
        f"{name} with {character!r}": (line(**{name: f"a{character}b"}), f'"{name}" holds a control character')
        for name in ("id", "thread_id", "resource_id")
        for character in "\0\n\x1b\x7f\x85\u202e"
    },
    "a role that is none": (line(role="system"), '"role" must be one of: user, assistant'),
    "half a character in the text": (line(text="\ud83d"), '"text" holds half of a surrogate pair'),
    "half a character in an id": (line(thread_id="\ud83d"), '"thread_id" holds half of a surrogate pair'),
    "half a character in the metadata": (line(metadata={"\ud83d": 1}), '"metadata" holds half of a surrogate pair'),
    "a text too long": (line(text="ä" * (limits.MESSAGE_BYTES // 2 + 1)), '"text" is longer than 1048576 bytes'),
    "a title too long": (line(title="x" * 201), '"title" is longer than 200 characters'),
    "a name too long": (line(name="x" * 201), '"name" is longer than 200 characters'),
    "no time": (line(created_at=SECRET), '"created_at" is no time'),
    "an impossible time": (line(created_at="2026-02-30T00:00:00Z"), '"created_at" is no time'),
    "a time before all times": (line(created_at="0001-01-01T00:00:00+14:00"), '"created_at" is no time'),
    "a time without zone": (line(created_at="2026-03-01T09:30:00"), '"created_at" has no time zone'),
    "a day": (line(created_at="2026-03-01"), '"created_at" has no time zone'),
    "a place that is a string": (line(place="#support"), '"place" must be an object'),
    "a place without kind": (line(place={"name": "#support"}), '"place.kind" is missing'),
    "a place of another kind": (line(place={"kind": "secret"}), '"place.kind" must be one of: direct, private, public'),
    "a place's name as a number": (line(place={"kind": "direct", "name": 1}), '"place.name" must be a string'),
    "metadata that is a list": (line(metadata=[]), '"metadata" must be an object'),
    "metadata that is deep": (line(metadata={"a": {"b": 1}}), "'metadata.a' must be a string, a number"),
    "metadata too large": (line(metadata={"a": "x" * limits.METADATA_BYTES}), '"metadata" is larger than 65536 bytes'),
    "a line too long": (b" " * limits.IMPORT_LINE_BYTES + line(), "longer than 4194304 bytes"),
}


@pytest.mark.parametrize("wrong", REFUSED)
def test_what_is_wrong_is_refused_with_its_line_and_without_its_words(tmp_path: Path, wrong: str) -> None:
    broken, sentence = REFUSED[wrong]

    message = refusal(tmp_path, line(), b"", broken, line())

    assert message.startswith("line 3: ")
    assert sentence in message
    assert SECRET not in message
    assert len(message) < 300
    assert message.isprintable()


def test_what_is_wrong_on_the_last_line_is_found_before_the_first_record(tmp_path: Path) -> None:
    file = tmp_path / "file.jsonl"
    file.write_bytes(line() + b"\n" + b"{}")

    with pytest.raises(ImportFailed, match=r"^line 2: "):
        read_records(file, whole_channels=True)


def test_the_longest_line_and_the_longest_text_are_allowed(tmp_path: Path) -> None:
    long = line(text="x" * limits.MESSAGE_BYTES)
    padded = long.ljust(limits.IMPORT_LINE_BYTES - 1)

    assert len(ids(tmp_path, padded, padded)) == 2


def test_line_ends_of_windows_a_byte_order_mark_and_blank_lines_are_allowed(tmp_path: Path) -> None:
    records = imported(tmp_path, b"\xef\xbb\xbf" + line(id="a") + b"\r", b"\r", b"  ", line(id="b"), b"")

    assert [(record.id, record.line) for record in records if isinstance(record, ImportedMessage)] == [
        ("a", 1),
        ("b", 4),
    ]


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
def test_an_empty_file_holds_nothing(tmp_path: Path, content: bytes) -> None:
    assert imported(tmp_path, content) == []


def test_other_line_ends_of_unicode_are_part_of_a_text(tmp_path: Path) -> None:
    said = "one\u2028two\u0085three"

    records = imported(tmp_path, json.dumps({**RECORD, "text": said}, ensure_ascii=False).encode())

    assert [record.text for record in records if isinstance(record, ImportedMessage)] == [said]


class TestDerivedIds:
    def test_they_are_the_same_in_every_import(self, tmp_path: Path) -> None:
        lines = (line(), line(text="other"), line(), line(id="mine"), line())

        assert ids(tmp_path, *lines) == ids(tmp_path, *lines)

    def test_equal_lines_get_different_ones(self, tmp_path: Path) -> None:
        first, given, second, third = ids(tmp_path, line(), line(id="mine"), line(title="x", name="y"), line())

        assert re.fullmatch(r"import:[0-9a-f]{64}", first)
        assert (given, second, third) == ("mine", f"{first}:2", f"{first}:3")

    @pytest.mark.parametrize(
        "change",
        [
            {"thread_id": "t2"},
            {"resource_id": "bob"},
            {"role": "user"},
            {"text": SECRET + " "},
            {"created_at": "2026-03-01T09:30:00.000001Z"},
        ],
    )
    def test_each_part_of_a_message_counts(self, tmp_path: Path, change: dict[str, str]) -> None:
        one, other = ids(tmp_path, line(), line(**change))

        assert one.removesuffix(":2") != other.removesuffix(":2")

    def test_the_parts_cannot_run_into_each_other(self, tmp_path: Path) -> None:
        one, other = ids(tmp_path, line(thread_id="ab", resource_id="c"), line(thread_id="a", resource_id="bc"))

        assert one != other.removesuffix(":2")

    def test_the_same_moment_with_another_offset_is_the_same(self, tmp_path: Path) -> None:
        one, other = ids(tmp_path, line(), line(created_at="2026-03-01T11:30:00+02:00"))

        assert other == f"{one}:2"

    def test_a_given_id_that_looks_derived_is_left_alone(self, tmp_path: Path) -> None:
        derived = ids(tmp_path, line())[0]

        assert ids(tmp_path, line(), line(), line(id=derived)) == [derived, f"{derived}:2", derived]


# What JSON can write and a database can store: any character but halves of pairs.
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
visible = st.characters(exclude_categories=["C", "Z"])
said = st.tuples(words, visible, words).map("".join)
an_id = st.tuples(st.text(visible | st.just(" "), max_size=limits.ID_CHARACTERS - 1), visible).map("".join)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | words
moments = st.datetimes(
    datetime(1, 1, 2),  # noqa: DTZ001 (the strategy adds the zone)
    datetime(9999, 12, 30),  # noqa: DTZ001
    timezones=st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
messages = st.builds(
    ImportedMessage,
    id=an_id,
    thread_id=an_id,
    resource_id=an_id,
    role=st.sampled_from(["user", "assistant"]),
    text=said,
    created_at=moments,
    person_name=words,
    line=st.integers(1),
    metadata=st.dictionaries(words, scalars, max_size=5),
    member=st.just(""),
)


@given(
    message=messages,
    title=words,
    kind=st.sampled_from(["direct", "private", "public"]),
    place_name=words,
    ascii_only=st.booleans(),
)
def test_any_valid_record_survives(
    message: ImportedMessage, title: str, kind: Any, place_name: str, *, ascii_only: bool
) -> None:
    record = {
        "thread_id": message.thread_id,
        "resource_id": message.resource_id,
        "role": message.role,
        "text": message.text,
        "created_at": message.created_at.isoformat(),
        "id": message.id,
        "title": title,
        "name": message.person_name,
        "place": {"kind": kind, "name": place_name},
        "metadata": message.metadata,
    }

    entry = parse_line(json.dumps(record, ensure_ascii=ascii_only).encode(), message.line)

    assert entry.message == message
    assert entry.message.created_at.tzinfo is UTC
    channel = "" if kind == "direct" else place_name.removeprefix("#")
    assert entry.thread == ImportedThread(message.thread_id, message.resource_id, title, kind, place_name, channel)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_by_line(data: bytes) -> None:
    assert outcome(data).startswith("line 17: ")


json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*RECORD, "id", "title", "name", "place", "metadata"]), json_values))
def test_any_values_in_the_fields_are_read_or_refused_by_line(changes: dict[str, Any]) -> None:
    assert outcome(line(**changes)).startswith("line 17: ")


def outcome(data: bytes) -> str:
    """Where the message on line 17 stands, or why it is refused."""
    try:
        return f"{parse_line(data, 17).message.where}: read"
    except ImportFailed as refused:
        return str(refused)
