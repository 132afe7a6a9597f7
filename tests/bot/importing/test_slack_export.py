"""Slack exports: who said what to whom, in which thread, and when exactly."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import InvalidArgument
from bot.importing.records import ImportedMessage, ImportedThread
from bot.importing.select import Import, read_records
from bot.importing.slack_export import moment
from tests.bot.importing.exports import ADA, BARE, BOT, GRACE, OTHER_BOT, USERS, said, write_export

DAY = "general/2026-03-01.json"
NEXT_DAY = "general/2026-03-02.json"


def read(folder: Path, members: dict[str, Any], *, whole_channels: bool = True, team: str | None = None) -> Import:
    path = write_export(folder, {**BARE, **members})
    return read_records(path, whole_channels=whole_channels, bot_user=BOT, team=team)


def messages(found: Import) -> list[ImportedMessage]:
    return [record for record in found if isinstance(record, ImportedMessage)]


def threads(found: Import) -> list[ImportedThread]:
    return [record for record in found if isinstance(record, ImportedThread)]


def brief(found: Import) -> list[tuple[str, str, str]]:
    return [(message.role, message.resource_id, message.text) for message in messages(found)]


def test_a_dialogue_in_a_channel(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        {
            DAY: [
                said(ADA, "1772357400.000100", f"<@{BOT}> hi &amp; hello"),
                said(BOT, "1772357401.000200", "hello", thread="1772357400.000100", bot_id="BBOT"),
            ]
        },
        whole_channels=False,
    )

    assert list(found) == [
        ImportedThread("slack:T1:C1:1772357400.000100", "slack:T1:UADA", "", "public", "#general", "slack:T1:C1"),
        ImportedMessage(
            id="slack:T1:C1:1772357400.000100",
            thread_id="slack:T1:C1:1772357400.000100",
            resource_id="slack:T1:UADA",
            role="user",
            text="<@UBOT> hi &amp; hello",
            created_at=datetime(2026, 3, 1, 9, 30, 0, 100, tzinfo=UTC),
            person_name="Ada",
            line=1,
            member=DAY,
        ),
        ImportedMessage(
            id="slack:T1:C1:1772357401.000200",
            thread_id="slack:T1:C1:1772357400.000100",
            resource_id="slack:T1:UADA",
            role="assistant",
            text="hello",
            created_at=datetime(2026, 3, 1, 9, 30, 1, 200, tzinfo=UTC),
            person_name="Ada",
            line=2,
            member=DAY,
        ),
    ]


def test_replies_on_later_days_belong_to_their_roots_thread(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        {
            # The later day stands first in the archive.
            NEXT_DAY: [said(BOT, "3.000001", "third", thread="1.000001"), said(ADA, "4.000001", "a root of its own")],
            DAY: [said(ADA, "1.000001", "first"), said(GRACE, "2.000001", "second", thread="1.000001")],
        },
        whole_channels=False,
    )

    assert [message.text for message in messages(found)] == ["first", "second", "third"]
    assert {message.thread_id for message in messages(found)} == {"slack:T1:C1:1.000001"}
    assert (found.left_out.messages, found.left_out.threads) == (1, 1)


def test_a_day_is_read_in_the_order_of_time(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        {DAY: [said(ADA, "10.000000", "later"), said(ADA, "9.000009", "then"), said(ADA, "9.000001", "first")]},
    )

    assert [(message.text, message.where) for message in messages(found)] == [
        ("first", f"{DAY}, message 3"),
        ("then", f"{DAY}, message 2"),
        ("later", f"{DAY}, message 1"),
    ]


def test_the_bot_answers_the_last_person_who_spoke_in_the_thread(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        {
            DAY: [
                said(ADA, "1.000001", "ada asks"),
                said(GRACE, "2.000001", "grace asks", thread="1.000001"),
                said(ADA, "3.000001", "elsewhere"),
                said(BOT, "4.000001", "to grace", thread="1.000001"),
                said(ADA, "5.000001", "ada again", thread="1.000001"),
            ],
            NEXT_DAY: [said(BOT, "6.000001", "to ada", thread="1.000001")],
        },
        whole_channels=False,
    )

    assert brief(found) == [
        ("user", "slack:T1:UADA", "ada asks"),
        ("user", "slack:T1:UGRACE", "grace asks"),
        ("assistant", "slack:T1:UGRACE", "to grace"),
        ("user", "slack:T1:UADA", "ada again"),
        ("assistant", "slack:T1:UADA", "to ada"),
    ]
    assert [thread.owner for thread in threads(found)] == ["slack:T1:UADA"]
    assert [message.person_name for message in messages(found)][1] == "Grace Hopper"


def test_what_the_bot_says_first_belongs_to_who_answers(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        {
            DAY: [said(BOT, "1.000001", "good morning"), said(BOT, "2.000001", "nobody answers this")],
            NEXT_DAY: [said(GRACE, "3.000001", "morning", thread="1.000001")],
        },
    )

    assert brief(found) == [
        ("assistant", "slack:T1:UGRACE", "good morning"),
        ("user", "slack:T1:UGRACE", "morning"),
    ]
    assert [thread.owner for thread in threads(found)] == ["slack:T1:UGRACE"]


def test_a_direct_message_is_one_thread(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        {
            "dms.json": [{"id": "D1", "members": [ADA, BOT]}, {"id": "D2", "members": [GRACE, BOT]}],
            "D1/2026-03-01.json": [said(BOT, "1.000001", "welcome"), said(ADA, "2.000001", "hi")],
            "D1/2026-03-02.json": [
                said(BOT, "3.000001", "hello"),
                said(BOT, "4.000001", "reply", thread="2.000001"),
            ],
        },
        whole_channels=False,
    )

    assert threads(found) == [ImportedThread("slack:T1:D1", "slack:T1:UADA", "", "direct", "")]
    assert [message.role for message in messages(found)] == ["assistant", "user", "assistant", "assistant"]
    assert {message.thread_id for message in messages(found)} == {"slack:T1:D1"}


def test_groups_are_private(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        {
            "groups.json": [{"id": "G1", "name": "board"}],
            "mpims.json": [{"id": "G2", "name": "mpdm-ada--grace-1"}],
            "board/2026-03-01.json": [said(ADA, "1.000001")],
            "mpdm-ada--grace-1/2026-03-01.json": [said(ADA, "1.000001")],
        },
    )

    assert {(thread.id, thread.place_kind, thread.place_name) for thread in threads(found)} == {
        ("slack:T1:G1:1.000001", "private", "#board"),
        ("slack:T1:G2:1.000001", "private", "mpdm-ada--grace-1"),
    }


@pytest.mark.parametrize("public", [{"id": "G1", "name": "other"}, {"id": "C9", "name": "board"}])
def test_the_more_private_of_two_lists_holds(tmp_path: Path, public: dict[str, str]) -> None:
    found = read(
        tmp_path,
        {
            "channels.json": [public],
            "groups.json": [{"id": "G1", "name": "board"}],
            "board/2026-03-01.json": [said(ADA, "1.000001")],
        },
    )

    assert [(thread.id, thread.place_kind) for thread in threads(found)] == [("slack:T1:G1:1.000001", "private")]


@pytest.mark.parametrize(
    "post",
    [
        said(BOT, "2.000001"),
        said(BOT, "2.000001", bot_id="BBOT", subtype="thread_broadcast"),
        {"type": "message", "subtype": "bot_message", "bot_id": "BBOT", "ts": "2.000001", "text": "hello"},
        said("UUNKNOWN", "2.000001", bot_id="B7", bot_profile={"id": "B7", "user_id": BOT}),
    ],
)
def test_the_bot_is_known_by_each_of_its_ids(tmp_path: Path, post: dict[str, Any]) -> None:
    found = read(tmp_path, {DAY: [said(ADA, "1.000001"), {**post, "thread_ts": "1.000001"}]})

    assert [message.role for message in messages(found)] == ["user", "assistant"]


@pytest.mark.parametrize(
    "notice",
    [
        said(OTHER_BOT, "2.000001"),
        said("USLACKBOT", "2.000001"),
        said(ADA, "2.000001", bot_id="BOTHER"),
        said(ADA, "2.000001", subtype="channel_join"),
        said(BOT, "2.000001", subtype="channel_join"),
        said(ADA, "2.000001", subtype="channel_leave"),
        said(ADA, "2.000001", subtype="tombstone"),
        said(ADA, "2.000001", subtype=["unheard", "of"]),
        said(ADA, "2.000001", subtype="bot_message"),
        said(ADA, "2.000001", type="event"),
        said(ADA, "2.000001", "", subtype="file_share"),
        said(ADA, "2.000001", " \n"),
        {"type": "message", "ts": "2.000001", "text": "nobody's"},
        {"type": "message", "user": None, "ts": "2.000001", "text": "nobody's"},
        {"type": "message", "user": ["U1"], "ts": "2.000001", "text": "nobody's"},
        {"type": "message", "user": ADA, "ts": "2.000001", "text": None},
        {"type": "message", "subtype": "bot_message", "bot_id": "BOTHER", "ts": "2.000001", "text": "rain"},
        {},
    ],
)
def test_other_bots_and_notices_are_dropped(tmp_path: Path, notice: dict[str, Any]) -> None:
    found = read(tmp_path, {DAY: [said(ADA, "1.000001"), notice]})

    assert [message.id for message in messages(found)] == ["slack:T1:C1:1.000001"]
    assert (found.messages, found.left_out.messages) == (1, 0)


@pytest.mark.parametrize("subtype", ["thread_broadcast", "file_share", "me_message"])
def test_what_people_say_in_another_form_is_kept(tmp_path: Path, subtype: str) -> None:
    found = read(tmp_path, {DAY: [said(ADA, "1.000001", subtype=subtype)]})

    assert len(messages(found)) == 1


def test_a_stranger_is_a_person_without_a_name(tmp_path: Path) -> None:
    found = read(tmp_path, {DAY: [said("UFAR", "1.000001", team="T9")]})

    assert [(message.resource_id, message.person_name) for message in messages(found)] == [("slack:T1:UFAR", "")]


class TestTheWorkspace:
    def test_a_given_one_holds(self, tmp_path: Path) -> None:
        found = read(tmp_path, {DAY: [said(ADA, "1.000001")]}, team="T7")

        assert messages(found)[0].id == "slack:T7:C1:1.000001"

    def test_it_is_the_bots_and_not_an_outsiders(self, tmp_path: Path) -> None:
        users = [{"id": "UFAR", "team_id": "T9"}, *USERS]

        found = read(tmp_path, {"users.json": users, DAY: [said(ADA, "1.000001")]})

        assert messages(found)[0].resource_id == "slack:T1:UADA"

    @pytest.mark.parametrize("teams", [[], ["T8", "T9"]])
    def test_it_must_be_said_where_the_export_does_not(self, tmp_path: Path, teams: list[str]) -> None:
        users = [{"id": BOT}, *({"id": f"U{team}", "team_id": team} for team in teams)]

        with pytest.raises(InvalidArgument) as refused:
            read(tmp_path, {"users.json": users})

        assert refused.value.parameter == "team"

    def test_the_only_one_in_the_export_will_do(self, tmp_path: Path) -> None:
        users = [{"id": BOT}, {"id": ADA, "team_id": "T8"}]

        found = read(tmp_path, {"users.json": users, DAY: [said(ADA, "1.000001")]})

        assert messages(found)[0].resource_id == "slack:T8:UADA"

    @pytest.mark.parametrize("team", ["", "T1:C1", "T 1"])
    def test_a_malformed_one_is_refused(self, tmp_path: Path, team: str) -> None:
        with pytest.raises(InvalidArgument, match="no workspace of Slack"):
            read(tmp_path, {}, team=team)


def test_the_bot_must_be_named_and_known(tmp_path: Path) -> None:
    path = write_export(tmp_path, BARE)

    for bot_user in (None, "keeper", ""):
        with pytest.raises(InvalidArgument) as refused:
            read_records(path, whole_channels=False, bot_user=bot_user)
        assert refused.value.parameter == "bot_user"


@given(seconds=st.integers(0, 99_999_999_999), microseconds=st.integers(0, 999_999))
def test_times_are_exact(seconds: int, microseconds: int) -> None:
    since = moment(f"{seconds}.{microseconds:06}") - datetime(1970, 1, 1, tzinfo=UTC)

    assert (since.days * 86_400 + since.seconds, since.microseconds) == (seconds, microseconds)
