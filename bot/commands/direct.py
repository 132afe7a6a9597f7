"""Where the bot writes to one person alone, asked for or not."""

from sqlalchemy import Connection

from bot.access.scope import Scope
from bot.chat import Adapter, PersonRef, PlaceRef
from bot.commands.context import Context
from bot.errors import NotFound, PlatformError
from bot.storage.signals import announce
from bot.turns.job_rows import queue_notice
from bot.turns.place_rows import lock_place
from bot.turns.turn_values import Notice, Word


def adapter_of(context: Context) -> Adapter | None:
    """The platform on which somebody runs a command."""
    return context.services.adapters.get(context.person.workspace_id.partition(":")[0])


async def direct_place_of(context: Context, resource_id: str) -> PlaceRef | None:
    """The direct conversation of a person of the asker's workspace; None where she cannot be written to."""
    if context.place.kind == "direct" and resource_id == context.person.resource_id:
        return context.place
    adapter = adapter_of(context)
    if adapter is None:
        return None
    try:
        return await adapter.open_dm(PersonRef(context.person.workspace_id, resource_id))
    except (PlatformError, NotFound):
        return None


async def write_to(context: Context, resource_id: str, notice: Notice) -> bool:
    """Say something to a person alone, once; whether it is on its way now, and was not before.

    Raises:
        StorageError: the database failed; nothing is said.
    """
    place = await direct_place_of(context, resource_id)
    if place is None:
        return False

    def queue(connection: Connection, scope: Scope) -> Word:
        key = lock_place(connection, scope, place, now).key
        word = queue_notice(connection, scope, notice, key, now)
        if word:
            announce(connection, word)
        return word

    now = context.now()
    word = await context.bench.store.write(queue, context.scope)
    context.wake(word)
    return bool(word)
