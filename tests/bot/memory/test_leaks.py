"""What leaked or was lost in other memories, by its number (docs/memory.md), on both engines."""

import asyncio

import pytest

from bot import Message
from bot.errors import BotError, Conflict, InvalidArgument, NotFound
from tests.bot.memory.stage import Stage, ids, minute, numbered, outcome, refused, said, texts


async def test_leak_1_a_taken_thread_id_lets_nobody_in(stage: Stage) -> None:
    alice, mallory = stage.person("alice"), stage.person("mallory")
    await alice.create_thread("alice", "secret", title="Mine")
    await alice.save_messages([said("secret", "alice", "my words")])
    before = await alice.get_thread_by_id("secret")

    with pytest.raises(Conflict):
        await mallory.create_thread("mallory", "secret", title="Yours")

    assert await alice.get_thread_by_id("secret") == before
    assert await mallory.get_thread_by_id("secret") is None
    assert (await mallory.recall("secret")).items == ()


async def test_leak_2_a_foreign_message_s_id_changes_nothing(stage: Stage) -> None:
    for view in (stage.bob, stage.system):
        with pytest.raises(Conflict):
            await view.save_messages([said("t1", "bob", "overwritten", id="c1")])

    assert texts(await stage.carol.recall("t4")) == ["carol's message 1", "carol's message 2"]
    assert (await stage.bob.recall("t1")).total == 25


@pytest.mark.parametrize("nobody", ["", " ", None])
async def test_leak_3_nobody_is_not_everybody(stage: Stage, nobody: str) -> None:
    refusals = [
        await refused(stage.system.list_threads({"resource_id": nobody})),
        await refused(stage.system.list_threads_by_resource_id(nobody)),
        await refused(stage.system.list_messages_by_resource_id(nobody)),
    ]

    assert {refusal.parameter for refusal in refusals} == {"resource_id"}
    assert ids(await stage.carol.list_threads()) == ["t5", "t4"], "without a filter a person lists her own"
    assert (await stage.person("stranger").list_threads()).total == 0


async def test_leak_4_twenty_parallel_merges_leave_twenty_keys(stage: Stage) -> None:
    merges = [stage.bob.update_thread("t2", metadata={f"k{number}": number}) for number in range(20)]

    await asyncio.gather(*merges)

    thread = await stage.bob.get_thread_by_id("t2")
    assert thread is not None
    assert thread.metadata == {"team": "blue", "n": 2, "open": True, **{f"k{number}": number for number in range(20)}}


async def test_leak_5_a_second_speaker_has_the_thread_and_her_own_words(stage: Stage) -> None:
    thread = await stage.system.add_participant("t1", "carol")

    await stage.carol.save_messages([said("t1", "carol", "me too")])

    assert thread.participants == ("bob", "carol")
    assert ids(await stage.carol.list_threads({"resource_id": "carol"})) == ["t5", "t4", "t1"]
    assert ids(await stage.bob.list_threads({"resource_id": "bob"})) == ["t3", "t2", "t1"]
    assert (await stage.bob.list_messages_by_resource_id("bob")).total == 25
    assert (await stage.carol.list_messages_by_resource_id("carol")).total == 3


async def test_leak_6_a_thread_id_is_given_once_to_all_who_ask_at_the_same_time(stage: Stage) -> None:
    asked = [stage.person("dave").create_thread("dave", "new", title=f"{number}") for number in range(6)]

    made = await asyncio.gather(*asked, return_exceptions=True)

    assert sum(isinstance(one, Conflict) for one in made) == 5
    (winner,) = [one for one in made if not isinstance(one, BaseException)]
    assert await stage.person("dave").list_threads() == await stage.system.list_threads({"resource_id": "dave"})
    assert (await stage.person("dave").get_threads_by_resource_id("dave")) == [winner]


async def test_leak_6_parallel_first_messages_make_one_thread(stage: Stage) -> None:
    dave = stage.person("dave")
    questions = [f"question {number}" for number in range(8)]

    saved = await asyncio.gather(*(dave.open_turn("new", text, title=text) for text in questions))

    page = await dave.recall("new", per_page=None)
    assert sorted(texts(page)) == sorted(one.text for one in saved) == questions
    assert [one.seq for one in page.items] == list(range(1, 9))
    (thread,) = await dave.get_threads_by_resource_id("dave")
    assert (thread.id, thread.resource_id, thread.title) == ("new", "dave", page.items[0].text)


