"""What a driver error means: try the whole transaction again, or which error of the ledger it is.

Nothing of the failed statement is repeated in a message: its values are account and carrier ids.
"""

from __future__ import annotations

import sqlite3
from typing import Final

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from registry.errors import ConflictError, DatabaseUnavailable, PuhuiError, StorageError

SCHEMA_HINT: Final = "run `puhui init`; it creates what is missing and keeps what is there"
_RETRY_HINT: Final = "try again; nothing of this step was recorded"
# serialization_failure, deadlock_detected, lock_not_available
_RETRY_STATES: Final = {"40001", "40P01", "55P03"}
_UNIQUE_VIOLATION: Final = "23505"
_DISK_STATES: Final = {"53100", "58030"}
_NO_TABLE_STATES: Final = {"42P01", "3F000"}
_BUSY: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DISK: Final = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY}


def retryable(error: BaseException, attempt: int) -> bool:
    """Whether the same function may be run again in a new transaction with hope of another outcome.

    A lost race between two inserts may look like a unique violation; run once more, the function finds the other row
    and answers properly. Twice is no race.
    """
    cause = getattr(error, "orig", error)
    if isinstance(cause, sqlite3.Error):
        return _sqlite_code(cause) in _BUSY
    if isinstance(cause, psycopg.Error):
        raced = cause.sqlstate == _UNIQUE_VIOLATION and attempt == 1
        return raced or cause.sqlstate in _RETRY_STATES or connection_lost(error)
    return False


def connection_lost(error: BaseException) -> bool:
    """Whether the server went away under an open connection: what a running commit did is then unknown."""
    return isinstance(error, DBAPIError) and error.connection_invalidated


def translated(error: BaseException) -> PuhuiError | None:
    """The ledger's error for a database error; None for anything else, a mistake in a statement of ours included."""
    if isinstance(error, PoolTimeout):
        return DatabaseUnavailable("all database connections are in use", hint=_RETRY_HINT)
    cause = getattr(error, "orig", error)
    if isinstance(cause, sqlite3.Error):
        return _from_sqlite(cause)
    if isinstance(cause, psycopg.Error):
        return _from_postgresql(cause)
    return None


def _from_sqlite(error: sqlite3.Error) -> PuhuiError | None:
    code = _sqlite_code(error)
    if code in _BUSY:
        return DatabaseUnavailable("the ledger database is locked by another process", hint=_RETRY_HINT)
    if code in _DISK:
        return StorageError(f"the ledger database cannot be written: {error}", hint="check free space and permissions")
    if isinstance(error, sqlite3.IntegrityError):
        return ConflictError("another row is recorded under the same key", constraint=str(error))
    if "no such table" in str(error):
        return DatabaseUnavailable("the database has no ledger in it", hint=SCHEMA_HINT)
    if code == sqlite3.SQLITE_ERROR:
        return None
    if code == sqlite3.SQLITE_CANTOPEN:
        return DatabaseUnavailable("the ledger database does not exist or cannot be opened", hint=SCHEMA_HINT)
    return DatabaseUnavailable(f"the ledger database cannot be used: {error}", hint="restore it from a backup")


def _from_postgresql(error: psycopg.Error) -> PuhuiError | None:
    state = error.sqlstate
    if state in _DISK_STATES:
        return StorageError("the database server's disk is full or failing", sqlstate=state)
    if state is not None and state.startswith("23"):
        name = error.diag.constraint_name or "unknown"
        return ConflictError("another row is recorded under the same key", constraint=name)
    if state in _NO_TABLE_STATES:
        return DatabaseUnavailable("the database has no ledger in it", hint=SCHEMA_HINT)
    if isinstance(error, psycopg.ProgrammingError):
        return None
    if state in _RETRY_STATES:
        return DatabaseUnavailable("the database stayed busy with conflicting transactions", hint=_RETRY_HINT)
    if state is None and isinstance(error, psycopg.OperationalError):
        return DatabaseUnavailable(
            "the database server cannot be reached", hint="check the URL, the user and that it runs"
        )
    return DatabaseUnavailable(f"the database refused: {type(error).__name__}", sqlstate=state)


def _sqlite_code(error: sqlite3.Error) -> int:
    # The low byte is the primary result code, the rest says more about it.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
