"""Edits, deletions, stops and ratings: in whatever order they come, the platform's last word holds."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import Connection, insert

from bot.chat import Feedback, Stopped
from bot.storage.faults import may_replay, sqlstate
from bot.storage.tables import fact_sources, facts, ledger, messages, people, threads
from bot.storage.turn_tables import feedback, pending_changes, posts, turns
from bot.turns.post_rows import begin_post
from bot.turns.retention import sweep_pending_changes
from bot.turns.turn_rows import claim_turn, finish_turn, reread_turn
from bot.turns.turn_values import Turn
from tests.bot.agent.talking import Playing, saying
from tests.bot.turns.events import (
    NOON,
    UNLIMITED,
    Desk,
    channel_thread,
    deletion,
    desk,
    edit_of,
    message,
    new_delivery,
    person,
    place,
)
from tests.bot.turns.team import Team, running

SECOND = timedelta(seconds=1)
BEN = person("ben")


async def texts(taken: Desk) -> list[str]:
    return await taken.column(messages.c.text)


async def test_an_edit_changes_what_was_said(url: str) -> None:
    said = message("where is the kettle?")
    async with desk(url) as taken:
        await taken.take(said)
        change = edit_of(said, "where is the boat?")
        await taken.take(change)
        assert await texts(taken) == ["where is the boat?"]
        assert await taken.holds("kettle") == []
        assert (await (await taken.view()).search_messages("boat")).total == 1
        assert await taken.take(change) == "repeated"
        assert await taken.count(turns) == 1


ONE = message("first words")
EVENTS = (ONE, edit_of(ONE, "second words", NOON + SECOND), edit_of(ONE, "third words", NOON + 2 * SECOND))


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_the_newest_edit_holds_in_whatever_order(url: str, order: tuple[int, ...]) -> None:
    async with desk(url) as taken:
        for number in order:
            await taken.take(replace(EVENTS[number], delivery_id=new_delivery()))

        assert await texts(taken) == ["third words"]
        assert await taken.count(pending_changes) == 0
        assert await taken.holds("first words") == await taken.holds("second words") == []
        assert await taken.column(threads.c.title) in (["third words"], [""])


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_a_deletion_wins_in_whatever_order(url: str, order: tuple[int, ...]) -> None:
    events = (ONE, EVENTS[1], deletion("m1"))
    async with desk(url) as taken:
        for number in order:
            await taken.take(replace(events[number], delivery_id=new_delivery()))
        await taken.take(replace(ONE, delivery_id=new_delivery()))

        assert await taken.holds("words") == []
        assert await taken.count(messages) == 0


async def test_a_message_and_its_deletion_at_once_leave_nothing(url: str) -> None:
    async with desk(url) as taken:
        for number in range(12):
            said = message("the kettle", f"m{number}", who=person(f"p{number % 3}"), where=place(f"@p{number % 3}"))
            pair = (taken.take(said), taken.take(deletion(said.utterance_id)))
            await asyncio.gather(*pair[:: 1 if number % 2 else -1])

        assert await taken.holds("kettle") == []


async def test_a_message_and_its_edit_at_once_leave_the_edit(url: str) -> None:
    async with desk(url) as taken:
        for number in range(12):
            said = message("the kettle", f"m{number}", who=person(f"p{number % 3}"), where=place(f"@p{number % 3}"))
            pair = (taken.take(said), taken.take(edit_of(said, f"boat {number}")))
            await asyncio.gather(*pair[:: 1 if number % 2 else -1])

        assert sorted(await texts(taken)) == sorted(f"boat {number}" for number in range(12))
        assert await taken.count(pending_changes) == 0


async def test_nobody_edits_what_somebody_else_said(url: str) -> None:
    said = message("mine", where=channel_thread())
    async with desk(url) as taken:
        await taken.take(said)
        assert await taken.take(edit_of(said, "theirs", person=BEN)) == "ignored"
        await taken.take(edit_of(message("", "m2", where=channel_thread()), "theirs", person=BEN))
        await taken.take(message("mine too", "m2", where=channel_thread()))

        assert await texts(taken) == ["mine", "mine too"]
        assert await taken.holds("theirs") == []


async def test_the_edit_of_a_bot_is_ignored(url: str) -> None:
    said = message("mine")
    async with desk(url) as taken:
        assert await taken.take(edit_of(said, "theirs", person=replace(person(), is_bot=True))) == "ignored"
        await taken.take(said)
        assert await texts(taken) == ["mine"]


async def test_the_edit_of_what_was_refused_is_not_kept(url: str) -> None:
    said = message("the kettle", "m2")
    async with desk(url, messages_per_minute=1) as taken:
        await taken.take(message())
        assert await taken.take(said) == "refused"
        assert await taken.take(edit_of(said, "the oars")) == "ignored"

        assert await taken.holds("kettle") == await taken.holds("oars") == []


async def test_what_never_came_is_forgotten_after_a_day(url: str) -> None:
    said = message("the kettle")
    async with desk(url) as taken:
        await taken.take(edit_of(said, "the kettle"))
        await taken.take(deletion("never said"))
        assert await taken.count(pending_changes) == 2
        assert await taken.store.write(sweep_pending_changes, NOON) == 0
        assert await taken.store.write(sweep_pending_changes, NOON + SECOND) == 2
        assert await taken.holds("kettle") == []


async def test_what_was_deleted_stands_nowhere(url: str) -> None:
    words = "my secret is the hoard"
    said = message(words)

    def know(connection: Connection) -> None:
        fact = {"key": 1, "workspace_key": 1, "resource_key": 1, "id": "f1", "text": words}
        connection.execute(insert(facts), fact | {"created_at": NOON, "updated_at": NOON})
        connection.execute(insert(fact_sources), {"fact_key": 1, "message_key": 1})

    async with desk(url) as taken:
        await taken.take(edit_of(said, f"{words}!"))
        await taken.take(said)
        await taken.take(edit_of(said, f"{words}?", NOON + 2 * SECOND))
        await taken.store.write(know)
        assert {"messages", "message_search", "facts"} <= set(await taken.holds("hoard"))
        assert await taken.take(deletion("m1")) == "deleted"

        assert await taken.holds("hoard") == []
        assert (await (await taken.view()).search_messages("hoard")).total == 0


async def test_an_answer_whose_ground_was_deleted_or_changed_bears_a_mark(url: str) -> None:
    async with running(url, Playing(saying("In the bay."))) as team:
        first = await team.say("ana", "Where is the boat?")
        await team.quiet()
        second = await team.say("ana", "And the oars?")
        await team.quiet()
        assert await marks(team) == [False, False]
        await team.local.edit("team", second, "ana", "And the sail?")
        assert await marks(team) == [False, True]
        await team.local.delete("team", "ana", first)
        assert await marks(team) == [True, True]
        # What the answers rested on is in the ledger no more than in the thread.
        assert await team.store.read(rows_of_ledger) == 2


async def marks(team: Team) -> list[bool]:
    page = await (await team.view("ana")).list_messages_by_resource_id(team.person("ana"))
    return ["source_changed_at" in one.metadata for one in page.items if one.role == "assistant"]


def rows_of_ledger(connection: Connection) -> int:
    return len(connection.execute(ledger.select()).all())


async def test_a_deletion_in_another_workspace_touches_nothing(url: str) -> None:
    async with desk(url) as taken:
        await taken.take(message())
        await taken.take(deletion("m1", workspace="local:other"))
        assert await taken.count(messages) == 1


async def test_an_answer_cannot_be_deleted_as_if_it_were_said_by_a_person(url: str) -> None:
    async with running(url, Playing(saying("In the bay."))) as team:
        await team.say("ana", "Where is the boat?")
        await team.quiet()
        view = await team.view("ana")
        (answer,) = [
            one
            for one in (await view.list_messages_by_resource_id(team.person("ana"))).items
            if one.role == "assistant"
        ]
        await team.serving.app.receive(deletion(answer.id, workspace="local:team"))
        assert (await view.list_messages_by_resource_id(team.person("ana"))).total == 2


async def test_a_question_that_was_deleted_while_it_waits_is_not_answered(url: str) -> None:
    async with desk(url) as taken:
        await taken.take(message("the kettle"))
        await taken.take(message("the boat", "m2"))
        await taken.take(deletion("m1"))
        assert await texts(taken) == ["the boat"]
        assert await taken.column(turns.c.revision) == [1]


async def test_changes_at_once_make_no_deadlocks(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    repeated: list[str] = []

    def seen(error: BaseException) -> bool:
        repeated.append(sqlstate(error))
        return may_replay(error)

    # A deadlock is run again and shows in nothing but this, and in the second that is lost.
    monkeypatch.setattr("bot.storage.postgresql.may_replay", seen)
    async with desk(url) as taken:
        where = channel_thread()
        said = [message(f"words {n}", f"m{n}", who=person(f"p{n % 4}"), where=where) for n in range(12)]
        for one in said:
            await taken.take(one)
        await asyncio.gather(
            *(taken.take(edit_of(one, "others")) for one in said),
            *(taken.take(deletion(*(one.utterance_id for one in said[start::-1]))) for start in (3, 5, 7)),
            *(taken.take(deletion(*(one.utterance_id for one in said[2:start]))) for start in (6, 9)),
            *(taken.take(message("new", f"n{n}", who=person(f"p{n % 4}"), where=where)) for n in range(12)),
        )

        assert sorted(await taken.column(messages.c.id)) == sorted(
            [f"n{n}" for n in range(12)] + [f"m{n}" for n in range(9, 12)]
        )
    assert repeated == []


# Stops


async def test_a_stop_stops_the_own_turn_alone(url: str) -> None:
    where = channel_thread()
    async with desk(url) as taken:
        await taken.take(message(where=where))
        await taken.take(message("mine", "m2", who=BEN, where=where))
        stop = Stopped(delivery_id=new_delivery(), person=BEN, place=where)
        assert await taken.take(stop) == "turn"
        assert await taken.take(replace(stop, delivery_id=new_delivery(), place=place("@ben"))) == "ignored"

        assert await taken.column(turns.c.stop_requested) == [False, True]


CLAIM: Any = ("a process", ["local"], [], UNLIMITED, NOON)


async def claimed(taken: Desk) -> Turn:
    turn = await taken.store.write(claim_turn, *CLAIM)
    assert turn is not None
    return turn


def asked(turn: Turn) -> list[str]:
    return [one.id for one in turn.asked]


STOP = Stopped(delivery_id="", person=person(), place=place())


async def test_a_stop_is_of_what_was_said_before_it_alone(url: str) -> None:
    async with desk(url) as taken:
        for event in (message(), message("more", "m2"), replace(STOP, delivery_id="d1"), message("else", "m3")):
            assert await taken.take(event) == "turn"
        turn = await claimed(taken)
        assert (asked(turn), turn.stop_requested) == (["m1", "m2"], True)
        await taken.store.write(finish_turn, turn, "stopped", "", "next", NOON)
        turn = await claimed(taken)
        assert (asked(turn), turn.stop_requested) == (["m3"], False)


async def test_a_turn_that_is_worked_and_was_stopped_takes_nothing_more(url: str) -> None:
    async with desk(url) as taken:
        await taken.take(message())
        turn = await claimed(taken)
        await taken.take(message("more", "m2"))  # it would be begun anew for this
        await taken.take(replace(STOP, delivery_id="d1"))
        await taken.take(message("else", "m3"))
        turn = await taken.store.write(reread_turn, turn, UNLIMITED, NOON, take=True)
        assert (asked(turn), turn.revision) == (["m1", "m2"], 1)
        await taken.store.write(finish_turn, turn, "stopped", "", "next", NOON)
        assert asked(await claimed(taken)) == ["m3"]


async def test_a_stop_of_an_answer_that_is_shown_leaves_what_waits_behind_it(url: str) -> None:
    async with desk(url) as taken:
        await taken.take(message())
        turn = await claimed(taken)
        await taken.store.write(begin_post, turn, 0, "a post", UNLIMITED, NOON)
        await taken.take(message("and the oars?", "m2"))
        await taken.take(replace(STOP, delivery_id="d1"))
        await taken.store.write(finish_turn, turn, "stopped", "", "next", NOON)
        assert asked(await claimed(taken)) == ["m2"]


# Ratings


async def with_an_answer(taken: Desk) -> None:
    """Ana and Ben talk in a thread; Ana's question was answered."""
    where = channel_thread()
    await taken.take(message(where=where))
    await taken.take(message("me too", "m2", who=BEN, where=where))

    def answer(connection: Connection) -> None:
        said = {"key": 9, "workspace_key": 1, "thread_key": 1, "seq": 9, "id": "a1", "resource_key": 1,
                "role": "assistant", "text": "in the bay", "metadata_": {}, "sent_at": NOON, "disclosure": 1,
                "stored_at": NOON}  # fmt: skip
        connection.execute(insert(messages), said)
        connection.execute(turns.update().where(turns.c.key == 1).values(answer_key=9, state="answered"))
        post = {"workspace_key": 1, "value": "v", "turn_key": 1, "part": 0, "state": "finished", "post_id": "p1"}
        connection.execute(insert(posts), post | {"sent_at": NOON})

    await taken.store.write(answer)


