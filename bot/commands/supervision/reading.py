"""`history` of another person: the form, the list, the search, the transcript. Each step is authorised and recorded."""

from collections.abc import Mapping, Sequence
from typing import Any

from bot.chat import Button, Field, Form, Reply
from bot.commands.choosing import FILTERS, PAGE, chosen, kept_filters
from bot.commands.context import Context
from bot.commands.declaration import Command, Option
from bot.commands.supervision.asking import (
    CATEGORY,
    NOTE_CHARACTERS,
    PERSON,
    act_of,
    actor_for,
    admitted,
    door_for,
    let_her_know,
    name_of,
    scope_for,
    show_nothing,
)
from bot.commands.supervision.wording import (
    CATEGORIES,
    PRIVATELY,
    hit_row,
    message_text,
    moment,
    shown_reason,
    thread_row,
)
from bot.commonmark import inline
from bot.limits import ID_CHARACTERS, QUERY_CHARACTERS
from bot.memory.paging import Slice
from bot.memory.values import Page
from bot.memory.view import MemoryView
from bot.supervision.others_rows import read_transcript

#: Rows of a page: as many as fit a row of buttons on every platform. Messages of a page of a transcript.
ROWS, MESSAGES = 5, 6
NOTE = Option("note", "More about the reason, for the access log alone", most_characters=NOTE_CHARACTERS)
THREAD = Option("thread", "Which conversation", required=True, most_characters=ID_CHARACTERS)
_HINT = "The person sees that you looked, and this reason"


async def begin(context: Context, arguments: Mapping[str, Any]) -> None:
    """Somebody named a person. In a place with company only a button answers, which does not say whom."""
    if not await admitted(context, arguments, "list"):
        return
    if context.place.kind == "direct":
        await _show_form(context, arguments)
        return
    given = {"person": arguments["person"], **kept_filters(arguments)}
    await context.answer(Reply(PRIVATELY, (context.button("Open it here, privately", "supervise form", **given),)))


async def _form(context: Context, arguments: Mapping[str, Any]) -> None:
    if await admitted(context, arguments, "list"):
        await _show_form(context, arguments)


async def _show_form(context: Context, arguments: Mapping[str, Any]) -> None:
    given = kept_filters(arguments)
    fields = (
        Field(
            "person",
            "Person",
            "person",
            value=arguments["person"],
            hint="Also one who left",
            most_characters=ID_CHARACTERS,
        ),
        Field(
            "category",
            "Reason",
            "choice",
            value=arguments.get("category", ""),
            hint=_HINT,
            choices=tuple((one, one.capitalize()) for one in CATEGORIES),
        ),
        Field(
            "note",
            "Note",
            "long_text",
            required=False,
            hint="For the access log alone; the person does not see it",
            most_characters=NOTE_CHARACTERS,
        ),
        Field(
            "words",
            "Words",
            required=False,
            value=given["words"] or "",
            hint="Empty lists the conversations",
            most_characters=QUERY_CHARACTERS,
        ),
        Field("from", "From", "date", required=False, value=given["from"] or "", hint="Days are in UTC"),
        Field("to", "To", "date", required=False, value=given["to"] or ""),
        Field("channel", "Channel", required=False, value=given["channel"] or "", most_characters=ID_CHARACTERS),
    )
    title = "Open a person's conversations. She will see your name and the reason."
    await context.show(Form(title, "supervise list", fields, submit="Open"))


async def _list(context: Context, arguments: Mapping[str, Any]) -> None:
    if not await admitted(context, arguments, "search" if arguments.get("words") else "list"):
        return
    if "category" not in arguments:
        await _show_form(context, arguments)
    elif arguments.get("words"):
        await _search(context, arguments)
    else:
        await _show_list(context, arguments)


async def _show_list(context: Context, arguments: Mapping[str, Any]) -> None:
    view, wanted = _view(context, arguments), chosen(arguments)
    found = await view.list_threads(
        wanted.filter, page=wanted.page - 1, per_page=ROWS, order_by=("last_message_at", "DESC")
    )
    await let_her_know(context, arguments["person"])
    if not found.items:
        await show_nothing(context)
        return
    name = await name_of(context, arguments["person"])
    lines = [f"{number}. {thread_row(one)}" for number, one in enumerate(found.items, start=1)]
    head = f"**Conversations of {inline(name)}** ({found.total:,}){_place(found)}"
    export = context.button("Export", "supervise export", **_again(arguments))
    await context.answer(
        Reply(
            "\n".join([head, "", *lines, "", shown_reason(name, arguments["category"])]),
            (
                *_openers(context, arguments, [one.id for one in found.items]),
                *_turning(context, arguments, found),
                export,
            ),
        )
    )


