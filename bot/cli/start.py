"""The composition: from settings to an open database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.errors import InvalidArgument
from bot.memory.memory import Memory
from bot.memory.values import MemoryOptions
from bot.memory.workspace_rows import LIBRARY_WORKSPACE
from bot.settings import Settings
from bot.storage.store import Migration, Purpose, parse_url
from bot.terminal.screen import Screen


async def open_memory(settings: Settings, screen: Screen, *, purpose: Purpose, workspace: str) -> Memory:
    """Open the database of the settings, and say what had to be done to it.

    Raises:
        StorageError: it cannot be opened.
        SettingsError: its address is none.
    """
    memory = await Memory.open(
        settings.database_url,
        options=MemoryOptions(last_messages=settings.window_messages, token_budget=settings.window_tokens),
        workspace=workspace,
        purpose=purpose,
        migration_url=settings.migration_database_url,
        secret=settings.secret_key.get_secret_value() if settings.secret_key is not None else None,
        anchor=settings.audit_anchor,
    )
    if memory.migration is not None and memory.migration.before is not None:
        screen.note(told(memory.migration))
    return memory


@asynccontextmanager
async def opened_memory(
    settings: Settings, screen: Screen, *, purpose: Purpose, workspace: str
) -> AsyncIterator[Memory]:
    """As `open_memory`, and closed in the end."""
    async with await open_memory(settings, screen, purpose=purpose, workspace=workspace) as memory:
        yield memory


def checked_reason(name: str, workspace: str, reason: str) -> bool:
    """Whether reading a person's conversations is the operator's act, which is recorded with its reason.

    In the workspace of the command line everybody is who she says. Elsewhere people talk on a platform, and whoever
    reads their words here is the operator.

    Raises:
        InvalidArgument: there is no reason where one is needed, or one where none is.
    """
    if workspace == LIBRARY_WORKSPACE:
        if reason:
            raise InvalidArgument("--reason", "--reason is for other people's conversations: your own need none.")
        return False
    if not reason.strip():
        raise InvalidArgument(
            "--reason", f"To read the conversations of {name} in {workspace}, say why with --reason; it is recorded."
        )
    return True


def told(migration: Migration) -> str:
    """What was done to a schema, and how to undo it."""
    if migration.before is None:
        return f"The database was made (schema {migration.after})."
    lines = [f"The database was brought up to date (schema {migration.before} to {migration.after})."]
    if migration.snapshot is not None:
        lines += [
            f"A copy of what it was: {migration.snapshot}",
            f"To go back to it, stop the bot and run: {migration.restore}",
        ]
    return "\n".join(lines)


def database_name(settings: Settings) -> str:
    """Which database this is, without anything secret."""
    url = parse_url(settings.database_url)
    if url.drivername == "sqlite":
        return url.database or ""
    return f"PostgreSQL, {url.database} at {url.host or url.query.get('host') or 'this machine'}"
