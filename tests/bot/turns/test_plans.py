"""What the databases do for each statement of accepting and claiming: nothing grows with what is long closed."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Engine, event

from bot.turns.job_lease_rows import claim_job
from bot.turns.options import TurnOptions
from bot.turns.retention import sweep_deliveries, sweep_jobs, sweep_messages, sweep_turns, sweep_utterances
from bot.turns.turn_rows import claim_turn
from tests.bot.turns.events import (
    NOON,
    Desk,
    channel_thread,
    deletion,
    desk,
    edit_of,
    every_event,
    message,
    person,
)

#: The tables that keep what is closed, under any name that a statement gives them.
GROWING = r"(messages|turns|turn_messages|utterances|deliveries_in|jobs|posts|usage|pending_changes|people)(_\d+)?"
WHOLE = {
    # An index of what is open alone is read whole, and only where the statement says so in the index's words.
    "sqlite": re.compile(rf"SCAN {GROWING}\b(?! USING (COVERING )?INDEX ix_(turns_open|jobs_waiting))"),
    "postgresql": re.compile(rf"Seq Scan on {GROWING}\b"),
}
EXPLAIN = {"sqlite": "EXPLAIN QUERY PLAN ", "postgresql": "EXPLAIN "}


@contextmanager
def statements() -> Iterator[dict[str, Any]]:
    """What is asked of a database within this block, with the values of the first time."""
    asked: dict[str, Any] = {}

    def listen(_connection: Connection, _cursor: object, statement: str, parameters: Any, *_rest: object) -> None:
        if re.match("SELECT|WITH|INSERT|UPDATE|DELETE", statement) and "advisory" not in statement:
            asked.setdefault(statement, parameters[0] if isinstance(parameters, list) else parameters)

    event.listen(Engine, "before_cursor_execute", listen)
    try:
        yield asked
    finally:
        event.remove(Engine, "before_cursor_execute", listen)


def read_whole(connection: Connection, asked: dict[str, Any]) -> dict[str, list[str]]:
    """The steps that read a whole table, by statement."""
    dialect = connection.dialect.name
    if dialect == "postgresql":
        # It reads small tables whole, whatever indexes there are: let it do so only where there is none that helps.
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    found = {}
    for statement, parameters in asked.items():
        rows = connection.exec_driver_sql(EXPLAIN[dialect] + statement, parameters).all()
        found[statement] = [step for step in (str(row[-1]) for row in rows) if WHOLE[dialect].search(step)]
    return {statement: steps for statement, steps in found.items() if steps}


async def test_no_statement_of_accepting_or_claiming_reads_all_that_was_ever_said(url: str) -> None:
    async with desk(url, options=TurnOptions(accept=timedelta(seconds=20))) as taken:
        await everything(taken)  # what is known from then on is looked up otherwise
        with statements() as asked:
            await everything(taken, "again")

        assert len(asked) > 40
        assert await taken.store.write(read_whole, asked) == {}


async def everything(taken: Desk, which: str = "") -> None:
    for one in every_event():
        await taken.take(one)
    said = message("hello", f"a{which}", aliases=(f"b{which}",), where=channel_thread())
    await taken.take(said)
    await taken.take(edit_of(said, "hello you"))
    await taken.take(message("go on", f"c{which}", who=person("ben"), where=channel_thread(), replies_to=f"a{which}"))
    await taken.take(message("go on", f"d{which}", where=channel_thread(), addressing="thread"))
    await taken.store.write(claim_turn, "a process", ["local"], [], taken.options, NOON)
    await taken.store.write(claim_job, "a process", ["local"], [], taken.options, NOON)
    await taken.take(deletion(f"c{which}"))
    for sweep in (sweep_messages, sweep_turns, sweep_jobs, sweep_deliveries, sweep_utterances):
        await taken.store.write(sweep, NOON - timedelta(days=1))
