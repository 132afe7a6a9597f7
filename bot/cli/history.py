"""`threadkeeper history`: one's own conversations, or somebody else's on the record."""

import asyncio
from dataclasses import dataclass
from typing import Any

from bot.access.actor import OPERATOR_ID, Actor, checked_id
from bot.cli.start import checked_reason, opened_memory
from bot.errors import InvalidArgument
from bot.exporting import json_text, message_value, thread_value
from bot.memory.values import Message, Page, Thread
from bot.memory.view import MemoryView
from bot.memory.workspace_rows import LIBRARY_WORKSPACE
from bot.settings import read_settings
from bot.storage.store import Purpose
from bot.terminal.listing import Names, show_messages, table_of_hits, table_of_threads
from bot.terminal.screen import Screen

_ROWS = 20
_MESSAGES = 50


@dataclass(frozen=True, slots=True)
class Look:
    """Who looks at what. `person` and `reason` are for somebody else's conversations; `page` counts from 0.

    Outside of the command line's own workspace they are always somebody else's: whoever reads there is the operator.
    """

    name: str
    person: str
    reason: str
    search: str
    opened: str
    page: int
    workspace: str

    def __post_init__(self) -> None:
        checked_id("--as", self.name)
        if not self.person:
            checked_reason(self.name, self.workspace, self.reason)
        elif not self.reason.strip():
            raise InvalidArgument("--reason", f"To read the conversations of {self.person}, say why with --reason.")
        if self.search and self.opened:
            raise InvalidArgument("--open", "--search and --open do not go together.")

    @property
    def actor(self) -> Actor:
        """The person herself, or a supervisor of one person."""
        if self.on_record:
            by = self.name if self.person else OPERATOR_ID
            return Actor.operator(by, person=self.whose, reason=self.reason)
        return Actor.person(self.name)

    @property
    def on_record(self) -> bool:
        """Whether this is another person's conversations."""
        return bool(self.person) or self.workspace != LIBRARY_WORKSPACE

    @property
    def purpose(self) -> Purpose:
        """Another person's words are shown only after that was recorded, which is a write."""
        return "writer" if self.on_record else "reader"

    @property
    def whose(self) -> str:
        """Whose conversations are looked at."""
        return self.person or self.name


@dataclass(frozen=True, slots=True)
class _Found:
    """A page of conversations, or a page of messages and how their speakers are called."""

    threads: Page[Thread] | None = None
    messages: Page[Message] | None = None
    names: Names | None = None

    @property
    def page(self) -> Page[Any]:
        page = self.threads or self.messages
        if page is None:
            raise TypeError("a page of something is found")
        return page


def history(look: Look, *, as_json: bool) -> None:
    """Show a page.

    Raises:
        NotFound: there is no such conversation to see.
    """
    settings = read_settings()
    screen = Screen()

    async def work() -> _Found:
        async with opened_memory(settings, screen, purpose=look.purpose, workspace=look.workspace) as memory:
            return await _read(memory.as_actor(look.actor), look, settings.bot_name)

    found = asyncio.run(work())
    if as_json:
        screen.say(json_text(_document(look, found)))
    else:
        _show(screen, look, found)


async def _read(view: MemoryView, look: Look, bot_name: str) -> _Found:
    if look.search:
        hits = await view.search_messages(look.search, look.whose if look.on_record else None, look.page, _ROWS)
        return _Found(messages=hits, names={"": bot_name})
    if look.opened:
        said = await view.recall(look.opened, look.whose, look.page, _MESSAGES)
        # A supervisor sees ids: the names of third parties are not hers to read.
        context = None if look.on_record else await view.read_context(look.opened, 0)
        return _Found(messages=said, names={**((context and context.names) or {}), "": bot_name})
    chosen = {"resource_id": look.whose}
    return _Found(threads=await view.list_threads(chosen, look.page, _ROWS, ("last_message_at", "DESC")))


def _document(look: Look, found: _Found) -> dict[str, Any]:
    about = {
        "person": look.whose,
        "page": found.page.page + 1,
        "pages": _pages(found.page),
        "total": found.page.total,
    }
    if found.threads is not None:
        return {**about, "conversations": [thread_value(one) for one in found.threads.items]}
    return {**about, "messages": [message_value(one) for one in found.page.items]}


def _show(screen: Screen, look: Look, found: _Found) -> None:
    page, names = found.page, found.names or {}
    if not page.items:
        screen.say("There is nothing on this page." if page.total else "Nothing was found.")
        return
    if found.threads is not None:
        screen.show(table_of_threads(found.threads.items))
    elif look.search:
        screen.show(table_of_hits(page.items, names))
    else:
        show_messages(screen, page.items, names)
    if _pages(page) > 1:
        newest = "; page 1 is the newest" if look.opened else ""
        screen.say(f"Page {page.page + 1} of {_pages(page)}{newest}.", style="dim")


def _pages(page: Page[Any]) -> int:
    return -(-page.total // (page.per_page or 1))
