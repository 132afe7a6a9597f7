"""The schema: equal to the models, up and down with data, refused when it is newer."""

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import JSON, Column, Connection, Engine, NullPool, Table, create_engine, insert, inspect, select, text
from structlog.testing import capture_logs

from bot import Memory
from bot.access.actor import Actor
from bot.access.recorder import Recorder
from bot.access.sweeping import KEPT, has_outlived, sweep_audit
from bot.errors import SchemaOutdated, SchemaTooNew, StorageError, StorageUnreadable
from bot.memory.values import NewMessage
from bot.storage import tables, turn_tables
from bot.storage.columns import EPOCH, Instant
from bot.storage.schema import REVISIONS, is_ours, migrate, schema_state
from bot.storage.search import SEARCH_TABLES, create_triggers
from bot.storage.sqlite import _engine
from bot.storage.store import Purpose, open_store, parse_url
from tests.engines import SECRET, Postgres
from tests.processes import ROOT, output_of, program


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """A transaction as the migrations get it."""
    address = parse_url(url)
    if address.drivername == "sqlite":
        engine: Engine = _engine(Path(address.database or ""), writes=True, foreign_keys=False)
    else:
        engine = create_engine(address, poolclass=NullPool)
    with engine.begin() as connection:
        yield connection


def migrated(url: str, target: str) -> None:
    with connected(url) as connection:
        migrate(connection, target)


def tables_of(connection: Connection) -> set[str]:
    """All but Alembic's own and those that FTS5 keeps behind its table."""
    names = inspect(connection).get_table_names()
    return {name for name in names if name != "alembic_version" and not name.startswith(f"{SEARCH_TABLES}_")}


Columns = dict[str, set[str]]


def columns_of(connection: Connection) -> Columns:
    """The columns of all tables."""
    return {
        name: {str(column["name"]) for column in inspect(connection).get_columns(name)}
        for name in tables_of(connection)
    }


def contents(connection: Connection, of: Columns | None = None) -> dict[str, list[dict[str, Any]]]:
    """All rows of all tables; or of these tables and columns alone."""
    found = {}
    for name, columns in (of or columns_of(connection)).items():
        quoted = ", ".join(f'"{column}"' for column in sorted(columns))
        rows = connection.execute(text(f"SELECT {quoted} FROM {name}")).mappings()
        found[name] = sorted((dict(row) for row in rows), key=repr)
    return found


#: What columns were called before they were given another name.
NOW_CALLED = {("audit", "reason"): "note"}


def narrowed(rows: dict[str, list[dict[str, Any]]], to: Columns) -> dict[str, list[dict[str, Any]]]:
    """What stands in these tables and columns."""

    def value(name: str, row: dict[str, Any], column: str) -> Any:
        return row[column if column in row else NOW_CALLED[name, column]]

    return {
        name: sorted(({column: value(name, row, column) for column in sorted(columns)} for row in rows[name]), key=repr)
        for name, columns in to.items()
    }


def of_the_local_platform() -> list[Table]:
    return [table for table in tables.metadata.sorted_tables if table.name.startswith("local_")]


def any_row(table: Table) -> dict[str, Any]:
    """A row of a table that refers to no other."""
    samples = {int: 1, str: "x", bool: True}

    def sample(column: Column[Any]) -> Any:
        if isinstance(column.type, Instant):
            return EPOCH
        return {"a": "b"} if isinstance(column.type, JSON) else samples[column.type.python_type]

    return {str(column.key): sample(column) for column in table.columns}


