"""Alembic's entry: over the connection the package passes, or over `-x url=...` from the command line."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from registry.errors import UsageError
from registry.store import engines, log_tables, operation_tables, tables
from registry.store.session import Database
from registry.store.tables import Table

# The tables register themselves when their modules are imported.
TABLES = (tables, operation_tables, log_tables)


def _run(connection: Connection) -> None:
    # Batch mode rewrites a table where SQLite cannot alter it in place.
    context.configure(connection=connection, target_metadata=Table.metadata, render_as_batch=True, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


def _from_command_line() -> None:
    url = context.get_x_argument(as_dictionary=True).get("url")
    if not url:
        raise UsageError("which database?", hint="alembic -x url=sqlite:///path check")
    database = Database(url)
    with engines.migrator_of(database.engine).begin() as connection:
        _run(connection)


_connection = context.config.attributes.get("connection")
if _connection is None:
    _from_command_line()
else:
    _run(_connection)
