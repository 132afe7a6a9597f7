"""All threads and messages of a view, page by page: for exports."""

from collections.abc import AsyncIterator

from bot.memory.values import Message, Thread
from bot.memory.view import MemoryView

_PAGE = 500


async def all_threads(view: MemoryView) -> AsyncIterator[Thread]:
    """All threads that a view lists, the oldest first."""
    cursor = None
    while True:
        page = await view.list_threads(per_page=_PAGE, order_by=("created_at", "ASC"), cursor=cursor)
        for thread in page.items:
            yield thread
        cursor = page.next_cursor
        if cursor is None:
            return


async def all_messages(view: MemoryView, thread_id: str) -> AsyncIterator[Message]:
    """All messages of a thread, the oldest first."""
    cursor = None
    while True:
        page = await view.recall(thread_id, per_page=_PAGE, order_by=("created_at", "ASC"), cursor=cursor)
        for message in page.items:
            yield message
        cursor = page.next_cursor
        if cursor is None:
            return
