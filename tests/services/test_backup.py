"""Backups: whole or not there, made while others write, and restored only when every byte is as it was."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session

from registry.chain.embedded.chain import EmbeddedChain
from registry.chain.embedded.server import serve
from registry.errors import (
    ChainMismatch,
    ConflictError,
    DatabaseUnavailable,
    EvidenceError,
    InputError,
    StorageError,
)
from registry.evidence.files import canonical_json
from registry.services import backup as service
from registry.services.backup import backup
from registry.services.backup_folder import MANIFEST, Manifest
from registry.services.home import Home
from registry.services.ledger import open_database
from registry.services.restore import restore
from registry.settings import Settings
from registry.store import copying, imports
from registry.store.log_tables import SequenceRow
from registry.store.session import Database
from registry.store.tables import SCHEMA_VERSION, Account, Carrier, Import, LedgerState
from tests.postgres import PostgresServer
from tests.services.homes import Puhui, state_of

KEPT = ("evidence", "keys", "config.json", "contracts.json")


@pytest.fixture
def home(make_ledger: Callable[..., Puhui]) -> Home:
    """A ledger with an epoch published and some of it claimed."""
    return Home(make_ledger("claimed").home)


@pytest.fixture
def made(home: Home, tmp_path: Path) -> Path:
    """A backup of it."""
    backup(home, Settings(), tmp_path / "backup")
    return tmp_path / "backup"


def kept(home: Path) -> dict[str, str]:
    """The state of all that a backup is of; empty folders are left aside."""
    wanted = (*KEPT, "ledger.db", "chain.db")
    state = {name: digest for name, digest in state_of(home).items() if digest != "folder"}
    return {name: digest for name, digest in state.items() if name.split("/")[0].split(":")[0] in wanted}


# --- making one -------------------------------------------------------------------------------------------


def test_a_backup_has_every_file_with_its_size_and_digest(home: Home, made: Path) -> None:
    found = {p.relative_to(made).as_posix() for p in made.rglob("*") if p.is_file()}
    manifest = Manifest.read(made)
    assert set(manifest.files) == found - {MANIFEST}
    assert found - {MANIFEST, "ledger.db", "chain.db"} == {
        p.relative_to(home.path).as_posix()
        for name in KEPT
        for p in [home.path / name, *(home.path / name).rglob("*")]
        if p.is_file()
    }
    assert manifest.files["config.json"]["bytes"] == (home.path / "config.json").stat().st_size
    assert (manifest.database.kind, manifest.database.schema, manifest.database.tables) == (
        "sqlite",
        SCHEMA_VERSION,
        (),
    )
    contracts = json.loads(home.contracts.read_text())
    assert (manifest.chain_id, manifest.genesis) == (contracts["chain_id"], contracts["genesis"])
    assert manifest.embedded
    assert not made.with_name("backup.partial").exists()


def test_the_files_of_a_backup_are_their_owners_alone(made: Path) -> None:
    assert made.stat().st_mode & 0o077 == 0
    for name in ("ledger.db", "keys/platform.json"):
        assert (made / name).stat().st_mode & 0o077 == 0


def test_evidence_is_linked_and_keys_are_not(home: Home, made: Path) -> None:
    """A day key is destroyed where it stands; a folder of evidence is only ever removed."""
    folder = next((home.evidence / "batches").iterdir())
    assert (made / "evidence/batches" / folder.name / "leaves.parquet").samefile(folder / "leaves.parquet")
    for path in (home.keys).rglob("*"):
        if path.is_file():
            assert not (made / "keys" / path.relative_to(home.keys)).samefile(path)


def test_evidence_is_copied_where_it_cannot_be_linked(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, _target: object) -> None:
        raise PermissionError(1, "not here")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    backup(home, Settings(), tmp_path / "backup")
    monkeypatch.undo()
    folder = next((home.evidence / "batches").iterdir())
    copy = tmp_path / "backup/evidence/batches" / folder.name / "leaves.parquet"
    assert not copy.samefile(folder / "leaves.parquet")
    assert copy.read_bytes() == (folder / "leaves.parquet").read_bytes()
    Manifest.read(tmp_path / "backup").check(tmp_path / "backup")


def test_a_backup_may_take_an_empty_folder(home: Home, tmp_path: Path) -> None:
    (tmp_path / "backup").mkdir()
    backup(home, Settings(), tmp_path / "backup")
    assert (tmp_path / "backup" / MANIFEST).exists()


@pytest.mark.parametrize("name", ["backup", "backup.partial"])
def test_what_is_there_already_is_left_alone(home: Home, tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "mine").touch()
    with pytest.raises(ConflictError) as caught:
        backup(home, Settings(), tmp_path / "backup")
    assert caught.value.fields == {"path": str(tmp_path / name)}
    assert sorted(p.name for p in tmp_path.glob("backup*")) == [name]
    assert [p.name for p in (tmp_path / name).iterdir()] == ["mine"]


def test_a_file_is_no_place_for_a_backup(home: Home, tmp_path: Path) -> None:
    (tmp_path / "backup").touch()
    with pytest.raises(ConflictError, match="exists already"):
        backup(home, Settings(), tmp_path / "backup")


def test_a_ledger_is_not_backed_up_into_itself(home: Home) -> None:
    with pytest.raises(InputError, match="inside of the ledger"):
        backup(home, Settings(), home.path / "evidence" / "backup")
    assert not (home.evidence / "backup").exists()


@pytest.mark.parametrize("moment", ["_database", "_evidence", "_keys", "_embedded", "closing"])
@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_an_interrupted_backup_leaves_nothing(
    home: Home, tmp_path: Path, moment: str, stop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise stop

    monkeypatch.setattr(service, moment, interrupt)
    with pytest.raises(KeyboardInterrupt if stop is KeyboardInterrupt else StorageError):
        backup(home, Settings(), tmp_path / "backup")
    assert list(tmp_path.glob("backup*")) == []


def test_a_missing_chain_file_is_no_new_chain(home: Home, tmp_path: Path) -> None:
    home.chain.unlink()
    with pytest.raises(StorageError, match=r"chain\.db is gone"):
        backup(home, Settings(), tmp_path / "backup")
    assert not home.chain.exists()
    assert list(tmp_path.glob("backup*")) == []


def test_another_ledgers_chain_is_refused(home: Home, tmp_path: Path) -> None:
    body = json.loads(home.contracts.read_text())
    body["genesis"] = "0x" + "11" * 32
    home.contracts.write_text(json.dumps(body))
    with pytest.raises(ChainMismatch):
        backup(home, Settings(), tmp_path / "backup")
    assert list(tmp_path.glob("backup*")) == []


def test_a_folder_that_is_removed_meanwhile_is_left_out(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = home.evidence / "epochs" / ("000002-" + "ab" * 32)
    prepared.mkdir()
    (prepared / "a").write_text("1")
    (prepared / "b").write_text("2")
    linked = service._linked

    def vanishing(source: Path, target: Path) -> bool:
        done = linked(source, target)
        if source.parent == prepared:
            shutil.rmtree(prepared)
        return done

    monkeypatch.setattr(service, "_linked", vanishing)
    made = backup(home, Settings(), tmp_path / "backup")
    assert [name for name in made.files if prepared.name in name] == []
    assert not (tmp_path / "backup/evidence/epochs" / prepared.name).exists()


def test_a_backup_is_of_one_moment_while_others_write(home: Home, tmp_path: Path) -> None:
    """Two rows are always written together: no copy has them apart."""
    stop = threading.Event()

    def write() -> None:
        with closing(Database.sqlite(home.database)) as db:
            number = 0
            while not stop.is_set():
                number += 1
                db.write(lambda session, n=number: _both(session, n))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        copies = [tmp_path / f"copy{n}" for n in range(5)]
        for copy in copies:
            copy.mkdir()
            with closing(Database.sqlite(home.database)) as db:
                copying.save(db, copy)
    finally:
        stop.set()
        writer.join()
    for copy in copies:
        assert [p.name for p in copy.iterdir()] == ["ledger.db"]
        with closing(Database.sqlite(copy / "ledger.db")) as db, db.read() as session:
            left, right = session.get(LedgerState, "left"), session.get(LedgerState, "right")
            assert (left and left.value) == (right and right.value)


def _both(session: Session, number: int) -> None:
    for key in ("left", "right"):
        session.merge(LedgerState(key=key, value=str(number)))


# --- restoring one ----------------------------------------------------------------------------------------


def test_a_restored_ledger_is_the_one_that_was_backed_up(home: Home, made: Path, tmp_path: Path) -> None:
    restored = Home(tmp_path / "restored")
    assert restore(made, restored, Settings()) == Manifest.read(made)
    assert kept(restored.path) == kept(home.path)
    assert sorted(p.name for p in restored.path.iterdir() if p.is_file()) == [
        "chain.db",
        "config.json",
        "contracts.json",
        "ledger.db",
        "restored.json",
    ]
    for path in [restored.path, restored.keys, *restored.keys.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0
    body = json.loads(restored.restored.read_text())
    manifest = Manifest.read(made)
    assert (body["format"], body["backup_block"]) == ("puhui.restored/v1", manifest.block)
    assert body["backup_made_at"] == manifest.made_at <= body["restored_at"]
    assert not (tmp_path / "restored.partial").exists()


def test_what_happens_to_a_restored_ledger_does_not_touch_the_backup(made: Path, tmp_path: Path) -> None:
    restore(made, Home(tmp_path / "restored"), Settings())
    for name in Manifest.read(made).files:
        assert not (tmp_path / "restored" / name).samefile(made / name)


def test_a_flipped_byte_anywhere_in_a_backup_is_refused(made: Path, tmp_path: Path) -> None:
    for path in sorted(p for p in made.rglob("*") if p.is_file()):
        sound = path.read_bytes()
        path.unlink()  # evidence is linked: the ledger's own stays as it is
        for place in {0, len(sound) // 2, len(sound) - 1}:
            path.write_bytes(sound[:place] + bytes([sound[place] ^ 1]) + sound[place + 1 :])
            with pytest.raises(EvidenceError) as caught:
                restore(made, Home(tmp_path / "restored"), Settings())
            assert caught.value.fields["path"] == str(path)
        path.write_bytes(sound)
    assert list(tmp_path.glob("restored*")) == []
    restore(made, Home(tmp_path / "restored"), Settings())


def test_the_first_missing_file_is_named(made: Path, tmp_path: Path) -> None:
    for name in ("keys/platform.json", "ledger.db"):
        (made / name).unlink()
    with pytest.raises(EvidenceError, match=r"keys/platform\.json: expected .*, found missing"):
        restore(made, Home(tmp_path / "restored"), Settings())


def test_a_folder_that_is_no_backup_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match=r"backup\.json: No such file"):
        restore(tmp_path, Home(tmp_path / "restored"), Settings())


@pytest.mark.parametrize("name", ["../outside", "/etc/hosts", ""])
def test_a_manifest_that_leaves_its_folder_is_refused(made: Path, tmp_path: Path, name: str) -> None:
    manifest = Manifest.read(made)
    manifest.files[name] = {"bytes": 0, "sha256": ""}
    manifest.write(made)
    with pytest.raises(EvidenceError, match="is no file of a backup"):
        restore(made, Home(tmp_path / "restored"), Settings())


def test_an_existing_ledger_is_not_restored_over(home: Home, made: Path) -> None:
    before = state_of(home.path)
    with pytest.raises(ConflictError, match="exists already") as caught:
        restore(made, home, Settings())
    assert caught.value.fields == {"path": str(home.path)}
    assert state_of(home.path) == before


def test_a_backup_of_a_later_schema_is_refused(made: Path, tmp_path: Path) -> None:
    body: dict[str, Any] = json.loads((made / MANIFEST).read_bytes())
    del body["digest"]
    body["database"]["schema"] = "9999"
    digest = hashlib.sha256(canonical_json(body)).hexdigest()
    (made / MANIFEST).write_bytes(canonical_json({**body, "digest": digest}))
    with pytest.raises(DatabaseUnavailable, match="schema 9999"):
        restore(made, Home(tmp_path / "restored"), Settings())


def test_a_backup_of_sqlite_is_not_restored_into_postgresql(made: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="of a sqlite database") as caught:
        restore(made, Home(tmp_path / "restored"), Settings(database_url="postgresql://nobody@127.0.0.1:1/none"))
    assert caught.value.hint == "unset PUHUI_DATABASE_URL"


def test_a_database_elsewhere_is_backed_up_and_restored_elsewhere(home: Home, tmp_path: Path) -> None:
    elsewhere, other = tmp_path / "elsewhere.db", tmp_path / "other.db"
    shutil.move(home.database, elsewhere)
    backup(home, Settings(database_url=f"sqlite:///{elsewhere}"), tmp_path / "backup")
    restore(tmp_path / "backup", Home(tmp_path / "restored"), Settings(database_url=f"sqlite:///{other}"))
    assert other.exists()
    assert not (tmp_path / "restored" / "ledger.db").exists()
    with pytest.raises(ConflictError, match=r"other\.db exists already"):
        restore(tmp_path / "backup", Home(tmp_path / "again"), Settings(database_url=f"sqlite:///{other}"))
    assert list(tmp_path.glob("again*")) == []


@pytest.mark.parametrize(("place", "name"), [(shutil, "copy2"), (os, "fsync"), (Database, "migrate")])
def test_an_interrupted_restore_leaves_nothing(made: Path, tmp_path: Path, place: Any, name: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place, name, _interrupt)
        with pytest.raises(KeyboardInterrupt):
            restore(made, Home(tmp_path / "restored"), Settings())
    assert list(tmp_path.glob("restored*")) == []


def _interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


# --- a chain that is a node of its own --------------------------------------------------------------------


def on_a_node(home: Home, url: str) -> None:
    """Let the ledger's chain be the node at `url`, which serves the chain of another folder."""
    body = json.loads((home.path / "config.json").read_text())
    (home.path / "config.json").write_text(json.dumps({**body, "rpc_url": url}))
    shutil.move(home.chain, home.path.with_name("node.db"))


