"""Storage functions that read what a page of the playground shows: places, posts by page, who is there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, bindparam, func, or_, select

from adapters.local.tables import local_channels, local_members, local_people, local_posts, local_statuses
from adapters.local.world_rows import SEEN, LocalPost, as_post, get_person, require_reader, require_seen
from bot.errors import NotFound


@dataclass(frozen=True, slots=True)
class Inhabitant:
    """A person, or a bot, of a local workspace."""

    name: str
    shown_name: str
    #: "member", "guest", "administrator" or "bot".
    role: str
    active: bool


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel that a person can read."""

    name: str
    kind: str
    archived: bool


@dataclass(frozen=True, slots=True)
class PostsPage:
    """Some posts of a channel or a thread, oldest first."""

    posts: tuple[LocalPost, ...]
    #: Of each post with a thread below it: how many posts stand there, and when the newest came.
    threads: Mapping[str, tuple[int, datetime]]
    #: The key before which older posts are; None where these are the oldest.
    older: int | None


def everybody(connection: Connection, workspace: str) -> list[Inhabitant]:
    """All who live in a workspace or did, by their shown names."""
    wanted = select(local_people).where(local_people.c.workspace == workspace)
    rows = connection.execute(wanted.order_by(local_people.c.shown_name, local_people.c.name))
    return [Inhabitant(row.name, row.shown_name, row.role, row.active) for row in rows]


def channels_of(connection: Connection, workspace: str, person: str) -> list[Channel]:
    """The channels that a person can read, by their names.

    Raises:
        NotFound: there is no such person.
    """
    who = get_person(connection, workspace, person)
    if not who.active:
        return []
    inside = select(local_members.c.channel).where(
        local_members.c.workspace == workspace, local_members.c.person == person
    )
    open_to_her: ColumnElement[bool] = local_channels.c.name.in_(inside)
    if who.role != "guest":
        open_to_her = or_(open_to_her, local_channels.c.kind == "public")
    wanted = select(local_channels).where(local_channels.c.workspace == workspace, open_to_her)
    return [Channel(row.name, row.kind, row.archived) for row in connection.execute(wanted.order_by("name"))]


_BEFORE = SEEN.where(local_posts.c.root == bindparam("of_root"), local_posts.c.key < bindparam("before"))
_THREADS = (
    select(local_posts.c.root, func.count().label("posts"), func.max(local_posts.c.at).label("newest"))
    .where(
        local_posts.c.workspace == bindparam("of_workspace"),
        local_posts.c.channel == bindparam("of_channel"),
        local_posts.c.root.in_(bindparam("roots", expanding=True)),
        local_posts.c.deleted.is_(False),
        local_posts.c.only_for.in_(["", bindparam("seen_by")]),
    )
    .group_by(local_posts.c.root)
)
#: Above every key.
_NEWEST = 2**62


def posts_page(
    connection: Connection, workspace: str, channel: str, person: str, root: str, before: int | None, most: int
) -> PostsPage:
    """Posts at a channel's top, or below one of its posts, as a person sees them: the newest, or those before a key.

    Raises:
        NotFound: there is no such channel for her.
        NotAllowed: she left.
    """
    require_reader(connection, workspace, channel, person)
    values = {"of_workspace": workspace, "of_channel": channel, "seen_by": person}
    edge = {"of_root": root, "before": _NEWEST if before is None else before, "most": most + 1}
    rows = connection.execute(_BEFORE, values | edge).all()
    posts = tuple(as_post(row) for row in reversed(rows[:most]))
    older = posts[0].key if len(rows) > most else None
    found = connection.execute(_THREADS, values | {"roots": [post.id for post in posts]}) if not root else ()
    return PostsPage(posts, {row.root: (row.posts, row.newest) for row in found}, older)


def root_post(connection: Connection, workspace: str, channel: str, person: str, root: str) -> LocalPost:
    """The post at the top of a thread.

    Raises:
        NotFound: there is no such post for her at the top of this channel.
        NotAllowed: she left.
    """
    row = require_seen(connection, workspace, root, person)
    if row.channel != channel or row.root:
        raise NotFound("There is no such post.")
    return as_post(row)


def statuses_of(connection: Connection, workspace: str, channel: str) -> dict[str, tuple[str, str]]:
    """What the bot shows in a channel and in its threads: status and title, by the root."""
    wanted = select(local_statuses).where(local_statuses.c.workspace == workspace, local_statuses.c.channel == channel)
    return {row.root: (row.status, row.title) for row in connection.execute(wanted)}


def newest_key(connection: Connection) -> int:
    """The key of the newest post of all."""
    return connection.execute(select(func.max(local_posts.c.key))).scalar() or 0


def news_since(
    connection: Connection, workspace: str, person: str, channels: Sequence[str], since: int
) -> dict[str, int]:
    """In which of these channels others said something that a person sees after a key, and the newest key there."""
    wanted = (
        select(local_posts.c.channel, func.max(local_posts.c.key).label("newest"))
        .where(
            local_posts.c.key > since,
            local_posts.c.workspace == workspace,
            local_posts.c.channel.in_(channels),
            local_posts.c.deleted.is_(False),
            local_posts.c.only_for.in_(["", person]),
            local_posts.c.author != person,
        )
        .group_by(local_posts.c.channel)
    )
    return {row.channel: row.newest for row in connection.execute(wanted)}
