"""The cases of the memory's semantics, by their numbers (docs/memory.md), on both engines."""

from collections.abc import Awaitable
from typing import Any
from uuid import UUID

import pytest

from bot import Memory, MemoryOptions, Message, MessageChange
from bot.errors import Conflict, NotAllowed, NotFound
from bot.memory.boundary import Boundary
from bot.memory.values import Include
from tests.bot.memory.stage import START, Stage, ids, minute, numbered, refused, said, texts, ticking


async def test_case_1_a_new_thread_has_an_id_of_its_own_no_title_and_one_time(stage: Stage) -> None:
    alice = stage.person("alice")

    thread = await alice.create_thread("alice")

    assert str(UUID(thread.id)) == thread.id
    assert (thread.resource_id, thread.title, thread.participants) == ("alice", "", ("alice",))
    assert thread.created_at == thread.updated_at
    assert await alice.get_thread_by_id(thread.id) == thread


async def test_case_2_a_missing_thread_is_none(stage: Stage) -> None:
    assert await stage.bob.get_thread_by_id("nope") is None
    assert await stage.system.get_thread_by_id("nope") is None


async def test_case_3_a_thread_is_none_to_a_person_who_takes_no_part(stage: Stage) -> None:
    assert await stage.bob.get_thread_by_id("t1", resource_id="carol") is None
    assert await stage.system.get_thread_by_id("t1", resource_id="carol") is None
    assert await stage.carol.get_thread_by_id("t1") is None
    assert await stage.carol.get_thread_by_id("t1", resource_id="bob") is None


async def test_case_4_a_list_is_newest_first_with_its_counts(stage: Stage) -> None:
    page = await stage.bob.list_threads({"resource_id": "bob"})

    assert ids(page) == ["t3", "t2", "t1"]
    assert (page.total, page.page, page.per_page, page.has_more) == (3, 0, 100, False)
    assert page == await stage.bob.list_threads_by_resource_id("bob")
    assert list(page.items) == await stage.bob.get_threads_by_resource_id("bob")


async def test_case_5_a_list_by_update_goes_by_the_update(stage: Stage) -> None:
    page = await stage.bob.list_threads({"resource_id": "bob"}, order_by=("updated_at", "ASC"))

    assert ids(page) == ["t3", "t2", "t1"]


async def test_case_6_a_list_can_be_oldest_first(stage: Stage) -> None:
    page = await stage.bob.list_threads({"resource_id": "bob"}, order_by=("created_at", "ASC"))

    assert ids(page) == ["t1", "t2", "t3"]


async def test_case_7_a_list_in_an_unknown_order_is_refused(stage: Stage) -> None:
    wrong: list[Any] = [
        ("title", "ASC"),
        ("created_at", "asc"),
        ("created_at",),
        ["created_at", "ASC"],
        "created_at",
        None,
    ]

    for order_by in wrong:
        refusals = [
            await refused(stage.bob.list_threads({"resource_id": "bob"}, order_by=order_by)),
            await refused(stage.bob.list_messages_by_resource_id("bob", order_by=order_by)),
        ]
        assert {refusal.parameter for refusal in refusals} == {"order_by"}


async def test_case_8_pages_are_counted_from_zero_and_end_empty(stage: Stage) -> None:
    pages = [await stage.bob.list_threads({"resource_id": "bob"}, number, 2) for number in (0, 1, 9)]

    assert [ids(page) for page in pages] == [["t3", "t2"], ["t1"], []]
    assert [page.has_more for page in pages] == [True, False, False]
    assert [page.total for page in pages] == [3, 3, 3]


async def test_case_9_all_is_one_page(stage: Stage) -> None:
    refusal = await refused(stage.bob.list_threads({"resource_id": "bob"}, 3, None))

    assert refusal.parameter == "page"
    assert str(refusal) == "page must be 0 when per_page is None"
    assert ids(await stage.bob.list_threads({"resource_id": "bob"}, 0, None)) == ["t3", "t2", "t1"]


async def test_case_10_a_page_of_nothing_tells_the_total(stage: Stage) -> None:
    page = await stage.bob.list_threads({"resource_id": "bob"}, per_page=0)

    assert (page.items, page.total, page.has_more) == ((), 3, True)


