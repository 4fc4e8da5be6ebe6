"""What alembic runs for each command, on the connection that the package hands over."""

from __future__ import annotations

from alembic import context

from earthgazer_core.db.tables import SCHEMA, Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, version_table_schema=SCHEMA)
context.run_migrations()
