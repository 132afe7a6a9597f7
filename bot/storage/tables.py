"""The tables. Rows are values; what they mean stands beside each column whose name cannot carry it.

Ids are what people and platforms see (text, unique within a workspace); keys are what rows join on (integers, never
shown). `message_search` is made by the migrations in each engine's own form and stands in `bot.storage.search`.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    Named,
    Table,
    TypedColumns,
    UniqueConstraint,
)
from sqlalchemy import text as sql

from bot.storage.columns import Document, Instant, Key

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class WorkspaceColumns(TypedColumns):
    """A workspace: the tenant. Nothing of one is ever visible in another."""

    key: Named[int] = Column(Key, primary_key=True)
    id: Named[str] = Column(unique=True)
    created_at: Named[datetime] = Column(Instant)
    # Since when the platform no longer lets the bot in; None while it does.
    removed_at: Named[datetime | None] = Column(Instant)


workspaces = Table("workspaces", metadata, WorkspaceColumns)


class DisclosureColumns(TypedColumns):
    """What the people of a workspace were told about who may read their words, one row each time that it changed."""

    workspace_key: Named[int] = Column(Key, ForeignKey("workspaces.key", ondelete="CASCADE"), primary_key=True)
    version: Named[int] = Column(primary_key=True, autoincrement=False)
    # Whose conversations supervisors may read: "off", "channels" or "all" (direct messages included).
    supervision: Named[str]
    # How many days messages are kept (0: until they are deleted), and whose model writes the answers.
    retention_days: Named[int] = Column(server_default=sql("0"))
    provider: Named[str] = Column(server_default=sql("''"))
    created_at: Named[datetime] = Column(Instant)


disclosures = Table("disclosures", metadata, DisclosureColumns)


class PersonColumns(TypedColumns):
    """A person, also called resource: one human in one workspace."""

    key: Named[int] = Column(Key, primary_key=True)
    workspace_key: Named[int] = Column(Key, ForeignKey("workspaces.key", ondelete="CASCADE"))
    resource_id: Named[str]
    # The name that the platform shows; never a key.
    name: Named[str] = Column(server_default=sql("''"))
    # How the audit names this person; random, so that erasing this row makes the audit anonymous.
    subject_id: Named[str] = Column(unique=True)
    created_at: Named[datetime] = Column(Instant)
    # The newest disclosure that she was told of; None before the first.
    told_version: Named[int | None]
    # What she chose: False is "answer me, but keep nothing".
    keeps: Named[bool] = Column(server_default=sql("true"))
    # Since when the platform says that she left; None while she is here.
    left_at: Named[datetime | None] = Column(Instant)
    # The `audit.seq` up to which she was told who read her conversations.
    told_readings: Named[int] = Column(server_default=sql("0"))


people = Table("people", metadata, PersonColumns, UniqueConstraint("workspace_key", "resource_id"))


class ThreadColumns(TypedColumns):
    """A thread: one stored conversation."""

    key: Named[int] = Column(Key, primary_key=True)
    workspace_key: Named[int] = Column(Key, ForeignKey("workspaces.key", ondelete="CASCADE"))
    id: Named[str]
    owner_key: Named[int] = Column(Key, ForeignKey("people.key", ondelete="CASCADE"))
    title: Named[str]
    # Who gave the title: "" (nobody yet), "question", "model" or "person". A person's is never overwritten.
    title_source: Named[str]
    metadata_: Named[dict[str, Any]] = Column("metadata", Document, key="metadata_")
    # Where the talk happens: "direct" (one person and the bot), "private" or "public", and the place's name.
    place_kind: Named[str]
    place_name: Named[str]
    # The id of the channel in which it lies, as supervisors' scopes name it; "" for direct ones, and where unknown.
    channel_id: Named[str] = Column(server_default=sql("''"))
    created_at: Named[datetime] = Column(Instant)
    updated_at: Named[datetime] = Column(Instant)
    last_message_at: Named[datetime | None] = Column(Instant)
    # The next message's `seq`. Counted here so that the row's lock orders writers.
    next_seq: Named[int] = Column(server_default=sql("1"))
    message_count: Named[int] = Column(server_default=sql("0"))
    # Where the prompt's window begins: {"before": microseconds, "ids": [...]}; see bot/memory/boundary.py.
    window_boundary: Named[dict[str, Any] | None] = Column(Document)


threads = Table(
    "threads",
    metadata,
    ThreadColumns,
    UniqueConstraint("workspace_key", "id"),
    Index(None, "owner_key"),
    Index(None, "workspace_key", "created_at", "key"),
)


class ParticipantColumns(TypedColumns):
    """A participant: a person who talks in a thread and has it in the own list. The owner is one."""

    resource_key: Named[int] = Column(Key, ForeignKey("people.key", ondelete="CASCADE"), primary_key=True)
    thread_key: Named[int] = Column(Key, ForeignKey("threads.key", ondelete="CASCADE"), primary_key=True)
    # The thread's own, which never changes: a person's list is read from this index alone.
    thread_created_at: Named[datetime] = Column(Instant)
    joined_at: Named[datetime] = Column(Instant)


participants = Table(
    "participants",
    metadata,
    ParticipantColumns,
    Index(None, "resource_key", "thread_created_at", "thread_key"),
    Index(None, "thread_key"),
)


class MessageColumns(TypedColumns):
    """One message of a thread. Order is (sent_at, seq), everywhere."""

    key: Named[int] = Column(Key, primary_key=True)
    workspace_key: Named[int] = Column(Key, ForeignKey("workspaces.key", ondelete="CASCADE"))
    thread_key: Named[int] = Column(Key, ForeignKey("threads.key", ondelete="CASCADE"))
    seq: Named[int]
    id: Named[str]
    # Whose words these are; for an answer, whom it answers.
    resource_key: Named[int] = Column(Key, ForeignKey("people.key", ondelete="CASCADE"))
    role: Named[str]
    text: Named[str]
    metadata_: Named[dict[str, Any]] = Column("metadata", Document, key="metadata_")
    # For an answer: "answered", "cut" (ended early) or "failed" (the text says why); "" for everything else.
    outcome: Named[str] = Column(server_default=sql("''"))
    sent_at: Named[datetime] = Column(Instant)
    edited_at: Named[datetime | None] = Column(Instant)
    # The version of `disclosures` that its author had been told of when this was said; 0: none.
    disclosure: Named[int]
    # When it came into this database: retention counts from here, so that imported history is not gone at once.
    stored_at: Named[datetime] = Column(Instant, server_default=sql("0"))
    # Off the record: erased, with its answer, as soon as it is answered; no supervisor ever sees it.
    off_record: Named[bool] = Column(server_default=sql("false"))


messages = Table(
    "messages",
    metadata,
    MessageColumns,
    UniqueConstraint("workspace_key", "id"),
    Index(None, "thread_key", "sent_at", "seq"),
    # Hardly ever is there any: they are found, and counted, without looking at the others.
    Index(
        "ix_messages_off_record",
        "thread_key",
        "resource_key",
        sqlite_where=sql("off_record = 1"),
        postgresql_where=sql("off_record"),
    ),
    Index(None, "resource_key", "sent_at", "key"),
    Index(None, "workspace_key", "stored_at"),
)


class UsageColumns(TypedColumns):
    """What one turn cost."""

    key: Named[int] = Column(Key, primary_key=True)
    workspace_key: Named[int] = Column(Key, ForeignKey("workspaces.key", ondelete="CASCADE"))
    resource_key: Named[int] = Column(Key, ForeignKey("people.key", ondelete="CASCADE"))
    # The answer that was paid for; kept after the answer is deleted.
    message_key: Named[int | None] = Column(Key, ForeignKey("messages.key", ondelete="SET NULL"))
    at: Named[datetime] = Column(Instant)
    model: Named[str]
    prompt_tokens: Named[int]
    completion_tokens: Named[int]
    estimated: Named[bool]
    model_calls: Named[int]


usage = Table(
    "usage",
    metadata,
    UsageColumns,
    Index(None, "resource_key", "at"),
    Index(None, "workspace_key", "at"),
    Index(None, "message_key"),
)


class AuditColumns(TypedColumns):
    """One privileged act, written before its result is shown. Never changed, never deleted with a person.

    Each row is chained to the one before it in its workspace; see `bot.access.chain`.
    """

    key: Named[int] = Column(Key, primary_key=True)
    workspace_key: Named[int] = Column(Key, ForeignKey("workspaces.key"))
    # Counts the rows of a workspace from 1.
    seq: Named[int]
    at: Named[datetime] = Column(Instant)
    # `people.subject_id` of the one who acts, and as what: "supervisor", "admin", "operator", "person" or "system".
    actor_id: Named[str]
    actor_kind: Named[str]
    action: Named[str]
    # `people.subject_id` of the person whom it is about; None where there is no such person.
    subject_id: Named[str | None]
    # Which conversation, as a keyed digest that tells nothing; "" for none.
    object_id: Named[str] = Column(server_default=sql("''"))
    # "done" or "refused".
    outcome: Named[str] = Column(server_default=sql("'done'"))
    # The reason's category, which the person is shown, and the note, which stands here alone.
    category: Named[str] = Column(server_default=sql("''"))
    note: Named[str] = Column(server_default=sql("''"))
    # The chain: 64 hexadecimal digits.
    digest: Named[str]


audit = Table(
    "audit",
    metadata,
    AuditColumns,
    UniqueConstraint("workspace_key", "seq"),
    Index(None, "subject_id", "key"),
)


class AuditHeadColumns(TypedColumns):
    """The end of a workspace's audit. Whoever writes the next row locks it."""

    workspace_key: Named[int] = Column(Key, ForeignKey("workspaces.key"), primary_key=True)
    seq: Named[int]
    digest: Named[str]