async def test_case_11_a_page_that_cannot_be_is_refused(stage: Stage) -> None:
    wrong: list[tuple[Any, Any, str, str]] = [
        (0, -1, "per_page", "per_page must be >= 0"),
        (0, 1.5, "per_page", "per_page must be None or an integer"),
        (0, True, "per_page", "per_page must be None or an integer"),
        (0, "2", "per_page", "per_page must be None or an integer"),
        (-1, 2, "page", "page must be >= 0"),
        (0.5, 2, "page", "page must be an integer"),
        (False, 2, "page", "page must be an integer"),
        (2**31, 2, "page", "page and per_page must be below 2,147,483,648"),
    ]

    for page, per_page, parameter, sentence in wrong:
        refusals = [
            await refused(stage.bob.list_threads(None, page, per_page)),
            await refused(stage.bob.recall("t1", page=page, per_page=per_page)),
            await refused(stage.bob.list_messages_by_resource_id("bob", page, per_page)),
            await refused(stage.bob.search_messages("message", page=page, per_page=per_page)),
        ]
        assert {refusal.parameter for refusal in refusals} == {parameter}
        assert {str(refusal) for refusal in refusals} == {sentence}


async def test_case_12_metadata_alone_filters_what_the_actor_may_see(stage: Stage) -> None:
    team = {"metadata": {"team": "red"}}

    assert ids(await stage.system.list_threads(team)) == ["t5", "t3", "t1"]
    assert ids(await stage.bob.list_threads(team)) == ["t3", "t1"]
    assert ids(await stage.person("stranger").list_threads(team)) == []


async def test_case_13_metadata_filters_a_person_s_list(stage: Stage) -> None:
    assert ids(await stage.carol.list_threads({"resource_id": "carol", "metadata": {"team": "red"}})) == ["t5"]


async def test_case_14_a_filter_takes_plain_names_and_scalars_only(stage: Stage) -> None:
    nested = await refused(stage.bob.list_threads({"metadata": {"n": {"a": 1}}}))
    named = await refused(stage.bob.recall("t1", metadata={"bad key;": 1}))

    assert nested.parameter == named.parameter == "metadata"
    assert str(nested) == "metadata can be filtered by scalars only"
    assert str(named) == "metadata has an invalid key: letters, digits and _ . - only"


async def test_case_15_a_list_of_nobody_is_refused(stage: Stage) -> None:
    for blank in ("", "  ", None, 7):
        refusal = await refused(stage.system.list_threads({"resource_id": blank}))

        assert refusal.parameter == "resource_id"
        assert str(refusal) == "resource_id must be a non-empty string"


async def test_case_16_an_update_gives_a_title_and_merges_metadata(stage: Stage) -> None:
    before = await stage.bob.get_thread_by_id("t1")

    thread = await stage.bob.update_thread("t1", title="New", metadata={"extra": 1})

    assert before is not None
    assert (thread.title, thread.metadata) == ("New", {"team": "red", "n": 1, "open": True, "extra": 1})
    assert thread.updated_at > before.updated_at
    assert thread == await stage.bob.get_thread_by_id("t1")
    with pytest.raises(NotFound, match=r"^No thread found with id zzz$"):
        await stage.bob.update_thread("zzz", title="New")


async def test_case_17_recall_gives_the_newest_ten(stage: Stage) -> None:
    page = await stage.bob.recall("t1")

    assert ids(page) == numbered(16, 25)
    assert (page.total, page.page, page.per_page, page.has_more) == (25, 0, 10, True)


async def test_case_18_recall_of_a_stranger_s_thread_fails_like_that_of_a_missing_one(stage: Stage) -> None:
    for view in (stage.carol, stage.system, stage.bob):
        with pytest.raises(NotFound, match=r"^No thread found with id t1$"):
            await view.recall("t1", "carol")


async def test_case_19_recall_of_a_missing_thread_fails_for_a_person_and_is_empty_without(stage: Stage) -> None:
    with pytest.raises(NotFound, match=r"^No thread found with id nope$"):
        await stage.bob.recall("nope", "bob")

    page = await stage.bob.recall("nope")

    assert (page.items, page.total, page.has_more) == ((), 0, False)
    assert page == await stage.bob.recall("t4"), "a stranger's thread looks the same"


