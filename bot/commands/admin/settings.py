"""`admin settings`: what this workspace chose, one form for each group of it, its history, and the way back."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from sqlalchemy import Connection

from bot.access.disclosure import NOBODY, operator_of
from bot.access.scope import Scope
from bot.access.settings_rows import SettingsVersion, chosen_settings, settings_history
from bot.access.workspace_settings import DEFAULTS, WorkspaceSettings, changed_settings
from bot.chat import Form, PlaceRef, Reply
from bot.commands.admin.acting import Deed, carry_out
from bot.commands.admin.asking import Wrong, filled
from bot.commands.admin.reaching import named_channel
from bot.commands.admin.role_rows import channels_of
from bot.commands.admin.roles import name_of
from bot.commands.admin.setting_words import (
    BY_OPTION,
    CHANNEL_FIELDS,
    DEFAULT,
    GROUPS,
    MODES,
    NOT_TOLD,
    SETTINGS,
    SUPERVISION,
    YES,
    as_typed,
    as_value,
    change_note,
    channel_lines,
    difference,
    merged,
    needs_confirmation,
    told_again,
    value_words,
)
from bot.commands.admin.settings_rows import Made, go_back, make_change, tell_channels
from bot.commands.choosing import number_of
from bot.commands.context import Context
from bot.commands.declaration import Command, Option
from bot.commands.direct import adapter_of
from bot.commonmark import inline
from bot.errors import InvalidArgument, NotAvailable
from bot.limits import CONTACT_CHARACTERS, ID_CHARACTERS, PERSONA_CHARACTERS

_ROWS = 5
_TIME = "%Y-%m-%d %H:%M UTC"


async def _settings(context: Context, arguments: Mapping[str, Any], *, sure: bool) -> None:
    """Without arguments: what holds. With some: changes it, at once or after a question."""
    if not arguments:
        await context.answer(await _shown(context))
        return
    wrong = Wrong()
    changes = await _changes(context, arguments, wrong)
    if wrong:
        raise wrong.error()
    await _change(context, changes, arguments, sure=sure)


async def _shown(context: Context) -> Reply:
    bench = context.bench
    chosen = await bench.store.read(chosen_settings, context.scope)
    names = await bench.store.read(channels_of, context.scope, list(chosen.settings.channels))
    operator = operator_of(bench.settings)
    lines = [f"- **{one.label}:** {value_words(one, chosen.settings, operator.retention_days)}" for one in SETTINGS]
    lines += [f"- {line}" for line in channel_lines(chosen.settings, names)]
    model = "none; answers are made without one" if operator.provider == NOBODY else inline(bench.model.name)
    lines.append(f"- **Model:** {model} (the operator's settings)")
    version = f"version {chosen.version:,}" if chosen.version else "nobody changed anything yet"
    buttons = [context.button(f"{title}…", "admin settings form", group=group) for group, (title, _) in GROUPS.items()]
    return Reply(
        "\n".join([f"**Settings of this workspace** ({version})", "", *lines]),
        (
            *buttons,
            context.button("A channel…", "admin settings channel"),
            context.button("History", "admin settings history"),
        ),
    )


async def _changes(context: Context, arguments: Mapping[str, Any], wrong: Wrong) -> dict[str, Any]:
    """What is to change, by the settings' names; what cannot be is noted in `wrong`."""
    chosen = (await context.bench.store.read(chosen_settings, context.scope)).settings
    wanted: dict[str, Any] = {}
    for option, setting in BY_OPTION.items():
        if option in arguments:
            try:
                value = as_value(option, arguments[option])
                changed_settings(
                    chosen, {setting.name: value}, operator_days=operator_of(context.bench.settings).retention_days
                )
            except InvalidArgument as error:
                wrong.note(option, str(error).replace(setting.name, "It"))
            else:
                wanted[setting.name] = value
    if "channel" in arguments:
        channel = await named_channel(context, arguments["channel"], "channel", wrong)
        if "mode" not in arguments:
            wrong.note("mode", "Please say what I do there.")
        elif channel:
            wanted["channels"] = {channel: arguments["mode"]}
    elif "mode" in arguments:
        wrong.note("channel", "Please say in which channel.")
    return {
        name: value
        for name, value in wanted.items()
        if changed_settings(chosen, merged(chosen, {name: value})) != chosen
    }


