"""Storage functions that count for the operator what became of turns."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, func, select

from bot.storage.turn_tables import is_open, posts, turns


@dataclass(frozen=True, slots=True)
class TurnCounts:
    """How many turns are owed, how many failed, and of how many posts nobody knows whether they were made."""

    waiting: int
    failed: int
    ambiguous: int


def turn_counts(connection: Connection) -> TurnCounts:
    """Count over all workspaces, as far back as closed turns are kept."""

    def count(statement: Select[Any]) -> int:
        return int(connection.execute(statement).scalar_one())

    of_turns, of_posts = select(func.count()).select_from(turns), select(func.count()).select_from(posts)
    return TurnCounts(
        waiting=count(of_turns.where(is_open(turns))),
        failed=count(of_turns.where(turns.c.state == "failed")),
        ambiguous=count(of_posts.where(posts.c.state == "ambiguous")),
    )
