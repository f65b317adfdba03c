"""Alembic's entry point: migrates over the connection that the program passes in."""

from alembic import context

from service.core.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
