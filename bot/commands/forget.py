"""`forget`: a message, a conversation, everything. What cannot be undone is asked about before it is done."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from bot.chat import Button, Field, Form, Reply
from bot.commands.context import Context
from bot.commands.declaration import Command, Option
from bot.commands.direct import direct_place_of
from bot.commonmark import inline
from bot.limits import ID_CHARACTERS
from bot.supervision.erasure_rows import Extent, Wanted, begin_erasure
from bot.supervision.own_rows import conversation_here, last_said

#: What has to be typed before everything goes.
WORD = "FORGET"
_ROWS = 5
_QUOTED = 80
_GONE = "There is nothing of that kind to forget, or it is not yours."
_NOTHING_HERE = "Nothing of yours is kept in this place."
_ERASED = "It is erased."
_BEGUN = (
    "It is being erased now. You cannot reach it any more; until the certificate comes, others who could read it may"
    " still see it."
)
_ON_PLATFORM = "What stands on the chat platform itself stays there until you delete it there."
_CHOICES = (
    ("last", "What I said last here, with the answer"),
    ("here", "This conversation"),
    ("conversation", "Another conversation"),
    ("everything", "Everything"),
)


async def _forget(context: Context, arguments: Mapping[str, Any]) -> None:
    what = arguments.get("what")
    if what == "last":
        await _offer_last(context)
    elif what == "here":
        await _offer_here(context)
    elif what == "conversation":
        await _offer_conversations(context, arguments.get("page", 1) - 1)
    elif what == "everything":
        await context.answer(
            Reply(
                "Everything that is kept about you goes: conversations, facts, settings, roles. In conversations that"
                f" you share with others, your words and the answers to you go. {_ON_PLATFORM}",
                (Button("Forget everything…", "forget everything", {}, "danger", person=context.person.resource_id),),
            )
        )
    else:
        buttons = tuple(context.button(label, "forget", what=value) for value, label in _CHOICES)
        await context.answer(Reply(f"What shall I forget? You get a certificate of it. {_ON_PLATFORM}", buttons))


async def _offer_last(context: Context) -> None:
    thread_id = await _here(context)
    said = None
    if thread_id is not None:
        read = context.bench.store.read
        said = await read(last_said, context.scope, thread_id, context.person.resource_id)
    if said is None:
        await context.answer(Reply(_NOTHING_HERE))
        return
    message_id, text = said
    line = " ".join(text.split())
    quoted = line if len(line) <= _QUOTED else f"{line[:_QUOTED]}…"
    button = context.danger(
        "Forget it",
        "forget message",
        "Forget this message and the answer to it? That cannot be undone.",
        message=message_id,
    )
    await context.answer(Reply(f"What you said last here: “{inline(quoted)}”", (button,)))


async def _offer_here(context: Context) -> None:
    thread_id = await _here(context)
    if thread_id is None:
        await context.answer(Reply(_NOTHING_HERE))
        return
    await context.answer(
        Reply(
            "Your words in this conversation go, and the answers to you. What others said stays."
            if context.place.kind != "direct"
            else "This conversation goes, with all its messages.",
            (_conversation_button(context, "Forget this conversation", thread_id),),
        )
    )


async def _offer_conversations(context: Context, page: int) -> None:
    view = context.view()
    found = await view.list_threads(page=page, per_page=_ROWS, order_by=("last_message_at", "DESC"))
    if not found.items:
        await context.answer(Reply("There are no conversations on this page."))
        return
    titles = [inline(one.title or one.place_name or "(no title)") for one in found.items]
    numbered = enumerate(zip(titles, found.items, strict=True), start=1)
    lines = [f"{number}. **{title}** · messages: {one.message_count:,}" for number, (title, one) in numbered]
    openers = [_conversation_button(context, str(number), one.id) for number, one in enumerate(found.items, start=1)]
    turning = [
        *([context.button("Back", "forget", what="conversation", page=found.page)] if found.page else []),
        *([context.button("More", "forget", what="conversation", page=found.page + 2)] if found.has_more else []),
    ]
    head = "Which conversation shall I forget? Of one that you share with others, your words go and the answers to you."
    await context.answer(Reply("\n".join([head, "", *lines]), (*openers, *turning)))


def _conversation_button(context: Context, label: str, thread_id: str) -> Button:
    confirm = "Forget this conversation? That cannot be undone."
    return context.danger(label, "forget conversation", confirm, thread=thread_id)


async def _message(context: Context, arguments: Mapping[str, Any]) -> None:
    await _order(context, "message", arguments["message"])


async def _conversation(context: Context, arguments: Mapping[str, Any]) -> None:
    await _order(context, "conversation", arguments["thread"])


async def _everything(context: Context, arguments: Mapping[str, Any]) -> None:
    word = arguments.get("word")
    if word is None:
        asked = Field(
            "word", f"Type {WORD}", hint="All that is kept about you goes. That cannot be undone.", most_characters=20
        )
        await context.show(Form("Forget everything", "forget everything", (asked,), submit="Forget everything"))
    elif word.strip().upper() != WORD:
        await context.answer(Reply(f"Nothing was forgotten: the word is {WORD}."))
    else:
        await _order(context, "everything")


async def _order(context: Context, extent: Extent, what: str = "") -> None:
    """Begin an erasure, and say so."""
    bench = context.bench
    wanted = Wanted(str(uuid4()), context.person.resource_id, extent, what)
    place = await direct_place_of(context, context.person.resource_id)
    begun = await bench.store.write(begin_erasure, context.scope, wanted, place, bench.now())
    if begun is None:
        await context.answer(Reply(_GONE))
        return
    context.wake(*begun.words)
    where = "comes to our direct conversation" if place is not None else "cannot be sent to you here; note its number"
    await context.answer(
        Reply(f"{_BEGUN if extent != 'message' else _ERASED} The certificate, number {wanted.id}, {where}.")
    )


async def _here(context: Context) -> str | None:
    person = context.person.resource_id
    return await context.bench.store.read(conversation_here, context.scope, context.place.place_id, person)


FORGET = Command(
    "forget",
    "Erase a message, a conversation or everything, with a certificate",
    _forget,
    (
        Option("what", "What to forget", "choice", choices=_CHOICES),
        Option("page", "Which page of the conversations", "number"),
    ),
)
FORGET_MESSAGE = Command(
    "forget message",
    "Erase a message and the answer to it",
    _message,
    (Option("message", "Which message", required=True, most_characters=ID_CHARACTERS),),
    typed=False,
)
FORGET_CONVERSATION = Command(
    "forget conversation",
    "Erase a conversation",
    _conversation,
    (Option("thread", "Which conversation", required=True, most_characters=ID_CHARACTERS),),
    typed=False,
)
FORGET_EVERYTHING = Command(
    "forget everything",
    "Erase everything that is kept about me",
    _everything,
    (Option("word", f"The word {WORD}", most_characters=20),),
    typed=False,
)
