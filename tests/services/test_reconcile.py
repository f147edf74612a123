"""An older database with newer evidence and chain: closed for writing until it agrees, and then as the lost one was."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from registry.audit.ledger import audit_ledger
from registry.chain.submitter import Submitter
from registry.core.entitlement import Entitlement
from registry.errors import ChainMismatch, ConflictError, EvidenceError, VerificationError
from registry.services import indexer, market
from registry.services import reconcile as service
from registry.services.backup import backup
from registry.services.epochs import entitlements_of, folder_of, publish_epoch
from registry.services.home import Home
from registry.services.owners import find_owner
from registry.services.reconcile import Reconciled, reconcile
from registry.services.reconciling import outbox
from registry.services.restore import restore
from registry.settings import Settings
from registry.store import batches, chain_events, copying, epochs, imports, leases, operations, orders
from registry.store.copying import Copied
from registry.store.operation_tables import AttemptState, OperationRow, OperationState
from registry.store.tables import BatchState, EpochState, Import
from tests.audit.forging import wrong
from tests.audit.market_ledger import COMPLIANT, bid
from tests.faults.test_services_resume import Crash, after_send, at, before_send
from tests.postgres import PostgresServer
from tests.services.homes import (
    STAGES,
    City,
    Puhui,
    contracts_of,
    journey,
    opened,
    rows_of,
    someone,
    state_of,
    write_journeys,
    write_people,
)
from tests.services.market_stages import offer, sell_one

# What only the clock of the lost computer, or the options of its commands, told.
UNKNOWN: dict[str, set[str]] = {
    "batches": {"sealed_at"},
    "imports": {"created_at", "request_digest"},
    "epochs": {"created_at"},
    "orders": {"created_at"},
    "events": set(),
}
CLOSED = {
    "code": "restored_not_reconciled",
    "message": "a backup was restored here and not compared with the chain yet",
    "hint": "puhui reconcile",
}


def rows(home: Path) -> dict[str, list[dict[str, Any]]]:
    """Every row that can be rebuilt, without what nobody can know."""
    with opened(home, writing=False) as ledger, ledger.db.read() as session:
        found = {
            "batches": batches.select_batches(session),
            "imports": imports.recent(session)[::-1],
            "epochs": epochs.every(session),
            "orders": sorted(orders.of_issuance(session), key=lambda row: row.order_hash),
            "events": chain_events.after(session, 0, 100_000),
        }
    return {name: [row.model_dump(exclude=UNKNOWN[name]) for row in listed] for name, listed in found.items()}


def operations_of(home: Path) -> list[OperationRow]:
    """Every operation, the oldest first."""
    with opened(home, writing=False) as ledger, ledger.db.read() as session:
        return operations.listed(session, list(OperationState), 1_000)[::-1]


def audited(home: Path) -> dict[str, str]:
    """What an audit finds wrong."""
    with contracts_of(home) as contracts:
        return wrong(audit_ledger(contracts, home / "evidence"))


def finished(home: Path, but: tuple[str, ...] = ()) -> None:
    """Everything agrees, and the ledger can be used as any other; doctor finds nothing wrong `but` these."""
    assert not (home / "restored.json").exists()
    assert audited(home) == {}
    puhui = Puhui(home)
    assert puhui.json("audit")["ok"]
    checks = puhui.json("doctor", expect=1 if but else 0)["checks"]
    assert tuple(check["name"] for check in checks if check["level"] == "failure") == but


def run(home: Path, *, dry_run: bool = False) -> Reconciled:
    """Reconcile, as the command does."""
    with Home(home).writing(), opened(home, writing=False) as ledger:
        return reconcile(ledger, dry_run=dry_run)


@dataclass
class Loss:
    """A ledger, the backup of it, and what is left when later the disk of its database is lost."""

    puhui: Puhui
    folder: Path

    def back_up(self) -> None:
        backup(Home(self.puhui.home), Settings(), self.folder / "backup")

    def lose_the_database(self) -> Puhui:
        """Restore the backup, with evidence, keys and chain as they were at the loss."""
        place = self.folder / "restored"
        restore(self.folder / "backup", Home(place), Settings())
        for name in ("evidence", "keys"):
            shutil.rmtree(place / name)
            shutil.copytree(self.puhui.home / name, place / name)
        shutil.copy(self.puhui.home / "chain.db", place / "chain.db")
        return Puhui(place)


@pytest.fixture
def loss_at(make_ledger: Callable[..., Puhui], tmp_path: Path) -> Callable[[str], Loss]:
    """loss_at(stage) -> a ledger at that stage, backed up."""

    def make(stage: str) -> Loss:
        made = Loss(make_ledger(stage), tmp_path)
        made.back_up()
        return made

    return make


def go_on(puhui: Puhui, stage: str, city: City, until: str = "claimed") -> None:
    """From a stage to the end, or to another stage."""
    steps: list[tuple[str, ...]] = [
        ("accounts", "import", str(city.accounts)),
        ("trips", "import", str(city.journeys), "--source", "city-app", "--format", "journeys"),
        ("anchor",),
        ("attest",),
        ("epoch", "publish"),
        ("points", "claim", "SOMEONE"),
    ]
    for step in steps[STAGES.index(stage) : STAGES.index(until)]:
        puhui(*(someone(puhui.home) if part == "SOMEONE" else part for part in step))


# --- after a restore --------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["accounts", "sealed", "anchored", "attested", "issued", "claimed"])
def test_whatever_the_backup_missed_the_rows_are_those_that_were_lost(
    loss_at: Callable[[str], Loss], city: City, stage: str
) -> None:
    loss = loss_at(stage)
    go_on(loss.puhui, stage, city)
    restored = loss.lose_the_database()
    assert restored.fails("anchor", code=5) == CLOSED
    assert restored.json("batch", "list") is not None  # it may be read

    done = run(restored.home)

    assert rows(restored.home) == rows(loss.puhui.home)
    assert {repair.kind for repair in done.found.repairs} == {
        "accounts": {"import", "batch", "epoch"},
        "sealed": {"batch", "epoch"},
        "anchored": {"batch", "epoch"},
        "attested": {"epoch"},
        "issued": set(),
        "claimed": set(),
    }[stage]
    kinds = [
        "TripAnchors.registerSource",
        "TripAnchors.anchor",
        "TripAnchors.attest",
        "CarbonPoints.publishEpoch",
        "CarbonPoints.attestEpoch",
        "CarbonPoints.claim",
    ]
    missed = {"accounts": 6, "sealed": 6, "anchored": 4, "attested": 3, "issued": 1, "claimed": 0}[stage]
    assert [each.kind for each in done.found.lost] == kinds[len(kinds) - missed :]
    assert done.found.unexplained == []
    assert (done.found.open, done.found.unanchored, done.found.without_account) == ([], [], 0)
    finished(restored.home)
    again = run(restored.home)
    assert (again.restored, again.found.repairs, again.found.lost, again.not_rebuilt) == (False, [], [], [])
    # And it goes on: the file is known, the next points are redeemed.
    assert restored.imports(city.journeys)["repeated"] is True
    restored("points", "redeem", someone(restored.home), "--points", "0.5", "--ref", "after")
    finished(restored.home)


def test_a_ledger_restored_as_it_was_needs_nothing(make_ledger: Callable[..., Puhui], tmp_path: Path) -> None:
    puhui = make_ledger("claimed")
    backup(Home(puhui.home), Settings(), tmp_path / "backup")
    restore(tmp_path / "backup", Home(tmp_path / "restored"), Settings())
    done = run(tmp_path / "restored")
    assert (done.restored, done.found.repairs, done.found.lost) == (True, [], [])
    assert done.not_rebuilt[-1].startswith("blocks after the backup: the chain is the backup's own")
    assert rows(tmp_path / "restored") == rows(puhui.home)
    finished(tmp_path / "restored")


def test_the_log_of_acts_tells_of_the_reconciliation_and_of_what_it_found(
    loss_at: Callable[[str], Loss], city: City
) -> None:
    loss = loss_at("anchored")
    go_on(loss.puhui, "anchored", city)
    restored = loss.lose_the_database()
    before = restored.json("acts", "list")["acts"]
    done = run(restored.home)
    acts = restored.json("acts", "list")["acts"]
    assert acts[5:] == before
    found, last = acts[4:0:-1], acts[0]
    assert [act["subject"] for act in found] == [each.tx_hash for each in done.found.lost]
    assert {(act["actor"], act["role"], act["action"]) for act in found} == {
        ("operator", "operator", "reconcile.transaction")
    }
    assert found[0]["after"] == done.found.lost[0].to_json()
    manifest = json.loads((loss.folder / "backup" / "backup.json").read_bytes())
    assert (last["actor"], last["action"], last["subject"]) == ("operator", "reconcile", f"block {done.found.block}")
    assert last["before"] == {
        "acts": len(before),
        "backup_made_at": manifest["made_at"],
        "block": manifest["block"],
        "read_to": manifest["database"]["read_to"],
    }
    assert last["after"] == {"repairs": {"batch": 1, "epoch": 1}, "transactions": 4}
    assert f"after act {len(before)}; 4 transactions" in "\n".join(done.not_rebuilt)


def test_a_dry_run_says_what_is_behind_and_writes_nothing(loss_at: Callable[[str], Loss], city: City) -> None:
    loss = loss_at("accounts")
    go_on(loss.puhui, "accounts", city)
    restored = loss.lose_the_database()
    before = state_of(restored.home)
    done = run(restored.home, dry_run=True)
    assert (done.dry_run, done.restored, done.events) == (True, True, None)
    changes = [(repair.kind, repair.change) for repair in done.found.repairs]
    assert changes == [
        ("import", "inserted from its record: 841 trips"),
        ("batch", "inserted from evidence, ISSUED"),
        ("epoch", "inserted from evidence, ATTESTED"),
    ]
    assert {name: digest for name, digest in state_of(restored.home).items() if name != "writer.lock"} == before
    assert run(restored.home).found.repairs != []
    finished(restored.home)


def test_interrupted_before_its_end_it_is_run_again(loss_at: Callable[[str], Loss], city: City) -> None:
    loss = loss_at("sealed")
    go_on(loss.puhui, "sealed", city)
    restored = loss.lose_the_database()
    for place, name in ((indexer, "rebuild"), (service, "_log"), (Path, "unlink")):
        with pytest.MonkeyPatch.context() as patch:
            at(place, name)(patch)
            with pytest.raises(Crash):
                run(restored.home)
        assert restored.fails("anchor", code=5) == CLOSED
    run(restored.home)
    assert rows(restored.home) == rows(loss.puhui.home)
    finished(restored.home)


def test_events_read_before_change_nothing(loss_at: Callable[[str], Loss], city: City) -> None:
    """`puhui events` may be asked of a restored ledger, and moves its cursor to the head."""
    loss = loss_at("anchored")
    go_on(loss.puhui, "anchored", city)
    restored = loss.lose_the_database()
    restored("events")
    assert len(run(restored.home).found.lost) == 4
    finished(restored.home)


def test_a_backup_made_right_after_init_knows_what_init_did(loss_at: Callable[[str], Loss], city: City) -> None:
    loss = loss_at("made")
    go_on(loss.puhui, "made", city)
    restored = loss.lose_the_database()
    done = run(restored.home)
    assert len(done.found.lost) == 6
    # Only the accounts were in the database alone: those who travelled are counted.
    assert done.found.without_account == 391
    assert "391 accounts have trips in evidence and are not in the database" in done.not_rebuilt
    assert restored.json("accounts", "import", city.accounts)["opened"] > 0
    assert rows(restored.home)["batches"][0]["state"] == BatchState.ISSUED
    finished(restored.home)


def test_a_backup_made_while_the_ledger_goes_on_is_an_older_database_with_newer_evidence(
    make_ledger: Callable[..., Puhui], tmp_path: Path, city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything happens between the copy of the database and that of the evidence."""
    puhui, save = make_ledger("accounts"), copying.save

    def save_then_go_on(db: Any, folder: Path) -> Copied:
        copied = save(db, folder)
        go_on(puhui, "accounts", city)
        return copied

    monkeypatch.setattr(copying, "save", save_then_go_on)
    backup(Home(puhui.home), Settings(), tmp_path / "backup")
    restore(tmp_path / "backup", Home(tmp_path / "restored"), Settings())
    done = run(tmp_path / "restored")
    assert [repair.kind for repair in done.found.repairs] == ["import", "batch", "epoch"]
    assert len(done.found.lost) == 6
    assert rows(tmp_path / "restored") == rows(puhui.home)
    finished(tmp_path / "restored")