audit_heads = Table("audit_heads", metadata, AuditHeadColumns)


# Who may do what, and what a workspace has chosen.


class RoleColumns(TypedColumns):
    """A role that a person has beyond being a member."""

    resource_key: Named[int] = Column(Key, ForeignKey("people.key", ondelete="CASCADE"), primary_key=True)
    # "supervisor" or "admin".
    role: Named[str] = Column(primary_key=True)
    # Where it comes from: "platform" (owners and administrators there), "settings" (ADMINS) or "granted" (by an admin).
    source: Named[str] = Column(primary_key=True)
    workspace_key: Named[int] = Column(Key, ForeignKey("workspaces.key", ondelete="CASCADE"))
    granted_at: Named[datetime] = Column(Instant)


roles = Table("roles", metadata, RoleColumns, Index(None, "workspace_key", "role"))


class ScopeColumns(TypedColumns):
    """Whom a supervisor may read, one row for each permission; without any she reads nobody."""

    resource_key: Named[int] = Column(Key, ForeignKey("people.key", ondelete="CASCADE"), primary_key=True)
    # "everyone", "person" (value: a resource id) or "channel" (value: a channel's id).
    kind: Named[str] = Column(primary_key=True)
    value: Named[str] = Column(primary_key=True)
    workspace_key: Named[int] = Column(Key, ForeignKey("workspaces.key", ondelete="CASCADE"))
    granted_at: Named[datetime] = Column(Instant)


