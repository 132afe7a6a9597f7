"""What was kept long enough goes, with all that rests on it; what is young, imported or owed stays."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, text, update

from bot.access.disclosure import Operator
from bot.access.scope import Scope
from bot.access.settings_rows import change_settings
from bot.memory.values import MemoryOptions, NewMessage
from bot.storage.store import Store
from bot.storage.tables import fact_sources, facts, messages, threads
from bot.storage.turn_tables import (
    deliveries_in,
    jobs,
    pending_changes,
    places,
    posts,
    turn_messages,
    turns,
    utterances,
)
from bot.turns import retention
from bot.turns.job_rows import NewJob, queue_job
from bot.turns.retention import HOUSEKEEPING, keep_house, sweep_messages
from bot.turns.turn_rows import claim_turn, finish_turn
from bot.turns.working import Bench
from tests.bot.agent.talking import SETTINGS, Playing
from tests.bot.turns.events import (
    NOON,
    UNLIMITED,
    Desk,
    Moment,
    channel_thread,
    deletion,
    desk,
    message,
    person,
    place,
)
from tests.bot.turns.team import running

DAY = timedelta(days=1)


async def close(taken: Desk) -> None:
    turn = await taken.store.write(claim_turn, "a process", ["local"], [], taken.options, taken.clock())
    assert turn is not None
    await taken.store.write(finish_turn, turn, "answered", "", f"after {turn.id}", taken.clock())


async def sweep(taken: Desk, **options: Any) -> None:
    async def progress(_words: str) -> None:
        return

    chosen = replace(taken.options, **options)
    bench = Bench(taken.store, Playing(), SETTINGS, MemoryOptions(), chosen, taken.clock)
    await keep_house(bench, None, progress)  # type: ignore[arg-type] # it asks nothing of its job


async def ids(taken: Desk) -> list[str]:
    return sorted(await taken.column(messages.c.id))


def indexed(connection: Connection) -> int:
    return int(connection.execute(text("SELECT count(*) FROM message_search")).scalar_one())


async def test_old_messages_go_with_all_that_rests_on_them(url: str) -> None:
    clock = Moment()

    def know(connection: Connection) -> None:
        for key, ground in ((1, (1,)), (2, (1, 2))):
            fact = {"key": key, "workspace_key": 1, "resource_key": 1, "id": f"f{key}", "text": "has a kettle"}
            connection.execute(insert(facts), fact | {"created_at": NOON, "updated_at": NOON})
            connection.execute(insert(fact_sources), [{"fact_key": key, "message_key": one} for one in ground])

    async with desk(url, clock=clock) as taken:
        await taken.take(message("the kettle"))
        await close(taken)
        clock.move(50 * DAY)
        await taken.take(message("the boat", "m2", at=clock.now))
        await close(taken)
        await taken.store.write(know)
        clock.move(40 * DAY)
        await sweep(taken)
        assert await ids(taken) == ["m1", "m2"]  # not yet
        clock.move(timedelta(seconds=1))
        await sweep(taken)

        assert await ids(taken) == ["m2"]
        assert await taken.column(facts.c.id) == ["f2"]
        assert await taken.store.read(indexed) == 1
        (thread,) = await taken.rows(threads)
        assert (thread["message_count"], thread["title"]) == (1, "")
        assert (await (await taken.view()).search_messages("kettle")).total == 0
        assert await taken.column(turns.c.id) == (await taken.column(turns.c.id))[-1:]


async def test_a_workspace_that_chose_a_shorter_time_keeps_no_longer_and_others_do(url: str) -> None:
    clock, operator = Moment(), Operator("Keeper", "Acme", "models.example", 0)

    def choose(connection: Connection, days: int | None) -> None:
        change_settings(connection, Scope("system", 1, ()), {"retention_days": days}, operator, None, clock.now)

    async with desk(url, clock=clock) as taken:
        await taken.take(message("here", "m1"))
        await close(taken)
        other = "local:other"
        await taken.take(message("elsewhere", "m2", who=person("ben", other), where=place("@ben", workspace=other)))
        await close(taken)
        for days, kept in ((None, ["m1", "m2"]), (120, ["m1", "m2"]), (7, ["m2"])):
            await taken.store.write(choose, days)
            clock.move(8 * DAY)
            await sweep(taken)
            assert await ids(taken) == kept
        await taken.take(message("here again", "m3", at=clock.now))
        await close(taken)
        clock.move(8 * DAY)
        await sweep(taken, retention=None)
        assert await ids(taken) == ["m2"], "also where the operator keeps for ever"
        clock.move(70 * DAY)
        await sweep(taken)
        assert await ids(taken) == []


async def test_empty_threads_go_and_their_places_begin_anew(url: str) -> None:
    clock = Moment()
    async with desk(url, clock=clock) as taken:
        await taken.take(message("the kettle"))
        await close(taken)
        clock.move(91 * DAY)
        await sweep(taken)
        for table in (messages, threads, turns, turn_messages, utterances, deliveries_in, posts):
            assert await taken.count(table) == 0, table.name
        assert await taken.holds("kettle") == []
        assert await taken.count(places) == 0
        assert await taken.take(message("back again", "m2", at=clock.now)) == "turn"
        assert await taken.column(threads.c.id) == ["@ana"]


async def test_places_in_which_nothing_goes_on_go_and_the_others_stay(url: str) -> None:
    clock = Moment()

    def leave_alone(connection: Connection) -> None:
        row = {"workspace_key": 1, "kind": "public", "name": "", "within": "", "address": {}}
        connection.execute(
            insert(places),
            [
                row | {"id": "mentioned", "created_at": NOON},
                row | {"id": "reported", "created_at": NOON},
                row | {"id": "young", "created_at": NOON + timedelta(seconds=1)},
            ],
        )
        reported = connection.execute(select(places.c.key).where(places.c.id == "reported")).scalar_one()
        queue_job(connection, NewJob("j1", "export", {}, workspace_key=1, place_key=reported), NOON)

    async with desk(url, clock=clock) as taken:
        await taken.take(message())
        await taken.store.write(leave_alone)
        clock.move(90 * DAY)
        await sweep(taken)
        assert await taken.count(places) == 4
        clock.move(timedelta(seconds=1))
        await sweep(taken)
        assert sorted(await taken.column(places.c.id)) == ["@ana", "reported", "young"]
        await sweep(taken, retention=None)
        assert sorted(await taken.column(places.c.id)) == ["@ana", "reported"]


async def test_what_is_owed_stays_until_it_is_answered(url: str) -> None:
    clock = Moment()
    async with desk(url, clock=clock) as taken:
        await taken.take(message())
        clock.move(200 * DAY)
        await sweep(taken)
        assert await ids(taken) == ["m1"]
        await close(taken)
        await sweep(taken)
        assert await ids(taken) == []


async def test_imported_history_counts_from_its_import(url: str) -> None:
    clock = Moment()
    async with desk(url, clock=clock) as taken:
        await taken.take(message())
        view = await taken.view()
        await view.create_thread(view.actor.id, "imported")
        long_ago = NewMessage("imported", view.actor.id, "long ago", id="i1", created_at=NOON - 900 * DAY)
        await view.save_messages([long_ago])
        await view.clone_thread("imported", "cloned")
        await sweep(taken)
        assert await taken.count(messages) == 3
        assert set(await taken.column(messages.c.stored_at)) == {NOON}


async def test_what_is_kept_for_ever_is_kept_with_the_record_of_its_posts(url: str) -> None:
    clock = Moment()
    async with desk(url, clock=clock) as taken:
        await taken.take(message())
        await taken.take(deletion("never said"))
        await close(taken)
        clock.move(3_000 * DAY)
        await sweep(taken, retention=None)
        assert await ids(taken) == ["m1"]
        assert await taken.count(turns) == 1
        for table in (deliveries_in, utterances, pending_changes):
            assert await taken.count(table) == 0, table.name


async def test_closed_jobs_go_after_a_week(url: str) -> None:
    clock = Moment()
    async with desk(url, clock=clock, messages_per_minute=1) as taken:
        await taken.take(message())
        await taken.take(message("too fast", "m2"))
        await taken.store.write(
            lambda connection: connection.execute(update(jobs).values(state="done", closed_at=NOON)) and None
        )
        clock.move(7 * DAY)
        await sweep(taken)
        assert await taken.count(jobs) == 1
        clock.move(timedelta(seconds=1))
        await sweep(taken)
        assert await taken.count(jobs) == 0


async def many(taken: Desk, count: int) -> None:
    """Old messages of one person, in two threads."""
    await taken.take(message("first", "m-1"))
    await close(taken)
    await taken.take(message("first", "m-2", where=channel_thread()))
    await close(taken)

    def fill(connection: Connection) -> None:
        row = dict(connection.execute(select(messages).limit(1)).mappings().one())
        rows = [
            {name: value for name, value in row.items() if name not in {"key", "metadata"}}
            | {"id": f"x{n}", "seq": n + 10, "thread_key": 1 + n % 2, "metadata_": {}}
            for n in range(count)
        ]
        connection.execute(insert(messages), rows)

    await taken.store.write(fill)


async def test_more_than_a_portion_goes_in_several_transactions(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_PORTION", 10)
    clock = Moment()
    async with desk(url, clock=clock) as taken:
        await many(taken, 35)
        clock.move(91 * DAY)
        assert await taken.store.write(sweep_messages, clock.now - 90 * DAY) == 10
        assert await taken.count(messages) == 27
        await sweep(taken)  # goes on where another ended
        assert await taken.count(messages) == await taken.count(threads) == 0


async def test_two_who_sweep_at_once_sweep_once(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_PORTION", 10)
    clock = Moment()
    async with desk(url, clock=clock) as taken:
        await many(taken, 60)
        await taken.take(message("young", "b1", who=person("ben"), where=place("@ben")))
        clock.move(91 * DAY)
        await taken.take(message("young", "b2", who=person("ben"), where=place("@ben"), at=clock.now))
        await asyncio.gather(sweep(taken), sweep(taken))
        await sweep(taken)
        assert await ids(taken) == ["b1", "b2"]  # b1 is owed


async def test_what_is_said_while_its_thread_is_swept_is_kept(url: str) -> None:
    clock = Moment()
    async with desk(url, clock=clock) as taken:
        for number in range(12):
            await taken.take(message("old", f"o{number}", at=clock.now))
            await close(taken)
            clock.move(91 * DAY)
            outcome, _ = await asyncio.gather(
                taken.take(message("new", f"n{number}", at=clock.now)),
                taken.store.write(sweep_messages, clock.now - 90 * DAY),
            )
            assert outcome == "turn"
            assert f"n{number}" in await ids(taken)
            counts = await taken.store.read(true_counts)
            assert all(told == true for told, true in counts), counts
            await close(taken)


def true_counts(connection: Connection) -> list[tuple[int, int]]:
    rows = connection.execute(select(threads.c.key, threads.c.message_count)).all()
    of = select(messages.c.key)
    return [
        (row.message_count, len(connection.execute(of.where(messages.c.thread_key == row.key)).all())) for row in rows
    ]


async def test_the_bot_keeps_house_by_itself(url: str) -> None:
    clock = Moment()
    async with desk(url, clock=clock) as taken:
        await taken.take(message("old"))
        await close(taken)
    clock.move(91 * DAY)
    async with running(url, Playing(), now=clock, options=UNLIMITED) as team:
        await team.until(lambda: swept(team.store))
        await team.quiet()
        kept = await team.store.read(lambda connection: connection.execute(select(jobs.c.id, jobs.c.state)).all())
        assert [tuple(one) for one in kept] == [(f"{HOUSEKEEPING}:{clock.now:%Y-%m-%dT%H}", "done")]


async def swept(store: Store) -> bool:
    return not await store.read(lambda connection: connection.execute(select(messages.c.key)).all())