async def test_leak_6_of_two_persons_first_messages_one_finds_no_thread(stage: Stage) -> None:
    people = [f"person {number}" for number in range(6)]

    opened = await asyncio.gather(
        *(stage.person(one).open_turn("new", one, title=one) for one in people), return_exceptions=True
    )

    refusals = [one for one in opened if isinstance(one, BaseException)]
    (first,) = [one for one in opened if isinstance(one, Message)]
    assert [(type(one), str(one)) for one in refusals] == [(NotFound, "No thread found with id new")] * 5
    assert texts(await stage.system.recall("new")) == [first.text]
    thread = await stage.system.get_thread_by_id("new")
    assert thread is not None
    assert (thread.resource_id, thread.participants) == (first.text, (first.text,))


async def test_leak_8_another_speaker_s_words_are_visible_and_hers(stage: Stage) -> None:
    await stage.system.add_participant("t1", "carol")
    await stage.carol.save_messages([said("t1", "carol", "me too")])

    page = await stage.bob.recall("t1", "bob", per_page=2)

    assert [(one.resource_id, one.text) for one in page.items] == [("bob", "message 25"), ("carol", "me too")]


async def test_leak_10_messages_of_one_moment_have_one_order_everywhere(stage: Stage) -> None:
    names = ["x", "y", "z", "w", "v", "u"]
    for name in names:
        await stage.bob.save_messages([said("t2", "bob", f"same {name}", id=name, created_at=minute(1))])

    assert ids(await stage.bob.recall("t2", per_page=3)) == ["w", "v", "u"]
    assert ids(await stage.bob.recall("t2", page=1, per_page=3)) == ["x", "y", "z"]
    assert ids(await stage.bob.recall(["t2", "t3"], per_page=None)) == names
    listed = await stage.bob.list_messages_by_resource_id("bob", start=minute(1), end=minute(1))
    assert ids(listed) == ["m1", *names]
    assert ids(await stage.bob.search_messages("same")) == names[::-1], "of equal hits the newest first"


async def test_leak_12_both_engines_answer_alike_where_others_disagreed(both: tuple[Stage, Stage]) -> None:
    seen = []
    for stage in both:
        bob = stage.bob
        await bob.create_thread("bob", "a", metadata={"k": None})
        await bob.create_thread("bob", "b", metadata={"other": 1})
        tied = [said("a", "bob", name, id=name, created_at=minute(1)) for name in ("z", "y", "x")]
        await bob.save_messages(tied)
        merges = [bob.update_thread("b", metadata={f"k{number}": number}) for number in range(5)]
        await asyncio.gather(*merges)
        merged = await bob.get_thread_by_id("b")
        assert merged is not None
        seen.append(
            [
                ids(await bob.list_threads({"metadata": {"k": None}})),
                await outcome(bob.list_threads({"metadata": {"k": ["no scalar"]}})),
                await outcome(bob.recall("nope")),
                await outcome(bob.recall("nope", "bob")),
                await outcome(stage.system.list_threads({"resource_id": ""})),
                await outcome(bob.save_messages([said("b", "bob", "good"), said("nope", "bob", "bad")])),
                (await bob.recall("b")).total,
                dict(merged.metadata),
                ids(await bob.recall("a")),
            ]
        )

    assert seen[0] == seen[1]
    assert seen[0][0] == ["a"]
    assert seen[0][1] == (InvalidArgument, "metadata can be filtered by scalars only")
    assert seen[0][6:] == [0, {"other": 1, **{f"k{number}": number for number in range(5)}}, ["z", "y", "x"]]


async def test_nothing_that_is_refused_changes_anything(stage: Stage) -> None:
    async def everything() -> object:
        pages = [await stage.system.recall(one, per_page=None) for one in ("t1", "t2", "t3", "t4", "t5")]
        return await stage.system.list_threads(), pages

    before = await everything()
    acts = [
        stage.carol.create_thread("carol", "t1"),
        stage.carol.create_thread("bob"),
        stage.carol.update_thread("t1", title="x"),
        stage.carol.clone_thread("t1", "copy"),
        stage.carol.transfer_thread("t4", "dave"),
        stage.carol.save_messages([said("t4", "carol", "good"), said("t1", "carol", "bad")]),
        stage.carol.save_messages([said("t4", "carol", "good"), said("t4", "carol", "bad", id="m1")]),
        stage.carol.open_turn("t1", "hello"),
        stage.bob.clone_thread("t1", "t4"),
        stage.supervisor("bob").create_thread("bob", "new"),
        stage.supervisor("bob").save_messages([said("t1", "bob", "planted")]),
    ]

    for act in acts:
        with pytest.raises(BotError):
            await act

    assert await everything() == before
    assert ids(await stage.bob.recall("t1")) == numbered(16, 25)
