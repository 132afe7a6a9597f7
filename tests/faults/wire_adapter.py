"""The adapter of the loopback platform: everything goes over HTTP, and everything of that can go wrong."""

import asyncio
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from adapters.pacing import paced
from adapters.text import split
from bot.chat import (
    Absent,
    Attachment,
    Audience,
    Conversation,
    Deletion,
    EarlierMessage,
    Edit,
    Event,
    File,
    Finding,
    Form,
    Found,
    Invocation,
    Message,
    PersonRef,
    PlaceRef,
    PostKey,
    Profile,
    Receive,
    Reply,
    Status,
    Stopped,
    Unknown,
)
from bot.errors import NotFound, PlatformUnreachable, PostRefused, PostUncertain
from tests.faults.wire import Answer, NotAnswered, NotSent, ask

WORKSPACE = "wire:team"
POST_CHARACTERS = 400
_POLL_SECONDS = 1.0
_PACE_SECONDS = 0.02


def place_of(place_id: str) -> PlaceRef:
    """A place: `dm/<person>` is a direct conversation, anything else a private channel."""
    kind = "direct" if place_id.startswith("dm/") else "private"
    return PlaceRef(WORKSPACE, place_id, kind, "" if kind == "direct" else place_id, {"place": place_id})  # type: ignore[arg-type]


class WireAdapter:
    """See `bot.chat.Adapter`.

    Args:
        address: where the platform is.
        process: how it names this process.
    """

    platform = "wire"

    def __init__(self, address: str, process: str) -> None:
        self._address = address
        self._process = process

    async def request(self, path: str, **body: Any) -> Answer:
        return await ask(self._address, path, {"process": self._process, **body})

    async def run(self, receive: Receive) -> None:
        taking: set[asyncio.Task[None]] = set()
        try:
            while True:
                try:
                    given = await self.request("/poll", seconds=_POLL_SECONDS)
                except (NotSent, NotAnswered):
                    await asyncio.sleep(0.1)
                    continue
                for event in given.body:
                    task = asyncio.create_task(self._take(event, receive))
                    taking.add(task)
                    task.add_done_callback(taking.discard)
        finally:
            for task in taking:
                task.cancel()
            await asyncio.gather(*taking, return_exceptions=True)

    async def _take(self, given: Mapping[str, Any], receive: Receive) -> None:
        try:
            await receive(self._event(given))
        except Exception as error:  # noqa: BLE001 (not acknowledged, it comes again; the checker judges what it was)
            with suppress(NotSent, NotAnswered):
                await self.request("/refuse", token=given["token"], error=type(error).__name__)
            return
        await self.acknowledge(given)

    async def acknowledge(self, given: Mapping[str, Any]) -> None:
        with suppress(NotSent, NotAnswered):
            await self.request("/ack", token=given["token"])

    def _event(self, given: Mapping[str, Any]) -> Event:
        who = given["person"]
        person = PersonRef(WORKSPACE, who["id"], who.get("name", who["id"]), who.get("is_bot", False))
        place, delivery = place_of(given["place"]), given["delivery"]
        addressing = given.get("addressing", "direct" if place.kind == "direct" else "mention")
        match given["type"]:
            case "message":
                return Message(
                    delivery_id=delivery,
                    person=person,
                    place=place,
                    utterance_id=given["utterance"],
                    text=given["text"],
                    sent_at=datetime.fromisoformat(given["at"]),
                    addressing=addressing,
                    attachments=tuple(Attachment(**one) for one in given.get("attachments", ())),
                )
            case "edit":
                return Edit(
                    delivery_id=delivery,
                    person=person,
                    place=place,
                    utterance_id=given["utterance"],
                    text=given["text"],
                    edited_at=datetime.fromisoformat(given["at"]),
                    addressing=addressing,
                )
            case "deletion":
                return Deletion(delivery_id=delivery, workspace_id=WORKSPACE, utterance_ids=tuple(given["utterances"]))
            case "stop":
                return Stopped(delivery_id=delivery, person=person, place=place)
        responder = _WireResponder(self, person.resource_id)
        return Invocation(
            delivery_id=delivery,
            person=person,
            place=place,
            command=given["command"],
            arguments=given["arguments"],
            responder=responder,
        )

    def conversation(self, place: PlaceRef, person: PersonRef | None = None) -> Conversation:
        return WireConversation(self, place.address["place"])

    async def audience(self, place: PlaceRef) -> Audience:
        now = datetime.now(UTC)
        try:
            given = await self.request("/members", place=place.address["place"])
        except (NotSent, NotAnswered):
            given = Answer(503, {})
        if given.status != 200:
            return Audience("unknown", frozenset(), outsiders=True, fetched_at=now)
        reach = {"direct": "person", "private": "members", "public": "workspace"}[given.body["kind"]]
        return Audience(reach, frozenset(given.body["people"]), outsiders=False, fetched_at=now)  # type: ignore[arg-type]

    async def profile(self, person: PersonRef) -> Profile:
        given = await self.request("/person", id=person.resource_id)
        if given.status != 200:
            raise NotFound("There is nobody like that.")
        return Profile(given.body.get("name", person.resource_id), is_bot=given.body.get("is_bot", False))

    async def open_dm(self, person: PersonRef) -> PlaceRef:
        return place_of(f"dm/{person.resource_id}")

    def channel(self, place: PlaceRef) -> PlaceRef:
        return place

    async def publish_home(self, person: PersonRef, view: Sequence[Reply]) -> None:
        shown = [{"text": section.text, **extras_of(section)} for section in view]
        await self.request("/home", person=person.resource_id, shown=shown)

    async def fetch(self, attachment: Attachment) -> bytes:
        given = await self.request("/file", reference=attachment.reference)
        if given.status != 200:
            raise NotFound("There is no such file.")
        return b64decode(given.body["content"])


