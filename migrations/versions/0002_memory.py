"""What recall, facts and condensations will stand on: facts, their sources, vectors, the ledger, condensations."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "facts",
        sa.Column("key", KEY, nullable=False),
        sa.Column("workspace_key", KEY, nullable=False),
        sa.Column("resource_key", KEY, nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resource_key"], ["people.key"], name=op.f("fk_facts_resource_key_people"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["workspace_key"], ["workspaces.key"], name=op.f("fk_facts_workspace_key_workspaces"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_facts")),
        sa.UniqueConstraint("workspace_key", "id", name=op.f("uq_facts_workspace_key_id")),
    )
    op.create_index(op.f("ix_facts_resource_key_key"), "facts", ["resource_key", "key"], unique=False)
    op.create_table(
        "condensations",
        sa.Column("thread_key", KEY, nullable=False),
        sa.Column("up_to_seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["thread_key"], ["threads.key"], name=op.f("fk_condensations_thread_key_threads"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("thread_key", "up_to_seq", name=op.f("pk_condensations")),
    )
    op.create_table(
        "fact_sources",
        sa.Column("fact_key", KEY, nullable=False),
        sa.Column("message_key", KEY, nullable=False),
        sa.ForeignKeyConstraint(
            ["fact_key"], ["facts.key"], name=op.f("fk_fact_sources_fact_key_facts"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["message_key"], ["messages.key"], name=op.f("fk_fact_sources_message_key_messages"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("fact_key", "message_key", name=op.f("pk_fact_sources")),
    )
    op.create_index(op.f("ix_fact_sources_message_key"), "fact_sources", ["message_key"], unique=False)
    op.create_table(
        "ledger",
        sa.Column("answer_key", KEY, nullable=False),
        sa.Column("source_key", KEY, nullable=False),
        sa.ForeignKeyConstraint(
            ["answer_key"], ["messages.key"], name=op.f("fk_ledger_answer_key_messages"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["source_key"], ["messages.key"], name=op.f("fk_ledger_source_key_messages"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("answer_key", "source_key", name=op.f("pk_ledger")),
    )
    op.create_index(op.f("ix_ledger_source_key"), "ledger", ["source_key"], unique=False)
    op.create_table(
        "vectors",
        sa.Column("message_key", KEY, nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("dimensions", sa.Integer(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_key"], ["messages.key"], name=op.f("fk_vectors_message_key_messages"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("message_key", "model", name=op.f("pk_vectors")),
    )


def downgrade() -> None:
    op.drop_table("vectors")
    op.drop_table("ledger")
    op.drop_table("fact_sources")
    op.drop_table("condensations")
    op.drop_table("facts")
