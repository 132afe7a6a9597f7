"""What one admin changes the others hear of, in their direct conversations with the bot."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import Connection

from bot.access.role_rows import admins_of
from bot.access.scope import Scope
from bot.chat import Adapter, PersonRef, PlaceRef
from bot.errors import NotFound, PlatformError
from bot.storage.signals import announce
from bot.storage.store import Store
from bot.turns.job_rows import queue_notice
from bot.turns.place_rows import lock_place
from bot.turns.turn_values import Notice, Word

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Listener:
    """Somebody who is to hear of something, and where the bot talks with her alone."""

    resource_id: str
    place: PlaceRef


async def listeners(
    store: Store, adapters: Mapping[str, Adapter], scope: Scope, workspace_id: str, also: Iterable[str] = ()
) -> tuple[Listener, ...]:
    """The admins of a workspace and `also` others, as far as the platform lets the bot write to them.

    To be asked before the transaction that changes something: the notices are queued in it, so that nothing is changed
    of which nobody hears.
    """
    adapter = adapters.get(workspace_id.partition(":")[0])
    if adapter is None:
        return ()
    found = []
    for resource_id in dict.fromkeys((*await store.read(admins_of, scope), *also)):
        try:
            found.append(Listener(resource_id, await adapter.open_dm(PersonRef(workspace_id, resource_id))))
        except (PlatformError, NotFound) as error:
            _log.warning("an admin cannot be written to", error=type(error).__name__)
    return tuple(found)


def tell_admins(
    connection: Connection,
    scope: Scope,
    notice: Notice,
    people: Sequence[Listener],
    now: datetime,
    *,
    also: Iterable[str] = (),
    but: str = "",
    names: Iterable[str] = (),
) -> Word:
    """Queue a notice for each of these who is an admin now, or is named in `also`; not for `but`, who knows it.

    All whom it names stand in its id, so that an erasure finds it: these, and `names`.
    """
    also = tuple(also)
    about = ":".join(sorted({*also, *names, but} - {""}))
    said = ""
    wanted = {*admins_of(connection, scope), *also} - {but}
    # In one order, whoever tells: places are locked.
    for one in sorted(people, key=lambda listener: listener.place.place_id):
        if one.resource_id in wanted:
            place = lock_place(connection, scope, one.place, now)
            told = Notice(f"{notice.id}:{about}:{one.resource_id}:", notice.text)
            if word := queue_notice(connection, scope, told, place.key, now):
                announce(connection, word)
                said = word
    return said
