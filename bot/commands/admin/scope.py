"""`admin scope`: whom a supervisor may read, entry by entry; widening it and narrowing it."""

from collections.abc import Mapping
from typing import Any, get_args

from sqlalchemy import Connection

from bot.access.role_rows import read_standing
from bot.access.scope import Scope
from bot.access.standing import ReadScope, ScopeKind
from bot.chat import Field, Form, Reply
from bot.commands.admin.acting import Deed, carry_out
from bot.commands.admin.asking import Wrong, filled
from bot.commands.admin.reaching import FIELDS, OPTIONS, asks_for_something, reach_of
from bot.commands.admin.role_rows import narrow_scope, subjects_of, widen_scope
from bot.commands.admin.role_words import channel_name, reach_note, scope_changed_words, scope_words
from bot.commands.admin.roles import PERSON, name_of, names_in
from bot.commands.context import Context
from bot.commands.declaration import Command, Option
from bot.commonmark import inline
from bot.limits import ID_CHARACTERS

_ROWS = 5


async def _scope(context: Context, arguments: Mapping[str, Any]) -> None:
    """Typed or pressed: shows the scope; with something to add, adds it."""
    if (person := arguments.get("person")) is None:
        asked = (Field("person", "Which supervisor", "person"),)
        await context.show(Form("Whom a supervisor may read", "admin scope", asked, {}, "Show"))
    elif asks_for_something(arguments):
        wrong = Wrong()
        reach = await reach_of(context, arguments, wrong)
        if wrong:
            raise wrong.error()
        await _widen(context, person, reach)
    else:
        await context.answer(await _shown(context, person, arguments.get("page", 1) - 1))


async def _shown(context: Context, person: str, page: int) -> Reply:
    standing = await context.bench.store.read(read_standing, context.workspace_key, person)
    name = inline(await name_of(context, person))
    back = context.button("All roles", "admin roles")
    if not standing.supervisor:
        return Reply(f"{name} is no supervisor and reads nobody else's conversations.", (back,))
    entries = standing.scope.rows()
    names, channels = await names_in(context, standing.scope)
    part = entries[page * _ROWS : (page + 1) * _ROWS]
    lines, buttons = [], []
    for place, (kind, value) in enumerate(part, start=1):
        lines.append(f"{place}. {_entry(kind, value, names, channels)}")
        confirm = "May this no longer be read? The other admins are told."
        buttons.append(
            context.danger(f"Remove {place}", "admin scope remove", confirm, person=person, kind=kind, value=value)
        )
    if page:
        buttons.append(context.button("Back", "admin scope", person=person, page=page))
    if (page + 1) * _ROWS < len(entries):
        buttons.append(context.button("More", "admin scope", person=person, page=page + 2))
    pages = max(1, -(-len(entries) // _ROWS))
    where = f", page {page + 1:,} of {pages:,}" if pages > 1 else ""
    head = f"**What {name} may read as a supervisor** ({len(entries):,}){where}"
    add = context.button("Let them read more…", "admin scope add", person=person)
    return Reply("\n".join([head, "", *(lines or ["Nothing."])]), (*buttons, add, back))


def _entry(kind: ScopeKind, value: str, names: Mapping[str, str], channels: Mapping[str, set[str]]) -> str:
    if kind == "everyone":
        return "Everyone's conversations"
    if kind == "person":
        return f"The conversations of {inline(names.get(value, value))}"
    return f"What is said in {inline(channel_name(channels, value))}"


async def _add(context: Context, arguments: Mapping[str, Any]) -> None:
    """The form, and what comes back of it."""
    wrong = Wrong()
    if asks_for_something(arguments):
        reach = await reach_of(context, arguments, wrong)
        if not wrong:
            await _widen(context, arguments["person"], reach)
            return
    values = {name: str(value) for name, value in arguments.items()}
    given = {"person": arguments["person"]}
    form = Form("Let a supervisor read more", "admin scope add", filled(FIELDS, values, wrong), given, "Let them read")
    await context.show(form)


async def _widen(context: Context, person: str, reach: ReadScope) -> None:
    now, me = context.now(), context.person.resource_id
    reads = scope_words(reach, *await names_in(context, reach))
    subjects = await context.bench.store.read(subjects_of, context.scope, reach.persons)
    how = f"also {reads}"
    news = scope_changed_words(await name_of(context, me), await name_of(context, person), how)

    def change(connection: Connection, scope: Scope) -> None:
        widen_scope(connection, scope, person, reach, me, now)

    await carry_out(
        context, Deed("scope widened", person, f"more{reach_note(reach, subjects)}", news, reach.persons), change
    )
    await context.answer(await _shown(context, person, 0))


async def _remove(context: Context, arguments: Mapping[str, Any]) -> None:
    person, kind, value = arguments["person"], arguments["kind"], arguments.get("value", "")
    now, me = context.now(), context.person.resource_id
    reach = _reach(kind, value)
    reads = scope_words(reach, *await names_in(context, reach))
    subjects = await context.bench.store.read(subjects_of, context.scope, reach.persons)
    news = scope_changed_words(
        await name_of(context, me), await name_of(context, person), f"no longer {reads} by that permission"
    )

    def change(connection: Connection, scope: Scope) -> None:
        narrow_scope(connection, scope, person, kind, value, me, now)

    await carry_out(
        context, Deed("scope narrowed", person, f"less{reach_note(reach, subjects)}", news, reach.persons), change
    )
    await context.answer(await _shown(context, person, 0))


def _reach(kind: ScopeKind, value: str) -> ReadScope:
    if kind == "everyone":
        return ReadScope(everyone=True)
    return ReadScope(persons=(value,)) if kind == "person" else ReadScope(channels=(value,))


_KINDS = tuple((one, one) for one in get_args(ScopeKind))
_NEEDED = Option("person", "Which supervisor", "person", required=True, most_characters=ID_CHARACTERS)
COMMANDS = (
    Command(
        "admin scope",
        "Whom a supervisor may read: show it, or add to it",
        _scope,
        (PERSON, *OPTIONS, Option("page", "Which page", "number")),
        who="admin",
    ),
    Command("admin scope add", "Let a supervisor read more", _add, (_NEEDED, *OPTIONS), who="admin", typed=False),
    Command(
        "admin scope remove",
        "Let a supervisor read less",
        _remove,
        (
            _NEEDED,
            Option("kind", "What kind of permission", "choice", required=True, choices=_KINDS),
            Option("value", "Which person or channel", most_characters=ID_CHARACTERS),
        ),
        who="admin",
        typed=False,
    ),
)