def test_of_a_ledger_on_a_node_the_block_is_noted_and_no_chain_copied(home: Home, tmp_path: Path) -> None:
    on_a_node(home, "")
    with EmbeddedChain.open(home.path.with_name("node.db"), chain_id=home.config().chain_id) as chain:
        with serve(chain, "127.0.0.1", 0) as node:
            made = backup(home, Settings(rpc_url=node.url), tmp_path / "backup")
        head = chain.head.number
    assert (made.embedded, made.block) == (False, head)
    assert "chain.db" not in made.files


def test_a_node_that_does_not_answer_keeps_nobody_from_a_backup(home: Home, tmp_path: Path) -> None:
    on_a_node(home, "http://127.0.0.1:1")
    made = backup(home, Settings(), tmp_path / "backup")
    assert (made.embedded, made.block) == (False, None)


def test_another_node_is_refused(home: Home, tmp_path: Path) -> None:
    on_a_node(home, "")
    number = home.config().chain_id
    with EmbeddedChain.open(tmp_path / "other.db", chain_id=number) as chain, serve(chain, "127.0.0.1", 0) as node:
        settings = Settings(rpc_url=node.url)
        with pytest.raises(ChainMismatch, match="is not the chain of this ledger"):
            backup(home, settings, tmp_path / "backup")
    assert list(tmp_path.glob("backup*")) == []