async def _change(context: Context, changes: Mapping[str, Any], arguments: Mapping[str, Any], *, sure: bool) -> None:
    back = context.button("All settings", "admin settings")
    if not changes:
        await context.answer(Reply("That is so already; nothing was changed.", (back,)))
        return
    operator = operator_of(context.bench.settings)
    chosen = (await context.bench.store.read(chosen_settings, context.scope)).settings
    questions = needs_confirmation(chosen, changes, operator.retention_days)
    if questions and not sure:
        text = " ".join(questions)
        given = {name: str(value) for name, value in arguments.items()}
        button = replace(context.danger("Change it", "admin settings now", f"{text} Change it?"), arguments=given)
        await context.answer(Reply(text, (button, back)))
        return
    made = await apply(context, changes)
    await context.answer(Reply(said(made), (back, context.button("History", "admin settings history"))))


async def apply(context: Context, changes: Mapping[str, Any]) -> Made:
    """Change settings, recorded and announced.

    Raises:
        NotAllowed: she is no admin any more.
        Conflict: they are so already.
    """
    operator, now, me = operator_of(context.bench.settings), context.now(), context.person.resource_id
    chosen = (await context.bench.store.read(chosen_settings, context.scope)).settings
    wanted = changed_settings(chosen, merged(chosen, changes), operator_days=operator.retention_days)
    news = f"{inline(await name_of(context, me))} changed settings of this workspace. {_listed(chosen, wanted)}"

    channel_of = _channel_of(context)

    def change(connection: Connection, scope: Scope) -> Made:
        return tell_channels(
            connection, scope, make_change(connection, scope, changes, operator, me, now), channel_of, now
        )

    named = (changes["contact"],) if changes.get("contact") else ()
    return await carry_out(context, Deed("settings changed", named=named, note=change_note(changes), news=news), change)


def _channel_of(context: Context) -> Callable[[PlaceRef], PlaceRef]:
    """Where the notice goes that a channel hears of its new mode."""
    adapter = adapter_of(context)

    def channel_of(place: PlaceRef) -> PlaceRef:
        if adapter is None:
            raise NotAvailable(NOT_TOLD)
        return adapter.channel(place)

    return channel_of


def said(made: Made) -> str:
    """What came of a change."""
    lines = [f"Changed; this is version {made.change.after.version:,}."]
    lines += [f"- {line}" for line in difference(made.change.before.settings, made.change.after.settings)]
    return "\n\n".join(["\n".join(lines), told_again(made.untold)]).strip()


def _listed(before: WorkspaceSettings, after: WorkspaceSettings) -> str:
    return "; ".join(difference(before, after)) + "."


# Forms


async def _form(context: Context, arguments: Mapping[str, Any]) -> None:
    """A group's form, and what comes back of it: a field that is left empty is as if nobody had chosen."""
    title, options = GROUPS[arguments["group"]]
    given = {name: str(value) for name, value in arguments.items() if name in options}
    chosen = await context.bench.store.read(chosen_settings, context.scope)
    wrong = Wrong()
    if "version" in arguments:
        complete = {option: given.get(option, DEFAULT) for option in options}
        changes = await _changes(context, complete, wrong)
        if number_of(arguments, "version") != chosen.version:
            wrong.note(options[0], "somebody changed settings meanwhile. Please look at all of it again.")
        if not wrong:
            await _change(context, changes, complete, sure=False)
            return
        given = {option: given.get(option, "") for option in options}
    values = {option: as_typed(chosen.settings, option) for option in options} | given
    fields = filled(tuple(BY_OPTION[option].field for option in options), values, wrong)
    kept = {"group": arguments["group"], "version": str(chosen.version)}
    await context.show(Form(title, "admin settings form", fields, kept, "Change"))


async def _channel(context: Context, arguments: Mapping[str, Any]) -> None:
    wrong = Wrong()
    if arguments:
        changes = await _changes(context, arguments, wrong)
        if not wrong:
            await _change(context, changes, arguments, sure=False)
            return
    values = {name: str(value) for name, value in arguments.items()}
    fields = filled(CHANNEL_FIELDS, values, wrong)
    await context.show(Form("The bot in a channel", "admin settings channel", fields, {}, "Change"))


# History