async def test_case_20_recall_pages_go_back_in_time(stage: Stage) -> None:
    assert ids(await stage.bob.recall("t1", per_page=3)) == ["m23", "m24", "m25"]
    assert ids(await stage.bob.recall("t1", page=1, per_page=3)) == ["m20", "m21", "m22"]


async def test_case_21_recall_from_either_end_is_chronological(stage: Stage) -> None:
    first = await stage.bob.recall("t1", per_page=3, order_by=("created_at", "ASC"))
    last = await stage.bob.recall("t1", per_page=3, order_by=("created_at", "DESC"))

    assert ids(first) == ["m1", "m2", "m3"]
    assert ids(last) == ["m23", "m24", "m25"]


async def test_case_22_recall_of_all_of_nothing_and_of_less(stage: Stage) -> None:
    everything = await stage.bob.recall("t1", per_page=None)
    nothing = await stage.bob.recall("t1", per_page=0)
    refusal = await refused(stage.bob.recall("t1", per_page=-1))

    assert ids(everything) == numbered(1, 25)
    assert (everything.per_page, everything.has_more) == (None, False)
    assert (nothing.items, nothing.total) == ((), 25)
    assert refusal.parameter == "per_page"


async def test_case_23_recall_needs_a_thread(stage: Stage) -> None:
    nobody: list[Any] = ["", "  ", [], ["t1", ""], None, 5, [5]]

    for thread_id in nobody:
        refusal = await refused(stage.bob.recall(thread_id))

        assert refusal.parameter == "thread_id"
        assert str(refusal) == "thread_id must be a non-empty string or a list of non-empty strings"


async def test_case_24_several_threads_merge_by_time_for_who_may_read_all(stage: Stage) -> None:
    page = await stage.system.recall(["t1", "t4"], per_page=None)

    assert ids(page)[:7] == ["m1", "m2", "m3", "c1", "m4", "c2", "m5"]
    assert (len(page.items), page.total) == (27, 27)
    for view in (stage.bob, stage.carol):
        with pytest.raises(NotFound):
            await view.recall(["t1", "t4"], per_page=None)
    assert len((await stage.bob.recall(["t1", "t2"], per_page=None)).items) == 25


async def test_case_25_a_range_of_time_is_inclusive_unless_it_says_otherwise(stage: Stage) -> None:
    since = await stage.bob.recall("t1", start=minute(20))
    between = await stage.bob.recall(
        "t1", start=minute(20), end=minute(23), start_exclusive=True, end_exclusive=True
    )  # fmt: skip

    assert (ids(since), since.total) == (numbered(20, 25), 6)
    assert ids(between) == ["m21", "m22"]
    assert ids(await stage.bob.recall("t1", start=minute(20), end=minute(23))) == numbered(20, 23)


async def test_case_26_metadata_filters_messages(stage: Stage) -> None:
    page = await stage.bob.recall("t1", metadata={"k": "five"})

    assert (ids(page), page.total) == (["m5", "m10", "m15", "m20", "m25"], 5)
    assert ids(await stage.bob.recall("t1", metadata={"missing": None})) == []


@pytest.mark.parametrize(("last_messages", "expected"), [(4, numbered(22, 25)), (None, []), (0, [])])
async def test_case_27_a_window_loads_its_newest_messages(
    stage: Stage, last_messages: int | None, expected: list[str]
) -> None:
    page = await stage.bob.recall("t1", options=MemoryOptions(last_messages=last_messages))

    assert ids(page) == expected


async def test_case_28_a_person_s_messages_are_listed_oldest_first(stage: Stage) -> None:
    whole = await stage.bob.list_messages_by_resource_id("bob")
    last = await stage.bob.list_messages_by_resource_id("bob", page=8, per_page=3)

    assert (ids(whole), whole.per_page, whole.has_more) == (numbered(1, 25), 40, False)
    assert (ids(last), last.has_more) == (["m25"], False)


async def test_case_29_a_saved_id_is_edited_in_place(stage: Stage) -> None:
    (saved,) = await stage.bob.save_messages([said("t1", "bob", "other words", id="m1")])

    page = await stage.bob.recall("t1", per_page=None)

    assert (page.total, page.items[0]) == (25, saved)
    assert (saved.text, saved.created_at, saved.seq) == ("other words", minute(1), 1)
    assert saved.edited_at is not None


