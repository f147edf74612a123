"""Sessions on the ledger's database.

    db.write(fn)   runs fn(session) as one transaction, and the whole of it again when another transaction won a race
    db.read()      a snapshot; writing in it is an error
    db.migrate()   brings the schema to this version; several processes may start at once
    db.check_schema()   refuses a database of any other version

Every database error leaves here as DatabaseUnavailable (worth retrying), ConflictError or StorageError.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Final, NoReturn, TypeVar

from sqlalchemy import Engine, event, text
from sqlalchemy.engine import URL
from sqlmodel import Session

from registry.errors import DatabaseUnavailable
from registry.store import engines
from registry.store.faults import SCHEMA_HINT, connection_lost, retryable, translated
from registry.store.tables import SCHEMA_VERSION
from registry.store.turns import turns_of

Result = TypeVar("Result")
ATTEMPTS: Final = 12
# No further attempt begins after this many seconds: a caller sees a bounded wait, not a hang.
PATIENCE_S: Final = 45.0


class Database:
    """One ledger's database: a pool of connections, opened at first use."""

    def __init__(self, url: str) -> None:
        """`url` is sqlite:///path or postgresql://...; raises InputError for anything else."""
        parsed = engines.parse_url(url)
        self._file: Path | None = None
        if parsed.drivername.startswith("sqlite"):
            self._file = Path(str(parsed.database))
            self.engine: Engine = engines.sqlite_engine(self._file)
            self._turns: AbstractContextManager[None] = turns_of(str(self._file.absolute()))
        else:
            self.engine = engines.postgresql_engine(parsed)
            self._turns = nullcontext()
        self._reader = engines.reader_of(self.engine)
        self._writer = engines.writer_of(self.engine)

    @classmethod
    def sqlite(cls, path: Path) -> Database:
        """The database in the file `path`; `migrate` creates it."""
        # URL.create escapes nothing away: '?' and '%' in a path must not become URL syntax.
        return cls(URL.create("sqlite", database=str(path)).render_as_string())

    def __repr__(self) -> str:
        return f"Database({self.engine.dialect.name})"

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session on one snapshot; rows it returns stay usable after it is closed."""
        with _ledger_errors(), Session(self._reader, expire_on_commit=False) as session, session.begin():
            yield session

    def write(self, fn: Callable[[Session], Result]) -> Result:
        """Run `fn(session)` in one transaction and return what it returned.

        `fn` may run several times and must do nothing that the rollback does not undo.
        """
        deadline = time.monotonic() + PATIENCE_S
        for attempt in range(1, ATTEMPTS + 1):
            committing = False

            def commits(_session: Session) -> None:
                nonlocal committing
                committing = True

            try:
                with self._turns, Session(self._writer, expire_on_commit=False) as session, session.begin():
                    event.listen(session, "before_commit", commits)
                    return fn(session)
            except Exception as error:
                if committing and connection_lost(error):
                    raise DatabaseUnavailable(
                        "the connection was lost while committing: whether it was recorded is not known",
                        hint="run the command again; it finds what was recorded",
                    ) from error
                if attempt == ATTEMPTS or time.monotonic() > deadline or not retryable(error, attempt):
                    _raise_translated(error)
            _back_off(attempt)
        raise AssertionError("the last attempt returns or raises")

    def migrate(self) -> None:
        """Create or upgrade the schema; a no-op when it is up to date. Raises DatabaseUnavailable if it is newer."""
        from registry.store.migrations import upgrade  # alembic is slow to import and rarely needed

        if self._file is not None:
            engines.create_sqlite_file(self._file)
        with _ledger_errors(), engines.migrator_of(self.engine).begin() as connection:
            upgrade(connection)

    def check_schema(self) -> None:
        """Raises DatabaseUnavailable unless the database holds exactly this version's schema."""
        with self.read() as session:
            found = session.connection().execute(text("SELECT version_num FROM alembic_version")).scalar()
        if found != SCHEMA_VERSION:
            raise DatabaseUnavailable(
                f"the database has schema {found or 'none'}, this program needs {SCHEMA_VERSION}",
                hint=SCHEMA_HINT if found is None or found < SCHEMA_VERSION else "install the newer version",
                found=found,
                needed=SCHEMA_VERSION,
            )

    def close(self) -> None:
        """Close the pooled connections."""
        self.engine.dispose()


@contextmanager
def _ledger_errors() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        _raise_translated(error)


def _raise_translated(error: Exception) -> NoReturn:
    known = translated(error)
    if known is None:
        raise error
    raise known from error


def _back_off(attempt: int) -> None:
    time.sleep(random.uniform(0.2, 1.0) * min(0.005 * 2**attempt, 0.5))
