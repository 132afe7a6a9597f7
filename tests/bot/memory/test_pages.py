"""Pages and cursors: together they hold every item once, whatever the order and however many share a moment."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, update

from bot import Actor, Memory, Message, Page, Thread
from bot.memory.paging import checked_slice
from bot.memory.values import Direction
from bot.storage.tables import threads
from tests.bot.memory.stage import START, Stage, ids, minute, refused, said

Turn = Callable[..., Awaitable[Page[Any]]]

PAGES = settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
#: Few moments for many items.
MOMENTS = st.lists(st.integers(0, 3), max_size=17)


async def by_number(turn: Turn, per_page: int) -> list[Page[Any]]:
    """All pages of a list, by their numbers."""
    pages = [await turn(page=0, per_page=per_page)]
    while pages[-1].has_more:
        pages.append(await turn(page=len(pages), per_page=per_page))
    assert (await turn(page=len(pages), per_page=per_page)).items == ()
    return pages


async def by_cursor(turn: Turn, per_page: int) -> list[Page[Any]]:
    """All pages of a list, each by the cursor of the one before."""
    pages = [await turn(page=0, per_page=per_page)]
    while pages[-1].next_cursor is not None:
        assert pages[-1].has_more
        pages.append(await turn(per_page=per_page, cursor=pages[-1].next_cursor))
    assert not pages[-1].has_more
    return pages


async def assert_whole(turn: Turn, per_page: int, expected: list[str], *, from_end: bool = False) -> None:
    """Numbers and cursors both give the expected ids, cut into pages of this size."""
    sliced = [expected[at : at + per_page] for at in range(0, len(expected), per_page)] or [[]]
    if from_end:  # pages count from the newest, and each is chronological
        backwards = expected[::-1]
        sliced = [backwards[at : at + per_page][::-1] for at in range(0, len(backwards), per_page)] or [[]]
    for pages in (await by_number(turn, per_page), await by_cursor(turn, per_page)):
        assert [ids(page) for page in pages] == sliced
        assert {page.total for page in pages} == {len(expected)}
    assert ids(await turn(per_page=None)) == expected


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
@PAGES
@given(moments=MOMENTS, per_page=st.integers(1, 6))
async def test_pages_of_a_thread_hold_each_message_once(
    memory: Memory, direction: Direction, moments: list[int], per_page: int
) -> None:
    bob = memory.as_actor(Actor.person("bob"))
    thread = await bob.create_thread("bob")
    saved = await bob.save_messages([said(thread.id, "bob", "x", created_at=minute(one)) for one in moments])
    expected = [one.id for one in sorted(saved, key=lambda one: (one.created_at, one.seq))]

    def turn(**part: Any) -> Awaitable[Page[Message]]:
        recalled: Awaitable[Page[Message]] = bob.recall(thread.id, order_by=("created_at", direction), **part)
        return recalled

    await assert_whole(turn, per_page, expected, from_end=direction == "DESC")


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
@PAGES
@given(moments=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), max_size=17), per_page=st.integers(1, 6))
async def test_pages_over_several_threads_hold_each_message_once(
    memory: Memory, direction: Direction, moments: list[tuple[int, int]], per_page: int
) -> None:
    carol = memory.as_actor(Actor.person(f"carol {memory._now().isoformat()}"))
    names = [(await carol.create_thread(carol.actor.id)).id for _ in range(3)]
    saved = [
        (await carol.save_messages([said(names[where], carol.actor.id, "x", created_at=minute(when))]))[0]
        for where, when in moments
    ]
    expected = [one.id for one in sorted(saved, key=lambda one: one.created_at)]

    def turn_of_threads(**part: Any) -> Awaitable[Page[Message]]:
        recalled: Awaitable[Page[Message]] = carol.recall(names, order_by=("created_at", direction), **part)
        return recalled

    def turn_of_person(**part: Any) -> Awaitable[Page[Message]]:
        listed: Awaitable[Page[Message]] = carol.list_messages_by_resource_id(
            carol.actor.id, order_by=("created_at", direction), **part
        )
        return listed

    for turn in (turn_of_threads, turn_of_person):
        await assert_whole(turn, per_page, expected, from_end=direction == "DESC")


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
@pytest.mark.parametrize("order", ["created_at", "updated_at", "last_message_at"])
@PAGES
@given(times=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.none() | st.integers(0, 2)), max_size=12))
async def test_pages_of_threads_hold_each_thread_once(
    memory: Memory, order: str, direction: Direction, times: list[tuple[int, int, int | None]]
) -> None:
    dave = memory.as_actor(Actor.person(f"dave {memory._now().isoformat()}"))
    made: list[Thread] = [await dave.create_thread(dave.actor.id) for _ in times]

    def set_times(connection: Connection) -> None:
        for thread, (_, updated, last) in zip(made, times, strict=True):
            values = {"updated_at": minute(updated), "last_message_at": None if last is None else minute(last)}
            connection.execute(update(threads).where(threads.c.id == thread.id).values(values))

    await memory._store.write(set_times)
    every: dict[str, Thread] = {
        thread.id: thread for thread in await dave.get_threads_by_resource_id(dave.actor.id)
    }  # fmt: skip
    in_order = [every[thread.id] for thread in made]
    if direction == "DESC":
        in_order.reverse()
    timed = [one for one in in_order if getattr(one, order) is not None]
    timed.sort(key=lambda one: getattr(one, order).timestamp() * (-1 if direction == "DESC" else 1))
    expected = [*ids(timed), *(one.id for one in in_order if getattr(one, order) is None)]

    def turn(**part: Any) -> Awaitable[Page[Thread]]:
        listed: Awaitable[Page[Thread]] = dave.list_threads(order_by=(order, direction), **part)
        return listed

    for per_page in (1, 2, 5):
        await assert_whole(turn, per_page, expected)


@PAGES
@given(count=st.integers(0, 30), page=st.integers(0, 12), per_page=st.integers(1, 7))
async def test_a_deep_page_read_from_the_nearer_end_is_the_same_page(
    memory: Memory, count: int, page: int, per_page: int
) -> None:
    bob = memory.as_actor(Actor.person("bob"))
    thread = await bob.create_thread("bob")
    saved = await bob.save_messages([said(thread.id, "bob", f"{n}", created_at=minute(n // 3)) for n in range(count)])
    names = [one.id for one in saved]

    first = await bob.recall(thread.id, page=page, per_page=per_page, order_by=("created_at", "ASC"))
    last = await bob.recall(thread.id, page=page, per_page=per_page)

    begin, end = page * per_page, (page + 1) * per_page
    assert ids(first) == names[begin:end]
    assert ids(last) == names[::-1][begin:end][::-1]
    assert first.has_more == last.has_more == (end < count)


async def test_a_cursor_goes_on_where_its_page_ended_whatever_came_meanwhile(stage: Stage) -> None:
    page = await stage.bob.recall("t1", per_page=5)

    await stage.bob.save_messages([said("t1", "bob", "new")])
    await stage.bob.delete_messages(["m21", "m20", "m24"])
    following = await stage.bob.recall("t1", per_page=5, cursor=page.next_cursor)

    assert ids(following) == ["m15", "m16", "m17", "m18", "m19"]


@pytest.mark.parametrize("year", [1, 938, 1969, 3001, 9999])
async def test_cursors_reach_as_far_as_times_do(memory: Memory, year: int) -> None:
    bob = memory.as_actor(Actor.person("bob"))
    await bob.create_thread("bob", "t")
    at = START.replace(year=year)
    saved = await bob.save_messages([said("t", "bob", f"{number}", created_at=at) for number in range(3)])

    pages = await by_cursor(lambda **part: bob.recall("t", **part), 1)

    assert [page.items[0] for page in pages] == saved[::-1]
    assert {one.created_at for one in saved} == {at}


async def test_somebody_else_s_cursor_shows_one_s_own_list(stage: Stage) -> None:
    cursor = (await stage.bob.list_threads(per_page=1)).next_cursor

    page = await stage.carol.list_threads(cursor=cursor)

    assert set(ids(page)) <= {"t4", "t5"}


NO_CURSORS = (
    "",
    " ",
    "x",
    "1",
    "1.",
    ".1",
    "n.",
    "1.1.1",
    "1;1",
    "1.-1",
    "n.n",
    "\u0661.1",
    "1.1\n",
    "1.1' OR 1=1 --",
    7,
)
TOO_FAR = ("9" * 19 + ".1", "9" * 18 + ".1", "-" + "9" * 18 + ".1", "1." + "9" * 19)


@pytest.mark.parametrize("cursor", [*NO_CURSORS, *TOO_FAR])
def test_what_is_no_cursor_is_refused(cursor: Any) -> None:
    with pytest.raises(ValueError, match="next_cursor of a page") as refusal:
        checked_slice(0, 10, cursor)

    assert getattr(refusal.value, "parameter", None) == "cursor"


async def test_a_cursor_goes_with_neither_pages_nor_searches(stage: Stage) -> None:
    cursor = (await stage.bob.recall("t1", per_page=1)).next_cursor

    refusals = [
        await refused(stage.bob.recall("t1", page=1, per_page=1, cursor=cursor)),
        await refused(stage.bob.recall("t1", search="message", cursor=cursor)),
        await refused(stage.bob.list_threads(page=1, cursor=cursor)),
    ]

    assert {refusal.parameter for refusal in refusals} == {"cursor"}


async def test_pages_of_hits_hold_each_once(stage: Stage) -> None:
    every = await stage.bob.search_messages("message 7", per_page=None)

    pages = [await stage.bob.search_messages("message 7", page=number, per_page=4) for number in range(8)]

    assert every.items[0].id == "m7"
    assert (len(every.items), every.per_page, every.has_more) == (25, None, False)
    assert [name for page in pages for name in ids(page)] == ids(every)
    assert [page.has_more for page in pages] == [True] * 6 + [False] * 2
    assert (await stage.bob.search_messages("message 7", per_page=0)).total == 25


async def test_more_threads_than_a_statement_takes_values_are_listed(memory: Memory) -> None:
    """SQLite's statements take 32,766 values."""
    bob = memory.as_actor(Actor.person("bob"))
    first = await bob.create_thread("bob", "first")

    def copy(connection: Connection) -> None:
        numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 33000) "
        columns = "workspace_key, owner_key, title, title_source, metadata, place_kind, place_name, "
        times = "created_at, updated_at"
        connection.exec_driver_sql(
            f"INSERT INTO threads (id, {columns}{times}) "
            f"{numbers} SELECT 'copy ' || i, {columns}created_at + i, updated_at FROM threads, n"
            if connection.dialect.name == "postgresql"
            else f"{numbers} INSERT INTO threads (id, {columns}{times}) "
            f"SELECT 'copy ' || i, {columns}created_at + i, updated_at FROM threads, n"
        )
        connection.exec_driver_sql(
            "INSERT INTO participants (resource_key, thread_key, thread_created_at, joined_at) "
            "SELECT owner_key, key, created_at, created_at FROM threads WHERE id LIKE 'copy %%'"
            if connection.dialect.name == "postgresql"
            else "INSERT INTO participants (resource_key, thread_key, thread_created_at, joined_at) "
            "SELECT owner_key, key, created_at, created_at FROM threads WHERE id LIKE 'copy %'"
        )

    await memory._store.write(copy)

    listed = await bob.get_threads_by_resource_id("bob")

    assert (len(listed), listed[0].id, listed[-1]) == (33_001, "copy 33000", first)
    assert {one.participants for one in listed} == {("bob",)}