def fill(connection: Connection) -> None:
    """Put rows into every table that there is."""
    here = tables_of(connection)
    of_access = (
        tables.audit_heads,
        tables.roles,
        tables.scopes,
        tables.workspace_settings,
        tables.held,
        tables.erasures,
    )
    rows: list[tuple[Any, dict[str, Any]]] = [
        (tables.workspaces, {"key": 1, "id": "local:default", "created_at": EPOCH}),
        (tables.disclosures, {"workspace_key": 1, "version": 1, "supervision": "all", "created_at": EPOCH}),
        (tables.people, {"key": 1, "workspace_key": 1, "resource_id": "ana", "subject_id": "s1", "created_at": EPOCH}),
        (
            tables.threads,
            {"key": 1, "workspace_key": 1, "id": "t1", "owner_key": 1, "title": "Ö", "title_source": "person",
             "metadata_": {"a": [1, None]}, "place_kind": "direct", "place_name": "", "created_at": EPOCH,
             "updated_at": EPOCH, "window_boundary": {"before": 0, "ids": []}},
        ),
        (tables.participants, {"resource_key": 1, "thread_key": 1, "thread_created_at": EPOCH, "joined_at": EPOCH}),
        *(
            (
                tables.messages,
                {"key": key, "workspace_key": 1, "thread_key": 1, "seq": key, "id": f"m{key}", "resource_key": 1,
                 "role": "user", "text": "the boat 🚣", "metadata_": {}, "sent_at": EPOCH, "disclosure": 1},
            )
            for key in (1, 2)
        ),
        (
            tables.usage,
            {"key": 1, "workspace_key": 1, "resource_key": 1, "message_key": 2, "at": EPOCH, "model": "m",
             "prompt_tokens": 1, "completion_tokens": 1, "estimated": True, "model_calls": 1},
        ),
        (
            tables.audit,
            {"key": 1, "workspace_key": 1, "seq": 1, "at": EPOCH, "actor_id": "lead", "actor_kind": "supervisor",
             "action": "a", "note": "n", "digest": ""},
        ),
        *((table, any_row(table)) for table in of_access),
        (tables.facts, {"key": 1, "workspace_key": 1, "resource_key": 1, "id": "f1", "text": "has a boat",
                        "created_at": EPOCH, "updated_at": EPOCH}),
        (tables.fact_sources, {"fact_key": 1, "message_key": 1}),
        (tables.vectors, {"message_key": 1, "model": "m", "dimensions": 1, "vector": b"\0\0\x80?"}),
        (tables.ledger, {"answer_key": 2, "source_key": 1}),
        (tables.condensations, {"thread_key": 1, "up_to_seq": 1, "text": "boat", "model": "m", "created_at": EPOCH}),
        (turn_tables.places, {"key": 1, "workspace_key": 1, "id": "p1", "kind": "direct", "name": "",
                              "address": {"channel": "@ana"}, "thread_key": 1, "generation": 1, "created_at": EPOCH}),
        (turn_tables.deliveries_in, {"workspace_key": 1, "id": "d1", "received_at": EPOCH}),
        (turn_tables.utterances, {"workspace_key": 1, "id": "m1", "resource_key": 1, "received_at": EPOCH}),
        (turn_tables.pending_changes, {"workspace_key": 1, "utterance_id": "m9", "text": "oar", "changed_at": EPOCH,
                                       "received_at": EPOCH}),
        (
            turn_tables.turns,
            {"key": 1, "id": "u1", "workspace_key": 1, "thread_key": 1, "place_key": 1, "resource_key": 1,
             "state": "answering", "queued_at": EPOCH, "ready_at": EPOCH, "answer_key": 2},
        ),
        (turn_tables.turn_messages, {"message_key": 1, "turn_key": 1, "taken": True}),
        (turn_tables.leases, {"thread_key": 1, "owner": "a process", "fence": 3, "until": EPOCH}),
        (turn_tables.jobs, {"key": 1, "id": "j1", "workspace_key": 1, "kind": "notice", "arguments": {"a": 1},
                            "place_key": 1, "state": "queued", "queued_at": EPOCH, "ready_at": EPOCH}),
        (turn_tables.posts, {"key": 1, "workspace_key": 1, "value": "v1", "turn_key": 1, "part": 0,
                             "state": "sending", "sent_at": EPOCH}),
        (turn_tables.feedback, {"message_key": 2, "resource_key": 1, "value": "good", "at": EPOCH}),
        *((table, any_row(table)) for table in of_the_local_platform()),
    ]  # fmt: skip
    chained = "digest" in columns_of(connection)["audit"]
    for table, row in rows:
        if table is tables.audit and not chained:
            names = "key, workspace_key, at, actor_id, action, reason"
            connection.execute(text(f"INSERT INTO audit ({names}) VALUES (1, 1, 0, 'lead', 'a', 'n')"))
        elif table.name in here:
            connection.execute(insert(table), row)
    key, vector = ("rowid", "") if connection.dialect.name == "sqlite" else ("message_key", ", vector")
    value = ", 'boat'::tsvector" if vector else ""
    connection.execute(text(f"INSERT INTO message_search ({key}, terms{vector}) VALUES (1, 'boat'{value})"))


