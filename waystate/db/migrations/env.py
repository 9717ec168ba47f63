"""Run by Alembic, inside `waystate.db.migrate`, which hands over the connection."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=None,
    transaction_per_migration=True,
    version_table_schema="public",
)
with context.begin_transaction():
    context.run_migrations()
