"""The chain file as a database: its schema, how it is opened, and transactions on it."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path

from registry.errors import ChainUnavailable

APPLICATION_ID = 0x50554855  # "PUHU": tells a chain file from any other SQLite file
SCHEMA_VERSION = 1

SCHEMA = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE nodes (hash BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
    """CREATE TABLE blocks (
        number INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, timestamp INTEGER NOT NULL, header BLOB NOT NULL)""",
    """CREATE TABLE transactions (
        block INTEGER NOT NULL, position INTEGER NOT NULL, hash BLOB NOT NULL UNIQUE, sender BLOB NOT NULL,
        gas_used INTEGER NOT NULL, first_log INTEGER NOT NULL, raw BLOB NOT NULL, receipt BLOB NOT NULL)""",
    "CREATE UNIQUE INDEX transactions_by_block ON transactions (block, position)",
    """CREATE TABLE logs (
        block INTEGER NOT NULL, log_index INTEGER NOT NULL, position INTEGER NOT NULL, address BLOB NOT NULL,
        topic0 BLOB, topic1 BLOB, topic2 BLOB, topic3 BLOB, data BLOB NOT NULL,
        PRIMARY KEY (block, log_index)) WITHOUT ROWID""",
    "CREATE INDEX logs_by_address ON logs (address, topic0, block)",
    "CREATE INDEX logs_by_topic ON logs (topic0, block)",
)


class Transaction:
    """BEGIN IMMEDIATE .. COMMIT; any exception, COMMIT's own included, rolls back."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, *_rest: object) -> None:
        try:
            if kind is None:
                self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:
                with suppress(sqlite3.Error):  # the first error is the one to report
                    self._connection.execute("ROLLBACK")


def connect(path: Path) -> sqlite3.Connection:
    """A connection that syncs every commit; raises `ChainUnavailable` if SQLite will not promise that."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10.0)
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    connection.execute("PRAGMA synchronous = FULL")
    level = connection.execute("PRAGMA synchronous").fetchone()[0]
    # A file system without shared memory silently keeps another journal mode: refuse rather than promise less.
    if (mode, level) != ("wal", 2):
        connection.close()
        raise ChainUnavailable(f"{path.name}: SQLite gave journal mode {mode} and synchronous {level}, not wal and 2")
    return connection


def is_empty(connection: sqlite3.Connection, path: Path) -> bool:
    """True if the file is empty; raises `ChainUnavailable` if it holds anything but this schema."""
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if not tables:
        return True
    if application != APPLICATION_ID:
        raise ChainUnavailable(f"{path.name} is a database, but not a chain file")
    if version != SCHEMA_VERSION:
        raise ChainUnavailable(f"{path.name} has chain schema {version}, this program reads {SCHEMA_VERSION}")
    return False
