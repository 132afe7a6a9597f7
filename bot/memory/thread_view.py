"""The half of the memory's face that is about threads."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, get_args
from uuid import uuid4

from bot.access.actor import Actor, checked_id
from bot.access.door import Door
from bot.errors import InvalidArgument, NotAllowed
from bot.memory.boundary import Boundary
from bot.memory.clone_rows import CloneRequest, clone_thread
from bot.memory.drafts import (
    checked_count,
    checked_filter,
    checked_ids,
    checked_metadata,
    checked_time,
    checked_title,
)
from bot.memory.paging import checked_slice
from bot.memory.participant_rows import add_participant, transfer_thread
from bot.memory.thread_pages import ThreadList, ThreadOrder, list_threads
from bot.memory.thread_rows import (
    NewThread,
    create_thread,
    delete_thread,
    find_thread,
    move_boundary,
    read_boundary,
    suggest_title,
    update_thread,
)
from bot.memory.values import Direction, Page, PlaceKind, Thread


class ThreadMethods:
    """Threads: make, find, list, change, copy, hand over, delete."""

    def __init__(self, door: Door) -> None:
        self._door = door

    @property
    def actor(self) -> Actor:
        """Who sees and changes."""
        return self._door.actor

    async def create_thread(
        self,
        resource_id: str,
        thread_id: str | None = None,
        title: str = "",
        metadata: Mapping[str, Any] | None = None,
        *,
        place_kind: PlaceKind = "direct",
        place_name: str = "",
        channel_id: str = "",
    ) -> Thread:
        """Make a thread of `resource_id`; without `thread_id` it gets one.

        `channel_id` says in which channel it lies: supervisors' scopes and lists name it so.

        Raises:
            Conflict: the id is taken in this workspace; nothing is changed.
            NotAllowed: a person makes threads only of her own.
        """
        new = self._new_thread(resource_id, thread_id, title, metadata, place_kind, place_name)
        if channel_id:
            new = replace(new, channel_id=checked_id("channel_id", channel_id))
        return await self._door.write(create_thread, new)

    def _new_thread(
        self,
        resource_id: str,
        thread_id: str | None,
        title: str,
        metadata: Mapping[str, Any] | None,
        place_kind: PlaceKind,
        place_name: str,
    ) -> NewThread:
        owner = checked_id("resource_id", resource_id)
        if self.actor.kind == "person" and owner != self.actor.id:
            raise NotAllowed("You can begin only conversations of your own.")
        if place_kind not in get_args(PlaceKind):
            raise InvalidArgument("place_kind", f"place_kind must be one of {', '.join(get_args(PlaceKind))}")
        return NewThread(
            id=str(uuid4()) if thread_id is None else checked_id("thread_id", thread_id),
            resource_id=owner,
            title=checked_title(title),
            title_source="person" if title else "",
            metadata=checked_metadata({} if metadata is None else metadata),
            place_kind=place_kind,
            place_name=checked_title(place_name),
            at=self._door.now(),
            subject_id=str(uuid4()),
        )

    async def get_thread_by_id(self, thread_id: str, resource_id: str | None = None) -> Thread | None:
        """A thread, or None where there is none to see; with `resource_id` only one in which that person takes part."""
        person = None if resource_id is None else checked_id("resource_id", resource_id)
        wanted = checked_id("thread_id", thread_id)
        return await self._door.open(person, [wanted], find_thread, wanted, person)

    async def list_threads(
        self,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 (the name that the field uses)
        page: int = 0,
        per_page: int | None = 100,
        order_by: tuple[str, Direction] = ("created_at", "DESC"),
        *,
        cursor: str | None = None,
    ) -> Page[Thread]:
        """List threads: by default the actor's own, or all that it may see.

        Args:
            filter: `resource_id` for a person's threads, `channel_id` for a channel's, `start` and `end` for those
                whose newest message is within (both inclusive), `metadata` for scalars that must all match.
            page: from 0.
            per_page: None means all.
            order_by: `created_at`, `updated_at` or `last_message_at` (threads without messages last), ASC or DESC.
            cursor: a page's `next_cursor`, instead of `page`.

        Raises:
            InvalidArgument: names what is wrong.
        """
        if filter is not None and not isinstance(filter, Mapping):
            raise InvalidArgument("filter", "filter must be a mapping")
        wanted, person = self._thread_list(filter or {}, order_by)
        part = checked_slice(page, per_page, cursor)
        found = await self._door.read("list", person, list_threads, wanted, part)
        by_cursor = part.cursor is not None
        more = found.next_cursor is not None if by_cursor else part.has_more(len(found.threads), found.total)
        return Page(found.threads, found.total, page, per_page, more, found.next_cursor if more else None)

    def _thread_list(self, wanted: Mapping[str, Any], order_by: tuple[str, Direction]) -> tuple[ThreadList, str | None]:
        if set(wanted) - {"resource_id", "metadata", "channel_id", "start", "end"}:
            raise InvalidArgument("filter", "filter knows resource_id, channel_id, start, end and metadata only")
        person = checked_id("resource_id", wanted["resource_id"]) if "resource_id" in wanted else None
        field, direction = checked_order(order_by, get_args(ThreadOrder))
        metadata = checked_filter(wanted.get("metadata"))
        of = self.actor.id if person is None and self.actor.kind == "person" else person
        channel = checked_id("channel_id", wanted["channel_id"]) if "channel_id" in wanted else None
        start, end = (checked_time(name, wanted[name]) if name in wanted else None for name in ("start", "end"))
        return ThreadList(of, metadata, field, direction, channel, start, end), person

    async def list_threads_by_resource_id(
        self,
        resource_id: str,
        page: int = 0,
        per_page: int | None = 100,
        order_by: tuple[str, Direction] = ("created_at", "DESC"),
        *,
        metadata: Mapping[str, Any] | None = None,
        cursor: str | None = None,
    ) -> Page[Thread]:
        """List the threads in which a person takes part; see `list_threads`."""
        chosen: dict[str, Any] = {"resource_id": resource_id}
        if metadata is not None:
            chosen["metadata"] = metadata
        return await self.list_threads(chosen, page, per_page, order_by, cursor=cursor)

    async def get_threads_by_resource_id(self, resource_id: str) -> list[Thread]:
        """All threads in which a person takes part, the newest first, as a plain list."""
        page = await self.list_threads_by_resource_id(resource_id, per_page=None)
        return list(page.items)

    async def update_thread(
        self, thread_id: str, title: str | None = None, metadata: Mapping[str, Any] | None = None
    ) -> Thread:
        """Give a thread a title, and merge `metadata` into what it has.

        Raises:
            NotFound: there is no such thread to see.
            NotAllowed: the actor takes part in it but did not begin it.
        """
        return await self._door.write(
            update_thread,
            checked_id("thread_id", thread_id),
            title=None if title is None else checked_title(title),
            metadata=None if metadata is None else checked_metadata(metadata),
            at=self._door.now(),
        )

    async def suggest_title(self, thread_id: str, title: str, *, about: tuple[str, str] | None = None) -> None:
        """Give a thread the title that a model suggests, unless a person gave it one.

        `about` is the id and the text of the message that it was made of; where that no longer stands, nothing is done.
        """
        await self._door.write(suggest_title, checked_id("thread_id", thread_id), checked_title(title), "model", about)

    async def delete_thread(self, thread_id: str) -> None:
        """Delete a thread with its messages and all that rests on them alone. A missing one is no error.

        Raises:
            NotAllowed: the actor takes part in it but did not begin it.
        """
        await self._door.write(delete_thread, checked_id("thread_id", thread_id))

    async def transfer_thread(self, thread_id: str, resource_id: str) -> Thread:
        """Hand a thread, with its owner's messages, to somebody else: for `Actor.system` alone.

        Raises:
            NotFound: there is no such thread.
            NotAllowed: the actor is a person.
        """
        owner = checked_id("resource_id", resource_id)
        return await self._door.write(
            transfer_thread,
            checked_id("thread_id", thread_id),
            owner,
            subject_id=str(uuid4()),
            at=self._door.now(),
        )

    async def add_participant(self, thread_id: str, resource_id: str) -> Thread:
        """Let a person take part in a thread: for an adapter, which knows who can read the place (`Actor.system`).

        Raises:
            NotFound: there is no such thread.
            NotAllowed: the actor is a person.
        """
        person = checked_id("resource_id", resource_id)
        return await self._door.write(
            add_participant,
            checked_id("thread_id", thread_id),
            person,
            subject_id=str(uuid4()),
            at=self._door.now(),
        )

    async def clone_thread(
        self,
        thread_id: str,
        new_thread_id: str | None = None,
        title: str | None = None,
        message_limit: int | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        message_ids: Sequence[str] | None = None,
    ) -> Thread:
        """Copy a thread for its owner, with new message ids.

        Args:
            thread_id: what is copied.
            new_thread_id: the copy's id; without, it gets one.
            title: the copy's title; without, "Clone of …".
            message_limit: only the newest so many messages.
            start: only messages from then on.
            end: only messages until then.
            message_ids: only these messages.

        Raises:
            NotFound: there is no such thread to see.
            Conflict: the new id is taken.
            NotAllowed: the actor takes part in it but did not begin it.
        """
        request = CloneRequest(
            source_id=checked_id("thread_id", thread_id),
            new_id=str(uuid4()) if new_thread_id is None else checked_id("new_thread_id", new_thread_id),
            title=None if title is None else checked_title(title),
            limit=None if message_limit is None else checked_count("message_limit", message_limit),
            start=None if start is None else checked_time("start", start),
            end=None if end is None else checked_time("end", end),
            message_ids=None if message_ids is None else checked_ids("message_ids", message_ids),
            at=self._door.now(),
        )
        return await self._door.write(clone_thread, request)

    async def window_boundary(self, thread_id: str) -> Boundary | None:
        """Where the window of a thread's prompts begins, where that was stored."""
        wanted = checked_id("thread_id", thread_id)
        return await self._door.open(None, [wanted], read_boundary, wanted)

    async def move_window_boundary(self, thread_id: str, boundary: Boundary) -> None:
        """Store where the window begins; of two writers the newer wins. A thread that is not seen stays untouched."""
        await self._door.write(move_boundary, checked_id("thread_id", thread_id), boundary)


def checked_order(order_by: object, fields: tuple[str, ...]) -> tuple[Any, Direction]:
    """An order: one of `fields`, ASC or DESC.

    Raises:
        InvalidArgument: it is neither.
    """
    if not isinstance(order_by, tuple) or len(order_by) != 2:  # noqa: PLR2004 (a pair)
        raise InvalidArgument("order_by", "order_by must be a pair: a field, and ASC or DESC")
    field, direction = order_by
    if field not in fields:
        raise InvalidArgument("order_by", f"order_by must name one of {', '.join(fields)}")
    if direction not in get_args(Direction):
        raise InvalidArgument("order_by", "order_by must say ASC or DESC")
    return field, direction
