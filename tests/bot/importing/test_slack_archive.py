"""Hostile and broken archives: refused by name, never unpacked to disk, never larger in memory than allowed."""

import json
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot import limits
from bot.errors import BotError, ImportFailed
from bot.importing.records import ImportedMessage
from bot.importing.select import Import, read_records
from tests.bot.importing.exports import ADA, BARE, BOT, USERS, said, write_export

DAY = "general/2026-03-01.json"
SECRET = "the-words-of-somebody"


def read(path: Path) -> Import:
    return read_records(path, whole_channels=True, bot_user=BOT)


def refusal(path: Path) -> str:
    with pytest.raises(ImportFailed) as refused:
        read(path)
    assert SECRET not in str(refused.value)
    return str(refused.value)


WRONG_MESSAGES = {
    "a string": ("hello", "item 2 is not an object"),
    "no ts": ({"type": "message", "user": ADA, "text": SECRET}, '"ts" is missing'),
    "a ts as a number": ({"type": "message", "user": ADA, "text": SECRET, "ts": 1.5}, '"ts" must be a string'),
    "a ts without microseconds": (said(ADA, "1", SECRET), '"ts" is no time of Slack'),
    "a ts in other digits": (said(ADA, "\u0661.000001", SECRET), '"ts" is no time of Slack'),
    "a ts after all times": (said(ADA, "999999999999.000001", SECRET), '"ts" is no time of Slack'),
    "a wrong thread": (said(ADA, "1.000001", SECRET, thread="yesterday"), '"thread_ts" is no time of Slack'),
    "a text as a list": (said(ADA, "1.000001", [SECRET]), '"text" must be a string'),  # type: ignore[arg-type]
    "half a character": (said(ADA, "1.000001", "\ud83d"), '"text" holds half of a surrogate pair'),
    "a text too long": (said(ADA, "1.000001", "x" * (limits.MESSAGE_BYTES + 1)), '"text" is longer than'),
    "a user with a colon": (said("U1:x", "1.000001", SECRET), '"user" is no id of Slack'),
}


@pytest.mark.parametrize("wrong", WRONG_MESSAGES)
def test_a_wrong_message_is_refused_with_its_member_and_number(tmp_path: Path, wrong: str) -> None:
    broken, sentence = WRONG_MESSAGES[wrong]

    message = refusal(write_export(tmp_path, {**BARE, DAY: [said(ADA, "1.000001"), broken]}))

    assert message.startswith((f"{DAY}, message 2: ", f"{DAY}: item 2 "))
    assert sentence in message


def test_the_documents_refusal_is_ours(tmp_path: Path) -> None:
    document = Path(__file__).parents[3] / "docs" / "import.md"
    day = [said(ADA, "1.000001"), said(ADA, "2.000001"), said(ADA, "2026-03-01")]

    message = refusal(write_export(tmp_path, {**BARE, DAY: day}))

    assert f"      {message}\n" in document.read_text(encoding="utf-8")


@pytest.mark.parametrize("member", ["users.json", "channels.json", "groups.json", "mpims.json", "dms.json", DAY])
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b'[{"text": "the-words-of-somebody', "not JSON"),
        (b"", "not JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b'{"a": 1}', "not a list"),
        (b"[1]", "item 1 is not an object"),
        (b"[" * 100_000, "nested too deeply"),
        (b'[{"id": NaN}]', "NaN is no JSON number"),
    ],
)
def test_a_broken_member_is_named(tmp_path: Path, member: str, content: bytes, sentence: str) -> None:
    message = refusal(write_export(tmp_path, {**BARE, member: content}))

    assert message.startswith(f"{member}: ")
    assert sentence in message


@pytest.mark.parametrize("member", ["users.json", "channels.json"])
def test_a_missing_list_is_named(tmp_path: Path, member: str) -> None:
    path = write_export(tmp_path, {name: content for name, content in BARE.items() if name != member})

    assert refusal(path) == f"{member}: missing; a Slack export has it at the top of its archive"


@pytest.mark.parametrize(
    ("member", "record"), [("users.json", {}), ("channels.json", {"id": "C:1"}), ("dms.json", {"id": 5})]
)
def test_a_wrong_item_of_a_list_is_named(tmp_path: Path, member: str, record: dict[str, Any]) -> None:
    assert refusal(write_export(tmp_path, {**BARE, member: [record]})).startswith(f"{member}, item 1: ")


