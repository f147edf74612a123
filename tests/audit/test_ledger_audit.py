"""The audit of whole ledgers: what must hold, what may be missing, which chain it accepts, and what it prints."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from web3 import Web3

from registry.evidence.batch import BatchEvidence
from registry.evidence.epoch import EpochEvidence
from registry.services.anchoring import register_source
from tests.audit.forging import Forgery, audit, seal_forged, wrong
from tests.services.homes import City, Puhui, contracts_of, journey, opened, write_journeys, write_people

MakeLedger = Callable[..., Puhui]


@pytest.fixture
def people(puhui: Puhui, tmp_path: Path) -> Puhui:
    """A ledger with three accounts and no trip."""
    puhui("accounts", "import", write_people(tmp_path / "accounts.csv"))
    return puhui


def test_an_empty_ledger_is_equal(puhui: Puhui) -> None:
    report = puhui.json("audit")
    assert (report["ok"], report["level"]) == (True, "full")
    assert (report["totals"]["batches"], report["totals"]["epochs"], report["totals"]["supply_mg"]) == (0, 0, 0)


@pytest.mark.parametrize("stage", ["accounts", "sealed", "anchored", "attested", "issued", "claimed"])
def test_every_stage_of_a_ledger_is_equal(make_ledger: MakeLedger, stage: str) -> None:
    assert make_ledger(stage).json("audit")["ok"] is True


def test_an_epoch_waiting_for_its_verifier_is_equal(make_ledger: MakeLedger) -> None:
    puhui = make_ledger("attested")
    puhui("epoch", "publish", "--no-attest")
    report = puhui.json("audit")
    assert report["ok"] is True
    assert report["totals"]["unclaimed_mg"] == report["totals"]["attested_reduction_mg"]


def test_the_json_has_the_promised_shape(make_ledger: MakeLedger) -> None:
    puhui = make_ledger("claimed")
    body = puhui.json("audit")
    assert {"ok", "checks", "totals"} <= set(body)
    assert body["ok"] is True
    assert all(set(check) == {"name", "ok", "expected", "actual"} for check in body["checks"])
    (folder,) = (puhui.evidence / "batches").iterdir()
    with (folder / "leaves.parquet").open("ab") as file:
        file.write(b"x")
    body = puhui("audit", "--json", expect=3).json
    assert body["ok"] is False
    (check,) = [check for check in body["checks"] if check["name"] == "evidence files unchanged"]
    assert {"name", "ok", "expected", "actual"} <= set(check)
    assert (check["ok"], check["expected"]) == (False, "2 folders")
    assert check["actual"].startswith(f"1 folders; first wrong: {folder}/leaves.parquet: expected ")


def test_the_json_keeps_expected_and_actual_of_the_check_itself(make_ledger: MakeLedger) -> None:
    """An error may carry fields of these names; they are not the check's."""
    puhui = make_ledger("sealed")
    (folder,) = (puhui.evidence / "imports").iterdir()
    body = json.loads((folder / "record.json").read_bytes())
    body["rows"] += 1
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"
    (folder / "record.json").write_text(text)
    report = puhui("audit", "--json", expect=3).json
    (check,) = [check for check in report["checks"] if not check["ok"]]
    assert check["expected"] == "1 imports"
    assert f"{folder}/record.json: digest differs" in check["actual"]


@pytest.mark.parametrize("stage", ["anchored", "attested", "issued"])
def test_a_missing_batch_folder_is_named(make_ledger: MakeLedger, stage: str) -> None:
    puhui = make_ledger(stage)
    (folder,) = (puhui.evidence / "batches").iterdir()
    shutil.rmtree(folder)
    found = wrong(audit(puhui.home))
    assert f"no usable folder for batch {folder.name}" in found["batches have their evidence"]
    assert puhui("audit", "--json", expect=3).json["ok"] is False


def test_a_missing_import_record_is_named(make_ledger: MakeLedger) -> None:
    puhui = make_ledger("issued")
    (folder,) = (puhui.evidence / "imports").iterdir()
    shutil.rmtree(folder)
    found = wrong(audit(puhui.home))
    assert set(found) == {"import records account for every row"}
    assert folder.name in found["import records account for every row"]


