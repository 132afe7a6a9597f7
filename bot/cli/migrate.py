"""`threadkeeper migrate`: the database's schema."""

import asyncio

import typer

from bot.cli.start import database_name, told
from bot.errors import SchemaOutdated, SchemaTooNew, StorageUnreadable
from bot.settings import read_settings
from bot.storage.schema import REVISIONS
from bot.storage.store import Migration, open_store
from bot.terminal.screen import Screen


def migrate() -> None:
    """Bring the schema up to date and say what was done.

    Raises:
        StorageError: it cannot be done; the sentence says why.
    """
    settings = read_settings()

    async def work() -> Migration | None:
        store = await open_store(settings.database_url, migration_url=settings.migration_database_url)
        await store.close()
        return store.migration

    done = asyncio.run(work())
    Screen().say(_current() if done is None else told(done))


def check() -> None:
    """Say whether something is to do, and change nothing. Exit code 1 where something is."""
    settings = read_settings()
    screen = Screen()

    async def work() -> None:
        store = await open_store(settings.database_url, purpose="reader")
        await store.close()

    try:
        asyncio.run(work())
    except (SchemaOutdated, SchemaTooNew, StorageUnreadable) as error:
        screen.say(f"{database_name(settings)}: {error}")
        raise typer.Exit(1) from None
    screen.say(_current())


def _current() -> str:
    return f"The database is up to date (schema {REVISIONS[-1]})."
