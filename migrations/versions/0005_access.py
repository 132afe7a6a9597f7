"""Roles and scopes, chosen settings, who was told what, the audit's chain, what is held, what was erased."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DOCUMENT = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def _of_workspace(table: str, *, kept: bool = False) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_workspace_key_workspaces")
    return sa.ForeignKeyConstraint(
        ["workspace_key"], ["workspaces.key"], name=name, ondelete=None if kept else "CASCADE"
    )


def _of_person(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_resource_key_people")
    return sa.ForeignKeyConstraint(["resource_key"], ["people.key"], name=name, ondelete="CASCADE")


def upgrade() -> None:
    op.add_column("disclosures", sa.Column("retention_days", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("disclosures", sa.Column("provider", sa.String(), server_default=sa.text("''"), nullable=False))
    op.add_column("people", sa.Column("told_version", sa.Integer(), nullable=True))
    op.add_column("people", sa.Column("keeps", sa.Boolean(), server_default=sa.text("true"), nullable=False))
    op.add_column("people", sa.Column("left_at", sa.BigInteger(), nullable=True))
    op.add_column("people", sa.Column("told_readings", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("threads", sa.Column("channel_id", sa.String(), server_default=sa.text("''"), nullable=False))
    op.add_column("messages", sa.Column("off_record", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.create_index(
        "ix_messages_off_record",
        "messages",
        ["thread_key", "resource_key"],
        unique=False,
        sqlite_where=sa.text("off_record = 1"),
        postgresql_where=sa.text("off_record"),
    )
    _name_channels()
    _chain_the_audit()
    op.create_table(
        "audit_heads",
        sa.Column("workspace_key", KEY, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        _of_workspace("audit_heads", kept=True),
        sa.PrimaryKeyConstraint("workspace_key", name=op.f("pk_audit_heads")),
    )
    op.create_table(
        "roles",
        sa.Column("resource_key", KEY, nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("workspace_key", KEY, nullable=False),
        sa.Column("granted_at", sa.BigInteger(), nullable=False),
        _of_person("roles"),
        _of_workspace("roles"),
        sa.PrimaryKeyConstraint("resource_key", "role", "source", name=op.f("pk_roles")),
    )
    op.create_index(op.f("ix_roles_workspace_key_role"), "roles", ["workspace_key", "role"], unique=False)
    op.create_table(
        "scopes",
        sa.Column("resource_key", KEY, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("workspace_key", KEY, nullable=False),
        sa.Column("granted_at", sa.BigInteger(), nullable=False),
        _of_person("scopes"),
        _of_workspace("scopes"),
        sa.PrimaryKeyConstraint("resource_key", "kind", "value", name=op.f("pk_scopes")),
    )
    op.create_index(op.f("ix_scopes_workspace_key"), "scopes", ["workspace_key"], unique=False)
    op.create_table(
        "workspace_settings",
        sa.Column("workspace_key", KEY, nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("values", DOCUMENT, nullable=False),
        sa.Column("changed_by", sa.String(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        _of_workspace("workspace_settings"),
        sa.PrimaryKeyConstraint("workspace_key", "version", name=op.f("pk_workspace_settings")),
    )
    op.create_table(
        "held",
        sa.Column("key", KEY, nullable=False),
        sa.Column("workspace_key", KEY, nullable=False),
        sa.Column("resource_key", KEY, nullable=False),
        sa.Column("utterance_id", sa.String(), nullable=False),
        sa.Column("event", DOCUMENT, nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        _of_person("held"),
        _of_workspace("held"),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_held")),
        sa.UniqueConstraint("workspace_key", "utterance_id", name=op.f("uq_held_workspace_key_utterance_id")),
    )
    op.create_index(op.f("ix_held_resource_key_key"), "held", ["resource_key", "key"], unique=False)
    op.create_index(op.f("ix_held_received_at"), "held", ["received_at"], unique=False)
    op.create_table(
        "erasures",
        sa.Column("key", KEY, nullable=False),
        sa.Column("workspace_key", KEY, nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("subject_id", sa.String(), nullable=False),
        sa.Column("extent", sa.String(), nullable=False),
        sa.Column("counts", DOCUMENT, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("scrubbed_at", sa.BigInteger(), nullable=True),
        _of_workspace("erasures"),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_erasures")),
        sa.UniqueConstraint("id", name=op.f("uq_erasures_id")),
    )
    op.create_index(op.f("ix_erasures_workspace_key"), "erasures", ["workspace_key"], unique=False)


def _name_channels() -> None:
    """Write on each thread the channel in which it lies, where its place tells."""
    channel = "CASE WHEN p.within <> '' THEN p.within ELSE p.id END"
    of_turn = "SELECT t.place_key FROM turns t WHERE t.thread_key = threads.key ORDER BY t.key LIMIT 1"
    now_there = "SELECT q.key FROM places q WHERE q.thread_key = threads.key LIMIT 1"
    op.execute(
        sa.text(
            f"UPDATE threads SET channel_id = COALESCE((SELECT {channel} FROM places p "  # noqa: S608 (constants)
            f"WHERE p.key = COALESCE(({of_turn}), ({now_there}))), '') "
            "WHERE place_kind <> 'direct'"
        )
    )


def _chain_the_audit() -> None:
    """Give the audit its chain. Rows from before have none: their digest is empty, and verification says so."""
    op.drop_index(op.f("ix_audit_workspace_key_key"), table_name="audit")
    with op.batch_alter_table("audit") as batch:
        batch.alter_column("reason", new_column_name="note", existing_type=sa.String(), server_default=sa.text("''"))
        batch.add_column(sa.Column("seq", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("actor_kind", sa.String(), nullable=True))
        batch.add_column(sa.Column("object_id", sa.String(), server_default=sa.text("''"), nullable=False))
        batch.add_column(sa.Column("outcome", sa.String(), server_default=sa.text("'done'"), nullable=False))
        batch.add_column(sa.Column("category", sa.String(), server_default=sa.text("''"), nullable=False))
        batch.add_column(sa.Column("digest", sa.String(), nullable=True))
    op.execute(
        "UPDATE audit SET seq = numbered.seq, actor_kind = 'supervisor', digest = '' FROM (SELECT key, row_number() "
        "OVER (PARTITION BY workspace_key ORDER BY key) AS seq FROM audit) AS numbered WHERE numbered.key = audit.key"
    )
    # Whoever acts stands there as she does where she is acted upon: under a name that says nothing once she is erased.
    op.execute(
        "UPDATE audit SET actor_id = p.subject_id FROM people p "
        "WHERE p.workspace_key = audit.workspace_key AND p.resource_id = audit.actor_id"
    )
    with op.batch_alter_table("audit") as batch:
        for column, kind in (("seq", sa.Integer()), ("actor_kind", sa.String()), ("digest", sa.String())):
            batch.alter_column(column, existing_type=kind, nullable=False)
        batch.create_unique_constraint(op.f("uq_audit_workspace_key_seq"), ["workspace_key", "seq"])


def downgrade() -> None:
    for table in ("erasures", "held", "workspace_settings", "scopes", "roles", "audit_heads"):
        op.drop_table(table)
    _unchain_the_audit()
    op.drop_index("ix_messages_off_record", table_name="messages")
    op.drop_column("messages", "off_record")
    op.drop_column("threads", "channel_id")
    for column in ("told_readings", "left_at", "keeps", "told_version"):
        op.drop_column("people", column)
    op.drop_column("disclosures", "provider")
    op.drop_column("disclosures", "retention_days")


def _unchain_the_audit() -> None:
    op.execute(
        "UPDATE audit SET actor_id = p.resource_id FROM people p "
        "WHERE p.workspace_key = audit.workspace_key AND p.subject_id = audit.actor_id"
    )
    with op.batch_alter_table("audit") as batch:
        batch.drop_constraint(op.f("uq_audit_workspace_key_seq"), type_="unique")
        for column in ("seq", "actor_kind", "object_id", "outcome", "category", "digest"):
            batch.drop_column(column)
        batch.alter_column("note", new_column_name="reason", existing_type=sa.String(), server_default=None)
    op.create_index(op.f("ix_audit_workspace_key_key"), "audit", ["workspace_key", "key"], unique=False)
