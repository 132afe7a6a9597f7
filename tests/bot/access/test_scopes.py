"""A supervisor in a chat: her role and her scope stand in every query, and what she may not see looks like nothing."""

import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event

from bot import Actor, Memory, NewMessage
from bot.access.role_rows import grant_role, note_presence, revoke_role, set_scope
from bot.access.standing import ReadScope
from bot.errors import InvalidArgument, NotAllowed, NotFound
from bot.memory.values import ANOTHER_PARTICIPANT
from bot.memory.view import MemoryView
from bot.storage.tables import audit, threads
from tests.bot.access.company import Company
from tests.bot.memory.stage import START, ids, outcome, texts
from tests.engines import SECRET

EVERYONE = ReadScope(everyone=True)

#: All that she can ask for.
READS: dict[str, Callable[[MemoryView], Awaitable[Any]]] = {
    "list": lambda view: view.list_threads(order_by=("last_message_at", "DESC")),
    "list of her": lambda view: view.list_threads({"resource_id": view.actor.persons[0], "start": START}),
    "open": lambda view: view.recall("t1"),
    "open by id": lambda view: view.get_thread_by_id("t1"),
    "search": lambda view: view.search_messages("words"),
    "search her": lambda view: view.search_messages("words", view.actor.persons[0]),
    "messages": lambda view: view.list_messages_by_resource_id(view.actor.persons[0]),
}


async def _talk(firm: Company) -> None:
    """ada talks alone with the bot (t1), and with bob in two channels (t2 in the harbour, t3 in the office)."""
    await firm.disclose("all")
    await firm.know("ada", "bob", "silent", "grace")
    await firm.thread("t1", "ada", title="direct title")
    await firm.thread("t2", "ada", "bob", kind="public", channel="harbour", title="harbour title")
    await firm.thread("t3", "bob", "ada", kind="private", channel="office", title="office title")
    for thread, person in (("t1", "ada"), ("t2", "ada"), ("t2", "bob"), ("t3", "ada"), ("t3", "bob")):
        await firm.say(thread, person, f"words of {person}", f"{thread}-{person}")


async def _seen(firm: Company, person: str = "ada") -> list[str]:
    return sorted(ids(await firm.scoped(person).list_threads()))


async def test_without_a_role_she_sees_nothing_whatever_her_scope(firm: Company) -> None:
    await _talk(firm)
    await firm.do(grant_role, "grace", "supervisor", None, START)
    await firm.do(set_scope, "grace", EVERYONE, None, START)
    assert await _seen(firm) == ["t1", "t2", "t3"]

    await firm.do(_leave_scope_without_role)

    for name, read in READS.items():
        found = await read(firm.scoped("ada"))
        assert found is None or (found.items, found.total) == ((), 0), name


def _leave_scope_without_role(connection: Connection, _scope: Any) -> None:
    connection.exec_driver_sql("DELETE FROM roles")


async def test_a_role_without_a_scope_reads_nobody(firm: Company) -> None:
    await _talk(firm)
    await firm.do(grant_role, "grace", "supervisor", None, START)

    assert await _seen(firm) == []


async def test_an_admin_reads_nobody(firm: Company) -> None:
    await _talk(firm)
    await firm.do(grant_role, "grace", "admin", None, START)

    assert await _seen(firm) == []


@pytest.mark.parametrize(
    ("reach", "of_ada", "of_bob"),
    [
        (EVERYONE, ["t1", "t2", "t3"], ["t2", "t3"]),
        (ReadScope(persons=("ada",)), ["t1", "t2", "t3"], []),
        (ReadScope(persons=("bob", "nobody")), [], ["t2", "t3"]),
        (ReadScope(channels=("harbour",)), ["t2"], ["t2"]),
        (ReadScope(channels=("office",)), ["t3"], ["t3"]),
        (ReadScope(persons=("bob",), channels=("harbour",)), ["t2"], ["t2", "t3"]),
        (ReadScope(channels=("elsewhere",)), [], []),
    ],
)
async def test_a_scope_reaches_what_it_names(
    firm: Company, reach: ReadScope, of_ada: list[str], of_bob: list[str]
) -> None:
    await _talk(firm)
    await firm.supervises("grace", reach)

    for person, expected in (("ada", of_ada), ("bob", of_bob), ("silent", []), ("unknown", [])):
        assert await _seen(firm, person) == expected
        for thread in ("t1", "t2", "t3"):
            assert ((await firm.scoped(person).get_thread_by_id(thread)) is not None) == (thread in expected)
        hits = (await firm.scoped(person).search_messages("words")).items
        assert sorted(one.thread_id for one in hits) == expected


