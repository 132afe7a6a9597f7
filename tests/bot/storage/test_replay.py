"""Every storage function that writes may be rolled back and run again, with the same outcome.

The whole library face runs through a store that rehearses each transaction: runs it, rolls it back, and runs it for
real. The functions that write are found in the source, so that a new one must join the scenario below.
"""

import ast
import inspect
import pkgutil
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, Concatenate

import pytest
import sqlalchemy
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql

import bot
from bot.access.actor import Actor
from bot.access.anchor import Anchor
from bot.access.door import Door
from bot.access.recorder import Recorder
from bot.access.secret import Secrets
from bot.access.sweeping import sweep_audit
from bot.errors import BotError, Conflict, NotAllowed
from bot.memory.boundary import Boundary
from bot.memory.drafts import draft
from bot.memory.import_rows import ImportBatch
from bot.memory.thread_rows import NewThread
from bot.memory.turn_rows import Cost
from bot.memory.values import MessageChange, NewMessage
from bot.memory.view import MemoryView
from bot.memory.workspace_rows import ensure_workspace
from bot.storage.signals import Signals
from bot.storage.store import P, Scrubbed, Store, T, open_store
from bot.storage.tables import metadata
from tests.bot.storage.access_scenario import access_scenario
from tests.bot.storage.admin_scenario import admin_scenario
from tests.bot.storage.supervision_scenario import supervision_scenario
from tests.bot.storage.turn_scenario import turn_scenario
from tests.engines import SECRET, Clock

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

#: Those that change the schema, not rows; tests/bot/storage/test_schema.py runs them up and down.
OF_THE_SCHEMA = {"create_search", "create_triggers", "drop_search", "grant_use", "migrate", "take_snapshot"}


class RolledBack(Exception):
    """Ends a rehearsal; carries what the function returned or raised."""

    def __init__(self, outcome: Any) -> None:
        self.outcome = outcome


class RehearsingStore:
    """A store that runs each writing function twice: rolled back, then for real."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.migration = store.migration
        self.rehearsed: set[str] = set()

    async def read(self, function: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._store.read(function, *args, **kwargs)

    async def write(self, function: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        def rehearse(connection: Connection) -> None:
            with called_storage_functions(self.rehearsed):
                outcome = outcome_of(lambda: function(connection, *args, **kwargs))
            raise RolledBack((comparable(outcome), rows_of(connection)))

        try:
            await self._store.write(rehearse)
        except RolledBack as rehearsal:
            expected = rehearsal.outcome
        performed = []

        def perform(connection: Connection) -> T:
            outcome = outcome_of(lambda: function(connection, *args, **kwargs))
            performed.append((comparable(outcome), rows_of(connection)))
            if isinstance(outcome, BotError):
                raise outcome
            result: T = outcome
            return result

        try:
            return await self._store.write(perform)
        finally:
            assert performed[-1] == expected

    async def scrub(self, tables: Sequence[str], most_bytes: int) -> Scrubbed:
        return await self._store.scrub(tables, most_bytes)

    @property
    def shared(self) -> bool:
        return self._store.shared

    def signals(self) -> Signals:
        return self._store.signals()

    async def close(self) -> None:
        await self._store.close()


def outcome_of(run: Callable[[], Any]) -> Any:
    try:
        return run()
    except BotError as error:
        return error


def rows_of(connection: Connection) -> dict[str, Any]:
    """What all tables hold, on SQLite; PostgreSQL gives other keys after a rollback."""
    if connection.dialect.name == "postgresql":
        return {}
    return {table.name: connection.execute(table.select()).all() for table in metadata.sorted_tables}


def comparable(outcome: Any) -> Any:
    """Keys come from the database, which need not give the same one twice."""
    if isinstance(outcome, BotError):
        return type(outcome), str(outcome)
    return "a key" if isinstance(outcome, int) else outcome


@contextmanager
def called_storage_functions(found: set[str]) -> Iterator[None]:
    """Note each storage function that is called: those whose first parameter is the connection."""

    def note(frame: FrameType, what: str, _argument: Any) -> None:
        if what == "call" and frame.f_code.co_varnames[:1] == ("connection",):
            found.add(frame.f_code.co_name)

    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(None)


def modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(bot.__path__, "bot."):
        if not found.name.endswith("__main__"):
            yield import_module(found.name)


def writing_functions() -> set[str]:
    """The storage functions of `bot` that change rows: they insert, update or delete, or use what does."""
    uses: dict[int, set[int]] = {}
    storage_functions: dict[int, str] = {}
    writing = {id(sqlalchemy.insert), id(sqlalchemy.update), id(sqlalchemy.delete), id(postgresql.insert)}
    for module in modules():
        for name, definition in definitions(module):
            thing = id(vars(module)[name])
            uses[thing] = used_in(definition, vars(module))
            if changes_in_sql(definition):
                writing.add(thing)
            if isinstance(definition, ast.FunctionDef) and [one.arg for one in definition.args.args[:1]] == [
                "connection"
            ]:
                storage_functions[thing] = name
    while more := {thing for thing, used in uses.items() if used & writing} - writing:
        writing |= more
    return {name for thing, name in storage_functions.items() if thing in writing}


def definitions(module: ModuleType) -> Iterator[tuple[str, ast.AST]]:
    """The functions and constants of a module."""
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name):
                    yield target.id, node.value


def used_in(definition: ast.AST, namespace: dict[str, Any]) -> set[int]:
    """What a piece of source uses of its module's names, and of the modules among them."""
    used = set()
    for part in ast.walk(definition):
        if isinstance(part, ast.Name) and part.id in namespace:
            used.add(id(namespace[part.id]))
        elif isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name):
            used.add(id(getattr(namespace.get(part.value.id), part.attr, None)))
    return used - {id(None), id(""), id(0), id(1), id(True), id(False), id(())}