def test_a_missing_epoch_folder_is_named(make_ledger: MakeLedger) -> None:
    puhui = make_ledger("issued")
    shutil.rmtree(puhui.evidence / "epochs")
    assert "no usable folder for epoch 1" in wrong(audit(puhui.home))["epochs have their evidence"]


def test_no_evidence_folder_at_all(make_ledger: MakeLedger, tmp_path: Path) -> None:
    puhui = make_ledger("issued")
    error = puhui.fails("audit", "--evidence", tmp_path / "nowhere", code=3)
    assert error["code"] == "verification_mismatch"
    assert "there is no evidence folder here" in error["message"]


def test_a_batch_that_was_never_anchored_is_no_failure(make_ledger: MakeLedger, city: City) -> None:
    puhui = make_ledger("issued")
    second = ("trips", "import", city.folder / "taps.csv", "--source", "cards", "--format", "szt")
    assert puhui.json(*second)["batches"]
    report = puhui.json("audit")
    assert (report["ok"], report["totals"]["batches"]) == (True, 1)


def test_an_epoch_folder_that_was_never_published_hides_no_other(make_ledger: MakeLedger) -> None:
    """A crash between writing and recording leaves one; the audit takes the one with the published root."""
    puhui = make_ledger("issued")
    (folder,) = (puhui.evidence / "epochs").iterdir()
    genuine = EpochEvidence(folder)
    stray = folder.with_name(f"000001-{'f' * 64}")
    shutil.copytree(folder, stray)
    manifest = json.loads((stray / "manifest.json").read_bytes())
    manifest["root"] = "0x" + "f" * 64
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"
    (stray / "manifest.json").write_text(text)
    assert folder.name < stray.name
    assert EpochEvidence(stray).epoch.batches == genuine.epoch.batches
    assert wrong(audit(puhui.home)) == {}


def test_private_evidence_decides_the_level(make_ledger: MakeLedger) -> None:
    puhui = make_ledger("claimed")
    assert audit(puhui.home).level == "full"
    (folder,) = (puhui.evidence / "batches").iterdir()
    (folder / "private.parquet").unlink()
    assert "private.parquet: expected" in wrong(audit(puhui.home))["evidence files unchanged"]
    (folder / "openings.bin").unlink()
    report = audit(puhui.home)
    assert (report.level, report.ok) == ("public", True)


# rejected batches


def test_a_rejected_batch_counts_for_nothing_and_its_trips_can_be_imported_again(people: Puhui, tmp_path: Path) -> None:
    file = write_journeys(tmp_path / "trips.csv", journey(), journey(trip_id="T2", carrier_ref="C2", account_id="A2"))
    first = people.imports(file)
    people("anchor")
    people("reject", first["batches"][0], "--reason", "wrong stop table")
    assert people.imports(file, source="other-app")["trips"] == 2  # another source may have them too now
    again = people.imports(file)
    assert (again["repeated"], again["trips"], again["rejected"]) == (False, 0, {"duplicate": 2})
    people("anchor")
    people("attest")
    published = people.json("epoch", "publish")
    assert (published["size"], len(published["batches"])) == (2, 1)
    report = people.json("audit")
    assert report["ok"] is True
    assert report["totals"]["batches_by_status"] == {"ISSUED": 1, "REJECTED": 1}
    assert report["totals"]["earned_mg"] == first["reduction_mg"]


def test_the_same_file_after_a_rejection_gives_a_new_batch(people: Puhui, tmp_path: Path) -> None:
    file = write_journeys(tmp_path / "trips.csv", journey(), journey(trip_id="T2", carrier_ref="C2", account_id="A2"))
    first = people.imports(file)
    people("anchor")
    people("attest")
    people("reject", first["batches"][0], "--reason", "ticket 17")
    again = people.imports(file)
    assert (again["repeated"], again["trips"], again["rejected"]) == (False, 2, {})
    assert again["batches"] != first["batches"]
    people("anchor")
    people("attest")
    published = people.json("epoch", "publish")
    assert published["batches"] == again["batches"]
    assert published["earned_mg"] == again["reduction_mg"]
    assert people.json("audit")["ok"] is True
    assert people.imports(file)["repeated"] is True