async def test_a_channel_s_scope_does_not_reach_a_direct_conversation_that_bears_its_id(firm: Company) -> None:
    await firm.disclose("all")
    await firm.thread("t1", "ada", kind="direct", channel="harbour")
    await firm.say("t1", "ada", "words", "m1")
    await firm.supervises("grace", ReadScope(channels=("harbour",)))

    assert await _seen(firm) == []


async def test_third_parties_are_masked_and_titles_follow_the_person(firm: Company) -> None:
    await _talk(firm)
    await firm.supervises("grace", EVERYONE)
    view = firm.scoped("ada")

    page = await view.recall("t2")
    hers, his = await view.get_thread_by_id("t2"), await view.get_thread_by_id("t3")

    assert [(one.resource_id, one.text) for one in page.items] == [("ada", "words of ada"), (ANOTHER_PARTICIPANT, "")]
    assert hers is not None
    assert his is not None
    assert (hers.title, his.title, his.resource_id) == ("harbour title", "", ANOTHER_PARTICIPANT)
    assert ids(await view.search_messages("bob")) == []


async def test_one_who_left_reads_nobody_and_is_read(firm: Company) -> None:
    await _talk(firm)
    await firm.supervises("grace", EVERYONE)

    await firm.do(note_presence, "ada", here=False, now=START)
    assert await _seen(firm) == ["t1", "t2", "t3"]

    await firm.do(note_presence, "grace", here=False, now=START)
    assert await _seen(firm) == []
    await firm.do(note_presence, "grace", here=True, now=START)
    assert await _seen(firm) == ["t1", "t2", "t3"]


async def test_a_role_that_is_taken_away_ends_at_once_also_between_two_pages(firm: Company) -> None:
    await _talk(firm)
    await firm.supervises("grace", EVERYONE)
    view = firm.scoped("ada")
    first = await view.list_threads(per_page=1)
    assert first.has_more

    await firm.do(revoke_role, "grace", "supervisor", None)

    assert (await view.list_threads(page=1, per_page=1)).items == ()
    assert (await view.recall("t1")).items == ()


async def test_another_workspace_s_supervisor_reads_nobody_here(firm: Company, url: str, tmp_path: Path) -> None:
    await _talk(firm)
    anchor = tmp_path / "other.anchor"
    async with await Memory.open(url, workspace="local:other", secret=SECRET, anchor=anchor) as memory:
        other = Company(memory, firm.clock)
        await other.supervises("grace", EVERYONE)

        assert (await other.scoped("ada").list_threads()).items == ()
        assert (await firm.scoped("ada").list_threads()).items == ()


async def test_no_role_no_scope_no_person_and_nothing_kept_take_the_same_statements(firm: Company) -> None:
    await _talk(firm)
    await firm.supervises("grace", ReadScope(persons=("ada", "silent")))
    await firm.know("ines")
    cases = {
        "no role": firm.scoped("ada", "ines"),
        "nobody known": firm.scoped("ada", "stranger"),
        "out of scope": firm.scoped("bob"),
        "unknown": firm.scoped("nobody"),
        "nothing kept": firm.scoped("silent"),
    }

    for name, read in READS.items():
        told = {}
        for case, view in cases.items():
            with _statements() as asked:
                found = await outcome(read(view))
            assert found is None or (found.items, found.total) == ((), 0), (name, case)  # type: ignore[attr-defined]
            told[case] = asked
        for case in ("out of scope", "unknown", "no role", "nobody known"):
            reading = [one for one in told[case] if "FROM threads" in one or "FROM messages" in one]
            expected = [one for one in told["nothing kept"] if "FROM threads" in one or "FROM messages" in one]
            assert reading == expected, (name, case)
            assert reading


