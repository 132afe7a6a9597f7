"""An admin's act: the change, its row in the audit and the notices to the others, all of them or none."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar
from uuid import uuid4

from sqlalchemy import Connection

from bot.access.audit import Act
from bot.access.scope import Scope
from bot.commands.admin.announcing import listeners, tell_admins
from bot.commands.context import Context
from bot.errors import NotAllowed
from bot.limits import NOTE_CHARACTERS
from bot.turns.turn_values import Notice, Word

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Deed:
    """What an admin is about to do."""

    #: As the audit names it.
    action: str
    #: Whom it is about, by resource id; "" where it is nobody.
    person: str = ""
    #: What exactly, for the audit alone.
    note: str = ""
    #: What the other admins, and she whom it is about, are told: CommonMark; "" tells nobody.
    news: str = ""
    #: Whom else the news names.
    named: tuple[str, ...] = ()


async def carry_out(context: Context, deed: Deed, change: Callable[[Connection, Scope], T]) -> T:
    """Change something and record it in one transaction; a refusal is recorded too.

    Args:
        context: who does it, and where.
        deed: what it is.
        change: a storage function; it asks itself whether she may, now.

    Raises:
        NotAllowed: she may not; recorded as refused.
        BotError: nothing was changed, nothing is recorded.
    """
    services, bench = context.services, context.bench
    also = (deed.person,) if deed.person else ()
    people = (
        await listeners(bench.store, services.adapters, context.scope, context.person.workspace_id, also)
        if deed.news
        else ()
    )
    now, notice, act = bench.now(), Notice(f"news:{uuid4()}", deed.news), act_of(context, deed)

    def all_of_it(connection: Connection, scope: Scope) -> tuple[T, Word]:
        outcome = change(connection, scope)
        me = context.person.resource_id
        word = tell_admins(connection, scope, notice, people, now, also=also, but=me, names=deed.named)
        return outcome, word

    try:
        outcome, word = await services.recorder.write(bench.store, context.scope, act, all_of_it)
    except NotAllowed:
        await services.recorder.note(bench.store, context.scope, replace(act, outcome="refused"))
        raise
    context.wake(word)
    return outcome


def act_of(context: Context, deed: Deed) -> Act:
    """The deed as a row of the audit."""
    persons = (deed.person,) if deed.person else ()
    return Act(
        context.now(), context.person.resource_id, "admin", deed.action, persons, note=deed.note[:NOTE_CHARACTERS]
    )
