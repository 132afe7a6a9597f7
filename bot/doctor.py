"""What an operator should know: settings, database and model, each with what to do about it."""

import asyncio
import os
import shutil
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from sqlalchemy import Connection

from bot.access.secret import secret_path
from bot.access.sweeping import KEPT, has_outlived, may_sweep
from bot.errors import BotError, ModelError, SchemaOutdated, SettingsError, StorageError
from bot.models.choose import model_of
from bot.models.port import ModelRequest, PromptMessage
from bot.settings import Settings
from bot.storage.store import open_store, parse_url
from bot.storage.worker_lock import lock_holder
from bot.turns.count_rows import TurnCounts, turn_counts

Level = Literal["ok", "warning", "problem"]

_OLDEST_PYTHON = (3, 11)
_FREE_WARNING = 1 << 30
_FREE_PROBLEM = 100 << 20
_MODEL_SECONDS = 20
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found, and what to do about it."""

    level: Level
    subject: str
    sentence: str


async def examine(settings: Settings, env_file: Path) -> AsyncIterator[Finding]:
    """Check everything; each finding comes as soon as it is there."""
    yield _python()
    yield Finding("ok", "settings", "all of them can work.")
    for finding in _env_file(env_file):
        yield finding
    async for finding in _database(settings):
        yield finding
    yield await _model(settings)


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < _OLDEST_PYTHON:
        return Finding("problem", "python", f"{version} is too old; install 3.11 or newer.")
    return Finding("ok", "python", f"{version}.")


def _env_file(path: Path) -> list[Finding]:
    if not path.exists():
        return [Finding("ok", ".env", "there is none; settings come from the environment.")]
    return [_private(".env", path, f"it may hold keys; run: chmod 600 {path}")]


def _private(subject: str, path: Path, advice: str) -> Finding:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & _OTHERS:
        return Finding("warning", subject, f"{path} is open to other users (mode {mode:o}); {advice}")
    return Finding("ok", subject, f"{path} is open to its owner alone.")


async def _database(settings: Settings) -> AsyncIterator[Finding]:
    try:
        url = parse_url(settings.database_url)
    except SettingsError as error:
        yield Finding("problem", "database", str(error))
        return
    if url.drivername == "sqlite":
        path = Path(url.database or "")
        for finding in _file(path):
            yield finding
        if not _exists(path):
            yield Finding("ok", "database", "there is none yet; it is made when the bot first runs.")
            return
    yield _secret(settings, shared=url.drivername != "sqlite")
    async for finding in _contents(settings, sqlite=url.drivername == "sqlite"):
        yield finding


def _secret(settings: Settings, *, shared: bool) -> Finding:
    """From where the keys come that chain the audit and sign buttons."""
    if settings.secret_key is not None:
        return Finding("ok", "secret", "SECRET_KEY is set.")
    path = secret_path(settings.database_url)
    if shared:
        advice = "several machines must have the same, or the audit cannot be verified; set SECRET_KEY."
        return Finding("warning", "secret", f"it stands on this machine alone, in {path}: {advice}")
    if not path.exists():
        return Finding("ok", "secret", f"it is made when it is first needed, in {path}.")
    return _private("secret", path, f"whoever knows it can falsify the audit; run: chmod 600 {path}")


def _exists(path: Path) -> bool:
    return path.exists()


def _file(path: Path) -> list[Finding]:
    """What can be seen from outside of a SQLite file."""
    folder = path.absolute().parent
    while not folder.exists():
        folder = folder.parent
    found = [_free_space(folder)]
    if not os.access(folder, os.W_OK):
        found.append(Finding("problem", "folder", f"{folder} cannot be written by this user."))
    if path.exists():
        found.append(_private("database file", path, f"it holds people's words; run: chmod 600 {path}"))
        holder = lock_holder(path)
        running = "none is running." if holder is None else f"process {holder} works on this database."
        found.append(Finding("ok", "worker", running))
    return found


def _free_space(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    sentence = f"{free / (1 << 30):,.1f} GiB are free."
    if free < _FREE_PROBLEM:
        return Finding("problem", "disk", f"{sentence} The bot stops when it is full; free some space.")
    if free < _FREE_WARNING:
        return Finding("warning", "disk", f"{sentence} Free some space soon.")
    return Finding("ok", "disk", sentence)


async def _contents(settings: Settings, *, sqlite: bool) -> AsyncIterator[Finding]:
    """What a look into the database shows."""
    try:
        store = await open_store(settings.database_url, purpose="reader")
    except SchemaOutdated as error:
        yield Finding("warning", "database", f"{error}")
        return
    except BotError as error:
        yield Finding("problem", "database", str(error))
        return
    try:
        yield Finding("ok", "database", "it can be reached, and its schema is up to date.")
        if sqlite:
            damage = await store.read(_integrity)
            if damage:
                yield Finding("problem", "integrity", f"the file is damaged ({damage}); restore a backup.")
            else:
                yield Finding("ok", "integrity", "the file is whole.")
        yield _turns(await store.read(turn_counts))
        if await store.read(_holds_old_acts):
            advice = "set MIGRATION_DATABASE_URL to its owner's address and run: threadkeeper verify-audit --sweep"
            yield Finding(
                "warning", "audit", f"it holds rows older than a year, which this role may not delete; {advice}"
            )
    except StorageError as error:
        yield Finding("problem", "integrity", f"{error} If that stays so, restore a backup.")
    finally:
        await store.close()


def _holds_old_acts(connection: Connection) -> bool:
    """Whether the audit holds what should be deleted, and the bot may not do it."""
    return not may_sweep(connection) and has_outlived(connection, datetime.now(UTC) - KEPT)


def _integrity(connection: Connection) -> str:
    """The first damage that SQLite finds; "" where the file is whole."""
    found = str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar())
    return "" if found == "ok" else found.splitlines()[-1]


def _turns(counts: TurnCounts) -> Finding:
    """What became of answers on chat platforms."""
    said = f"{counts.waiting} wait, {counts.failed} failed, {counts.ambiguous} posts are ambiguous."
    if counts.ambiguous or counts.failed:
        return Finding("warning", "turns", f"{said} docs/turns.md says what that means; the log names each.")
    return Finding("ok", "turns", said)


async def _model(settings: Settings) -> Finding:
    model = model_of(settings)
    if model.offline:
        advice = "set MODEL, and OPENAI_API_KEY or OPENAI_BASE_URL, for a bot that thinks."
        return Finding("warning", "model", f"none is configured, so answers come from what was said before; {advice}")
    request = ModelRequest((PromptMessage("user", "Say: ok"),), max_tokens=16)
    try:
        async with asyncio.timeout(_MODEL_SECONDS), aclosing(model.stream(request)) as events:
            await anext(events)
    except ModelError as error:
        return Finding("problem", "model", f"{model.name} does not answer: {error}")
    except TimeoutError:
        return Finding("problem", "model", f"{model.name} did not answer within {_MODEL_SECONDS} seconds.")
    finally:
        await model.close()
    return Finding("ok", "model", f"{model.name} answers.")