@contextmanager
def _statements() -> Iterator[list[str]]:
    """What is asked of the database meanwhile."""
    asked: list[str] = []

    def listen(_connection: Connection, _cursor: object, statement: str, *_rest: object) -> None:
        asked.append(statement)

    event.listen(Engine, "before_cursor_execute", listen)
    try:
        yield asked
    finally:
        event.remove(Engine, "before_cursor_execute", listen)


async def test_what_may_not_be_seen_raises_what_a_missing_one_does(firm: Company) -> None:
    await _talk(firm)
    await firm.supervises("grace", ReadScope(persons=("silent",)))

    for view in (firm.scoped("ada"), firm.scoped("silent"), firm.scoped("nobody")):
        with pytest.raises(NotFound, match=r"^No thread found with id t1$"):
            await view.recall("t1", view.actor.persons[0])
        with pytest.raises(NotFound, match=r"^No thread found with id t1$"):
            await view.recall(["t1", "t2"])


async def test_she_changes_nothing(firm: Company) -> None:
    await _talk(firm)
    await firm.supervises("grace", EVERYONE)
    view = firm.scoped("ada")

    for act in (
        view.delete_thread("t1"),
        view.update_thread("t1", "other"),
        view.delete_messages(["t1-ada"]),
        view.save_messages([NewMessage("t1", "ada", "forged")]),
        view.clone_thread("t1"),
    ):
        with pytest.raises(NotAllowed):
            await act
    with pytest.raises(NotAllowed):
        await view.read_context("t1", 5)
    assert texts(await firm.person("ada").recall("t1")) == ["words of ada"]


async def test_each_of_her_reads_is_on_record_with_its_category(firm: Company) -> None:
    await _talk(firm)
    await firm.supervises("grace", EVERYONE)

    for read in READS.values():
        await read(firm.scoped("ada"))

    assert len(await firm.column(audit, audit.c.category)) == len(READS)
    assert set(await firm.column(audit, audit.c.category)) == {"quality"}


async def test_lists_and_searches_are_narrowed_to_dates_and_channels(firm: Company) -> None:
    await firm.disclose("all")
    for number, channel in enumerate(("harbour", "office", "harbour", ""), start=1):
        kind: Any = "public" if channel else "direct"
        await firm.thread(f"t{number}", "ada", kind=kind, channel=channel)
        at = START + timedelta(days=number)
        await firm.person("ada").save_messages(
            [NewMessage(f"t{number}", "ada", "words", id=f"m{number}", created_at=at)]
        )
    await firm.supervises("grace", EVERYONE)
    view, day = firm.scoped("ada"), timedelta(days=1)

    async def listed(**chosen: Any) -> list[str]:
        found: list[str] = []
        cursor = None
        while True:
            page = await view.list_threads(chosen, per_page=1, order_by=("last_message_at", "DESC"), cursor=cursor)
            by_number = await view.list_threads(chosen, len(found), 1, ("last_message_at", "DESC"))
            assert ids(by_number) == ids(page)
            found += ids(page)
            assert page.total == by_number.total
            if page.next_cursor is None:
                return found
            cursor = page.next_cursor

    assert await listed() == ["t4", "t3", "t2", "t1"]
    assert await listed(start=START + 2 * day) == ["t4", "t3", "t2"]
    assert await listed(end=START + 2 * day) == ["t2", "t1"]
    assert await listed(start=START + 2 * day, end=START + 3 * day, resource_id="ada") == ["t3", "t2"]
    assert await listed(channel_id="harbour") == ["t3", "t1"]
    assert await listed(channel_id="harbour", start=START + 2 * day) == ["t3"]
    assert ids(await view.search_messages("words", channel_id="harbour")) == ["m3", "m1"]
    assert ids(await view.search_messages("words", channel_id="office", end=START + day)) == []
    assert ids(await firm.person("ada").list_threads({"channel_id": "office"})) == ["t2"]
    for wrong in ({"channel": "x"}, {"channel_id": ""}, {"start": "yesterday"}, {"end": START.replace(tzinfo=None)}):
        with pytest.raises(InvalidArgument):
            await view.list_threads(wrong)


