"""Copies of a whole database: a file of SQLite by its online backup, PostgreSQL's tables from one snapshot.

Whoever writes meanwhile goes on: a copy is of one moment, before or after each transaction of theirs.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from alembic import command
from psycopg import sql
from sqlalchemy import Connection, inspect, text

from registry.errors import ConflictError, DatabaseUnavailable, EvidenceError
from registry.store import engines, migrations
from registry.store.chain_events import LOG
from registry.store.faults import translated
from registry.store.session import Database

SQLITE: Final = "sqlite"
POSTGRESQL: Final = "postgresql"
FILE: Final = "ledger.db"
TABLES: Final = "tables"
_VERSIONS: Final = "alembic_version"
_VERSION: Final = text("SELECT version_num FROM alembic_version")
_READ_TO: Final = text(f"SELECT max(block) FROM cursors WHERE name = '{LOG}'")  # noqa: S608 - names from code
_CHUNK: Final = 1 << 20
_NUMBERED: Final = text(
    "SELECT table_name, column_name, pg_get_serial_sequence(quote_ident(table_name), column_name)"
    " FROM information_schema.columns WHERE table_schema = current_schema()"
    " AND pg_get_serial_sequence(quote_ident(table_name), column_name) IS NOT NULL"
)


@dataclass(frozen=True)
class TableCopy:
    """One table of a copy: its columns in the order of the file, and how many rows there are."""

    name: str
    columns: tuple[str, ...]
    rows: int


@dataclass(frozen=True)
class Copied:
    """What was copied: the kind of database, the version of its schema, and PostgreSQL's tables, parents first.

    `read_to` is the block up to which the chain was followed then: whatever was done before it is in the copy.
    """

    kind: str
    schema: str
    read_to: int | None
    tables: tuple[TableCopy, ...] = ()


def kind_of(url: str) -> str:
    """`sqlite` or `postgresql`; raises InputError for a URL of neither."""
    return SQLITE if engines.parse_url(url).drivername.startswith(SQLITE) else POSTGRESQL


def sqlite_path(url: str) -> Path:
    """The file of an SQLite URL."""
    return Path(str(engines.parse_url(url).database))


def save(db: Database, folder: Path) -> Copied:
    """Copy the database into `folder`: the file `ledger.db`, or `tables/NAME.copy`. Raises DatabaseUnavailable."""
    with _errors():
        return _save_file(db, folder) if db.engine.dialect.name == SQLITE else _save_tables(db, folder)


def copy_file(source: Path, target: Path) -> None:
    """Copy an SQLite file that others may be writing to; raises DatabaseUnavailable and StorageError."""
    with _errors(), closing(_connect(source)) as opened:
        _back_up(opened, target)


def load(db: Database, folder: Path, copied: Copied) -> None:
    """Fill an empty PostgreSQL database with the tables of a copy, and bring it to this version's schema.

    All or nothing. Raises ConflictError when there is any table in it, EvidenceError when rows are missing in a file,
    and DatabaseUnavailable for a schema of a later version.
    """
    with _errors(), engines.migrator_of(db.engine).begin() as connection:
        found = inspect(connection).get_table_names()
        if found:
            raise ConflictError(
                f"the database has tables already: {', '.join(sorted(found)[:3])}",
                hint="restore into an empty database",
            )
        command.upgrade(migrations.config(connection), copied.schema)
        for table in copied.tables:
            _load_table(connection, table, folder / TABLES / f"{table.name}.copy")
        for table_name, column, sequence in connection.execute(_NUMBERED).all():
            _driver(connection).execute(
                sql.SQL("SELECT setval({}, max({})) FROM {} HAVING max({}) IS NOT NULL").format(
                    sql.Literal(sequence), sql.Identifier(column), sql.Identifier(table_name), sql.Identifier(column)
                )
            )
        migrations.upgrade(connection)


def require_known(schema: str) -> None:
    """Check that this program knows the schema of a copy; raises DatabaseUnavailable."""
    if schema > migrations.head():
        raise DatabaseUnavailable(
            f"the backup has schema {schema}, which this version does not know", hint="install the newer version"
        )


def _save_file(db: Database, folder: Path) -> Copied:
    target = folder / FILE
    with closing(db.engine.raw_connection()) as pooled:
        _back_up(pooled.driver_connection, target)
    with closing(_connect(target)) as copy:
        version, read_to = (copy.execute(str(query)).fetchone()[0] for query in (_VERSION, _READ_TO))
    return Copied(SQLITE, str(version), read_to)


def _back_up(source: Any, target: Path) -> None:
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with closing(_connect(target)) as copy:
        # In one step: a step at a time would begin anew whenever somebody writes.
        source.backup(copy)
        # One file, without a log beside it.
        copy.execute("PRAGMA journal_mode = DELETE")
        problem = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
    if problem != "ok":
        raise DatabaseUnavailable(f"{target.name}: the file is damaged: {problem}", hint="restore an earlier backup")


def _connect(path: Path) -> sqlite3.Connection:
    uri = f"file:{quote(str(path.absolute()))}?mode=rw"
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=engines.BUSY_TIMEOUT_S)


def _save_tables(db: Database, folder: Path) -> Copied:
    (folder / TABLES).mkdir(mode=0o700)
    with engines.reader_of(db.engine).begin() as connection:
        version = str(connection.execute(_VERSION).scalar_one())
        read_to = connection.execute(_READ_TO).scalar_one()
        seen = inspect(connection)
        names = [name for name, _ in seen.get_sorted_table_and_fkc_names() if name not in (None, _VERSIONS)]
        columns = {name: tuple(column["name"] for column in seen.get_columns(str(name))) for name in names}
        tables = [_save_table(connection, str(name), columns[name], folder) for name in names]
    return Copied(POSTGRESQL, version, read_to, tuple(tables))


def _save_table(connection: Connection, name: str, columns: tuple[str, ...], folder: Path) -> TableCopy:
    statement = sql.SQL("COPY {} ({}) TO STDOUT").format(sql.Identifier(name), _list(columns))
    descriptor = os.open(folder / TABLES / f"{name}.copy", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file, _driver(connection).cursor() as cursor:
        with cursor.copy(statement) as rows:
            for part in rows:
                file.write(part)
        return TableCopy(name, columns, int(cursor.rowcount))


def _load_table(connection: Connection, table: TableCopy, path: Path) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table.name), _list(table.columns))
    with path.open("rb") as file, _driver(connection).cursor() as cursor:
        with cursor.copy(statement) as rows:
            while part := file.read(_CHUNK):
                rows.write(part)
        if cursor.rowcount != table.rows:
            raise EvidenceError(f"{path}: {cursor.rowcount} rows, and {table.rows} were copied", path=str(path))


def _list(columns: tuple[str, ...]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(column) for column in columns)


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        known = translated(error)
        if known is None:
            raise
        raise known from error
