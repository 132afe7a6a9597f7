"""The one door to stored words: every read passes here with its actor, and a supervisor's is recorded first."""

from collections.abc import Callable, Sequence
from copy import copy
from datetime import datetime
from typing import Concatenate

from sqlalchemy import Connection

from bot.access.actor import Actor, supervises
from bot.access.audit import Act
from bot.access.recorder import Recorder
from bot.access.scope import Scope, scope_of
from bot.errors import NotAllowed, StorageUnavailable
from bot.storage.store import P, Store, T


class Door:
    """A store as one actor may use it, in one workspace."""

    def __init__(
        self,
        store: Store,
        workspace_key: int,
        actor: Actor,
        now: Callable[[], datetime],
        recorder: Recorder | None = None,
    ) -> None:
        self._store = store
        self._recorder = recorder
        self._recorded = False
        self.actor = actor
        self.scope = scope_of(actor, workspace_key)
        self.now = now

    async def read(
        self,
        action: str,
        person: str | None,
        function: Callable[Concatenate[Connection, Scope, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run a reading function within the actor's scope.

        Args:
            action: what is done, as the audit names it: `list`, `search`, `export`, `facts`; for `open` see `open`.
            person: whose words are asked for, where the caller names someone.
            function: a storage function that takes the scope after the connection.
            *args: what follows.
            **kwargs: likewise.

        Raises:
            StorageError: the database failed, or the read could not be recorded; then nothing is read.
            SettingsError: the read could not be recorded for want of a secret; then nothing is read.
        """
        return await self._read(self._acts(action, person, [""]), function, *args, **kwargs)

    async def open(
        self,
        person: str | None,
        thread_ids: Sequence[str],
        function: Callable[Concatenate[Connection, Scope, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """As `read`, of conversations that the caller names: each is recorded by itself.

        Raises:
            StorageError: as `read`.
            SettingsError: likewise.
        """
        return await self._read(self._acts("open", person, thread_ids), function, *args, **kwargs)

    async def _read(
        self,
        acts: Sequence[Act],
        function: Callable[Concatenate[Connection, Scope, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        if acts:
            return await self._recording.read(self._store, self.scope, acts, function, *args, **kwargs)
        return await self._store.read(lambda connection: function(connection, self.scope, *args, **kwargs))

    async def exporting(self, person: str) -> "Door":
        """A door for one export of a person's conversations: that is recorded now, whole, and not read by read.

        Raises:
            StorageError: as `read`.
            SettingsError: likewise.
        """
        await self.read("export", person, _nothing)
        door = copy(self)
        door._recorded = True  # noqa: SLF001 (of its own kind)
        return door

    async def write(
        self, function: Callable[Concatenate[Connection, Scope, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a writing function within the actor's scope.

        Raises:
            NotAllowed: the actor is a supervisor, who only reads; the attempt is recorded.
            StorageError: the database failed; nothing was changed.
        """
        if supervises(self.actor.kind):
            await self._recording.note(self._store, self.scope, self._act("change", None, outcome="refused"))
            raise NotAllowed("A supervisor reads; she does not change other people's conversations.")
        return await self._store.write(lambda connection: function(connection, self.scope, *args, **kwargs))

    @property
    def _recording(self) -> Recorder:
        if self._recorder is None:
            raise StorageUnavailable("Nothing is recorded here, so nobody else's conversations are shown.")
        return self._recorder

    def _acts(self, action: str, person: str | None, thread_ids: Sequence[str]) -> list[Act]:
        """What is to be recorded of a read: nothing where people read what is their own."""
        if self._recorded or not supervises(self.actor.kind):
            return []
        return [self._act(action, person, thread_id) for thread_id in dict.fromkeys(thread_ids)]

    def _act(self, action: str, person: str | None, thread_id: str = "", *, outcome: str = "done") -> Act:
        actor = self.actor
        return Act(
            self.now(),
            actor.id,
            actor.acts_as,
            action,
            actor.persons if person is None else (person,),
            thread_id,
            outcome,
            actor.category,
            actor.note,
        )


def _nothing(_connection: Connection, _scope: Scope) -> None:
    """What is read where only the recording matters."""
