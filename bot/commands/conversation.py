"""What is done with one of my conversations: open, rename, resume. Reached by the buttons of `history`."""

from collections.abc import Mapping
from typing import Any

from bot.chat import Button, Field, Form, Reply
from bot.commands.context import Context
from bot.commands.declaration import Command, Option
from bot.commands.reading_along import ReadingAlong
from bot.commonmark import inline, quoted
from bot.errors import NotFound
from bot.limits import ID_CHARACTERS, TITLE_CHARACTERS
from bot.memory.values import Message, Thread
from bot.turns.place_rows import resume_thread

_MESSAGES = 6
_TIME = "%Y-%m-%d %H:%M UTC"
_GONE = NotFound("This conversation is gone, or it is not yours.")
_NOT_THERE = "You cannot read along there now, so you see your own words and my answers to you."
_THREAD = Option("thread", "Which conversation", required=True, most_characters=ID_CHARACTERS)
_CURSOR = Option("cursor", "Where its earlier messages go on")


async def _open(context: Context, arguments: Mapping[str, Any]) -> None:
    view = context.view()
    thread = await _thread(context, arguments)
    found = await view.recall(thread.id, per_page=_MESSAGES, cursor=arguments.get("cursor"))
    names = (await view.read_context(thread.id, 0)).names or {}
    along = ReadingAlong(context)
    said = await along.shown(thread, found.items)
    parts = [f"**{inline(await along.title(thread))}**"]
    if not await along.may(thread):
        parts.append(_NOT_THERE)
    parts += [_message(context, one, names) for one in said] or ["There are no messages in it."]
    earlier = context.button("Earlier", "history open", thread=thread.id, cursor=found.next_cursor)
    own = thread.resource_id == context.person.resource_id
    onward = context.button("Go on with it", "history resume", thread=thread.id)
    buttons = [
        *([earlier] if found.next_cursor is not None else []),
        *([onward] if _may_resume(context, thread) else []),
        *([context.button("Rename…", "history rename", thread=thread.id)] if own else []),
        _delete_button(context, thread),
        context.button("My conversations", "history"),
    ]
    await context.answer(Reply("\n\n".join(parts), tuple(buttons)))


def _message(context: Context, one: Message, names: Mapping[str, str]) -> str:
    bot = context.bench.settings.bot_name
    who = bot if one.role == "assistant" else names.get(one.resource_id, one.resource_id)
    how = {"cut": ", cut short", "failed": ", failed"}.get(one.outcome, "")
    edited = ", edited" if one.edited_at else ""
    head = f"{one.created_at.strftime(_TIME)}, **{inline(who)}**{how}{edited}"
    return f"{head}\n\n{quoted(one.text)}" if one.text else head


def _delete_button(context: Context, thread: Thread) -> Button:
    shared = len(thread.participants) > 1
    what = "What you said here and the answers to you" if shared else "This conversation"
    confirm = f"{what} will be erased, also from the files. That cannot be undone."
    return context.danger("Delete", "forget conversation", confirm, thread=thread.id)


def _may_resume(context: Context, thread: Thread) -> bool:
    """Only what is hers alone goes on where she is alone: others would read on in a thread that they share."""
    alone = thread.place_kind == "direct" and thread.participants == (context.person.resource_id,)
    return alone and context.place.kind == "direct"


async def _resume(context: Context, arguments: Mapping[str, Any]) -> None:
    thread = await _thread(context, arguments)
    if not _may_resume(context, thread):
        raise NotFound("This conversation goes on where it is held, not here.")
    await context.bench.store.write(resume_thread, context.scope, context.place, thread.id, context.now())
    title = inline(thread.title or "(no title)")
    await context.answer(Reply(f"You go on with “{title}” here. `new` begins another."))


async def _rename(context: Context, arguments: Mapping[str, Any]) -> None:
    thread = await _thread(context, arguments)
    title = arguments.get("title")
    if title is None:
        asked = Field("title", "Title", value=thread.title, most_characters=TITLE_CHARACTERS)
        await context.show(Form("Rename the conversation", "history rename", (asked,), {"thread": thread.id}, "Rename"))
        return
    renamed = await context.view().update_thread(thread.id, title=title)
    back = context.button("My conversations", "history")
    await context.answer(Reply(f"It is called “{inline(renamed.title)}” now.", (back,)))


async def _thread(context: Context, arguments: Mapping[str, Any]) -> Thread:
    """The conversation, as the asker sees it.

    Raises:
        NotFound: it is gone, or not hers; these look alike.
    """
    thread = await context.view().get_thread_by_id(arguments["thread"])
    if thread is None:
        raise _GONE
    return thread


OPEN = Command("history open", "Read a conversation", _open, (_THREAD, _CURSOR), typed=False)
RESUME = Command("history resume", "Go on with a conversation here", _resume, (_THREAD,), typed=False)
RENAME = Command(
    "history rename",
    "Rename a conversation",
    _rename,
    (_THREAD, Option("title", "Its new title", most_characters=TITLE_CHARACTERS)),
    typed=False,
)
