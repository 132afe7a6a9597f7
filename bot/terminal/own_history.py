"""A person's own conversations, looked through from inside a conversation: list, search, open, more."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from bot.memory.values import Page, Thread
from bot.memory.view import MemoryView
from bot.terminal.listing import show_messages, table_of_hits, table_of_threads
from bot.terminal.screen import Screen

_ROWS = 10
_MESSAGES = 20


class OwnHistory:
    """What `/history`, `/open` and `/more` show. The numbers of the last list lead to its conversations."""

    def __init__(self, view: MemoryView, screen: Screen, bot_name: str) -> None:
        self._view = view
        self._screen = screen
        self._bot_name = bot_name
        #: The conversations of the last list, by number.
        self._listed: dict[int, str] = {}
        self._more: Callable[[], Awaitable[None]] | None = None

    async def newest(self) -> Thread | None:
        """The conversation in which something was said last."""
        page = await self._view.list_threads(per_page=1, order_by=("last_message_at", "DESC"))
        return page.items[0] if page.items else None

    async def list(self, page: int) -> None:
        """Show a page of conversations, counted from 0, those with the newest messages first."""
        self._listed.clear()
        await self._list(page)

    async def search(self, words: str) -> None:
        """Show what is found, the best first."""
        self._listed.clear()
        await self._search(words, 0)

    async def _list(self, page: int) -> None:
        found = await self._view.list_threads(page=page, per_page=_ROWS, order_by=("last_message_at", "DESC"))
        if not found.items:
            self._screen.say("There are no conversations on this page." if found.total else "There are none yet.")
            return
        numbers = self._number(found, [thread.id for thread in found.items])
        self._screen.show(table_of_threads(found.items, numbers))
        self._foot(found, lambda: self._list(page + 1))

    async def _search(self, words: str, page: int) -> None:
        found = await self._view.search_messages(words, page=page, per_page=_ROWS)
        if not found.items:
            self._screen.say("Nothing was found.")
            return
        numbers = self._number(found, [hit.thread_id for hit in found.items])
        self._screen.show(table_of_hits(found.items, {"": self._bot_name}, numbers))
        self._foot(found, lambda: self._search(words, page + 1))

    def _number(self, found: Page[Any], thread_ids: Sequence[str]) -> Sequence[int]:
        first = found.page * _ROWS + 1
        self._listed.update(enumerate(thread_ids, start=first))
        return range(first, first + len(thread_ids))

    async def open(self, number: int) -> Thread | None:
        """Show the end of a listed conversation; None where the number leads nowhere."""
        thread_id = self._listed.get(number)
        thread = None if thread_id is None else await self._view.get_thread_by_id(thread_id)
        if thread is None:
            self._screen.say("There is no conversation of that number; /history lists them.")
            return None
        context = await self._view.read_context(thread.id, 0)
        await self._messages(thread.id, {**(context.names or {}), "": self._bot_name}, None)
        return thread

    async def more(self) -> None:
        """Go on with what was shown last."""
        if self._more is None:
            self._screen.say("There is nothing more.")
        else:
            await self._more()

    async def _messages(self, thread_id: str, names: dict[str, str], cursor: str | None) -> None:
        found = await self._view.recall(thread_id, per_page=_MESSAGES, cursor=cursor)
        show_messages(self._screen, found.items, names)
        self._more = None
        if found.next_cursor is not None:
            self._screen.say("There are earlier messages; /more shows them.", style="dim")
            self._more = lambda: self._messages(thread_id, names, found.next_cursor)

    def _foot(self, found: Page[Any], more: Callable[[], Awaitable[None]]) -> None:
        self._more = more if found.has_more else None
        pages = -(-found.total // _ROWS)
        place = f"Page {found.page + 1} of {pages}. " if pages > 1 else ""
        onward = "; /more shows the next page" if found.has_more else ""
        self._screen.say(f"{place}/open and a number opens a conversation{onward}.", style="dim")
