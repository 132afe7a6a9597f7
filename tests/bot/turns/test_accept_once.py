"""What is delivered several times, in several forms and at once is taken in once."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from bot.errors import StorageError
from bot.memory.values import NewMessage
from bot.storage.tables import messages, people, threads, workspaces
from bot.storage.turn_tables import deliveries_in, turn_messages, turns, utterances
from tests.bot.agent.talking import Playing, saying
from tests.bot.turns.events import (
    HERE,
    NOON,
    Desk,
    channel_thread,
    desk,
    every_event,
    message,
    new_delivery,
    person,
    place,
)
from tests.bot.turns.team import running


async def took_in_one(taken: Desk) -> bool:
    return [await taken.count(table) for table in (messages, turns, turn_messages)] == [1, 1, 1]


async def test_the_same_delivery_changes_nothing(url: str) -> None:
    said = message()
    async with desk(url) as taken:
        assert await taken.take(said) == "turn"
        before = [await taken.rows(table) for table in (messages, turns, threads, utterances, deliveries_in)]
        assert await taken.take(said) == "repeated"
        assert await taken.take(replace(said, text="other words", utterance_id="m2")) == "repeated"

        assert [await taken.rows(table) for table in (messages, turns, threads, utterances, deliveries_in)] == before


async def test_the_same_utterance_in_another_delivery_is_a_repetition(url: str) -> None:
    said = message()
    async with desk(url) as taken:
        assert await taken.take(said) == "turn"
        assert await taken.take(replace(said, delivery_id=new_delivery())) == "repeated"

        assert await took_in_one(taken)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("m1", ("x",)), ("m2", ("x",))),
        (("m1", ("x",)), ("x", ())),
        (("x", ()), ("m2", ("x", "y"))),
        (("m1", ("x",)), ("x", ("m1",))),
    ],
)
async def test_an_utterance_is_known_by_each_of_its_names(
    url: str, first: tuple[str, tuple[str, ...]], second: tuple[str, tuple[str, ...]]
) -> None:
    async with desk(url) as taken:
        assert await taken.take(message("hello", first[0], aliases=first[1])) == "turn"
        assert await taken.take(message("hello", second[0], aliases=second[1])) == "repeated"

        assert await took_in_one(taken)
        # It is counted once.
        assert [one for one in await taken.column(utterances.c.resource_key) if one is not None] == [1]
        # From now on it is known by the further names too.
        for name in (second[0], *second[1]):
            assert await taken.take(message("hello", name)) == "repeated"


@pytest.mark.parametrize("order", [1, -1])
async def test_a_message_and_its_mention_are_one_turn_in_either_order(url: str, order: int) -> None:
    mention = message(where=channel_thread())
    plain = replace(mention, delivery_id=new_delivery(), addressing="channel")
    async with desk(url) as taken:
        outcomes = [await taken.take(one) for one in (mention, plain)[::order]]

        assert sorted(outcomes) == ["ignored", "turn"]
        assert await took_in_one(taken)


@pytest.mark.parametrize("order", [1, -1])
async def test_a_mention_in_a_followed_thread_is_one_turn_in_either_order(url: str, order: int) -> None:
    where = channel_thread()
    mention = message("and now?", "m2", where=where)
    plain = replace(mention, delivery_id=new_delivery(), addressing="thread")
    async with desk(url) as taken:
        await taken.take(message(where=where))
        outcomes = [await taken.take(one) for one in (mention, plain)[::order]]

        assert outcomes == ["turn", "repeated"]
        assert await taken.count(messages) == 2


async def test_of_copies_that_come_at_once_one_is_taken_in(url: str) -> None:
    said = message()
    copies = [said, said, *(replace(said, delivery_id=new_delivery()) for _ in range(3))]
    async with desk(url) as taken:
        outcomes = await asyncio.gather(*(taken.take(one) for one in copies))

        assert sorted(outcomes) == ["repeated"] * 4 + ["turn"]
        assert await took_in_one(taken)


async def test_names_that_are_crossed_and_come_at_once_are_one(url: str) -> None:
    async with desk(url) as taken:
        for number in range(10):
            one, other = f"a{number}", f"b{number}"
            pair = (message("hello", one, aliases=(other,)), message("hello", other, aliases=(one,)))
            assert sorted(await asyncio.gather(*map(taken.take, pair))) == ["repeated", "turn"]

        assert await taken.count(messages) == 10


async def test_copies_that_come_at_once_get_one_answer(url: str) -> None:
    async with running(url, Playing(saying("Here."))) as team:
        said = message(who=person(workspace="local:team"), where=place("@ana", workspace="local:team"))
        said = replace(said, place=replace(said.place, address={"channel": "@ana", "root": ""}))
        copies = [said, said, said, *(replace(said, delivery_id=new_delivery()) for _ in range(2))]
        await asyncio.gather(*(team.serving.app.receive(one) for one in copies))
        await team.quiet()

        assert await team.answers("ana") == ["Here."]
        assert await team.states() == ["answered"]


async def test_one_delivery_id_in_two_workspaces_is_two_deliveries(url: str) -> None:
    other = "local:other"
    async with desk(url) as taken:
        assert await taken.take(message(delivery_id="d1")) == "turn"
        theirs = message(delivery_id="d1", who=person(workspace=other), where=place(workspace=other))
        assert await taken.take(theirs) == "turn"

        assert await taken.column(turns.c.workspace_key) == [1, 2]
        assert await taken.count(workspaces) == 2
        assert (await (await taken.view()).recall("@ana")).total == 1


async def test_each_kind_of_event_may_be_repeated(url: str) -> None:
    async with desk(url) as taken:
        for event in every_event():
            await taken.take(event)
            assert await taken.take(event) in {"repeated", "ignored"}
        assert await taken.count(messages) == 0  # it was deleted in between


async def test_an_utterance_that_was_imported_is_known(url: str) -> None:
    async with desk(url) as taken:
        await taken.take(message("anything", "m0"))
        view = await taken.view()
        await view.create_thread(view.actor.id, "imported")
        await view.save_messages([NewMessage("imported", view.actor.id, "long ago", id="m1")])

        assert await taken.take(message("long ago", "m1")) == "repeated"
        assert await taken.count(turns) == 1


async def test_the_databases_allow_one_open_turn_of_a_person_in_a_thread(url: str) -> None:
    async with desk(url) as taken:
        await taken.take(message())

        def copy(connection: Connection, state: str) -> None:
            row = dict(connection.execute(select(turns)).mappings().one())
            connection.execute(turns.insert(), row | {"key": 77, "id": "another", "state": state})

        for state in ("queued", "leased", "answering"):
            with pytest.raises(StorageError) as refused:
                await taken.store.write(copy, state)
            assert isinstance(refused.value.__cause__, IntegrityError)
        await taken.store.write(copy, "answered")


async def test_what_fails_to_be_stored_is_taken_in_when_it_is_delivered_again(url: str) -> None:
    said = message()
    async with desk(url, accept=timedelta()) as taken:
        with pytest.raises(StorageError):
            await taken.take(said)
    async with desk(url) as taken:
        assert await taken.take(said) in {"turn", "repeated"}

        assert await took_in_one(taken)
        assert await taken.column(people.c.resource_id) == [f"{HERE}:ana"]
        assert await taken.column(messages.c.sent_at) == [NOON]
