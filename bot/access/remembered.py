"""What workspaces' admins chose, remembered for a moment: every message and every turn asks for it."""

import time

from sqlalchemy import Connection, bindparam, select

from bot.access.scope import Scope
from bot.access.settings_rows import chosen_settings
from bot.access.workspace_settings import DEFAULTS, WorkspaceSettings
from bot.storage.store import Store
from bot.storage.tables import workspaces

#: How long a choice may take to be heard of, in seconds.
REMEMBERED = 2.0
#: Workspaces that are remembered at once.
_MOST = 10_000


class RememberedSettings:
    """What admins chose for each workspace. A choice is heard of after a moment; never by what grants access.

    Args:
        store: the database.
        seconds: how long an answer of the database is remembered.
    """

    def __init__(self, store: Store, seconds: float = REMEMBERED) -> None:
        self._store = store
        self._seconds = seconds
        self._known: dict[str, tuple[float, WorkspaceSettings]] = {}

    async def of(self, workspace_id: str) -> WorkspaceSettings:
        """What was chosen for a workspace.

        Raises:
            StorageError: the database does not say.
        """
        until, chosen = self._known.get(workspace_id, (0.0, DEFAULTS))
        if time.monotonic() >= until:
            chosen = await self._store.read(_read, workspace_id)
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[workspace_id] = (time.monotonic() + self._seconds, chosen)
        return chosen


_KEY = select(workspaces.c.key).where(workspaces.c.id == bindparam("workspace_id"))


def _read(connection: Connection, workspace_id: str) -> WorkspaceSettings:
    key = connection.execute(_KEY, {"workspace_id": workspace_id}).scalar()
    return DEFAULTS if key is None else chosen_settings(connection, Scope("system", key, ())).settings
