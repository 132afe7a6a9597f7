"""The memory that a program embeds: open it, look at it as an actor."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from bot.access.actor import OPERATOR_ID, Actor, checked_id
from bot.access.audit import Act
from bot.access.door import Door
from bot.access.recorder import Recorder
from bot.access.scope import Scope
from bot.errors import StorageUnavailable
from bot.memory.values import MemoryOptions
from bot.memory.view import MemoryView
from bot.memory.workspace_rows import LIBRARY_WORKSPACE, ensure_workspace, workspace_key
from bot.storage.store import Migration, Purpose, Store, file_url, open_store


def _now() -> datetime:
    return datetime.now(UTC)


class Memory:
    """Stored conversations of one workspace.

    Also an async context manager: `async with await Memory.open("sqlite:///support.db") as memory: ...`
    """

    def __init__(
        self,
        store: Store,
        workspace_key: int,
        options: MemoryOptions,
        now: Callable[[], datetime] = _now,
        recorder: Recorder | None = None,
    ) -> None:
        self._store = store
        # Without one, no supervisor is shown anything.
        self._recorder = recorder
        self._workspace_key = workspace_key
        self._now = now
        #: What a turn remembers where a call says nothing else.
        self.options = options

    @classmethod
    async def open(
        cls,
        url: str | os.PathLike[str],
        *,
        options: MemoryOptions | None = None,
        workspace: str = LIBRARY_WORKSPACE,
        purpose: Purpose = "writer",
        migration_url: str | None = None,
        now: Callable[[], datetime] = _now,
        secret: bytes | str | None = None,
        anchor: str | os.PathLike[str] | None = None,
    ) -> "Memory":
        """Open a database and bring its schema up to date.

        Args:
            url: `sqlite:///file.db`, `postgresql://…`, or a `Path` to a SQLite file.
            options: what a turn remembers.
            workspace: the tenant; nothing of another one is ever visible.
            purpose: `reader` changes nothing, `worker` is alone on a SQLite file; see `bot.storage.store.Purpose`.
            migration_url: PostgreSQL: the address with the role that owns the schema, where that is another one.
            now: the clock.
            secret: from which the audit's key is derived, at least 32 characters; without, it stands in a file beside
                the database (`./data` for PostgreSQL), made when a supervisor first reads.
            anchor: the file in which the audit's end is written down, outside of the database; without, beside it.

        Raises:
            StorageError: the database cannot be opened; the sentence says why.
        """
        checked_id("workspace", workspace)
        address = url if isinstance(url, str) else file_url(url)
        store = await open_store(address, purpose=purpose, migration_url=migration_url)
        try:
            key = await store.read(workspace_key, workspace)
            if key is None and purpose != "reader":
                key = await store.write(ensure_workspace, workspace, now())
        except BaseException:
            await store.close()
            raise
        # A reader of a database that never heard of the workspace sees an empty one.
        recorder = Recorder.at(address, secret=secret, anchor=anchor)
        return cls(store, 0 if key is None else key, options or MemoryOptions(), now, recorder)

    @property
    def migration(self) -> Migration | None:
        """What opening did to the database's schema; None where there was nothing to do."""
        return self._store.migration

    def as_actor(self, actor: Actor) -> MemoryView:
        """The memory as `actor` may see and change it."""
        return MemoryView(Door(self._store, self._workspace_key, actor, self._now, self._recorder))

    async def exporting(self, actor: Actor, person: str) -> MemoryView:
        """The memory as `actor` sees it, for one export of `person`'s conversations; a supervisor's is recorded first.

        Raises:
            StorageError: the database failed, or the act could not be recorded.
            SettingsError: it could not be recorded for want of a secret.
        """
        door = Door(self._store, self._workspace_key, actor, self._now, self._recorder)
        return MemoryView(await door.exporting(checked_id("person", person)))

    async def note(self, action: str, note: str) -> None:
        """Record what the operator is about to do in this workspace, where that is about nobody in particular.

        Raises:
            StorageError: it could not be recorded; then it must not be done.
            SettingsError: likewise, for want of a secret.
        """
        if self._recorder is None:
            raise StorageUnavailable("Nothing is recorded here, so nothing of this kind is done.")
        act = Act(self._now(), OPERATOR_ID, "operator", action, note=note)
        await self._recorder.note(self._store, Scope("system", self._workspace_key, ()), act)

    async def close(self) -> None:
        """Finish what was begun and close the database."""
        await self._store.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