def changes_in_sql(definition: ast.AST) -> bool:
    texts = (
        part.value for part in ast.walk(definition) if isinstance(part, ast.Constant) and isinstance(part.value, str)
    )
    return any(text.startswith(("INSERT ", "UPDATE ", "DELETE ")) for text in texts)


async def scenario(store: Store, anchor: Path) -> list[Any]:
    """Everything that the library face can change, with ids and times given; what each call returned."""
    now = Clock(NOON, timedelta(seconds=1))
    workspace = await store.write(ensure_workspace, "local:default", now())
    ana = MemoryView(Door(store, workspace, Actor.person("ana"), now))
    system = MemoryView(Door(store, workspace, Actor.system("a test"), now))
    recorder = Recorder(lambda: Secrets.of(SECRET), Anchor(anchor))
    lead = MemoryView(Door(store, workspace, Actor.supervisor("lead", persons=["ana"], reason="a test"), now, recorder))
    done: list[Any] = []

    async def keep(call: Any) -> None:
        try:
            done.append(await call)
        except BotError as error:
            done.append(comparable(error))

    await keep(ana.create_thread("ana", "t1", metadata={"a": 1}))
    await keep(ana.create_thread("ana", "t1"))
    await keep(ana.create_thread("ana", "t2", "Mine"))
    await keep(
        ana.save_messages(
            [
                NewMessage("t1", "ana", "the red boat", id="m1"),
                NewMessage("t2", "ana", "the green boat", id="m2", created_at=NOON),
                NewMessage("t1", "ana", "an answer", "assistant", id="m3", outcome="answered"),
            ]
        )
    )
    await keep(
        ana.save_messages([NewMessage("t1", "ana", "the blue boat", id="m1"), NewMessage("t1", "ana", "x", id="m4")])
    )
    await keep(ana.save_messages([NewMessage("t2", "ana", "taken", id="m1")]))
    await keep(ana.update_messages([MessageChange("m3", text="a better answer", metadata={"b": None})]))
    await keep(ana.update_thread("t1", title="Boats", metadata={"c": [1]}))
    await keep(ana.suggest_title("t1", "Not this one"))
    await keep(ana.clone_thread("t1", "t3", message_limit=2))
    await keep(system.add_participant("t1", "ben"))
    await keep(ana.add_participant("t1", "ben"))
    await keep(ana.open_turn("t4", "where is it?", title="The boat"))
    (question,) = (await ana.recall("t4")).items
    done[-1] = (question.text, question.seq)  # its id is random
    await keep(ana.close_turn(NewMessage("t4", "ana", "in the bay", "assistant", id="m5"), Cost("m", 1, 2, False, 1)))
    await keep(ana.name_person("ana", "Ana"))
    await keep(system.transfer_thread("t3", "cleo"))
    await keep(ana.move_window_boundary("t1", Boundary(NOON, frozenset({"m1"}))))
    await keep(ana.window_boundary("t1"))
    await keep(ana.forget_fact("none"))
    begun = NewThread("t5", "dora", "", "", {}, "public", "harbour", NOON, "subject")
    said = [NewMessage("t5", person, "ahoy", id=f"of {person}", created_at=NOON) for person in ("dora", "emil")]
    for text in ("ahoy", "again"):
        drafts = [draft(replace(one, text=text), "unused") for one in said]
        await keep(system.import_batch(ImportBatch([begun], drafts, {"t5": "Harbour"}, {"emil": "Emil"})))
    await keep(ana.delete_messages(["m4", "unknown"]))
    await keep(ana.delete_thread("t2"))
    await keep(lead.list_threads())
    await keep(lead.recall("t1"))
    await keep(sweep_audit(store, recorder, NOON + timedelta(days=400)))
    for view in (ana, system):
        await keep(view.list_threads())
    await keep(system.recall(["t1", "t3"], per_page=None))
    await keep(system.search_messages("boat"))
    return done


