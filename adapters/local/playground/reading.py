"""Reads all that one page shows, in one transaction: so that its parts fit each other."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from adapters.local.page_rows import (
    Channel,
    Inhabitant,
    PostsPage,
    channels_of,
    everybody,
    newest_key,
    news_since,
    posts_page,
    root_post,
    statuses_of,
)
from adapters.local.world_rows import LocalPost, get_person, require_reader
from bot.errors import NotAllowed

#: Posts of one page.
PAGE_POSTS = 50


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of the playground is looked at, and by whom."""

    person: str
    channel: str
    #: The post whose thread is open; "" for none.
    root: str = ""
    #: Older posts of the channel, before this key.
    before: int | None = None
    #: The own post that is being changed; "" for none.
    editing: str = ""


@dataclass(frozen=True, slots=True)
class Rows:
    """What a page shows."""

    me: Inhabitant
    here: Channel
    people: Mapping[str, Inhabitant]
    channels: tuple[Channel, ...]
    main: PostsPage
    root: LocalPost | None
    thread: PostsPage | None
    #: Status and title, by the root; "" for the channel itself.
    statuses: Mapping[str, tuple[str, str]]
    #: The newest post of each channel since the reader came.
    newest: Mapping[str, int]


def read_rows(connection: Connection, workspace: str, wanted: Wanted, since: int) -> Rows:
    """Read what a page shows.

    Raises:
        NotFound: there is no such person, no such channel for her, or no such thread there.
        NotAllowed: she left.
    """
    person, channel = wanted.person, wanted.channel
    here = require_reader(connection, workspace, channel, person)
    people = {one.name: one for one in everybody(connection, workspace)}
    channels = tuple(channels_of(connection, workspace, person))
    root = root_post(connection, workspace, channel, person, wanted.root) if wanted.root else None
    thread = posts_page(connection, workspace, channel, person, wanted.root, None, 4 * PAGE_POSTS) if root else None
    return Rows(
        people[person],
        Channel(here.name, here.kind, here.archived),
        people,
        channels,
        posts_page(connection, workspace, channel, person, "", wanted.before, PAGE_POSTS),
        root,
        thread,
        statuses_of(connection, workspace, channel),
        news_since(connection, workspace, person, [one.name for one in channels], since),
    )


def read_newest(connection: Connection, workspace: str, person: str) -> int:
    """The key of the newest post of all, for a person who is there.

    Raises:
        NotFound: there is nobody of that name.
        NotAllowed: she left, or is a bot.
    """
    who = get_person(connection, workspace, person)
    if not who.active or who.role == "bot":
        raise NotAllowed("Nobody can speak as this person any more.")
    return newest_key(connection)
