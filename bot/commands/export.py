"""`export`: all that is kept of me, as a file in our direct conversation."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from bot.chat import Reply
from bot.commands.context import Context
from bot.commands.declaration import Command
from bot.commands.direct import direct_place_of
from bot.supervision.own_rows import order_export


async def _export(context: Context, _arguments: Mapping[str, Any]) -> None:
    bench = context.bench
    place = await direct_place_of(context, context.person.resource_id)
    if place is None:
        await context.answer(Reply("I cannot write to you alone here, so I cannot send you the file."))
        return
    given = (context.scope, str(uuid4()), context.person.resource_id, place, bench.now())
    queued = await bench.store.write(order_export, *given)
    if queued is None:
        said = "Nothing is kept about you."
    elif not queued:
        said = "Your export is being made already; it comes to our direct conversation."
    else:
        context.wake(queued)
        said = "Your export is being made. The file comes to our direct conversation."
    await context.answer(Reply(said))


EXPORT = Command("export", "All that is kept about me, as a file", _export)
