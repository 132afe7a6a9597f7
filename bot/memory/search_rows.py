"""Storage function that searches: the engine finds candidates inside the scope, ranking is ours."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, select

from bot.access.actor import ActorKind, supervises
from bot.access.scope import Scope, every_visible, readable_words, visible_count, visible_messages
from bot.limits import SEARCH_CANDIDATES
from bot.memory.message_pages import (
    Found,
    MessageList,
    Shape,
    as_message,
    list_conditions,
    list_values,
    shape_of,
    visible_select,
)
from bot.memory.paging import Slice
from bot.memory.portions import portions
from bot.memory.ranking import Corpus, most_promising, score
from bot.storage.search import match_query, search_table
from bot.storage.tables import messages, threads

#: With more threads than this the engine filters what it found; with fewer it looks up only what is in scope.
_THREADS_NAMED = 400


def find_messages(
    connection: Connection, scope: Scope, terms: Sequence[str], wanted: MessageList, part: Slice
) -> Found:
    """The messages of a list that hold any of `terms`, the best first.

    A rank depends on the scope alone: how many of its messages hold a term, and how long those are that do. What
    others wrote never moves it.
    """
    holding = _holding(connection, scope, terms, wanted)
    total = len(set().union(*holding.values()))
    if not total or part.size == 0:
        return Found((), total)
    size = _scope_size(connection, scope, wanted)
    rarity = Corpus(size, 1.0, {term: len(keys) for term, keys in holding.items()})
    promising = most_promising(holding, rarity, total)
    ranked = _ranked(connection, terms, promising[:SEARCH_CANDIDATES], rarity)
    order = [*ranked, *promising[SEARCH_CANDIDATES:]]
    end = None if part.size is None else part.offset + part.size
    chosen = order[part.offset : end]
    by_key = {
        row[-1]: as_message(row)
        for keys in portions(chosen)
        for row in connection.execute(_shown(scope.kind), {**scope.values(), "keys": keys}).all()
    }
    shown = tuple(key for key in chosen if key in by_key)
    return Found(tuple(by_key[key] for key in shown), total, keys=shown)


def _holding(
    connection: Connection, scope: Scope, terms: Sequence[str], wanted: MessageList
) -> dict[str, Sequence[int]]:
    """For each term the keys of the messages in scope that hold it."""
    dialect = connection.dialect.name
    values = list_values(scope, wanted)
    keys = wanted.thread_keys or _thread_keys(connection, scope)
    if len(keys) > _THREADS_NAMED:
        keys = ()
    statement = _matching(dialect, shape_of(scope, wanted))
    return {
        term: connection.execute(statement, {**values, "match": match_query(dialect, term, keys)}).scalars().all()
        for term in terms
    }


def _thread_keys(connection: Connection, scope: Scope) -> Sequence[int]:
    """The threads in scope, or none where the engine had better filter."""
    if scope.kind == "system":
        return ()
    keys = connection.execute(_visible_keys(scope.kind), scope.values()).scalars().all()
    # No thread has this key: it stands for "none in scope".
    return keys or (0,)


@lru_cache
def _visible_keys(kind: ActorKind) -> Select[Any]:
    return every_visible(select(threads.c.key).select_from(threads), kind).limit(_THREADS_NAMED + 1)


@lru_cache(maxsize=256)
def _matching(dialect: str, shape: Shape) -> Select[Any]:
    search = search_table(dialect)
    # By itself, or PostgreSQL may begin with all the messages in scope and look at each one's terms.
    found = select(search.key.label("key")).where(search.matches).cte("found").prefix_with("MATERIALIZED")
    return (
        select(messages.c.key)
        .select_from(found)
        .join(messages, messages.c.key == found.c.key)
        .join(threads, threads.c.key == messages.c.thread_key)
        .where(*list_conditions(shape), readable_words(shape.kind))
        .order_by(messages.c.key)
    )


def _scope_size(connection: Connection, scope: Scope, wanted: MessageList) -> int:
    """How many messages the searched threads hold for this actor."""
    values = scope.values()
    if wanted.thread_keys:
        values["of_threads"] = list(wanted.thread_keys)
    return int(connection.execute(_size(scope.kind, named=bool(wanted.thread_keys)), values).scalar_one())


@lru_cache
def _size(kind: ActorKind, *, named: bool) -> Select[Any]:
    if supervises(kind):
        joined = threads.join(messages, messages.c.thread_key == threads.c.key)
        statement = select(func.count()).select_from(joined).where(visible_messages(kind), readable_words(kind))
    else:  # who sees a thread whole need not count
        statement = select(func.coalesce(func.sum(visible_count(kind)), 0)).select_from(threads)
    if named:
        statement = statement.where(threads.c.key.in_(bindparam("of_threads", expanding=True)))
    return every_visible(statement, kind)


def _ranked(connection: Connection, terms: Sequence[str], keys: Sequence[int], rarity: Corpus) -> list[int]:
    """The keys by how well their messages answer, the newest first among equals."""
    rows = connection.execute(_terms(connection.dialect.name), {"keys": list(keys)}).all()
    # The first term names the thread.
    words = {key: stored.split(" ")[1:] for key, stored in rows}
    average = sum(map(len, words.values())) / len(words)
    corpus = Corpus(rarity.messages, average, rarity.holding)
    scores = {key: score(terms, held, corpus) for key, held in words.items()}
    return sorted(scores, key=lambda key: (-scores[key], -key))


@lru_cache
def _terms(dialect: str) -> Select[int, str]:
    search = search_table(dialect)
    return select(search.key, search.terms).where(search.key.in_(bindparam("keys", expanding=True)))


@lru_cache
def _shown(kind: ActorKind) -> Select[Any]:
    return visible_select(kind).where(messages.c.key.in_(bindparam("keys", expanding=True)))
