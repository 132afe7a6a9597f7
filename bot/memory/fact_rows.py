"""Storage functions for facts: short statements about a person, each resting on messages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, exists, select

from bot.access.actor import supervises
from bot.access.scope import Scope, person_key
from bot.memory.portions import portions
from bot.storage.tables import fact_sources, facts, messages


@dataclass(frozen=True, slots=True)
class Fact:
    """A short statement about a person and the messages that it came from."""

    id: str
    text: str
    created_at: datetime
    updated_at: datetime
    sources: tuple[str, ...] = ()


_FACTS = (
    select(facts.c.id, facts.c.text, facts.c.created_at, facts.c.updated_at, facts.c.key)
    .where(
        facts.c.workspace_key == bindparam("in_workspace"), facts.c.resource_key == person_key(bindparam("for_reader"))
    )
    .order_by(facts.c.created_at, facts.c.key)
)
_SOURCES = (
    select(fact_sources.c.fact_key, messages.c.id)
    .join(messages, messages.c.key == fact_sources.c.message_key)
    .where(fact_sources.c.fact_key.in_(bindparam("fact_keys", expanding=True)))
    .order_by(messages.c.sent_at, messages.c.key)
)


def list_facts(connection: Connection, scope: Scope, resource_id: str) -> list[Fact]:
    """The facts about a person, for that person alone or the program itself; nobody else has any to see."""
    if supervises(scope.kind) or not scope.includes(resource_id):
        return []
    rows = connection.execute(_FACTS, {"in_workspace": scope.workspace_key, "for_reader": resource_id}).all()
    sources: dict[int, list[str]] = {row.key: [] for row in rows}
    for keys in portions(list(sources)):
        for fact_key, message_id in connection.execute(_SOURCES, {"fact_keys": keys}):
            sources[fact_key].append(message_id)
    return [Fact(*row[:-1], sources=tuple(sources[row.key])) for row in rows]


def forget_fact(connection: Connection, scope: Scope, fact_id: str) -> None:
    """Delete one of the actor's own facts. One that is missing or somebody else's is no error."""
    statement = delete(facts).where(facts.c.workspace_key == bindparam("in_workspace"), facts.c.id == bindparam("fact"))
    if scope.kind == "person":
        statement = statement.where(facts.c.resource_key == person_key(bindparam("for_reader")))
    connection.execute(statement, {**scope.values(), "fact": fact_id})


def facts_on(connection: Connection, message_keys: Select[Any] | Sequence[int]) -> list[int]:
    """The facts that rest on these messages, asked before the messages go."""
    statement = select(fact_sources.c.fact_key).where(fact_sources.c.message_key.in_(message_keys)).distinct()
    return list(connection.execute(statement).scalars())


def forget_groundless(connection: Connection, fact_keys: Sequence[int]) -> None:
    """Delete those of the facts that rest on nothing any more."""
    grounded = exists().where(fact_sources.c.fact_key == facts.c.key)
    for keys in portions(fact_keys):
        connection.execute(delete(facts).where(facts.c.key.in_(keys), ~grounded))