def test_a_batch_rejected_for_being_wrong_does_not_fail_the_audit(make_ledger: MakeLedger) -> None:
    """The verifier refused it because it does not recompute: that is no difference in the ledger."""
    puhui = make_ledger("sealed")
    larger = Forgery(lambda frame: frame.with_columns(pl.col("reduction_mg") + 1))
    with opened(puhui.home) as ledger:
        batch = seal_forged(ledger, larger)
        register_source(ledger, batch.source)
        anchors = ledger.contracts.anchors
        ledger.submitter("platform").send(anchors.anchor(batch))
    assert set(wrong(audit(puhui.home))) == {"reductions recomputed"}
    with opened(puhui.home) as ledger:
        ledger.submitter("verifier").send(ledger.contracts.anchors.reject(batch.id(), "does not recompute"))
    assert wrong(audit(puhui.home)) == {}


# the chain


def rewritten(puhui: Puhui, **changed: Any) -> Path:
    body = json.loads((puhui.home / "contracts.json").read_text())
    path = puhui.home / "contracts.json"
    path.write_text(json.dumps({**body, **changed}))
    return path


def test_another_chain_id_is_refused(make_ledger: MakeLedger) -> None:
    puhui = make_ledger("issued")
    rewritten(puhui, chain_id=1)
    error = puhui.fails("audit", code=3)
    assert (error["code"], error["fields"]) == ("chain_mismatch", {"expected": 1, "actual": 20260})
    assert error["message"] == "chain id is 20260, this ledger was made on 1"


def test_another_genesis_is_refused(make_ledger: MakeLedger) -> None:
    puhui = make_ledger("issued")
    rewritten(puhui, genesis="0x" + "ab" * 32)
    error = puhui.fails("audit", code=3)
    assert error["code"] == "chain_mismatch"
    assert error["message"].startswith("genesis hash is ")


def test_contracts_with_other_code_are_refused_by_every_command(make_ledger: MakeLedger) -> None:
    puhui = make_ledger("issued")
    addresses = json.loads((puhui.home / "contracts.json").read_text())["contracts"]
    rewritten(puhui, contracts={**addresses, "CarbonPoints": addresses["TripAnchors"]})
    for command in (("audit",), ("anchor",), ("points", "balance", person(puhui)), ("epoch", "show")):
        error = puhui.fails(*command, code=3)
        assert (error["code"], error["fields"]["contract"]) == ("chain_mismatch", "CarbonPoints")
        assert "bytes of other code" in error["message"]


def person(puhui: Puhui) -> str:
    (folder,) = (puhui.evidence / "batches").iterdir()
    return str(BatchEvidence(folder).private()["account_id"].min())


def test_no_contracts_where_they_should_be(make_ledger: MakeLedger) -> None:
    puhui = make_ledger("issued")
    addresses = json.loads((puhui.home / "contracts.json").read_text())["contracts"]
    rewritten(puhui, contracts={**addresses, "TripAnchors": "0x" + "11" * 20})
    assert "is not this release's contract: no code" in puhui.fails("audit", code=3)["message"]


@pytest.mark.parametrize("content", ["", "{}", "[]", "null", '{"format": "puhui.contracts/v1"}', "\x00"])
def test_a_contracts_file_that_is_none(make_ledger: MakeLedger, content: str) -> None:
    puhui = make_ledger("made")
    (puhui.home / "contracts.json").write_text(content)
    error = puhui.fails("audit", code=1)
    assert error["code"] == "bad_input"
    assert "contracts.json: not a contracts file" in error["message"]


# invariants


def test_i2_a_journey_counts_at_most_once_whoever_sends_it(people: Puhui, tmp_path: Path) -> None:
    trips = [journey(), journey(trip_id="T2", carrier_ref="C2", account_id="A2", distance_m=7000)]
    first = people.imports(write_journeys(tmp_path / "a.csv", *trips))
    other = journey(trip_id="T9", carrier_ref="C3", account_id="A3")
    second = people.imports(write_journeys(tmp_path / "b.csv", trips[0], other))
    third = people.imports(write_journeys(tmp_path / "c.csv", *trips), source="other-app")
    assert (first["trips"], second["trips"], third["trips"]) == (2, 1, 0)
    assert (second["rejected"], third["rejected"]) == ({"duplicate": 1}, {"duplicate": 2})
    people("anchor")
    people("attest")
    people("epoch", "publish")
    assert people.json("audit")["ok"] is True
    folders = [BatchEvidence(folder) for folder in (people.evidence / "batches").iterdir()]
    journeys = pl.concat([f.private(("carrier_ref", "board_time", "board_stop")) for f in folders])
    assert journeys.height == journeys.n_unique() == 3
    tags = pl.concat([f.leaves(("tag",)) for f in folders])
    assert tags.height == tags.n_unique() == 3


