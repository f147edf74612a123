"""Schema migrations: alembic run from within the package, over a connection the caller opened.

`alembic -x url=... upgrade head|check|history` works too (its settings are in pyproject.toml).
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from registry.errors import DatabaseUnavailable

# Held until commit, so that of several starting processes one migrates and the others find it done.
_ADVISORY_LOCK: Final = 0x70756875
# Alembic keeps the running environment in module globals.
_ONE_RUN: Final = threading.Lock()


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration for these scripts, to run over `connection`."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    settings.attributes["connection"] = connection
    return settings


def head() -> str:
    """The newest revision of these scripts."""
    return ScriptDirectory.from_config(config()).get_current_head() or ""


def upgrade(connection: Connection) -> None:
    """Bring the schema to the head inside the caller's write transaction; raises DatabaseUnavailable if it is newer."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
    found = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()}
    if found is not None and found not in known:
        raise DatabaseUnavailable(
            f"the database has schema {found}, which this version does not know", hint="install the newer version"
        )
    with _ONE_RUN:
        command.upgrade(config(connection), "head")


def assert_no_pending_changes(connection: Connection) -> None:
    """What `alembic check` does: raises alembic's CommandError when the tables and the migrations differ."""
    with _ONE_RUN:
        command.check(config(connection))
