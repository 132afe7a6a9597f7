"""`privacy`: what is kept of me, who may read it, who has read it; and what I can do about it."""

from collections.abc import Mapping
from datetime import UTC
from typing import Any
from uuid import uuid4

from bot.access.disclosure import Kept, operator_of, privacy_text
from bot.access.disclosure_rows import kept_of, supervisors_for
from bot.access.readings import readings_of
from bot.access.role_rows import admins_of
from bot.access.settings_rows import chosen_settings
from bot.access.telling import telling
from bot.chat import Button, Field, Form, Reply
from bot.commands.choosing import number_of
from bot.commands.context import Context
from bot.commands.declaration import Command, Option
from bot.commands.direct import write_to
from bot.commonmark import inline, quoted
from bot.supervision.choice_rows import is_here, set_keeping
from bot.supervision.others_rows import names_of
from bot.supervision.reading_text import visit_text, visits
from bot.turns.turn_values import Notice

#: Visits that the overview shows, and that one page of them holds; rows of the audit that are put together for them.
_SHOWN, _PAGE, _ROWS = 3, 10, 40
#: Longest label of a button, in characters; no platform takes much more.
_LABEL = 60
#: Longest question about a reading, in characters.
_QUESTION = 1_000
#: Most people who get one question.
_CONTACTS = 10
#: Longest number of a row of the audit, in digits.
_NUMBER = 18
_OFF = (
    "From now on I answer you and keep nothing of it. What I keep already stays until you forget it, or until its time "
    "is over."
)
_ON = "From now on I keep what you write again. What I answered meanwhile was not kept."


async def _privacy(context: Context, _arguments: Mapping[str, Any]) -> None:
    store, scope, who = context.bench.store, context.scope, context.person.resource_id
    facts, _told = await store.write(telling, scope, operator_of(context.bench.settings), who, context.now())
    kept = await store.read(kept_of, scope, who)
    may = await store.read(supervisors_for, scope, who)
    found = visits(await store.read(readings_of, scope, who, _ROWS))
    text = privacy_text(facts, kept, may, [one.line for one in found[:_SHOWN]])
    more = "\n\nMore readings: “Who has read”." if len(found) > _SHOWN else ""
    contact = await _contact_name(context)
    readings = (
        (
            context.button("Who has read", "privacy readings"),
            context.button("Ask about a reading", "privacy ask"),
        )
        if found
        else ()
    )
    buttons = (
        *readings,
        context.button("Export", "export"),
        context.button("Forget…", "forget"),
        _keeping(context, kept),
        context.button("My conversations", "history"),
        context.button("My facts", "memory"),
        context.button("Usage", "usage"),
        context.button(f"Contact {contact}"[:_LABEL].strip(), "privacy contact"),
    )
    await context.answer(Reply(f"{text}{more}", buttons))


def _keeping(context: Context, kept: Kept) -> Button:
    if kept.keeps:
        confirm = "Keep nothing of what you write from now on? What is kept already stays until you forget it."
        return Button("Don't keep mine", "privacy keep", {"keep": "off"}, confirm=confirm, person=_me(context))
    confirm = "Keep what you write from now on?"
    return Button("Keep mine again", "privacy keep", {"keep": "on"}, confirm=confirm, person=_me(context))


def _me(context: Context) -> str:
    return context.person.resource_id


async def _keep(context: Context, arguments: Mapping[str, Any]) -> None:
    keeps = arguments["keep"] == "on"
    await context.bench.store.write(set_keeping, context.scope, _me(context), str(uuid4()), context.now(), keeps=keeps)
    back = context.button("Privacy", "privacy")
    if keeps:
        await context.answer(Reply(_ON, (back,)))
    else:
        await context.answer(Reply(_OFF, (context.button("Forget…", "forget"), back)))