scopes = Table("scopes", metadata, ScopeColumns, Index(None, "workspace_key"))


class WorkspaceSettingsColumns(TypedColumns):
    """What a workspace's admins chose, one row each time that they changed it; the newest holds."""

    workspace_key: Named[int] = Column(Key, ForeignKey("workspaces.key", ondelete="CASCADE"), primary_key=True)
    version: Named[int] = Column(primary_key=True, autoincrement=False)
    values_: Named[dict[str, Any]] = Column("values", Document, key="values_")
    # `people.subject_id` of whoever changed it.
    changed_by: Named[str]
    changed_at: Named[datetime] = Column(Instant)


workspace_settings = Table("workspace_settings", metadata, WorkspaceSettingsColumns)


class HeldColumns(TypedColumns):
    """A message that waits, unread, until its author has been told what is kept, and chose; gone after a day."""

    key: Named[int] = Column(Key, primary_key=True)
    workspace_key: Named[int] = Column(Key, ForeignKey("workspaces.key", ondelete="CASCADE"))
    resource_key: Named[int] = Column(Key, ForeignKey("people.key", ondelete="CASCADE"))
    utterance_id: Named[str]
    # The event, as `bot.turns.held_events` writes it.
    event: Named[dict[str, Any]] = Column(Document)
    received_at: Named[datetime] = Column(Instant)


