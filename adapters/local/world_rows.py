"""Storage functions of the local platform: its people, channels and posts, as the platform itself sees them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql

from adapters.local.tables import local_channels, local_members, local_people, local_posts
from bot.errors import NotAllowed, NotFound


@dataclass(frozen=True, slots=True)
class LocalPost:
    """What stands in a channel, as a person sees it."""

    id: str
    channel: str
    root: str
    #: "" for the bot.
    author: str
    text: str
    extras: Mapping[str, Any]
    only_for: str
    streaming: bool
    at: datetime
    edited_at: datetime | None = None
    #: Posts are in the order of their keys.
    key: int = 0


@dataclass(frozen=True, slots=True)
class NewPost:
    """A post to be made."""

    workspace: str
    channel: str
    root: str
    id: str
    author: str
    text: str
    at: datetime
    extras: Mapping[str, Any] = field(default_factory=dict)
    only_for: str = ""
    key_value: str | None = None
    streaming: bool = False


_PERSON = postgresql.insert(local_people)
_CHANNEL = postgresql.insert(local_channels)


def put_person(connection: Connection, workspace: str, name: str, shown_name: str, role: str, *, active: bool) -> None:
    """Let a person be there, or be another."""
    row = {"workspace": workspace, "name": name, "shown_name": shown_name, "role": role, "active": active}
    statement = _PERSON.on_conflict_do_update(
        index_elements=["workspace", "name"],
        set_={one: _PERSON.excluded[one] for one in ("shown_name", "role", "active")},
    )
    connection.execute(statement, row)


def put_channel(connection: Connection, workspace: str, name: str, kind: str, *, archived: bool = False) -> None:
    """Let a channel be there, or be another."""
    row = {"workspace": workspace, "name": name, "kind": kind, "archived": archived}
    statement = _CHANNEL.on_conflict_do_update(
        index_elements=["workspace", "name"], set_={one: _CHANNEL.excluded[one] for one in ("kind", "archived")}
    )
    connection.execute(statement, row)


def put_member(connection: Connection, workspace: str, channel: str, person: str, *, joined: bool) -> None:
    """Let a person be in a channel, or no longer."""
    row = {"workspace": workspace, "channel": channel, "person": person}
    if joined:
        connection.execute(postgresql.insert(local_members).on_conflict_do_nothing(), row)
        return
    mine = [local_members.c[name] == value for name, value in row.items()]
    connection.execute(delete(local_members).where(*mine))


_FIND_PERSON = select(local_people).where(
    local_people.c.workspace == bindparam("of_workspace"), local_people.c.name == bindparam("of_name")
)
_FIND_CHANNEL = select(local_channels).where(
    local_channels.c.workspace == bindparam("of_workspace"), local_channels.c.name == bindparam("of_name")
)
_MEMBERS = select(local_members.c.person).where(
    local_members.c.workspace == bindparam("of_workspace"), local_members.c.channel == bindparam("of_name")
)


def get_person(connection: Connection, workspace: str, name: str) -> Row[Any]:
    """A person.

    Raises:
        NotFound: there is none of that name.
    """
    row = connection.execute(_FIND_PERSON, {"of_workspace": workspace, "of_name": name}).one_or_none()
    if row is None:
        raise NotFound("There is nobody of that name.")
    return row


def get_channel(connection: Connection, workspace: str, name: str) -> Row[Any]:
    """A channel.

    Raises:
        NotFound: there is none of that name.
    """
    row = connection.execute(_FIND_CHANNEL, {"of_workspace": workspace, "of_name": name}).one_or_none()
    if row is None:
        raise NotFound("There is no channel of that name.")
    return row


def members_of(connection: Connection, workspace: str, channel: str) -> list[str]:
    """Who is in a channel."""
    found = connection.execute(_MEMBERS, {"of_workspace": workspace, "of_name": channel})
    return sorted(found.scalars())


def require_reader(connection: Connection, workspace: str, channel: str, person: str) -> Row[Any]:
    """A channel that this person can read.

    Raises:
        NotFound: there is no such channel for her; one that she may not see looks like a missing one.
        NotAllowed: she left.
    """
    who = get_person(connection, workspace, person)
    if not who.active:
        raise NotAllowed("Who left can neither read nor write.")
    row = get_channel(connection, workspace, channel)
    inside = row.kind == "public" and who.role != "guest"
    if not inside and person not in members_of(connection, workspace, channel):
        raise NotFound("There is no channel of that name.")
    return row


def require_writer(connection: Connection, workspace: str, channel: str, person: str) -> Row[Any]:
    """A channel that this person can write in.

    Raises:
        NotFound: there is no such channel for her.
        NotAllowed: she left, or the channel is archived.
    """
    row = require_reader(connection, workspace, channel, person)
    if row.archived:
        raise NotAllowed("The channel is archived.")
    return row


def require_seen(connection: Connection, workspace: str, post_id: str, person: str) -> Row[Any]:
    """A post that this person can read.

    Raises:
        NotFound: there is no such post for her.
        NotAllowed: she left.
    """
    row = get_post(connection, workspace, post_id)
    try:
        require_reader(connection, workspace, row.channel, person)
    except NotFound:
        raise NotFound("There is no such post.") from None
    if row.only_for not in {"", person}:
        raise NotFound("There is no such post.")
    return row


_POST = postgresql.insert(local_posts).on_conflict_do_nothing(index_elements=["workspace", "key_value"])


def make_post(connection: Connection, new: NewPost) -> str:
    """Make a post and return its id; the one that has this key already, where there is one."""
    row = {
        "workspace": new.workspace,
        "channel": new.channel,
        "root": new.root,
        "id": new.id,
        "author": new.author,
        "text": new.text,
        "extras": dict(new.extras),
        "only_for": new.only_for,
        "key_value": new.key_value,
        "streaming": new.streaming,
        "at": new.at,
    }
    made = connection.execute(_POST.returning(local_posts.c.id), row).scalar()
    return made if made is not None else find_post(connection, new.workspace, new.key_value or "") or new.id


def find_post(connection: Connection, workspace: str, key_value: str) -> str | None:
    """The id of the post with this key."""
    mine = (local_posts.c.workspace == workspace, local_posts.c.key_value == key_value)
    return connection.execute(select(local_posts.c.id).where(*mine)).scalar()


def get_post(connection: Connection, workspace: str, post_id: str) -> Row[Any]:
    """A post.

    Raises:
        NotFound: there is none, or it was deleted.
    """
    mine = (local_posts.c.workspace == workspace, local_posts.c.id == post_id, local_posts.c.deleted.is_(False))
    row = connection.execute(select(local_posts).where(*mine)).one_or_none()
    if row is None:
        raise NotFound("There is no such post.")
    return row


def change_post(connection: Connection, workspace: str, post_id: str, changes: Mapping[str, Any]) -> bool:
    """Change a post; whether there was one to change."""
    mine = (local_posts.c.workspace == workspace, local_posts.c.id == post_id, local_posts.c.deleted.is_(False))
    changed = connection.execute(update(local_posts).where(*mine).values(dict(changes)).returning(local_posts.c.key))
    return changed.scalar() is not None


#: The newest posts of a channel that one person sees, newest first.
SEEN = (
    select(local_posts)
    .where(
        local_posts.c.workspace == bindparam("of_workspace"),
        local_posts.c.channel == bindparam("of_channel"),
        local_posts.c.deleted.is_(False),
        local_posts.c.only_for.in_(["", bindparam("seen_by")]),
    )
    .order_by(local_posts.c.key.desc())
    .limit(bindparam("most"))
)
_SEEN_IN_THREAD = SEEN.where(local_posts.c.root == bindparam("of_root"))


def seen_posts(
    connection: Connection, workspace: str, channel: str, person: str, root: str | None, most: int
) -> list[LocalPost]:
    """The newest posts of a channel, or of one of its threads, that a person sees, oldest first.

    Raises:
        NotFound: there is no such channel for her.
    """
    require_reader(connection, workspace, channel, person)
    values = {"of_workspace": workspace, "of_channel": channel, "seen_by": person, "most": most}
    statement = SEEN
    if root is not None:
        statement, values = _SEEN_IN_THREAD, values | {"of_root": root}
    return [as_post(row) for row in connection.execute(statement, values).all()[::-1]]


def posts_before(
    connection: Connection, workspace: str, channel: str, root: str, before: str, most: int
) -> list[Row[Any]]:
    """What people said in a thread before one of its posts, oldest first, with their names."""
    edge = select(local_posts.c.key).where(local_posts.c.workspace == workspace, local_posts.c.id == before)
    statement = (
        select(local_posts, local_people.c.shown_name)
        .outerjoin(
            local_people,
            (local_people.c.workspace == local_posts.c.workspace) & (local_people.c.name == local_posts.c.author),
        )
        .where(
            local_posts.c.workspace == workspace,
            local_posts.c.channel == channel,
            (local_posts.c.root == root) | (local_posts.c.id == root),
            local_posts.c.key < edge.scalar_subquery(),
            local_posts.c.deleted.is_(False),
            local_posts.c.only_for == "",
        )
        .order_by(local_posts.c.key.desc())
        .limit(most)
    )
    return list(connection.execute(statement).all()[::-1])


def as_post(row: Any) -> LocalPost:
    """A row of posts, as a person sees it."""
    return LocalPost(
        row.id,
        row.channel,
        row.root,
        row.author,
        row.text,
        row.extras,
        row.only_for,
        row.streaming,
        row.at,
        row.edited_at,
        row.key,
    )