# --- PostgreSQL -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server."""
    server = PostgresServer()
    yield server
    server.stop()


@pytest.fixture
def new_url(postgres: PostgresServer) -> Iterator[Callable[[], str]]:
    """new_url() -> the URL of an empty database."""
    names: list[str] = []

    def make() -> str:
        names.append(postgres.create_database())
        return postgres.url(names[-1])

    yield make
    for name in names:
        postgres.drop_database(name)


@pytest.fixture
def migrated(new_url: Callable[[], str]) -> Iterator[Database]:
    """A database with the ledger's tables."""
    with closing(Database(new_url())) as db:
        db.migrate()
        yield db


def test_postgresql_is_restored_to_the_same_rows_and_numbers_on(
    migrated: Database, new_url: Callable[[], str], tmp_path: Path
) -> None:
    def write(session: Session) -> None:
        session.add(Account(account_id="a\t\\N\n碳", kind="sme", wallet="0x" + "ab" * 20, hosted=True, opened_at=5))
        session.flush()
        session.add(Carrier(carrier_ref="c", account_id="a\t\\N\n碳"))
        session.add(SequenceRow(name="acts", value=7))
        imports.record(session, an_import("first"))

    migrated.write(write)
    copied = copying.save(migrated, tmp_path)
    assert (copied.kind, copied.schema, copied.read_to) == ("postgresql", SCHEMA_VERSION, None)
    order = [table.name for table in copied.tables]
    assert order.index("accounts") < order.index("carriers")
    assert {t.name: t.rows for t in copied.tables if t.rows} == dict.fromkeys(
        ("accounts", "carriers", "sequences", "imports"), 1
    )
    with closing(Database(new_url())) as db:
        copying.load(db, tmp_path, copied)
        db.check_schema()
        with db.read() as session:
            assert session.get_one(Account, "a\t\\N\n碳").consent_at is None
            assert imports.get(session, 1).rejected == {"bad_row": 3}
        second = db.write(lambda session: imports.record(session, an_import("second")).id)
        (tmp_path / "again").mkdir()
        again = copying.save(db, tmp_path / "again")
    assert second == 2
    assert [t.name for t in again.tables] == order