def test_i3_claimed_converted_and_unclaimed_are_what_was_attested(people: Puhui, tmp_path: Path) -> None:
    lines = [
        journey(trip_id=f"T{n}", carrier_ref=f"C{n % 3 + 1}", account_id=f"A{n % 3 + 1}", distance_m=1000 + n, **day)
        for n, day in enumerate(
            {"board_time": f"{date} 0{h}:00:00", "alight_time": f"{date} 0{h}:20:00"}
            for date in ("2025-12-31", "2026-01-01")
            for h in range(4, 10)
        )
    ]
    mg = people.imports(write_journeys(tmp_path / "trips.csv", *lines))["reduction_mg"]
    people("anchor")
    people("attest")
    people("epoch", "publish")
    for account in ("A1", "A2"):
        people("points", "claim", account)
    people("points", "redeem", "A1", "--points", "10", "--ref", "r")
    with contracts_of(people.home) as contracts:
        total = 0
        for class_id in classes(people):
            t = contracts.points.totals(class_id)
            attested = sum(
                f.batch.reductionMg
                for f in map(BatchEvidence, (people.evidence / "batches").iterdir())
                if f.batch.serviceDate // 10_000 == class_id & 0xFFFF
            )
            held = [contracts.points.claimed(wallet, class_id) for wallet in wallets(people)]
            assert t.earned == attested
            assert t.claimed == sum(held)
            assert contracts.points.total_supply(class_id) == t.claimed - t.redeemed - t.expired
            total += t.earned
        assert (len(classes(people)), total) == (2, mg)
    totals = people.json("audit")["totals"]
    assert totals["claimed_mg"] + totals["converted_mg"] + totals["unclaimed_mg"] == totals["earned_mg"] == mg


def classes(puhui: Puhui) -> list[int]:
    (folder,) = (puhui.evidence / "epochs").iterdir()
    return sorted(EpochEvidence(folder).entitlements()["class"].unique().to_list())


def wallets(puhui: Puhui) -> list[str]:
    (folder,) = (puhui.evidence / "epochs").iterdir()
    return [Web3.to_checksum_address(a) for a in EpochEvidence(folder).entitlements()["account"].unique().to_list()]


def test_i7_anchors_of_a_source_form_one_chain(people: Puhui, tmp_path: Path) -> None:
    for n, hour in enumerate(("06", "08", "10")):
        line = journey(trip_id=f"T{n}", board_time=f"2026-03-02 {hour}:00:00", alight_time=f"2026-03-02 {hour}:20:00")
        people.imports(write_journeys(tmp_path / f"{n}.csv", line))
    people("anchor")
    rows = people.json("batch", "list")
    assert [(row["sequence"], row["state"]) for row in rows] == [(n, "ANCHORED") for n in range(3)]
    with contracts_of(people.home) as contracts:
        events = list(contracts.anchors.anchored(contracts.deployment.first_block, contracts.chain.head()))
        assert [event.batch.previous.hex() for event in events] == ["00" * 32, *(row["id"][2:] for row in rows[:2])]
        source = contracts.anchors.source("city-app")
        assert source is not None
        assert (source.anchors, source.head) == (3, events[-1].head)
    assert people.json("audit")["ok"] is True


def test_i7_a_batch_cannot_be_anchored_before_the_one_it_follows(people: Puhui, tmp_path: Path) -> None:
    ids = []
    for n, hour in enumerate(("06", "08")):
        line = journey(trip_id=f"T{n}", board_time=f"2026-03-02 {hour}:00:00", alight_time=f"2026-03-02 {hour}:20:00")
        ids += people.imports(write_journeys(tmp_path / f"{n}.csv", line))["batches"]
    error = people.fails("anchor", ids[1], code=5)
    assert (error["code"], error["fields"]["error"]) == ("chain_revert", "TripAnchorsUnexpectedSequence")
    assert [row["state"] for row in people.json("batch", "list")] == ["SEALED", "SEALED"]
    people("anchor")
    assert [row["state"] for row in people.json("batch", "list")] == ["ANCHORED", "ANCHORED"]