# The models and the migrations


def test_the_known_revisions_are_the_scripts() -> None:
    scripts = ScriptDirectory(str(ROOT / "migrations"))

    assert tuple(reversed([one.revision for one in scripts.walk_revisions()])) == REVISIONS


def test_the_revisions_have_one_head() -> None:
    assert ScriptDirectory(str(ROOT / "migrations")).get_heads() == [REVISIONS[-1]]


def test_migrating_from_nothing_gives_what_the_models_say(empty_url: str) -> None:
    migrated(empty_url, "head")

    with connected(empty_url) as connection:
        options = {"compare_type": True, "compare_server_default": True, "include_object": is_ours}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, tables.metadata) == []


def test_a_difference_would_be_seen(empty_url: str) -> None:
    migrated(empty_url, "head")

    with connected(empty_url) as connection:
        connection.execute(text("DROP INDEX ix_messages_thread_key_sent_at_seq"))
        context = MigrationContext.configure(connection, opts={"include_object": is_ours})
        assert [difference[0] for difference in compare_metadata(context, tables.metadata)] == ["add_index"]


def described(connection: Connection, schema: str | None = None) -> dict[str, Any]:
    """Columns, keys, constraints and indexes as the database itself has them."""
    inspector = inspect(connection)
    found = {}
    for name in inspector.get_table_names(schema=schema):
        if name == "alembic_version" or name.startswith(SEARCH_TABLES):
            continue
        columns = [
            (one["name"], str(one["type"]), one["nullable"], str(one["default"]).replace(f"{schema}.", ""))
            for one in inspector.get_columns(name, schema=schema)
        ]
        foreign = [
            (one["name"], one["constrained_columns"], one["referred_table"], one["options"])
            for one in inspector.get_foreign_keys(name, schema=schema)
        ]
        unique = [(one["name"], one["column_names"]) for one in inspector.get_unique_constraints(name, schema=schema)]
        indexes = [
            (one["name"], one["column_names"], one["unique"]) for one in inspector.get_indexes(name, schema=schema)
        ]
        primary = inspector.get_pk_constraint(name, schema=schema)
        found[name] = {
            "columns": sorted(columns),
            "primary": (primary["name"], primary["constrained_columns"]),
            "foreign": sorted(foreign),
            "unique": sorted(unique),
            "indexes": sorted(indexes),
        }
    return found


def test_every_key_constraint_default_and_index_of_the_models_is_in_the_database(
    empty_url: str, engine: str, tmp_path: Path
) -> None:
    migrated(empty_url, "head")

    if engine == "sqlite":
        with connected(f"sqlite:///{tmp_path / 'made.db'}") as other:
            tables.metadata.create_all(other)
            expected = described(other)
    else:
        with connected(empty_url) as other:
            other.execute(text("CREATE SCHEMA made"))
            tables.metadata.create_all(other.execution_options(schema_translate_map={None: "made"}))
        with connected(empty_url) as other:
            expected = described(other, "made")
    with connected(empty_url) as connection:
        found = described(connection)

    assert set(found) == {table.name for table in tables.metadata.sorted_tables}
    assert found == expected


# Up and down with data


def test_data_survives_every_step_down_and_up_again(empty_url: str) -> None:
    migrated(empty_url, "head")
    with connected(empty_url) as connection:
        fill(connection)
        before = contents(connection)
    assert all(before.values())  # a new table must be filled above

    for revision in reversed(REVISIONS[:-1]):
        migrated(empty_url, revision)
        with connected(empty_url) as connection:
            left, here = contents(connection), columns_of(connection)
            assert schema_state(connection).revision == revision
            assert left == narrowed(before, here)
        assert {"messages", "threads"} <= set(left)
    for revision in REVISIONS[1:]:
        migrated(empty_url, revision)
    with connected(empty_url) as connection:
        after = contents(connection)

    assert set(after) == set(before)
    assert narrowed(after, here) == left
    assert {name for name, rows in after.items() if rows} == set(left)


