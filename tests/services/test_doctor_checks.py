"""Each check of `puhui doctor` on a ledger with exactly one thing wrong: what it finds, how bad that is, what to do."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from registry.chain.client import Chain, connect_url
from registry.chain.contracts import CarbonPoints, CertifiedReductions, ProceedsDistributor, SettlementCash
from registry.chain.embedded.chain import EmbeddedChain
from registry.chain.embedded.server import serve
from registry.services import indexer
from registry.services.checks import database, machine, node
from registry.services.checks.finding import Finding, Level
from registry.services.checks.node import Head
from registry.services.doctor import OF_CHAIN, OF_DATABASE, OF_LEDGER, examine
from registry.services.home import Home
from registry.settings import Settings
from registry.store import health
from registry.store.operation_tables import AttemptRow, LeaseRow, OperationRow, OperationState
from registry.store.session import Database
from registry.store.tables import SCHEMA_VERSION
from tests.nodes.conftest import running_anvil
from tests.postgres import PostgresServer
from tests.services.homes import Puhui, opened

Make = Callable[..., Puhui]
NAMES = [
    *("python", "home", "restored", "disk", "keystores", "database", *OF_DATABASE, "temporary_files"),
    *("chain_file", "chain", *OF_CHAIN, *OF_LEDGER),
]
SIGNER = "0x" + "ab" * 20


class Stopped:
    """A clock that stands at one moment of the ledger's time."""

    def __init__(self, now_s: int) -> None:
        self.now_s = now_s

    def now_ms(self) -> int:
        return self.now_s * 1_000

    def monotonic_ms(self) -> int:
        return self.now_ms()

    def sleep_ms(self, milliseconds: int) -> None:
        raise AssertionError("doctor waits for nothing")


def examined(home: Path, settings: Settings | None = None, clock: Any = None) -> dict[str, Finding]:
    """Every check of a home by its name."""
    return {found.name: found for found in examine(Home(home), settings or Settings(), clock)}


def wrong(found: dict[str, Finding]) -> dict[str, Level]:
    """The checks that are not ok, with how bad they are."""
    return {name: each.level for name, each in found.items() if each.level is not Level.OK}


@pytest.fixture
def home(make_ledger: Make) -> Path:
    """A ledger with claimed points, in perfect health."""
    return make_ledger("claimed").home


@contextmanager
def rows(home: Path) -> Iterator[sqlite3.Connection]:
    """The ledger's database, past the program."""
    connection = sqlite3.connect(home / "ledger.db")
    try:
        with connection:
            yield connection
    finally:
        connection.close()


def actions(home: Path) -> list[str]:
    """What the log of acts tells of, in its order."""
    with rows(home) as connection:
        return [row[0] for row in connection.execute("SELECT action FROM audit_log ORDER BY sequence")]


def operation(number: int, state: OperationState, created_at: int, **values: Any) -> OperationRow:
    """A row of the outbox as the submission writes it."""
    return OperationRow(
        **{
            "id": f"op-{number:020x}",
            "kind": "TripAnchors.anchor",
            "subject": "",
            "stream": f"TripAnchors.anchor/{number}",
            "role": "platform",
            "signer": SIGNER,
            "contract": "0x" + "11" * 20,
            "calldata": "0x",
            "gas": 1,
            "digest": f"{number:064x}",
            "state": state,
            "next_at": created_at,
            "created_at": created_at,
            **values,
        }
    )


def add(home: Path, *made: Any) -> None:
    """Put rows into the ledger's database."""
    db = Database.sqlite(home / "ledger.db")
    for row in made:
        db.write(lambda session, row=row: session.add(row))  # type: ignore[misc]
    db.close()


# --- a healthy ledger, and folders that are none -----------------------------------------------------------------


def test_a_healthy_ledger_passes_every_check_under_its_stable_name(home: Path) -> None:
    found = examined(home)

    assert list(found) == NAMES
    assert wrong(found) == {}
    assert {name: each.to_do for name, each in found.items() if each.to_do} == {}
    assert found["acts"].facts["acts"] == len(actions(home))
    assert found["database"].found == f"sqlite, schema {SCHEMA_VERSION}"
    assert found["database_durability"].facts == {"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1"}
    assert found["contracts"].found == "14 contracts, all with this release's code"


def test_a_ledger_that_sold_tonnes_passes_every_check(market_at: Callable[[str], Puhui]) -> None:
    found = examined(market_at("sold").home)

    assert wrong(found) == {}
    assert [found[name].facts["sums"] for name in ("points", "tonnes", "cash")] == [4, 2, 3]
    assert found["evidence_certifications"].facts["folders"] == 2