class TestBombs:
    def test_a_member_that_declares_too_much_is_not_unpacked(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = write_export(tmp_path, {**BARE, DAY: b" " * 1_000_000 + b"[]"})
        assert path.stat().st_size < 10_000
        monkeypatch.setattr(limits, "IMPORT_MEMBER_BYTES", 1_000_001)

        assert refusal(path) == f"{DAY}: larger than 1000001 bytes; export a shorter time"

    def test_a_member_of_exactly_the_limit_is_read(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = write_export(tmp_path, {**BARE, DAY: b" " * 1_000_000 + b"[]"})
        monkeypatch.setattr(limits, "IMPORT_MEMBER_BYTES", 1_000_002)

        assert list(read(path)) == []

    def test_a_member_that_unpacks_to_more_than_it_declares_is_refused(self, tmp_path: Path) -> None:
        content = json.dumps([said(ADA, "1.000001", SECRET)]).encode() + b" " * 1_000_000
        path = write_export(tmp_path, {**BARE, DAY: content})
        size = len(content).to_bytes(4, "little")
        path.write_bytes(path.read_bytes().replace(size, (100).to_bytes(4, "little")))

        assert refusal(path).startswith(f"{DAY}: damaged or encrypted")

    def test_what_is_read_is_bounded_even_where_zipfile_is_not(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = write_export(tmp_path, {**BARE, DAY: b" " * 10_000 + b"[]"})
        asked: list[int] = []

        def read_on(_file: zipfile.ZipExtFile, size: int) -> bytes:
            asked.append(size)
            return b" " * size

        monkeypatch.setattr(zipfile.ZipExtFile, "read", read_on)

        assert "larger than" in refusal(path)
        assert asked == [limits.IMPORT_MEMBER_BYTES + 1]

    @pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    def test_other_compressions_are_refused(self, tmp_path: Path, compression: int) -> None:
        assert "packed in a way that Slack does not use" in refusal(write_export(tmp_path, BARE, compression))


def test_names_that_climb_out_of_the_archive_harm_nothing(tmp_path: Path) -> None:
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    hostile = [said(ADA, "1.000001", SECRET)]
    path = write_export(
        inside,
        {
            **BARE,
            "channels.json": [{"id": "C1", "name": "../.."}, {"id": "C2", "name": "/etc"}, {"id": "C3", "name": ""}],
            "../../2026-03-01.json": hostile,
            "/etc/2026-03-01.json": hostile,
            "2026-03-01.json": hostile,
            "general/../../2026-03-01.json": hostile,
        },
    )

    found = read(path)

    assert {record.thread_id for record in found if isinstance(record, ImportedMessage)} <= {
        "slack:T1:C1:1.000001",
        "slack:T1:C2:1.000001",
    }
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [path]


def test_names_that_a_terminal_obeys_are_shown_without_effect(tmp_path: Path) -> None:
    channels = [{"id": "C1", "name": "\x1b[2J"}]

    message = refusal(write_export(tmp_path, {**BARE, "channels.json": channels, "\x1b[2J/2026-03-01.json": b"{"}))

    assert message.startswith("?[2J/2026-03-01.json: not JSON")


def test_other_members_are_never_opened(tmp_path: Path) -> None:
    members = {
        "general/canvas.json": b"{",
        "integration_logs.json": b"{",
        "unlisted/2026-03-01.json": b"{",
        "general/": b"",
    }

    assert list(read(write_export(tmp_path, {**BARE, **members}))) == []


def test_an_encrypted_archive_is_refused(tmp_path: Path) -> None:
    path = write_export(tmp_path, BARE)
    data = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(signature)
        data[at + flags] |= 1
    path.write_bytes(data)

    assert refusal(path).startswith("users.json: damaged or encrypted")


def test_a_truncated_archive_is_refused(tmp_path: Path) -> None:
    path = write_export(tmp_path, BARE)
    path.write_bytes(path.read_bytes()[:-30])

    assert "no sound zip archive" in refusal(path)


def test_an_empty_archive_lacks_its_lists(tmp_path: Path) -> None:
    assert refusal(write_export(tmp_path, {})).startswith("users.json: missing")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(data=st.data())
def test_a_damaged_archive_is_read_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    path = write_export(tmp_path, {**BARE, DAY: [said(ADA, "1.000001")]})
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(4, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)

    with suppress(BotError):  # anything else would be a bug
        list(read(path))


def test_names_of_people_that_cannot_be_stored_are_passed_over(tmp_path: Path) -> None:
    users = [{"id": ADA, "name": "ada", "profile": {"display_name": "\ud83d", "real_name": "A" * 300}}, *USERS[1:]]
    path = write_export(tmp_path, {**BARE, "users.json": users, DAY: [said(ADA, "1.000001")]})

    names = [record.person_name for record in read(path) if isinstance(record, ImportedMessage)]

    assert names == ["A" * limits.TITLE_CHARACTERS]
