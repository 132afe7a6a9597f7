"""The local platform: places and people in the bot's own database, for the playground and for tests."""

import asyncio
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

import structlog

from adapters.local.commands import invocation_of, invoked
from adapters.local.conversation import LocalConversation, World
from adapters.local.ids import (
    PLATFORM,
    checked_name,
    direct_channel,
    person_of,
    resource_id,
    workspace_id,
    workspace_of,
)
from adapters.local.inbound import event_of, person_ref, place_ref
from adapters.local.world_rows import (
    LocalPost,
    NewPost,
    change_post,
    get_channel,
    get_person,
    get_post,
    get_status,
    make_post,
    members_of,
    note_delivered,
    put_channel,
    put_member,
    put_person,
    require_reader,
    seen_posts,
    undelivered,
)
from bot.chat import (
    Attachment,
    Audience,
    Conversation,
    Event,
    File,
    PersonRef,
    PlaceRef,
    Profile,
    Receive,
    Reply,
)
from bot.errors import NotAllowed, NotFound, PostRefused, StorageError
from bot.memory.values import PlaceKind

_log = structlog.get_logger(__name__)

#: Most posts that one look at a channel shows.
SHOWN_POSTS = 200
_REDELIVER_SECONDS = 1.0
#: Largest file that somebody may send here, in bytes.
FILE_BYTES = 1_048_576