async def row_counts_of(store: Store) -> list[tuple[str, int]]:
    return await store.read(
        lambda connection: [
            (table.name, len(connection.execute(table.select()).all())) for table in metadata.sorted_tables
        ]
    )


@pytest.fixture
async def store(url: str) -> AsyncIterator[RehearsingStore]:
    opened = RehearsingStore(await open_store(url))
    yield opened
    await opened.close()


async def test_every_writing_function_replays_to_the_same_outcome(store: RehearsingStore, tmp_path: Path) -> None:
    done = await scenario(store, tmp_path / "anchor") + await turn_scenario(store)
    done += await access_scenario(store) + await supervision_scenario(store) + await admin_scenario(store)

    assert writing_functions() - OF_THE_SCHEMA - store.rehearsed == set()
    assert (Conflict, "A thread with id t1 exists already.") in done
    assert (NotAllowed, "Only the platform decides who takes part in a conversation.") in done


async def whole_life(store: Store, anchor: Path) -> list[Any]:
    done = [*await scenario(store, anchor), *await turn_scenario(store), *await access_scenario(store)]
    done += await supervision_scenario(store) + await admin_scenario(store)
    return [*done, *await row_counts_of(store)]


async def test_a_rehearsed_life_ends_like_a_plain_one(store: RehearsingStore, tmp_path: Path) -> None:
    plain = await open_store(f"sqlite:///{tmp_path / 'plain.db'}")

    rehearsed = await whole_life(store, tmp_path / "anchor")
    try:
        once = await whole_life(plain, tmp_path / "another")
    finally:
        await plain.close()

    assert rehearsed == once


def test_the_functions_that_write_are_found() -> None:
    found = writing_functions()

    assert {"save_messages", "recount", "ensure_person", "index_messages", "record", "clone_thread"} <= found
    assert {"recall", "find_thread", "list_threads", "schema_state", "facts_on"} & found == set()
