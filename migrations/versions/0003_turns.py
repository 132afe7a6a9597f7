"""What came in, where it belongs, what is owed, what was posted; when a message came and when a workspace left."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DOCUMENT = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "deliveries_in",
        sa.Column("workspace_key", KEY, nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_key"],
            ["workspaces.key"],
            name=op.f("fk_deliveries_in_workspace_key_workspaces"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("workspace_key", "id", name=op.f("pk_deliveries_in")),
    )
    op.create_index(op.f("ix_deliveries_in_received_at"), "deliveries_in", ["received_at"], unique=False)
    op.create_table(
        "pending_changes",
        sa.Column("workspace_key", KEY, nullable=False),
        sa.Column("utterance_id", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=True),
        sa.Column("resource_id", sa.String(), nullable=True),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["workspace_key"],
            ["workspaces.key"],
            name=op.f("fk_pending_changes_workspace_key_workspaces"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("workspace_key", "utterance_id", name=op.f("pk_pending_changes")),
    )
    op.create_index(op.f("ix_pending_changes_received_at"), "pending_changes", ["received_at"], unique=False)
    op.create_table(
        "utterances",
        sa.Column("workspace_key", KEY, nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("resource_key", KEY, nullable=True),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resource_key"], ["people.key"], name=op.f("fk_utterances_resource_key_people"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_key"],
            ["workspaces.key"],
            name=op.f("fk_utterances_workspace_key_workspaces"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("workspace_key", "id", name=op.f("pk_utterances")),
    )
    op.create_index(op.f("ix_utterances_received_at"), "utterances", ["received_at"], unique=False)
    op.create_index(
        op.f("ix_utterances_resource_key_received_at"), "utterances", ["resource_key", "received_at"], unique=False
    )
    op.create_table(
        "leases",
        sa.Column("thread_key", KEY, nullable=False),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("fence", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["thread_key"], ["threads.key"], name=op.f("fk_leases_thread_key_threads"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("thread_key", name=op.f("pk_leases")),
    )
    op.create_index(op.f("ix_leases_owner"), "leases", ["owner"], unique=False)
    op.create_table(
        "places",
        sa.Column("key", KEY, nullable=False),
        sa.Column("workspace_key", KEY, nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("within", sa.String(), server_default=sa.text("''"), nullable=False),
        sa.Column("address", DOCUMENT, nullable=False),
        sa.Column("state", sa.String(), server_default=sa.text("'open'"), nullable=False),
        sa.Column("thread_key", KEY, nullable=True),
        sa.Column("generation", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["thread_key"], ["threads.key"], name=op.f("fk_places_thread_key_threads"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_key"], ["workspaces.key"], name=op.f("fk_places_workspace_key_workspaces"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_places")),
        sa.UniqueConstraint("workspace_key", "id", name=op.f("uq_places_workspace_key_id")),
    )
    op.create_index(op.f("ix_places_thread_key"), "places", ["thread_key"], unique=False)
    op.create_index(op.f("ix_places_workspace_key_within"), "places", ["workspace_key", "within"], unique=False)
    op.create_table(
        "feedback",
        sa.Column("message_key", KEY, nullable=False),
        sa.Column("resource_key", KEY, nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_key"], ["messages.key"], name=op.f("fk_feedback_message_key_messages"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["resource_key"], ["people.key"], name=op.f("fk_feedback_resource_key_people"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("message_key", "resource_key", name=op.f("pk_feedback")),
    )
    op.create_index(op.f("ix_feedback_resource_key"), "feedback", ["resource_key"], unique=False)
    op.create_table(
        "jobs",
        sa.Column("key", KEY, nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("workspace_key", KEY, nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("arguments", DOCUMENT, nullable=False),
        sa.Column("resource_key", KEY, nullable=True),
        sa.Column("place_key", KEY, nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("queued_at", sa.BigInteger(), nullable=False),
        sa.Column("ready_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("fence", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("progress", sa.String(), server_default=sa.text("''"), nullable=False),
        sa.Column("report", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), server_default=sa.text("''"), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["place_key"], ["places.key"], name=op.f("fk_jobs_place_key_places"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["resource_key"], ["people.key"], name=op.f("fk_jobs_resource_key_people"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_key"], ["workspaces.key"], name=op.f("fk_jobs_workspace_key_workspaces"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_jobs")),
        sa.UniqueConstraint("id", name=op.f("uq_jobs_id")),
    )
    op.create_index(op.f("ix_jobs_closed_at"), "jobs", ["closed_at"], unique=False)
    op.create_index(op.f("ix_jobs_place_key"), "jobs", ["place_key"], unique=False)
    op.create_index(op.f("ix_jobs_resource_key"), "jobs", ["resource_key"], unique=False)
    op.create_index(
        "ix_jobs_waiting",
        "jobs",
        ["ready_at"],
        unique=False,
        sqlite_where=sa.text("state IN ('queued', 'running')"),
        postgresql_where=sa.text("state IN ('queued', 'running')"),
    )
    op.create_index(op.f("ix_jobs_workspace_key"), "jobs", ["workspace_key"], unique=False)
    op.create_table(
        "turns",
        sa.Column("key", KEY, nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("workspace_key", KEY, nullable=False),
        sa.Column("thread_key", KEY, nullable=False),
        sa.Column("place_key", KEY, nullable=False),
        sa.Column("resource_key", KEY, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("queued_at", sa.BigInteger(), nullable=False),
        sa.Column("ready_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("revision", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("restarts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("stop_requested", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("answer_key", KEY, nullable=True),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.String(), server_default=sa.text("''"), nullable=False),
        sa.Column("haste", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(
            ["answer_key"], ["messages.key"], name=op.f("fk_turns_answer_key_messages"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["place_key"], ["places.key"], name=op.f("fk_turns_place_key_places"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["resource_key"], ["people.key"], name=op.f("fk_turns_resource_key_people"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["thread_key"], ["threads.key"], name=op.f("fk_turns_thread_key_threads"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_key"], ["workspaces.key"], name=op.f("fk_turns_workspace_key_workspaces"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_turns")),
        sa.UniqueConstraint("id", name=op.f("uq_turns_id")),
    )
    op.create_index(op.f("ix_turns_answer_key"), "turns", ["answer_key"], unique=False)
    op.create_index(op.f("ix_turns_closed_at"), "turns", ["closed_at"], unique=False)
    op.create_index(
        "ix_turns_open_key",
        "turns",
        ["key"],
        unique=False,
        sqlite_where=sa.text("state IN ('queued', 'leased', 'answering')"),
        postgresql_where=sa.text("state IN ('queued', 'leased', 'answering')"),
    )
    op.create_index(
        "ix_turns_open_resource",
        "turns",
        ["resource_key"],
        unique=False,
        sqlite_where=sa.text("state IN ('queued', 'leased', 'answering')"),
        postgresql_where=sa.text("state IN ('queued', 'leased', 'answering')"),
    )
    op.create_index(
        "ix_turns_open_workspace",
        "turns",
        ["workspace_key"],
        unique=False,
        sqlite_where=sa.text("state IN ('queued', 'leased', 'answering')"),
        postgresql_where=sa.text("state IN ('queued', 'leased', 'answering')"),
    )
    op.create_index(op.f("ix_turns_place_key"), "turns", ["place_key"], unique=False)
    op.create_index(op.f("ix_turns_resource_key"), "turns", ["resource_key"], unique=False)
    op.create_index(
        op.f("ix_turns_thread_key_resource_key_key"), "turns", ["thread_key", "resource_key", "key"], unique=False
    )
    op.create_index(op.f("ix_turns_workspace_key"), "turns", ["workspace_key"], unique=False)
    op.create_index(
        "uq_turns_open",
        "turns",
        ["thread_key", "resource_key"],
        unique=True,
        sqlite_where=sa.text("state IN ('queued', 'leased', 'answering')"),
        postgresql_where=sa.text("state IN ('queued', 'leased', 'answering')"),
    )
    op.create_table(
        "posts",
        sa.Column("key", KEY, nullable=False),
        sa.Column("workspace_key", KEY, nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("turn_key", KEY, nullable=True),
        sa.Column("job_key", KEY, nullable=True),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("post_id", sa.String(), nullable=True),
        sa.Column("sent_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["job_key"], ["jobs.key"], name=op.f("fk_posts_job_key_jobs"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["turn_key"], ["turns.key"], name=op.f("fk_posts_turn_key_turns"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["workspace_key"], ["workspaces.key"], name=op.f("fk_posts_workspace_key_workspaces"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_posts")),
        sa.UniqueConstraint("job_key", "part", name=op.f("uq_posts_job_key_part")),
        sa.UniqueConstraint("turn_key", "part", name=op.f("uq_posts_turn_key_part")),
        sa.UniqueConstraint("value", name=op.f("uq_posts_value")),
    )
    op.create_index(
        "ix_posts_ambiguous",
        "posts",
        ["workspace_key"],
        unique=False,
        sqlite_where=sa.text("state = 'ambiguous'"),
        postgresql_where=sa.text("state = 'ambiguous'"),
    )
    op.create_index(op.f("ix_posts_workspace_key_post_id"), "posts", ["workspace_key", "post_id"], unique=False)
    op.create_table(
        "turn_messages",
        sa.Column("message_key", KEY, nullable=False),
        sa.Column("turn_key", KEY, nullable=False),
        sa.Column("taken", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_key"], ["messages.key"], name=op.f("fk_turn_messages_message_key_messages"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["turn_key"], ["turns.key"], name=op.f("fk_turn_messages_turn_key_turns"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("message_key", name=op.f("pk_turn_messages")),
    )
    op.create_index(op.f("ix_turn_messages_turn_key"), "turn_messages", ["turn_key"], unique=False)
    op.add_column("messages", sa.Column("stored_at", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    op.create_index(
        op.f("ix_messages_workspace_key_stored_at"), "messages", ["workspace_key", "stored_at"], unique=False
    )
    op.add_column("workspaces", sa.Column("removed_at", sa.BigInteger(), nullable=True))
    # What was stored before counts from this upgrade.
    now = int(datetime.now(UTC).timestamp() * 1_000_000)
    op.execute(sa.text("UPDATE messages SET stored_at = :now").bindparams(now=now))


def downgrade() -> None:
    op.drop_column("workspaces", "removed_at")
    op.drop_index(op.f("ix_messages_workspace_key_stored_at"), table_name="messages")
    op.drop_column("messages", "stored_at")
    op.drop_index(op.f("ix_turn_messages_turn_key"), table_name="turn_messages")
    op.drop_table("turn_messages")
    op.drop_index(op.f("ix_posts_workspace_key_post_id"), table_name="posts")
    op.drop_index(
        "ix_posts_ambiguous",
        table_name="posts",
        sqlite_where=sa.text("state = 'ambiguous'"),
        postgresql_where=sa.text("state = 'ambiguous'"),
    )
    op.drop_table("posts")
    op.drop_index(
        "uq_turns_open",
        table_name="turns",
        sqlite_where=sa.text("state IN ('queued', 'leased', 'answering')"),
        postgresql_where=sa.text("state IN ('queued', 'leased', 'answering')"),
    )
    op.drop_index(op.f("ix_turns_workspace_key"), table_name="turns")
    op.drop_index(op.f("ix_turns_thread_key_resource_key_key"), table_name="turns")
    op.drop_index(op.f("ix_turns_resource_key"), table_name="turns")
    op.drop_index(op.f("ix_turns_place_key"), table_name="turns")
    op.drop_index(
        "ix_turns_open_workspace",
        table_name="turns",
        sqlite_where=sa.text("state IN ('queued', 'leased', 'answering')"),
        postgresql_where=sa.text("state IN ('queued', 'leased', 'answering')"),
    )
    op.drop_index(
        "ix_turns_open_resource",
        table_name="turns",
        sqlite_where=sa.text("state IN ('queued', 'leased', 'answering')"),
        postgresql_where=sa.text("state IN ('queued', 'leased', 'answering')"),
    )
    op.drop_index(
        "ix_turns_open_key",
        table_name="turns",
        sqlite_where=sa.text("state IN ('queued', 'leased', 'answering')"),
        postgresql_where=sa.text("state IN ('queued', 'leased', 'answering')"),
    )
    op.drop_index(op.f("ix_turns_closed_at"), table_name="turns")
    op.drop_index(op.f("ix_turns_answer_key"), table_name="turns")
    op.drop_table("turns")
    op.drop_index(op.f("ix_jobs_workspace_key"), table_name="jobs")
    op.drop_index(
        "ix_jobs_waiting",
        table_name="jobs",
        sqlite_where=sa.text("state IN ('queued', 'running')"),
        postgresql_where=sa.text("state IN ('queued', 'running')"),
    )
    op.drop_index(op.f("ix_jobs_resource_key"), table_name="jobs")
    op.drop_index(op.f("ix_jobs_place_key"), table_name="jobs")
    op.drop_index(op.f("ix_jobs_closed_at"), table_name="jobs")
    op.drop_table("jobs")
    op.drop_index(op.f("ix_feedback_resource_key"), table_name="feedback")
    op.drop_table("feedback")
    op.drop_index(op.f("ix_places_workspace_key_within"), table_name="places")
    op.drop_index(op.f("ix_places_thread_key"), table_name="places")
    op.drop_table("places")
    op.drop_index(op.f("ix_leases_owner"), table_name="leases")
    op.drop_table("leases")
    op.drop_index(op.f("ix_utterances_resource_key_received_at"), table_name="utterances")
    op.drop_index(op.f("ix_utterances_received_at"), table_name="utterances")
    op.drop_table("utterances")
    op.drop_index(op.f("ix_pending_changes_received_at"), table_name="pending_changes")
    op.drop_table("pending_changes")
    op.drop_index(op.f("ix_deliveries_in_received_at"), table_name="deliveries_in")
    op.drop_table("deliveries_in")