class WireConversation:
    """See `bot.chat.Conversation`.

    Args:
        adapter: how it speaks.
        place: the place's id.
    """

    def __init__(self, adapter: WireAdapter, place: str) -> None:
        self._adapter = adapter
        self._place = place

    def split(self, text: str) -> tuple[str, ...]:
        return split(text, POST_CHARACTERS)

    async def answer(self, reply: Reply, key: PostKey) -> str:
        key.check()
        try:
            made = await self._adapter.request(
                "/post", place=self._place, key=key.value, text=reply.text, extras=extras_of(reply)
            )
        except NotSent as error:
            raise PlatformUnreachable from error
        except NotAnswered as error:
            raise PostUncertain from error
        return str(made.body["id"])

    async def stream(
        self, replies: AsyncIterator[Reply], key: PostKey, opened: Callable[[str], Awaitable[None]]
    ) -> str:
        post_id = ""
        async with aclosing(paced(replies, _PACE_SECONDS)) as slower:
            async for reply in slower:
                if post_id:
                    key.check()  # it may have waited here for longer than the lease lasted
                    await self._change(post_id, reply.text, None)
                else:
                    post_id = await self.answer(Reply(reply.text), key)
                    await opened(post_id)
        if not post_id:
            raise PostRefused("There is nothing to say.")
        return post_id

    async def edit(self, post_id: str, reply: Reply) -> None:
        await self._change(post_id, reply.text, extras_of(reply))

    async def _change(self, post_id: str, text: str, extras: Mapping[str, Any] | None) -> None:
        if (await self._request("/edit", id=post_id, text=text, extras=extras)).status == 404:
            raise PostRefused("The post is gone.")

    async def delete(self, post_id: str) -> None:
        await self._request("/delete", id=post_id)

    async def _request(self, path: str, **body: Any) -> Answer:
        """What may be asked for twice."""
        try:
            return await self._adapter.request(path, **body)
        except (NotSent, NotAnswered) as error:
            raise PlatformUnreachable from error

    async def find(self, key: PostKey) -> Finding:
        try:
            found = await self._adapter.request("/find", place=self._place, key=key.value)
        except (NotSent, NotAnswered):
            return Unknown()
        if found.status != 200:
            return Unknown()
        return Absent() if found.body["id"] is None else Found(found.body["id"])

    async def earlier(self, before: str, limit: int) -> Sequence[EarlierMessage]:
        try:
            found = await self._adapter.request("/earlier", place=self._place, before=before, limit=limit)
        except (NotSent, NotAnswered):
            return ()
        return tuple(
            EarlierMessage(author, author, text, datetime.fromisoformat(at)) for _p, _u, author, text, at in found.body
        )

    async def status(self, status: Status) -> None:
        with suppress(NotSent, NotAnswered):
            await self._adapter.request("/status", place=self._place, status=status)

    async def rename(self, title: str) -> None:
        with suppress(NotSent, NotAnswered):
            await self._adapter.request("/title", place=self._place, title=title)


class _WireResponder:
    """See `bot.chat.Responder`."""

    def __init__(self, adapter: WireAdapter, person: str) -> None:
        self._adapter = adapter
        self._person = person
        self._last = person

    async def private(self, reply: Reply) -> None:
        await self._respond(self._person, {"text": reply.text, **extras_of(reply)})

    async def public(self, reply: Reply) -> None:
        await self._respond("", {"text": reply.text, **extras_of(reply)})

    async def form(self, form: Form) -> None:
        await self._respond(self._person, {"form": asdict(form) | {"arguments": dict(form.arguments)}})

    async def update(self, reply: Reply) -> None:
        await self._respond(self._last, {"text": reply.text, **extras_of(reply)}, replaces=True)

    async def _respond(self, person: str, shown: Mapping[str, Any], *, replaces: bool = False) -> None:
        self._last = person
        try:
            await self._adapter.request("/respond", person=person, shown=shown, replaces=replaces)
        except (NotSent, NotAnswered) as error:
            raise PlatformUnreachable from error


def extras_of(reply: Reply) -> dict[str, Any]:
    """All of a reply but its text, as JSON."""
    chart = [] if reply.chart is None else [File(reply.chart.title, "image/png", reply.chart.image)]
    tables = [table for table in (reply.table, None if reply.chart is None else reply.chart.numbers) if table]
    buttons = [
        {"label": one.label, "command": one.command, "arguments": dict(one.arguments), "person": one.person}
        for one in reply.buttons
    ]
    files = [
        {"name": one.name, "media_type": one.media_type, "content": b64encode(one.content).decode()}
        for one in (*reply.files, *chart)
    ]
    return {"buttons": buttons, "files": files, "tables": [asdict(table) for table in tables]}