async def _search(context: Context, arguments: Mapping[str, Any]) -> None:
    view, wanted = _view(context, arguments), chosen(arguments)
    found = await view.search_messages(
        arguments["words"],
        page=wanted.page - 1,
        per_page=ROWS,
        start=wanted.start,
        end=wanted.end,
        channel_id=wanted.channel,
    )
    person = arguments["person"]
    await let_her_know(context, person)
    if not found.items:
        await show_nothing(context)
        return
    name = await name_of(context, person)
    bot = context.bench.settings.bot_name
    lines = [f"{number}. {hit_row(one, {person: name}, bot)}" for number, one in enumerate(found.items, start=1)]
    sought = inline(arguments["words"])
    head = f"**Conversations of {inline(name)}**, found for “{sought}” ({found.total:,}){_place(found)}"
    every = context.button("All conversations", "supervise list", **_again(arguments) | {"words": None})
    await context.answer(
        Reply(
            "\n".join([head, "", *lines, "", shown_reason(name, arguments["category"])]),
            (
                *_openers(context, arguments, [one.thread_id for one in found.items]),
                *_turning(context, arguments, found),
                every,
            ),
        )
    )


async def _open(context: Context, arguments: Mapping[str, Any]) -> None:
    if not await admitted(context, arguments, "open"):
        return
    actor, person = actor_for(context, arguments), arguments["person"]
    page = arguments.get("page", 1)
    seen = await context.services.recorder.read(
        context.bench.store,
        scope_for(context, actor),
        [act_of(context, actor, "open", arguments["thread"])],
        read_transcript,
        arguments["thread"],
        Slice(page - 1, MESSAGES),
    )
    await let_her_know(context, person)
    if seen is None:
        await show_nothing(context)
        return
    name = await name_of(context, person)
    thread, bot = seen.thread, context.bench.settings.bot_name
    parts = [f"{thread_row(thread)}, begun {moment(thread.created_at)}"]
    parts += [message_text(one, {person: name}, bot) for one in seen.found.messages] or [
        "There is nothing on this page."
    ]
    parts.append(shown_reason(name, arguments["category"]))
    given = {"person": person, "category": arguments["category"], "thread": thread.id}
    more = seen.found.total > page * MESSAGES
    buttons = [
        *([context.button("Earlier", "supervise open", **given, page=page + 1)] if more else []),
        *([context.button("Later", "supervise open", **given, page=page - 1)] if page > 1 else []),
        context.button("Export", "supervise export", **given),
        context.button("All conversations", "supervise list", person=person, category=arguments["category"]),
    ]
    await context.answer(Reply("\n\n".join(parts), tuple(buttons)))


def _view(context: Context, arguments: Mapping[str, Any]) -> MemoryView:
    return MemoryView(door_for(context, actor_for(context, arguments)))


def _again(arguments: Mapping[str, Any]) -> dict[str, str | None]:
    """What each button carries: whose, why, and which. The note stands with the first act alone."""
    return {"person": arguments["person"], "category": arguments["category"], **kept_filters(arguments)}


def _openers(context: Context, arguments: Mapping[str, Any], thread_ids: Sequence[str]) -> tuple[Button, ...]:
    given = {"person": arguments["person"], "category": arguments["category"]}
    numbered = enumerate(thread_ids, start=1)
    return tuple(context.button(str(number), "supervise open", **given, thread=one) for number, one in numbered)


def _turning(context: Context, arguments: Mapping[str, Any], found: Page[Any]) -> tuple[Button, ...]:
    """Buttons to the pages beside this one; pages are counted from 1 for people."""
    here, given = found.page + 1, _again(arguments)
    newer = context.button("Back", "supervise list", **given, page=here - 1) if found.page else None
    older = context.button("More", "supervise list", **given, page=here + 1) if found.has_more else None
    change = context.button("Change…", "supervise form", **given)
    return tuple(button for button in (newer, older, change) if button is not None)


def _place(found: Page[Any]) -> str:
    pages = -(-found.total // ROWS)
    return f", page {found.page + 1} of {pages:,}" if pages > 1 else ""


_REQUIRED = Option("category", CATEGORY.description, "choice", required=True, choices=CATEGORY.choices)
FORM = Command(
    "supervise form", "Choose whose conversations to open, and why", _form, (PERSON, CATEGORY, *FILTERS), typed=False
)
LIST = Command(
    "supervise list",
    "List or search a person's conversations",
    _list,
    (PERSON, CATEGORY, NOTE, *FILTERS, PAGE),
    typed=False,
)
OPEN = Command("supervise open", "Read a person's conversation", _open, (PERSON, _REQUIRED, THREAD, PAGE), typed=False)
REQUIRED_CATEGORY = _REQUIRED
