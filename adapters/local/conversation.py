"""The bot's side of a local place: what it posts there stands in the database, under its key, once."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

import structlog

from adapters.local.ids import resource_id, workspace_of
from adapters.local.render import POST_CHARACTERS, extras_of
from adapters.local.status_rows import put_status
from adapters.local.world_rows import NewPost, change_post, find_post, get_channel, make_post, posts_before
from adapters.pacing import paced
from adapters.text import split
from bot.chat import Absent, EarlierMessage, Finding, Found, PlaceRef, PostKey, Reply, Status, Unknown
from bot.errors import BotError, NotFound, PlatformUnreachable, PostRefused, PostUncertain, StorageError
from bot.storage.store import Store

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class World:
    """What the local platform is made of."""

    store: Store
    now: Callable[[], datetime]
    #: The key of the buttons' signatures.
    secret: bytes
    #: A growing post changes at most so often.
    pace_seconds: float = 0.25
    #: Told that something can be seen in a channel: workspace, channel.
    changed: Callable[[str, str], None] = lambda _workspace, _channel: None


class LocalConversation:
    """A local place, to speak in; see `bot.chat.Conversation`.

    Args:
        world: the platform.
        place: the place.
    """

    def __init__(self, world: World, place: PlaceRef) -> None:
        self._world = world
        self._place = place
        self._workspace = workspace_of(place.workspace_id)
        self._channel = place.address["channel"]
        self._root = place.address["root"]

    def split(self, text: str) -> tuple[str, ...]:
        return split(text, POST_CHARACTERS)

    async def answer(self, reply: Reply, key: PostKey) -> str:
        return await self._post(reply, key, streaming=False)

    async def stream(
        self, replies: AsyncIterator[Reply], key: PostKey, opened: Callable[[str], Awaitable[None]]
    ) -> str:
        post_id, last = "", Reply("")
        async with aclosing(paced(replies, self._world.pace_seconds)) as slower:
            async for reply in slower:
                if post_id:
                    key.check()  # it may have waited here for longer than the lease lasted
                    await self._change(post_id, {"text": reply.text})
                else:
                    post_id = await self._post(Reply(reply.text), key, streaming=True)
                    await opened(post_id)
                last = reply
        if not post_id:
            raise PostRefused("There is nothing to say.")
        key.check()
        await self.edit(post_id, last)
        return post_id

    async def edit(self, post_id: str, reply: Reply) -> None:
        changes = {"text": reply.text, "extras": self._extras(reply), "streaming": False}
        await self._change(post_id, changes)

    async def delete(self, post_id: str) -> None:
        # Its key is free again: an answer that is made anew may need this part once more.
        gone = {"deleted": True, "text": "", "extras": {}, "key_value": None}
        await self._write(change_post, self._workspace, post_id, gone)
        self._world.changed(self._workspace, self._channel)

    async def find(self, key: PostKey) -> Finding:
        try:
            found = await self._world.store.read(find_post, self._workspace, key.value)
        except StorageError:
            return Unknown()
        return Absent() if found is None else Found(found)

    async def earlier(self, before: str, limit: int) -> Sequence[EarlierMessage]:
        try:
            rows = await self._world.store.read(posts_before, self._workspace, self._channel, self._root, before, limit)
        except StorageError as error:
            _log.warning("what was said earlier cannot be read", error=type(error).__name__)
            return ()
        return tuple(self._as_earlier(row) for row in rows)

    def _as_earlier(self, row: Any) -> EarlierMessage:
        author = resource_id(self._workspace, row.author) if row.author else ""
        return EarlierMessage(author, row.shown_name or "", row.text, row.at)

    async def status(self, status: Status) -> None:
        await self._quietly({"status": status})

    async def rename(self, title: str) -> None:
        await self._quietly({"title": title})

    async def _quietly(self, changes: dict[str, str]) -> None:
        try:
            await self._world.store.write(put_status, self._workspace, self._channel, self._root, changes)
        except BotError as error:
            _log.warning("a place could not be marked", error=type(error).__name__)
            return
        self._world.changed(self._workspace, self._channel)

    def _extras(self, reply: Reply) -> dict[str, Any]:
        where = f"{self._place.workspace_id}/{self._channel}"
        return extras_of(reply, where, self._world.now(), self._world.secret)

    async def _post(self, reply: Reply, key: PostKey, *, streaming: bool) -> str:
        await self._require_open()
        new = NewPost(
            workspace=self._workspace,
            channel=self._channel,
            root=self._root,
            id=str(uuid4()),
            author="",
            text=reply.text,
            at=self._world.now(),
            extras=self._extras(reply),
            key_value=key.value,
            streaming=streaming,
        )
        key.check()
        try:
            post_id = await self._world.store.write(make_post, new)
        except StorageError as error:
            # It may have been made: the key tells.
            raise PostUncertain from error
        self._world.changed(self._workspace, self._channel)
        return post_id

    async def _require_open(self) -> None:
        try:
            channel = await self._world.store.read(get_channel, self._workspace, self._channel)
        except NotFound as error:
            raise PostRefused("The channel is gone.") from error
        except StorageError as error:
            raise PlatformUnreachable from error
        if channel.archived:
            raise PostRefused("The channel is archived.")

    async def _change(self, post_id: str, changes: dict[str, Any]) -> None:
        await self._require_open()
        if not await self._write(change_post, self._workspace, post_id, changes):
            raise PostRefused("The post is gone.")
        self._world.changed(self._workspace, self._channel)

    async def _write(self, function: Any, *given: Any) -> Any:
        try:
            return await self._world.store.write(function, *given)
        except StorageError as error:
            raise PlatformUnreachable from error
