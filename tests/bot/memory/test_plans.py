"""What SQLite does for each statement of a person and a supervisor: no plan begins with a whole workspace."""

import re
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event

from bot.access.actor import Actor
from bot.access.role_rows import OPERATOR, grant_role, set_scope
from bot.access.scope import Scope
from bot.access.standing import ReadScope
from bot.memory.memory import Memory
from bot.memory.turn_rows import Cost
from bot.memory.values import Include, MessageChange, NewMessage

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
WHOLE_WORKSPACE = re.compile(r"(SEARCH|SCAN) threads\b(?!.*(rowid=\?|\bid=\?))|SCAN (messages|participants|people)\b")


async def test_no_statement_of_a_person_or_a_supervisor_begins_with_the_whole_workspace(tmp_path: Path) -> None:
    asked: list[tuple[str, Any]] = []

    def listen(_connection: Connection, _cursor: object, statement: str, parameters: Any, *_rest: object) -> None:
        asked.append((statement, parameters[0] if isinstance(parameters, list) else parameters))

    async with await Memory.open(tmp_path / "plans.db") as memory:
        person = memory.as_actor(Actor.person("ada"))
        for thread in ("a", "b"):
            await person.create_thread("ada", thread)
            await person.save_messages([NewMessage(thread, "ada", f"word {n}", id=f"{thread}{n}") for n in range(3)])
        await memory.as_actor(Actor.person("grace")).create_thread("grace", "hers")
        here = Scope("system", memory._workspace_key, ())
        await memory._store.write(grant_role, here, "grace", "supervisor", OPERATOR, NOON)
        await memory._store.write(set_scope, here, "grace", ReadScope(persons=("ada",)), OPERATOR, NOON)
        event.listen(Engine, "before_cursor_execute", listen)
        try:
            for actor in (
                Actor.person("ada"),
                Actor.supervisor("boss", persons=["ada", "bob"], reason="test"),
                Actor.scoped("grace", "ada", "quality"),
            ):
                view = memory.as_actor(actor)
                page = await view.recall("a", per_page=2)
                await view.recall("a", per_page=1, page=1)
                await view.recall("a", per_page=2, cursor=page.next_cursor)
                await view.recall(["a", "b"], include=[Include("a1", 1, 1)], metadata={"x": 1})
                await view.get_thread_by_id("a", "ada")
                await view.list_threads()
                await view.list_threads(order_by=("updated_at", "DESC"))
                await view.list_threads_by_resource_id("ada", metadata={"x": 1})
                await view.list_messages_by_resource_id("ada")
                await view.search_messages("word")
            await person.read_context("a", 2)
            await person.open_turn("a", "word")
            await person.close_turn(NewMessage("a", "ada", "word", "assistant"), Cost("m", 1, 1, True, 1), "a1")
            await person.save_messages([NewMessage("a", "ada", "new", id="a1")])
            await person.update_messages([MessageChange("a1", "word"), MessageChange("b1", metadata={"x": 1})])
            await person.update_thread("a", "title", {"x": 1})
            await person.clone_thread("a", "c")
            await person.delete_messages(["a1", "b1"])
            await person.delete_thread("c")
        finally:
            event.remove(Engine, "before_cursor_execute", listen)

    connection = sqlite3.connect(tmp_path / "plans.db")
    plans = {
        statement: [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]
        for statement, parameters in asked
        if statement.startswith(("SELECT", "WITH", "INSERT", "UPDATE", "DELETE"))
    }
    connection.close()
    whole = {statement: [step for step in plan if WHOLE_WORKSPACE.match(step)] for statement, plan in plans.items()}
    assert len(plans) > 15
    assert {statement: steps for statement, steps in whole.items() if steps} == {}
