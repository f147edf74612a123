"""The schema: migrations and tables agree, migrating is safe to repeat, another version is refused."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.util.exc import CommandError
from sqlalchemy import inspect, text

from registry.errors import DatabaseUnavailable
from registry.store import engines
from registry.store.migrations import assert_no_pending_changes, head
from registry.store.session import Database
from registry.store.tables import SCHEMA_VERSION, Table


def _migrate(url: str) -> None:
    database = Database(url)
    database.migrate()
    database.check_schema()
    database.close()


def _set_version(database: Database, version: str) -> None:
    with engines.migrator_of(database.engine).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": version})


def test_the_version_in_code_is_the_head_of_the_migrations() -> None:
    assert head() == SCHEMA_VERSION


def test_the_migrations_make_exactly_the_tables(database: Database) -> None:
    with engines.migrator_of(database.engine).connect() as connection:
        assert_no_pending_changes(connection)
    assert set(inspect(database.engine).get_table_names()) == {*Table.metadata.tables, "alembic_version"}


def test_a_table_that_drifted_is_noticed(database: Database) -> None:
    with engines.migrator_of(database.engine).begin() as connection:
        connection.execute(text("ALTER TABLE sources ADD COLUMN extra TEXT"))
    with (
        engines.migrator_of(database.engine).connect() as connection,
        pytest.raises(CommandError, match="New upgrade operations detected"),
    ):
        assert_no_pending_changes(connection)


def test_migrating_twice_is_migrating_once(empty_database_url: str) -> None:
    for _ in range(2):
        _migrate(empty_database_url)


def test_threads_may_migrate_at_once(empty_database_url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(_migrate, [empty_database_url] * 4))


def test_processes_may_migrate_at_once(empty_database_url: str) -> None:
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=_migrate, args=(empty_database_url,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]


def test_an_empty_database_has_no_ledger(empty_database_url: str) -> None:
    if empty_database_url.startswith("sqlite"):
        engines.create_sqlite_file(Path(empty_database_url.removeprefix("sqlite:///")))
    with pytest.raises(DatabaseUnavailable) as caught:
        Database(empty_database_url).check_schema()
    assert caught.value.message == "the database has no ledger in it"
    assert caught.value.hint == "run `puhui init`; it creates what is missing and keeps what is there"


def test_an_older_schema_is_refused(database: Database) -> None:
    _set_version(database, "0000")
    with pytest.raises(DatabaseUnavailable) as caught:
        database.check_schema()
    assert caught.value.message == f"the database has schema 0000, this program needs {SCHEMA_VERSION}"
    assert caught.value.hint == "run `puhui init`; it creates what is missing and keeps what is there"


def test_a_newer_schema_is_refused_and_left_alone(database: Database) -> None:
    _set_version(database, "9999")
    with pytest.raises(DatabaseUnavailable) as caught:
        database.check_schema()
    assert caught.value.hint == "install the newer version"
    with pytest.raises(DatabaseUnavailable) as caught:
        database.migrate()
    assert caught.value.message == "the database has schema 9999, which this version does not know"
