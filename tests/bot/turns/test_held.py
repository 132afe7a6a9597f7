"""Nothing of a person is kept before she was told what is kept: her messages wait, unread."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection, insert, select, update

from bot.access.scope import Scope
from bot.chat import Attachment
from bot.memory.values import MemoryOptions
from bot.storage.tables import disclosures, held, messages, people, threads
from bot.storage.turn_tables import jobs, posts, turns
from bot.turns.accept_rows import HELD_MESSAGES, release_held
from bot.turns.held_events import as_document, from_document
from bot.turns.held_rows import read_held
from bot.turns.incoming import incoming
from bot.turns.retention import keep_house
from bot.turns.welcome_rows import WELCOME
from bot.turns.working import Bench
from tests.bot.agent.talking import SETTINGS, Playing
from tests.bot.turns.events import NOON, Desk, Moment, channel_thread, deletion, desk, edit_of, message, person

ANA = "local:team:ana"


async def choose(at: Desk, *, keeps: bool = True, version: int = 1, who: str = ANA) -> None:
    scope = Scope("system", 1, ())
    waiting = [incoming(one) for one in await at.store.read(read_held, scope, who)]
    now = at.clock()
    await at.store.write(release_held, scope, who, version, waiting, at.options, now, keeps=keeps)


async def disclose(at: Desk, version: int, **values: object) -> None:
    row = {"workspace_key": 1, "version": version, "supervision": "off", "created_at": NOON} | values
    await at.store.write(lambda connection: connection.execute(insert(disclosures), row) and None)


async def test_a_first_message_waits_and_its_words_stand_nowhere_else(url: str) -> None:
    async with desk(url, disclose=True) as at:
        assert await at.take(message("the purple boat")) == "held"
        assert await at.holds("purple boat") == ["held"]
        assert await at.count(turns) == 0
        assert [row["kind"] for row in await at.rows(jobs)] == [WELCOME]


async def test_what_waited_is_answered_in_its_order_once_she_was_told(url: str) -> None:
    async with desk(url, disclose=True) as at:
        await at.take(message("first", "m1", at=NOON))
        await at.take(message("second", "m2", at=NOON + timedelta(seconds=1)))
        await choose(at)
        assert [row["text"] for row in await at.rows(messages)] == ["first", "second"]
        assert await at.count(held) == 0
        assert len({row["key"] for row in await at.rows(turns)}) == 1
        assert await at.take(message("third", "m3")) == "turn"


async def test_choosing_twice_at_once_answers_once(url: str) -> None:
    async with desk(url, disclose=True) as at:
        await at.take(message("once", "m1"))
        await asyncio.gather(choose(at), choose(at), choose(at))
        assert [row["text"] for row in await at.rows(messages)] == ["once"]
        assert await at.count(turns) == 1


async def close_jobs(at: Desk, *, posted: bool) -> None:
    """As if the jobs so far had been done."""

    def close(connection: Connection) -> None:
        for key in connection.execute(select(jobs.c.key).where(jobs.c.state == "queued")).scalars().all():
            connection.execute(update(jobs).where(jobs.c.key == key).values(state="done", closed_at=at.clock()))
            if posted:
                row = {"workspace_key": 1, "value": f"key {key}", "job_key": key, "part": 0, "state": "finished"}
                connection.execute(insert(posts), row | {"sent_at": at.clock()})

    await at.store.write(close)


async def test_she_is_told_once_a_day_in_each_place(url: str) -> None:
    clock = Moment()
    async with desk(url, clock=clock, disclose=True) as at:
        await at.take(message("a", "m1"))
        await at.take(message("b", "m2"))
        assert await at.count(jobs) == 1
        await at.take(message("c", "m3", where=channel_thread()))
        assert await at.count(jobs) == 2
        await close_jobs(at, posted=True)
        await at.take(message("d", "m4"))
        assert await at.count(jobs) == 2
        clock.move(timedelta(days=1, seconds=1))
        await at.take(message("e", "m5", at=clock.now))
        assert await at.count(jobs) == 3


async def test_what_she_has_not_seen_is_told_her_again(url: str) -> None:
    async with desk(url, disclose=True) as at:
        await at.take(message("a", "m1"))
        await at.take(deletion("m1"))
        # The job found nothing that waits, and posted nothing.
        await close_jobs(at, posted=False)
        await at.take(message("b", "m2"))
        waiting = [row for row in await at.rows(jobs) if row["kind"] == WELCOME and row["state"] == "queued"]
        assert len(waiting) == 1


async def test_a_change_on_the_same_day_is_told_too(url: str) -> None:
    async with desk(url, disclose=True) as at:
        await at.take(message("a", "m1"))
        await close_jobs(at, posted=True)
        await choose(at)
        await disclose(at, 2, supervision="all")
        assert await at.take(message("b", "m2")) == "held"
        assert [row["state"] for row in await at.rows(jobs)] == ["done", "queued"]


async def test_in_one_channel_she_is_told_once_in_a_while(url: str) -> None:
    clock = Moment()
    async with desk(url, clock=clock, disclose=True) as at:
        for number in range(3):
            await at.take(message("a", f"m{number}", where=channel_thread(f"general/{number}")))
            await close_jobs(at, posted=True)
        assert await at.count(jobs) == 1
        clock.move(timedelta(minutes=11))
        await at.take(message("a", "m9", at=clock.now, where=channel_thread("general/9")))
        assert await at.count(jobs) == 2


async def test_what_waited_is_taken_in_whole_however_much_it_is(url: str) -> None:
    async with desk(url, disclose=True, messages_per_minute=3) as at:
        for number in range(6):
            assert await at.take(message(f"x{number}", f"m{number}", at=NOON + timedelta(seconds=number))) == "held"
        await choose(at)
        assert len(await at.column(messages.c.text)) == 6


async def test_an_early_edit_of_somebody_who_was_not_told_is_kept_nowhere(url: str) -> None:
    async with desk(url, disclose=True) as at:
        said = message("the green boat", "m1")
        assert await at.take(edit_of(said, "the purple boat")) == "ignored"
        assert await at.holds("purple boat") == []
        assert await at.take(said) == "held"


async def test_a_repetition_of_what_waits_is_one(url: str) -> None:
    async with desk(url, disclose=True) as at:
        said = message("once", "m1")
        assert await at.take(said) == "held"
        assert await at.take(said) == "repeated"
        assert await at.take(replace(said, delivery_id="again")) == "repeated"
        await choose(at)
        assert await at.take(replace(said, delivery_id="and again")) == "repeated"
        assert await at.count(messages) == 1


async def test_what_is_deleted_while_it_waits_is_never_taken_in(url: str) -> None:
    async with desk(url, disclose=True) as at:
        said = message("the purple boat", "m1")
        await at.take(said)
        await at.take(deletion("m1"))
        assert await at.holds("purple boat") == []
        await choose(at)
        assert await at.take(replace(said, delivery_id="late")) == "repeated"
        assert await at.count(messages) == 0


async def test_an_edit_changes_what_waits_and_nobody_edits_anothers(url: str) -> None:
    async with desk(url, disclose=True) as at:
        said = message("the purple boat", "m1", where=channel_thread())
        await at.take(said)
        await at.take(edit_of(said, "the mauve boat", person=person("eve")))
        assert await at.holds("purple boat") == ["held"]
        await at.take(edit_of(said, "the green boat"))
        assert await at.holds("purple boat") == []
        await choose(at)
        assert [row["text"] for row in await at.rows(messages)] == ["the green boat"]


async def test_what_waits_is_gone_after_a_day(url: str) -> None:
    clock = Moment()
    async with desk(url, clock=clock, disclose=True) as at:
        await at.take(message("the purple boat", "m1"))
        clock.move(timedelta(hours=23))
        await _keep_house(at)
        assert await at.count(held) == 1
        clock.move(timedelta(hours=2))
        await _keep_house(at)
        assert await at.holds("purple boat") == []


async def test_no_more_than_a_few_wait(url: str) -> None:
    async with desk(url, disclose=True) as at:
        outcomes = [await at.take(message("x", f"m{number}")) for number in range(HELD_MESSAGES + 2)]
        assert outcomes == ["held"] * HELD_MESSAGES + ["refused"] * 2
        assert len([row for row in await at.rows(jobs) if row["kind"] == "notice"]) == 1


async def test_whoever_wants_nothing_kept_is_answered_and_marked(url: str) -> None:
    async with desk(url, disclose=True) as at:
        await at.take(message("the purple boat", "m1"))
        await choose(at, keeps=False)
        assert [(row["text"], row["off_record"]) for row in await at.rows(messages)] == [("the purple boat", True)]
        assert [row["title"] for row in await at.rows(threads)] == [""]
        assert await at.take(message("and the next", "m2")) == "turn"
        assert [row["off_record"] for row in await at.rows(messages)] == [True, True]


@pytest.mark.parametrize(
    "words",
    [
        "off the record: my salary",
        "Off the record, my salary",
        "Off-the-record - my salary",
        "**off the record:** my salary",
        "hey @keeper, off  the record: my salary",
        "off the record\nmy salary",
        "off the record my salary",
    ],
)
async def test_a_message_may_be_off_the_record_by_itself(url: str, words: str) -> None:
    async with desk(url) as at:
        await at.take(message(words, "m1"))
        await at.take(message("off the recorded list: what is on it?", "m2"))
        assert [row["off_record"] for row in await at.rows(messages)] == [True, False]


async def test_a_change_that_goes_further_is_told_before_more_is_kept(url: str) -> None:
    async with desk(url, disclose=True) as at:
        await at.take(message("a", "m1"))
        await choose(at)
        await disclose(at, 2, supervision="channels")
        assert await at.take(message("b", "m2")) == "held"
        await choose(at, version=2)
        assert await at.column(messages.c.text) == ["a", "b"]


@pytest.mark.parametrize(
    ("before", "after", "outcome"),
    [
        ({"supervision": "all"}, {"supervision": "channels"}, "turn"),
        ({"supervision": "channels"}, {"supervision": "all"}, "held"),
        ({"retention_days": 90}, {"retention_days": 30}, "turn"),
        ({"retention_days": 90}, {"retention_days": 91}, "held"),
        ({"retention_days": 90}, {"retention_days": 0}, "held"),
        ({"retention_days": 0}, {"retention_days": 90}, "turn"),
        ({"provider": "a.example"}, {"provider": "b.example"}, "held"),
    ],
)
async def test_only_what_goes_beyond_what_she_was_told_is_told_anew(
    url: str, before: dict[str, object], after: dict[str, object], outcome: str
) -> None:
    async with desk(url, disclose=True) as at:
        await at.take(message("a", "m1"))
        await disclose(at, 2, **before)
        await choose(at, version=2)
        await disclose(at, 3, **after)
        assert await at.take(message("b", "m2")) == outcome


async def test_whoever_was_never_told_waits_though_she_is_known(url: str) -> None:
    async with desk(url, disclose=False) as at:
        await at.take(message("a", "m1"))
    async with desk(url, disclose=True) as at:
        assert await at.take(message("b", "m2")) == "held"
        await at.store.write(lambda connection: connection.execute(update(people).values(told_version=1)) and None)
        assert await at.take(message("c", "m3")) == "turn"


def test_a_message_survives_being_written_down() -> None:
    said = message(
        "ö",
        "m1",
        where=channel_thread(),
        aliases=("a", "b"),
        attachments=(Attachment("n", "text/plain", 3, "r"),),
        replies_to="m0",
    )
    assert from_document(as_document(said)) == said


async def _keep_house(at: Desk) -> None:
    async def progress(_words: str) -> None: ...

    bench = Bench(at.store, Playing(), SETTINGS, MemoryOptions(), at.options, at.clock)
    await keep_house(bench, None, progress)  # type: ignore[arg-type] # it asks nothing of its job
