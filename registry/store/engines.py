"""Engines for the two databases, set up so that a commit is on disk and a writer never meets a stale snapshot.

SQLite: WAL, synchronous=FULL, foreign keys, a busy timeout; every write transaction begins IMMEDIATE, because one
that reads first and writes later fails at once when another writer came between. PostgreSQL: SERIALIZABLE writes.
Reads see one snapshot and cannot write.
"""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import QueuePool

from registry.errors import DatabaseUnavailable, InputError, StorageError

BUSY_TIMEOUT_S: Final = 20
# PostgreSQL: how long a write transaction may stand still, and wait for a lock.
IDLE_MS: Final = 15_000
LOCK_MS: Final = 20_000
CACHE_KIB: Final = 64 * 1024  # the default of 2 MiB makes a large import rewrite the same index pages again and again
_POOL: Final = {"pool_size": 8, "max_overflow": 24, "pool_timeout": 30}
_POSTGRESQL: Final = {"postgres", "postgresql", "postgresql+psycopg"}
_PRAGMAS: Final = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": BUSY_TIMEOUT_S * 1000}


def parse_url(url: str) -> URL:
    """A database URL of one of the two kinds; raises InputError (which never repeats the password)."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise InputError(
            "the database URL cannot be read", hint="postgresql://user@host/name or sqlite:///path"
        ) from error
    if parsed.drivername in _POSTGRESQL:
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in {"sqlite", "sqlite+pysqlite"}:
        raise InputError(f"databases of kind {parsed.drivername!r} are not supported", hint="sqlite or postgresql")
    if parsed.database in {None, "", ":memory:"}:
        raise InputError("an SQLite ledger needs a file", hint="sqlite:///path/to/ledger.db")
    return parsed


def sqlite_engine(path: Path) -> Engine:
    """An engine on an existing file; connecting raises when there is none (`create_sqlite_file` makes it)."""
    uri = f"file:{quote(str(path.absolute()))}?mode=rw"

    def connect() -> sqlite3.Connection:
        # isolation_level None leaves BEGIN to `_begin_sqlite`; connections move between threads in the pool.
        return sqlite3.connect(
            uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False, cached_statements=256
        )

    engine = create_engine("sqlite://", creator=connect, poolclass=QueuePool, hide_parameters=True, **_POOL)
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def create_sqlite_file(path: Path) -> None:
    """Make an empty database that only its owner can read, unless there is a file already; raises StorageError."""
    if path.exists():
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Without O_EXCL: another process may be doing the same, and an empty file is an empty database.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise StorageError(f"the ledger database cannot be created: {error.strerror}", path=str(path)) from error


def postgresql_engine(url: URL) -> Engine:
    """An engine that checks a pooled connection before use and gives up connecting after five seconds."""
    arguments = {"connect_timeout": 5, "application_name": "puhui"}
    engine = create_engine(url, connect_args=arguments, pool_pre_ping=True, hide_parameters=True, **_POOL)
    event.listen(engine, "begin", _begin_postgresql)
    return engine


def writer_of(engine: Engine) -> Engine:
    """The same pool for transactions that write."""
    if engine.dialect.name == "sqlite":
        return engine.execution_options(puhui_writes=True)
    return engine.execution_options(isolation_level="SERIALIZABLE", puhui_writes=True)


def migrator_of(engine: Engine) -> Engine:
    """The same pool for migrating: after waiting for its turn it must see what the one before committed."""
    return engine if engine.dialect.name == "sqlite" else engine.execution_options(isolation_level="READ COMMITTED")


def reader_of(engine: Engine) -> Engine:
    """The same pool for one-snapshot transactions in which writing is an error."""
    if engine.dialect.name == "sqlite":
        return engine.execution_options(puhui_writes=False)
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("puhui_writes", True)
    connection.exec_driver_sql(f"PRAGMA query_only = {int(not writes)}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _begin_postgresql(connection: Connection) -> None:
    if connection.get_execution_options().get("puhui_writes", False):
        # A process that is stopped in the middle of writing would keep its locks for as long as it is.
        connection.exec_driver_sql(
            f"SET LOCAL idle_in_transaction_session_timeout = {IDLE_MS}; SET LOCAL lock_timeout = {LOCK_MS}"
        )


def _set_pragmas(connection: Any, _record: object) -> None:
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_S * 1000}")
    _use_wal(connection)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    for name, expected in _PRAGMAS.items():
        actual = connection.execute(f"PRAGMA {name}").fetchone()[0]
        if actual != expected:
            raise DatabaseUnavailable(
                f"SQLite does not keep {name} at {expected} here: {actual}", hint="keep the ledger on a local disk"
            )


def _use_wal(connection: sqlite3.Connection) -> None:
    # Turning WAL on needs the file alone for a moment and does not wait for the busy timeout by itself.
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return
