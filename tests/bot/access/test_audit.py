"""What is recorded of a privileged act, that nothing happens without, and who may read it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Connection, select, update

from bot import Actor, Memory
from bot.access.actor import Actor as CoreActor
from bot.access.anchor import read_anchors
from bot.access.audit import Act, object_id
from bot.access.readings import AuditFilter, Reading, read_audit, readings_of
from bot.access.recorder import Recorder
from bot.access.scope import Scope, scope_of
from bot.access.secret import Secrets
from bot.access.sweeping import has_outlived, sweep_audit
from bot.errors import NotAllowed, NotFound, StorageError
from bot.memory.values import NewMessage
from bot.memory.view import MemoryView
from bot.storage.tables import people, roles
from tests.bot.access.recording import WORKSPACE, Record, recorded
from tests.engines import SECRET

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
KEYS = Secrets.of(SECRET)
EVERYTHING = AuditFilter()


async def subject_of(record: Record, resource_id: str) -> str:
    statement = select(people.c.subject_id).where(people.c.resource_id == resource_id)
    found: str = await record.store.read(lambda connection: connection.execute(statement).scalar_one())
    return found


def scope_of_person(resource_id: str, workspace_key: int = 1) -> Scope:
    return scope_of(CoreActor.person(resource_id), workspace_key)


def recorder_of(record: Record) -> Recorder:
    recorder = record.memory._recorder
    assert recorder is not None
    return recorder


async def erase(record: Record, resource_id: str) -> None:
    await record.change(f"DELETE FROM people WHERE resource_id = '{resource_id}'")


# What stands in a row


async def test_a_read_leaves_a_row_and_a_line_outside(url: str, tmp_path: Path) -> None:
    async with recorded(url, tmp_path / "anchor") as record:
        await record.lead("ana").recall("t1", "ana")

        (row,) = await record.rows()
        assert (row.seq, row.actor_kind, row.action, row.outcome, row.category, row.note) == (
            1, "supervisor", "open", "done", "", "a test",
        )  # fmt: skip
        assert row.actor_id == await subject_of(record, "lead")
        assert row.subject_id == await subject_of(record, "ana")
        assert row.object_id == object_id(KEYS, "t1")
        assert len(row.object_id) == 16
        assert read_anchors([record.anchor]).of == {WORKSPACE: {1: frozenset({row.digest})}}


async def test_nobody_stands_there_by_name_and_no_conversation_by_id(url: str, tmp_path: Path) -> None:
    async with recorded(url, tmp_path / "anchor") as record:
        await record.memory.as_actor(Actor.supervisor("lead-canary", persons=["ana"], reason="x")).recall("t1")

        shown = repr([tuple(row) for row in await record.rows()]) + record.anchor.read_text()
        assert "canary" not in shown
        assert "ana" not in shown
        assert "boat" not in shown


async def test_listing_opening_searching_and_facts_are_separate_acts(url: str, tmp_path: Path) -> None:
    async with recorded(url, tmp_path / "anchor") as record:
        lead = record.lead("ana")
        await lead.list_threads()
        await lead.recall("t1")
        await lead.get_thread_by_id("t1")
        await lead.search_messages("boat")
        await lead.list_facts("ana")

        rows = await record.rows()
        assert [row.action for row in rows] == ["list", "open", "open", "search", "facts"]
        assert [bool(row.object_id) for row in rows] == [False, True, True, False, False]


async def test_each_conversation_that_is_opened_has_its_row(url: str, tmp_path: Path) -> None:
    async with recorded(url, tmp_path / "anchor") as record:
        ana = record.memory.as_actor(Actor.person("ana"))
        await ana.create_thread("ana", "t2")
        await ana.save_messages([NewMessage("t2", "ana", "oars")])

        await record.lead("ana").recall(["t1", "t2"], "ana")

        assert [row.object_id for row in await record.rows()] == [object_id(KEYS, one) for one in ("t1", "t2")]


async def test_an_operator_is_recorded_as_what_she_is(url: str, tmp_path: Path) -> None:
    async with recorded(url, tmp_path / "anchor") as record:
        await record.memory.as_actor(CoreActor.operator("root", person="ana", reason="she asked")).list_threads()

        (row,) = await record.rows()
        assert (row.actor_kind, row.note) == ("operator", "she asked")


async def test_what_is_refused_is_recorded_as_refused(url: str, tmp_path: Path) -> None:
    async with recorded(url, tmp_path / "anchor") as record:
        await record.lead("bob").get_thread_by_id("t1", "bob")
        await record.lead("bob").list_threads({"resource_id": "ana"})
        with pytest.raises(NotFound):
            await record.lead("ana").recall("no such", "ana")
        with pytest.raises(NotAllowed):
            await record.lead("ana").delete_thread("t1")
        await record.lead("ana").recall("t1", "ana")

        assert [(row.action, row.outcome) for row in await record.rows()] == [
            ("open", "refused"),
            ("list", "refused"),
            ("open", "refused"),
            ("change", "refused"),
            ("open", "done"),
        ]


async def grant(record: Record, resource_id: str, role: str) -> None:
    def write(connection: Connection) -> None:
        values = {"workspace_key": 1, "resource_id": resource_id, "subject_id": str(uuid4()), "created_at": NOON}
        if connection.execute(select(people.c.key).where(people.c.resource_id == resource_id)).scalar() is None:
            connection.execute(people.insert().values(values))
        key = connection.execute(select(people.c.key).where(people.c.resource_id == resource_id)).scalar_one()
        granted = {"resource_key": key, "role": role, "source": "granted", "workspace_key": 1, "granted_at": NOON}
        connection.execute(roles.insert().values(granted))

    await record.store.write(write)


async def test_a_supervisor_in_a_chat_is_refused_unless_role_and_scope_reach(url: str, tmp_path: Path) -> None:
    async with recorded(url, tmp_path / "anchor") as record:
        view = record.memory.as_actor(CoreActor.scoped("grace", "ana", "quality"))
        await view.list_threads()
        await grant(record, "grace", "supervisor")
        await view.list_threads()
        await record.change(
            "INSERT INTO scopes (resource_key, kind, value, workspace_key, granted_at) "
            "SELECT key, 'person', 'ana', 1, 0 FROM people WHERE resource_id = 'grace'"
        )
        listed = await view.list_threads()
        opened = await view.recall("t1", "ana")
        await record.change("UPDATE people SET left_at = 0 WHERE resource_id = 'grace'")
        await view.list_threads()
        await record.change("UPDATE people SET left_at = NULL", "DELETE FROM roles")
        await grant(record, "grace", "admin")
        await view.list_threads()

        rows = await record.rows()
        assert [row.outcome for row in rows] == ["refused", "refused", "done", "done", "refused", "refused"]
        assert {(row.actor_kind, row.category) for row in rows} == {("supervisor", "quality")}
        assert (listed.total, opened.total) == (1, 1)


async def test_who_acts_again_is_the_same_and_who_came_back_another(url: str, tmp_path: Path) -> None:
    async with recorded(url, tmp_path / "anchor", 2) as record:
        await erase(record, "lead")
        await record.acts(1)

        first, second, third = [row.actor_id for row in await record.rows()]
        assert first == second != third
        assert await record.damage() is None


# Nothing happens that cannot be recorded

Read = Callable[[MemoryView], Awaitable[Any]]
READS: list[Read] = [
    lambda view: view.list_threads(),
    lambda view: view.recall("t1"),
    lambda view: view.search_messages("boat"),
]


@pytest.mark.parametrize("statement", ["DROP TABLE audit", "DROP TABLE audit_heads"])
async def test_without_its_tables_nothing_is_shown(url: str, tmp_path: Path, statement: str) -> None:
    async with recorded(url, tmp_path / "anchor", 1) as record:
        await record.change(statement)

        for read in READS:
            with pytest.raises(StorageError):
                await read(record.lead("ana"))


async def test_without_its_anchor_nothing_is_shown(url: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    async with recorded(url, tmp_path / "file" / "anchor") as record:
        for read in READS:
            with pytest.raises(StorageError, match="nothing is shown"):
                await read(record.lead("ana"))
        assert len(await record.rows()) == len(READS), "that it was tried stays on record"


async def test_without_a_recorder_nothing_is_shown(url: str, tmp_path: Path) -> None:
    async with recorded(url, tmp_path / "anchor") as record:
        memory = Memory(record.store, record.memory._workspace_key, record.memory.options)

        for read in READS:
            with pytest.raises(StorageError):
                await read(memory.as_actor(Actor.supervisor("lead", persons=["ana"], reason="x")))
        assert await record.rows() == []


async def test_a_workspace_that_is_not_there_has_no_record(url: str, tmp_path: Path) -> None:
    async with recorded(url, tmp_path / "anchor") as record:
        act = Act(NOON, "lead", "supervisor", "list", ("ana",))

        with pytest.raises(NotFound):
            await recorder_of(record).note(record.store, Scope("system", 999, ()), act)


async def test_a_change_and_its_record_are_both_there_or_neither(url: str, tmp_path: Path) -> None:
    def rename(connection: Connection, scope: Scope, name: str) -> str:
        connection.execute(update(people).values(name=name))
        return f"renamed to {name} in {scope.workspace_key}"

    def fail(connection: Connection, scope: Scope) -> None:
        rename(connection, scope, "half")
        raise NotAllowed

    async with recorded(url, tmp_path / "anchor") as record:
        act = Act(NOON, "lin", "admin", "roles", ("ana",), category="", note="she leads now")
        scope = scope_of_person("lin")

        told = await recorder_of(record).write(record.store, scope, act, rename, "whole")
        with pytest.raises(NotAllowed):
            await recorder_of(record).write(record.store, scope, act, fail)
        await record.change("ALTER TABLE audit_heads RENAME TO elsewhere")
        with pytest.raises(StorageError):
            await recorder_of(record).write(record.store, scope, act, rename, "unrecorded")
        await record.change("ALTER TABLE elsewhere RENAME TO audit_heads")

        assert told == "renamed to whole in 1"
        names = await record.store.read(lambda connection: connection.execute(select(people.c.name)).scalars().all())
        assert set(names) == {"whole", ""}
        assert [(row.actor_kind, row.action) for row in await record.rows()] == [("admin", "roles")]
        assert await record.damage() is None


async def test_acts_at_once_make_one_chain(url: str, tmp_path: Path) -> None:
    async with recorded(url, tmp_path / "anchor") as record, recorded(url, tmp_path / "anchor") as other:
        views = [one.memory.as_actor(Actor.supervisor(f"lead {n}", persons=["ana"], reason="x"))
                 for n in range(10) for one in (record, other)]  # fmt: skip
        await asyncio.gather(*(view.list_threads() for view in views for _ in range(3)))

        assert [row.seq for row in await record.rows()] == list(range(1, 61))
        assert await record.damage() is None


# Who has read


async def readings(
    record: Record, scope: Scope, resource_id: str = "ana", most: int = 50, **wanted: Any
) -> list[Reading]:
    return await record.store.read(readings_of, scope, resource_id, most, **wanted)


async def test_a_person_is_told_who_read_what_and_when(url: str, tmp_path: Path) -> None:
    async with recorded(url, tmp_path / "anchor") as record:
        ana = record.memory.as_actor(Actor.person("ana"))
        await ana.create_thread("ana", "t2")
        await ana.save_messages([NewMessage("t2", "ana", "oars")])
        lead = record.lead("ana")
        await lead.list_threads()
        for thread_id in ("t1", "t2", "t1"):
            await lead.recall(thread_id)
        await record.lead("bob").list_threads({"resource_id": "ana"})
        await record.lead("bob").list_threads()
        await record.memory.as_actor(Actor.person("lead")).create_thread("lead")
        await record.memory.as_actor(Actor.person("lead")).name_person("lead", "Grace")

        opened, listed = await readings(record, scope_of_person("ana"))

        assert (opened.reader, opened.reader_kind, opened.action, opened.conversations, opened.seq) == (
            "Grace", "supervisor", "open", 2, 4,
        )  # fmt: skip
        assert (listed.reader, listed.action, listed.conversations, listed.seq) == ("Grace", "list", 0, 1)
        assert opened.at.date() == NOON.date()
        assert opened.at > listed.at


async def test_days_and_reasons_are_told_apart_and_paged(url: str, tmp_path: Path) -> None:
    async with recorded(url, tmp_path / "anchor") as record:
        scope, recorder = Scope("system", 1, ()), recorder_of(record)
        act = Act(NOON, "grace", "supervisor", "list", ("ana",), category="quality")
        for day in range(3):
            await recorder.note(record.store, scope, replace(act, at=NOON + timedelta(days=day)))
        await recorder.note(record.store, scope, replace(act, at=NOON + timedelta(days=2), category="complaint"))

        found = await readings(record, scope_of_person("ana"))
        first = await readings(record, scope_of_person("ana"), most=2)
        rest = await readings(record, scope_of_person("ana"), most=2, before=first[-1].seq)
        new = await readings(record, scope_of_person("ana"), after=3)

        assert [(one.at.day, one.category) for one in found] == [
            (24, "complaint"), (24, "quality"), (23, "quality"), (22, "quality"),
        ]  # fmt: skip
        assert first + rest == found
        assert [one.seq for one in new] == [4]


async def test_a_reader_who_was_erased_is_nobody(url: str, tmp_path: Path) -> None:
    async with recorded(url, tmp_path / "anchor", 2) as record:
        await erase(record, "lead")

        (found,) = await readings(record, scope_of_person("ana"))

        assert (found.reader, found.reader_kind) == ("", "supervisor")


async def test_a_person_who_was_erased_is_nobody_and_comes_back_as_another(url: str, tmp_path: Path) -> None:
    async with recorded(url, tmp_path / "anchor", 2) as record:
        await erase(record, "ana")
        await record.memory.as_actor(Actor.person("ana")).create_thread("ana", "t9")

        assert await readings(record, scope_of_person("ana")) == []
        assert await record.damage() is None


@pytest.mark.parametrize(
    "scope",
    [
        scope_of_person("bob"),
        scope_of(CoreActor.supervisor("lead", persons=["ana"], reason="x"), 1),
        scope_of(CoreActor.scoped("lead", "ana", "quality"), 1),
        scope_of_person("ana", 2),
    ],
    ids=["another person", "her supervisor", "her supervisor in a chat", "her namesake elsewhere"],
)
async def test_who_read_is_told_to_nobody_else(url: str, tmp_path: Path, scope: Scope) -> None:
    async with recorded(url, tmp_path / "anchor", 2) as record:
        assert await readings(record, scope) == []
        assert await readings(record, Scope("system", 1, ())) != []


# The audit itself


async def test_an_admin_reads_the_audit_filtered_and_paged(url: str, tmp_path: Path) -> None:
    async with recorded(url, tmp_path / "anchor", 3) as record:
        await grant(record, "lin", "admin")
        await record.lead("bob").list_threads()
        scope = scope_of_person("lin")

        async def page(wanted: AuditFilter = EVERYTHING, most: int = 50, before: int | None = None) -> list[Any]:
            return list(await record.store.read(read_audit, scope, wanted, most, before=before))

        whole = await page()
        assert [row.seq for row in whole] == [4, 3, 2, 1]
        assert (whole[0].actor, whole[0].subject, whole[1].subject, whole[1].note) == ("lead", "", "ana", "a test")
        assert await page(most=2) + await page(before=3) == whole
        assert [row.seq for row in await page(AuditFilter(subject="ana"))] == [3, 2, 1]
        assert [row.seq for row in await page(AuditFilter(actor="lead", action="list"))] == [4, 3, 2, 1]
        assert await page(AuditFilter(action="search")) == []
        assert await page(AuditFilter(actor="ana")) == []


async def test_nobody_but_an_admin_of_the_workspace_reads_the_audit(url: str, tmp_path: Path) -> None:
    async with recorded(url, tmp_path / "anchor", 3) as record:
        await grant(record, "lin", "admin")
        await grant(record, "grace", "supervisor")
        scopes = [
            scope_of_person("grace"),
            scope_of_person("ana"),
            scope_of_person("lin", 2),
            scope_of(CoreActor.supervisor("lin", persons=["ana"], reason="x"), 1),
            scope_of(CoreActor.scoped("lin", "ana", "quality"), 1),
        ]

        seen = [await record.store.read(read_audit, scope, AuditFilter(), 50) for scope in scopes]
        await record.change("UPDATE people SET left_at = 0 WHERE resource_id = 'lin'")
        seen.append(await record.store.read(read_audit, scope_of_person("lin"), AuditFilter(), 50))

        assert [list(one) for one in seen] == [[]] * 6
        assert len(await record.store.read(read_audit, Scope("system", 1, ()), AuditFilter(), 50)) == 3


# Sweeping


async def years_of_acts(record: Record) -> None:
    """Acts of two years, one each hundred days."""
    act = Act(NOON, "grace", "supervisor", "list", ("ana",))
    for number in range(8):
        await recorder_of(record).note(
            record.store, Scope("system", 1, ()), replace(act, at=NOON - timedelta(days=700 - 100 * number))
        )


async def test_what_is_older_than_a_year_is_swept_on_the_record(url: str, tmp_path: Path) -> None:
    async with recorded(url, tmp_path / "anchor") as record:
        await years_of_acts(record)

        assert await sweep_audit(record.store, recorder_of(record), NOON) == 4
        assert await sweep_audit(record.store, recorder_of(record), NOON) == 0

        rows = await record.rows()
        assert [row.seq for row in rows] == [5, 6, 7, 8, 9]
        assert (rows[-1].action, rows[-1].actor_id, rows[-1].note.partition(":")[0]) == ("swept", "system", "4")
        verdict = (await record.verdicts())[WORKSPACE]
        assert (verdict.chained, verdict.damage) == (5, None)
        assert not await record.store.read(has_outlived, NOON - timedelta(days=365))


async def test_what_was_swept_is_known_and_no_more(url: str, tmp_path: Path) -> None:
    async with recorded(url, tmp_path / "anchor") as record:
        await years_of_acts(record)
        await sweep_audit(record.store, recorder_of(record), NOON)
        await sweep_audit(record.store, recorder_of(record), NOON + timedelta(days=150))
        assert await record.damage() is None
        first = (await record.rows())[0].seq

        await record.change(f"DELETE FROM audit WHERE seq = {first}")
        assert await record.damage(anchored=False) == ("missing", first)
        await record.change(f"UPDATE audit SET note = '{first}:{'0' * 64}' WHERE action = 'swept'")
        assert await record.damage(anchored=False) is not None


async def test_an_audit_without_a_year_is_left_alone(url: str, tmp_path: Path) -> None:
    async with recorded(url, tmp_path / "anchor", 3) as record:
        assert await sweep_audit(record.store, recorder_of(record), NOON + timedelta(days=300)) == 0
        assert len(await record.rows()) == 3


async def test_two_who_sweep_at_once_do_it_once(url: str, tmp_path: Path) -> None:
    async with recorded(url, tmp_path / "anchor") as record, recorded(url, tmp_path / "anchor") as other:
        await years_of_acts(record)

        swept = await asyncio.gather(
            *(sweep_audit(one.store, recorder_of(one), NOON) for one in (record, other, record, other))
        )

        assert sum(one or 0 for one in swept) == 4
        assert [row.action for row in await record.rows()].count("swept") == 1
        assert await record.damage() is None


async def test_a_sweeping_leaves_no_hole_where_clocks_went_back(url: str, tmp_path: Path) -> None:
    async with recorded(url, tmp_path / "anchor") as record:
        act = Act(NOON, "grace", "supervisor", "list", ("ana",))
        for days in (400, 10, 400):
            at = NOON - timedelta(days=days)
            await recorder_of(record).note(record.store, Scope("system", 1, ()), replace(act, at=at))

        assert await sweep_audit(record.store, recorder_of(record), NOON) == 1
        assert [row.seq for row in await record.rows()] == [2, 3, 4]
        assert await record.damage() is None


async def test_an_audit_that_is_all_old_ends_with_its_sweeping(url: str, tmp_path: Path) -> None:
    async with recorded(url, tmp_path / "anchor", 3) as record:
        assert await sweep_audit(record.store, recorder_of(record), NOON + timedelta(days=400)) == 3
        assert [(row.seq, row.action) for row in await record.rows()] == [(4, "swept")]
        assert await record.damage() is None


async def test_rows_from_before_the_chain_are_swept_too(url: str, tmp_path: Path) -> None:
    async with recorded(url, tmp_path / "anchor") as record:
        for seq in (1, 2, 3):
            await record.change(
                "INSERT INTO audit (workspace_key, seq, at, actor_id, actor_kind, action, digest) "
                f"VALUES (1, {seq}, {seq}, 'lead', 'supervisor', 'list', '')"
            )
        await record.acts(2)

        assert await sweep_audit(record.store, recorder_of(record), NOON) == 3
        assert [row.seq for row in await record.rows()] == [4, 5, 6]
        assert await record.damage() is None
