"""Frames in and out of tables at the driver's own speed: COPY into PostgreSQL, plain cursors elsewhere.

These run inside the session's transaction and skip the ORM: an import opens 420,000 accounts at once.
Column and table names come from code, never from input.
"""

from __future__ import annotations

import json
from typing import Any, Final

import polars as pl
from sqlalchemy.engine import Dialect
from sqlmodel import Session

# Above this, one pass over the table is faster than a lookup for each key.
MANY_KEYS: Final = 20_000

_FETCHED: Final = 50_000


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
    if keys is None or len(keys[1]) > MANY_KEYS:
        found = _fetch(driver, query, schema, ())
        return found if keys is None else found.filter(pl.col(found.columns[0]).is_in(keys[1].implode()))
    column, wanted = keys[0], keys[1].to_list()
    if dialect.name == "postgresql":
        return _fetch(driver, f"{query} WHERE {column} = ANY(%s::text[])", schema, (wanted,))
    query += f" WHERE {column} IN (SELECT value FROM json_each(?))"  # noqa: S608 - names from code
    return _fetch(driver, query, schema, (json.dumps(wanted, ensure_ascii=False),))


def _fetch(driver: Any, query: str, schema: pl.Schema, parameters: tuple[object, ...]) -> pl.DataFrame:
    # Fetching is quicker than COPY here: psycopg hands a COPY over row by row.
    cursor = driver.execute(query, parameters)
    parts = [schema.to_frame()]
    # In parts, because rows of Python objects take several times the room of columns.
    while rows := cursor.fetchmany(_FETCHED):
        parts.append(pl.DataFrame(rows, schema=schema, orient="row"))
    return pl.concat(parts)


def _driver(session: Session) -> tuple[Any, Dialect]:
    connection = session.connection()
    return connection.connection.driver_connection, connection.dialect
