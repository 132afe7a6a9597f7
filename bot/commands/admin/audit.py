"""`admin audit`: the access log, page by page; reading it is an entry in it. And having it verified."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from bot.access.readings import AuditFilter, Recorded, read_audit
from bot.access.scope import Scope
from bot.chat import Field, Form, Reply
from bot.commands.admin.acting import Deed, act_of, carry_out
from bot.commands.admin.audit_words import ACTIONS, sentence, subjects_in
from bot.commands.admin.jobs import queue_verification
from bot.commands.admin.role_rows import names_of_subjects
from bot.commands.choosing import number_of
from bot.commands.context import Context
from bot.commands.declaration import Command, Option
from bot.commands.direct import direct_place_of
from bot.limits import ID_CHARACTERS

_ROWS = 10


async def _audit(context: Context, arguments: Mapping[str, Any]) -> None:
    before = number_of(arguments, "before") or None
    wanted = AuditFilter(arguments.get("action", ""), arguments.get("actor", ""), arguments.get("person", ""))
    # Her own scope: the query itself asks whether she is an admin.
    scope = Scope("person", context.workspace_key, (context.person.resource_id,))
    acts = [act_of(context, Deed("audit read", wanted.subject, _note(wanted)))]
    store = context.bench.store
    found = await context.services.recorder.read(store, scope, acts, read_audit, wanted, _ROWS + 1, before=before)
    rows: list[Recorded] = list(found[:_ROWS])
    names = await store.read(names_of_subjects, context.scope, subjects_in(rows))
    lines = [f"- {sentence(row, names)}" for row in rows]
    given = {name: arguments.get(name) for name in ("person", "actor", "action")}
    older = [context.button("Older", "admin audit", **given, before=rows[-1].seq)] if len(found) > _ROWS else []
    await context.answer(
        Reply(
            "\n".join(["**The access log**, newest first", "", *(lines or ["Nothing was recorded of that kind."])]),
            (
                *older,
                context.button("Filter…", "admin audit filter"),
                context.button("Verify…", "admin verify"),
                *([context.button("All of it", "admin audit")] if any(given.values()) or before else []),
            ),
        )
    )


def _note(wanted: AuditFilter) -> str:
    chosen = [f"only: {wanted.action}"] if wanted.action else []
    return "; ".join([*chosen, *(["only of one actor"] if wanted.actor else [])])


async def _filter(context: Context, _arguments: Mapping[str, Any]) -> None:
    fields = (
        Field("person", "About whom", "person", required=False),
        Field("actor", "By whom", "person", required=False),
        Field("action", "What was done", "choice", required=False, choices=(("", "Anything"), *ACTIONS)),
    )
    await context.show(Form("Filter the access log", "admin audit", fields, submit="Show"))


async def _verify(context: Context, _arguments: Mapping[str, Any]) -> None:
    place, now = await direct_place_of(context, context.person.resource_id), context.now()
    if place is None:
        await context.answer(Reply("I cannot write to you directly, and so cannot report. Please ask me in private."))
        return

    def change(connection: Connection, scope: Scope) -> str:
        return queue_verification(connection, scope, context.person.resource_id, place, now)

    context.wake(await carry_out(context, Deed("audit verified"), change))
    await context.answer(Reply("The access log is being verified. The result comes to our direct conversation."))


_PEOPLE = (
    Option("person", "Entries about this person", "person", most_characters=ID_CHARACTERS),
    Option("actor", "Entries by this person", "person", most_characters=ID_CHARACTERS),
)
COMMANDS = (
    Command(
        "admin audit",
        "The access log: who did what, and who read whom",
        _audit,
        (
            *_PEOPLE,
            Option("action", "Entries of this kind", "choice", choices=ACTIONS),
            Option("before", "Where it goes on", most_characters=18),
        ),
        who="admin",
    ),
    Command("admin audit filter", "Filter the access log", _filter, who="admin", typed=False),
    Command("admin verify", "Verify that nobody changed the access log", _verify, who="admin"),
)
