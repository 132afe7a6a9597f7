"""What one person sees of one place: read, and made into the pieces of her page."""

from dataclasses import dataclass
from typing import Any

from adapters.local.ids import person_of, resource_id, workspace_id
from adapters.local.page_rows import Channel, Inhabitant
from adapters.local.playground.bodies import FILES
from adapters.local.playground.news import Sight
from adapters.local.playground.playground import Playground
from adapters.local.playground.reading import Rows, Wanted, read_newest, read_rows
from adapters.local.playground.rendering import piece
from adapters.local.playground.session import Session
from adapters.local.playground.showing import NO_DRAFT, Draft, Reader, ShownPost, show_post, show_posts
from bot.chat import Audience, PersonRef


@dataclass(frozen=True, slots=True)
class Shown:
    """A place, as one person sees it."""

    sight: Sight
    rows: Rows
    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class Readers:
    """Who can read a place, for people."""

    sentence: str
    names: tuple[str, ...]
    guests: bool
    #: Others of the workspace can let themselves in.
    open: bool


async def look(playground: Playground, session: Session, wanted: Wanted, draft: Draft = NO_DRAFT) -> Shown:
    """See a place.

    Raises:
        NotFound: there is no such person, no such channel for her, or no such thread there.
        NotAllowed: she left.
        StorageError: the database failed.
    """
    workspace, unread, store = playground.workspace, playground.unread, playground.world.store
    newest = await store.read(read_newest, workspace, wanted.person)
    since = unread.begin(session.id, wanted.person, newest)
    rows = await store.read(read_rows, workspace, wanted, since)
    unread.saw(session.id, wanted.person, wanted.channel, max(newest, rows.newest.get(wanted.channel, 0)))
    roles = await roles_of(playground, rows.me)
    place = playground.place(rows.here.name, rows.here.kind, wanted.root)
    readers = _readers(rows, await playground.adapter.audience(place), playground.bot_name)
    news = unread.among(session.id, wanted.person, rows.newest)
    return Shown(_sight(playground, session, wanted, rows, draft, readers, roles, news), rows, roles)


async def roles_of(playground: Playground, who: Inhabitant) -> frozenset[str]:
    """What a person is to the bot, and to the local platform."""
    workspace = playground.workspace
    person = PersonRef(workspace_id(workspace), resource_id(workspace, who.name), who.shown_name)
    return await playground.roles_of(person) | ({who.role} - {"member"})


def role_shown(roles: frozenset[str]) -> str:
    """What a person is, in words."""
    named = [name for name in ("administrator", "admin", "supervisor", "guest") if name in roles]
    return ", ".join(name for name in named if not (name == "admin" and "administrator" in roles)) or "member"


def _readers(rows: Rows, audience: Audience, bot_name: str) -> Readers:
    people = sorted(
        one.shown_name for name in audience.members if (one := rows.people.get(person_of(name))) is not None
    )
    count = len(people)
    sentences = {
        "person": f"{people[0] if people else 'Nobody'} and {bot_name}",
        "members": f"{count} {'member' if count == 1 else 'members'} and {bot_name}",
        "workspace": "Everybody in the workspace",
        "unknown": "Nobody can tell at the moment",
    }
    return Readers(sentences[audience.reach], tuple(people), audience.outsiders, audience.reach == "workspace")


def channel_name(channel: Channel, bot_name: str) -> str:
    """How a channel is called on the page."""
    return bot_name if channel.kind == "direct" else f"#{channel.name}"


def _sight(
    playground: Playground,
    session: Session,
    wanted: Wanted,
    rows: Rows,
    draft: Draft,
    readers: Readers,
    roles: frozenset[str],
    news: frozenset[str],
) -> Sight:
    writable = not rows.here.archived
    token = playground.sessions.token(session)
    reader = Reader(playground.workspace, wanted.person, rows.people, playground.bot_name, token, writable)
    common: dict[str, Any] = {
        "wanted": wanted, "rows": rows, "here": rows.here, "bot_name": playground.bot_name, "token": token,
        "mention": playground.mention, "title": channel_name(rows.here, playground.bot_name), "files": FILES,
    }  # fmt: skip
    regions = {
        "sidebar": piece("sidebar.html", news=news, role=role_shown(roles), supervises="supervisor" in roles, **common),
        "notice": piece("notice.html", running=playground.adapter.running, **common),
        "head": piece("head.html", readers=readers, **common),
        "older": piece("older.html", **common),
        "empty": piece("empty.html", suggestions=_suggestions(playground, rows), **common),
        "below-main": _below(rows, "", "main", common),
        "composer-main": piece("composer.html", where="main", root="", draft=draft, **common),
    }
    posts = show_posts(
        rows.main, reader, top=rows.here.kind != "direct", editing="" if wanted.root else wanted.editing, draft=draft
    )
    lists = {"posts-main": _pieces(posts, "main", common)}
    if rows.root is not None and rows.thread is not None:
        top = show_post(rows.root, reader, None, top=False, editing=wanted.editing, draft=draft)
        replies = show_posts(rows.thread, reader, top=False, editing=wanted.editing, draft=draft)
        lists["posts-thread"] = _pieces([top, *replies], "thread", common)
        regions["thread-head"] = piece("thread_head.html", **common)
        regions["below-thread"] = _below(rows, wanted.root, "thread", common)
        regions["composer-thread"] = piece("composer.html", where="thread", root=wanted.root, draft=draft, **common)
    return Sight(regions, lists)


def _pieces(posts: list[ShownPost], where: str, common: dict[str, Any]) -> dict[str, str]:
    return {f"{where}-{one.post.id}": piece("post.html", one=one, where=where, **common) for one in posts}


def _below(rows: Rows, root: str, where: str, common: dict[str, Any]) -> str:
    page = rows.thread if root else rows.main
    growing = page is not None and any(post.streaming for post in page.posts)
    status, _title = rows.statuses.get(root, ("idle", ""))
    shown = "writing" if growing else status
    return piece("below.html", status=shown, where=where, root=root, **common)


def _suggestions(playground: Playground, rows: Rows) -> list[tuple[str, str]]:
    """What one click says: a label and a text."""
    if rows.here.archived or rows.main.posts:
        return []
    if rows.here.kind != "direct":
        asked = "What has been said here about the launch?"
        return [(asked, f"@{playground.mention} {asked}")]
    typed = [command.name for command in playground.registry if command.typed]
    questions = ["What can you do for me?", "Remind me what we talked about last time."]
    commands = [f"/{name}" for name in ("help", "privacy") if name in typed]
    return [(text, text) for text in (*questions, *commands)]
