"""The tables of the turns: what came in, where it belongs, what is owed, what was posted. As `bot.storage.tables`."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    ForeignKey,
    FromClause,
    Index,
    Named,
    Table,
    TypedColumns,
    UniqueConstraint,
    literal_column,
    text,
)

from bot.storage.columns import Document, Instant, Key
from bot.storage.tables import metadata

#: The states of a turn that is still owed; while one stands, its author has no other in that thread.
OPEN_STATES = ("queued", "leased", "answering")
_OPEN = text("state IN ('queued', 'leased', 'answering')")
#: The states of a job that is still to be done.
WAITING_STATES = ("queued", "running")
_WAITING = text("state IN ('queued', 'running')")


class PlaceColumns(TypedColumns):
    """A place: where talk happens. Which of its threads goes on stands here; `/new` moves it to another."""

    key: Named[int] = Column(Key, primary_key=True)
    workspace_key: Named[int] = Column(Key, ForeignKey("workspaces.key", ondelete="CASCADE"))
    id: Named[str]
    # As `threads.place_kind` and `threads.place_name`, but what is true now.
    kind: Named[str]
    name: Named[str]
    # The id of the place that it lies in, a thread's channel; "" for none.
    within: Named[str] = Column(server_default=text("''"))
    # What the adapter needs in order to find it again.
    address: Named[dict[str, Any]] = Column(Document)
    # "open", "archived" or "gone".
    state: Named[str] = Column(server_default=text("'open'"))
    thread_key: Named[int | None] = Column(Key, ForeignKey("threads.key", ondelete="SET NULL"))
    # How many conversations were begun here; from the second on it stands in the thread's id.
    generation: Named[int] = Column(server_default=text("0"))
    created_at: Named[datetime] = Column(Instant)


places = Table(
    "places",
    metadata,
    PlaceColumns,
    UniqueConstraint("workspace_key", "id"),
    Index(None, "thread_key"),
    Index(None, "workspace_key", "within"),
)


class DeliveryColumns(TypedColumns):
    """A delivery that was taken in: the same again changes nothing. Kept for days, platforms repeat within hours."""

    workspace_key: Named[int] = Column(Key, ForeignKey("workspaces.key", ondelete="CASCADE"), primary_key=True)
    id: Named[str] = Column(primary_key=True)
    received_at: Named[datetime] = Column(Instant)


deliveries_in = Table("deliveries_in", metadata, DeliveryColumns, Index(None, "received_at"))


class UtteranceColumns(TypedColumns):
    """A name of something that was said to the bot and taken in, also where nothing of it is kept. Without its text."""

    workspace_key: Named[int] = Column(Key, ForeignKey("workspaces.key", ondelete="CASCADE"), primary_key=True)
    id: Named[str] = Column(primary_key=True)
    # Who said it; None for the further names of one utterance, so that each is counted once.
    resource_key: Named[int | None] = Column(Key, ForeignKey("people.key", ondelete="SET NULL"))
    received_at: Named[datetime] = Column(Instant)


utterances = Table(
    "utterances", metadata, UtteranceColumns, Index(None, "resource_key", "received_at"), Index(None, "received_at")
)


class PendingChangeColumns(TypedColumns):
    """An edit or a deletion that came before its utterance."""

    workspace_key: Named[int] = Column(Key, ForeignKey("workspaces.key", ondelete="CASCADE"), primary_key=True)
    utterance_id: Named[str] = Column(primary_key=True)
    # None for a deletion, which wins over every edit.
    text: Named[str | None]
    # Who edited it: for what somebody else said it means nothing. None for a deletion.
    resource_id: Named[str | None]
    # The platform's time of the edit: the newest wins.
    changed_at: Named[datetime] = Column(Instant)
    received_at: Named[datetime] = Column(Instant)


pending_changes = Table("pending_changes", metadata, PendingChangeColumns, Index(None, "received_at"))


class TurnColumns(TypedColumns):
    """A turn: one answer owed to one person in one thread."""

    key: Named[int] = Column(Key, primary_key=True)
    id: Named[str] = Column(unique=True)
    workspace_key: Named[int] = Column(Key, ForeignKey("workspaces.key", ondelete="CASCADE"))
    thread_key: Named[int] = Column(Key, ForeignKey("threads.key", ondelete="CASCADE"))
    place_key: Named[int] = Column(Key, ForeignKey("places.key", ondelete="CASCADE"))
    resource_key: Named[int] = Column(Key, ForeignKey("people.key", ondelete="CASCADE"))
    # queued, leased, answering; then answered, stopped, withdrawn or failed.
    state: Named[str]
    queued_at: Named[datetime] = Column(Instant)
    # Not to be worked before this.
    ready_at: Named[datetime] = Column(Instant)
    # How often it was begun; given back without an attempt, one less.
    attempts: Named[int] = Column(server_default=text("0"))
    # Counts what changed its question since it was queued: an answer to an older one is not posted.
    revision: Named[int] = Column(server_default=text("0"))
    # How often it was begun anew for an edit or a further message.
    restarts: Named[int] = Column(server_default=text("0"))
    stop_requested: Named[bool] = Column(server_default=text("false"))
    # The stored answer; from then on the turn is only delivered.
    answer_key: Named[int | None] = Column(Key, ForeignKey("messages.key", ondelete="SET NULL"))
    closed_at: Named[datetime | None] = Column(Instant)
    # Why it ended so: the name of an error, never its text; or "removed" (the bot, from the workspace), "attempts",
    # "model", "place" (it cannot be opened).
    reason: Named[str] = Column(server_default=text("''"))
    # How many turns in a row were asked for faster than a human can read.
    haste: Named[int] = Column(server_default=text("0"))


turns = Table(
    "turns",
    metadata,
    TurnColumns,
    Index("uq_turns_open", "thread_key", "resource_key", unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN),
    Index("ix_turns_open_key", "key", sqlite_where=_OPEN, postgresql_where=_OPEN),
    Index("ix_turns_open_resource", "resource_key", sqlite_where=_OPEN, postgresql_where=_OPEN),
    Index("ix_turns_open_workspace", "workspace_key", sqlite_where=_OPEN, postgresql_where=_OPEN),
    Index(None, "thread_key", "resource_key", "key"),
    Index(None, "workspace_key"),
    Index(None, "place_key"),
    Index(None, "resource_key"),
    Index(None, "answer_key"),
    Index(None, "closed_at"),
)


def is_open(of: FromClause) -> ColumnElement[bool]:
    """That a turn is still owed, in the very words of the indexes: a state that is bound as a value finds none."""
    return of.c.state.in_([literal_column(f"'{state}'") for state in OPEN_STATES])


class TurnMessageColumns(TypedColumns):
    """A message that a turn answers."""

    message_key: Named[int] = Column(Key, ForeignKey("messages.key", ondelete="CASCADE"), primary_key=True)
    turn_key: Named[int] = Column(Key, ForeignKey("turns.key", ondelete="CASCADE"))
    # Whether the turn that is worked knows it; what is not taken when the turn ends is the next turn's.
    taken: Named[bool] = Column(server_default=text("false"))


turn_messages = Table("turn_messages", metadata, TurnMessageColumns, Index(None, "turn_key"))


class LeaseColumns(TypedColumns):
    """Who works on a thread. The fence counts the leases: who holds an older one may post nothing."""

    thread_key: Named[int] = Column(Key, ForeignKey("threads.key", ondelete="CASCADE"), primary_key=True)
    # The process; None while nobody works on the thread.
    owner: Named[str | None]
    fence: Named[int] = Column(server_default=text("0"))
    # The database's time at which it ends unless it is renewed.
    until: Named[datetime | None] = Column(Instant)


leases = Table("leases", metadata, LeaseColumns, Index(None, "owner"))


class JobColumns(TypedColumns):
    """A job: long, destructive or periodic work, or a notice to be posted. One process at a time does it."""

    key: Named[int] = Column(Key, primary_key=True)
    # What makes it the same job when it is asked for again: "housekeeping:2026-11-22T14".
    id: Named[str] = Column(unique=True)
    workspace_key: Named[int | None] = Column(Key, ForeignKey("workspaces.key", ondelete="CASCADE"))
    kind: Named[str]
    arguments: Named[dict[str, Any]] = Column(Document)
    # Who asked for it, where it was a command's; and where the report goes.
    resource_key: Named[int | None] = Column(Key, ForeignKey("people.key", ondelete="CASCADE"))
    place_key: Named[int | None] = Column(Key, ForeignKey("places.key", ondelete="CASCADE"))
    # queued or running; then done or failed.
    state: Named[str]
    queued_at: Named[datetime] = Column(Instant)
    ready_at: Named[datetime] = Column(Instant)
    attempts: Named[int] = Column(server_default=text("0"))
    owner: Named[str | None]
    fence: Named[int] = Column(server_default=text("0"))
    until: Named[datetime | None] = Column(Instant)
    # How far it is, in words.
    progress: Named[str] = Column(server_default=text("''"))
    # What is to be posted at the end; once it stands here the job is only delivered.
    report: Named[str | None]
    reason: Named[str] = Column(server_default=text("''"))
    closed_at: Named[datetime | None] = Column(Instant)


jobs = Table(
    "jobs",
    metadata,
    JobColumns,
    Index("ix_jobs_waiting", "ready_at", sqlite_where=_WAITING, postgresql_where=_WAITING),
    Index(None, "workspace_key"),
    Index(None, "resource_key"),
    Index(None, "place_key"),
    Index(None, "closed_at"),
)


def is_waiting(of: FromClause) -> ColumnElement[bool]:
    """That a job is still to be done, in the very words of the index."""
    return of.c.state.in_([literal_column(f"'{state}'") for state in WAITING_STATES])


class PostColumns(TypedColumns):
    """A post of the bot: one part of an answer or of a job's report. Recorded before it is sent and after."""

    key: Named[int] = Column(Key, primary_key=True)
    workspace_key: Named[int] = Column(Key, ForeignKey("workspaces.key", ondelete="CASCADE"))
    # `PostKey.value`.
    value: Named[str] = Column(unique=True)
    turn_key: Named[int | None] = Column(Key, ForeignKey("turns.key", ondelete="CASCADE"))
    job_key: Named[int | None] = Column(Key, ForeignKey("jobs.key", ondelete="CASCADE"))
    part: Named[int]
    # planned, sending, accepted, finished, or ambiguous: perhaps there, never sent again.
    state: Named[str]
    # The platform's id, once it said so.
    post_id: Named[str | None]
    # When it was last about to be sent.
    sent_at: Named[datetime] = Column(Instant)


posts = Table(
    "posts",
    metadata,
    PostColumns,
    UniqueConstraint("turn_key", "part"),
    UniqueConstraint("job_key", "part"),
    Index(None, "workspace_key", "post_id"),
    Index(
        "ix_posts_ambiguous",
        "workspace_key",
        sqlite_where=text("state = 'ambiguous'"),
        postgresql_where=text("state = 'ambiguous'"),
    ),
)


class FeedbackColumns(TypedColumns):
    """What a person thinks of an answer."""

    message_key: Named[int] = Column(Key, ForeignKey("messages.key", ondelete="CASCADE"), primary_key=True)
    resource_key: Named[int] = Column(Key, ForeignKey("people.key", ondelete="CASCADE"), primary_key=True)
    # "good" or "bad".
    value: Named[str]
    at: Named[datetime] = Column(Instant)


feedback = Table("feedback", metadata, FeedbackColumns, Index(None, "resource_key"))
