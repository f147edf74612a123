"""The audit from the pool to the last fen: whole ledgers, changed evidence, and keys that sign without looking."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from registry.audit import mandates
from registry.audit.certifications import DOSSIERS, POOL
from registry.audit.epochs import CLAIMS, CONVERTED, EVIDENCE
from registry.audit.ledger import audit_ledger
from registry.audit.market import DELIVERED
from registry.audit.payments import ACCOUNTED, PAYMENTS
from registry.audit.payout_runs import SPLITS
from registry.audit.payouts import allocate
from registry.audit.pool import certify, pool_entries
from registry.audit.serials import FINAL
from registry.chain.deployment import Contracts
from registry.chain.submitter import Submitter
from registry.core import entitlement, proceeds
from registry.evidence.certification import CertificationEvidence, write_certification
from registry.evidence.epoch import write_epoch
from registry.evidence.files import canonical_json
from registry.evidence.payout import Allocated, PayoutEvidence, write_payout
from registry.services import certification, market, payouts, treasury
from registry.services.epochs import entitlements_of
from registry.services.ledger import Ledger
from registry.store import batches
from registry.store.tables import BatchState
from tests.audit.forging import audit, rewrite, wrong
from tests.audit.market_ledger import (
    CLASS,
    COMPLIANT,
    FEES,
    MG_A_DAY,
    MG_A_TRIP,
    PEOPLE,
    VOLUNTEER,
    people,
    person,
    redeem_for_the_market,
)
from tests.audit.test_market_events import drop, forge_events, repeat
from tests.services.homes import Puhui, contracts_of, journey, opened, write_journeys

FILES = "evidence files unchanged"
UNPAID = {SPLITS, PAYMENTS, ACCOUNTED}
MARKET = {
    "conversions follow standing mandates": 2,
    "converted points equal published conversions": 1,
    "market pool recomputed from what entered it": 1,
    "certifications take consecutive intervals of the pool": 3,
    "dossiers recomputed from the pool": 2,
    "each approved certification issued once": 2,
    "serials replayed from their movements": 14,
    "retired and cancelled serials stay": 2,
    "every serial issued is in one place": 2,
    "holdings equal their serials": 5,
    "trades equal their records": 5,
    "trades follow their signed orders": 10,
    "fills of orders equal their trades": 10,
    "trades delivered against payment": 5,
    "cash minted once a confirmed bank reference": 3,
    "cash balances equal replayed transfers": 7,
    "certificates equal the serials retired": 2,
    "offsets within the limits then in force": 1,
    "rules of the split as announced": 1,
    "proceeds split by the rule of the trade's time": 3,
    "the people's share funded as split": 2,
    "payout runs attested, one after the other": 2,
    "payout runs recomputed from contributions": 2,
    "payments within attested entitlements": 7,
    "accounts paid as recorded": 6,
    "proceeds equal fees, payments, dues and the rest": 1,
}


# --- whole ledgers -------------------------------------------------------------------------------------------------


def test_a_ledger_with_everything_in_it_is_equal(market_contracts: Contracts, market_made: Path) -> None:
    report = audit_ledger(market_contracts, market_made / "evidence")
    assert (wrong(report), report.level) == ({}, "full")
    counts = {check.name: int(str(check.actual).split()[0].replace(",", "")) for check in report.checks}
    assert {name: counts[name] for name in MARKET} == MARKET
    assert [check.name for check in report.checks if check.name in MARKET] == list(MARKET)


def test_its_totals_are_exact(market_contracts: Contracts, market_made: Path) -> None:
    totals = audit_ledger(market_contracts, market_made / "evidence").totals
    converted = (40 + 39) * MG_A_DAY
    gross = 9_001 + 9_333 + 8_000
    fees = 9_001 * 1250 // 10_000 + 9_333 * 1250 // 10_000 + 1_000
    bought = gross + 9_500 + 8_100
    expected = {
        "earned_mg": 2 * PEOPLE * MG_A_DAY,
        "converted_mg": converted,
        "redeemed_mg": MG_A_DAY,
        "certifications": 3,
        "certifications_by_status": {"APPROVED": 2, "REJECTED": 1},
        "market_mg": converted + MG_A_DAY,
        "certified_mg": 5 * 10**9,
        "not_certified_mg": converted + MG_A_DAY - 5 * 10**9,
        "issuances": 2,
        "issued_t": 5,
        "held_t": 3,
        "listed_t": 0,
        "retired_t": 2,
        "cancelled_t": 0,
        "trades": 5,
        "traded_t": 5,
        "traded_fen": bought,
        "cash_minted_fen": 80_000,
        "certificates": 2,
        "offset_t": 1,
        "collected_trades": 3,
        "collected_fen": gross,
        "uncollected_trades": 1,
        "uncollected_fen": 8_100,
        "fees_fen": fees,
        "unallocated_fen": 0,
    }
    assert {name: totals[name] for name in expected} == expected
    shares = [totals[name] for name in ("fees_fen", "paid_fen", "due_fen", "unallocated_fen")]
    assert sum(int(str(share)) for share in shares) == gross
    assert totals["cash_burnt_fen"] == 500 + int(str(totals["paid_fen"])) - sum(claimed(market_contracts))
    (uncollected,) = totals["uncollected"]
    assert market_contracts.settlement.trade(bytes.fromhex(uncollected)).price_fen == 8_100


def claimed(contracts: Contracts) -> list[int]:
    first, head = contracts.deployment.first_block, contracts.chain.head()
    return [event["fen"] for event in contracts.distributor.history(("ProceedsClaimed",), first, head)]


def test_the_public_level_makes_every_check_of_the_market(
    market_contracts: Contracts, market_made: Path, public_of: Callable[[Path], Path]
) -> None:
    report = audit_ledger(market_contracts, public_of(market_made / "evidence"))
    assert (wrong(report), report.level) == ({}, "public")
    assert [check.name for check in report.checks if check.name in MARKET] == list(MARKET)


def test_a_ledger_without_a_market_lists_its_checks_with_nothing_to_check(make_ledger: Callable[..., Puhui]) -> None:
    report = make_ledger("claimed").json("audit")
    assert report["ok"] is True
    counts = {c["name"]: c["actual"].split()[0] for c in report["checks"] if c["name"] in MARKET}
    # An epoch that converts nothing is checked too, and the proceeds of nothing add up.
    some = {
        "conversions follow standing mandates",
        "converted points equal published conversions",
        "proceeds equal fees, payments, dues and the rest",
    }
    assert counts == {name: "1" if name in some else "0" for name in MARKET}
    assert (report["totals"]["issued_t"], report["totals"]["collected_fen"], report["totals"]["uncollected"]) == (
        0,
        0,
        [],
    )


# --- evidence changed after the fact -------------------------------------------------------------------------------


def folders(home: Path, kind: str) -> list[Path]:
    return sorted((home / "evidence" / kind).iterdir())


def restated(folder: Path, **changed: object) -> None:
    """Change a manifest, which stays canonical."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    (folder / "manifest.json").write_bytes(canonical_json({**manifest, **changed}))