@pytest.fixture
def postgres_urls() -> Iterator[Callable[[], str]]:
    """postgres_urls() -> the URL of an empty database on a server of this test's own."""
    server = PostgresServer()
    yield lambda: server.url(server.create_database())
    server.stop()


def test_a_ledger_on_postgresql_is_brought_up_to_date_too(
    tmp_path: Path,
    fast_keystores: None,
    city: City,
    postgres_urls: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lost = postgres_urls()
    monkeypatch.setenv("PUHUI_DATABASE_URL", lost)
    loss = Loss(Puhui(tmp_path / "home"), tmp_path)
    loss.puhui("init")
    go_on(loss.puhui, "made", city, until="anchored")
    interrupted(loss.puhui, before_send, "attest")
    loss.back_up()
    go_on(loss.puhui, "anchored", city)
    expected = rows(loss.puhui.home)
    monkeypatch.setenv("PUHUI_DATABASE_URL", postgres_urls())
    restored = loss.lose_the_database()
    assert restored.fails("anchor", code=5) == CLOSED

    done = run(restored.home)

    assert [(r.kind, r.change) for r in done.found.repairs if r.kind != "operation"] == [
        ("batch", "ANCHORED -> ISSUED"),
        ("epoch", "inserted from evidence, ATTESTED"),
    ]
    assert [r.kind for r in done.found.repairs].count("operation") == 1
    assert rows(restored.home) == expected
    finished(restored.home, but=("database_durability",))  # turned off for tests
    file = write_journeys(tmp_path / "more.csv", journey(account_id=someone(restored.home), carrier_ref="X1"))
    assert restored.imports(file, "--open-accounts")["trips"] == 1
    restored("anchor")
    finished(restored.home, but=("database_durability",))  # turned off for tests


# --- imports ----------------------------------------------------------------------------------------------


def two_days(puhui: Puhui, folder: Path) -> Path:
    puhui("accounts", "import", write_people(folder / "people.csv"))
    return write_journeys(
        folder / "trips.csv",
        journey(trip_id="T1"),
        journey(trip_id="T2", board_time="2026-03-03 08:00:00", alight_time="2026-03-03 08:30:00"),
    )


def test_an_import_that_was_anchored_in_part_gives_the_rest_when_it_is_given_again(
    make_ledger: Callable[..., Puhui], tmp_path: Path
) -> None:
    loss = Loss(make_ledger("made"), tmp_path)
    file = two_days(loss.puhui, tmp_path)
    loss.back_up()
    made = loss.puhui.imports(file)["batches"]
    loss.puhui("anchor", made[0])
    restored = loss.lose_the_database()

    done = run(restored.home)

    assert done.found.unanchored == [made[1]]
    assert "1 sealed batches were never anchored" in "\n".join(done.not_rebuilt)
    assert [(row.id, row.state) for row in rows_of(restored.home)] == [(made[0], BatchState.ANCHORED)]
    again = restored.imports(file)
    assert (again["trips"], again["rejected"], again["repeated"]) == (1, {"duplicate": 1}, False)
    restored("anchor")
    assert restored.imports(file)["repeated"] is True
    assert audited(restored.home) == {}


def test_a_rejected_batch_is_rejected_again_and_its_trips_may_come_back(
    loss_at: Callable[[str], Loss], city: City
) -> None:
    loss = loss_at("accounts")
    (batch,) = loss.puhui.imports(city.journeys)["batches"]
    loss.puhui("anchor")
    loss.puhui("attest")
    loss.puhui("reject", batch, "--reason", "wrong file")
    loss.puhui.imports(city.journeys)
    loss.puhui("anchor")
    restored = loss.lose_the_database()
    run(restored.home)
    assert rows(restored.home) == rows(loss.puhui.home)
    assert [row.state for row in rows_of(restored.home)] == [BatchState.REJECTED, BatchState.ANCHORED]
    finished(restored.home)


# --- epochs -----------------------------------------------------------------------------------------------


def publish(puhui: Puhui) -> None:
    """As the platform alone."""
    with opened(puhui.home) as ledger:
        assert publish_epoch(ledger) is not None


def cancel(puhui: Puhui) -> None:
    """As the guardian, without this ledger's knowing."""
    with opened(puhui.home) as ledger:
        points, head = ledger.contracts.points, ledger.contracts.chain.head()
        (published,) = points.published(ledger.contracts.deployment.first_block, head)
        call = points.cancel_epoch(published.number, published.batches, published.conversions, "ticket 7")
        ledger.submitter("guardian").send(call)


@pytest.mark.parametrize("backed_up", ["before", "when published", "when cancelled"])
def test_an_epoch_that_was_cancelled_and_published_again_has_both_its_rows(
    make_ledger: Callable[..., Puhui], tmp_path: Path, backed_up: str
) -> None:
    loss = Loss(make_ledger("attested"), tmp_path)
    if backed_up == "before":
        loss.back_up()
    publish(loss.puhui)
    if backed_up == "when published":
        loss.back_up()
    cancel(loss.puhui)
    if backed_up == "when cancelled":
        loss.back_up()
    loss.puhui("epoch", "publish")
    restored = loss.lose_the_database()

    run(restored.home)

    assert rows(restored.home) == rows(loss.puhui.home)
    with opened(restored.home, writing=False) as ledger, ledger.db.read() as session:
        assert [row.state for row in epochs.every(session)] == [EpochState.CANCELLED, EpochState.ATTESTED]
    finished(restored.home)


def test_a_cancelled_epoch_releases_its_batches(make_ledger: Callable[..., Puhui]) -> None:
    """On any ledger: the guardian may sit elsewhere."""
    puhui = make_ledger("attested")
    publish(puhui)
    cancel(puhui)
    assert [row.state for row in rows_of(puhui.home)] == [BatchState.ISSUED]
    done = run(puhui.home)
    assert [(r.kind, r.subject, r.change) for r in done.found.repairs] == [("epoch", "1", "PUBLISHED -> CANCELLED")]
    assert [(row.state, row.epoch) for row in rows_of(puhui.home)] == [(BatchState.ATTESTED, None)]
    puhui("epoch", "publish")
    assert puhui.json("audit")["ok"]


def test_an_epoch_that_was_prepared_and_given_up_is_cancelled(
    make_ledger: Callable[..., Puhui], tmp_path: Path
) -> None:
    """It was in the backup, its folder is gone, and another one has its number by now."""
    loss = Loss(make_ledger("made"), tmp_path)
    made = loss.puhui.imports(two_days(loss.puhui, tmp_path))["batches"]
    loss.puhui("anchor")
    loss.puhui("attest")
    with pytest.MonkeyPatch.context() as patch:
        at(operations, "commit_signed")(patch)
        with pytest.raises(Crash):
            loss.puhui("epoch", "publish")
    loss.back_up()
    with opened(loss.puhui.home) as ledger, ledger.db.read() as session:
        (row,) = operations.listed(session, (OperationState.PENDING,), 10)
    loss.puhui("reject", made[0], "--reason", "wrong file")
    loss.puhui("epoch", "publish")
    restored = loss.lose_the_database()
    done = run(restored.home)
    assert [each.id for each in done.found.open] == [row.id]
    assert rows(restored.home)["epochs"] == rows(loss.puhui.home)["epochs"]
    assert rows(restored.home)["batches"] == rows(loss.puhui.home)["batches"]
    # What is still recorded is refused by the contract, and ends so.
    restored("ops", "run")
    assert [o.state for o in operations_of(restored.home) if o.id == row.id] == [OperationState.REFUSED]
    finished(restored.home)


# --- operations -------------------------------------------------------------------------------------------


def interrupted(puhui: Puhui, fault: Callable[[pytest.MonkeyPatch], None], *command: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        fault(patch)
        with pytest.raises(Crash):
            puhui(*command)


@pytest.mark.parametrize("fault", [at(operations, "commit_signed"), before_send, after_send])
def test_an_operation_that_was_open_in_the_backup_ended_as_the_chain_says(
    make_ledger: Callable[..., Puhui], tmp_path: Path, fault: Callable[[pytest.MonkeyPatch], None]
) -> None:
    """Signed then or later, it is confirmed with its transaction, and its act was in the backup."""
    loss = Loss(make_ledger("sealed"), tmp_path)
    interrupted(loss.puhui, fault, "anchor")
    loss.back_up()
    loss.puhui("anchor")
    loss.puhui("ops", "run")
    restored = loss.lose_the_database()

    done = run(restored.home)

    facts = [(row.kind, row.state, row.tx_hash, row.block, row.gas_used) for row in operations_of(loss.puhui.home)]
    known = operations_of(restored.home)
    assert [(row.kind, row.state, row.tx_hash, row.block, row.gas_used) for row in known] == facts[: len(known)]
    assert {row.state for row in known} == {OperationState.CONFIRMED}
    assert [repair.kind for repair in done.found.repairs].count("operation") == 1
    assert {each.kind for each in done.found.lost} == {kind for kind, *_ in facts[len(known) :]}
    with opened(restored.home, writing=False) as ledger, ledger.db.read() as session:
        assert operations.in_flight(session, known[-1].signer) == []
        assert leases.find(session, known[-1].signer).expires_at == 0  # type: ignore[union-attr]
    finished(restored.home)


def test_signed_bytes_whose_nonce_went_to_another_are_given_up_and_the_operation_is_tried_again(
    make_ledger: Callable[..., Puhui], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "_INDEXING_MS", 0)
    loss = Loss(make_ledger("issued"), tmp_path)
    mine, other = people_of(loss.puhui.home)
    interrupted(loss.puhui, before_send, "points", "claim", mine)
    loss.back_up()
    with opened(loss.puhui.home, writing=False) as ledger:
        # As another process with the same key would.
        Submitter(ledger.contracts.chain, ledger.keys.account("platform")).send(claim_of(ledger, other))
    restored = loss.lose_the_database()

    done = run(restored.home)

    (repair,) = done.found.repairs
    assert repair.kind == "operation"
    assert repair.change == (
        "CarbonPoints.claim: IN_FLIGHT -> PENDING again: its nonce was used by another transaction, or it was reverted"
    )
    assert [each.kind for each in done.found.lost] == ["CarbonPoints.claim"]
    with opened(restored.home, writing=False) as ledger, ledger.db.read() as session:
        (row,) = operations.listed(session, (OperationState.PENDING,), 10)
        assert [one.state for one in operations.attempts_of(session, operations.seq_of(row))] == [AttemptState.DEAD]
    restored("points", "claim", mine)
    assert operations_of(restored.home)[-1].state is OperationState.CONFIRMED
    assert operations_of(restored.home)[-1].id == row.id
    finished(restored.home)


def people_of(home: Path) -> list[str]:
    """Two accounts with points."""
    (folder,) = (home / "evidence" / "batches").iterdir()
    return sorted(pl.read_parquet(folder / "private.parquet")["account_id"].unique())[:2]


def claim_of(ledger: Any, account: str) -> Any:
    """The call that claims an account's points."""
    wallet = find_owner(ledger, account).wallet
    points = ledger.contracts.points
    table = entitlements_of(ledger, 1).with_row_index()
    (row,) = table.filter(pl.col("account") == bytes.fromhex(wallet[2:])).rows(named=True)
    tree = folder_of(ledger, 1, points.epoch(1).root).tree()
    entitlement = Entitlement(row["account"], row["class"], row["earned_mg"], row["converted_mg"])
    return points.claim(entitlement, row["index"], tree.inclusion_proof(row["index"]))


def test_an_operation_nobody_carried_out_stays_open_and_is_carried_out(
    make_ledger: Callable[..., Puhui], tmp_path: Path
) -> None:
    loss = Loss(make_ledger("sealed"), tmp_path)
    interrupted(loss.puhui, before_send, "anchor")
    loss.back_up()
    restored = loss.lose_the_database()
    done = run(restored.home)
    (row,) = done.found.open
    assert (row.state, done.found.repairs, done.found.lost) == (OperationState.IN_FLIGHT, [], [])
    assert "1 operations are open" in "\n".join(done.not_rebuilt)
    restored("anchor")
    assert [o.state for o in operations_of(restored.home) if o.id == row.id] == [OperationState.CONFIRMED]
    finished(restored.home)


def test_a_transaction_from_before_the_backup_that_no_act_tells_of_is_not_explained_away(
    make_ledger: Callable[..., Puhui], tmp_path: Path
) -> None:
    loss = Loss(make_ledger("issued"), tmp_path)
    mine, other = people_of(loss.puhui.home)
    with opened(loss.puhui.home, writing=False) as ledger:
        Submitter(ledger.contracts.chain, ledger.keys.account("platform")).send(claim_of(ledger, other))
    healthy = run(loss.puhui.home)
    assert [each.kind for each in healthy.found.unexplained] == ["CarbonPoints.claim"]
    assert (healthy.found.lost, healthy.found.repairs) == ([], [])
    loss.puhui("points", "claim", mine)  # which reads the chain to its head
    loss.back_up()
    restored = loss.lose_the_database()
    done = run(restored.home)
    assert done.found.lost == []
    assert done.found.unexplained == healthy.found.unexplained
    assert "1 transactions of this ledger's keys are in no act" in "\n".join(done.not_rebuilt)
    report = restored.json("audit", expect=3)
    assert [check["name"] for check in report["checks"] if not check["ok"]] == ["every transaction of a role is an act"]


# --- the market -------------------------------------------------------------------------------------------


def test_orders_that_were_traded_or_offered_come_back_and_no_others(
    market_at: Callable[[str], Puhui], tmp_path: Path
) -> None:
    loss = Loss(market_at("joined"), tmp_path)
    loss.back_up()
    with opened(loss.puhui.home) as ledger:
        sell_one(ledger, offer(ledger, 1, 2), "t-1", 9_001)
        offer(ledger, 2, 1)
        untraded = bid(ledger, COMPLIANT, 2, 1, 9_500)
    expected = rows(loss.puhui.home)
    restored = loss.lose_the_database()

    done = run(restored.home)

    assert [repair.kind for repair in done.found.repairs] == ["order"] * 3
    assert len(expected["orders"]) == 4
    expected["orders"] = [row for row in expected["orders"] if row["order_hash"] != untraded]
    assert rows(restored.home) == expected
    assert any("never traded" in line for line in done.not_rebuilt)
    finished(restored.home)
    with opened(restored.home) as ledger:
        (book,) = [row for row in expected["orders"] if row["issuance"] == 1 and row["side"] == "SELL"]
        market.settle(ledger, "t-2", book["order_hash"], bid(ledger, COMPLIANT, 1, 1, 9_400), 1, 9_100)
    finished(restored.home)


def test_a_dossier_evidence_lacks_is_named(market_at: Callable[[str], Puhui], tmp_path: Path) -> None:
    loss = Loss(market_at("joined"), tmp_path)
    loss.back_up()
    restored = loss.lose_the_database()
    gone = min((restored.home / "evidence" / "certifications").iterdir())
    shutil.rmtree(gone)
    with pytest.raises(VerificationError, match=f"for certification {gone.name}"):
        run(restored.home)
    assert (restored.home / "restored.json").exists()


# --- what does not agree ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["batch", "epoch", "import"])
@pytest.mark.parametrize("harm", ["removed", "damaged"])
def test_what_evidence_lacks_is_named_and_the_ledger_stays_closed(
    loss_at: Callable[[str], Loss], city: City, kind: str, harm: str
) -> None:
    loss = loss_at("accounts")
    go_on(loss.puhui, "accounts", city)
    restored = loss.lose_the_database()
    folders, file = {
        "batch": ("batches", "leaves.parquet"),
        "epoch": ("epochs", "entitlements.parquet"),
        "import": ("imports", "rejected.parquet"),
    }[kind]
    (folder,) = (restored.home / "evidence" / folders).iterdir()
    if harm == "removed":
        shutil.rmtree(folder)
    else:
        (folder / file).write_bytes((folder / file).read_bytes()[:-1] + b"?")
    before = rows(restored.home)
    error = restored.fails("reconcile", code=3)
    if kind == "batch":
        assert error["message"].startswith(f"batch 0x{folder.name} is anchored in block ")
        assert error["fields"] == {"batch": f"0x{folder.name}"}
    elif kind == "epoch":
        assert error["message"].startswith("epoch 1 is on the chain, and evidence does not have it: ")
        assert error["fields"] == {"epoch": 1}
    else:
        assert folder.name in error["message"]
    assert error["code"] == ("bad_evidence" if kind == "import" else "verification_mismatch")
    assert rows(restored.home) == before
    assert restored.fails("anchor", code=5) == CLOSED


def test_an_evidence_folder_missing_for_a_batch_the_database_knows_is_named_too(
    make_ledger: Callable[..., Puhui],
) -> None:
    puhui = make_ledger("sealed")
    (folder,) = (puhui.evidence / "batches").iterdir()
    shutil.rmtree(folder)
    with pytest.raises(VerificationError, match=f"batch 0x{folder.name} is SEALED, and evidence does not have it"):
        run(puhui.home)


def test_a_chain_older_than_the_database_is_refused(
    make_ledger: Callable[..., Puhui], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loss = Loss(make_ledger("sealed"), tmp_path)
    shutil.copy(loss.puhui.home / "chain.db", tmp_path / "older.db")
    loss.puhui("anchor")
    loss.back_up()
    restored = loss.lose_the_database()
    shutil.copy(tmp_path / "older.db", restored.home / "chain.db")
    monkeypatch.setattr(indexer, "BEHIND_S", 0)
    with pytest.raises(ChainMismatch, match="blocks have vanished"):
        run(restored.home)
    with opened(restored.home, writing=False) as ledger:
        ledger.db.write(lambda session: chain_events.forget_from(session, 0, None))
        with pytest.raises(VerificationError, match=r"the chain is at block \d+, and was at block \d+ when the backup"):
            reconcile(ledger)
    assert restored.fails("anchor", code=5) == CLOSED


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        ("sealed", "is ANCHORED in the database, and the chain does not have it"),
        ("anchored", "is ATTESTED in the database and ANCHORED on the chain"),
    ],
)
def test_a_batch_that_is_further_in_the_database_than_on_the_chain_is_named(
    make_ledger: Callable[..., Puhui], stage: str, said: str
) -> None:
    puhui = make_ledger(stage)
    with opened(puhui.home) as ledger:
        (row,) = rows_of_session(ledger)
        if stage == "sealed":
            ledger.db.write(lambda session: batches.mark_anchored(session, row.id, tx=None, block=None))
        else:
            ledger.db.write(lambda session: batches.mark_attested(session, row.id, tx=None))
    with pytest.raises(VerificationError) as caught:
        run(puhui.home)
    assert caught.value.message == f"batch {row.id} {said}"


def rows_of_session(ledger: Any) -> list[Any]:
    with ledger.db.read() as session:
        return batches.select_batches(session)


def test_an_epoch_only_the_database_has_is_named(make_ledger: Callable[..., Puhui]) -> None:
    puhui = make_ledger("attested")
    interrupted(puhui, at(operations, "commit_signed"), "epoch", "publish")
    assert run(puhui.home).found.repairs == []  # prepared, and not sent yet
    with opened(puhui.home) as ledger:
        ledger.db.write(lambda session: epochs.mark_published(session, 1, tx=None, active_at=1))
    with pytest.raises(VerificationError, match="epoch 1 is PUBLISHED in the database, and the chain does not have it"):
        run(puhui.home)


# --- at any time ------------------------------------------------------------------------------------------


def test_a_healthy_ledger_is_left_as_it_is(make_ledger: Callable[..., Puhui]) -> None:
    puhui = make_ledger("claimed")
    run(puhui.home)
    before = state_of(puhui.home)
    done = run(puhui.home)
    assert (done.restored, done.found.repairs, done.not_rebuilt) == (False, [], [])
    assert state_of(puhui.home) == before


def test_what_a_crash_left_unrecorded_is_recorded(make_ledger: Callable[..., Puhui]) -> None:
    puhui = make_ledger("sealed")
    interrupted(puhui, at(batches, "mark_anchored"), "anchor")
    assert [row.state for row in rows_of(puhui.home)] == [BatchState.SEALED]
    done = run(puhui.home)
    assert [(r.kind, r.change) for r in done.found.repairs] == [("batch", "SEALED -> ANCHORED")]
    assert [row.state for row in rows_of(puhui.home)] == [BatchState.ANCHORED]
    (newest,) = puhui.json("acts", "list", "--limit", 1)["acts"]
    assert (newest["action"], newest["after"]) == ("reconcile", {"repairs": {"batch": 1}, "transactions": 0})
    puhui("attest")
    assert puhui.json("audit")["ok"]


def test_what_another_process_is_carrying_out_is_left_to_it(make_ledger: Callable[..., Puhui]) -> None:
    puhui = make_ledger("sealed")
    interrupted(puhui, after_send, "anchor")
    with opened(puhui.home, writing=False) as ledger:
        (row,) = [o for o in operations_of_ledger(ledger) if o.state is OperationState.IN_FLIGHT]
        now = ledger.submission.clock.now_ms()
        ledger.db.write(lambda session: leases.take(session, row.signer, "elsewhere", now + 60_000, 60_000))
        done = reconcile(ledger)
        assert [each.id for each in done.found.open] == [row.id]
        assert "operation" not in {repair.kind for repair in done.found.repairs}
        ledger.db.write(lambda session: leases.release(session, leases.find(session, row.signer)))
        assert [repair.kind for repair in reconcile(ledger).found.repairs] == ["operation"]


def operations_of_ledger(ledger: Any) -> list[OperationRow]:
    with ledger.db.read() as session:
        return operations.listed(session, list(OperationState), 100)


def test_only_one_command_writes_at_a_time(make_ledger: Callable[..., Puhui]) -> None:
    puhui = make_ledger("claimed")
    with Home(puhui.home).writing(), pytest.raises(ConflictError, match="another command is writing"):
        run(puhui.home)


def test_a_marker_that_cannot_be_read_keeps_the_ledger_closed(make_ledger: Callable[..., Puhui]) -> None:
    puhui = make_ledger("claimed")
    (puhui.home / "restored.json").write_text("{}")
    error = puhui.fails("reconcile", code=1)
    assert error["code"] == "bad_input"
    assert puhui.fails("anchor", code=5) == CLOSED


def test_an_import_without_any_anchored_batch_is_not_made_up(
    loss_at: Callable[[str], Loss], city: City, tmp_path: Path
) -> None:
    loss = loss_at("accounts")
    loss.puhui.imports(city.journeys)
    restored = loss.lose_the_database()
    done = run(restored.home)
    assert (done.found.repairs, len(done.found.unanchored)) == ([], 1)
    with opened(restored.home, writing=False) as ledger, ledger.db.read() as session:
        assert imports.recent(session) == list[Import]()
    assert restored.imports(city.journeys)["repeated"] is False
    with pytest.raises(EvidenceError):
        restore(tmp_path / "nothing", Home(tmp_path / "nowhere"), Settings())
