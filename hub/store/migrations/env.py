"""Alembic's way in: it runs on the connection that `hub.store.database.migrate` hands it, so it needs no configuration file."""

from __future__ import annotations

from alembic import context

from hub.store.tables import metadata

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("Migrations run through hub.store.database.migrate (on the command line: fichehub db upgrade).")
context.configure(connection=connection, target_metadata=metadata, render_as_batch=False)
with context.begin_transaction():
    context.run_migrations()
