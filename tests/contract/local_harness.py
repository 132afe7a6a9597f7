"""The local platform in the contract suite."""

from base64 import b64decode
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.local.adapter import LocalAdapter
from adapters.local.conversation import World
from adapters.local.ids import resource_id, workspace_id
from adapters.local.inbound import place_ref
from adapters.local.world_rows import LocalPost
from bot.chat import File, PersonRef, PlaceRef
from bot.errors import InvalidArgument, NotAllowed, NotFound, StorageUnavailable
from bot.storage.signals import Signals
from bot.storage.store import Migration, Scrubbed, Store, open_store
from tests.contract.harness import Seen

WORKSPACE = "team"
_KINDS = {"general": "public", "secret": "private", "guests": "private"}


class BreakableStore:
    """A store that can be taken away."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.away = False

    migration: Migration | None = None
    shared = False

    async def read(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        self._require()
        return await self._store.read(function, *args, **kwargs)

    async def write(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        self._require()
        return await self._store.write(function, *args, **kwargs)

    async def scrub(self, tables: Sequence[str], most_bytes: int) -> Scrubbed:
        self._require()
        return await self._store.scrub(tables, most_bytes)

    def signals(self) -> Signals:
        return self._store.signals()

    async def close(self) -> None:
        await self._store.close()

    def _require(self) -> None:
        if self.away:
            raise StorageUnavailable


class LocalHarness:
    """See `Harness`."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._platform = BreakableStore(store)
        self._ahead = timedelta()
        world = World(self._platform, self.now, b"a secret of the tests", pace_seconds=0.0)
        self.adapter = LocalAdapter(world)

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str) -> AsyncIterator["LocalHarness"]:
        store = await open_store(url, purpose="worker")
        try:
            harness = cls(store)
            local = harness.adapter
            for name in ("ana", "ben", "cleo"):
                await local.settle(WORKSPACE, name, name.title())
            await local.settle(WORKSPACE, "gil", "Gil", role="guest")
            await local.make_channel(WORKSPACE, "general", "public", ("ana", "ben", "cleo"))
            await local.make_channel(WORKSPACE, "secret", "private", ("ana", "ben"))
            await local.make_channel(WORKSPACE, "guests", "private", ("ana", "gil"))
            yield harness
        finally:
            await store.close()

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def pass_time(self, time: timedelta) -> None:
        self._ahead += time

    def person(self, name: str) -> PersonRef:
        return PersonRef(workspace_id(WORKSPACE), resource_id(WORKSPACE, name))

    def place(self, channel: str, root: str = "") -> PlaceRef:
        kind = "direct" if channel.startswith("@") else _KINDS.get(channel, "public")
        return place_ref(WORKSPACE, {"name": channel, "kind": kind}, root)

    async def say(self, person: str, channel: str, text: str, *, root: str = "", files: Sequence[File] = ()) -> str:
        return await self.adapter.say(WORKSPACE, channel, person, text, root=root, files=files)

    async def edit(self, person: str, utterance_id: str, text: str) -> None:
        await self.adapter.edit(WORKSPACE, utterance_id, person, text)

    async def delete(self, person: str, utterance_id: str) -> None:
        await self.adapter.delete(WORKSPACE, person, utterance_id)

    async def stop(self, person: str, channel: str, *, root: str = "") -> None:
        await self.adapter.stop(WORKSPACE, channel, person, root=root)

    async def command(self, person: str, channel: str, command: str, arguments: Mapping[str, str]) -> None:
        await self.adapter.command(WORKSPACE, channel, person, command, arguments)

    async def press(self, person: str, post_id: str, label: str, *, forged: bool = False) -> bool:
        post = await self._post(post_id)
        (token,) = (button["token"] for button in post.extras["buttons"] if button["label"] == label)
        return await self._press(post_id, person, token[:-1] + ("A" if token[-1] != "A" else "B") if forged else token)

    async def submit(self, person: str, post_id: str, fields: Mapping[str, str]) -> bool:
        return await self._press(post_id, person, (await self._post(post_id)).extras["form"]["token"], fields)

    async def _press(self, post_id: str, person: str, token: str, fields: Mapping[str, str] | None = None) -> bool:
        try:
            await self.adapter.press(WORKSPACE, post_id, person, token, fields)
        except (NotAllowed, NotFound, InvalidArgument):
            return False
        return True

    async def _post(self, post_id: str) -> LocalPost:
        for channel in (*_KINDS, "@ana"):
            for post in await self.adapter.posts(WORKSPACE, channel, "ana"):
                if post.id == post_id:
                    return post
        raise NotFound("There is no such post.")

    async def seen(self, person: str, channel: str, *, root: str | None = None) -> list[Seen]:
        try:
            posts = await self.adapter.posts(WORKSPACE, channel, person, root=root)
        except NotFound:
            return []
        return [_seen(post) for post in posts]

    async def shown(self, channel: str, *, root: str = "") -> tuple[str, str]:
        return await self.adapter.status(WORKSPACE, channel, root=root)

    async def archive(self, channel: str) -> None:
        await self.adapter.archive(WORKSPACE, channel)

    @contextmanager
    def broken(self) -> Iterator[None]:
        self._platform.away = True
        try:
            yield
        finally:
            self._platform.away = False


def _seen(post: LocalPost) -> Seen:
    extras = post.extras
    return Seen(
        post.id,
        by_bot=not post.author,
        text=post.text,
        streaming=post.streaming,
        buttons=tuple(button["label"] for button in extras.get("buttons", ())),
        files=tuple((file["name"], b64decode(file["content"])) for file in extras.get("files", ())),
        fields=tuple(field["name"] for field in extras.get("form", {}).get("fields", ())),
    )