def test_a_folder_that_is_no_ledger_is_said_to_be_none(tmp_path: Path) -> None:
    found = examined(tmp_path)
    assert list(found) == ["python", "home"]
    assert wrong(found) == {"home": Level.FAILURE}
    assert found["home"].found == f"{tmp_path} is not a ledger"
    assert list(tmp_path.iterdir()) == []


def test_an_init_that_did_not_finish_is_a_failure(home: Path) -> None:
    (home / "contracts.json").unlink()
    found = examined(home)
    assert wrong(found) == {"home": Level.FAILURE}
    assert found["home"].found == f"{home}: `puhui init` did not finish"


def test_a_restored_backup_waits_for_its_comparison(home: Path) -> None:
    (home / "restored.json").write_text("{}")
    found = examined(home)
    assert wrong(found) == {"restored": Level.FAILURE}
    assert found["restored"].to_do == "puhui reconcile"


# --- the machine --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("free", "files", "level"),
    [
        ((1 << 30) - 1, 1 << 20, Level.FAILURE),
        (1 << 30, 1 << 20, Level.WARNING),
        ((5 << 30) - 1, 1 << 20, Level.WARNING),
        (5 << 30, 1 << 20, Level.OK),
        (5 << 30, 9_999, Level.WARNING),
        (5 << 30, 10_000, Level.OK),
    ],
)
def test_little_space_is_a_warning_and_hardly_any_a_failure(
    home: Path, monkeypatch: pytest.MonkeyPatch, free: int, files: int, level: Level
) -> None:
    space = SimpleNamespace(f_bavail=free, f_frsize=1, f_files=1 << 21, f_favail=files)
    monkeypatch.setattr(os, "statvfs", lambda path: space)
    found = machine.disk(Home(home))
    assert (found.level, found.facts) == (level, {"free_bytes": free, "free_files": files})


