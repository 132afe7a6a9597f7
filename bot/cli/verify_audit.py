"""`threadkeeper verify-audit`: whether the record of privileged acts is whole."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import typer

from bot.access.anchor import Anchored, anchor_path, read_anchors
from bot.access.recorder import Recorder
from bot.access.secret import secrets_of
from bot.access.sweeping import sweep_audit
from bot.access.verification import Verdict, anything_chained, verify
from bot.errors import NotAllowed
from bot.settings import Settings, read_settings
from bot.storage.store import open_store
from bot.terminal.screen import Screen


def verify_audit(anchors: Sequence[Path], *, sweep: bool) -> None:
    """Say of each workspace whether its audit is whole. Exit code 1 where one is not.

    Args:
        anchors: the anchors of all machines; without any, this one's.
        sweep: also delete what is older than a year, if everything is whole.

    Raises:
        StorageError: the database or an anchor cannot be read.
        SettingsError: there is no secret.
    """
    settings = read_settings()
    screen = Screen()
    sound = asyncio.run(_verify(screen, settings, anchors))
    if not sound:
        raise typer.Exit(1)
    if sweep:
        screen.say(asyncio.run(_sweep(settings)))


async def _verify(screen: Screen, settings: Settings, anchors: Sequence[Path]) -> bool:
    url = settings.database_url
    own = anchor_path(url, settings.audit_anchor)
    # Before the database: whatever stands there is in the database by now.
    anchored = read_anchors(anchors or [own]) if anchors or own.exists() else Anchored({}, 0)
    store = await open_store(url, purpose="reader")
    sound = True
    try:
        if not anchored.of and not await store.read(anything_chained):
            screen.say("No act was recorded yet.")
            return True
        secrets = secrets_of(settings, make=False)
        async for verdict in verify(store, secrets, anchored):
            screen.say(_told(verdict))
            sound = sound and verdict.damage is None
    finally:
        await store.close()
    if not anchored.of:
        screen.note("There is no anchor, so a cut off end or an old database would not be noticed.")
    if anchored.unreadable:
        screen.note(f"{anchored.unreadable:,} lines of the anchor cannot be read, as after a crash.")
    return sound


def _told(verdict: Verdict) -> str:
    before = f", and {verdict.unchained:,} from before there was a chain" if verdict.unchained else ""
    if verdict.damage is None:
        return f"{verdict.workspace_id}: OK, {verdict.chained:,} rows{before}."
    kind = verdict.damage.kind.upper()
    return f"{verdict.workspace_id}: {kind} after {verdict.chained:,} rows{before}: {verdict.damage.sentence}"


async def _sweep(settings: Settings) -> str:
    owners = settings.migration_database_url or settings.database_url
    store = await open_store(owners)
    try:
        gone = await sweep_audit(store, Recorder.of(settings), datetime.now(UTC))
    finally:
        await store.close()
    if gone is None:
        raise NotAllowed(
            "This role may delete nothing of the audit. Set MIGRATION_DATABASE_URL to the owner's address."
        )
    return f"{gone:,} rows were older than a year and are deleted."