async def test_what_is_off_the_record_is_in_nobodys_history(firm: Company) -> None:
    await firm.disclose("all")
    await firm.thread("t1", "ada", "bob", kind="public", channel="harbour")
    await firm.say("t1", "ada", "words said openly", "m1")
    await firm.say("t1", "ada", "words in secret", "m2", off_record=True)
    await firm.supervises("grace", EVERYONE)
    library = firm.memory.as_actor(Actor.supervisor("boss", persons=["ada"], reason="test"))

    for view in (firm.person("ada"), firm.person("bob"), firm.scoped("ada"), library):
        page = await view.recall("t1", per_page=1)
        thread = await view.get_thread_by_id("t1")
        assert (ids(page), page.total, page.has_more) == (["m1"], 1, False)
        assert ids(await view.search_messages("words")) == ["m1"]
        assert thread is not None
        assert thread.message_count == 1
    # The program itself sees it, until it is answered.
    assert ids(await firm.system.recall("t1")) == ["m1", "m2"]
    assert [one.id for one in (await firm.person("bob").read_context("t1", 5)).messages] == ["m1"]


async def test_a_copy_holds_nothing_off_the_record_and_lies_in_the_same_channel(firm: Company) -> None:
    await firm.thread("t1", "ada", kind="public", channel="harbour")
    await firm.say("t1", "ada", "openly", "m1")
    await firm.say("t1", "ada", "in secret", "m2", off_record=True)

    await firm.person("ada").clone_thread("t1", "t2")

    assert texts(await firm.person("ada").recall("t2")) == ["openly"]
    assert await firm.column(threads, threads.c.channel_id) == ["harbour", "harbour"]


def test_an_actor_in_a_chat_names_one_person_and_says_why() -> None:
    assert Actor.scoped("grace", "ada", "quality", "as agreed").persons == ("ada",)
    wrong: list[Callable[[], object]] = [
        lambda: Actor.scoped("grace", "", "quality"),
        lambda: Actor.scoped("", "ada", "quality"),
        lambda: Actor.scoped("grace", "ada", " "),
        lambda: Actor.scoped("grace", "ada", "quality", "x" * 1_001),
        lambda: Actor.scoped("grace", "ada", "quality", "\0"),
        lambda: Actor("scoped", "grace", ("ada", "bob"), category="quality"),
        lambda: Actor("scoped", "grace", (), category="quality"),
    ]
    for make in wrong:
        with pytest.raises(InvalidArgument):
            make()


async def test_none_of_her_statements_walks_through_a_whole_table(firm: Company) -> None:
    """Where the engine must not scan a table by itself, none is left that has no index to go by."""
    await _talk(firm)
    await firm.supervises("grace", ReadScope(channels=("harbour",), persons=("bob",)))
    asked: list[tuple[str, Any]] = []

    def listen(_connection: Connection, _cursor: object, statement: str, parameters: Any, *_rest: object) -> None:
        if "off_record" in statement and statement.startswith(("SELECT", "WITH")):
            asked.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", listen)
    try:
        for read in READS.values():
            await read(firm.scoped("ada"))
        await firm.person("ada").recall("t2", per_page=1)
    finally:
        event.remove(Engine, "before_cursor_execute", listen)

    assert len(asked) > len(READS)
    plans = await firm.store.read(lambda connection: [_plan(connection, *one) for one in asked])
    assert [plan for plan in plans if WHOLE.search(plan)] == []
    assert "ix_messages_off_record" in plans[-2], "what a person may not see is counted by an index of its own"


WHOLE = re.compile(r"(SCAN|Seq Scan on) (messages|threads|participants|people)\b")


def _plan(connection: Connection, statement: str, parameters: Any) -> str:
    explain = "EXPLAIN"
    if connection.dialect.name == "sqlite":
        explain = "EXPLAIN QUERY PLAN"
    else:
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    return "\n".join(str(row) for row in connection.exec_driver_sql(f"{explain} {statement}", parameters))