def an_import(request: str) -> Import:
    return Import(
        source_id="s",
        format="journeys",
        file_sha256="",
        request_digest=request,
        accounts_version=1,
        rows=3,
        trips=0,
        rows_used=0,
        rejected={"bad_row": 3},
        reduction_mg=0,
        input_digest="",
        created_at=1,
    )


def test_a_copy_of_postgresql_is_of_one_moment_while_others_write(
    migrated: Database, new_url: Callable[[], str], tmp_path: Path
) -> None:
    """Rows of two tables are always written together: no copy has them apart."""
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            migrated.write(lambda session, n=number: _in_two_tables(session, n))

    migrated.write(lambda session: _in_two_tables(session, 0))
    writer = threading.Thread(target=write)
    writer.start()
    try:
        for n in range(5):
            (tmp_path / str(n)).mkdir()
            copied = copying.save(migrated, tmp_path / str(n))
    finally:
        stop.set()
        writer.join()
    for n in range(5):
        with closing(Database(new_url())) as db:
            copying.load(db, tmp_path / str(n), copied)
            with db.read() as session:
                assert session.get_one(LedgerState, "left").value == str(session.get_one(SequenceRow, "right").value)


def _in_two_tables(session: Session, number: int) -> None:
    session.merge(LedgerState(key="left", value=str(number)))
    session.flush()
    session.merge(SequenceRow(name="right", value=number))


