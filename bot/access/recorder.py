"""Records privileged acts, in the database and outside of it, before anything comes of them."""

import asyncio
import os
from collections.abc import Callable, Sequence
from typing import Concatenate
from uuid import uuid4

import structlog
from sqlalchemy import Connection

from bot.access.anchor import Anchor, Anchored, Head, anchor_path, read_anchors
from bot.access.audit import Act, record
from bot.access.judging import judged
from bot.access.scope import Scope
from bot.access.secret import Secrets, read_secrets
from bot.access.verification import Verdict, verify_workspace
from bot.settings import Settings
from bot.storage.store import P, Store, T

_log = structlog.get_logger(__name__)


class Recorder:
    """Where privileged acts are recorded. What cannot be recorded does not happen.

    Each method records in one transaction, then writes the anchor, and returns or reads only after that.
    """

    def __init__(self, secrets: Callable[[], Secrets], anchor: Anchor) -> None:
        """Name the places.

        Args:
            secrets: called when the first act is recorded, not before: most programs never come to it.
            anchor: where the end of the audit is written down.
        """
        self._read_secrets = secrets
        self._secrets: Secrets | None = None
        self._anchor = anchor

    @classmethod
    def at(
        cls,
        database_url: str,
        *,
        secret: bytes | str | None = None,
        anchor: str | os.PathLike[str] | None = None,
    ) -> "Recorder":
        """The recorder of a database.

        Args:
            database_url: as `bot.storage.store.parse_url` takes it.
            secret: from which the keys are derived; without, the one in the file beside the database.
            anchor: the file; without, the one beside the database.
        """
        return cls(lambda: read_secrets(database_url, secret), Anchor(anchor_path(database_url, anchor)))

    @classmethod
    def of(cls, settings: Settings) -> "Recorder":
        """The recorder of the settings' database."""
        secret = settings.secret_key.get_secret_value() if settings.secret_key is not None else None
        return cls.at(settings.database_url, secret=secret, anchor=settings.audit_anchor)

    async def note(self, store: Store, scope: Scope, *acts: Act) -> None:
        """Record acts as they are, such as one that was refused.

        Raises:
            StorageError: they could not be recorded; nothing may be shown.
            SettingsError: there is no secret.
        """
        await self._record(store, scope, acts, judge=False)

    async def read(
        self,
        store: Store,
        scope: Scope,
        acts: Sequence[Act],
        function: Callable[Concatenate[Connection, Scope, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Record acts that read another's words, then run the reading function.

        An act that is not within the scope is recorded as refused. The function runs all the same: it finds nothing,
        and a refusal takes the way of an absence.

        Raises:
            StorageError: the database failed, or the acts could not be recorded; then nothing is read.
            SettingsError: there is no secret.
        """
        await self._record(store, scope, acts, judge=True)
        return await store.read(lambda connection: function(connection, scope, *args, **kwargs))

    async def write(
        self,
        store: Store,
        scope: Scope,
        act: Act,
        function: Callable[Concatenate[Connection, Scope, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run a function that changes something, and record the act, in one transaction: both or none.

        Raises:
            StorageError: the database failed and nothing was changed; or the anchor could not be written: then it was,
                and whoever asked is told of the failure.
            SettingsError: there is no secret.
        """
        secrets, subject_id = await self._keys(), str(uuid4())

        def both(connection: Connection) -> tuple[T, Head]:
            outcome = function(connection, scope, *args, **kwargs)
            return outcome, record(connection, scope, act, secrets, subject_id=subject_id)

        outcome, head = await store.write(both)
        await self._anchor_at(head)
        return outcome

    async def verify(self, store: Store, workspace_id: str) -> Verdict:
        """Whether the audit of a workspace is whole, by its chain and by this machine's anchor.

        Raises:
            StorageError: the database or the anchor cannot be read.
            SettingsError: there is no secret.
        """
        # Before the database: whatever stands there is in the database by now.
        path = self._anchor.path
        anchored = await asyncio.to_thread(lambda: read_anchors([path]) if path.exists() else Anchored({}, 0))
        return await verify_workspace(store, workspace_id, await self._keys(), anchored)

    async def _record(self, store: Store, scope: Scope, acts: Sequence[Act], *, judge: bool) -> None:
        secrets, subject_id = await self._keys(), str(uuid4())

        def all_of_them(connection: Connection) -> list[Head]:
            told = [judged(connection, scope, act) if judge else act for act in acts]
            return [record(connection, scope, act, secrets, subject_id=subject_id) for act in told]

        heads = await store.write(all_of_them)
        await self._anchor_at(heads[-1])

    async def _keys(self) -> Secrets:
        if self._secrets is None:
            self._secrets = await asyncio.to_thread(self._read_secrets)
        return self._secrets

    async def _anchor_at(self, head: Head) -> None:
        await asyncio.to_thread(self._anchor.append, (head,))
        # Structlog prints where nobody configured it: a program that embeds the memory has its output for itself.
        if structlog.is_configured():
            _log.info("audit", seq=head.seq, digest=head.digest)