def test_a_file_system_that_counts_no_files_does_not_run_out_of_them(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = SimpleNamespace(f_bavail=5 << 30, f_frsize=1, f_files=0, f_favail=0)
    monkeypatch.setattr(os, "statvfs", lambda path: space)
    assert machine.disk(Home(home)).level is Level.OK


def test_a_home_with_only_its_owners_key_is_fine(home: Path) -> None:
    for path in (home / "keys").glob("*.json"):
        if path.stem != "verifier":
            path.unlink()
    shutil.rmtree(home / "keys" / "days")
    found = machine.keys(Home(home))
    assert found.level is Level.OK
    absent = "platform, regulator, exchange, guardian, bank"
    assert found.found == f"verifier, readable by their owner alone; kept elsewhere: {absent}"


def test_a_home_without_any_key_can_only_read(home: Path) -> None:
    for path in (home / "keys").glob("*.json"):
        path.unlink()
    assert machine.keys(Home(home)).level is Level.WARNING


def test_the_platform_needs_its_secrets_beside_its_key(home: Path) -> None:
    (home / "keys" / "hosted.json").unlink()
    found = machine.keys(Home(home))
    assert (found.level, found.found) == (Level.FAILURE, "the platform's key is here, and not hosted")


@pytest.mark.parametrize("name", ["bank.json", "daykeys.json", "days"])
def test_a_key_that_others_can_read_is_a_failure(home: Path, name: str) -> None:
    path = home / "keys" / name
    path.chmod(path.stat().st_mode | 0o040)
    found = machine.keys(Home(home))
    assert (found.level, found.found) == (Level.FAILURE, f"readable by others: {name}")
    assert found.to_do == f"chmod go= {path}"


@pytest.mark.parametrize("content", ["", "{", '{"version": 2}', '{"version": 3}', "[]"])
@pytest.mark.parametrize("name", ["guardian", "hosted"])
def test_a_damaged_keystore_is_a_failure(home: Path, name: str, content: str) -> None:
    (home / "keys" / f"{name}.json").write_text(content)
    found = examined(home)["keystores"]
    assert (found.level, found.found) == (Level.FAILURE, f"the keystore of {name} is damaged")
    assert found.to_do == "restore it from a backup"


# --- the database -------------------------------------------------------------------------------------------------


def test_without_its_database_the_chain_is_still_looked_at(home: Path) -> None:
    for path in home.glob("ledger.db*"):
        path.unlink()
    found = examined(home)
    assert list(found) == NAMES
    assert found["database"].level is Level.FAILURE
    not_made = (*OF_DATABASE, "blocks", *OF_LEDGER)
    assert wrong(found) == {"database": Level.FAILURE, **dict.fromkeys(not_made, Level.SKIPPED)}
    assert found["blocks"].found == "not looked at: the database cannot be used"
    assert list(home.glob("ledger.db*")) == []


def test_another_version_of_the_schema_is_a_failure(home: Path) -> None:
    with rows(home) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    found = examined(home)["database"]
    assert found.level is Level.FAILURE
    assert found.found == f"the database has schema 0001, this program needs {SCHEMA_VERSION}"


def test_a_damaged_page_of_the_database_is_found(home: Path) -> None:
    with rows(home) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'carriers'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with (home / "ledger.db").open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(bytes(size))
    found = examined(home)["database_integrity"]
    assert found.level is Level.FAILURE
    assert found.found.startswith("the database file is damaged: ")


@pytest.mark.parametrize(("name", "value"), [("journal_mode", "delete"), ("synchronous", "1")])
def test_an_sqlite_that_can_lose_a_commit_is_a_failure(
    home: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    kept = {"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1"}
    monkeypatch.setattr(health, "settings", lambda session: {**kept, name: value})
    found = examined(home)
    assert wrong(found) == {"database_durability": Level.FAILURE}
    assert f"{name} {value}" in found["database_durability"].found


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A PostgreSQL of this module, with fsync off as all of the tests' servers."""
    made = PostgresServer()
    yield made
    made.stop()


def test_a_postgresql_without_fsync_is_a_failure_that_names_what_to_turn_on(server: PostgresServer) -> None:
    name = server.create_database()
    db = Database(server.url(name))
    db.migrate()
    found = database.durability(db)
    assert (found.level, found.to_do) == (Level.FAILURE, "turn on fsync in the server's configuration")
    assert {**found.facts, "server_version": ""} == {
        "server_version": "",
        "fsync": "off",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "data_checksums": "off",
    }
    with server.connect() as connection:
        connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    db.close()
    assert database.durability(db).to_do == "turn on fsync, synchronous_commit in the server's configuration"
    assert database.schema(db).found == f"postgresql, schema {SCHEMA_VERSION}"
    assert database.integrity(db).found == "left to the server"
    db.close()
    server.drop_database(name)


def test_a_server_that_keeps_its_commits_is_fine(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "remote_apply"}
    monkeypatch.setattr(health, "kind", lambda session: "postgresql")
    monkeypatch.setattr(health, "settings", lambda session: kept)
    db = Database.sqlite(home / "ledger.db")
    assert database.durability(db).level is Level.OK
    db.close()


# --- the outbox ---------------------------------------------------------------------------------------------------


def test_held_operations_are_a_failure_that_names_them(home: Path) -> None:
    now = Stopped(2_000_000_000)
    held = [operation(n, OperationState.HELD, now.now_ms(), reason=f"reason {n}") for n in range(7)]
    add(home, *held)
    found = examined(home, clock=now)["operations"]
    assert found.level is Level.FAILURE
    assert found.to_do == f"puhui ops explain {held[6].id}"
    assert found.facts["held"] == 7
    assert found.facts["held_ids"] == [f"op-{n:020x}" for n in (6, 5, 4, 3, 2)]
    assert found.found.startswith(f"held (the newest 5 of 7): op-{6:020x} TripAnchors.anchor: reason 6; ")


@pytest.mark.parametrize(("age_s", "level"), [(300, Level.OK), (301, Level.WARNING)])
def test_an_operation_that_waits_long_is_a_warning(home: Path, age_s: int, level: Level) -> None:
    now = Stopped(2_000_000_000)
    add(home, operation(1, OperationState.PENDING, now.now_ms() - 1_000 * age_s))
    found = examined(home, clock=now)["operations"]
    assert (found.level, found.found) == (level, f"1 pending, 0 in flight, the oldest {age_s} s old")


def test_who_should_work_on_what_waits_is_told_apart(home: Path) -> None:
    now = Stopped(2_000_000_000)
    add(home, operation(1, OperationState.PENDING, now.now_ms() - 400_000))
    assert examined(home, clock=now)["operations"].to_do == ("no process works for platform: run `puhui ops run`")
    add(home, LeaseRow(name=SIGNER, holder="somebody", token=1, expires_at=now.now_ms() + 1))
    assert examined(home, clock=now)["operations"].to_do == (
        "a process works on them; `puhui ops list` says what the last answers were"
    )


# --- the log of acts ----------------------------------------------------------------------------------------------


def test_a_changed_act_is_named(home: Path) -> None:
    third = actions(home)[2]
    with rows(home) as connection:
        connection.execute("UPDATE audit_log SET subject = 'another' WHERE sequence = 3")
    found = examined(home)
    assert wrong(found) == {"acts": Level.FAILURE}
    assert found["acts"].found == f"act 3 ({third}) was changed, or one before it"


def test_acts_taken_off_the_end_of_the_log_are_missed(home: Path) -> None:
    written = len(actions(home))
    with rows(home) as connection:
        connection.execute("DELETE FROM audit_log WHERE sequence > 4")
    found = examined(home)
    assert wrong(found) == {"acts": Level.FAILURE}
    assert found["acts"].found == f"the log ends with act 4, and {written} were written"


# --- evidence -----------------------------------------------------------------------------------------------------

FOLDERS = {
    "batches": ("evidence_batches", "batch"),
    "imports": ("evidence_imports", "import"),
    "epochs": ("evidence_epochs", "epoch"),
    "certifications": ("evidence_certifications", "certification"),
}


@pytest.mark.parametrize("kind", FOLDERS)
@pytest.mark.parametrize("gone", ["the folder", "its manifest"])
def test_evidence_that_is_missing_is_a_failure(market_at: Callable[[str], Puhui], kind: str, gone: str) -> None:
    home = market_at("sold").home
    name, what = FOLDERS[kind]
    folder = min((home / "evidence" / kind).iterdir())
    if gone == "the folder":
        shutil.rmtree(folder)
    else:
        (folder / ("record.json" if kind == "imports" else "manifest.json")).unlink()
    found = examined(home)
    assert wrong(found) == {name: Level.FAILURE}
    assert found[name].found == f"no folder, or no manifest in it, for {what} {folder.name}"
    assert found[name].facts["missing"] == [folder.name]


@pytest.mark.parametrize("kind", [*FOLDERS, "payouts"])
def test_evidence_that_belongs_to_nothing_is_a_warning_that_says_what_it_is(home: Path, kind: str) -> None:
    left = [home / "evidence" / kind / f"000009-{n:064x}" for n in range(2)]
    for folder in left:
        folder.mkdir(parents=True)
    found = examined(home)
    name, what = {**FOLDERS, "payouts": ("evidence_payouts", "payout run")}[kind]
    assert wrong(found) == {name: Level.WARNING}
    assert f"2 more belong to no {what} (a" in found[name].found
    assert "may be removed" in found[name].found
    assert found[name].to_do == f"look at {left[0]}, {left[1]}"


def test_the_folder_of_a_cancelled_epoch_belongs_to_it(home: Path) -> None:
    with rows(home) as connection:
        connection.execute("UPDATE epochs SET state = 'CANCELLED'")
    assert examined(home)["evidence_epochs"].level is Level.OK
    shutil.rmtree(home / "evidence" / "epochs")
    assert examined(home)["evidence_epochs"].level is Level.OK


def test_what_stands_under_temporary_names_is_listed(home: Path) -> None:
    (home / "evidence" / "tmp" / "0a1b").mkdir(parents=True)
    (home / "staging").mkdir()
    (home / "staging" / "records").mkdir()
    (home / "keys" / ".bank.json.0a1b2c.tmp").write_bytes(b"")
    (home / "keys" / ".bank.json.0a1b2c.tmp").chmod(0o600)
    found = examined(home)
    assert wrong(found) == {"temporary_files": Level.WARNING}
    names = ["evidence/tmp/0a1b", "staging/records", "keys/.bank.json.0a1b2c.tmp"]
    assert found["temporary_files"].facts["paths"] == [str(home / name) for name in names]
    assert "work of a command that was stopped, which the next import removes" in found["temporary_files"].found


# --- the chain ----------------------------------------------------------------------------------------------------


def test_a_chain_file_that_is_gone_is_not_made_anew(home: Path) -> None:
    for path in home.glob("chain.db*"):
        path.unlink()
    found = examined(home)
    assert list(found) == NAMES
    assert (found["chain_file"].level, found["chain"].level) == (Level.FAILURE, Level.SKIPPED)
    assert {each.level for name, each in found.items() if name in (*OF_CHAIN, *OF_LEDGER)} == {Level.SKIPPED}
    assert list(home.glob("chain.db")) == []


def test_an_index_of_the_chain_file_that_differs_from_its_blocks_is_found(home: Path) -> None:
    connection = sqlite3.connect(home / "chain.db")
    with connection:
        connection.execute("DELETE FROM logs WHERE block = (SELECT max(block) FROM logs)")
    connection.close()
    assert examined(home)["chain_file"].level is Level.FAILURE


def test_a_chain_in_use_is_read_where_it_is_served(home: Path) -> None:
    with EmbeddedChain.open(home / "chain.db") as chain, serve(chain) as server:
        found = examined(home)
        assert wrong(found) == {"chain_file": Level.SKIPPED}
        assert server.url in found["chain"].found


def test_a_node_that_does_not_answer_leaves_the_rest_to_be_looked_at(home: Path) -> None:
    found = examined(home, Settings(rpc_url="http://127.0.0.1:9"))
    assert list(found) == NAMES
    expected = {"chain_file": Level.SKIPPED, "chain": Level.FAILURE}
    assert wrong(found) == {**expected, **dict.fromkeys((*OF_CHAIN, *OF_LEDGER), Level.SKIPPED)}
    assert found["chain"].found == "node http://127.0.0.1:9 does not answer (ConnectionError)"


def test_another_chain_is_refused(home: Path, tmp_path: Path) -> None:
    for number, said in ((999, "chain id is 999, this ledger was made on 20260"), (20260, "genesis hash is ")):
        other = EmbeddedChain.open(tmp_path / f"{number}.db", chain_id=number, genesis_timestamp=1)
        with other as chain, serve(chain) as server:
            found = examined(home, Settings(rpc_url=server.url))["chain"]
        assert found.level is Level.FAILURE
        assert found.found.startswith(said)


def test_a_node_that_is_behind_the_deployment_is_told_to_catch_up(home: Path, tmp_path: Path) -> None:
    with opened(home) as ledger:
        began, first = ledger.contracts.chain.timestamp(0), ledger.contracts.deployment.first_block
    other = EmbeddedChain.open(tmp_path / "behind.db", chain_id=20260, genesis_timestamp=began)
    with other as chain, serve(chain) as server:
        found = examined(home, Settings(rpc_url=server.url))
    assert (found["chain"].level, found["contracts"].level) == (Level.OK, Level.FAILURE)
    assert found["contracts"].found == f"the node is at block 0, and the contracts stand since block {first}"
    assert found["contracts"].to_do == "wait until the node has caught up"


def test_other_code_at_a_contracts_address_is_named(home: Path) -> None:
    body = json.loads((home / "contracts.json").read_text())
    addresses = body["contracts"]
    addresses["CarbonPoints"], addresses["SettlementCash"] = addresses["SettlementCash"], addresses["CarbonPoints"]
    (home / "contracts.json").write_text(json.dumps(body))
    found = examined(home)
    assert wrong(found) == {"contracts": Level.FAILURE, **dict.fromkeys(OF_LEDGER, Level.SKIPPED)}
    assert found["contracts"].found.startswith(f"CarbonPoints at {addresses['CarbonPoints']} is not this release's")


NOW = 1_800_000_000


@pytest.mark.parametrize(
    ("rhythm", "ahead", "level"),
    [
        (None, -31, Level.WARNING),
        (None, -30, Level.OK),
        (None, 31, Level.OK),  # an idle chain that makes blocks when there is work
        (2, 32, Level.OK),
        (2, 33, Level.WARNING),
        (60, 90, Level.OK),
        (60, 91, Level.WARNING),
        (2, 600, Level.WARNING),
        (2, 601, Level.OK),  # it stands: that is another check's
    ],
)
def test_the_clock_is_compared_with_blocks_that_say_something(rhythm: int | None, ahead: int, level: Level) -> None:
    found = node.clock(Head(412, NOW - ahead, rhythm), NOW * 1_000)
    assert (found.level, found.facts) == (level, {"seconds_ahead_of_newest_block": ahead})


def flying(created_s: int) -> tuple[OperationRow, AttemptRow]:
    """An operation whose signed bytes wait for a block since then."""
    attempt = AttemptRow(
        tx_hash="0x" + "01" * 32,
        operation=900,  # after the ledger's own
        signer=SIGNER,
        nonce=0,
        raw="0x",
        token=1,
        created_at=created_s * 1_000,
    )
    return operation(1, OperationState.IN_FLIGHT, created_s * 1_000, seq=900), attempt


@pytest.mark.parametrize(
    ("age", "waited", "rhythm", "level"),
    [
        (3_600, None, None, Level.OK),  # idle
        (61, 61, None, Level.FAILURE),
        (60, 61, None, Level.OK),
        (61, 60, None, Level.OK),
        (3_600, 61, 2, Level.FAILURE),
        (61, None, 2, Level.WARNING),
        (60, None, 2, Level.OK),
        (180, None, 60, Level.OK),  # makes an empty block a minute
        (181, None, 60, Level.WARNING),
    ],
)
def test_a_chain_that_stands_while_something_waits_is_a_failure(
    home: Path, age: int, waited: int | None, rhythm: int | None, level: Level
) -> None:
    if waited is not None:
        add(home, *flying(NOW - waited))
    db = Database.sqlite(home / "ledger.db")
    found = node.moving(Head(412, NOW - age, rhythm), db, NOW * 1_000)
    db.close()
    assert (found.level, found.facts["waiting_seconds"]) == (level, waited or 0)


def test_an_embedded_chain_has_no_rhythm_and_a_chain_with_empty_blocks_has(home: Path) -> None:
    with opened(home) as ledger:
        chain = ledger.contracts.chain
        assert node.head_of(chain) == Head(chain.head(), chain.timestamp(chain.head()), None)
    with running_anvil() as url:
        anvil: Chain = connect_url(url)
        while anvil.head() < 4:
            pass
        found = node.head_of(anvil)
        assert found.rhythm in (0, 1)
        assert found.time == anvil.timestamp(found.number)


# --- the event index ----------------------------------------------------------------------------------------------


def moved(home: Path, block: int, block_hash: str) -> None:
    with rows(home) as connection:
        connection.execute("UPDATE cursors SET block = ?, block_hash = ?", (block, block_hash))


def test_an_index_far_behind_is_a_warning(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(home) as ledger:
        indexer.sync(ledger)
        head = ledger.contracts.chain.head()
        earlier = ledger.contracts.chain.block_hash(head - 3)
    moved(home, head - 3, earlier)
    assert wrong(examined(home)) == {}
    monkeypatch.setattr(node, "LAG_BLOCKS", 2)
    found = examined(home)
    assert wrong(found) == {"event_index": Level.WARNING}
    assert found["event_index"].facts == {"lag_blocks": 3, "block": head - 3}


def test_an_index_that_was_never_begun_is_said_to_be_so(home: Path) -> None:
    with rows(home) as connection:
        connection.execute("DELETE FROM cursors")
    found = examined(home)
    assert wrong(found) == {}
    assert found["event_index"].facts["block"] is None
    assert found["event_cursor"].found == "no block was read yet"


def test_a_block_that_was_read_and_is_gone_is_a_failure_with_the_way_out(home: Path) -> None:
    with opened(home) as ledger:
        indexer.sync(ledger)
    moved(home, 20, "0x" + "22" * 32)
    found = examined(home)
    assert wrong(found) == {"event_cursor": Level.FAILURE}
    assert found["event_cursor"].to_do == indexer.WAY_OUT


# --- sums ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("contract", "reads", "name", "said"),
    [
        (CarbonPoints, "total_supply", "points", "claimed, and held, redeemed or expired"),
        (CarbonPoints, "market_mg", "points", "in the pool, and redeemed or converted into it"),
        (
            CertifiedReductions,
            "total_supply",
            "tonnes",
            "issued, and held, retired or cancelled: 2 and 3 t",
        ),
        (ProceedsDistributor, "funded", "cash", "the people's cash, and what was funded and not paid"),
    ],
)
def test_sums_of_the_chain_that_differ_are_a_failure(
    market_at: Callable[[str], Puhui],
    monkeypatch: pytest.MonkeyPatch,
    contract: type[Any],
    reads: str,
    name: str,
    said: str,
) -> None:
    real = getattr(contract, reads)
    monkeypatch.setattr(contract, reads, lambda *given: real(*given) + 1)
    found = examined(market_at("sold").home)
    assert wrong(found) == {name: Level.FAILURE}
    assert said in found[name].found
    assert found[name].to_do == "stop writing and run `puhui audit`: it says which row is wrong"


def test_less_cash_than_is_held_is_a_failure(
    market_at: Callable[[str], Puhui], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SettlementCash, "total_supply", lambda *given: 0)
    found = examined(market_at("sold").home)
    assert wrong(found) == {"cash": Level.FAILURE}
    assert found["cash"].found.startswith("all cash, and the treasury's and the people's: 0 and ")
