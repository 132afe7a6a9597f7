"""`admin roles`: who is admin or supervisor, and whom supervisors may read; giving roles and taking them."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection

from bot.access.role_rows import list_roles, read_standing
from bot.access.scope import Scope
from bot.access.settings_rows import chosen_settings
from bot.access.standing import Holder, ReadScope, Role, Standing
from bot.chat import Button, Field, Form, Reply
from bot.commands.admin.acting import Deed, act_of, carry_out
from bot.commands.admin.asking import Wrong, filled
from bot.commands.admin.reaching import FIELDS, OPTIONS, asks_for_something, profile_of, reach_of
from bot.commands.admin.role_rows import (
    Known,
    channels_of,
    give_role,
    subjects_of,
    take_role,
)
from bot.commands.admin.role_words import (
    ROLES,
    article,
    elsewhere,
    given_words,
    holder_words,
    reach_note,
    scope_words,
    standing_words,
    taken_words,
)
from bot.commands.choosing import number_of
from bot.commands.context import Context
from bot.commands.declaration import Command, Option
from bot.commonmark import inline
from bot.errors import NotAllowed
from bot.limits import ID_CHARACTERS
from bot.supervision.others_rows import names_of

_ROWS = 5
_KEY_CHARACTERS = 18
PERSON = Option("person", "Who", "person", most_characters=ID_CHARACTERS)
_ROLE = Option("role", "Which role", "choice", choices=ROLES)


async def _roles(context: Context, arguments: Mapping[str, Any]) -> None:
    if (person := arguments.get("person")) is not None:
        await _show(context, person)
        return
    read = context.bench.store.read
    page = await read(list_roles, context.scope, after=number_of(arguments, "after"), size=_ROWS)
    lines = [f"{place}. {await _line(context, one)}" for place, one in enumerate(page.holders, start=1)]
    openers = [
        context.button(str(place), "admin roles", person=one.resource_id)
        for place, one in enumerate(page.holders, start=1)
    ]
    more = [context.button("More", "admin roles", after=page.after)] if page.after is not None else []
    head = "**Admins and supervisors.** An admin is no supervisor by that, and a supervisor is no admin."
    await context.answer(
        Reply(
            "\n".join([head, "", *(lines or ["There is nobody else."])]),
            (
                *openers,
                *more,
                context.button("Make a supervisor…", "admin grant", role="supervisor"),
                context.button("Make an admin…", "admin grant", role="admin"),
            ),
        )
    )


async def _line(context: Context, holder: Holder) -> str:
    return holder_words(holder, *await names_in(context, holder.standing.scope))


async def names_in(context: Context, scope: ReadScope) -> tuple[dict[str, str], dict[str, set[str]]]:
    """How the people and channels of a scope are called."""
    read = context.bench.store.read
    return (
        await read(names_of, context.scope, scope.persons),
        await read(channels_of, context.scope, scope.channels),
    )


async def name_of(context: Context, resource_id: str) -> str:
    """How a person is called."""
    return (await context.bench.store.read(names_of, context.scope, (resource_id,)))[resource_id]


async def _show(context: Context, person: str) -> None:
    standing = await context.bench.store.read(read_standing, context.workspace_key, person)
    name = await name_of(context, person)
    lines = [f"**{inline(name)}**: {standing_words(standing, *await names_in(context, standing.scope))}."]
    buttons: list[Button] = []
    for role, _label in ROLES:
        lines += _hint(standing, role)
        buttons += _role_buttons(context, standing, person, role)
    await context.answer(Reply("\n\n".join(lines), (*buttons, context.button("All roles", "admin roles"))))


def _hint(standing: Standing, role: Role) -> list[str]:
    where = elsewhere(standing, role)
    return [f"The role of {article(role)} cannot be taken away here. {where}"] if where else []


def _role_buttons(context: Context, standing: Standing, person: str, role: Role) -> list[Button]:
    if not standing.is_(role):
        return [context.button(f"Make {article(role)}…", "admin grant", person=person, role=role)]
    reads = [context.button("Whom they may read…", "admin scope", person=person)] if role == "supervisor" else []
    return [*reads, *([] if elsewhere(standing, role) else [_taking(context, person, role)])]


def _taking(context: Context, person: str, role: Role) -> Button:
    confirm = f"Take away the role of {article(role)}? The other admins are told."
    return context.danger(f"Take away {role}", "admin revoke now", confirm, person=person, role=role)


# Giving


async def _grant(context: Context, arguments: Mapping[str, Any], *, sent: bool) -> None:
    """From a button or typed (`sent` is false): what is missing is asked for. From the form: what is wrong is shown."""
    person, role = arguments.get("person"), arguments.get("role")
    wrong = Wrong()
    if not sent and (person is None or role is None or (role == "supervisor" and not asks_for_something(arguments))):
        await _ask(context, arguments, wrong)
        return
    if person is None:
        wrong.note("person", "Please say who.")
    if role is None:
        wrong.note("role", "Please say which role.")
    reach = await reach_of(context, arguments, wrong) if role == "supervisor" else ReadScope()
    if wrong and not sent:
        raise wrong.error()
    if wrong or person is None or role is None:
        await _ask(context, arguments, wrong)
        return
    if role == "supervisor" and person == context.person.resource_id:
        await _ask_herself(context, arguments, reach)
        return
    await _give(context, person, role, reach)


async def _ask(context: Context, arguments: Mapping[str, Any], wrong: Wrong) -> None:
    role = arguments.get("role")
    asked = [Field("person", "Who", "person")]
    if role is None:
        asked.append(Field("role", "Which role", "choice", value="supervisor", choices=ROLES))
    if role != "admin":
        asked += FIELDS
    values = {name: str(value) for name, value in arguments.items()}
    title = f"Make somebody {article(role)}" if role else "Give a role"
    kept = {} if role is None else {"role": role}
    form = Form(title, "admin grant form", filled(tuple(asked), values, wrong), kept, "Give the role")
    await context.show(form)


async def _ask_herself(context: Context, arguments: Mapping[str, Any], reach: ReadScope) -> None:
    reads = scope_words(reach, *await names_in(context, reach))
    given = {name: str(value) for name, value in arguments.items()}
    said = "The other admins are told at once, and everybody whom you may read sees it in `privacy`."
    button = replace(
        context.danger("Make me a supervisor", "admin grant now", f"Become a supervisor? {said}"), arguments=given
    )
    await context.answer(Reply(f"You would be able to read {reads}. {said}", (button,)))


async def _grant_now(context: Context, arguments: Mapping[str, Any]) -> None:
    wrong = Wrong()
    reach = await reach_of(context, arguments, wrong) if arguments["role"] == "supervisor" else ReadScope()
    if wrong:
        raise wrong.error()
    await _give(context, arguments["person"], arguments["role"], reach)


async def _give(context: Context, person: str, role: Role, reach: ReadScope) -> None:
    profile = await profile_of(context, person)
    deed = Deed("role given", person, role)
    if profile.is_bot or profile.outsider or not profile.active:
        await context.services.recorder.note(
            context.bench.store, context.scope, replace(act_of(context, deed), outcome="refused")
        )
        raise NotAllowed("Bots, guests, people of other organisations and people who left cannot have a role here.")
    now, me = context.now(), context.person.resource_id
    known = Known(person, profile.name, str(uuid4()))
    reads = scope_words(reach, *await names_in(context, reach))
    subjects = await context.bench.store.read(subjects_of, context.scope, reach.persons)
    news = given_words(await name_of(context, me), profile.name or person, role, reads)
    deed = replace(deed, note=f"{role}{reach_note(reach, subjects)}", news=news, named=reach.persons)

    def change(connection: Connection, scope: Scope) -> None:
        give_role(connection, scope, known, role, reach, me, now)

    await carry_out(context, deed, change)
    lines = [f"{inline(profile.name or person)} is {article(role)} now. The other admins are told."]
    if role == "supervisor":
        lines[0] = (
            f"{inline(profile.name or person)} is a supervisor now and may read {reads}. The other admins are told."
        )
        chosen = await context.bench.store.read(chosen_settings, context.scope)
        if chosen.settings.supervision == "off":
            lines.append("Supervision is switched off here: nobody reads anything before `admin setup` switches it on.")
    await context.answer(Reply("\n\n".join(lines), (context.button("All roles", "admin roles"),)))


# Taking


async def _revoke(context: Context, arguments: Mapping[str, Any]) -> None:
    person, role = arguments.get("person"), arguments.get("role")
    if person is None or role is None:
        asked = (Field("person", "Who", "person"), Field("role", "Which role", "choice", choices=ROLES))
        values = {name: str(value) for name, value in arguments.items()}
        await context.show(Form("Take a role away", "admin revoke", filled(asked, values, Wrong()), {}, "Go on"))
        return
    name = inline(await name_of(context, person))
    question = f"Take away the role of {article(role)} from {name}? The other admins are told."
    await context.answer(Reply(question, (_taking(context, person, role), context.button("All roles", "admin roles"))))


async def _revoke_now(context: Context, arguments: Mapping[str, Any]) -> None:
    person, role, me = arguments["person"], arguments["role"], context.person.resource_id
    name = await name_of(context, person)
    deed = Deed("role taken", person, role, taken_words(await name_of(context, me), name, role))

    def change(connection: Connection, scope: Scope) -> None:
        take_role(connection, scope, person, role, me)

    await carry_out(context, deed, change)
    said = (
        f"{inline(name)} is {'no admin' if role == 'admin' else 'no supervisor'} any more. The other admins are told."
    )
    await context.answer(Reply(said, (context.button("All roles", "admin roles"),)))


_REQUIRED = (replace(PERSON, required=True), replace(_ROLE, required=True))
COMMANDS = (
    Command(
        "admin roles",
        "Admins and supervisors, and whom they may read",
        _roles,
        (PERSON, Option("after", "Where the list goes on", most_characters=_KEY_CHARACTERS)),
        who="admin",
    ),
    Command(
        "admin grant",
        "Make somebody an admin or a supervisor",
        partial(_grant, sent=False),
        (PERSON, _ROLE, *OPTIONS),
        who="admin",
    ),
    Command(
        "admin grant form",
        "Make somebody an admin or a supervisor",
        partial(_grant, sent=True),
        (PERSON, _ROLE, *OPTIONS),
        who="admin",
        typed=False,
    ),
    Command(
        "admin grant now",
        "Make myself a supervisor",
        _grant_now,
        (*_REQUIRED, *OPTIONS),
        who="admin",
        typed=False,
    ),
    Command("admin revoke", "Take away the role of an admin or a supervisor", _revoke, (PERSON, _ROLE), who="admin"),
    Command("admin revoke now", "Take away a role", _revoke_now, _REQUIRED, who="admin", typed=False),
)