def test_what_was_stored_before_the_upgrade_is_kept_as_long_as_what_comes_after_it(empty_url: str) -> None:
    migrated(empty_url, "0002")
    with connected(empty_url) as connection:
        fill(connection)
    earlier = datetime.now(UTC)

    migrated(empty_url, "head")

    with connected(empty_url) as connection:
        stored = connection.execute(select(tables.messages.c.stored_at)).scalars().all()
        removed = connection.execute(select(tables.workspaces.c.removed_at)).scalars().all()
    assert len(stored) == 2
    assert all(earlier <= one <= datetime.now(UTC) for one in stored)
    assert removed == [None]


def test_the_audit_from_before_the_chain_is_numbered_and_names_nobody_who_is_known(empty_url: str) -> None:
    migrated(empty_url, "0004")
    row = "INSERT INTO audit (workspace_key, at, actor_id, action, reason) VALUES ({}, 0, '{}', 'list', 'why')"
    with connected(empty_url) as connection:
        fill(connection)
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT setval('audit_key_seq', 1)"))
        connection.execute(text("INSERT INTO workspaces (key, id, created_at) VALUES (2, 'slack:T1', 0)"))
        for workspace, actor in ((2, "ana"), (1, "ana"), (2, "boss")):
            connection.execute(text(row.format(workspace, actor)))

    migrated(empty_url, "head")
    with connected(empty_url) as connection:
        names = "workspace_key, seq, actor_id, actor_kind, note, digest"
        rows = connection.execute(text(f"SELECT {names} FROM audit ORDER BY workspace_key, seq")).all()
    migrated(empty_url, "0004")
    with connected(empty_url) as connection:
        actors = connection.execute(text("SELECT actor_id FROM audit ORDER BY workspace_key, key")).scalars().all()

    assert [tuple(one) for one in rows] == [
        (1, 1, "lead", "supervisor", "n", ""),
        (1, 2, "s1", "supervisor", "why", ""),
        (2, 1, "ana", "supervisor", "why", ""),
        (2, 2, "boss", "supervisor", "why", ""),
    ]
    assert actors == ["lead", "ana", "ana", "boss"]


@pytest.mark.parametrize(
    ("kind", "place", "within", "channel"),
    [
        ("public", "harbour/1", "harbour", "harbour"),
        ("private", "harbour", "", "harbour"),
        ("direct", "@ana", "", ""),
        ("public", None, "", ""),
    ],
)
def test_threads_from_before_know_their_channel(
    empty_url: str, kind: str, place: str | None, within: str, channel: str
) -> None:
    migrated(empty_url, "0004")
    with connected(empty_url) as connection:
        fill(connection)
        connection.execute(text("UPDATE threads SET place_kind = :kind"), {"kind": kind})
        if place is None:
            connection.execute(text("DELETE FROM turns"))
            connection.execute(text("UPDATE places SET thread_key = NULL"))
        else:
            connection.execute(text("UPDATE places SET id = :id, within = :within"), {"id": place, "within": within})

    migrated(empty_url, "head")

    with connected(empty_url) as connection:
        assert connection.execute(text("SELECT channel_id FROM threads")).scalars().all() == [channel]


def test_going_down_to_the_base_leaves_nothing(empty_url: str, engine: str) -> None:
    migrated(empty_url, "head")
    with connected(empty_url) as connection:
        fill(connection)

    migrated(empty_url, "base")

    kinds = "SELECT name FROM sqlite_master WHERE type <> 'index'"
    if engine == "postgresql":
        kinds = (
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'S', 'v')"
        )
    with connected(empty_url) as connection:
        assert [name for (name,) in connection.execute(text(kinds))] == ["alembic_version"]


async def test_a_database_at_the_base_is_brought_up_again(empty_url: str) -> None:
    migrated(empty_url, "head")
    migrated(empty_url, "base")

    store = await open_store(empty_url)

    assert (await store.read(schema_state)).current
    await store.close()


def test_deleting_a_message_takes_its_index_entry_along(url: str) -> None:
    with connected(url) as connection:
        fill(connection)

        connection.execute(text("DELETE FROM messages WHERE key = 1"))

        assert connection.execute(text("SELECT count(*) FROM message_search")).scalar_one() == 0