async def test_case_30_an_id_never_moves_to_another_thread(stage: Stage) -> None:
    await stage.bob.save_messages([said("t2", "bob", "here", id="mv")])

    with pytest.raises(Conflict, match="mv"):
        await stage.bob.save_messages([said("t3", "bob", "there", id="mv")])

    assert texts(await stage.bob.recall("t2")) == ["here"]
    assert texts(await stage.bob.recall("t3")) == []


async def test_case_31_a_message_needs_a_thread_and_a_person(stage: Stage) -> None:
    for field in ("thread_id", "resource_id"):
        for blank in ("", " ", None):
            fields: dict[str, Any] = {"thread_id": "t1", "resource_id": "bob", "text": "hello", field: blank}

            refusal = await refused(stage.bob.save_messages([said(**fields)]))

            assert refusal.parameter == field
    assert await stage.bob.save_messages([]) == []


async def test_case_32_a_message_into_a_missing_thread_is_refused(stage: Stage) -> None:
    with pytest.raises(NotFound, match=r"^No thread found with id nope$"):
        await stage.bob.save_messages([said("nope", "bob", "hello")])
    with pytest.raises(NotFound, match=r"^No thread found with id t4$"):
        await stage.bob.save_messages([said("t4", "bob", "hello")])

    assert await stage.bob.get_thread_by_id("nope") is None
    assert ids(await stage.carol.recall("t4")) == ["c1", "c2"]


@pytest.mark.parametrize(
    "bad", [said("nope", "bob", "bad"), said("t1", "carol", "bad"), said("t2", "bob", "bad", id="m1")]
)
async def test_case_33_one_message_that_cannot_be_saved_keeps_all_out(stage: Stage, bad: Message) -> None:
    with pytest.raises((NotFound, NotAllowed, Conflict)):
        await stage.bob.save_messages([said("t2", "bob", "good"), bad])

    assert (await stage.bob.recall("t2")).total == 0
    assert (await stage.bob.recall("t1")).total == 25


async def test_case_34_messages_are_deleted_by_list_of_ids_or_of_values(stage: Stage) -> None:
    (m3,) = (await stage.bob.recall("t1", start=minute(3), end=minute(3))).items

    await stage.bob.delete_messages([])
    await stage.bob.delete_messages(["nope"])
    await stage.bob.delete_messages([{"id": "m2"}, m3, "m4"])

    assert ids(await stage.bob.recall("t1", per_page=None)) == ["m1", *numbered(5, 25)]
    for wrong in ("m2", [""], [None], [7], None, 7):
        refusal = await refused(stage.bob.delete_messages(wrong))  # type: ignore[arg-type]
        assert refusal.parameter == "ids"


async def test_case_35_a_deleted_thread_is_gone_with_its_messages_however_often(stage: Stage) -> None:
    for thread_id in ("t4", "t4", "nope"):
        await stage.carol.delete_thread(thread_id)

    assert await stage.carol.get_thread_by_id("t4") is None
    assert (await stage.system.list_messages_by_resource_id("carol")).total == 0
    assert (await stage.system.search_messages("carol")).total == 0


async def test_case_36_a_clone_has_the_newest_messages_under_new_ids(stage: Stage) -> None:
    await stage.bob.update_thread("t1", title="New")

    clone = await stage.bob.clone_thread("t1", message_limit=3)

    page = await stage.bob.recall(clone.id)
    assert (clone.title, clone.resource_id, clone.participants) == ("Clone of New", "bob", ("bob",))
    assert texts(page) == ["message 23", "message 24", "message 25"]
    assert not {*ids(page)} & {*numbered(1, 25)}
    assert (clone.message_count, clone.last_message_at) == (3, minute(25))
    assert (await stage.bob.recall("t1")).total == 25
    with pytest.raises(NotFound, match=r"^No thread found with id nope$"):
        await stage.bob.clone_thread("nope")
    for taken in ("t2", "t4"):
        with pytest.raises(Conflict, match=taken):
            await stage.bob.clone_thread("t1", taken)