class LocalAdapter:
    """The local platform; see `bot.chat.Adapter`. The other methods are what its inhabitants do.

    What they do is written down first, and delivered to the bot until it is taken in: a platform that never loses a
    message is what the bot is promised by the real ones too.

    Args:
        world: what the platform is made of.
        bot: the name by which people mention the bot.
    """

    platform = PLATFORM

    def __init__(self, world: World, bot: str = "keeper") -> None:
        self._world = world
        self._bot = bot
        self._receive: Receive | None = None
        self._undelivered = asyncio.Event()

    # What the core asks

    async def run(self, receive: Receive) -> None:
        self._receive = receive
        self._undelivered.set()
        try:
            while True:
                await self._undelivered.wait()
                self._undelivered.clear()
                await self._redeliver()
        finally:
            self._receive = None

    def conversation(self, place: PlaceRef) -> Conversation:
        return LocalConversation(self._world, place)

    async def audience(self, place: PlaceRef) -> Audience:
        workspace, channel = workspace_of(place.workspace_id), place.address["channel"]
        store, now = self._world.store, self._world.now()
        try:
            row = await store.read(get_channel, workspace, channel)
            inside = await store.read(members_of, workspace, channel)
            people = [await store.read(get_person, workspace, name) for name in inside]
        except (NotFound, StorageError):
            return Audience("unknown", frozenset(), outsiders=True, fetched_at=now)
        readers = [one for one in people if one.active and one.role != "bot"]
        members = frozenset(resource_id(workspace, one.name) for one in readers)
        outsiders = any(one.role == "guest" for one in readers)
        reach = {"direct": "person", "private": "members", "public": "workspace"}[row.kind]
        return Audience(reach, members, outsiders, now)  # type: ignore[arg-type]

    async def profile(self, person: PersonRef) -> Profile:
        workspace = workspace_of(person.workspace_id)
        row = await self._world.store.read(get_person, workspace, person_of(person.resource_id))
        return Profile(
            row.shown_name,
            is_bot=row.role == "bot",
            active=row.active,
            outsider=row.role == "guest",
            administrator=row.role == "administrator",
        )

    async def open_dm(self, person: PersonRef) -> PlaceRef:
        workspace, name = workspace_of(person.workspace_id), person_of(person.resource_id)
        try:
            row = await self._world.store.read(get_person, workspace, name)
        except NotFound as error:
            raise PostRefused("There is nobody of that name.") from error
        if not row.active or row.role == "bot":
            raise PostRefused("This person cannot be written to.")
        await self._open_direct(workspace, name)
        return place_ref(workspace, {"name": direct_channel(name), "kind": "direct"}, "")

    async def publish_home(self, person: PersonRef, view: Reply) -> None:
        # There is no home here: the playground shows each person's own page itself.
        del person, view

    async def fetch(self, attachment: Attachment) -> bytes:
        workspace, _, rest = attachment.reference.partition("/")
        post_id, _, number = rest.partition("/")
        row = await self._world.store.read(get_post, workspace, post_id)
        try:
            return b64decode(row.extras["contents"][int(number)])
        except (KeyError, IndexError, ValueError):
            raise NotFound("There is no such file.") from None

    # What inhabitants do

    async def settle(self, workspace: str, name: str, shown_name: str = "", role: str = "member") -> None:
        """Let a person live here, with a direct conversation with the bot; or give her another name or role."""
        workspace_id(workspace)
        await self._world.store.write(
            put_person, workspace, checked_name("person", name), shown_name or name, role, active=True
        )
        await self._open_direct(workspace, name)
        await self._tell_of_person(workspace, name)

    async def leave_workspace(self, workspace: str, name: str) -> None:
        """Let a person be gone."""
        row = await self._world.store.read(get_person, workspace, name)
        await self._world.store.write(put_person, workspace, name, row.shown_name, row.role, active=False)
        await self._tell_of_person(workspace, name)

    async def make_channel(self, workspace: str, name: str, kind: PlaceKind, members: Sequence[str] = ()) -> None:
        """Make a channel with its members, or change its kind."""
        workspace_id(workspace)
        await self._world.store.write(put_channel, workspace, checked_name("channel", name), kind)
        for person in members:
            await self.join(workspace, name, person)

    async def archive(self, workspace: str, channel: str) -> None:
        """Let nobody write in a channel any more."""
        row = await self._world.store.read(get_channel, workspace, channel)
        await self._world.store.write(put_channel, workspace, channel, row.kind, archived=True)

    async def join(self, workspace: str, channel: str, person: str) -> None:
        """Let a person be in a channel."""
        await self._move(workspace, channel, person, joined=True)

    async def leave(self, workspace: str, channel: str, person: str) -> None:
        """Let a person be in a channel no longer."""
        await self._move(workspace, channel, person, joined=False)

    async def say(
        self, workspace: str, channel: str, person: str, text: str, *, root: str = "", files: Sequence[File] = ()
    ) -> str:
        """Let a person say something, and return the post's id. It is delivered now, or as soon as that is possible.

        Raises:
            NotFound: there is no such channel for her.
            NotAllowed: she left, the channel is archived, or a file is too large.
        """
        await self._world.store.read(require_reader, workspace, channel, person)
        if any(len(file.content) > FILE_BYTES for file in files):
            raise NotAllowed(f"A file may have at most {FILE_BYTES:,} bytes.")
        post_id = str(uuid4())
        new = NewPost(
            workspace=workspace,
            channel=channel,
            root=root,
            id=post_id,
            author=person,
            text=text,
            at=self._world.now(),
            extras=_files(workspace, post_id, files),
            delivered=False,
        )
        await self._world.store.write(make_post, new)
        self._world.changed(workspace, channel)
        await self._deliver_post(workspace, post_id)
        return post_id

    async def edit(self, workspace: str, post_id: str, text: str) -> None:
        """Let a person change what she said."""
        row = await self._world.store.read(get_post, workspace, post_id)
        await self._world.store.write(change_post, workspace, post_id, {"text": text, "edited_at": self._world.now()})
        self._world.changed(workspace, row.channel)
        payload = await self._of_post("edit", row)
        await self._deliver({**payload, "text": text, "at": self._world.now().isoformat()})

    async def delete(self, workspace: str, *post_ids: str) -> None:
        """Delete what people said."""
        for post_id in post_ids:
            row = await self._world.store.read(get_post, workspace, post_id)
            await self._world.store.write(change_post, workspace, post_id, {"deleted": True, "text": "", "extras": {}})
            self._world.changed(workspace, row.channel)
        await self._deliver({"type": "deletion", "workspace": workspace, "posts": list(post_ids)})

    async def stop(self, workspace: str, channel: str, person: str, *, root: str = "") -> None:
        """Let a person stop the answer that she is being given."""
        await self._deliver({"type": "stop", "root": root, **await self._who_and_where(workspace, channel, person)})

    async def rate(self, workspace: str, post_id: str, person: str, value: str) -> None:
        """Let a person say what she thinks of an answer."""
        row = await self._world.store.read(get_post, workspace, post_id)
        about = {"type": "feedback", "post": post_id, "root": row.root, "value": value}
        await self._deliver({**about, **await self._who_and_where(workspace, row.channel, person)})

    async def press(
        self, workspace: str, post_id: str, person: str, token: str, fields: Mapping[str, str] | None = None
    ) -> None:
        """Let a person press a button, or send a form with its fields.

        Raises:
            NotFound: there is no such post for her.
            NotAllowed: the button is not for her, or has expired.
        """
        row = await self._world.store.read(get_post, workspace, post_id)
        if row.only_for not in {"", person}:
            raise NotFound("There is no such post.")
        given = await self._who_and_where(workspace, row.channel, person)
        place = place_ref(workspace, given["channel"], row.root)
        event = invocation_of(self._world, str(uuid4()), person_ref(given), place, token, fields or {})
        await self._hand_over(event)

    async def command(
        self, workspace: str, channel: str, person: str, command: str, arguments: Mapping[str, str], *, root: str = ""
    ) -> None:
        """Let a person run a command."""
        given = await self._who_and_where(workspace, channel, person)
        place = place_ref(workspace, given["channel"], root)
        await self._hand_over(invoked(self._world, str(uuid4()), person_ref(given), place, command, arguments))

    async def posts(self, workspace: str, channel: str, person: str, *, root: str | None = None) -> list[LocalPost]:
        """What a person sees in a channel, or in one of its threads.

        Raises:
            NotFound: there is no such channel for her.
        """
        return await self._world.store.read(seen_posts, workspace, channel, person, root, SHOWN_POSTS)

    async def status(self, workspace: str, channel: str, *, root: str = "") -> tuple[str, str]:
        """What the bot shows in a place: its status, and the place's title."""
        return await self._world.store.read(get_status, workspace, channel, root)

    # Delivery

    async def _redeliver(self) -> None:
        for row, person, channel in await self._world.store.read(undelivered):
            try:
                await self._hand_over(event_of(_of_message(row, person, channel), self._bot))
                await self._world.store.write(note_delivered, row.workspace, row.id)
            except StorageError as error:
                _log.warning("a message could not be delivered yet", error=type(error).__name__)
                await asyncio.sleep(_REDELIVER_SECONDS)
                self._undelivered.set()
                return

    async def _deliver_post(self, workspace: str, post_id: str) -> None:
        row = await self._world.store.read(get_post, workspace, post_id)
        person = await self._world.store.read(get_person, workspace, row.author)
        channel = await self._world.store.read(get_channel, workspace, row.channel)
        if self._receive is None:
            return  # delivered when the bot runs
        try:
            await self._receive(event_of(_of_message(row, person, channel), self._bot))
            await self._world.store.write(note_delivered, workspace, post_id)
        except StorageError:
            self._undelivered.set()

    async def _deliver(self, payload: Mapping[str, Any]) -> None:
        await self._hand_over(event_of({"delivery": str(uuid4()), **payload}, self._bot))

    async def _hand_over(self, event: Event) -> None:
        if self._receive is None:
            raise NotAllowed("The bot does not run.")
        await self._receive(event)

    async def _open_direct(self, workspace: str, name: str) -> None:
        await self._world.store.write(put_channel, workspace, direct_channel(name), "direct")
        await self._world.store.write(put_member, workspace, direct_channel(name), name, joined=True)

    async def _tell_of_person(self, workspace: str, name: str) -> None:
        if self._receive is not None:
            row = await self._world.store.read(get_person, workspace, name)
            await self._deliver(
                {"type": "person", "workspace": workspace, "person": _person(row), "active": row.active}
            )

    async def _move(self, workspace: str, channel: str, person: str, *, joined: bool) -> None:
        given = await self._who_and_where(workspace, channel, person)
        await self._world.store.write(put_member, workspace, channel, person, joined=joined)
        if self._receive is not None:
            await self._deliver({"type": "membership", "joined": joined, **given})

    async def _who_and_where(self, workspace: str, channel: str, person: str) -> dict[str, Any]:
        who = await self._world.store.read(get_person, workspace, person)
        row = await self._world.store.read(get_channel, workspace, channel)
        return {"workspace": workspace, "person": _person(who), "channel": _channel(row)}

    async def _of_post(self, kind: str, row: Any) -> dict[str, Any]:
        given = await self._who_and_where(row.workspace, row.channel, row.author)
        return {"type": kind, "post": row.id, "root": row.root, **given}


def _person(row: Any) -> dict[str, str]:
    return {"name": row.name, "shown_name": row.shown_name, "role": row.role}


def _channel(row: Any) -> dict[str, str]:
    return {"name": row.name, "kind": row.kind}


def _of_message(row: Any, person: Any, channel: Any) -> dict[str, Any]:
    """A post as the payload that tells of it; the same each time."""
    return {
        "type": "message",
        "delivery": f"message:{row.id}",
        "workspace": row.workspace,
        "person": _person(person),
        "channel": _channel(channel),
        "root": row.root,
        "post": row.id,
        "text": row.text,
        "at": row.at.isoformat(),
        "attachments": row.extras.get("attachments", []),
    }


def _files(workspace: str, post_id: str, files: Sequence[File]) -> dict[str, Any]:
    if not files:
        return {}
    described = [
        {
            "name": file.name,
            "media_type": file.media_type,
            "size": len(file.content),
            "reference": f"{workspace}/{post_id}/{number}",
        }
        for number, file in enumerate(files)
    ]
    return {"attachments": described, "contents": [b64encode(file.content).decode() for file in files]}