async def test_deleting_a_thread_takes_messages_and_their_index_entries_along(url: str) -> None:
    with connected(url) as connection:
        fill(connection)
    store = await open_store(url)

    await store.write(lambda connection: connection.execute(text("DELETE FROM threads")))

    left = await store.read(contents)
    assert {name for name, rows in left.items() if rows} == {
        "workspaces", "disclosures", "people", "audit", "usage", "facts",
        "audit_heads", "roles", "scopes", "workspace_settings", "held", "erasures",
        "places", "deliveries_in", "utterances", "pending_changes", "jobs",
        *(table.name for table in of_the_local_platform()),
    }  # fmt: skip
    await store.close()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
async def test_a_migration_that_copies_a_table_takes_nothing_along(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with connected(url) as connection:
        fill(connection)
        before = contents(connection)
        connection.execute(text("UPDATE alembic_version SET version_num = :old"), {"old": REVISIONS[-2]})

    def copy_tables(connection: Connection) -> None:
        operations = Operations(MigrationContext.configure(connection))
        for name in ("people", "threads", "messages"):
            with operations.batch_alter_table(name, recreate="always"):
                pass
        create_triggers(connection)
        connection.execute(text("UPDATE alembic_version SET version_num = :new"), {"new": REVISIONS[-1]})

    monkeypatch.setattr("bot.storage.sqlite.migrate", copy_tables)
    store = await open_store(url)

    assert await store.read(contents) == before
    assert await store.read(lambda connection: connection.execute(text("PRAGMA foreign_key_check")).all()) == []
    assert await store.read(lambda connection: connection.execute(text("PRAGMA foreign_keys")).scalar()) == 1
    await store.close()


# Newer, older, foreign


@pytest.mark.parametrize("purpose", ["worker", "writer", "reader"])
async def test_a_schema_from_the_future_is_refused_and_left_alone(url: str, purpose: Purpose) -> None:
    with connected(url) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        before = described(connection)

    with pytest.raises(SchemaTooNew, match="newer version"):
        await open_store(url, purpose=purpose)

    with connected(url) as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == "9999"
        assert described(connection) == before


@pytest.mark.parametrize("target", ["base", *REVISIONS[:-1]])
async def test_an_older_schema_is_not_changed_by_a_reader(empty_url: str, target: str) -> None:
    migrated(empty_url, REVISIONS[0])
    migrated(empty_url, target)
    with connected(empty_url) as connection:
        before = described(connection)

    with pytest.raises(SchemaOutdated, match="threadkeeper migrate"):
        await open_store(empty_url, purpose="reader")

    with connected(empty_url) as connection:
        assert described(connection) == before


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
async def test_the_database_of_another_program_is_refused_and_left_alone(empty_url: str, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "empty.db")) as other:
        other.execute("CREATE TABLE photos (id)")

    with pytest.raises(StorageUnreadable, match="another program"):
        await open_store(empty_url)

    with connected(empty_url) as connection:
        assert tables_of(connection) == {"photos"}


# Together, and killed


MIGRATE = """
    import asyncio, sys
    from alembic import command
    from bot.storage.store import open_store

    upgrade = command.upgrade

    def told(config, target):
        print("migrating", flush=True)
        upgrade(config, target)

    command.upgrade = told

    async def main():
        store = await open_store(sys.argv[1])
        await store.close()

    print("ready", flush=True)
    sys.stdin.readline()
    asyncio.run(main())
"""


def test_of_processes_that_open_an_empty_database_at_once_one_migrates(empty_url: str) -> None:
    running = [program(MIGRATE, empty_url) for _ in range(3)]
    for one in running:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"

    for one in running:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    told = [one.communicate(timeout=60) for one in running]

    assert [one.returncode for one in running] == [0, 0, 0], told
    assert sorted(out for out, _errors in told) == ["", "", "migrating\n"]
    with connected(empty_url) as connection:
        assert schema_state(connection).current


async def test_tasks_that_open_an_empty_database_at_once_all_succeed(empty_url: str) -> None:
    stores = await asyncio.gather(*(open_store(empty_url) for _ in range(4)))

    assert [(await store.read(schema_state)).current for store in stores] == [True] * 4
    for store in stores:
        await store.close()


KILLED = """
    import asyncio, os, signal, sys
    from sqlalchemy import Engine, event
    from bot.storage.store import open_store

    @event.listens_for(Engine, "before_cursor_execute")
    def before(connection, cursor, statement, parameters, context, executemany):
        if sys.argv[2] in statement:
            os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(open_store(sys.argv[1]))
"""


