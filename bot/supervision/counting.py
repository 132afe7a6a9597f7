"""Storage functions that count what is kept of a person: what an erasure takes, and whether anything is left of it."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, and_, exists, func, or_, select

from bot.storage.search import search_table
from bot.storage.tables import (
    condensations,
    fact_sources,
    facts,
    held,
    ledger,
    messages,
    participants,
    people,
    roles,
    scopes,
    threads,
    usage,
    vectors,
)
from bot.storage.turn_tables import feedback, jobs, pending_changes, posts, turns, utterances


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be erased of a person, as keys that were looked up in the same transaction."""

    workspace_key: int
    person_key: int
    #: How she is called; None where other things than everything of hers are to be erased.
    resource_id: str | None = None
    #: The conversation, and where in it what is erased ends; None for all.
    thread_key: int | None = None
    before_seq: int | None = None
    #: Single messages; None for all.
    message_keys: tuple[int, ...] | None = None

    @property
    def words(self) -> ColumnElement[bool]:
        """Which messages: her words and the answers to her."""
        found = [messages.c.resource_key == self.person_key]
        if self.thread_key is not None:
            found.append(messages.c.thread_key == self.thread_key)
        if self.before_seq is not None:
            found.append(messages.c.seq < self.before_seq)
        if self.message_keys is not None:
            found.append(messages.c.key.in_(self.message_keys))
        return and_(*found)

    def hers(self, table: FromClause) -> ColumnElement[bool]:
        """Which rows of a table that names a person and a thread."""
        mine: ColumnElement[bool] = table.c.resource_key == self.person_key
        return mine if self.thread_key is None else and_(mine, table.c.thread_key == self.thread_key)


def count(connection: Connection, target: Target) -> dict[str, int]:
    """How many rows of which table an erasure is about; those with none are left out."""
    words = select(messages.c.key).where(target.words)
    search = search_table(connection.dialect.name)
    of_whole: dict[FromClause, ColumnElement[bool]] = {
        messages: target.words,
        vectors: vectors.c.message_key.in_(words),
        fact_sources: fact_sources.c.message_key.in_(words),
        ledger: or_(ledger.c.answer_key.in_(words), ledger.c.source_key.in_(words)),
        condensations: _condensed(target),
        facts: _facts(target),
    }
    if target.message_keys is None:
        of_turns = select(turns.c.key).where(target.hers(turns))
        of_whole |= {
            turns: target.hers(turns),
            posts: posts.c.turn_key.in_(of_turns),
            participants: target.hers(participants),
            threads: _threads(target),
            feedback: or_(feedback.c.message_key.in_(words), _own_feedback(target)),
        }
    else:
        of_whole[feedback] = feedback.c.message_key.in_(words)
    if target.resource_id is not None:
        of_whole |= {one: one.c.resource_key == target.person_key for one in (usage, held, utterances, jobs)}
        of_whole |= {
            people: people.c.key == target.person_key,
            roles: roles.c.resource_key == target.person_key,
            scopes: or_(scopes.c.resource_key == target.person_key, naming(target)),
            pending_changes: pending(target),
        }
    found = {_name(table): _count(connection, table, condition) for table, condition in of_whole.items()}
    found["message_search"] = _count(connection, search.table, search.key.in_(words))
    return {name: number for name, number in sorted(found.items()) if number}


def _count(connection: Connection, table: FromClause, condition: ColumnElement[bool]) -> int:
    return int(connection.execute(select(func.count()).select_from(table).where(condition)).scalar_one())


def _name(table: Any) -> str:
    return str(table.name)


def _condensed(target: Target) -> ColumnElement[bool]:
    """Condensations that some of these words stand in."""
    inside = exists().where(
        target.words, messages.c.thread_key == condensations.c.thread_key, messages.c.seq <= condensations.c.up_to_seq
    )
    return inside.correlate(condensations)


def _facts(target: Target) -> ColumnElement[bool]:
    """The facts about her; or those that rest on these words and on nothing else."""
    if target.resource_id is not None:
        return facts.c.resource_key == target.person_key
    words = select(messages.c.key).where(target.words)
    source = fact_sources.c.fact_key == facts.c.key
    rests = exists().where(source, fact_sources.c.message_key.in_(words)).correlate(facts)
    also = exists().where(source, fact_sources.c.message_key.not_in(words)).correlate(facts)
    return and_(rests, ~also)


def _threads(target: Target) -> ColumnElement[bool]:
    """The threads that are hers alone: shared ones go on without her."""
    own = threads.c.owner_key == target.person_key
    if target.thread_key is not None:
        own = and_(own, threads.c.key == target.thread_key)
    return and_(own, ~is_shared(target.person_key))


def is_shared(person_key: Any) -> ColumnElement[bool]:
    """Threads in which somebody else takes part, or has said something."""
    part = exists().where(participants.c.thread_key == threads.c.key, participants.c.resource_key != person_key)
    words = exists().where(messages.c.thread_key == threads.c.key, messages.c.resource_key != person_key)
    return or_(part.correlate(threads), words.correlate(threads))


def _own_feedback(target: Target) -> ColumnElement[bool]:
    own: ColumnElement[bool] = feedback.c.resource_key == target.person_key
    if target.thread_key is None:
        return own
    there = select(messages.c.key).where(messages.c.thread_key == target.thread_key)
    return and_(own, feedback.c.message_key.in_(there))


def naming(target: Target) -> ColumnElement[bool]:
    """Supervisors' permissions that name her."""
    return and_(
        scopes.c.workspace_key == target.workspace_key,
        scopes.c.kind == "person",
        scopes.c.value == target.resource_id,
    )


def pending(target: Target) -> ColumnElement[bool]:
    """Her edits that wait for their message."""
    return and_(
        pending_changes.c.workspace_key == target.workspace_key, pending_changes.c.resource_id == target.resource_id
    )
