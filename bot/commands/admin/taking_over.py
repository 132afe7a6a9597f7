"""Whoever runs a command has the roles then that the platform and the operator's settings give her.

So a workspace has its first admins: its owners and administrators on the platform, and whom ADMINS names.
"""

import asyncio
from datetime import datetime, timedelta
from uuid import uuid4

import structlog

from bot.access.audit import Act
from bot.access.role_rows import note_presence
from bot.access.scope import Scope
from bot.chat import Invocation, PersonRef, Profile
from bot.commands.admin.announcing import listeners
from bot.commands.admin.role_rows import Known, Presence, presence_of, shut_out, take_over
from bot.commands.context import Services
from bot.errors import Conflict, NotFound, PlatformError
from bot.memory.turn_rows import name_person

_log = structlog.get_logger(__name__)

#: A platform is asked once in this time for each person.
_AGAIN = timedelta(minutes=1)
#: Nobody waits longer for a platform that does not say who somebody is.
_PATIENCE_SECONDS = 3.0
#: Persons who are remembered as asked for.
_REMEMBERED = 10_000


class TakingOver:
    """Brings the roles of whoever runs a command up to date.

    Args:
        services: with which adapters, and what records.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._asked: dict[tuple[str, str], datetime] = {}

    async def __call__(self, invocation: Invocation, workspace_key: int) -> None:
        """Look at one person, unless that was done within the last minute.

        Raises:
            StorageError: a change could not be recorded; nothing was changed.
        """
        person, now = invocation.person, self._services.bench.now()
        who = (person.workspace_id, person.resource_id)
        if timedelta() <= now - self._asked.get(who, datetime.min.replace(tzinfo=now.tzinfo)) < _AGAIN:
            return
        if len(self._asked) >= _REMEMBERED:
            self._asked.clear()
        # Noted before: whoever runs several commands at once is looked at once.
        self._asked[who] = now
        try:
            await self._look_at(person, Scope("system", workspace_key, ()), now)
        except BaseException:
            self._asked.pop(who, None)
            raise

    async def _look_at(self, person: PersonRef, scope: Scope, now: datetime) -> None:
        services, store = self._services, self._services.bench.store
        profile = await self._profile(person)
        known = await store.read(presence_of, scope, person.resource_id)
        if known.left and profile is not None and profile.active:
            await store.write(note_presence, scope, person.resource_id, here=True, now=now)
        name = (profile.name if profile is not None else "") or person.name
        if name:
            await store.write(name_person, scope, person.resource_id, name)  # also of whoever only runs commands
        if profile is not None and not profile.active:
            await store.write(note_presence, scope, person.resource_id, here=False, now=now)
            return
        if profile is not None and (profile.outsider or profile.is_bot):
            await self._shut_out(person, known, scope, now)
            return
        administrator = None if profile is None else _administers(profile)
        admins = services.bench.settings.admin_ids
        said = {"settings": person.resource_id in admins, "platform": administrator}
        if all(has is None or has == (source in known.sources) for source, has in said.items()):
            return
        who = Known(person.resource_id, name, str(uuid4()))
        told = await listeners(store, services.adapters, scope, person.workspace_id, also=(person.resource_id,))
        act = Act(now, "system", "system", "roles taken over", (person.resource_id,))
        try:
            word = await services.recorder.write(
                store, scope, act, take_over, who, administrator, admins, f"news:{uuid4()}", told, now
            )
        except Conflict:
            return  # another process did it meanwhile
        if word:
            services.signals.say(word)

    async def _shut_out(self, person: PersonRef, known: Presence, scope: Scope, now: datetime) -> None:
        """Whoever became a guest has no role, whoever gave it: ADMINS, the platform or an admin."""
        if not known.any_role:
            return
        services, store = self._services, self._services.bench.store
        told = await listeners(store, services.adapters, scope, person.workspace_id, also=(person.resource_id,))
        act = Act(now, "system", "system", "roles taken over", (person.resource_id,))
        try:
            word = await services.recorder.write(
                store, scope, act, shut_out, person.resource_id, f"news:{uuid4()}", told, now
            )
        except Conflict:
            return  # another process did it meanwhile
        if word:
            services.signals.say(word)

    async def _profile(self, person: PersonRef) -> Profile | None:
        """Who the platform says that she is; None where it does not say."""
        adapter = self._services.adapters.get(person.workspace_id.partition(":")[0])
        if adapter is None:
            return None
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                return await adapter.profile(person)
        except NotFound:
            return Profile(person.name, active=False)
        except (PlatformError, TimeoutError) as error:
            _log.warning("a platform did not say who somebody is", error=type(error).__name__)
            return None


def _administers(profile: Profile) -> bool:
    return profile.administrator and profile.active
