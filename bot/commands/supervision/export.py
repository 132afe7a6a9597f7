"""A supervisor's export, and her request for more access."""

from collections.abc import Mapping
from datetime import UTC
from typing import Any
from uuid import uuid4

from bot.access.role_rows import admins_of
from bot.chat import Reply
from bot.commands.choosing import FILTERS, chosen
from bot.commands.context import Context
from bot.commands.declaration import Command, Option
from bot.commands.direct import direct_place_of, write_to
from bot.commands.supervision.asking import (
    PERSON,
    act_of,
    actor_for,
    admitted,
    let_her_know,
    name_of,
    scope_for,
    show_nothing,
)
from bot.commands.supervision.reading import REQUIRED_CATEGORY
from bot.commonmark import inline
from bot.limits import ID_CHARACTERS
from bot.storage.columns import microseconds
from bot.supervision.others_rows import anything_to_export, order_report
from bot.turns.turn_values import Notice

_UNREACHABLE = "I cannot write to you alone here, so I cannot send you the file. This request was recorded."
#: Most admins who hear of one request.
_ADMINS = 10


async def _export(context: Context, arguments: Mapping[str, Any]) -> None:
    if not await admitted(context, arguments, "export"):
        return
    actor, person, thread_id = actor_for(context, arguments), arguments["person"], arguments.get("thread")
    wanted = chosen(arguments)
    # Recorded here, before anything is made of it; what the job then reads, it reads with her role at that time.
    found = await context.services.recorder.read(
        context.bench.store,
        scope_for(context, actor),
        [act_of(context, actor, "export", thread_id or "")],
        anything_to_export,
        wanted.threads,
        thread_id,
    )
    await let_her_know(context, person)
    if not found:
        await show_nothing(context)
        return
    place = await direct_place_of(context, context.person.resource_id)
    if place is None:
        await context.answer(Reply(_UNREACHABLE))
        return
    which = {
        "category": actor.category,
        "thread": thread_id,
        "channel": wanted.channel,
        "start": None if wanted.start is None else microseconds(wanted.start),
        "end": None if wanted.end is None else microseconds(wanted.end),
    }
    given = (str(uuid4()), actor.id, person, which, place, context.now())
    context.wake(await context.bench.store.write(order_report, context.scope, *given))
    name = await name_of(context, person)
    said = f"The export is being made; it comes to our direct conversation. {inline(name)} sees that you exported it."
    await context.answer(Reply(said))


async def _ask(context: Context, _arguments: Mapping[str, Any]) -> None:
    """Tell the admins that a supervisor wants to read more: each once an hour."""
    admins = await context.bench.store.read(admins_of, context.scope)
    others = [one for one in admins if one != context.person.resource_id][:_ADMINS]
    who = await name_of(context, context.person.resource_id)
    said = f"{inline(who)} asks for wider access to other people's conversations. `admin roles` shows and changes it."
    hour = f"{context.now().astimezone(UTC):%Y-%m-%dT%H}"
    notices = [f"access:{context.workspace_key}:{context.person.resource_id}:{one}:{hour}" for one in others]
    sent = [await write_to(context, one, Notice(notice, said)) for one, notice in zip(others, notices, strict=True)]
    if any(sent):
        text = "The admins hear of it. What you may read is changed by them alone, and the others see that."
    elif others:
        text = "The admins have heard of it already, or cannot be written to here."
    else:
        text = "Nobody else is an admin here: whoever runs me can change that."
    await context.answer(Reply(text))


EXPORT = Command(
    "supervise export",
    "A person's conversations as a file, in our direct conversation",
    _export,
    (
        PERSON,
        REQUIRED_CATEGORY,
        *FILTERS,
        Option("thread", "This conversation alone", most_characters=ID_CHARACTERS),
    ),
    typed=False,
)
ASK = Command("supervise ask", "Ask the admins for wider access", _ask, who="supervisor", typed=False)
