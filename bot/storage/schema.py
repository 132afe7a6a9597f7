"""Brings a database's schema up to date, refuses one from the future, and says where the two stand."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, inspect, text

from bot.errors import SchemaOutdated, SchemaTooNew
from bot.storage.search import SEARCH_TABLES

#: Every revision from the first to the newest. Kept here so that opening a database that is up to date needs no
#: Alembic, which costs a quarter of a second to import; a test compares it with the scripts.
REVISIONS = ("0001", "0002", "0003", "0004", "0005")

#: One number for every Threadkeeper that migrates the same PostgreSQL database: a lock, not a secret.
_ADVISORY_LOCK = 7_205_118_411


@dataclass(frozen=True, slots=True)
class SchemaState:
    """The revision that a database has: None where it is empty."""

    revision: str | None

    @property
    def current(self) -> bool:
        """Whether nothing is to be done."""
        return self.revision == REVISIONS[-1]


def schema_state(connection: Connection) -> SchemaState:
    """Read the database's revision.

    Raises:
        SchemaTooNew: this version of Threadkeeper does not know the revision.
    """
    if not inspect(connection).has_table("alembic_version"):
        return SchemaState(None)
    revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if revision is not None and revision not in REVISIONS:
        raise SchemaTooNew
    return SchemaState(revision)


def require_current(connection: Connection) -> None:
    """Refuse a database that this version cannot work on as it is.

    Raises:
        SchemaTooNew: it was written by a newer version.
        SchemaOutdated: it has to be migrated first.
    """
    if not schema_state(connection).current:
        raise SchemaOutdated


def migrate(connection: Connection, target: str = "head") -> SchemaState:
    """Move the schema to `target`: a revision, `head` or `base`. The caller owns the transaction.

    On PostgreSQL an advisory lock lets one process migrate at a time; the others find the work done.

    Returns:
        The state that it found.
    """
    from alembic import command  # noqa: PLC0415 (costs a quarter of a second, needed once per upgrade)
    from alembic.config import Config  # noqa: PLC0415

    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK})
    found = schema_state(connection)
    if found.current and target == "head":
        return found
    config = Config()
    config.set_main_option("script_location", "migrations:")
    config.attributes["connection"] = connection
    if target == "base" or (target in REVISIONS and _is_older(target, found.revision)):
        command.downgrade(config, target)
    else:
        command.upgrade(config, target)
    return found


def grant_use(connection: Connection, role: str) -> None:
    """Let the application's role use what the owner's role made: PostgreSQL. The audit only ever grows."""
    quoted = connection.dialect.identifier_preparer.quote_identifier(role)
    schema = connection.execute(text("SELECT quote_ident(current_schema())")).scalar_one()
    for right in (
        f"GRANT USAGE ON SCHEMA {schema} TO {quoted}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {quoted}",
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {quoted}",
        f"REVOKE UPDATE, DELETE ON audit FROM {quoted}",
        f"REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {quoted}",
    ):
        connection.exec_driver_sql(right)


def _is_older(target: str, revision: str | None) -> bool:
    return revision is not None and REVISIONS.index(target) < REVISIONS.index(revision)


def is_ours(_thing: Any, name: str | None, kind: str, _reflected: Any, _compared_to: Any) -> bool:
    """Tell Alembic's comparison which tables the models describe: all but search, which each engine has its own way."""
    return not (kind == "table" and name is not None and name.startswith(SEARCH_TABLES))
