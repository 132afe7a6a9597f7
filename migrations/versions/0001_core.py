"""The core: workspaces, people, threads, messages, search, usage, disclosures, audit."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from bot.storage.search import create_search, drop_search

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "workspaces",
        sa.Column("key", KEY, nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_workspaces")),
        sa.UniqueConstraint("id", name=op.f("uq_workspaces_id")),
    )
    op.create_table(
        "audit",
        sa.Column("key", KEY, nullable=False),
        sa.Column("workspace_key", KEY, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor_id", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("subject_id", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_key"], ["workspaces.key"], name=op.f("fk_audit_workspace_key_workspaces")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_audit")),
    )
    op.create_index(op.f("ix_audit_subject_id_key"), "audit", ["subject_id", "key"], unique=False)
    op.create_index(op.f("ix_audit_workspace_key_key"), "audit", ["workspace_key", "key"], unique=False)
    op.create_table(
        "disclosures",
        sa.Column("workspace_key", KEY, nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("supervision", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_key"],
            ["workspaces.key"],
            name=op.f("fk_disclosures_workspace_key_workspaces"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("workspace_key", "version", name=op.f("pk_disclosures")),
    )
    op.create_table(
        "people",
        sa.Column("key", KEY, nullable=False),
        sa.Column("workspace_key", KEY, nullable=False),
        sa.Column("resource_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), server_default=sa.text("''"), nullable=False),
        sa.Column("subject_id", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_key"], ["workspaces.key"], name=op.f("fk_people_workspace_key_workspaces"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_people")),
        sa.UniqueConstraint("subject_id", name=op.f("uq_people_subject_id")),
        sa.UniqueConstraint("workspace_key", "resource_id", name=op.f("uq_people_workspace_key_resource_id")),
    )
    op.create_table(
        "threads",
        sa.Column("key", KEY, nullable=False),
        sa.Column("workspace_key", KEY, nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("owner_key", KEY, nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("title_source", sa.String(), nullable=False),
        sa.Column("metadata", DOCUMENT, nullable=False),
        sa.Column("place_kind", sa.String(), nullable=False),
        sa.Column("place_name", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("last_message_at", sa.BigInteger(), nullable=True),
        sa.Column("next_seq", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("message_count", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("window_boundary", DOCUMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["owner_key"], ["people.key"], name=op.f("fk_threads_owner_key_people"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_key"], ["workspaces.key"], name=op.f("fk_threads_workspace_key_workspaces"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_threads")),
        sa.UniqueConstraint("workspace_key", "id", name=op.f("uq_threads_workspace_key_id")),
    )
    op.create_index(op.f("ix_threads_owner_key"), "threads", ["owner_key"], unique=False)
    op.create_index(
        op.f("ix_threads_workspace_key_created_at_key"), "threads", ["workspace_key", "created_at", "key"], unique=False
    )
    op.create_table(
        "messages",
        sa.Column("key", KEY, nullable=False),
        sa.Column("workspace_key", KEY, nullable=False),
        sa.Column("thread_key", KEY, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("resource_key", KEY, nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("metadata", DOCUMENT, nullable=False),
        sa.Column("outcome", sa.String(), server_default=sa.text("''"), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=False),
        sa.Column("edited_at", sa.BigInteger(), nullable=True),
        sa.Column("disclosure", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resource_key"], ["people.key"], name=op.f("fk_messages_resource_key_people"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["thread_key"], ["threads.key"], name=op.f("fk_messages_thread_key_threads"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_key"], ["workspaces.key"], name=op.f("fk_messages_workspace_key_workspaces"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_messages")),
        sa.UniqueConstraint("workspace_key", "id", name=op.f("uq_messages_workspace_key_id")),
    )
    op.create_index(
        op.f("ix_messages_resource_key_sent_at_key"), "messages", ["resource_key", "sent_at", "key"], unique=False
    )
    op.create_index(
        op.f("ix_messages_thread_key_sent_at_seq"), "messages", ["thread_key", "sent_at", "seq"], unique=False
    )
    op.create_table(
        "participants",
        sa.Column("resource_key", KEY, nullable=False),
        sa.Column("thread_key", KEY, nullable=False),
        sa.Column("thread_created_at", sa.BigInteger(), nullable=False),
        sa.Column("joined_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resource_key"], ["people.key"], name=op.f("fk_participants_resource_key_people"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["thread_key"], ["threads.key"], name=op.f("fk_participants_thread_key_threads"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("resource_key", "thread_key", name=op.f("pk_participants")),
    )
    op.create_index(
        op.f("ix_participants_resource_key_thread_created_at_thread_key"),
        "participants",
        ["resource_key", "thread_created_at", "thread_key"],
        unique=False,
    )
    op.create_index(op.f("ix_participants_thread_key"), "participants", ["thread_key"], unique=False)
    op.create_table(
        "usage",
        sa.Column("key", KEY, nullable=False),
        sa.Column("workspace_key", KEY, nullable=False),
        sa.Column("resource_key", KEY, nullable=False),
        sa.Column("message_key", KEY, nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("prompt_tokens", sa.Integer(), nullable=False),
        sa.Column("completion_tokens", sa.Integer(), nullable=False),
        sa.Column("estimated", sa.Boolean(), nullable=False),
        sa.Column("model_calls", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_key"], ["messages.key"], name=op.f("fk_usage_message_key_messages"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["resource_key"], ["people.key"], name=op.f("fk_usage_resource_key_people"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_key"], ["workspaces.key"], name=op.f("fk_usage_workspace_key_workspaces"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_usage")),
    )
    op.create_index(op.f("ix_usage_message_key"), "usage", ["message_key"], unique=False)
    op.create_index(op.f("ix_usage_resource_key_at"), "usage", ["resource_key", "at"], unique=False)
    op.create_index(op.f("ix_usage_workspace_key_at"), "usage", ["workspace_key", "at"], unique=False)
    create_search(op.get_bind())


def downgrade() -> None:
    drop_search(op.get_bind())
    op.drop_table("usage")
    op.drop_table("participants")
    op.drop_table("messages")
    op.drop_table("threads")
    op.drop_table("people")
    op.drop_table("disclosures")
    op.drop_table("audit")
    op.drop_table("workspaces")
