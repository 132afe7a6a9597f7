"""`history`: my conversations, listed and searched; with a person's name, hers, for supervisors."""

from collections.abc import Mapping, Sequence
from typing import Any

from bot.chat import Button, Field, Form, Reply
from bot.commands.choosing import FILTERS, PAGE, Chosen, chosen, kept_filters
from bot.commands.context import Context
from bot.commands.declaration import Command, Option
from bot.commands.reading_along import ReadingAlong
from bot.commands.supervision.reading import begin
from bot.commonmark import inline
from bot.limits import ID_CHARACTERS, QUERY_CHARACTERS
from bot.memory.values import Message, Page, Thread

#: Rows of one page: as many as fit a row of buttons on every platform.
ROWS = 5
_QUOTED = 160
#: Most hits of one search, the best; a longer list is for other words.
_HITS = 100
_TIME = "%Y-%m-%d %H:%M UTC"


async def _history(context: Context, arguments: Mapping[str, Any]) -> None:
    if "person" in arguments:
        await begin(context, arguments)
        return
    wanted, again = chosen(arguments), kept_filters(arguments)
    found = _found(context, wanted.words, wanted, again) if wanted.words else listed(context, wanted, again)
    await context.answer(await found)


async def listed(context: Context, wanted: Chosen, again: Mapping[str, str | None]) -> Reply:
    """A page of the asker's conversations, those with the newest messages first."""
    view = context.view()
    order = ("last_message_at", "DESC")
    found = await view.list_threads(wanted.filter, page=wanted.page - 1, per_page=ROWS, order_by=order)  # type: ignore[arg-type]
    search = context.button("Search…", "history search")
    if not found.items:
        if wanted.filter:
            every = context.button("My conversations", "history")
            return Reply("You have no conversations like that.", (search, every))
        return Reply("There are no conversations on this page." if found.total else "You have no conversations yet.")
    along = ReadingAlong(context)
    lines = [f"{number}. {await _row(along, thread)}" for number, thread in enumerate(found.items, start=1)]
    openers = _openers(context, [thread.id for thread in found.items])
    head = f"**Your conversations** ({found.total:,}){_place(found)}"
    return Reply("\n".join([head, "", *lines]), (*openers, *_turning(context, found, again), search))


async def _found(context: Context, words: str, wanted: Chosen, again: Mapping[str, str | None]) -> Reply:
    view = context.view()
    # The best of all are looked at before there are pages: from numbers nobody is to learn of words that stay hidden.
    best = await view.search_messages(
        words,
        per_page=_HITS,
        start=wanted.start,
        end=wanted.end,
        channel_id=wanted.channel,
    )
    visible = await _visible(context, best.items)
    begin = (wanted.page - 1) * ROWS
    shown = tuple(visible[begin : begin + ROWS])
    found = Page(shown, len(visible), wanted.page - 1, ROWS, begin + ROWS < len(visible))
    if not found.items:
        return Reply(f"Nothing was found for “{inline(words)}”.", (context.button("My conversations", "history"),))
    lines = [f"{number}. {_hit(context, one)}" for number, one in enumerate(found.items, start=1)]
    openers = _openers(context, [one.thread_id for one in found.items])
    head = f"**Found for “{inline(words)}”** ({found.total:,}){_place(found)}"
    back = context.button("My conversations", "history")
    return Reply("\n".join([head, "", *lines]), (*openers, *_turning(context, found, again), back))


async def _row(along: ReadingAlong, thread: Thread) -> str:
    title = await along.title(thread)
    where = f", {inline(thread.place_name)}" if thread.place_name not in {"", title} else ""
    last = thread.last_message_at
    when = f" · {last.strftime(_TIME)}" if last is not None else ""
    return f"**{inline(title)}**{where}{when} · messages: {thread.message_count:,}"


def _hit(context: Context, one: Message) -> str:
    line = " ".join(one.text.split())
    quoted = line if len(line) <= _QUOTED else f"{line[:_QUOTED]}…"
    mine = one.resource_id == context.person.resource_id
    who = context.bench.settings.bot_name if one.role == "assistant" else "You" if mine else "Somebody else"
    return f"{one.created_at.strftime(_TIME)}, {inline(who)}: {inline(quoted)}"


async def _visible(context: Context, hits: Sequence[Message]) -> list[Message]:
    """Hits that are hers, or lie where she can read along now."""
    along, view = ReadingAlong(context), context.view()
    found = []
    for one in hits:
        thread = None if along.is_hers(one) else await view.get_thread_by_id(one.thread_id)
        if along.is_hers(one) or (thread is not None and await along.may(thread)):
            found.append(one)
    return found


def _openers(context: Context, thread_ids: Sequence[str]) -> tuple[Button, ...]:
    numbered = enumerate(thread_ids, start=1)
    return tuple(context.button(str(number), "history open", thread=thread_id) for number, thread_id in numbered)


def _turning(context: Context, found: Page[Any], again: Mapping[str, str | None]) -> tuple[Button, ...]:
    """Buttons to the pages beside this one; pages are counted from 1 for people."""
    here = found.page + 1
    newer = context.button("Back", "history", page=here - 1, **again) if found.page else None
    older = context.button("More", "history", page=here + 1, **again) if found.has_more else None
    return tuple(button for button in (newer, older) if button is not None)


def _place(found: Page[Any]) -> str:
    pages = -(-found.total // ROWS)
    return f", page {found.page + 1} of {pages:,}" if pages > 1 else ""


async def _search(context: Context, _arguments: Mapping[str, Any]) -> None:
    fields = (
        Field("words", "What to look for", most_characters=QUERY_CHARACTERS),
        Field("from", "From", "date", required=False, hint="Days are in UTC"),
        Field("to", "To", "date", required=False),
        Field("channel", "Channel", required=False, most_characters=ID_CHARACTERS),
    )
    await context.show(Form("Search your conversations", "history", fields, submit="Search"))


HISTORY = Command(
    "history",
    "My conversations: list, open, search; supervisors: another person's",
    _history,
    (
        Option("person", "Whose conversations, for supervisors", "person", most_characters=ID_CHARACTERS),
        *FILTERS,
        PAGE,
    ),
)
HISTORY_SEARCH = Command("history search", "Search my conversations", _search, typed=False)
