"""Runs the revisions on the connection that `bot.storage.schema` hands over; there is no other way to run them."""

from alembic import context

import adapters.local.tables
import bot.storage.turn_tables
from bot.storage.schema import is_ours
from bot.storage.tables import metadata

# Imported for what they add to `metadata`.
_ = (adapters.local.tables, bot.storage.turn_tables)

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    include_object=is_ours,
    render_as_batch=True,  # SQLite changes a table by copying it
    compare_type=True,
    compare_server_default=True,
)

with context.begin_transaction():
    context.run_migrations()