async def test_case_36_a_clone_can_be_of_chosen_messages_and_times(stage: Stage) -> None:
    chosen = await stage.bob.clone_thread("t1", "chosen", "Mine", message_ids=["m7", "m5", "c1", "nope"])
    between = await stage.bob.clone_thread("t1", "between", start=minute(8), end=minute(11), message_limit=2)

    assert (chosen.id, chosen.title) == ("chosen", "Mine")
    assert texts(await stage.bob.recall("chosen")) == ["message 5", "message 7"]
    assert texts(await stage.bob.recall("between")) == ["message 10", "message 11"]
    assert between.message_count == 2
    assert (await stage.bob.search_messages("message 7")).items[0].text == "message 7"


async def test_case_37_a_transfer_takes_the_owner_s_messages_along(stage: Stage) -> None:
    await stage.bob.save_messages([said("t3", "bob", "mine")])

    thread = await stage.system.transfer_thread("t3", "dave")

    assert (thread.resource_id, thread.participants) == ("dave", ("dave",))
    assert [one.resource_id for one in (await stage.person("dave").recall("t3", "dave")).items] == ["dave"]
    assert await stage.bob.get_thread_by_id("t3") is None
    assert "mine" not in texts(await stage.bob.list_messages_by_resource_id("bob", per_page=None))
    with pytest.raises(NotFound):
        await stage.system.transfer_thread("nope", "dave")
    with pytest.raises(NotAllowed):
        await stage.bob.transfer_thread("t2", "dave")


async def test_case_48_seventeen_threads_make_three_pages_of_seven(memory: Memory) -> None:
    stage = Stage(memory, ticking(START))
    for number in range(17):
        await stage.bob.create_thread("bob", f"thread {number:02}")

    pages = [await stage.bob.list_threads({"resource_id": "bob"}, number, 7) for number in range(3)]

    assert [(len(page.items), page.has_more) for page in pages] == [(7, True), (7, True), (3, False)]
    assert [name for page in pages for name in ids(page)] == [f"thread {number:02}" for number in range(16, -1, -1)]


@pytest.mark.parametrize(
    ("include", "expected"),
    [
        ([Include("m3", previous=2)], ["m1", "m2", "m3", "m24", "m25"]),
        ([Include("m3", previous=1, next=1), Include("m4", previous=2)], ["m2", "m3", "m4", "m24", "m25"]),
        ([Include("m24", previous=1, next=5)], ["m23", "m24", "m25"]),
        ([Include("m1", previous=9)], ["m1", "m24", "m25"]),
        ([Include("nope", previous=9)], ["m24", "m25"]),
    ],
)
async def test_case_49_included_messages_come_once_with_their_neighbours(
    stage: Stage, include: list[Include], expected: list[str]
) -> None:
    page = await stage.bob.recall("t1", per_page=2, include=include)

    assert ids(page) == expected
    assert (page.total, page.has_more) == (25, True)


async def test_case_49_the_window_around_an_included_message_is_honoured_in_pages_from_the_oldest(stage: Stage) -> None:
    include = [Include("m10", previous=1, next=1)]

    page = await stage.bob.recall("t1", per_page=2, order_by=("created_at", "ASC"), include=include)

    assert ids(page) == ["m1", "m2", "m9", "m10", "m11"]


async def test_case_50_a_foreign_message_is_dropped_from_what_is_included(stage: Stage) -> None:
    include = [Include("c1", previous=5, next=5)]

    pages = [
        await view.recall("t1", resource_id, per_page=1, include=include)
        for view in (stage.bob, stage.system)
        for resource_id in ("bob", None)
    ]

    assert [ids(page) for page in pages] == [["m25"]] * 4


async def test_case_50_a_message_of_another_thread_of_the_same_person_is_included(stage: Stage) -> None:
    await stage.bob.save_messages([said("t2", "bob", "elsewhere", id="e1", created_at=minute(2.5))])

    page = await stage.bob.recall("t1", "bob", per_page=1, include=[Include("e1", previous=3, next=3)])

    assert ids(page) == ["e1", "m25"]


