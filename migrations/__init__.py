"""Schema changes, as an Alembic environment that is shipped inside the wheel."""
