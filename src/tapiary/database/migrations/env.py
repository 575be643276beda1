"""What alembic runs: the steps on the connection that `migrate` hands over."""

from __future__ import annotations

from alembic import context

from tapiary.database import captures, elements, models, people  # noqa: F401 - each enters its tables into the metadata
from tapiary.database.base import Base

connection = context.config.attributes["connection"]
# SQLite cannot alter most things in place: alembic copies the table instead.
context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True,
                  render_as_batch=connection.dialect.name == "sqlite", transaction_per_migration=False)
context.run_migrations()
