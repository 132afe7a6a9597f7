"""The rules of the memory's semantics, by their numbers (docs/memory.md), on both engines.

Rules 13 and 14 come with working memory, 15 with recall over other conversations; 17 to 20 are an adapter's.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, func, insert, select

from bot import Actor, Memory, MemoryOptions, MessageChange
from bot.errors import Conflict, InvalidArgument, NotAllowed, NotAvailable, NotFound
from bot.memory.boundary import Boundary
from bot.memory.values import Include
from bot.memory.view import MemoryView
from bot.storage.tables import fact_sources, facts, messages, people, vectors
from tests.bot.memory.stage import START, Stage, ids, minute, numbered, outcome, refused, said, texts


async def test_rule_1_an_id_that_is_taken_is_never_overwritten(stage: Stage) -> None:
    before = await stage.bob.get_thread_by_id("t1")

    for view, owner in ((stage.carol, "carol"), (stage.bob, "bob"), (stage.system, "carol")):
        with pytest.raises(Conflict, match=r"^A thread with id t1 exists already\.$"):
            await view.create_thread(owner, "t1", title="Mine now", metadata={"mine": True})

    assert await stage.bob.get_thread_by_id("t1") == before
    assert await stage.carol.get_thread_by_id("t1") is None


async def test_rule_1_an_id_is_free_in_another_workspace(stage: Stage, url: str) -> None:
    async with await Memory.open(url, workspace="local:other") as other:
        bob = other.as_actor(Actor.person("bob"))

        thread = await bob.create_thread("bob", "t1", title="Another")
        await bob.save_messages([said("t1", "bob", "elsewhere", id="m1")])

        assert (thread.title, texts(await bob.recall("t1"))) == ("Another", ["elsewhere"])
        assert (await bob.list_threads()).total == 1
        assert texts(await other.as_actor(Actor.system("test")).search_messages("message elsewhere")) == ["elsewhere"]
    assert (await stage.bob.recall("t1")).total == 25
    assert (await stage.system.search_messages("elsewhere")).total == 0


async def test_rule_1_a_person_begins_only_threads_of_her_own(stage: Stage) -> None:
    with pytest.raises(NotAllowed):
        await stage.carol.create_thread("bob", "for bob")

    assert await stage.system.get_thread_by_id("for bob") is None


STRANGERS: list[Callable[[MemoryView, str], Awaitable[object]]] = [
    lambda view, thread_id: view.get_thread_by_id(thread_id),
    lambda view, thread_id: view.get_thread_by_id(thread_id, "carol"),
    lambda view, thread_id: view.recall(thread_id),
    lambda view, thread_id: view.recall(thread_id, "carol"),
    lambda view, thread_id: view.recall([thread_id, "t4"]),
    lambda view, thread_id: view.recall(thread_id, search="message"),
    lambda view, thread_id: view.update_thread(thread_id, title="Mine"),
    lambda view, thread_id: view.delete_thread(thread_id),
    lambda view, thread_id: view.clone_thread(thread_id, "copy"),
    lambda view, thread_id: view.transfer_thread(thread_id, "carol"),
    lambda view, thread_id: view.add_participant(thread_id, "carol"),
    lambda view, thread_id: view.save_messages([said(thread_id, "carol", "hello")]),
    lambda view, thread_id: view.open_turn(thread_id, "hello") if thread_id == "t1" else view.recall("t1", "carol"),
    lambda view, thread_id: view.suggest_title(thread_id, "Mine"),
    lambda view, thread_id: view.window_boundary(thread_id),
    lambda view, thread_id: view.move_window_boundary(thread_id, Boundary(START)),
    lambda view, thread_id: view.read_context(thread_id, 10),
]


async def test_rule_2_a_stranger_s_thread_looks_like_a_missing_one(stage: Stage) -> None:
    before = await stage.system.recall("t1", per_page=None), await stage.system.get_thread_by_id("t1")

    for act in STRANGERS:
        foreign = await outcome(act(stage.carol, "t1"))
        missing = await outcome(act(stage.carol, "t0"))

        assert repr(foreign).replace("t1", "t0") == repr(missing).replace("t1", "t0")
    assert before == (await stage.system.recall("t1", per_page=None), await stage.system.get_thread_by_id("t1"))


async def test_rule_2_a_participant_sees_a_thread_that_she_cannot_change(stage: Stage) -> None:
    await stage.system.add_participant("t1", "carol")

    for act in (
        stage.carol.update_thread("t1", title="Mine"),
        stage.carol.delete_thread("t1"),
        stage.carol.clone_thread("t1"),
        stage.carol.transfer_thread("t1", "carol"),
        stage.carol.add_participant("t1", "dave"),
    ):
        with pytest.raises(NotAllowed):
            await act

    thread = await stage.carol.get_thread_by_id("t1", "carol")
    assert thread is not None
    assert (thread.resource_id, thread.participants, thread.title) == ("bob", ("bob", "carol"), "")
    assert ids(await stage.carol.recall("t1", "carol")) == numbered(16, 25)


async def test_rule_3_pages_have_their_usual_sizes(stage: Stage) -> None:
    await stage.bob.save_messages([said("t2", "bob", f"{number}") for number in range(20)])

    threads = await stage.system.list_threads()
    messages = await stage.bob.list_messages_by_resource_id("bob")
    recalled = await stage.bob.recall("t1")

    assert (threads.page, threads.per_page, threads.total, threads.has_more) == (0, 100, 5, False)
    assert (len(messages.items), messages.per_page, messages.total, messages.has_more) == (40, 40, 45, True)
    assert (len(recalled.items), recalled.per_page, recalled.total, recalled.has_more) == (10, 10, 25, True)


async def test_rule_4_messages_of_one_moment_stay_in_the_order_in_which_they_were_stored(stage: Stage) -> None:
    await stage.bob.save_messages(
        [said("t2", "bob", name, id=name, created_at=minute(1)) for name in ("z", "y", "x", "w")]
    )
    await stage.bob.save_messages([said("t2", "bob", "v", id="v", created_at=minute(1))])

    assert ids(await stage.bob.recall("t2")) == ["z", "y", "x", "w", "v"]
    assert ids(await stage.bob.recall("t2", per_page=2)) == ["w", "v"]
    assert ids(await stage.bob.recall("t2", page=1, per_page=2)) == ["y", "x"]
    assert ids(await stage.bob.recall("t2", per_page=2, order_by=("created_at", "ASC"))) == ["z", "y"]


async def test_rule_4_a_message_without_a_time_is_the_newest_of_its_thread(stage: Stage) -> None:
    tomorrow = stage.clock.now + timedelta(days=1)

    saved = await stage.bob.save_messages(
        [said("t2", "bob", "first", created_at=tomorrow), said("t2", "bob", "second"), said("t3", "bob", "third")]
    )

    assert [one.text for one in saved] == ["first", "second", "third"]
    assert texts(await stage.bob.recall("t2")) == ["first", "second"]
    assert [saved[1].created_at, saved[2].created_at < tomorrow] == [tomorrow, True]


async def test_rule_5_a_call_s_window_takes_the_place_of_the_page(stage: Stage) -> None:
    window = await stage.bob.recall("t1", options=MemoryOptions(last_messages=3))

    assert (ids(window), window.total) == (numbered(23, 25), 25)
    assert MemoryOptions() == MemoryOptions(last_messages=10, token_budget=None, read_only=False, working_memory=None)
    assert stage.memory.options == MemoryOptions()
    refusal = await refused(stage.bob.recall("t1", options=MemoryOptions(last_messages=-1)))
    assert refusal.parameter == "last_messages"


async def test_rule_6_the_neighbours_of_an_included_message_are_of_its_own_thread(stage: Stage) -> None:
    await stage.bob.save_messages(
        [said("t2", "bob", "e", id=f"e{number}", created_at=minute(number + 0.5)) for number in range(1, 6)]
    )

    page = await stage.bob.recall("t1", "bob", per_page=1, include=[Include("e3", previous=1, next=1)])

    assert ids(page) == ["e2", "e3", "e4", "m25"]


async def test_rule_6_an_owner_who_was_not_asked_about_gets_no_message_of_a_participant(stage: Stage) -> None:
    await stage.system.add_participant("t1", "carol")

    shared = await stage.carol.recall("t1", per_page=1, include=[Include("c1")])
    own = await stage.carol.recall("t1", "carol", per_page=1, include=[Include("c1")])

    assert ids(shared) == ["m25"], "t1 is bob's, who cannot read c1"
    assert ids(own) == ["c1", "m25"]


async def test_rule_7_what_is_included_may_exceed_the_page_and_is_not_counted(stage: Stage) -> None:
    include = [Include("m2", next=8), Include("m24", previous=3), Include("m2")]

    page = await stage.bob.recall("t1", per_page=2, include=include, start=minute(20))

    assert ids(page) == [*numbered(2, 10), *numbered(21, 25)]
    assert (page.total, page.per_page) == (6, 2)


@pytest.mark.parametrize(
    ("first", "last", "start_exclusive", "end_exclusive"),
    [(20, 23, False, False), (21, 23, True, False), (20, 22, False, True), (21, 22, True, True)],
)
async def test_rule_8_a_range_leaves_out_only_the_ends_that_it_is_told_to(
    stage: Stage, first: int, last: int, start_exclusive: bool, end_exclusive: bool
) -> None:
    flags = {"start_exclusive": start_exclusive, "end_exclusive": end_exclusive}

    recalled = await stage.bob.recall("t1", start=minute(20), end=minute(23), **flags)  # type: ignore[arg-type]
    listed = await stage.bob.list_messages_by_resource_id("bob", start=minute(20), end=minute(23), **flags)  # type: ignore[arg-type]
    found = await stage.bob.search_messages("message", start=minute(20), end=minute(23), **flags)  # type: ignore[arg-type]

    assert ids(recalled) == ids(listed) == sorted(ids(found)) == numbered(first, last)
    assert recalled.total == listed.total == found.total == last - first + 1


STORED: dict[str, dict[str, Any]] = {
    "null": {"k": None},
    "missing": {},
    "true": {"k": True},
    "false": {"k": False},
    "one": {"k": 1},
    "float": {"k": 1.0},
    "text": {"k": "1"},
    "zero": {"k": -0.0},
    "tenth": {"k": 0.1},
    "ugly": {"k": 8.41e-15},
    "big": {"k": 2**70},
    "bigger": {"k": 2**70 + 1},
    "small": {"k": -(2**63)},
    "huge": {"k": 1e300},
    "quoted": {"k": "a\"b'c\\d\n\u00e9\U0001f600\0"},
    "nested": {"k": {"k": 1}, "other": {"k": "1"}},
    "list": {"k": [1]},
    "pair": {"k": "x", "n.m-o": "y"},
}


WANTED: list[tuple[dict[str, Any], set[str]]] = [
    ({"k": None}, {"null"}),
    ({"k": True}, {"true"}),
    ({"k": False}, {"false"}),
    ({"k": 1}, {"one", "float"}),
    ({"k": 1.0}, {"one", "float"}),
    ({"k": "1"}, {"text"}),
    ({"k": 0}, {"zero"}),
    ({"k": -0.0}, {"zero"}),
    ({"k": 0.1}, {"tenth"}),
    ({"k": 8.41e-15}, {"ugly"}),
    ({"k": 2**70}, {"big"}),
    ({"k": float(2**70)}, {"big"}),
    ({"k": 2**70 + 1}, {"bigger"}),
    ({"k": -(2**63)}, {"small"}),
    ({"k": 1e300}, {"huge"}),
    ({"k": "a\"b'c\\d\n\u00e9\U0001f600\0"}, {"quoted"}),
    ({"k": "x", "n.m-o": "y"}, {"pair"}),
    ({"k": "x", "n.m-o": "z"}, set()),
    ({"n": "y"}, set()),
    ({"missing": None}, set()),
    ({}, set(STORED)),
]


async def test_rule_9_metadata_matches_by_value_and_null_only_what_is_null(memory: Memory) -> None:
    bob = memory.as_actor(Actor.person("bob"))
    await bob.create_thread("bob", "thread")
    for name, metadata in STORED.items():
        await bob.create_thread("bob", f"t-{name}", metadata={**metadata, "kept": 1})
    await bob.save_messages([said("thread", "bob", "x", id=name, metadata=one) for name, one in STORED.items()])

    for wanted, expected in WANTED:
        messages = await bob.recall("thread", per_page=None, metadata=wanted)
        threads = await bob.list_threads({"metadata": {**wanted, "kept": 1.0}})

        assert (set(ids(messages)), messages.total) == (expected, len(expected)), wanted
        assert {one.removeprefix("t-") for one in ids(threads)} == expected, wanted


async def test_rule_10_parallel_merges_of_a_message_s_metadata_all_survive(stage: Stage) -> None:
    changes = [stage.bob.update_messages([MessageChange("m1", metadata={f"k{number}": number})]) for number in range(9)]

    await asyncio.gather(*changes)

    (message,) = (await stage.bob.recall("t1", end=minute(1))).items
    assert message.metadata == {f"k{number}": number for number in range(9)}


async def _add_fact(memory: Memory, name: str, resource_id: str, sources: list[str]) -> None:
    """A fact about a person that rests on messages; and a vector of each of them."""

    def write(connection: Connection) -> None:
        person = select(people.c.key).where(people.c.resource_id == resource_id).scalar_subquery()
        keys = connection.execute(select(messages.c.key).where(messages.c.id.in_(sources))).scalars().all()
        values = {"workspace_key": 1, "resource_key": person, "id": name, "text": name}
        statement = insert(facts).values(**values, created_at=START, updated_at=START).returning(facts.c.key)
        fact = connection.execute(statement).scalar_one()
        connection.execute(insert(fact_sources), [{"fact_key": fact, "message_key": key} for key in keys])
        rows = [{"message_key": key, "model": name, "dimensions": 1, "vector": b"1234"} for key in keys]
        connection.execute(insert(vectors), rows)

    await memory._store.write(write)


async def test_rule_11_a_deleted_thread_takes_along_what_rests_on_it_alone(stage: Stage) -> None:
    await stage.bob.save_messages([said("t2", "bob", "metric units", id="e1")])
    await _add_fact(stage.memory, "on t2 alone", "bob", ["e1"])
    await _add_fact(stage.memory, "on both", "bob", ["e1", "m1"])

    for _ in range(2):
        await stage.bob.delete_thread("t2")

    assert [(fact.id, fact.sources) for fact in await stage.bob.list_facts("bob")] == [("on both", ("m1",))]
    assert (await stage.bob.search_messages("metric units")).total == 0
    left = await stage.memory._store.read(
        lambda connection: connection.execute(select(func.count(vectors.c.model))).scalar()
    )
    assert left == 1


async def test_rule_11_a_deleted_message_takes_along_what_rests_on_it_alone(stage: Stage) -> None:
    await _add_fact(stage.memory, "gone", "bob", ["m1"])
    await _add_fact(stage.memory, "kept", "bob", ["m1", "m2"])

    await stage.bob.delete_messages(["m1"])

    assert [fact.id for fact in await stage.bob.list_facts("bob")] == ["kept"]


async def test_rule_11_facts_are_shown_to_their_person_and_forgotten_by_her_alone(stage: Stage) -> None:
    await _add_fact(stage.memory, "fact", "bob", ["m1"])

    await stage.carol.forget_fact("fact")

    assert [fact.id for fact in await stage.bob.list_facts("bob")] == ["fact"]
    assert await stage.carol.list_facts("bob") == []
    assert await stage.supervisor("bob").list_facts("bob") == []
    await stage.bob.forget_fact("fact")
    assert await stage.bob.list_facts("bob") == []


async def test_rule_12_an_id_twice_in_one_save_is_refused(stage: Stage) -> None:
    refusal = await refused(stage.bob.save_messages([said("t1", "bob", "a", id="x"), said("t2", "bob", "b", id="x")]))

    assert refusal.parameter == "id"
    assert (await stage.system.search_messages("a b")).total == 0


async def test_rule_12_the_id_of_another_person_s_message_is_taken(stage: Stage) -> None:
    await stage.system.add_participant("t1", "carol")

    with pytest.raises(Conflict, match="m1"):
        await stage.carol.save_messages([said("t1", "carol", "hers", id="m1")])
    with pytest.raises(Conflict, match="m1"):
        await stage.carol.save_messages([said("t4", "carol", "hers", id="m1")])
    with pytest.raises(NotAllowed):
        await stage.carol.save_messages([said("t1", "bob", "his", id="m1")])

    assert texts(await stage.bob.recall("t1", end=minute(1))) == ["message 1"]
    assert (await stage.carol.recall("t4")).total == 2


async def test_rule_12_new_messages_and_edits_are_saved_together(stage: Stage) -> None:
    saved = await stage.bob.save_messages(
        [said("t1", "bob", "new", id="n1"), said("t1", "bob", "edited", id="m3"), said("t2", "bob", "other", id="n2")]
    )

    page = await stage.bob.recall("t1", per_page=None)
    assert [one.id for one in saved] == ["n1", "m3", "n2"]
    assert (page.total, page.items[2], page.items[-1]) == (26, saved[1], saved[0])
    thread = await stage.bob.get_thread_by_id("t1")
    assert thread is not None
    assert (thread.message_count, thread.last_message_at) == (26, saved[0].created_at)


async def test_rule_12_a_person_changes_and_deletes_her_own_words_only(stage: Stage) -> None:
    await stage.system.add_participant("t1", "carol")

    changed = await stage.carol.update_messages([MessageChange("m1", text="hers"), MessageChange("c1", text="new")])
    await stage.carol.delete_messages(["m1", "m2", "c2"])

    assert [one.id for one in changed] == ["c1"]
    assert texts(await stage.bob.recall("t1", end=minute(2))) == ["message 1", "message 2"]
    assert texts(await stage.carol.recall("t4")) == ["new"]


async def test_rule_12_the_program_saves_only_words_of_those_who_take_part(stage: Stage) -> None:
    with pytest.raises(NotAllowed):
        await stage.system.save_messages([said("t1", "carol", "planted")])

    await stage.system.add_participant("t1", "carol")
    await stage.system.save_messages([said("t1", "carol", "said"), said("t1", "bob", "answered", role="assistant")])

    assert texts(await stage.bob.recall("t1", per_page=2)) == ["said", "answered"]


async def test_rules_13_and_14_working_memory_says_that_it_is_not_there_yet(stage: Stage) -> None:
    with pytest.raises(NotAvailable):
        await stage.bob.get_working_memory(resource_id="bob")
    with pytest.raises(NotAvailable):
        await stage.bob.update_working_memory("# Bob", resource_id="bob")


BLANKS: list[tuple[str, str, Callable[[MemoryView, Any], Awaitable[object]]]] = [
    ("create_thread", "resource_id", lambda view, blank: view.create_thread(blank)),
    ("create_thread id", "thread_id", lambda view, blank: view.create_thread("bob", blank)),
    ("get_thread_by_id", "thread_id", lambda view, blank: view.get_thread_by_id(blank)),
    ("get_thread_by_id of", "resource_id", lambda view, blank: view.get_thread_by_id("t1", blank)),
    ("list_threads", "resource_id", lambda view, blank: view.list_threads({"resource_id": blank})),
    ("list_threads_by", "resource_id", lambda view, blank: view.list_threads_by_resource_id(blank)),
    ("get_threads_by", "resource_id", lambda view, blank: view.get_threads_by_resource_id(blank)),
    ("update_thread", "thread_id", lambda view, blank: view.update_thread(blank, title="x")),
    ("delete_thread", "thread_id", lambda view, blank: view.delete_thread(blank)),
    ("transfer_thread", "thread_id", lambda view, blank: view.transfer_thread(blank, "bob")),
    ("transfer_thread to", "resource_id", lambda view, blank: view.transfer_thread("t1", blank)),
    ("add_participant", "thread_id", lambda view, blank: view.add_participant(blank, "bob")),
    ("add_participant of", "resource_id", lambda view, blank: view.add_participant("t1", blank)),
    ("clone_thread", "thread_id", lambda view, blank: view.clone_thread(blank)),
    ("clone_thread to", "new_thread_id", lambda view, blank: view.clone_thread("t1", blank)),
    ("clone_thread ids", "message_ids", lambda view, blank: view.clone_thread("t1", message_ids=["m1", blank])),
    ("save_messages", "thread_id", lambda view, blank: view.save_messages([said(blank, "bob", "x")])),
    ("save_messages of", "resource_id", lambda view, blank: view.save_messages([said("t1", blank, "x")])),
    ("save_messages id", "id", lambda view, blank: view.save_messages([said("t1", "bob", "x", id=blank)])),
    ("update_messages", "id", lambda view, blank: view.update_messages([MessageChange(blank, text="x")])),
    ("delete_messages", "ids", lambda view, blank: view.delete_messages(["m1", blank])),
    ("recall", "thread_id", lambda view, blank: view.recall(blank)),
    ("recall of several", "thread_id", lambda view, blank: view.recall(["t1", blank])),
    ("recall of", "resource_id", lambda view, blank: view.recall("t1", blank)),
    ("recall include", "include", lambda view, blank: view.recall("t1", include=[Include(blank)])),
    ("list_messages", "resource_id", lambda view, blank: view.list_messages_by_resource_id(blank)),
    ("search_messages", "resource_id", lambda view, blank: view.search_messages("message", blank)),
    ("search_messages for", "query", lambda view, blank: view.search_messages(blank)),
    ("recall search", "query", lambda view, blank: view.recall("t1", search=blank)),
    ("list_facts", "resource_id", lambda view, blank: view.list_facts(blank)),
    ("forget_fact", "fact_id", lambda view, blank: view.forget_fact(blank)),
    ("suggest_title", "thread_id", lambda view, blank: view.suggest_title(blank, "x")),
    ("window_boundary", "thread_id", lambda view, blank: view.window_boundary(blank)),
    ("move_window_boundary", "thread_id", lambda view, blank: view.move_window_boundary(blank, Boundary(START))),
]


async def test_rule_16_a_blank_id_never_means_everyone(stage: Stage) -> None:
    before = await stage.system.list_threads(), await stage.system.recall("t1", per_page=None)

    for view in (stage.bob, stage.system):
        for name, parameter, act in BLANKS:
            for blank in ("", "  ", "\t\n"):
                refusal = await refused(act(view, blank))
                assert refusal.parameter == parameter, name

    assert before == (await stage.system.list_threads(), await stage.system.recall("t1", per_page=None))


@pytest.mark.parametrize("blank", ["", "  ", None, 7])
def test_rule_16_an_actor_has_an_id_and_a_reason(blank: Any) -> None:
    makes: list[tuple[str, Callable[[], object]]] = [
        ("resource_id", lambda: Actor.person(blank)),
        ("resource_id", lambda: Actor("person", blank)),
        ("id", lambda: Actor.supervisor(blank, persons=["bob"], reason="review")),
        ("persons", lambda: Actor.supervisor("manager", persons=[blank], reason="review")),
        ("reason", lambda: Actor.supervisor("manager", persons=["bob"], reason=blank)),
        ("reason", lambda: Actor.system(blank)),
        ("reason", lambda: Actor("system", "system", note=blank)),
        ("kind", lambda: Actor(blank, "bob")),
    ]

    for parameter, make in makes:
        with pytest.raises(InvalidArgument) as refusal:
            make()
        assert refusal.value.parameter == parameter


@pytest.mark.parametrize("persons", [[], (), "bob", None, {"bob": 1}, [f"p{number}" for number in range(1_001)]])
def test_rule_16_a_supervisor_has_a_list_of_persons(persons: Any) -> None:
    makes: list[Callable[[], object]] = [
        lambda: Actor.supervisor("manager", persons=persons, reason="review"),
        lambda: Actor("supervisor", "manager", (), "review"),
    ]

    for make in makes:
        with pytest.raises(InvalidArgument) as refusal:
            make()
        assert refusal.value.parameter == "persons"


async def test_rule_16_a_missing_workspace_s_reader_sees_an_empty_memory(stage: Stage, url: str) -> None:
    assert (await stage.system.list_threads()).total == 5
    async with await Memory.open(url, workspace="local:unheard-of", purpose="reader") as other:
        for actor in (Actor.system("test"), Actor.person("bob")):
            assert (await other.as_actor(actor).list_threads()).total == 0
            with pytest.raises(NotFound):
                await other.as_actor(actor).recall("t1", "bob")
