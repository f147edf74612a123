"""Frames in and out of tables at the driver's own speed: COPY on PostgreSQL, plain cursors on SQLite.

These run inside the session's transaction and skip the ORM: an import opens 420,000 accounts at once.
Column and table names come from code, never from input.
"""

from __future__ import annotations

import json
from typing import Any, Final

import polars as pl
from sqlalchemy.engine import Dialect
from sqlmodel import Session

# Above this, one pass over an SQLite table is faster than a lookup for each key.
MANY_KEYS: Final = 20_000


def insert(session: Session, table: str, frame: pl.DataFrame) -> None:
    """Append the rows of `frame`, whose columns are the table's, all or nothing with the transaction."""
    session.flush()
    if frame.is_empty():
        return
    driver, dialect = _driver(session)
    columns = ", ".join(frame.columns)
    if dialect.name == "postgresql":
        with driver.cursor() as cursor, cursor.copy(f"COPY {table} ({columns}) FROM STDIN (FORMAT csv)") as copy:
            copy.write(frame.write_csv(include_header=False).encode())
        return
    marks = ", ".join("?" * frame.width)
    rows = zip(*(column.to_list() for column in frame.get_columns()), strict=True)
    driver.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)  # noqa: S608 - names from code


def select(session: Session, query: str, schema: pl.Schema, keys: tuple[str, pl.Series] | None = None) -> pl.DataFrame:
    """The rows of `query` as a frame of `schema`.

    `keys` = (column, values) keeps the rows whose column, the first of the schema, is among the values.
    """
    session.flush()
    driver, dialect = _driver(session)
    if dialect.name == "postgresql":
        return _select_postgresql(driver, query, schema, keys)
    if keys is None:
        return _select_sqlite(driver, query, schema, ())
    column, values = keys
    if len(values) > MANY_KEYS:
        found = _select_sqlite(driver, query, schema, ())
        return found.filter(pl.col(found.columns[0]).is_in(values.implode()))
    wanted = json.dumps(values.to_list(), ensure_ascii=False)
    query += f" WHERE {column} IN (SELECT value FROM json_each(?))"  # noqa: S608 - names from code
    return _select_sqlite(driver, query, schema, (wanted,))


def _select_sqlite(driver: Any, query: str, schema: pl.Schema, parameters: tuple[str, ...]) -> pl.DataFrame:
    rows = driver.execute(query, parameters).fetchall()
    return pl.DataFrame(rows, schema=schema, orient="row") if rows else schema.to_frame()


def _select_postgresql(driver: Any, query: str, schema: pl.Schema, keys: tuple[str, pl.Series] | None) -> pl.DataFrame:
    parameters: list[Any] = []
    if keys is not None:
        query += f" WHERE {keys[0]} = ANY(%s::text[])"
        parameters.append(keys[1].to_list())
    with driver.cursor() as cursor, cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT csv)", parameters or None) as copy:
        content = b"".join(copy)
    return pl.read_csv(content, has_header=False, schema=schema) if content else schema.to_frame()


def _driver(session: Session) -> tuple[Any, Dialect]:
    connection = session.connection()
    return connection.connection.driver_connection, connection.dialect
