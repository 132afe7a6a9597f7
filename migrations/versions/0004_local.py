"""The local platform: people, channels, members, posts, and what the bot has still to be told."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DOCUMENT = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "local_channels",
        sa.Column("workspace", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("archived", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "name", name=op.f("pk_local_channels")),
    )
    op.create_table(
        "local_members",
        sa.Column("workspace", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "channel", "person", name=op.f("pk_local_members")),
    )
    op.create_table(
        "local_outbox",
        sa.Column("key", KEY, nullable=False),
        sa.Column("payload", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_local_outbox")),
    )
    op.create_table(
        "local_people",
        sa.Column("workspace", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("shown_name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), server_default=sa.text("'member'"), nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "name", name=op.f("pk_local_people")),
    )
    op.create_table(
        "local_posts",
        sa.Column("key", KEY, nullable=False),
        sa.Column("workspace", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("root", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("extras", DOCUMENT, nullable=False),
        sa.Column("only_for", sa.String(), server_default=sa.text("''"), nullable=False),
        sa.Column("key_value", sa.String(), nullable=True),
        sa.Column("streaming", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("deleted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("edited_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_local_posts")),
        sa.UniqueConstraint("workspace", "id", name=op.f("uq_local_posts_workspace_id")),
        sa.UniqueConstraint("workspace", "key_value", name=op.f("uq_local_posts_workspace_key_value")),
    )
    op.create_index(
        op.f("ix_local_posts_workspace_channel_root_key"),
        "local_posts",
        ["workspace", "channel", "root", "key"],
        unique=False,
    )
    op.create_table(
        "local_statuses",
        sa.Column("workspace", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("root", sa.String(), nullable=False),
        sa.Column("status", sa.String(), server_default=sa.text("'idle'"), nullable=False),
        sa.Column("title", sa.String(), server_default=sa.text("''"), nullable=False),
        sa.PrimaryKeyConstraint("workspace", "channel", "root", name=op.f("pk_local_statuses")),
    )


def downgrade() -> None:
    op.drop_table("local_statuses")
    op.drop_index(op.f("ix_local_posts_workspace_channel_root_key"), table_name="local_posts")
    op.drop_table("local_posts")
    op.drop_table("local_people")
    op.drop_table("local_outbox")
    op.drop_table("local_members")
    op.drop_table("local_channels")