@pytest.mark.parametrize("statement", ["CREATE TABLE messages", "TABLE message_search", "SET version_num='0002'"])
async def test_a_migration_that_was_killed_is_begun_anew_and_completed(empty_url: str, statement: str) -> None:
    status, _out = output_of(KILLED, empty_url, statement)
    with connected(empty_url) as connection:
        left = tables_of(connection)

    store = await open_store(empty_url)

    assert status == -9
    assert left == set()
    assert (await store.read(schema_state)).current
    await store.close()


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE vectors",
        "UPDATE messages SET stored_at",
        "TABLE local_posts",
        "UPDATE audit SET seq",
        "TABLE held",
    ],
)
async def test_an_upgrade_that_was_killed_leaves_the_old_schema_with_its_data(empty_url: str, statement: str) -> None:
    migrated(empty_url, REVISIONS[0])
    with connected(empty_url) as connection:
        fill(connection)
        before, here = contents(connection), columns_of(connection)

    status, _out = output_of(KILLED, empty_url, statement)

    assert status == -9
    with connected(empty_url) as connection:
        assert contents(connection) == before
        assert schema_state(connection).revision == REVISIONS[0]
    store = await open_store(empty_url)
    after = await store.read(contents)
    assert narrowed(after, here) == before
    await store.close()


# The snapshot


@pytest.fixture
def old_file(tmp_path: Path) -> Path:
    """A file of the first revision, with data, under a name that a shell would trip over."""
    path = tmp_path / "my bot's.db"
    migrated(f"sqlite:///{path}", REVISIONS[0])
    with connected(f"sqlite:///{path}") as connection:
        fill(connection)
    return path


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def run_in_bash(command: str) -> None:
    subprocess.run(["bash", "-c", command], check=True, cwd="/")


def snapshots_of(path: Path) -> list[Path]:
    return sorted(path.parent.glob(f"{path.name}.before-migrating-*"))


async def test_an_older_file_is_copied_before_it_changes(old_file: Path) -> None:
    with connected(f"sqlite:///{old_file}") as connection:
        before = contents(connection)

    await (await open_store(f"sqlite:///{old_file}")).close()

    (snapshot,) = snapshots_of(old_file)
    assert mode_of(snapshot) == 0o600
    with closing(sqlite3.connect(snapshot)) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    with connected(f"sqlite:///{snapshot}") as connection:
        assert schema_state(connection).revision == REVISIONS[0]
        assert contents(connection) == before


async def test_the_restore_command_puts_the_copy_back(old_file: Path, tmp_path: Path) -> None:
    with connected(f"sqlite:///{old_file}") as connection:
        before = contents(connection)
    with capture_logs() as logs:
        store = await open_store(f"sqlite:///{old_file}")
    await store.write(lambda connection: connection.execute(text("DELETE FROM workspaces WHERE id = 'no such'")))
    await store.write(lambda connection: connection.execute(text("DELETE FROM threads")))
    shutil.copy(f"{old_file}-wal", tmp_path / "left-over")
    await store.close()
    shutil.copy(tmp_path / "left-over", f"{old_file}-wal")  # as after a kill

    run_in_bash(logs[0]["restore"])

    with connected(f"sqlite:///{old_file}") as connection:
        assert schema_state(connection).revision == REVISIONS[0]
        assert contents(connection) == before
    assert mode_of(old_file) == 0o600


async def test_a_second_copy_never_overwrites_the_first(old_file: Path) -> None:
    with capture_logs() as logs:
        await (await open_store(f"sqlite:///{old_file}")).close()
    run_in_bash(logs[0]["restore"])

    await (await open_store(f"sqlite:///{old_file}")).close()

    assert len(snapshots_of(old_file)) == 2


async def test_a_copy_that_fails_stops_the_migration_and_leaves_no_part_of_itself(
    old_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError):
        await open_store(f"sqlite:///{old_file}")

    assert snapshots_of(old_file) == []
    with connected(f"sqlite:///{old_file}") as connection:
        assert schema_state(connection).revision == REVISIONS[0]


async def test_a_new_file_and_an_up_to_date_one_are_not_copied(tmp_path: Path) -> None:
    for _ in range(2):
        await (await open_store(f"sqlite:///{tmp_path / 'new.db'}")).close()

    assert snapshots_of(tmp_path / "new.db") == []
    assert mode_of(tmp_path / "new.db") == 0o600


