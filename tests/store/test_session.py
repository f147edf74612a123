"""Transactions: one snapshot to read, whole-function retries to write, and errors that say what to do."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlmodel import Session

from registry.errors import ConflictError, DatabaseUnavailable, InputError, StorageError
from registry.store import engines, session
from registry.store.session import Database
from registry.store.tables import LedgerState
from registry.store.turns import Turns
from tests.postgres import PostgresServer

WRITERS = 8
TURNS = 25


def _count_up(open_session: Session) -> int:
    row = open_session.get(LedgerState, "turns")
    if row is None:
        open_session.add(LedgerState(key="turns", value="1"))
        return 1
    row.value = str(int(row.value) + 1)
    return int(row.value)


def _value(database: Database, key: str) -> str | None:
    with database.read() as open_session:
        row = open_session.get(LedgerState, key)
        return row.value if row else None


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://host/name", "databases of kind 'mysql' are not supported"),
        ("sqlite://", "an SQLite ledger needs a file"),
        ("sqlite:///:memory:", "an SQLite ledger needs a file"),
        ("not a url", "the database URL cannot be read"),
    ],
)
def test_an_url_of_another_kind_is_refused(url: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        Database(url)
    assert caught.value.message == message


def test_an_error_never_shows_the_password_of_the_url() -> None:
    with pytest.raises(InputError) as caught:
        Database("oracle://user:s3cret@host/name")
    assert "s3cret" not in str(caught.value.to_json())
    assert "s3cret" not in repr(Database("postgresql://user:s3cret@127.0.0.1:1/name"))


def test_a_missing_file_is_unavailable_and_not_created(tmp_path: Path) -> None:
    database = Database.sqlite(tmp_path / "none.db")
    with pytest.raises(DatabaseUnavailable) as caught:
        database.check_schema()
    assert caught.value.message == "the ledger database does not exist or cannot be opened"
    assert caught.value.hint == "run `puhui init`; it creates what is missing and keeps what is there"
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"this is text, not a database\n" * 100)
    with pytest.raises(DatabaseUnavailable) as caught:
        Database.sqlite(tmp_path / "ledger.db").check_schema()
    assert caught.value.message == "the ledger database cannot be used: file is not a database"


def test_a_file_that_cannot_be_created_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError) as caught:
        Database.sqlite(tmp_path / "file" / "ledger.db").migrate()
    assert caught.value.message == "the ledger database cannot be created: File exists"


def test_a_full_disk_leaves_the_ledger_as_it_was(tmp_path: Path) -> None:
    database = Database.sqlite(tmp_path / "ledger.db")
    database.migrate()
    pages: list[int] = []

    def too_much(open_session: Session) -> None:
        connection = open_session.connection()
        pages.append(int(connection.execute(text("PRAGMA page_count")).scalar() or 0))
        # SQLite reports the same SQLITE_FULL for its own limit as for the disk's.
        connection.execute(text(f"PRAGMA max_page_count = {pages[0] + 2}"))
        open_session.add(LedgerState(key="turns", value="x" * 100_000))
        open_session.flush()

    with pytest.raises(StorageError) as caught:
        database.write(too_much)
    assert caught.value.message == "the ledger database cannot be written: database or disk is full"
    assert _value(database, "turns") is None


def test_a_server_that_does_not_answer_is_unavailable() -> None:
    with pytest.raises(DatabaseUnavailable) as caught:
        Database("postgresql://nobody@127.0.0.1:1/none").check_schema()
    assert caught.value.message == "the database server cannot be reached"
    assert caught.value.exit_code == 6


def test_a_path_may_hold_what_an_url_may_not(tmp_path: Path) -> None:
    path = tmp_path / "深圳 a%20b?c#d" / "ledger.db"
    database = Database.sqlite(path)
    database.migrate()
    database.check_schema()
    database.close()
    assert path.exists()
    assert path.stat().st_mode & 0o777 == 0o600


def test_sqlite_keeps_the_durable_settings(tmp_path: Path) -> None:
    database = Database.sqlite(tmp_path / "ledger.db")
    database.migrate()
    with database.read() as open_session:
        connection = open_session.connection()
        found = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout", "query_only")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 20000, "query_only": 1}
    database.close()


def test_a_write_returns_what_the_function_returned(database: Database) -> None:
    assert [database.write(_count_up) for _ in range(3)] == [1, 2, 3]
    assert _value(database, "turns") == "3"


def test_an_error_in_the_function_leaves_nothing_behind(database: Database) -> None:
    def fail(open_session: Session) -> None:
        open_session.add(LedgerState(key="turns", value="9"))
        open_session.flush()
        raise ConflictError("no")

    with pytest.raises(ConflictError, match="no"):
        database.write(fail)
    assert _value(database, "turns") is None


def test_a_read_cannot_write(database: Database) -> None:
    def add(open_session: Session) -> None:
        open_session.add(LedgerState(key="turns", value="9"))
        open_session.flush()

    with database.read() as open_session, pytest.raises(DBAPIError, match=r"read-?only"):
        add(open_session)
    assert _value(database, "turns") is None
    assert database.write(_count_up) == 1  # and the pooled connection can be written with again


def test_a_read_sees_one_snapshot(database: Database) -> None:
    database.write(_count_up)
    with database.read() as open_session:
        first = open_session.get(LedgerState, "turns")
        assert first is not None
        database.write(_count_up)
        open_session.expire_all()
        assert first.value == "1"
    assert _value(database, "turns") == "2"


def test_eight_writers_lose_no_update_and_meet_no_lock(database: Database) -> None:
    def work(_number: int) -> None:
        for _ in range(TURNS):
            database.write(_count_up)

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(work, range(WRITERS)))
    assert _value(database, "turns") == str(WRITERS * TURNS)


def test_two_databases_on_one_file_share_the_turns(database_url: str) -> None:
    databases = [Database(database_url) for _ in range(4)]

    def work(database: Database) -> None:
        for _ in range(TURNS):
            database.write(_count_up)

    with ThreadPoolExecutor(len(databases)) as pool:
        list(pool.map(work, databases))
    assert _value(databases[0], "turns") == str(len(databases) * TURNS)
    for database in databases:
        database.close()


def test_a_serialization_failure_runs_the_whole_function_again(
    postgres_server: PostgresServer, postgres_template: str
) -> None:
    database = Database(postgres_server.url(postgres_server.create_database(postgres_template)))
    database.write(_count_up)
    runs = []

    def with_rival(open_session: Session) -> int:
        seen = _count_up(open_session)
        runs.append(seen)
        if len(runs) == 1:  # after this transaction has read, and before it writes, another one commits
            rival = threading.Thread(target=database.write, args=(_count_up,))
            rival.start()
            rival.join()
        return seen

    assert database.write(with_rival) == 3
    assert runs == [2, 3]
    database.close()


def test_a_lost_insert_race_runs_the_function_again(postgres_server: PostgresServer, postgres_template: str) -> None:
    database = Database(postgres_server.url(postgres_server.create_database(postgres_template)))
    runs = []

    def with_rival(open_session: Session) -> int:
        runs.append(1)
        if len(runs) == 1:
            open_session.connection()
            rival = threading.Thread(target=database.write, args=(_count_up,))
            rival.start()
            rival.join()
        return _count_up(open_session)

    assert database.write(with_rival) == 2
    database.close()


def test_retries_end_and_say_so(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_back_off", lambda attempt: None)
    runs = []

    def always_busy(open_session: Session) -> None:
        runs.append(1)
        if open_session.get_bind().dialect.name == "postgresql":
            raise OperationalError("", {}, psycopg.errors.SerializationFailure())
        busy = sqlite3.OperationalError("database is locked")
        busy.sqlite_errorcode = sqlite3.SQLITE_BUSY
        raise OperationalError("", {}, busy)

    # An error made here has no code of the server: the class carries it.
    monkeypatch.setattr(psycopg.errors.SerializationFailure, "sqlstate", "40001")
    with pytest.raises(DatabaseUnavailable) as caught:
        database.write(always_busy)
    assert len(runs) == session.ATTEMPTS
    assert caught.value.hint == "try again; nothing of this step was recorded"


def test_a_file_locked_by_another_program_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "BUSY_TIMEOUT_S", 0.05)
    monkeypatch.setattr(engines, "_PRAGMAS", {})
    monkeypatch.setattr(session, "PATIENCE_S", 0.2)
    monkeypatch.setattr(engines, "_set_pragmas", lambda connection, record: None)
    path = tmp_path / "ledger.db"
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("CREATE TABLE ledger_state (key TEXT PRIMARY KEY, value TEXT)")
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(DatabaseUnavailable) as caught:
        Database.sqlite(path).write(_count_up)
    assert caught.value.message == "the ledger database is locked by another process"
    holder.execute("ROLLBACK")
    assert Database.sqlite(path).write(_count_up) == 1


def test_a_key_that_is_taken_is_a_conflict(database: Database) -> None:
    database.write(_count_up)

    def again(open_session: Session) -> None:
        open_session.add(LedgerState(key="turns", value="1"))

    with pytest.raises(ConflictError) as caught:
        database.write(again)
    assert caught.value.message == "another row is recorded under the same key"


def test_a_cut_connection_is_tried_again(postgres_server: PostgresServer, postgres_template: str) -> None:
    name = postgres_server.create_database(postgres_template)
    database = Database(postgres_server.url(name))
    runs = []

    def cut_once(open_session: Session) -> int:
        runs.append(1)
        if len(runs) == 1:
            pid = open_session.connection().execute(text("SELECT pg_backend_pid()")).scalar()
            with postgres_server.connect() as killer:
                killer.execute(f"SELECT pg_terminate_backend({pid})")
        return _count_up(open_session)

    assert database.write(cut_once) == 1
    assert len(runs) == 2
    database.close()


def test_who_is_stopped_while_writing_lets_others_on(
    postgres_server: PostgresServer, postgres_template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "IDLE_MS", 300)
    database = Database(postgres_server.url(postgres_server.create_database(postgres_template)))
    database.write(_count_up)
    holding, runs = threading.Event(), []

    def stopped(open_session: Session) -> int:
        seen = _count_up(open_session)
        open_session.flush()
        runs.append(seen)
        if len(runs) == 1:
            holding.set()
            other.join()  # which it only does once this transaction was ended by the server
            open_session.connection().execute(text("SELECT 1"))
        return seen

    other = threading.Thread(target=lambda: (holding.wait(), database.write(_count_up)))
    other.start()
    assert database.write(stopped) == 3
    assert runs == [2, 3]
    database.close()


def test_a_lock_that_is_held_too_long_is_waited_for_again(
    postgres_server: PostgresServer, postgres_template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "LOCK_MS", 50)
    monkeypatch.setattr(session, "ATTEMPTS", 2)
    name = postgres_server.create_database(postgres_template)
    database = Database(postgres_server.url(name))
    database.write(_count_up)
    with psycopg.connect(postgres_server.url(name).replace("+psycopg", "")) as rival:
        rival.execute("LOCK TABLE ledger_state IN EXCLUSIVE MODE")
        with pytest.raises(DatabaseUnavailable, match="the database stayed busy with conflicting transactions"):
            database.write(_count_up)
    assert database.write(_count_up) == 2
    database.close()


def test_writers_of_one_file_are_first_come_first_served() -> None:
    turns, order, asked = Turns(), [], []

    def write(number: int) -> None:
        asked.append(number)
        with turns:
            order.append(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(5)]
    with turns:
        for count, thread in enumerate(threads, 1):
            thread.start()
            while len(turns._waiting) < count:
                thread.join(0.001)
        assert order == []
    for thread in threads:
        thread.join()
    assert order == asked == [0, 1, 2, 3, 4]
    with turns:
        order.append(5)
    assert order[-1] == 5