async def _history(context: Context, arguments: Mapping[str, Any]) -> None:
    before = number_of(arguments, "before") or None
    # One more than is shown: what changed is said against the version before.
    found = await context.bench.store.read(settings_history, context.scope, before=before, size=_ROWS + 1)
    lines, buttons = [], []
    newest = (await context.bench.store.read(chosen_settings, context.scope)).version
    for place, one in enumerate(found[:_ROWS]):
        previous = found[place + 1].settings if place + 1 < len(found) else DEFAULTS
        lines.append(f"- **Version {one.version:,}**, {one.at.strftime(_TIME)}, {_who(one)}: {_what(previous, one)}")
        if one.version != newest:
            buttons.append(_back_button(context, one.version))
    if len(found) <= _ROWS and newest:
        buttons.append(_back_button(context, 0))
    if len(found) > _ROWS:
        buttons.append(context.button("Older", "admin settings history", before=found[_ROWS - 1].version))
    text = "\n".join(["**History of the settings**", "", *(lines or ["Nobody changed anything yet."])])
    await context.answer(Reply(text, (*buttons, context.button("All settings", "admin settings"))))


def _who(one: SettingsVersion) -> str:
    if one.by_operator:
        return "the operator"
    return inline(one.by) if one.by else "somebody who was erased"


def _what(previous: WorkspaceSettings, one: SettingsVersion) -> str:
    return "; ".join(difference(previous, one.settings)) or "nothing that is still known"


def _back_button(context: Context, version: int) -> Any:
    label = f"Back to {version:,}" if version else "Back to the beginning"
    confirm = (
        f"Let {f'version {version:,}' if version else 'what held before anybody chose'} hold again, as a new version? "
        "The other admins are told; people too, where more is kept or read by it."
    )
    return context.danger(label, "admin settings back", confirm, version=version)


async def _go_back(context: Context, arguments: Mapping[str, Any]) -> None:
    version, now, me = number_of(arguments, "version"), context.now(), context.person.resource_id
    operator = operator_of(context.bench.settings)
    name = inline(await name_of(context, me))
    news = f"{name} let the settings of version {version:,} hold again in this workspace."

    channel_of = _channel_of(context)

    def change(connection: Connection, scope: Scope) -> Made:
        return tell_channels(connection, scope, go_back(connection, scope, version, operator, me, now), channel_of, now)

    made = await carry_out(context, Deed("settings rolled back", note=f"to version {version}", news=news), change)
    back = context.button("All settings", "admin settings")
    await context.answer(Reply(said(made), (back, context.button("History", "admin settings history"))))


_OPTIONS = (
    Option("supervision", "Whose conversations supervisors may read", "choice", choices=SUPERVISION),
    Option("notice", "Whether people are told, unasked, that they were read", "choice", choices=YES),
    Option("off_record", "Whether people may speak off the record", "choice", choices=YES),
    Option("retention", "How many days messages are kept; or default", most_characters=20),
    Option("contact", "Who answers questions about data; or default", most_characters=CONTACT_CHARACTERS),
    Option("persona", "What the bot should be like; or default", most_characters=PERSONA_CHARACTERS),
    Option("channel", "A channel, together with mode", most_characters=ID_CHARACTERS),
    Option("mode", "What the bot does in that channel", "choice", choices=MODES),
)
_NUMBER = 18
COMMANDS = (
    Command(
        "admin settings",
        "What this workspace chose; change it, see its history",
        partial(_settings, sure=False),
        _OPTIONS,
        who="admin",
    ),
    Command(
        "admin settings now",
        "Change settings",
        partial(_settings, sure=True),
        _OPTIONS,
        who="admin",
        typed=False,
    ),
    Command(
        "admin settings form",
        "A form for some of the settings",
        _form,
        (
            Option("group", "Which", "choice", required=True, choices=tuple((one, one) for one in GROUPS)),
            Option("version", "What held when it was shown", most_characters=_NUMBER),
            *(replace(one, kind="text", choices=()) for one in _OPTIONS[:6]),
        ),
        who="admin",
        typed=False,
    ),
    Command(
        "admin settings channel",
        "What the bot does in a channel",
        _channel,
        _OPTIONS[6:],
        who="admin",
        typed=False,
    ),
    Command(
        "admin settings history",
        "What was changed, when and by whom",
        _history,
        (Option("before", "Where it goes on", most_characters=_NUMBER),),
        who="admin",
        typed=False,
    ),
    Command(
        "admin settings back",
        "Let an earlier version hold again",
        _go_back,
        (Option("version", "Which", required=True, most_characters=_NUMBER),),
        who="admin",
        typed=False,
    ),
)