# Installed, and with two roles


def test_an_installed_wheel_brings_its_migrations_along(tmp_path: Path) -> None:
    wheels, target, elsewhere = tmp_path / "wheels", tmp_path / "target", tmp_path / "elsewhere"
    elsewhere.mkdir()
    for command in (
        ["uv", "build", "--wheel", "--out-dir", str(wheels), str(ROOT)],
        [
            "uv",
            "pip",
            "install",
            "--no-deps",
            "--target",
            str(target),
            "threadkeeper",
            "--find-links",
            str(wheels),
            "--no-index",
        ],
    ):
        subprocess.run(command, check=True, capture_output=True)
    code = """
import asyncio, bot, migrations
from bot import Memory
async def main():
    async with await Memory.open("sqlite:///found.db"):
        print(bot.__file__, migrations.__file__, sep="\\n")
asyncio.run(main())
"""

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=elsewhere,
        env={**os.environ, "PYTHONPATH": str(target), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert all(line.startswith(str(target)) for line in done.stdout.splitlines())
    with connected(f"sqlite:///{elsewhere / 'found.db'}") as connection:
        assert schema_state(connection).current


def execute(connection: Connection, statement: str) -> None:
    connection.execute(text(statement))


@pytest.fixture
def application_url(empty_url: str, postgres: Postgres) -> Iterator[str]:
    """The address of an empty database for a role that owns nothing in it."""
    role = f"tk_app_{uuid4().hex[:8]}"
    with psycopg.connect(postgres.uri, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN".encode())
    yield empty_url.replace("postgres:@", f"{role}:@", 1)
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute(f"DROP OWNED BY {role} CASCADE".encode())
        connection.execute(f"DROP ROLE {role}".encode())


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
async def test_an_application_role_that_owns_nothing_works_on_what_the_owner_migrated(
    empty_url: str, application_url: str, tmp_path: Path
) -> None:
    anchor = tmp_path / "anchor"
    for _ in range(2):  # made, then found
        async with await Memory.open(application_url, migration_url=empty_url, secret=SECRET, anchor=anchor) as memory:
            ana = memory.as_actor(Actor.person("ana"))
            thread = await ana.create_thread("ana")
            await ana.save_messages([NewMessage(thread.id, "ana", "the boat")])
            assert (await ana.search_messages("boat")).total >= 1
            lead = memory.as_actor(Actor.supervisor("lead", persons=["ana"], reason="a test"))
            assert (await lead.list_threads()).total >= 1
            await ana.delete_thread((await ana.create_thread("ana")).id)


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
async def test_an_application_role_needs_the_owner_only_for_migrating(empty_url: str, application_url: str) -> None:
    await (await open_store(application_url, migration_url=empty_url)).close()

    store = await open_store(application_url)

    assert (await store.read(schema_state)).current
    await store.close()


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
async def test_the_owner_sweeps_the_audit_and_the_application_role_does_not(
    empty_url: str, application_url: str, tmp_path: Path
) -> None:
    anchor = tmp_path / "anchor"
    later = datetime.now(UTC) + timedelta(days=400)
    async with await Memory.open(application_url, migration_url=empty_url, secret=SECRET, anchor=anchor) as memory:
        lead = memory.as_actor(Actor.supervisor("lead", persons=["ana"], reason="a test"))
        for _ in range(3):
            await lead.list_threads()
    for url, swept, left in ((application_url, None, True), (empty_url, 3, False)):
        store = await open_store(url)
        assert await sweep_audit(store, Recorder.at(url, secret=SECRET, anchor=anchor), later) == swept
        assert await store.read(has_outlived, later - KEPT) is left
        await store.close()


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
async def test_an_application_role_cannot_change_the_audit_or_the_schema(empty_url: str, application_url: str) -> None:
    store = await open_store(application_url, migration_url=empty_url)

    for statement in (
        "UPDATE audit SET note = ''",
        "DELETE FROM audit",
        "DROP TABLE messages",
        "TRUNCATE messages",
        "UPDATE alembic_version SET version_num = '0001'",
    ):
        with pytest.raises(StorageError):
            await store.write(execute, statement)

    await store.write(execute, "DELETE FROM messages")
    await store.close()
