"""A post as its template shows it to one person. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from markupsafe import Markup

from adapters.local.ids import resource_id
from adapters.local.page_rows import Inhabitant, PostsPage
from adapters.local.playground.words import shown
from adapters.local.world_rows import LocalPost


@dataclass(frozen=True, slots=True)
class Reader:
    """To whom posts are shown, and what the templates need to know of it."""

    workspace: str
    me: str
    people: Mapping[str, Inhabitant]
    bot_name: str
    #: What each form bears.
    token: str
    writable: bool


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody sent that could not be taken: it is shown again, with what is wrong."""

    #: The post whose form it is; "" for what was written in a place's composer.
    post_id: str
    fields: Mapping[str, str]
    problem: str
    #: The field that is wrong; "" for the whole.
    field: str = ""


NO_DRAFT = Draft("-", {}, "")


@dataclass(frozen=True, slots=True)
class Replies:
    """The thread below a post."""

    count: int
    newest: datetime


@dataclass(frozen=True, slots=True)
class ShownPost:
    """A post, ready for its template."""

    post: LocalPost
    name: str
    #: What stands beside the name: "AI", "guest", "left".
    badge: str
    mine: bool
    body: Markup
    #: In the list of a channel's top: the thread below it, if there is one.
    replies: Replies | None
    #: A thread may be opened below it.
    opens: bool
    editing: bool
    rating: str
    form: Mapping[str, Any] | None
    draft: Draft
    #: The same author goes on.
    continued: bool
    #: It was a form, and another was opened since.
    closed: bool = False


_SOON = 300


def show_posts(page: PostsPage, reader: Reader, *, top: bool, editing: str, draft: Draft) -> list[ShownPost]:
    """The posts of a page.

    Args:
        page: what stands there.
        reader: who looks.
        top: they stand at a channel's top, where threads open below them.
        editing: the post that is being changed.
        draft: what was sent in vain.
    """
    found: list[ShownPost] = []
    before: LocalPost | None = None
    newest = next((post.id for post in reversed(page.posts) if "form" in post.extras), "")
    for post in page.posts:
        continued = before is not None and _goes_on(before, post)
        replies = Replies(*page.threads[post.id]) if post.id in page.threads else None
        shown_post = show_post(post, reader, replies, top=top, editing=editing, draft=draft, continued=continued)
        # One form is open at a time, as everywhere: the newest, or the one that was just sent in vain.
        if shown_post.form is not None and post.id not in {newest, draft.post_id}:
            shown_post = replace(shown_post, form=None, closed=True, body=shown(post.text, breaks=False))
        found.append(shown_post)
        before = post
    return found


def show_post(
    post: LocalPost,
    reader: Reader,
    replies: Replies | None,
    *,
    top: bool,
    editing: str = "",
    draft: Draft = NO_DRAFT,
    continued: bool = False,
) -> ShownPost:
    """One post, for its reader."""
    who = reader.people.get(post.author)
    mine = post.author == reader.me
    return ShownPost(
        post,
        reader.bot_name if not post.author else post.author if who is None else who.shown_name,
        _badge(post, who),
        mine,
        Markup() if "form" in post.extras else shown(post.text, breaks=bool(post.author)),
        replies,
        opens=top and not post.only_for,
        editing=mine and post.id == editing and reader.writable,
        rating=post.extras.get("ratings", {}).get(reader.me, "none"),
        form=_form(post, reader),
        draft=draft if draft.post_id == post.id else NO_DRAFT,
        continued=continued,
    )


def _goes_on(before: LocalPost, post: LocalPost) -> bool:
    alike = (before.author, before.only_for) == (post.author, post.only_for)
    return alike and (post.at - before.at).total_seconds() < _SOON


def _badge(post: LocalPost, who: Inhabitant | None) -> str:
    if not post.author:
        return "AI"
    if who is None or not who.active:
        return "left"
    return {"guest": "guest", "bot": "bot"}.get(who.role, "")


def _form(post: LocalPost, reader: Reader) -> Mapping[str, Any] | None:
    form = post.extras.get("form")
    if form is None:
        return None
    fields = [{**field, "choices": _choices(field, reader)} for field in form["fields"]]
    return {**form, "fields": fields}


def _choices(field: Mapping[str, Any], reader: Reader) -> Sequence[Sequence[str]]:
    if field["kind"] != "person":
        return list(field["choices"])
    people = [one for one in reader.people.values() if one.role != "bot"]
    return [
        (resource_id(reader.workspace, one.name), one.shown_name + ("" if one.active else " (left)")) for one in people
    ]
