"""Places with their threads, people and workspaces: made by the first message, changed as the platform says."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.access.scope import Scope
from bot.chat import PersonChanged, PlaceChanged
from bot.memory.values import NewMessage
from bot.storage.tables import messages, people, threads, workspaces
from bot.storage.turn_tables import jobs, leases, places, turns
from bot.turns.job_lease_rows import claim_job
from bot.turns.lease_rows import require_lease
from bot.turns.place_rows import begin_anew
from bot.turns.turn_rows import claim_turn
from tests.bot.agent.talking import Pausing
from tests.bot.turns.events import (
    HERE,
    NOON,
    UNLIMITED,
    channel_thread,
    desk,
    installation,
    message,
    new_delivery,
    person,
    place,
)
from tests.bot.turns.team import running

THREAD = channel_thread()


async def test_racing_first_messages_make_one_thread(url: str) -> None:
    names = ("ana", "ben", "cleo", "dora", "emil")
    async with desk(url) as taken:
        first = [message(f"{name} is here", name, who=person(name), where=THREAD) for name in names]
        assert await asyncio.gather(*map(taken.take, first)) == ["turn"] * 5

        assert await taken.column(threads.c.id) == ["general/1"]
        assert await taken.count(places) == 1
        assert await taken.count(turns) == 5
        assert sorted(await taken.column(messages.c.seq)) == [1, 2, 3, 4, 5]
        (thread,) = await (await taken.view("emil")).get_threads_by_resource_id(f"{HERE}:emil")
        assert set(thread.participants) == {f"{HERE}:{name}" for name in names}


async def test_racing_first_messages_of_one_person_are_one_turn(url: str) -> None:
    async with desk(url) as taken:
        await asyncio.gather(*(taken.take(message("hello", f"m{number}")) for number in range(5)))

        assert await taken.count(people) == 1
        assert await taken.count(threads) == 1
        assert await taken.count(turns) == 1
        assert await taken.count(messages) == 5


async def test_a_place_s_first_thread_bears_its_id_and_later_ones_a_number(url: str) -> None:
    async with desk(url) as taken:
        for number in (1, 2, 3):
            await taken.take(message("hello", f"m{number}"))
            await taken.store.write(begin_anew, Scope("system", 1, ()), place(), NOON)

        assert await taken.column(threads.c.id) == ["@ana", "@ana#2", "@ana#3"]


async def test_an_id_that_is_taken_by_another_conversation_is_passed_over(url: str) -> None:
    async with desk(url) as taken:
        await taken.take(message("hello", "b1", who=person("ben"), where=place("@ben")))
        ben = await taken.view("ben")
        await ben.create_thread(ben.actor.id, "@ana")
        await ben.save_messages([NewMessage("@ana", ben.actor.id, "mine alone", id="b2")])

        await taken.take(message())

        (thread,) = await (await taken.view()).get_threads_by_resource_id(f"{HERE}:ana")
        assert thread.id == "@ana#2"
        assert (await (await taken.view()).recall("@ana#2")).total == 1


async def test_after_its_thread_was_deleted_a_place_begins_another(url: str) -> None:
    async with desk(url) as taken:
        await taken.take(message())
        await (await taken.view()).delete_thread("@ana")
        assert await taken.count(turns) == 0
        assert await taken.take(message("hello again", "m2")) == "turn"

        assert await taken.column(threads.c.id) == ["@ana#2"]


async def test_a_thread_bears_the_channel_in_which_it_lies_and_keeps_it(url: str) -> None:
    async with desk(url) as taken:
        await taken.take(message(where=channel_thread("harbour/1", "private")))
        await taken.take(message("at the top", "m2", where=place("office", "public", "#office")))
        await taken.take(message("alone", "m3"))
        await taken.take(PlaceChanged(delivery_id=new_delivery(), place=place("harbour", "public", "#wharf")))

        assert [(row["id"], row["channel_id"]) for row in await taken.rows(threads)] == [
            ("harbour/1", "harbour"),
            ("office", "office"),
            ("@ana", ""),
        ]


async def test_a_place_that_changes_is_shown_on_its_threads(url: str) -> None:
    async with desk(url) as taken:
        await taken.take(message(where=THREAD))
        await taken.take(message("in another", "m2", where=channel_thread("harbour/1")))
        channel = place("general", "private", "#wharf")
        await taken.take(PlaceChanged(delivery_id=new_delivery(), place=channel, state="archived"))

        shown = [(row["place_kind"], row["place_name"]) for row in await taken.rows(threads)]
        assert shown == [("private", "#wharf"), ("public", "#harbour")]
        known = [(row["kind"], row["name"], row["state"], row["address"]) for row in await taken.rows(places)]
        assert known == [
            ("private", "#wharf", "archived", dict(THREAD.address)),
            ("public", "#harbour", "open", {"channel": "harbour/1"}),
        ]


async def test_a_change_that_does_not_say_the_name_leaves_it(url: str) -> None:
    async with desk(url) as taken:
        await taken.take(message(where=THREAD))
        await taken.take(PlaceChanged(delivery_id=new_delivery(), place=place("general", "private"), state="archived"))

        assert [(one["kind"], one["name"], one["state"]) for one in await taken.rows(places)] == [
            ("private", "#general", "archived")
        ]
        assert [(one["place_kind"], one["place_name"]) for one in await taken.rows(threads)] == [
            ("private", "#general")
        ]


async def test_the_same_change_delivered_late_again_changes_nothing(url: str) -> None:
    change = PlaceChanged(delivery_id="d1", place=place("general", "public", "#first"))
    async with desk(url) as taken:
        await taken.take(message(where=THREAD))
        await taken.take(change)
        await taken.take(PlaceChanged(delivery_id="d2", place=place("general", "public", "#second")))
        await taken.take(change)

        assert await taken.column(places.c.name) == ["#second"]


async def test_a_change_of_which_no_word_came_is_learned_from_the_next_message(url: str) -> None:
    async with desk(url) as taken:
        await taken.take(message(where=THREAD))
        await taken.take(message("here", "m2", where=replace(THREAD, kind="private", name="")))
        assert [(row["kind"], row["name"]) for row in await taken.rows(places)] == [("private", "#general")]
        await taken.take(message("here", "m3", where=replace(THREAD, kind="private", name="#wharf")))

        assert [(row["place_kind"], row["place_name"]) for row in await taken.rows(threads)] == [("private", "#wharf")]


async def test_a_change_of_an_unknown_place_makes_none(url: str) -> None:
    async with desk(url) as taken:
        await taken.take(message())
        await taken.take(PlaceChanged(delivery_id=new_delivery(), place=THREAD))
        assert await taken.column(places.c.id) == ["@ana"]


async def test_a_person_bears_the_name_that_the_platform_shows_now(url: str) -> None:
    async with desk(url) as taken:
        await taken.take(message())
        await taken.take(message("hi", "m2", who=replace(person(), name="")))
        assert await taken.column(people.c.name) == ["Ana"]
        await taken.take(message("hi", "m3", who=replace(person(), name="Ana B.")))
        assert await taken.column(people.c.name) == ["Ana B."]
        await taken.take(PersonChanged(delivery_id=new_delivery(), person=replace(person(), name="Ana C.")))
        assert await taken.column(people.c.name) == ["Ana C."]
        await taken.take(PersonChanged(delivery_id=new_delivery(), person=replace(person("ben"), name="Ben")))
        assert await taken.count(people) == 1


# Workspaces


async def test_a_workspace_that_removed_the_bot_is_owed_nothing_and_not_heard(url: str) -> None:
    async with desk(url, messages_per_minute=1) as taken:
        await taken.take(message())
        await taken.take(message("too fast", "m2"))
        turn = await taken.store.write(claim_turn, "a process", ["local"], [], UNLIMITED, NOON)
        assert turn is not None
        elsewhere = message(who=person(workspace="local:other"), where=place(workspace="local:other"))
        await taken.take(elsewhere)

        await taken.take(installation(installed=False, delivery_id="removed"))

        assert await taken.column(turns.c.state) == ["withdrawn", "queued"]
        assert await taken.column(jobs.c.state) == ["failed"]
        assert (await taken.rows(leases))[0]["owner"] is None
        with pytest.raises(Exception, match="taken this turn over"):
            await taken.store.write(require_lease, turn.thread_key, turn.lease, UNLIMITED, NOON)
        assert await taken.take(message("anybody?", "m3")) == "ignored"
        assert await taken.holds("anybody") == []

        assert await taken.take(installation(installed=True)) == "ignored"
        assert await taken.take(installation(installed=False, delivery_id="removed")) == "repeated"
        taken.options = UNLIMITED
        taken.__post_init__()
        assert await taken.take(message("hello again", "m4")) == "turn"
        assert await taken.column(workspaces.c.removed_at) == [None, None]
        # What it stored before is there.
        assert (await (await taken.view()).recall("@ana")).total == 2


async def test_what_was_taken_in_while_the_bot_was_removed_is_not_worked(url: str) -> None:
    claim: Any = ("a process", ["local"], [], UNLIMITED, NOON)
    async with desk(url, messages_per_minute=1) as taken:
        await taken.take(message())
        assert await taken.take(message("too fast", "m2")) == "refused"

        async def remove(at: datetime | None) -> None:
            await taken.store.write(
                lambda connection: connection.execute(workspaces.update().values(removed_at=at)) and None
            )

        await remove(NOON)
        assert await taken.store.write(claim_turn, *claim) is None
        assert await taken.store.write(claim_job, *claim) is None
        await remove(None)
        assert await taken.store.write(claim_turn, *claim) is not None
        assert await taken.store.write(claim_job, *claim) is not None


async def test_a_turn_in_work_ends_when_the_bot_is_removed_and_its_thread_is_free_again(url: str) -> None:
    model = Pausing()
    async with running(url, model) as team:
        await team.say("ana", "Good morning")
        await model.speaks.wait()
        await team.serving.app.receive(installation(installed=False, workspace="local:team"))
        await team.until(model.closed.is_set)
        await team.until(lambda: team.serving.worker.at_work == 0)
        assert await team.states() == ["withdrawn"]

        model.may_go_on.set()
        await team.serving.app.receive(installation(installed=True, workspace="local:team"))
        await team.say("ana", "Good evening")
        await team.quiet()
        assert (await team.states())[-1] == "answered"


async def test_a_first_message_of_many_at_once_makes_one_workspace(url: str) -> None:
    async with desk(url) as taken:
        said = [
            message("hello", name, who=person(name, "local:new"), where=place(f"@{name}", workspace="local:new"))
            for name in ("ana", "ben", "cleo")
        ]
        assert await asyncio.gather(*map(taken.take, said)) == ["turn"] * 3
        assert await taken.count(workspaces) == 1


async def test_a_message_and_its_thread_s_deletion_at_once_leave_no_half_of_either(url: str) -> None:
    async with desk(url, accept=timedelta(seconds=20)) as taken:
        await taken.take(message())
        view = await taken.view()
        for number in range(10):
            (thread,) = await view.get_threads_by_resource_id(f"{HERE}:ana")
            outcome, _ = await asyncio.gather(taken.take(message("hello", f"n{number}")), view.delete_thread(thread.id))
            assert outcome == "turn"
            if not await taken.count(threads):
                await taken.take(message("hello", f"o{number}"))
            assert await taken.count(threads) == 1
