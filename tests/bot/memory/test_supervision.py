"""What a supervisor reads: recorded first, of her persons alone, and only what was said under a disclosure."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast, get_args

import pytest
from sqlalchemy import Connection, Row, select

from bot import Actor, Memory, MessageChange, Page
from bot.errors import NotAllowed, NotFound, StorageError
from bot.memory.boundary import Boundary
from bot.memory.values import ANOTHER_PARTICIPANT, Include, PlaceKind
from bot.memory.view import MemoryView
from bot.storage.store import Store
from bot.storage.tables import audit, people
from tests.bot.memory.stage import START, Stage, disclose, ids, minute, numbered, outcome, said, texts
from tests.engines import SECRET

Read = Callable[[MemoryView, str], Awaitable[object]]

#: Every way to read of a thread, with what the audit calls it.
READS: dict[str, tuple[str, Read]] = {
    "get_thread_by_id": ("open", lambda view, thread_id: view.get_thread_by_id(thread_id)),
    "get_thread_by_id of bob": ("open", lambda view, thread_id: view.get_thread_by_id(thread_id, "bob")),
    "list_threads": ("list", lambda view, _: view.list_threads()),
    "list_threads of bob": ("list", lambda view, _: view.list_threads({"resource_id": "bob"})),
    "get_threads_by_resource_id": ("list", lambda view, _: view.get_threads_by_resource_id("bob")),
    "recall": ("open", lambda view, thread_id: view.recall(thread_id, per_page=None)),
    "recall of bob": ("open", lambda view, thread_id: view.recall(thread_id, "bob", per_page=None)),
    "recall with search": ("open", lambda view, thread_id: view.recall(thread_id, search="words")),
    "list_messages": ("list", lambda view, _: view.list_messages_by_resource_id("bob", per_page=None)),
    "search_messages": ("search", lambda view, _: view.search_messages("words")),
    "search_messages of bob": ("search", lambda view, _: view.search_messages("words", "bob")),
    "window_boundary": ("open", lambda view, thread_id: view.window_boundary(thread_id)),
    "list_facts": ("facts", lambda view, _: view.list_facts("bob")),
}


class WatchedStore:
    """A store that calls `before` ahead of each read."""

    def __init__(self, store: Store, before: Callable[[], Awaitable[None]]) -> None:
        self.store = store
        self.before = before

    async def read(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        await self.before()
        return await self.store.read(function, *args, **kwargs)

    async def write(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        return await self.store.write(function, *args, **kwargs)


async def _audited(memory: Memory) -> list[Row[Any]]:
    def rows(connection: Connection) -> list[Row[Any]]:
        actor = people.alias()
        joined = audit.outerjoin(people, people.c.subject_id == audit.c.subject_id)
        joined = joined.outerjoin(actor, actor.c.subject_id == audit.c.actor_id)
        columns = (actor.c.resource_id.label("actor"), audit.c.action, people.c.resource_id, audit.c.note)
        return list(connection.execute(select(*columns).select_from(joined).order_by(audit.c.key)))

    found: list[Row[Any]] = await memory._store.read(rows)
    return found


async def _share(stage: Stage) -> None:
    """bob and carol talk in a thread of hers and in one of his."""
    await stage.carol.create_thread("carol", "hers", title="carol-canary title", metadata={"of": "carol-canary"})
    await stage.bob.create_thread("bob", "his", title="his title", metadata={"of": "bob"})
    for thread_id, other in (("hers", "bob"), ("his", "carol")):
        await stage.system.add_participant(thread_id, other)
        await stage.bob.save_messages(
            [
                said(
                    thread_id, "bob", "bob's words", id=f"{thread_id}-1", created_at=minute(1), metadata={"of": "bob"}
                ),
                said(thread_id, "bob", "an answer in words", id=f"{thread_id}-2", role="assistant"),
            ]
        )
        await stage.carol.save_messages(
            [said(thread_id, "carol", "carol-canary words", id=f"{thread_id}-3", metadata={"of": "carol-canary"})]
        )


def _watched(stage: Stage, before: Callable[[], Awaitable[None]]) -> MemoryView:
    """The memory as a supervisor of bob sees it, with an eye on its reads."""
    store = cast(Store, WatchedStore(stage.memory._store, before))
    told = stage.memory
    memory = Memory(store, told._workspace_key, told.options, stage.clock, told._recorder)
    return Stage(memory, stage.clock).supervisor("bob")


async def test_a_read_is_on_record_before_it_is_made(stage: Stage) -> None:
    at_reading: list[list[Row[Any]]] = []

    async def look() -> None:
        at_reading.append(await _audited(stage.memory))

    for number, (action, read) in enumerate(READS.values(), start=1):
        await read(_watched(stage, look), "t1")

        assert len(at_reading) == len(at_reading[-1]) == number
        assert at_reading[-1][-1] == ("manager", action, "bob", "weekly review")


async def test_nothing_is_read_that_cannot_be_recorded(stage: Stage) -> None:
    reads: list[None] = []

    async def look() -> None:
        reads.append(None)

    await stage.memory._store.write(lambda connection: connection.exec_driver_sql("DROP TABLE audit"))

    for _, read in READS.values():
        with pytest.raises(StorageError):
            await read(_watched(stage, look), "t1")
    assert reads == []


async def test_each_person_asked_for_is_on_record_known_or_not(stage: Stage) -> None:
    view = stage.supervisor("bob", "nobody", "carol", "bob")

    await view.list_threads()
    await view.list_threads({"resource_id": "dave"})
    await stage.bob.list_threads()
    await stage.system.list_threads()

    assert [(row.action, row.resource_id) for row in await _audited(stage.memory)] == [
        ("list", "bob"),
        ("list", None),
        ("list", "carol"),
        ("list", None),
    ]


async def test_a_supervisor_reads_her_persons_conversations(stage: Stage) -> None:
    view = stage.supervisor("bob")

    assert ids(await view.list_threads()) == ["t1"], "where he said something"
    assert ids(await view.get_threads_by_resource_id("bob")) == ["t1"]
    page = await view.recall("t1")
    assert (ids(page), page.total) == (numbered(16, 25), 25)
    assert page == await stage.bob.recall("t1")
    assert (await view.search_messages("message")).items == (await stage.bob.search_messages("message")).items
    assert await view.get_thread_by_id("t1") == await stage.bob.get_thread_by_id("t1")


async def test_third_parties_stand_there_without_name_and_words(stage: Stage) -> None:
    await _share(stage)
    view = stage.supervisor("bob")

    for thread_id in ("hers", "his"):
        page = await view.recall(thread_id, include=[Include(f"{thread_id}-3", previous=1)])

        assert [(one.resource_id, one.role, one.text) for one in page.items] == [
            ("bob", "user", "bob's words"),
            ("bob", "assistant", "an answer in words"),
            (ANOTHER_PARTICIPANT, "user", ""),
        ]
        assert [dict(one.metadata) for one in page.items] == [{"of": "bob"}, {}, {}]


async def test_a_thread_s_title_and_metadata_are_shown_if_it_is_her_person_s(stage: Stage) -> None:
    await _share(stage)
    view = stage.supervisor("bob")

    his, hers = await view.get_thread_by_id("his"), await view.get_thread_by_id("hers")

    assert his is not None
    assert hers is not None
    assert (his.title, his.metadata, his.resource_id) == ("his title", {"of": "bob"}, "bob")
    assert his.participants == ("bob", ANOTHER_PARTICIPANT)
    assert (hers.title, hers.metadata, hers.resource_id) == ("", {}, ANOTHER_PARTICIPANT)
    assert sorted(hers.participants) == [ANOTHER_PARTICIPANT, "bob"]
    assert {(one.id, one.title) for one in (await view.list_threads()).items} >= {("his", "his title"), ("hers", "")}


async def test_third_parties_words_are_found_by_nothing(stage: Stage) -> None:
    await _share(stage)
    view = stage.supervisor("bob")

    found: list[Page[Any]] = [
        await view.search_messages("canary"),
        await view.search_messages("words", "carol"),
        await view.search_messages("words", metadata={"of": "carol-canary"}),
        await view.recall("his", search="canary"),
        await view.recall("his", metadata={"of": "carol-canary"}),
        await view.recall("hers", start=minute(2), metadata={"of": "carol-canary"}),
        await view.list_messages_by_resource_id("carol"),
        await view.list_threads({"resource_id": "carol"}),
        await view.list_threads({"metadata": {"of": "carol-canary"}}),
        await view.list_threads({"resource_id": ANOTHER_PARTICIPANT}),
    ]

    assert [(page.items, page.total) for page in found] == [((), 0)] * len(found)
    assert sorted(ids(await view.search_messages("words"))) == ["hers-1", "hers-2", "his-1", "his-2"]
    assert sorted(ids(await view.list_threads({"metadata": {"of": "bob"}}))) == ["his"]


async def test_no_read_holds_a_third_party_s_name_or_words(stage: Stage) -> None:
    await _share(stage)

    for thread_id in ("hers", "his"):
        for name, (_, read) in READS.items():
            assert "carol" not in repr(await outcome(read(stage.supervisor("bob"), thread_id))), name


@pytest.mark.parametrize("stranger", ["carol", "nobody", ANOTHER_PARTICIPANT])
async def test_a_supervisor_cannot_ask_by_name_for_whom_she_may_not_read(stage: Stage, stranger: str) -> None:
    await _share(stage)
    view = stage.supervisor("bob")

    for thread_id in ("hers", "his"):
        assert await view.get_thread_by_id(thread_id, stranger) is None
        with pytest.raises(NotFound, match=rf"^No thread found with id {thread_id}$"):
            await view.recall(thread_id, stranger)
    assert (await view.list_threads_by_resource_id(stranger)).total == 0
    assert (await view.list_messages_by_resource_id(stranger)).total == 0
    assert await view.list_facts(stranger) == []


async def test_what_third_parties_write_moves_no_order_of_a_supervisor_s_hits(stage: Stage) -> None:
    """A word in one of five messages weighs more than one in four of them; among two hundred it hardly does."""
    said_by_bob = ("rare one two three", "usual usual usual usual", "usual x", "usual y", "usual z", "other")
    await stage.bob.save_messages([said("t2", "bob", text, id=text) for text in said_by_bob])
    await stage.system.add_participant("t2", "carol")
    await stage.bob.delete_thread("t1")
    before = await stage.supervisor("bob").search_messages("rare usual")

    await stage.carol.save_messages([said("t2", "carol", "rare words of hers") for _ in range(200)])

    assert ids(before)[0] == "rare one two three"
    assert (await stage.supervisor("bob").search_messages("rare usual")) == before


async def test_refusal_and_absence_look_alike_to_a_supervisor(stage: Stage) -> None:
    outsider = stage.supervisor("dave")

    for _, read in READS.values():
        foreign = await outcome(read(outsider, "t1"))
        missing = await outcome(read(outsider, "t0"))

        assert repr(foreign).replace("t1", "t0") == repr(missing)
        assert "message " not in repr(foreign)


async def test_supervision_is_off_in_a_workspace_until_it_is_switched_on(
    stage: Stage, url: str, tmp_path: Path
) -> None:
    async with await Memory.open(
        url, workspace="slack:T1", now=stage.clock, secret=SECRET, anchor=tmp_path / "anchor"
    ) as other:
        elsewhere = Stage(other, stage.clock)
        await elsewhere.bob.create_thread("bob", "t1", title="title")
        await elsewhere.bob.save_messages([said("t1", "bob", "words")])

        closed = [await outcome(read(elsewhere.supervisor("bob"), "t1")) for _, read in READS.values()]
        absent = [await outcome(read(elsewhere.supervisor("nobody"), "t0")) for _, read in READS.values()]
        await disclose(other, "all")
        opened = [await outcome(read(elsewhere.supervisor("bob"), "t1")) for _, read in READS.values()]

    assert "words" not in repr(closed)
    assert repr(closed).replace("t1", "t0") == repr(absent)
    assert opened == closed, "what was said before stays closed"


@pytest.mark.parametrize(
    ("supervision", "seen"),
    [("off", []), ("channels", ["private", "public"]), ("all", ["direct", "private", "public"])],
)
async def test_supervision_of_channels_leaves_direct_messages_out(
    memory: Memory, stage: Stage, supervision: str, seen: list[PlaceKind]
) -> None:
    await disclose(memory, supervision)
    for kind in get_args(PlaceKind):
        await stage.bob.create_thread("bob", kind, title=f"{kind} title", place_kind=kind)
        await stage.bob.save_messages([said(kind, "bob", f"{kind} canary")])
    view = stage.supervisor("bob")

    threads = [one for one in (await view.list_threads()).items if one.id != "t1"]
    found = await view.search_messages("canary", per_page=None)

    assert sorted((one.id, one.title) for one in threads) == [(kind, f"{kind} title") for kind in seen]
    assert sorted(texts(found)) == [f"{kind} canary" for kind in seen]
    assert (await view.recall("direct")).total == ("direct" in seen)


async def test_words_said_under_a_narrower_disclosure_stay_unread(stage: Stage) -> None:
    await disclose(stage.memory, "off")
    await stage.bob.create_thread("bob", "talk", title="a question before")
    await stage.bob.save_messages([said("talk", "bob", "canary before", id="b")])
    await disclose(stage.memory, "all")
    await stage.bob.save_messages([said("talk", "bob", "words after", id="a")])
    view = stage.supervisor("bob")

    page = await view.recall("talk", include=[Include("b"), Include("a", previous=9)])

    assert (texts(page), page.total) == (["words after"], 1)
    thread = await view.get_thread_by_id("talk")
    assert thread is not None
    assert (thread.title, thread.metadata) == ("", {}), "its title is of the first question"
    assert (await view.search_messages("canary")).total == 0
    assert "canary" not in repr(await view.list_messages_by_resource_id("bob"))


async def test_words_changed_under_a_narrower_disclosure_stay_unread(stage: Stage) -> None:
    await disclose(stage.memory, "off")

    await stage.bob.update_messages([MessageChange("m1", text="canary by update"), MessageChange("m2", metadata={})])
    await stage.bob.save_messages([said("t1", "bob", "canary by save", id="m3")])

    await disclose(stage.memory, "all")
    page = await stage.supervisor("bob").recall("t1", per_page=3, order_by=("created_at", "ASC"))
    assert ids(page) == ["m2", "m4", "m5"]
    await stage.bob.update_messages([MessageChange("m1", text="canary again")])
    assert (await stage.supervisor("bob").search_messages("canary")).total == 0


async def test_supervision_that_was_switched_off_ends_at_once(stage: Stage) -> None:
    view = stage.supervisor("bob")
    assert (await view.recall("t1")).total == 25

    await disclose(stage.memory, "channels")
    assert (await view.recall("t1")).total == 0
    assert (await view.list_threads()).total == 0

    await disclose(stage.memory, "all")
    assert (await view.recall("t1")).total == 25


WRITES: dict[str, Callable[[MemoryView, str], Awaitable[object]]] = {
    "create_thread": lambda view, thread_id: view.create_thread("bob", thread_id),
    "update_thread": lambda view, thread_id: view.update_thread(thread_id, title="x"),
    "delete_thread": lambda view, thread_id: view.delete_thread(thread_id),
    "clone_thread": lambda view, thread_id: view.clone_thread(thread_id),
    "transfer_thread": lambda view, thread_id: view.transfer_thread(thread_id, "manager"),
    "add_participant": lambda view, thread_id: view.add_participant(thread_id, "manager"),
    "suggest_title": lambda view, thread_id: view.suggest_title(thread_id, "x"),
    "move_window_boundary": lambda view, thread_id: view.move_window_boundary(thread_id, Boundary(START)),
    "save_messages": lambda view, thread_id: view.save_messages([said(thread_id, "bob", "planted")]),
    "update_messages": lambda view, _: view.update_messages([MessageChange("m1", text="planted")]),
    "delete_messages": lambda view, _: view.delete_messages(["m1"]),
    "forget_fact": lambda view, _: view.forget_fact("fact"),
    "open_turn": lambda view, thread_id: view.open_turn(thread_id, "planted"),
    "read_context": lambda view, thread_id: view.read_context(thread_id, 10),
    "name_person": lambda view, _: view.name_person("bob", "x"),
}


async def test_a_supervisor_changes_nothing_and_learns_nothing_by_trying(stage: Stage) -> None:
    before = await stage.system.list_threads(), await stage.system.recall("t1", per_page=None)

    for name, write in WRITES.items():
        outcomes = set()
        for thread_id in ("t1", "t4", "nope"):
            with pytest.raises(NotAllowed) as refusal:
                await write(stage.supervisor("bob"), thread_id)
            outcomes.add(str(refusal.value))
        assert len(outcomes) == 1, name

    assert before == (await stage.system.list_threads(), await stage.system.recall("t1", per_page=None))


async def test_the_records_of_a_workspace_stand_in_that_workspace(stage: Stage, url: str, tmp_path: Path) -> None:
    async with await Memory.open(
        url, workspace="slack:T1", now=stage.clock, secret=SECRET, anchor=tmp_path / "anchor"
    ) as other:
        await other.as_actor(Actor.supervisor("chief", persons=["bob"], reason="review")).list_threads()

    (row,) = await stage.memory._store.read(
        lambda connection: list(connection.execute(select(audit.c.workspace_key, audit.c.subject_id)))
    )
    assert row.workspace_key != stage.memory._workspace_key
    assert row.subject_id is None, "bob is another person there, and unknown"


async def test_a_supervisor_of_a_thousand_persons_reads_them_all(stage: Stage) -> None:
    view = stage.supervisor("bob", *(f"person {number}" for number in range(999)))

    deep = await view.recall("t1", "bob", page=1, per_page=2, metadata={"k": "five"}, include=[Include("m1")])

    assert ids(deep) == ["m1", "m10", "m15"]
    assert ids(await view.list_threads({"resource_id": "bob", "metadata": {"n": 1}})) == ["t1"]
    assert ids(await view.search_messages("message 7", per_page=1)) == ["m7"]
    assert len(await _audited(stage.memory)) == 1 + 1 + 1_000
