"""What no database takes, what is too long, and clocks that are wrong: taken in, or told; never tried for ever."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from bot.chat import Attachment, Event, Feedback, PersonChanged, PlaceChanged
from bot.limits import ID_CHARACTERS, MESSAGE_BYTES
from bot.storage.tables import messages, people, threads
from bot.storage.turn_tables import deliveries_in, jobs, places
from bot.turns.notices import CUT
from tests.bot.agent.talking import Playing, saying
from tests.bot.turns.events import (
    NOON,
    channel_thread,
    deletion,
    desk,
    edit_of,
    every_event,
    message,
    new_delivery,
    person,
    place,
)
from tests.bot.turns.team import running

BAD_IDS = ["", " ", "a\0b", "\ud800", "a\nb", "x" * (ID_CHARACTERS + 1)]
LONG = "word " * (MESSAGE_BYTES // 5 + 1)


def with_bad_ids(bad: str) -> list[Event]:
    said = message("secret words")
    found: list[Event] = [
        *(replace(one, delivery_id=bad) for one in every_event()),
        replace(said, utterance_id=bad),
        replace(said, aliases=("x", bad)),
        replace(said, person=replace(said.person, resource_id=bad)),
        replace(said, place=replace(said.place, place_id=bad)),
        replace(said, person=person(workspace=bad), place=place(workspace=bad)),
        edit_of(said, "secret words", utterance_id=bad),
        deletion("m1", bad),
        deletion("m1", workspace=bad),
        *(replace(one, post_id=bad) for one in every_event() if isinstance(one, Feedback)),
    ]
    return found if not bad else [*found, replace(said, replies_to=bad)]


@pytest.mark.parametrize("bad", BAD_IDS, ids=["empty", "blank", "nul", "surrogate", "newline", "long"])
async def test_an_id_that_can_be_none_is_passed_over_without_its_words(url: str, bad: str) -> None:
    async with desk(url) as taken:
        with capture_logs() as logs:
            for event in with_bad_ids(bad):
                assert await taken.take(event) == "ignored", event
        assert await taken.count(messages) == await taken.count(deliveries_in) == 0
        assert len([one for one in logs if "parameter" in one]) == len(with_bad_ids(bad))
        assert "secret" not in str(logs)


async def test_ids_of_the_greatest_length_are_taken(url: str) -> None:
    longest = "x" * ID_CHARACTERS
    where = place("p" * (ID_CHARACTERS - 12))
    async with desk(url) as taken:
        said = message(
            "hello",
            longest,
            delivery_id=longest,
            who=replace(person(), resource_id=longest),
            where=where,
            aliases=("y" * ID_CHARACTERS,),
        )
        assert await taken.take(said) == "turn"
        assert await taken.take(said) == "repeated"
        too_long = replace(where, place_id=where.place_id + "x")
        assert await taken.take(message("hello", "m2", where=too_long)) == "ignored"


async def test_an_event_whose_person_and_place_are_of_two_workspaces_is_passed_over(url: str) -> None:
    async with desk(url) as taken:
        assert await taken.take(message(who=person(workspace="local:other"))) == "ignored"
        assert await taken.count(places) == 0


async def test_text_and_names_that_no_database_takes_are_cleaned(url: str) -> None:
    who = replace(person(), name="A\0na \ud800" + "x" * 500)
    where = replace(channel_thread(), name="#gen\0eral", address={"channel": "a\0b", "root": "\udfff"})
    async with desk(url) as taken:
        assert await taken.take(message("a\0b \ud800 c", who=who, where=where)) == "turn"
        assert await taken.column(messages.c.text) == ["a\ufffdb \ufffd c"]
        assert await taken.column(people.c.name) == [("A\ufffdna \ufffd" + "x" * 500)[:200]]
        assert await taken.column(places.c.address) == [{"channel": "a\ufffdb", "root": "\ufffd"}]
        await taken.take(edit_of(message("", where=where), "\0"))
        await taken.take(PlaceChanged(delivery_id=new_delivery(), place=replace(where, name="\ud800")))
        await taken.take(PersonChanged(delivery_id=new_delivery(), person=replace(who, name="\0")))
        assert await taken.column(messages.c.text) == ["\ufffd"]
        assert await taken.column(threads.c.place_name) == ["\ufffd"]
        assert await taken.column(people.c.name) == ["\ufffd"]


async def test_a_text_of_the_greatest_length_is_taken_and_a_longer_one_is_told(url: str) -> None:
    async with desk(url) as taken:
        assert await taken.take(message(LONG[:MESSAGE_BYTES])) == "turn"
        with capture_logs() as logs:
            assert await taken.take(message(LONG, "m2")) == "refused"
            assert await taken.take(message(LONG, "m3")) == "refused"
        assert await taken.count(messages) == 1
        assert await taken.column(jobs.c.report) == [
            "Your message is longer than the 1,048,576 bytes that I can take. Please send it in parts."
        ]
        assert "word" not in str(logs)


async def test_too_much_attached_is_told(url: str) -> None:
    files = tuple(Attachment("x" * 1_000, "text/plain", 1, "y" * 1_000) for _ in range(40))
    async with desk(url) as taken:
        said = message("look", attachments=files)
        assert await taken.take(said) == "refused"
        assert await taken.take(said) == "repeated"
        assert await taken.count(jobs) == 1


async def test_a_long_message_for_somebody_else_is_told_nothing(url: str) -> None:
    async with desk(url) as taken:
        assert await taken.take(message(LONG, where=channel_thread(), addressing="channel")) == "ignored"
        assert await taken.take(message(LONG, where=channel_thread(), addressing="thread")) == "ignored"
        assert await taken.count(jobs) == 0


@pytest.mark.parametrize("letter", ["w", "\u00e9", "\U0001f600"])
@pytest.mark.parametrize("edit_first", [False, True])
async def test_an_edit_that_is_too_long_is_cut_and_the_words_before_it_are_gone(
    url: str, letter: str, *, edit_first: bool
) -> None:
    said = message("the kettle")
    events: list[Event] = [said, edit_of(said, LONG.replace("w", letter) * 2)]
    async with desk(url) as taken:
        for event in reversed(events) if edit_first else events:
            await taken.take(event)
        (text,) = await taken.column(messages.c.text)
        assert text.startswith(f"{letter}ord ")
        assert text.endswith(CUT)
        assert MESSAGE_BYTES - 4 < len(text.encode()) <= MESSAGE_BYTES
        assert await taken.holds("kettle") == []


async def test_an_edit_that_is_too_long_marks_the_answer_like_any_other(url: str) -> None:
    async with running(url, Playing(saying("In the bay."))) as team:
        said = await team.say("ana", "Where is the boat?")
        await team.quiet()
        await team.serving.app.receive(
            edit_of(
                message(utterance_id=said, who=person(workspace="local:team"), where=place()),
                LONG,
                datetime.now(UTC) + timedelta(seconds=30),
            )
        )
        page = await (await team.view("ana")).list_messages_by_resource_id(team.person("ana"))
        question, answer = page.items
        assert question.text.endswith(CUT)
        assert "source_changed_at" in answer.metadata


async def test_who_wrote_too_much_reads_so(url: str) -> None:
    async with running(url, Playing(saying("Yes."))) as team:
        await team.serving.app.receive(
            message(LONG, where=replace(place("@ana"), address={"channel": "@ana", "root": ""}))
        )
        await team.quiet()
        assert [one[:22] for one in await team.answers("ana")] == ["Your message is longer"]


@pytest.mark.parametrize(
    ("sent_at", "stored"),
    [
        (datetime(9999, 12, 31, 23, 59, tzinfo=UTC), NOON),
        (NOON + timedelta(minutes=2), NOON),
        (NOON + timedelta(seconds=30), NOON + timedelta(seconds=30)),
        (datetime(1, 1, 1, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)),
    ],
    ids=["year 9999", "two minutes", "thirty seconds", "year 1"],
)
async def test_a_clock_that_is_wrong_puts_nothing_behind_all_that_follows(url: str, sent_at: Any, stored: Any) -> None:
    async with desk(url) as taken:
        assert await taken.take(message(at=sent_at)) == "turn"
        assert await taken.column(messages.c.sent_at) == [stored]
        await taken.take(message("later", "m2", at=NOON + timedelta(seconds=31)))
        page = await (await taken.view()).recall("@ana")
        assert [one.id for one in page.items] == ["m1", "m2"]


async def test_a_time_without_a_zone_is_passed_over(url: str) -> None:
    naive = datetime(2026, 11, 22, 12, 0)  # noqa: DTZ001 (that is the point)
    async with desk(url) as taken:
        assert await taken.take(message(at=naive)) == "ignored"
        assert await taken.take(edit_of(message(), "x", naive)) == "ignored"
