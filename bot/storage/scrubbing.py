"""Removes from a database's files what no row holds any more: deleting alone leaves bytes behind.

SQLite: `secure_delete` overwrites a deleted row where it stands, but not the copies that a page keeps of rows which
once moved inside the file; and the search index keeps deleted terms until its parts are merged. PostgreSQL: VACUUM
forgets dead rows, but leaves their bytes in the unused middle of a page. Both are gone only from files written anew.
"""

import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, OperationalError

from bot.errors import StorageLocked
from bot.storage.faults import sqlstate, translate
from bot.storage.store import Scrubbed

#: Pages of the search index that one transaction merges; nobody waits long behind it.
_PAGES = 200
#: A step of merging that changes fewer rows than this has found nothing to do.
_NOTHING = 2
_LOCK_MILLISECONDS = 5_000
#: The checkpoint holds up who writes while it waits for who reads: in short tries, for so long altogether.
_CHECKPOINT_MILLISECONDS = 100
_CHECKPOINT_SECONDS = 5.0


def scrub_file(path: Path, most_bytes: int) -> Scrubbed:
    """Scrub a SQLite file and its log; see `bot.storage.store.Store.scrub`.

    Raises:
        StorageError: the file cannot be written.
    """
    small = path.stat().st_size <= most_bytes
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("PRAGMA temp_store = MEMORY")
            connection.execute("PRAGMA synchronous = FULL")
            # The new file goes through the log: while somebody reads in that, each try would add a whole file to it.
            if not _checkpoint(connection):
                return Scrubbed(done=False)
            connection.execute(f"PRAGMA busy_timeout = {_LOCK_MILLISECONDS}")
            _merge_search(connection)
            if small:
                connection.execute("INSERT INTO message_search (message_search) VALUES ('optimize')")
                connection.execute("VACUUM")
            return Scrubbed(_checkpoint(connection), "" if small else "size")
    except sqlite3.Error as error:
        failure = translate(DBAPIError(None, None, error))
        if isinstance(failure, StorageLocked):
            return Scrubbed(done=False)
        raise failure from error


def _merge_search(file: sqlite3.Connection) -> None:
    """Merge the parts of the search index into one, in steps: deleted terms are gone only from merged parts."""
    pages = -_PAGES
    while True:
        before = file.total_changes
        file.execute("INSERT INTO message_search (message_search, rank) VALUES ('merge', ?)", (pages,))
        if file.total_changes - before < _NOTHING:
            return
        pages = _PAGES


def _checkpoint(file: sqlite3.Connection) -> bool:
    """Bring the log into the file and empty it; whether nobody read in it any more."""
    file.execute(f"PRAGMA busy_timeout = {_CHECKPOINT_MILLISECONDS}")
    until = time.monotonic() + _CHECKPOINT_SECONDS
    while file.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
        if time.monotonic() > until:
            return False
        time.sleep(_CHECKPOINT_MILLISECONDS / 1000)
    return True


_TABLES = text(
    "SELECT relname, pg_total_relation_size(oid) AS bytes, pg_has_role(relowner, 'USAGE') AS ours FROM pg_class"
    " WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace AND relname = ANY(:names) ORDER BY relname"
)
_STATISTICS = text(
    "SELECT s.tablename, s.attname, format_type(a.atttypid, a.atttypmod) AS type FROM pg_stats s JOIN pg_attribute a"
    " ON a.attrelid = format('%I.%I', s.schemaname, s.tablename)::regclass AND a.attname = s.attname"
    " WHERE s.schemaname = current_schema() AND s.tablename = ANY(:names)"
    " AND format_type(a.atttypid, NULL) IN ('text', 'character varying', 'jsonb', 'bytea', 'tsvector')"
)
_LOCK_NOT_AVAILABLE = "55P03"
_OWNS_DATABASE = text("SELECT pg_has_role(datdba, 'USAGE') FROM pg_database WHERE datname = current_database()")
_NEXT_XID = text("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint % 4294967296")
_OLD_SNAPSHOTS = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND backend_xmin IS NOT NULL AND age(backend_xmin) > age(CAST(CAST(:next AS text) AS xid))"
)


def scrub_tables(connection: Connection, tables: Sequence[str], most_bytes: int) -> Scrubbed:
    """Scrub tables of PostgreSQL, outside of any transaction; see `bot.storage.store.Store.scrub`."""
    connection.exec_driver_sql(f"SET lock_timeout = {_LOCK_MILLISECONDS}")
    found = connection.execute(_TABLES, {"names": list(tables)}).all()
    ours = [table for table in found if table.ours]
    small = [table for table in ours if table.bytes <= most_bytes]
    quoted = connection.dialect.identifier_preparer.quote_identifier
    try:
        for table in ours:
            # Statistics hold values, too: they are taken anew.
            how = "FULL, ANALYZE" if table in small else "ANALYZE"
            connection.exec_driver_sql(f"VACUUM ({how}) {quoted(table.relname)}")
        _forget_statistics(connection, [table.relname for table in ours])
        if connection.execute(_OWNS_DATABASE).scalar():
            connection.exec_driver_sql("VACUUM (FULL) pg_catalog.pg_statistic")
    except OperationalError as error:
        if sqlstate(error) == _LOCK_NOT_AVAILABLE:
            return Scrubbed(done=False)
        raise
    if len(ours) < len(found):
        return Scrubbed(done=True, left="rights")
    return Scrubbed(done=True, left="" if len(small) == len(ours) else "size")


def _forget_statistics(connection: Connection, tables: Sequence[str]) -> None:
    """Remove the statistics of tables that are empty now: ANALYZE leaves those as they were, values and all."""
    quoted = connection.dialect.identifier_preparer.quote_identifier
    for row in connection.execute(_STATISTICS, {"names": list(tables)}).all():
        table, column = quoted(row.tablename), quoted(row.attname)
        if connection.exec_driver_sql(f"SELECT NOT EXISTS (SELECT 1 FROM {table})").scalar():  # noqa: S608 (our names)
            # Whatever its new type, a column loses its statistics.
            connection.exec_driver_sql(f"ALTER TABLE {table} ALTER COLUMN {column} TYPE {row.type}")


def next_transaction(connection: Connection) -> int:
    """PostgreSQL: the number of the transaction that begins next; to be given to `is_still_seen`."""
    return int(connection.execute(_NEXT_XID).scalar_one())


def is_still_seen(connection: Connection, following: int) -> bool:
    """PostgreSQL: whether somebody still reads the database as it was before a transaction: what was deleted stays."""
    return bool(connection.execute(_OLD_SNAPSHOTS, {"next": following}).scalar_one())