async def _readings(context: Context, arguments: Mapping[str, Any]) -> None:
    before = number_of(arguments, "before") or None
    store, scope = context.bench.store, context.scope
    # Whole days of one reader are put together, so that a page ends where a row of the audit does.
    rows = await store.read(readings_of, scope, _me(context), _PAGE + 1, before=before)
    lines = [f"- {visit_text(one)}" for one in visits(rows[:_PAGE])]
    older = context.button("Earlier", "privacy readings", before=rows[_PAGE - 1].seq) if len(rows) > _PAGE else None
    ask = context.button("Ask about a reading", "privacy ask")
    buttons = (*([older] if older else []), ask, context.button("Privacy", "privacy"))
    if not lines:
        text = "Nobody has read your conversations." if before is None else "Nobody read them before that."
        await context.answer(Reply(text, (context.button("Privacy", "privacy"),)))
        return
    await context.answer(
        Reply("\n".join(["**Who has read your conversations**, the newest first", "", *lines]), buttons)
    )


async def _ask(context: Context, arguments: Mapping[str, Any]) -> None:
    question = arguments.get("question")
    if question is None:
        asked = Field(
            "question",
            "Your question",
            "long_text",
            hint="It is sent with your name, in private",
            most_characters=_QUESTION,
        )
        await context.show(Form("Ask about a reading", "privacy ask", (asked,), submit="Send"))
        return
    me = _me(context)
    others = [one for one in await _contacts(context) if one != me][:_CONTACTS]
    names = await context.bench.store.read(names_of, context.scope, [me, *others])
    said = f"{inline(names.get(me, me))} asks about a reading of her conversations with me:\n\n{quoted(question)}"
    minute = f"{context.now().astimezone(UTC):%Y-%m-%dT%H:%M}"
    notices = [Notice(f"asked:{context.workspace_key}:{me}:{one}:{minute}", said) for one in others]
    sent = [await write_to(context, one, notice) for one, notice in zip(others, notices, strict=True)]
    reached = [names.get(one, one) for one, arrived in zip(others, sent, strict=True) if arrived]
    back = context.button("Privacy", "privacy")
    if reached:
        text = f"Sent, in private, to {', '.join(inline(one) for one in reached)}."
    elif others:
        text = "It was not sent: you asked a moment ago, or nobody who could answer can be written to here."
    else:
        text = "Nobody else here is named as a contact. Please ask whoever runs me."
    await context.answer(Reply(text, (back,)))


async def _contact(context: Context, _arguments: Mapping[str, Any]) -> None:
    named = await _contact_name(context)
    admins = await context.bench.store.read(admins_of, context.scope)
    names = await context.bench.store.read(names_of, context.scope, admins)
    lines = []
    if named:
        lines.append(f"About your data here, ask {inline(named)}.")
    if admins:
        lines.append(f"Admins: {', '.join(inline(names.get(one, one)) for one in admins[:_CONTACTS])}.")
    operator = context.bench.settings.operator_name
    lines.append(f"{inline(operator)} runs me." if operator.strip() else "Who installed me here runs me.")
    await context.answer(Reply(" ".join(lines), (context.button("Privacy", "privacy"),)))


async def _contacts(context: Context) -> tuple[str, ...]:
    """Who answers questions about data: the person whom the workspace named, or else its admins."""
    store, scope = context.bench.store, context.scope
    named = (await store.read(chosen_settings, scope)).settings.contact
    known = await store.read(is_here, scope, named)
    if known:
        return (named,)
    return await store.read(admins_of, scope)


async def _contact_name(context: Context) -> str:
    """How the workspace's contact is called; "" where nobody is named."""
    store, scope = context.bench.store, context.scope
    named = (await store.read(chosen_settings, scope)).settings.contact
    if not named:
        return ""
    return (await store.read(names_of, scope, [named])).get(named, named)


PRIVACY = Command("privacy", "What I keep of you, who may read it and who has read it", _privacy)
KEEP = Command(
    "privacy keep",
    "Whether what I write is kept",
    _keep,
    (Option("keep", "From now on", "choice", required=True, choices=(("on", "Keep it"), ("off", "Keep nothing"))),),
    typed=False,
)
READINGS = Command(
    "privacy readings",
    "Who has read my conversations",
    _readings,
    (Option("before", "Where the page before ended", most_characters=_NUMBER),),
    typed=False,
)
ASK = Command(
    "privacy ask",
    "Ask about a reading of my conversations",
    _ask,
    (Option("question", "The question", most_characters=_QUESTION),),
    typed=False,
)
CONTACT = Command("privacy contact", "Whom to ask about my data", _contact, typed=False)
