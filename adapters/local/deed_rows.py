"""Storage functions for what inhabitants do: the deed and what the bot is told of it, in one transaction.

What the bot is told is a payload, as a platform would send it; `inbound` reads it. It waits in the outbox until the bot
has taken it in, so that nothing is lost while the bot does not run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from adapters.local.tables import local_outbox
from adapters.local.world_rows import (
    NewPost,
    change_post,
    get_channel,
    get_person,
    make_post,
    put_channel,
    put_person,
    require_reader,
    require_seen,
    require_writer,
)
from bot.errors import NotAllowed, NotFound


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A payload on its way to the bot."""

    key: int
    payload: Mapping[str, Any]


def put_out(connection: Connection, payload: Mapping[str, Any]) -> Outgoing:
    """Write down what the bot has to be told."""
    made = connection.execute(insert(local_outbox).values(payload=dict(payload)).returning(local_outbox.c.key))
    return Outgoing(made.scalar_one(), payload)


def still_out(connection: Connection, after: int, most: int) -> list[Outgoing]:
    """What the bot has not taken in yet, in order."""
    wanted = select(local_outbox).where(local_outbox.c.key > after).order_by(local_outbox.c.key).limit(most)
    return [Outgoing(row.key, row.payload) for row in connection.execute(wanted)]


def taken_in(connection: Connection, key: int) -> None:
    """Forget what the bot has taken in."""
    connection.execute(delete(local_outbox).where(local_outbox.c.key == key))


def who_and_where(connection: Connection, workspace: str, channel: str, person: str) -> dict[str, Any]:
    """The part of a payload that says who did something in which channel.

    Raises:
        NotFound: there is no such channel for her.
        NotAllowed: she left.
    """
    row = require_reader(connection, workspace, channel, person)
    return described(get_person(connection, workspace, person), row)


def described(person: Row[Any], channel: Row[Any]) -> dict[str, Any]:
    """A person and a channel, as payloads say them."""
    return _by(person) | _in(channel)


def _by(person: Row[Any]) -> dict[str, Any]:
    shown = {"name": person.name, "shown_name": person.shown_name, "role": person.role}
    return {"workspace": person.workspace, "person": shown}


def _in(channel: Row[Any]) -> dict[str, Any]:
    return {"workspace": channel.workspace, "channel": {"name": channel.name, "kind": channel.kind}}


def say(connection: Connection, new: NewPost, replies_to: str) -> Outgoing:
    """Let a person say something.

    Raises:
        NotFound: there is no such channel, thread or post to reply to for her.
        NotAllowed: she left, or the channel is archived.
    """
    require_writer(connection, new.workspace, new.channel, new.author)
    for post_id in filter(None, (new.root, replies_to)):
        seen = require_seen(connection, new.workspace, post_id, new.author)
        if seen.channel != new.channel or (post_id == new.root and seen.root):
            raise NotFound("There is no such post.")
    make_post(connection, new)
    payload = {
        "type": "message",
        "delivery": f"message:{new.id}",
        "root": new.root,
        "post": new.id,
        "text": new.text,
        "at": new.at.isoformat(),
        "attachments": new.extras.get("attachments", []),
        "replies_to": replies_to,
    }
    return put_out(connection, payload | who_and_where(connection, new.workspace, new.channel, new.author))


def edit(
    connection: Connection, workspace: str, post_id: str, person: str, text: str, delivery: str, at: datetime
) -> Outgoing:
    """Let a person change what she said.

    Raises:
        NotFound: there is no such post for her.
        NotAllowed: it is not hers, she left, or the channel is archived.
    """
    row = _own(connection, workspace, post_id, person)
    require_writer(connection, workspace, row.channel, person)
    change_post(connection, workspace, post_id, {"text": text, "edited_at": at})
    payload = {"type": "edit", "delivery": delivery, "root": row.root, "post": post_id, "text": text}
    given = who_and_where(connection, workspace, row.channel, person)
    return put_out(connection, payload | {"at": at.isoformat()} | given)


def remove(connection: Connection, workspace: str, post_ids: Sequence[str], person: str, delivery: str) -> Outgoing:
    """Let a person delete what she said: all of it, or, where something is not hers, nothing.

    Raises:
        NotFound: there is no such post for her.
        NotAllowed: one is not hers, or she left.
    """
    for post_id in post_ids:
        _own(connection, workspace, post_id, person)
    for post_id in post_ids:
        change_post(connection, workspace, post_id, {"deleted": True, "text": "", "extras": {}})
    payload = {"type": "deletion", "delivery": delivery, "workspace": workspace, "posts": list(post_ids)}
    return put_out(connection, payload)


def _own(connection: Connection, workspace: str, post_id: str, person: str) -> Row[Any]:
    row = require_seen(connection, workspace, post_id, person)
    if row.author != person:
        raise NotAllowed("This was said by somebody else.")
    return row


def stop(connection: Connection, workspace: str, channel: str, root: str, person: str, delivery: str) -> Outgoing:
    """Let a person stop the answer that she is being given in a place.

    Raises:
        NotFound: there is no such channel for her.
        NotAllowed: she left.
    """
    payload = {"type": "stop", "delivery": delivery, "root": root}
    return put_out(connection, payload | who_and_where(connection, workspace, channel, person))


def rate(connection: Connection, workspace: str, post_id: str, person: str, value: str, delivery: str) -> Outgoing:
    """Let a person say what she thinks of an answer; it stands with the post, where she sees it again.

    Raises:
        NotFound: there is no such post for her.
        NotAllowed: she left.
    """
    row = require_seen(connection, workspace, post_id, person)
    ratings = {**row.extras.get("ratings", {}), person: value}
    change_post(connection, workspace, post_id, {"extras": {**row.extras, "ratings": ratings}})
    payload = {"type": "feedback", "delivery": delivery, "root": row.root, "post": post_id, "value": value}
    return put_out(connection, payload | who_and_where(connection, workspace, row.channel, person))


def settle(
    connection: Connection, workspace: str, name: str, shown_name: str, role: str, delivery: str, *, active: bool
) -> Outgoing | None:
    """Let a person live here, or be another; the bot is told where it may know her under what she was."""
    try:
        before = get_person(connection, workspace, name)
    except NotFound:
        before = None
    put_person(connection, workspace, name, shown_name, role, active=active)
    if before is None or (before.shown_name, before.role, before.active) == (shown_name, role, active):
        return None
    payload = {"type": "person", "delivery": delivery, "active": active}
    return put_out(connection, payload | _by(get_person(connection, workspace, name)))


def make_channel(
    connection: Connection, workspace: str, name: str, kind: str, delivery: str, *, archived: bool
) -> Outgoing | None:
    """Let a channel be there, or be another; the bot is told where it may know it as it was."""
    try:
        before = get_channel(connection, workspace, name)
    except NotFound:
        before = None
    put_channel(connection, workspace, name, kind, archived=archived)
    if before is None or (before.kind, before.archived) == (kind, archived):
        return None
    payload = {"type": "place", "delivery": delivery, "state": "archived" if archived else "open"}
    return put_out(connection, payload | _in(get_channel(connection, workspace, name)))