def test_a_database_with_tables_is_not_filled(migrated: Database, tmp_path: Path) -> None:
    copied = copying.save(migrated, tmp_path)
    with pytest.raises(ConflictError, match="has tables already") as caught:
        copying.load(migrated, tmp_path, copied)
    assert caught.value.hint == "restore into an empty database"


def test_a_table_with_rows_missing_fills_nothing(
    migrated: Database, new_url: Callable[[], str], tmp_path: Path
) -> None:
    migrated.write(lambda session: _in_two_tables(session, 1))
    copied = copying.save(migrated, tmp_path)
    path = tmp_path / "tables" / "sequences.copy"
    path.write_bytes(b"")
    with closing(Database(new_url())) as db:
        with pytest.raises(EvidenceError, match=r"sequences\.copy: 0 rows, and 1 were copied"):
            copying.load(db, tmp_path, copied)
        path.write_bytes(b"right\t1\n")
        copying.load(db, tmp_path, copied)


def test_a_ledger_on_postgresql_goes_round(
    make_ledger: Callable[..., Puhui], new_url: Callable[[], str], tmp_path: Path, fast_keystores: None
) -> None:
    first, second = Settings(database_url=new_url()), Settings(database_url=new_url())
    home = Home(make_ledger("made").home)
    home.database.unlink()
    with closing(Database(str(first.database_url and first.database_url.get_secret_value()))) as db:
        db.migrate()
        db.write(lambda session: _in_two_tables(session, 3))
    made = backup(home, first, tmp_path / "backup")
    assert made.database.kind == "postgresql"
    assert made.files["tables/sequences.copy"]["bytes"] == len(b"right\t3\n")
    with pytest.raises(InputError, match="of a postgresql database") as caught:
        restore(tmp_path / "backup", Home(tmp_path / "restored"), Settings())
    assert caught.value.hint == "set PUHUI_DATABASE_URL to an empty PostgreSQL database"
    with pytest.raises(ConflictError, match="has tables already"):
        restore(tmp_path / "backup", Home(tmp_path / "restored"), first)
    assert list(tmp_path.glob("restored*")) == []
    restore(tmp_path / "backup", Home(tmp_path / "restored"), second)
    assert not (tmp_path / "restored" / "ledger.db").exists()
    assert not (tmp_path / "restored" / "tables").exists()
    with closing(open_database(Home(tmp_path / "restored"), second)) as db, db.read() as session:
        assert session.get_one(LedgerState, "left").value == "3"
