"""The local platform: places and people in the bot's own database, for the playground and for tests."""

from base64 import b64decode
from collections.abc import Sequence

from adapters.local.conversation import LocalConversation, World
from adapters.local.deliveries import Deliveries
from adapters.local.ids import PLATFORM, direct_channel, person_of, resource_id, workspace_of
from adapters.local.inbound import place_ref
from adapters.local.inhabitants import Inhabitants
from adapters.local.world_rows import get_channel, get_person, get_post, members_of
from bot.chat import Attachment, Audience, Conversation, PersonRef, PlaceRef, Profile, Receive, Reply
from bot.commands.declaration import Registry
from bot.errors import NotFound, PostRefused, StorageError


class LocalAdapter(Inhabitants):
    """The local platform; see `bot.chat.Adapter`. What its people do is in `Inhabitants`.

    Args:
        world: what the platform is made of.
        bot: the name by which people mention the bot.
        registry: the commands that can be typed as messages.
    """

    platform = PLATFORM

    def __init__(self, world: World, bot: str = "keeper", registry: Registry | None = None) -> None:
        super().__init__(world, Deliveries(world, bot, registry or Registry(())))

    @property
    def running(self) -> bool:
        """Whether it receives."""
        return self._deliveries.running

    async def run(self, receive: Receive) -> None:
        await self._deliveries.run(receive)

    def conversation(self, place: PlaceRef, person: PersonRef | None = None) -> Conversation:
        del person  # everybody who sees a place sees it alike
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
        row = await self._world.store.read(get_person, workspace, _name_of(person))
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
            row = await self._world.store.read(get_person, workspace, _name_of(person))
        except NotFound as error:
            raise PostRefused("There is nobody of that name.") from error
        if not row.active or row.role == "bot":
            raise PostRefused("This person cannot be written to.")
        await self._open_direct(workspace, name)
        return place_ref(workspace, {"name": direct_channel(name), "kind": "direct"}, "")

    def channel(self, place: PlaceRef) -> PlaceRef:
        channel = {"name": place.address["channel"], "kind": place.kind}
        return place_ref(workspace_of(place.workspace_id), channel, "")

    async def publish_home(self, person: PersonRef, view: Sequence[Reply]) -> None:
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


def _name_of(person: PersonRef) -> str:
    """The name of a person of this workspace.

    Raises:
        NotFound: the id is another workspace's, or none at all.
    """
    name = person_of(person.resource_id)
    if person.resource_id != f"{person.workspace_id}:{name}":
        raise NotFound("There is nobody of that name.")
    return name
