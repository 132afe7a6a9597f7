"""The search table in each engine's own form: FTS5 on SQLite, a tsvector with a GIN index on PostgreSQL.

Both hold the same terms of `bot.memory.terms` and one further term that names the thread, so that an engine looks up
what is in scope instead of filtering what it found. The engines only find; ranking is ours (`bot.memory.ranking`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    String,
    TableClause,
    bindparam,
    cast,
    column,
    literal_column,
    table,
    text,
)
from sqlalchemy.dialects.postgresql import TSQUERY, TSVECTOR

#: The table's name; FTS5 adds shadow tables that start with it.
SEARCH_TABLES = "message_search"

# Every printable ASCII sign but quotes and backslash counts as part of a term: terms are separated by blanks alone.
_SIGNS_IN_TERMS = "!#$%&()*+,-./:;<=>?@[]^_`{|}~"

_SQLITE_TABLE = f"""
CREATE VIRTUAL TABLE message_search USING fts5(
    terms, tokenize = "ascii tokenchars '{_SIGNS_IN_TERMS}'", detail = none
)
"""
_SQLITE_TRIGGER = """
CREATE TRIGGER message_search_follows_messages AFTER DELETE ON messages BEGIN
    DELETE FROM message_search WHERE rowid = old.key;
END
"""
_POSTGRESQL = (
    """
    CREATE TABLE message_search (
        message_key BIGINT PRIMARY KEY REFERENCES messages (key) ON DELETE CASCADE,
        terms TEXT NOT NULL,
        vector TSVECTOR NOT NULL
    )
    """,
    "CREATE INDEX ix_message_search_vector ON message_search USING gin (vector) WITH (fastupdate = off)",
)


def create_search(connection: Connection) -> None:
    """Make the search table."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(_SQLITE_TABLE)
        create_triggers(connection)
    else:
        for statement in _POSTGRESQL:
            connection.exec_driver_sql(statement)


def create_triggers(connection: Connection) -> None:
    """Make SQLite's triggers anew: a batch migration of `messages` drops them with the old table."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("DROP TRIGGER IF EXISTS message_search_follows_messages")
        connection.exec_driver_sql(_SQLITE_TRIGGER)


def drop_search(connection: Connection) -> None:
    """Remove the search table."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("DROP TRIGGER IF EXISTS message_search_follows_messages")
    connection.exec_driver_sql("DROP TABLE message_search")


def thread_term(thread_key: int) -> str:
    """The term that stands in every message of a thread. No word of a text starts with an equals sign."""
    return f"=t{thread_key}"


_INSERT_SQLITE = text("INSERT INTO message_search (rowid, terms) VALUES (:key, :terms)")
_INSERT_POSTGRESQL = text(
    "INSERT INTO message_search (message_key, terms, vector)"
    " VALUES (:key, :terms, array_to_tsvector(string_to_array(:terms, ' ')))"
)
_DELETE_SQLITE = text("DELETE FROM message_search WHERE rowid = :key")
_DELETE_POSTGRESQL = text("DELETE FROM message_search WHERE message_key = :key")


def index_messages(connection: Connection, thread_key: int, entries: Iterable[tuple[int, Sequence[str]]]) -> None:
    """Put messages of one thread, each a key and its terms, into the index."""
    rows = [{"key": key, "terms": " ".join((thread_term(thread_key), *terms))} for key, terms in entries]
    if rows:
        connection.execute(_INSERT_SQLITE if connection.dialect.name == "sqlite" else _INSERT_POSTGRESQL, rows)


def unindex_messages(connection: Connection, keys: Iterable[int]) -> None:
    """Take messages out of the index, before their terms change."""
    rows = [{"key": key} for key in keys]
    if rows:
        connection.execute(_DELETE_SQLITE if connection.dialect.name == "sqlite" else _DELETE_POSTGRESQL, rows)


@dataclass(frozen=True, slots=True)
class SearchTable:
    """The search table of one engine, for statements: its key, its terms, and the condition that they match."""

    table: TableClause
    key: ColumnElement[int]
    terms: ColumnElement[str]
    matches: ColumnElement[bool]


def search_table(dialect: str) -> SearchTable:
    """The search table of a dialect; `matches` takes what `match_query` gives, as the value `match`."""
    if dialect == "sqlite":
        fts = table("message_search", column("rowid", Integer), column("terms", String))
        found = literal_column("message_search").op("MATCH", is_comparison=True)(bindparam("match", type_=String))
        return SearchTable(fts, fts.c.rowid, fts.c.terms, found)
    tsvector = table(
        "message_search", column("message_key", BigInteger), column("terms", String), column("vector", TSVECTOR)
    )
    query = cast(bindparam("match", type_=String), TSQUERY)
    return SearchTable(tsvector, tsvector.c.message_key, tsvector.c.terms, tsvector.c.vector.bool_op("@@")(query))


def match_query(dialect: str, term: str, thread_keys: Sequence[int]) -> str:
    """The engine's query for messages of these threads (none: of all) that hold `term`.

    Terms hold no quotes and no backslashes (`bot.memory.terms`), so that quoting them is all there is to do.
    """
    quote, both, either = ('"', " AND ", " OR ") if dialect == "sqlite" else ("'", " & ", " | ")
    wanted = f"{quote}{term}{quote}"
    if not thread_keys:
        return wanted
    within = either.join(f"{quote}{thread_term(key)}{quote}" for key in thread_keys)
    return f"{wanted}{both}({within})"