held = Table(
    "held",
    metadata,
    HeldColumns,
    UniqueConstraint("workspace_key", "utterance_id"),
    Index(None, "resource_key", "key"),
    Index(None, "received_at"),
)


class ErasureColumns(TypedColumns):
    """That something was erased, and how much; what it was stands nowhere."""

    key: Named[int] = Column(Key, primary_key=True)
    workspace_key: Named[int] = Column(Key, ForeignKey("workspaces.key", ondelete="CASCADE"))
    # The certificate's number.
    id: Named[str] = Column(unique=True)
    # `people.subject_id` of the one whose it was, which is nobody's any more once she is erased.
    subject_id: Named[str]
    # "message", "conversation" or "everything".
    extent: Named[str]
    # How many rows of which table: {"messages": 3, ...}.
    counts: Named[dict[str, Any]] = Column(Document)
    at: Named[datetime] = Column(Instant)
    # When it was gone from the files too, not from the tables alone.
    scrubbed_at: Named[datetime | None] = Column(Instant)


erasures = Table("erasures", metadata, ErasureColumns, Index(None, "workspace_key"))


# What follows is laid for recall, facts and condensations (docs/architecture.md, "What comes later"). Deleting a
# message takes along what rests on it.


class FactColumns(TypedColumns):
    """A short statement about a person, read and written for that person alone."""

    key: Named[int] = Column(Key, primary_key=True)
    workspace_key: Named[int] = Column(Key, ForeignKey("workspaces.key", ondelete="CASCADE"))
    resource_key: Named[int] = Column(Key, ForeignKey("people.key", ondelete="CASCADE"))
    id: Named[str]
    text: Named[str]
    created_at: Named[datetime] = Column(Instant)
    updated_at: Named[datetime] = Column(Instant)


facts = Table(
    "facts", metadata, FactColumns, UniqueConstraint("workspace_key", "id"), Index(None, "resource_key", "key")
)


class FactSourceColumns(TypedColumns):
    """A message that a fact rests on. A fact without sources is deleted."""

    fact_key: Named[int] = Column(Key, ForeignKey("facts.key", ondelete="CASCADE"), primary_key=True)
    message_key: Named[int] = Column(Key, ForeignKey("messages.key", ondelete="CASCADE"), primary_key=True)


fact_sources = Table("fact_sources", metadata, FactSourceColumns, Index(None, "message_key"))


class VectorColumns(TypedColumns):
    """An embedding of one message by one model: little-endian 32-bit floats."""

    message_key: Named[int] = Column(Key, ForeignKey("messages.key", ondelete="CASCADE"), primary_key=True)
    model: Named[str] = Column(primary_key=True)
    dimensions: Named[int]
    vector: Named[bytes] = Column(LargeBinary)


vectors = Table("vectors", metadata, VectorColumns)


class LedgerColumns(TypedColumns):
    """What an answer was based on: one row for each message that stood in its prompt."""

    answer_key: Named[int] = Column(Key, ForeignKey("messages.key", ondelete="CASCADE"), primary_key=True)
    source_key: Named[int] = Column(Key, ForeignKey("messages.key", ondelete="CASCADE"), primary_key=True)


ledger = Table("ledger", metadata, LedgerColumns, Index(None, "source_key"))


class CondensationColumns(TypedColumns):
    """A shorter text in place of a thread's messages up to `up_to_seq`."""

    thread_key: Named[int] = Column(Key, ForeignKey("threads.key", ondelete="CASCADE"), primary_key=True)
    up_to_seq: Named[int] = Column(primary_key=True, autoincrement=False)
    text: Named[str]
    model: Named[str]
    created_at: Named[datetime] = Column(Instant)


condensations = Table("condensations", metadata, CondensationColumns)
