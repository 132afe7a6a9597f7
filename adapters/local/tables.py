"""The tables of the local platform: its people, places, members, posts. What the bot knows of them stands elsewhere."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, Index, Named, Table, TypedColumns, UniqueConstraint
from sqlalchemy import text as sql

from bot.storage.columns import Document, Instant, Key
from bot.storage.tables import metadata


class LocalPersonColumns(TypedColumns):
    """An inhabitant of a local workspace."""

    workspace: Named[str] = Column(primary_key=True)
    name: Named[str] = Column(primary_key=True)
    shown_name: Named[str]
    # "member", "guest", "administrator" or "bot".
    role: Named[str] = Column(server_default=sql("'member'"))
    active: Named[bool] = Column(server_default=sql("true"))


local_people = Table("local_people", metadata, LocalPersonColumns)


class LocalChannelColumns(TypedColumns):
    """A channel of a local workspace, or a direct conversation between one person and the bot."""

    workspace: Named[str] = Column(primary_key=True)
    name: Named[str] = Column(primary_key=True)
    # As `bot.chat.PlaceKind`.
    kind: Named[str]
    archived: Named[bool] = Column(server_default=sql("false"))


local_channels = Table("local_channels", metadata, LocalChannelColumns)


class LocalMemberColumns(TypedColumns):
    """Who is in a channel."""

    workspace: Named[str] = Column(primary_key=True)
    channel: Named[str] = Column(primary_key=True)
    person: Named[str] = Column(primary_key=True)


local_members = Table("local_members", metadata, LocalMemberColumns)


class LocalPostColumns(TypedColumns):
    """What stands in a channel or in a thread below one of its posts."""

    key: Named[int] = Column(Key, primary_key=True)
    workspace: Named[str]
    channel: Named[str]
    # The post under which this one stands; "" at the channel's top.
    root: Named[str]
    id: Named[str]
    # "" for the bot.
    author: Named[str]
    text: Named[str]
    # Buttons, files, tables of the bot's posts; attachments of people's.
    extras: Named[dict[str, Any]] = Column(Document)
    # Who alone sees it; "" for everybody.
    only_for: Named[str] = Column(server_default=sql("''"))
    # `PostKey.value` of the bot's posts: one key, one post.
    key_value: Named[str | None]
    # Still growing.
    streaming: Named[bool] = Column(server_default=sql("false"))
    deleted: Named[bool] = Column(server_default=sql("false"))
    at: Named[datetime] = Column(Instant)
    edited_at: Named[datetime | None] = Column(Instant)


local_posts = Table(
    "local_posts",
    metadata,
    LocalPostColumns,
    UniqueConstraint("workspace", "id"),
    UniqueConstraint("workspace", "key_value"),
    Index(None, "workspace", "channel", "root", "key"),
)


class LocalStatusColumns(TypedColumns):
    """What the bot shows in a place, and the place's title; no row where it is idle and has none."""

    workspace: Named[str] = Column(primary_key=True)
    channel: Named[str] = Column(primary_key=True)
    root: Named[str] = Column(primary_key=True)
    status: Named[str] = Column(server_default=sql("'idle'"))
    title: Named[str] = Column(server_default=sql("''"))


local_statuses = Table("local_statuses", metadata, LocalStatusColumns)


class LocalOutboxColumns(TypedColumns):
    """What the bot has to be told, written down with what it tells of; gone when the bot has taken it in."""

    key: Named[int] = Column(Key, primary_key=True)
    payload: Named[dict[str, Any]] = Column(Document)


local_outbox = Table("local_outbox", metadata, LocalOutboxColumns)