def rating(value: Any, who: str = "ana", post_id: str = "p1", delivery_id: str = "") -> Feedback:
    return Feedback(
        delivery_id=delivery_id or new_delivery(),
        person=person(who),
        place=channel_thread(),
        post_id=post_id,
        value=value,
    )


async def test_each_participant_rates_an_answer_and_changes_her_mind(url: str) -> None:
    async with desk(url) as taken:
        await with_an_answer(taken)
        await taken.take(rating("good"))
        await taken.take(rating("bad", "ben"))
        assert await rated(taken) == {"ana": "good", "ben": "bad"}
        await taken.take(rating("bad", delivery_id="d1"))
        await taken.take(rating("none", "ben"))
        assert await rated(taken) == {"ana": "bad"}
        await taken.take(rating("good"))
        await taken.take(rating("bad", delivery_id="d1"))
        assert await rated(taken) == {"ana": "good"}


@pytest.mark.parametrize(("who", "post_id"), [("cleo", "p1"), ("ana", "another post")])
async def test_nobody_else_rates_and_nothing_else_is_rated(url: str, who: str, post_id: str) -> None:
    async with desk(url) as taken:
        await with_an_answer(taken)
        await taken.take(message("hello", "c1", who=person("cleo"), where=place("@cleo")))
        await taken.take(rating("good", who, post_id))
        assert await rated(taken) == {}


async def test_an_unknown_rating_is_passed_over(url: str) -> None:
    async with desk(url) as taken:
        await with_an_answer(taken)
        assert await taken.take(rating("splendid")) == "ignored"
        assert await rated(taken) == {}


async def rated(taken: Desk) -> dict[str, str]:
    names = {row["key"]: row["resource_id"].rpartition(":")[2] for row in await taken.rows(people)}
    return {names[row["resource_key"]]: row["value"] for row in await taken.rows(feedback)}


async def test_a_rating_comes_in_from_the_local_platform(url: str) -> None:
    async with running(url, Playing(saying("In the bay."))) as team:
        await team.say("ana", "Where is the boat?")
        await team.quiet()
        (post,) = [one for one in await team.seen("ana") if not one.author]
        await team.local.rate("team", post.id, "ana", "good")
        found = await team.store.read(lambda connection: connection.execute(feedback.select()).all())
        assert [row.value for row in found] == ["good"]