def dossier_of(number: int) -> Callable[[Path], Path]:
    return lambda home: next(f for f in folders(home, "certifications") if f.name.startswith(f"{number:06d}"))


def a_milligram_moved(home: Path) -> None:
    """Two people's contributions changed, and every digest made to fit but that on the chain."""
    folder = dossier_of(1)(home)
    rewrite(folder, "contributions.parquet", swapped(CertificationEvidence(folder).contributions(), "mg"))
    content = (folder / "manifest.json").read_bytes()
    folder.rename(folder.with_name(f"000001-{hashlib.sha256(content).hexdigest()}"))


def swapped(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    """One more of a column for the first row and one less for the second."""
    row = pl.int_range(pl.len())
    change = pl.when(row == 0).then(1).when(row == 1).then(-1).otherwise(0)
    return frame.with_columns((pl.col(column).cast(pl.Int64) + change).cast(frame.schema[column]))


def a_fen_moved(home: Path) -> None:
    folder = folders(home, "payouts")[0]
    found = PayoutEvidence(folder)
    rewrite(folder, "allocations.parquet", swapped(found.allocations(), "fen"))


def broken(kind: str, name: str) -> Callable[[Path], None]:
    def damage(home: Path) -> None:
        path = folders(home, kind)[0] / name
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(bytes(content))

    return damage


def without(kind: str) -> Callable[[Path], None]:
    return lambda home: shutil.rmtree(home / "evidence" / kind)


CHANGED: dict[str, tuple[Callable[[Path], Any], set[str], str]] = {
    "no mandates read": (
        lambda home: restated(folders(home, "epochs")[0], mandates_block=None),
        {CONVERTED},
        "epoch 1 read no mandates, and 40 stood before it was published",
    ),
    "mandates read before they were given": (
        lambda home: restated(folders(home, "epochs")[0], mandates_block=1),
        {CONVERTED},
        "newly earned, with no mandate",
    ),
    "mandates read before one was revoked": (
        lambda home: restated(folders(home, "epochs")[1], mandates_block=epoch_block(home, 0)),
        {CONVERTED},
        "converted 0 mg of 74880000 mg newly earned, with a mandate",
    ),
    "mandates of the second epoch read before those of the first": (
        lambda home: restated(folders(home, "epochs")[1], mandates_block=1),
        {CONVERTED},
        "1 epochs; first wrong: epoch 2: account 0x",
    ),
    "mandates read after the publication": (
        lambda home: restated(folders(home, "epochs")[0], mandates_block=2**40),
        {CONVERTED},
        "and says it read the mandates in 1099511627776",
    ),
    "no epochs": (without("epochs"), {EVIDENCE, CLAIMS, POOL, DOSSIERS, *UNPAID}, "no usable folder for epoch 1"),
    "a milligram to another": (a_milligram_moved, {DOSSIERS}, "certification 1: no usable folder for dossier"),
    "no dossiers": (without("certifications"), {DOSSIERS}, "certification 1: no usable folder for dossier"),
    "a damaged dossier": (broken("certifications", "contributions.parquet"), {FILES, DOSSIERS}, "expected {'bytes'"),
    "another dossier's interval": (
        lambda home: restated(dossier_of(1)(home), from_mg="1"),
        {FILES, DOSSIERS},
        "manifest.json: is of 000001-",
    ),
    "a fen to another": (a_fen_moved, UNPAID, "run 1: no usable folder for dossier"),
    "no payouts": (without("payouts"), UNPAID, "run 1: no usable folder for dossier"),
    "a damaged payout": (broken("payouts", "proceeds.parquet"), {FILES, *UNPAID}, "expected {'bytes'"),
    "another document": (broken("documents", "document"), {FILES}, "is not the document of its digest"),
}


def epoch_block(home: Path, nth: int) -> int:
    return int(json.loads((folders(home, "epochs")[nth] / "manifest.json").read_bytes())["mandates_block"])


@pytest.mark.parametrize("name", CHANGED)
def test_changed_evidence_is_found(market_contracts: Contracts, market_made: Path, name: str, tmp_path: Path) -> None:
    change, failing, said = CHANGED[name]
    shutil.copytree(market_made / "evidence", tmp_path / "evidence")
    change(tmp_path)
    found = wrong(audit_ledger(market_contracts, tmp_path / "evidence"))
    assert set(found) == failing
    assert said in "\n".join(found.values())


def test_mandates_read_long_before_the_publication_are_found(
    market_contracts: Contracts, market_made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mandates, "LAG_S", -1)
    found = wrong(audit_ledger(market_contracts, market_made / "evidence"))
    assert set(found) == {CONVERTED}
    assert "s before it was published, -1 s at most" in found[CONVERTED]


# --- more of a market ---------------------------------------------------------------------------------------------


def test_every_step_of_another_round_is_equal(market_home: Puhui) -> None:
    def step(action: Callable[[Ledger], object]) -> dict[str, object]:
        with opened(market_home.home) as ledger:
            action(ledger)
        report = audit(market_home.home)
        assert wrong(report) == {}
        return report.totals

    step(lambda ledger: redeem_for_the_market(ledger, 51))
    applied = step(lambda ledger: certification.apply_for(ledger, CLASS))
    assert (applied["certified_mg"], applied["certifications_by_status"]) == (
        5 * 10**9,
        {"APPLIED": 1, "APPROVED": 2, "REJECTED": 1},
    )
    step(lambda ledger: certification.verify(ledger, 4))
    assert step(lambda ledger: certification.approve(ledger, 4))["issued_t"] == 6
    collected = step(treasury.collect)
    assert (collected["uncollected_fen"], collected["unallocated_fen"]) == (0, 7_088)
    assert step(payouts.run)["unallocated_fen"] == 7_088  # until somebody attested it
    assert step(lambda ledger: payouts.attest(ledger, 3))["unallocated_fen"] == 0


def test_what_the_regulator_moves_and_cancels_is_equal(market_home: Puhui, monkeypatch: pytest.MonkeyPatch) -> None:
    code = b"court order".ljust(32, b"\0")
    with opened(market_home.home) as ledger:
        contracts, regulator = ledger.contracts, ledger.submitter("regulator")
        reductions = contracts.reductions
        Submitter(contracts.chain, COMPLIANT).send(reductions.transfer(COMPLIANT.address, VOLUNTEER.address, 3, 1))
        market.list_units(ledger, VOLUNTEER, 3, 1, "listed")
        regulator.send(reductions.freeze(VOLUNTEER.address, 3, 1, code))
        force = reductions.contract.functions.forcedTransfer
        regulator.send(force(VOLUNTEER.address, FEES.address, 3, 1, code))
        regulator.send(reductions.suspend(1, code))
        regulator.send(reductions.contract.functions.cancel(1, code))
        regulator.send(reductions.withdraw(1, contracts.treasury.address))
    with contracts_of(market_home.home) as contracts:
        report = audit_ledger(contracts, market_home.evidence)
        assert wrong(report) == {}
        names = ("held_t", "listed_t", "retired_t", "cancelled_t")
        assert [report.totals[name] for name in names] == [2, 0, 2, 1]
        with monkeypatch.context() as patch:
            forge_events(patch, contracts.reductions, drop("UnitsForced"))
            found = wrong(audit_ledger(contracts, market_home.evidence))
            assert set(found) == {DELIVERED}
            assert f"listed tonnes of issuance 3 went from {VOLUNTEER.address} to {FEES.address}" in found[DELIVERED]
        with monkeypatch.context() as patch:
            back = {"fromPlace": 4, "toPlace": 1, "first": 3, "last": 3}
            forge_events(patch, contracts.reductions, repeat("SerialsMoved", 0, **back))
            found = wrong(audit_ledger(contracts, market_home.evidence))
            assert set(found) == {FINAL}
            assert "serials 3..3 left CANCELLED of" in found[FINAL]


# --- keys that sign without looking -------------------------------------------------------------------------------


def test_a_dossier_that_gives_one_persons_grams_to_another_is_found(market_home: Puhui) -> None:
    with opened(market_home.home) as ledger:
        redeem_for_the_market(ledger, 51)
        contracts = ledger.contracts
        entries = pool_entries(
            contracts, CLASS, contracts.chain.head(), lambda epoch: entitlements_of(ledger, epoch.number)
        )
        made, contributions = certify(4, CLASS, 1, 5 * 10**9, entries)
        forged = write_certification(ledger.home.evidence, made, swapped(contributions, "mg"))
        calls, dossier = contracts.certification, forged.dossier
        ledger.submitter("platform").send(calls.apply_for(4, CLASS, 1, dossier))
        ledger.submitter("verifier").send(calls.verify(4, dossier))
        ledger.submitter("regulator").send(calls.approve(4, dossier))
    found = wrong(audit(market_home.home))
    assert set(found) == {DOSSIERS}
    first = contributions.row(0, named=True)
    said = f"certification 4: account 0x{first['account'].hex()} gave {first['mg'] + 1} mg, recomputed {first['mg']} mg"
    assert said in found[DOSSIERS]


def test_a_payout_run_that_favours_somebody_is_found(market_home: Puhui) -> None:
    with opened(market_home.home) as ledger:
        treasury.collect(ledger)
        funded = ledger.contracts.distributor.funded_of(3)
        allocated = (Allocated(3, 7_000, funded),)
        fair = allocate(allocated, lambda issuance: payouts.contributions_of(ledger, issuance))
        publish_run(ledger, allocated, swapped(fair, "fen"))
    found = wrong(audit(market_home.home))
    assert set(found) == {SPLITS, ACCOUNTED}
    assert "payout 3: its allocations are not the largest-remainder split" in found[SPLITS]


def test_a_payout_run_that_does_not_follow_on_is_found(market_home: Puhui) -> None:
    """What came in for one issuance is given to the people of another."""
    with opened(market_home.home) as ledger:
        treasury.collect(ledger)
        allocated = (Allocated(1, 16_043, 16_043 + 7_088),)
        publish_run(ledger, allocated, allocate(allocated, lambda number: payouts.contributions_of(ledger, number)))
    found = wrong(audit(market_home.home))
    assert set(found) == {SPLITS, ACCOUNTED}
    assert "run 3 allocates 23131 fen of issuance 1, 16043 fen had come in" in found[SPLITS]


def publish_run(ledger: Ledger, allocated: tuple[Allocated, ...], allocations: pl.DataFrame) -> None:
    """Publish run 3 and attest it unseen."""
    distributor = ledger.contracts.distributor
    due = proceeds.accumulate(payouts.proceeds_of(ledger, 2), [allocations])
    folder = write_payout(ledger.home.evidence, 3, allocated, allocations, due)
    content = (folder.payout.root, folder.payout.size, folder.payout.total_fen, folder.dossier)
    ledger.submitter("platform").send(distributor.publish_run(3, *content))
    ledger.submitter("verifier").send(distributor.attest_run(3, distributor.hash_run(3, *content)))


def publish_forged_epoch(puhui: Puhui, folder: Path, mandated: Callable[[Ledger], set[bytes]]) -> None:
    """Publish an epoch of a third day that converts what `mandated` newly earn, and attest it unseen."""
    lines = [
        journey(
            trip_id=f"forged-{who}",
            account_id=f"A{who}",
            carrier_ref=f"C{who}",
            mode="metro",
            board_time="2026-03-04 06:00:00",
            alight_time="2026-03-04 07:45:00",
            distance_m=200_000,
        )
        for who in (1, 2, 50)
    ]
    puhui.imports(write_journeys(folder / "forged.csv", *lines))
    puhui("anchor")
    puhui("attest")
    with opened(puhui.home) as ledger:
        points, before = ledger.contracts.points, entitlements_of(ledger, 2)
        with ledger.db.read() as session:
            (row,) = batches.select_batches(session, states=(BatchState.ATTESTED,), limit=2)
        batch, block = bytes.fromhex(row.id[2:]), ledger.contracts.chain.head()
        wallets = pl.Series([bytes.fromhex(p.wallet[2:]) for n in (1, 2, 50) for p in people(ledger, range(n, n + 1))])
        earned = entitlement.earned_by_account(wallets, pl.Series([MG_A_TRIP] * 3, dtype=pl.UInt64), CLASS)
        table = entitlement.accumulate(before, [earned], mandated(ledger))
        epoch = write_epoch(ledger.home.evidence, 3, table, (batch,), block)
        content = (3, epoch.root, epoch.size, epoch.batches, entitlement.conversions(before, table))
        ledger.submitter("platform").send(points.publish_epoch(*content))
        ledger.submitter("verifier").send(points.attest_epoch(3, points.hash_epoch(*content)))


def wallet(ledger: Ledger, number: int) -> bytes:
    return bytes.fromhex(person(ledger, number).wallet[2:])


EPOCHS = {
    "as mandates stand": ((2,), None),
    "points of somebody without a mandate": (
        (2, 50),
        "converted 9360000 mg of 9360000 mg newly earned, with no mandate",
    ),
    "points of somebody who revoked": ((1, 2), "converted 9360000 mg of 9360000 mg newly earned, with no mandate"),
    "nothing of somebody with a mandate": ((), "converted 0 mg of 9360000 mg newly earned, with a mandate"),
}


@pytest.mark.parametrize("name", EPOCHS)
def test_an_epoch_that_converts_against_the_mandates_is_found_at_both_levels(
    market_home: Puhui, name: str, tmp_path: Path, public_of: Callable[[Path], Path]
) -> None:
    who, said = EPOCHS[name]
    publish_forged_epoch(market_home, tmp_path, lambda ledger: {wallet(ledger, number) for number in who})
    for report in (audit(market_home.home), audit(market_home.home, public_of(market_home.evidence))):
        found = wrong(report)
        assert set(found) == ({CONVERTED} if said else set())
        assert (said or "") in "".join(found.values())
