"""The one door to stored words: every read passes here with its actor, and a supervisor's is recorded first."""

from collections.abc import Callable
from datetime import datetime
from typing import Concatenate

from sqlalchemy import Connection

from bot.access.actor import Actor, supervises
from bot.access.audit import AuditEntry, record
from bot.access.scope import Scope, scope_of
from bot.errors import NotAllowed
from bot.storage.store import P, Store, T


class Door:
    """A store as one actor may use it, in one workspace."""

    def __init__(self, store: Store, workspace_key: int, actor: Actor, now: Callable[[], datetime]) -> None:
        self._store = store
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
            action: what is done, as the audit names it: `list`, `open`, `search`.
            person: whose words are asked for, where the caller names someone.
            function: a storage function that takes the scope after the connection.
            *args: what follows.
            **kwargs: likewise.

        Raises:
            StorageError: the database failed, or the read could not be recorded; then nothing is read.
        """
        if supervises(self.actor.kind):
            persons = self.actor.persons if person is None else (person,)
            entry = AuditEntry(self.now(), self.actor.id, action, persons, self.actor.note)
            await self._store.write(record, self.scope, entry)
        return await self._store.read(lambda connection: function(connection, self.scope, *args, **kwargs))

    async def write(
        self, function: Callable[Concatenate[Connection, Scope, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a writing function within the actor's scope.

        Raises:
            NotAllowed: the actor is a supervisor, who only reads.
            StorageError: the database failed; nothing was changed.
        """
        if supervises(self.actor.kind):
            raise NotAllowed("A supervisor reads; she does not change other people's conversations.")
        return await self._store.write(lambda connection: function(connection, self.scope, *args, **kwargs))