async def test_case_51_an_update_merges_metadata_and_keeps_the_text(stage: Stage) -> None:
    await stage.bob.save_messages([said("t1", "bob", "text", id="x", metadata={"a": 1})])

    (changed,) = await stage.bob.update_messages([MessageChange("x", metadata={"b": 2})])
    unknown = await stage.bob.update_messages([MessageChange("nope", text="new"), MessageChange("c1", text="new")])

    assert (changed.text, changed.metadata) == ("text", {"a": 1, "b": 2})
    assert unknown == []
    assert texts(await stage.carol.recall("t4")) == ["carol's message 1", "carol's message 2"]


async def test_case_52_of_two_window_boundaries_the_newer_wins(stage: Stage) -> None:
    older, newer = Boundary(minute(1), frozenset({"m1"})), Boundary(minute(5), frozenset({"m5"}))

    for boundary in (newer, older):
        await stage.bob.move_window_boundary("t1", boundary)

    assert await stage.bob.window_boundary("t1") == newer


async def test_case_52_window_boundaries_of_one_time_unite_their_ids(stage: Stage) -> None:
    for message_id in ("m5", "m6"):
        await stage.bob.move_window_boundary("t1", Boundary(minute(5), frozenset({message_id})))

    assert await stage.bob.window_boundary("t1") == Boundary(minute(5), frozenset({"m5", "m6"}))


async def test_case_52_a_stranger_moves_and_sees_no_window_boundary(stage: Stage) -> None:
    boundary = Boundary(minute(5), frozenset({"m5"}))
    await stage.bob.move_window_boundary("t1", boundary)

    await stage.carol.move_window_boundary("t1", Boundary(minute(9)))
    await stage.carol.move_window_boundary("nope", Boundary(minute(9)))

    assert await stage.carol.window_boundary("t1") is None
    assert await stage.bob.window_boundary("t1") == boundary


async def test_case_53_the_last_message_s_time_is_that_of_the_newest_there_is(stage: Stage) -> None:
    async def last(act: Awaitable[object] | None = None) -> object:
        if act is not None:
            await act
        thread = await stage.bob.get_thread_by_id("t2")
        assert thread is not None
        return thread.last_message_at

    async def save(message_id: str, at: float) -> object:
        return await stage.bob.save_messages([said("t2", "bob", "x", id=message_id, created_at=minute(at))])

    assert await last() is None
    assert await last(save("a", 5)) == minute(5)
    assert await last(save("b", 3)) == minute(5), "an older message does not set it back"
    assert await last(save("c", 9)) == minute(9)
    assert await last(save("c", 4)) == minute(5), "a message that moves in time takes it along"
    assert await last(stage.bob.delete_messages(["a"])) == minute(4)
    assert await last(stage.bob.delete_messages(["b", "c"])) is None


@pytest.mark.parametrize(("direction", "expected"), [("DESC", ["t1", "t3", "t2"]), ("ASC", ["t1", "t2", "t3"])])
async def test_case_53_threads_without_messages_come_last(stage: Stage, direction: str, expected: list[str]) -> None:
    page = await stage.bob.list_threads(order_by=("last_message_at", direction))  # type: ignore[arg-type]

    assert ids(page) == expected


async def test_case_54_of_a_hundred_messages_the_fifty_newest_can_be_deleted(stage: Stage) -> None:
    await stage.bob.save_messages(
        [said("t2", "bob", f"{number}", id=f"n{number}", created_at=minute(number)) for number in range(100)]
    )

    await stage.bob.delete_messages([f"n{number}" for number in range(50, 100)])

    page = await stage.bob.recall("t2", per_page=None)
    assert texts(page) == [f"{number}" for number in range(50)]
    thread = await stage.bob.get_thread_by_id("t2")
    assert thread is not None
    assert (page.total, thread.message_count, thread.last_message_at) == (50, 50, minute(49))


async def test_case_55_titles_and_texts_come_back_as_they_were(stage: Stage) -> None:
    title = """Bob's "best" `title` \\ with 👩‍🚀 and %_; DROP TABLE threads; --"""
    long = "Ω" * (1_048_576 // 2)

    thread = await stage.bob.update_thread("t2", title=title)
    saved = await stage.bob.save_messages([said("t2", "bob", text) for text in (title, long, "", "a\0b\ud800c")])

    assert thread.title == title
    assert [one.text for one in saved] == [title, long, "", "a\ufffdb\ufffdc"]
    assert list((await stage.bob.recall("t2")).items) == saved
