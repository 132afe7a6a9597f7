"""The half of the memory's face that is about messages."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, get_args
from uuid import uuid4

from bot.access.actor import Actor, checked_id
from bot.access.door import Door
from bot.errors import InvalidArgument, NotAvailable
from bot.limits import IDS_AT_ONCE, INCLUDED_MESSAGES, INCLUDED_NEIGHBOURS, QUERY_CHARACTERS
from bot.memory.apart import apart
from bot.memory.drafts import (
    checked_count,
    checked_filter,
    checked_ids,
    checked_metadata,
    checked_text,
    checked_time,
    draft_all,
)
from bot.memory.fact_rows import Fact, forget_fact, list_facts
from bot.memory.message_pages import Found, MessageFilter, MessageList
from bot.memory.message_rows import Change, delete_messages, save_messages, update_messages
from bot.memory.paging import Slice, checked_slice
from bot.memory.person_rows import list_person_messages, messages_by_ids, search_messages
from bot.memory.recall_rows import Recall, recall
from bot.memory.terms import indexed_terms, query_terms
from bot.memory.thread_view import checked_order
from bot.memory.values import Direction, Include, MemoryOptions, Message, MessageChange, NewMessage, Page, Role


class MessageMethods:
    """Messages: save, change, delete, recall, list, search; and the facts that rest on them."""

    _door: Door

    @property
    def actor(self) -> Actor:
        """Who sees and changes."""
        return self._door.actor

    async def save_messages(self, messages: Sequence[NewMessage | Message]) -> list[Message]:
        """Save all or none; an id that its thread already holds is an edit of that message.

        Raises:
            InvalidArgument: one of them cannot be stored; it names the field.
            NotFound: a thread does not exist for the actor.
            NotAllowed: a message is somebody else's.
            Conflict: an id stands in another thread, or is another person's.
        """
        drafts = await apart(_size(messages), lambda: draft_all(messages, _new_ids()))
        if not drafts:
            return []
        return await self._door.write(save_messages, drafts, self._door.now())

    async def update_messages(self, changes: Sequence[MessageChange]) -> list[Message]:
        """Change messages of the actor's own; return those that there were to change.

        Raises:
            InvalidArgument: a change cannot be stored, or a message is changed twice.
        """
        checked = await apart(_size(changes), lambda: _checked_changes(changes))
        if not checked:
            return []
        changed = await self._door.write(update_messages, checked, self._door.now())
        found = {one.id: one for one in await self._door.read("open", None, messages_by_ids, changed)}
        return [found[one.id] for one in checked if one.id in found]

    async def delete_messages(self, ids: Sequence[str | Mapping[str, Any] | Message]) -> None:
        """Delete messages of the actor's own, by ids or by values that have an id. Unknown ids are no error.

        Raises:
            InvalidArgument: `ids` is no list, or an id is blank.
        """
        if isinstance(ids, str) or not isinstance(ids, Sequence):
            raise InvalidArgument("ids", "ids must be a list of message ids")
        wanted = checked_ids("ids", [_id_of(one) for one in ids])
        if wanted:
            await self._door.write(delete_messages, wanted)

    async def recall(
        self,
        thread_id: str | Sequence[str],
        resource_id: str | None = None,
        page: int = 0,
        per_page: int | None = 10,
        order_by: tuple[str, Direction] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        metadata: Mapping[str, Any] | None = None,
        include: Sequence[Include] = (),
        search: str | None = None,
        *,
        start_exclusive: bool = False,
        end_exclusive: bool = False,
        roles: Sequence[Role] = (),
        options: MemoryOptions | None = None,
        cursor: str | None = None,
    ) -> Page[Message]:
        """Recall a page of a thread, or of several threads merged by time; always in chronological order.

        Args:
            thread_id: one or several.
            resource_id: the person for whom this is; a thread in which she takes no part does not exist then.
            page: from 0; without `order_by` page 0 is the newest.
            per_page: the page's size; None means all.
            order_by: `("created_at", "ASC")` counts pages from the oldest message.
            start: only messages from then on; `start_exclusive` leaves out that moment.
            end: only messages until then; `end_exclusive` likewise.
            metadata: scalars that must all match; None matches an explicit null only.
            include: messages to add with their neighbours, whatever the page.
            search: words: the page is then of the best hits.
            start_exclusive: see `start`.
            end_exclusive: see `end`.
            roles: only messages of these parts: `user`, `assistant`, `system`, `tool`.
            options: a window instead of a page's size: its `last_messages`; None or 0 loads nothing.
            cursor: a page's `next_cursor`, instead of `page`.

        Raises:
            NotFound: `resource_id` is named, or several threads are, and one does not exist for the actor.
            InvalidArgument: names what is wrong.
        """
        size = per_page if options is None else checked_count("last_messages", options.last_messages or 0)
        part = checked_slice(page, size, cursor)
        if search is not None and cursor is not None:
            raise InvalidArgument("cursor", "cursor goes with lists: the hits of a search are counted by page")
        wanted = Recall(
            thread_ids=_checked_threads(thread_id),
            resource_id=None if resource_id is None else checked_id("resource_id", resource_id),
            part=part,
            direction="DESC" if order_by is None else checked_order(order_by, ("created_at",))[1],
            filter=_filter(
                start, end, metadata, start_exclusive=start_exclusive, end_exclusive=end_exclusive, roles=roles
            ),
            includes=_checked_includes(include),
            terms=() if search is None else _checked_query(search),
        )
        found = await self._door.open(wanted.resource_id, wanted.thread_ids, recall, wanted)
        return _page(found, part)

    async def list_messages_by_resource_id(
        self,
        resource_id: str,
        page: int = 0,
        per_page: int | None = 40,
        order_by: tuple[str, Direction] = ("created_at", "ASC"),
        start: datetime | None = None,
        end: datetime | None = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        start_exclusive: bool = False,
        end_exclusive: bool = False,
        cursor: str | None = None,
    ) -> Page[Message]:
        """List what a person said and was answered, over all her conversations, oldest first; see `recall`."""
        part = checked_slice(page, per_page, cursor)
        wanted = MessageList(
            resource_id=checked_id("resource_id", resource_id),
            direction=checked_order(order_by, ("created_at",))[1],
            filter=_filter(start, end, metadata, start_exclusive=start_exclusive, end_exclusive=end_exclusive),
        )
        return _page(await self._door.read("list", resource_id, list_person_messages, wanted, part), part)

    async def search_messages(
        self,
        query: str,
        resource_id: str | None = None,
        page: int = 0,
        per_page: int | None = 20,
        start: datetime | None = None,
        end: datetime | None = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        start_exclusive: bool = False,
        end_exclusive: bool = False,
        roles: Sequence[Role] = (),
        channel_id: str | None = None,
    ) -> Page[Message]:
        """Search what the actor may read, the best hit first.

        Args:
            query: words; a message counts that holds any of them.
            resource_id: only this person's words and the answers to them.
            page: from 0.
            per_page: None means all.
            start: only messages from then on; `start_exclusive` leaves out that moment.
            end: only messages until then; `end_exclusive` likewise.
            metadata: scalars that must all match.
            start_exclusive: see `start`.
            end_exclusive: see `end`.
            roles: only messages of these parts.
            channel_id: only messages of conversations in this channel.

        Raises:
            InvalidArgument: the query is blank or too long.
        """
        part = checked_slice(page, per_page)
        chosen = _filter(
            start, end, metadata, start_exclusive=start_exclusive, end_exclusive=end_exclusive, roles=roles
        )
        channel = None if channel_id is None else checked_id("channel_id", channel_id)
        wanted = MessageList(
            resource_id=None if resource_id is None else checked_id("resource_id", resource_id),
            filter=replace(chosen, channel_id=channel),
        )
        terms = _checked_query(query)
        return _page(await self._door.read("search", resource_id, search_messages, terms, wanted, part), part)

    async def list_facts(self, resource_id: str) -> list[Fact]:
        """What is known about a person beyond her words, each with its sources; for herself alone."""
        return await self._door.read("facts", resource_id, list_facts, checked_id("resource_id", resource_id))

    async def forget_fact(self, fact_id: str) -> None:
        """Delete a fact about the actor. A missing one is no error."""
        await self._door.write(forget_fact, checked_id("fact_id", fact_id))

    async def get_working_memory(self, *, resource_id: str | None = None, thread_id: str | None = None) -> str | None:
        """The form of a person's facts.

        Raises:
            NotAvailable: always: it comes with recall over other conversations.
        """
        raise NotAvailable("Working memory comes with a later version; list_facts shows what is known.")

    async def update_working_memory(
        self, content: object, *, resource_id: str | None = None, thread_id: str | None = None
    ) -> None:
        """Change the form of a person's facts.

        Raises:
            NotAvailable: always: it comes with recall over other conversations.
        """
        raise NotAvailable("Working memory comes with a later version.")


def _new_ids() -> Iterator[str]:
    while True:
        yield str(uuid4())


def _page(found: Found, part: Slice) -> Page[Message]:
    by_cursor = part.cursor is not None
    size = 0 if part.size is None else part.size
    more = found.next_cursor is not None if by_cursor else part.has_more(size, found.total)
    return Page(found.messages, found.total, part.page, part.size, more, found.next_cursor if more else None)


def _size(changes: object) -> int:
    """How many characters of text there are to take apart, of whatever a caller gave."""
    texts = [getattr(one, "text", None) for one in changes] if isinstance(changes, Sequence) else []
    return sum(len(text) for text in texts if isinstance(text, str))


def _checked_changes(changes: Sequence[MessageChange]) -> list[Change]:
    if isinstance(changes, str) or not isinstance(changes, Sequence):
        raise InvalidArgument("changes", "changes must be a list")
    if len(changes) > IDS_AT_ONCE:
        raise InvalidArgument("changes", f"changes must be at most {IDS_AT_ONCE:,} at once")
    checked = [_checked_change(one) for one in changes]
    if len({one.id for one in checked}) != len(checked):
        raise InvalidArgument("id", "id must not come twice in one update")
    return checked


def _checked_change(change: MessageChange) -> Change:
    if not isinstance(change, MessageChange):
        raise InvalidArgument("changes", "changes must be MessageChange values")
    text = None if change.text is None else checked_text(change.text)
    return Change(
        id=checked_id("id", change.id),
        text=text,
        terms=() if text is None else tuple(indexed_terms(text)),
        metadata=None if change.metadata is None else checked_metadata(change.metadata),
    )


def _id_of(one: object) -> object:
    return one.get("id") if isinstance(one, Mapping) else one.id if isinstance(one, Message) else one


def _checked_threads(thread_id: str | Sequence[str]) -> tuple[str, ...]:
    message = "thread_id must be a non-empty string or a list of non-empty strings"
    ids = (thread_id,) if isinstance(thread_id, str) else thread_id
    if not isinstance(ids, Sequence) or not ids or not all(isinstance(one, str) and one.strip() for one in ids):
        raise InvalidArgument("thread_id", message)
    return checked_ids("thread_id", ids)


def _checked_includes(include: Sequence[Include]) -> tuple[Include, ...]:
    if not isinstance(include, Sequence) or not all(isinstance(one, Include) for one in include):
        raise InvalidArgument("include", "include must be a list of Include values")
    if len(include) > INCLUDED_MESSAGES:
        raise InvalidArgument("include", f"include must be at most {INCLUDED_MESSAGES:,} messages")
    for one in include:
        checked_id("include", one.id)
        checked_count("include", one.previous, INCLUDED_NEIGHBOURS)
        checked_count("include", one.next, INCLUDED_NEIGHBOURS)
    return tuple(include)


def _checked_query(query: str) -> tuple[str, ...]:
    if not isinstance(query, str) or not query.strip():
        raise InvalidArgument("query", "query must hold at least one word")
    if len(query) > QUERY_CHARACTERS:
        raise InvalidArgument("query", f"query must have at most {QUERY_CHARACTERS:,} characters")
    # Only signs: a term that no text holds, so that the search finds nothing instead of everything.
    return tuple(query_terms(query)) or ("=",)


def _filter(
    start: datetime | None,
    end: datetime | None,
    metadata: Mapping[str, Any] | None,
    *,
    start_exclusive: bool,
    end_exclusive: bool,
    roles: Sequence[Role] = (),
) -> MessageFilter:
    return MessageFilter(
        None if start is None else checked_time("start", start),
        None if end is None else checked_time("end", end),
        start_exclusive,
        end_exclusive,
        checked_filter(metadata),
        _checked_roles(roles),
    )


def _checked_roles(roles: Sequence[Role]) -> tuple[Role, ...]:
    if not isinstance(roles, Sequence) or isinstance(roles, str) or not all(one in get_args(Role) for one in roles):
        raise InvalidArgument("roles", f"roles must be some of {', '.join(get_args(Role))}")
    return tuple(sorted(set(roles)))
