"""What the inhabitants of the local platform do and see: the other side of the adapter."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from adapters.local import deed_rows
from adapters.local.commands import checked_fields, fields_of, invocation_of, invoked
from adapters.local.conversation import World
from adapters.local.deed_rows import who_and_where
from adapters.local.deliveries import Deliveries
from adapters.local.ids import checked_name, direct_channel, workspace_id
from adapters.local.inbound import event_of, person_ref, place_ref
from adapters.local.page_rows import Inhabitant, everybody
from adapters.local.status_rows import get_status
from adapters.local.world_rows import (
    LocalPost,
    NewPost,
    as_post,
    get_channel,
    get_person,
    put_channel,
    put_member,
    require_seen,
    seen_posts,
)
from bot.chat import File
from bot.errors import NotAllowed
from bot.memory.values import PlaceKind

#: Most posts that one look at a channel shows.
SHOWN_POSTS = 200
#: Largest file that somebody may send here, in bytes.
FILE_BYTES = 1_048_576


class Inhabitants:
    """The people of the local platform: whatever they do is written down, and told to the bot until it is taken in.

    That is what the bot is promised by the real platforms too. Commands alone are lost while the bot does not run.

    Args:
        world: the platform.
        deliveries: tells the bot.
    """

    def __init__(self, world: World, deliveries: Deliveries) -> None:
        self._world = world
        self._deliveries = deliveries

    # Who is here, and where

    async def settle(self, workspace: str, name: str, shown_name: str = "", role: str = "member") -> None:
        """Let a person live here, with a direct conversation with the bot; or give her another name or role."""
        workspace_id(workspace)
        await self._person(workspace, checked_name("person", name), shown_name or name, role, active=True)
        await self._open_direct(workspace, name)

    async def leave_workspace(self, workspace: str, name: str) -> None:
        """Let a person be gone."""
        row = await self._world.store.read(get_person, workspace, name)
        await self._person(workspace, name, row.shown_name, row.role, active=False)

    async def make_channel(self, workspace: str, name: str, kind: PlaceKind, members: Sequence[str] = ()) -> None:
        """Make a channel with its members, or change its kind."""
        workspace_id(workspace)
        await self._channel(workspace, checked_name("channel", name), kind, archived=False)
        for person in members:
            await self.join(workspace, name, person)

    async def archive(self, workspace: str, channel: str) -> None:
        """Let nobody write in a channel any more."""
        row = await self._world.store.read(get_channel, workspace, channel)
        await self._channel(workspace, channel, row.kind, archived=True)

    async def join(self, workspace: str, channel: str, person: str) -> None:
        """Let a person be in a channel."""
        await self._move(workspace, channel, person, joined=True)

    async def leave(self, workspace: str, channel: str, person: str) -> None:
        """Let a person be in a channel no longer."""
        await self._move(workspace, channel, person, joined=False)

    async def install(self, workspace: str, *, installed: bool) -> None:
        """Let the bot into a workspace, or remove it."""
        payload = {"type": "installation", "workspace": workspace, "installed": installed, "delivery": _new("install")}
        await self._world.store.write(deed_rows.put_out, payload)
        await self._deliveries.deliver()

    # What they say

    async def say(
        self,
        workspace: str,
        channel: str,
        person: str,
        text: str,
        *,
        root: str = "",
        files: Sequence[File] = (),
        replies_to: str = "",
    ) -> str:
        """Let a person say something, and return the post's id. It is delivered now, or as soon as that is possible.

        Raises:
            NotFound: there is no such channel, thread, or post to reply to for her.
            NotAllowed: she left, the channel is archived, or a file is too large.
        """
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
        )
        await self._world.store.write(deed_rows.say, new, replies_to)
        self._world.changed(workspace, channel)
        await self._deliveries.deliver()
        return post_id

    async def edit(self, workspace: str, post_id: str, person: str, text: str) -> None:
        """Let a person change what she said.

        Raises:
            NotFound: there is no such post for her.
            NotAllowed: it is not hers, she left, or the channel is archived.
        """
        given = (workspace, post_id, person, text, _new("edit"), self._world.now())
        out = await self._world.store.write(deed_rows.edit, *given)
        self._world.changed(workspace, out.payload["channel"]["name"])
        await self._deliveries.deliver()

    async def delete(self, workspace: str, person: str, *post_ids: str) -> None:
        """Let a person delete what she said.

        Raises:
            NotFound: there is no such post for her.
            NotAllowed: one is not hers, or she left.
        """
        rows = [await self._world.store.read(require_seen, workspace, post_id, person) for post_id in post_ids]
        await self._world.store.write(deed_rows.remove, workspace, post_ids, person, _new("deletion"))
        for channel in {row.channel for row in rows}:
            self._world.changed(workspace, channel)
        await self._deliveries.deliver()

    async def stop(self, workspace: str, channel: str, person: str, *, root: str = "") -> None:
        """Let a person stop the answer that she is being given.

        Raises:
            NotFound: there is no such channel for her.
        """
        given = (workspace, channel, root, person, _new("stop"))
        await self._world.store.write(deed_rows.stop, *given)
        await self._deliveries.deliver()

    async def rate(self, workspace: str, post_id: str, person: str, value: str) -> None:
        """Let a person say what she thinks of an answer: "good", "bad" or "none".

        Raises:
            NotFound: there is no such post for her.
        """
        given = (workspace, post_id, person, value, _new("feedback"))
        out = await self._world.store.write(deed_rows.rate, *given)
        self._world.changed(workspace, out.payload["channel"]["name"])
        await self._deliveries.deliver()

    # Commands

    async def press(
        self, workspace: str, post_id: str, person: str, token: str, fields: Mapping[str, str] | None = None
    ) -> None:
        """Let a person press a button, or send a form with its fields.

        Raises:
            NotFound: there is no such post for her.
            NotAllowed: the button does not stand there, is not for her, has expired, or the bot does not run.
            InvalidArgument: a field of the form does not hold what it may.
        """
        row = await self._world.store.read(require_seen, workspace, post_id, person)
        given = await self._world.store.read(who_and_where, workspace, row.channel, person)
        place = place_ref(workspace, given["channel"], row.root)
        sent = checked_fields(fields_of(row.extras, token), fields or {})
        event = invocation_of(self._world, _new("press"), person_ref(given), place, token, sent)
        await self._deliveries.hand_over(event)

    async def command(
        self, workspace: str, channel: str, person: str, command: str, arguments: Mapping[str, str], *, root: str = ""
    ) -> None:
        """Let a person run a command.

        Raises:
            NotFound: there is no such channel for her.
            NotAllowed: she left, or the bot does not run.
        """
        given = await self._world.store.read(who_and_where, workspace, channel, person)
        place = place_ref(workspace, given["channel"], root)
        event = invoked(self._world, _new("command"), person_ref(given), place, command, arguments)
        await self._deliveries.hand_over(event)

    # What they see

    async def posts(self, workspace: str, channel: str, person: str, *, root: str | None = None) -> list[LocalPost]:
        """What a person sees in a channel, or in one of its threads.

        Raises:
            NotFound: there is no such channel for her.
        """
        return await self._world.store.read(seen_posts, workspace, channel, person, root, SHOWN_POSTS)

    async def post(self, workspace: str, post_id: str, person: str) -> LocalPost:
        """One post that a person sees.

        Raises:
            NotFound: there is no such post for her.
            NotAllowed: she left.
        """
        return as_post(await self._world.store.read(require_seen, workspace, post_id, person))

    async def people(self, workspace: str) -> list[Inhabitant]:
        """All who live in a workspace, or did."""
        return await self._world.store.read(everybody, workspace)

    async def status(self, workspace: str, channel: str, *, root: str = "") -> tuple[str, str]:
        """What the bot shows in a place: its status, and the place's title."""
        return await self._world.store.read(get_status, workspace, channel, root)

    async def _person(self, workspace: str, name: str, shown_name: str, role: str, *, active: bool) -> None:
        given = (workspace, name, shown_name, role, _new("person"))
        out = await self._world.store.write(deed_rows.settle, *given, active=active)
        if out is not None:
            await self._deliveries.deliver()

    async def _channel(self, workspace: str, name: str, kind: str, *, archived: bool) -> None:
        given = (workspace, name, kind, _new("place"))
        out = await self._world.store.write(deed_rows.make_channel, *given, archived=archived)
        if out is not None:
            await self._deliveries.deliver()

    async def _open_direct(self, workspace: str, name: str) -> None:
        await self._world.store.write(put_channel, workspace, direct_channel(name), "direct")
        await self._world.store.write(put_member, workspace, direct_channel(name), name, joined=True)

    async def _move(self, workspace: str, channel: str, person: str, *, joined: bool) -> None:
        who = await self._world.store.read(get_person, workspace, person)
        row = await self._world.store.read(get_channel, workspace, channel)
        await self._world.store.write(put_member, workspace, channel, person, joined=joined)
        if self._deliveries.running:
            # A hint: a bot that does not run remembers no audience that it would have to ask for again.
            payload = {"type": "membership", "delivery": _new("membership"), "joined": joined}
            given = deed_rows.described(who, row)
            await self._deliveries.hand_over(event_of(payload | given, ""))


def _new(deed: str) -> str:
    """The id of a new delivery."""
    return f"{deed}:{uuid4()}"


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
