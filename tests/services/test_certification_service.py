"""Certification: what the platform applies for is what the pool's line holds, and no verifier signs anything else."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from registry.audit.ledger import audit_ledger
from registry.audit.pool import Entry, certify, line_of, pool_entries
from registry.chain.contracts.reduction_certification import CertificationStatus
from registry.core.contribution import cut
from registry.errors import ChainRevert, ConflictError, EvidenceError, InputError, NotFoundError, VerificationError
from registry.evidence.certification import (
    Certification,
    CertificationEvidence,
    EpochShare,
    certifications_folder,
    write_certification,
)
from registry.services import certification
from registry.services.certification import apply_for, approve, reject, verify
from registry.services.epochs import entitlements_of
from registry.services.ledger import Ledger
from tests.audit.forging import rewrite, wrong
from tests.audit.market_ledger import CLASS, MANDATED, MG_A_DAY, people, person
from tests.services.homes import Puhui, opened

THIEF = b"\x66" * 20
IN_THE_POOL = (MANDATED + 1) * MG_A_DAY
DIFFERS = "certification 1: its dossier is not what the pool comes to"


@pytest.fixture
def ledger(market_at: Callable[[str], Puhui]) -> Iterator[Ledger]:
    """3 t and a rest in the pool: of epoch 1, and of one redemption after it."""
    with opened(market_at("pooled").home) as found:
        yield found


def entries(ledger: Ledger) -> list[Entry]:
    head = ledger.contracts.chain.head()
    return pool_entries(ledger.contracts, CLASS, head, lambda epoch: entitlements_of(ledger, epoch.number))


def audited(ledger: Ledger) -> dict[str, str]:
    """What an audit finds wrong."""
    return wrong(audit_ledger(ledger.contracts, ledger.home.evidence))


def refused(ledger: Ledger, error: type[VerificationError], number: int = 1) -> VerificationError:
    """Why the verifier refused; nothing was sent."""
    head = ledger.contracts.chain.head()
    with pytest.raises(error) as raised:
        verify(ledger, number)
    assert type(raised.value) is error
    assert ledger.contracts.chain.head() == head
    assert certification.get(ledger, number).status is CertificationStatus.APPLIED
    return raised.value


# --- as it should be --------------------------------------------------------------------------------------


def test_the_dossier_says_whose_grams_they_are(ledger: Ledger) -> None:
    step = apply_for(ledger, CLASS)
    assert (step.record.number, step.record.tonnes, step.record.from_mg) == (1, 3, 0)
    dossier = certification.dossier_of(ledger, step.record)
    head, record = ledger.contracts.chain.head(), ledger.contracts.points.epoch(1)
    assert record is not None
    share = EpochShare(1, record.root, MANDATED * MG_A_DAY)
    redeemed = 3 * 10**9 - share.mg
    assert dossier.certification == Certification(1, CLASS, 3, 0, (share,), 1, redeemed, MANDATED + 1)
    mg = dict(dossier.contributions().iter_rows())
    expected = {bytes.fromhex(owner.wallet[2:]): MG_A_DAY for owner in people(ledger, range(1, MANDATED + 1))}
    assert mg == {**expected, bytes.fromhex(person(ledger, 50).wallet[2:]): redeemed}
    assert ledger.contracts.certification.pool_mg(CLASS) == IN_THE_POOL - 3 * 10**9
    assert head == ledger.contracts.chain.head()


def test_certifications_take_the_line_one_after_another(ledger: Ledger) -> None:
    for number, tonnes in ((1, 1), (2, 2)):
        assert apply_for(ledger, CLASS, tonnes).record.from_mg == (number - 1) * 10**9
        assert [verify(ledger, number).sent.changed for _ in range(2)] == [True, False]
        assert [approve(ledger, number).sent.changed for _ in range(2)] == [True, False]
        assert verify(ledger, number).record.status is CertificationStatus.APPROVED
    taken = [certification.dossier_of(ledger, certification.get(ledger, n)).contributions() for n in (1, 2)]
    line = line_of(entries(ledger))
    assert taken[0].equals(cut(line, 0, 10**9))
    assert taken[1].equals(cut(line, 10**9, 2 * 10**9))
    assert set(taken[0]["account"]) & set(taken[1]["account"]) == {line["account"][13]}  # the one the border splits
    assert audited(ledger) == {}


@pytest.mark.parametrize("tonnes", [4, 10**9, 2**64])
def test_more_than_the_pool_has_is_refused(ledger: Ledger, tonnes: int) -> None:
    head = ledger.contracts.chain.head()
    with pytest.raises(ConflictError) as raised:
        apply_for(ledger, CLASS, tonnes)
    assert raised.value.message == f"the pool of class {CLASS} has {IN_THE_POOL:,} mg, that is 3 whole tonnes"
    assert ledger.contracts.chain.head() == head
    assert not certifications_folder(ledger.home.evidence).exists()


def test_a_class_without_a_pool_and_no_amount_are_refused(ledger: Ledger) -> None:
    with pytest.raises(ConflictError) as raised:
        apply_for(ledger, CLASS + 1)
    assert raised.value.message == f"the pool of class {CLASS + 1} has 0 mg, that is 0 whole tonnes"
    for tonnes in (0, -1):
        with pytest.raises(InputError) as refusal:
            apply_for(ledger, CLASS, tonnes)
        assert refusal.value.message == f"{tonnes} t is no amount"


def test_when_the_pool_shrank_meanwhile_the_contract_refuses(ledger: Ledger) -> None:
    """Two processes apply at once: the dossier of the second was made of a pool that the first took."""
    made, contributions = certify(2, CLASS, 3, 0, entries(ledger))
    folder = write_certification(ledger.home.evidence, made, contributions)
    apply_for(ledger, CLASS, 1)
    verify(ledger, 1)
    approve(ledger, 1)
    with pytest.raises(ChainRevert) as raised:
        ledger.submitter("platform").send(ledger.contracts.certification.apply_for(2, CLASS, 3, folder.dossier))
    assert raised.value.fields["error"] == "ReductionCertificationPoolExceeded"
    assert raised.value.fields["arguments"] == {
        "classId": str(CLASS),
        "wantedMg": str(3 * 10**9),
        "poolMg": str(IN_THE_POOL - 10**9),
    }
    assert apply_for(ledger, CLASS, 2).record.from_mg == 10**9
    assert audited(ledger) == {}  # the dossier nobody applied with counts for nothing


def test_one_certification_of_a_class_is_open_at_a_time(ledger: Ledger) -> None:
    apply_for(ledger, CLASS, 1)
    with pytest.raises(ConflictError) as raised:
        apply_for(ledger, CLASS, 1)
    assert raised.value.message == f"certification 1 of class {CLASS} is open"
    assert reject(ledger, 1, "too few", "verifier").record.status is CertificationStatus.REJECTED
    assert apply_for(ledger, CLASS, 1).record.from_mg == 0
    assert certification.get(ledger, 2).dossier != certification.get(ledger, 1).dossier
    with pytest.raises(NotFoundError) as missing:
        certification.get(ledger, 3)
    assert missing.value.message == "there is no certification 3"


# --- dossiers forged with every digest right --------------------------------------------------------------


def gives(frame: pl.DataFrame, account: bytes, mg: int) -> pl.DataFrame:
    """Move `mg` from the first account to another."""
    first = pl.int_range(pl.len()) == 0
    less = frame.with_columns(pl.when(first).then(pl.col("mg") - mg).otherwise("mg").alias("mg"))
    added = pl.DataFrame({"account": [account], "mg": [mg]}, schema=frame.schema)
    summed = pl.concat([less, added]).group_by("account").agg(pl.col("mg").sum())
    return summed.filter(pl.col("mg") > 0).sort("account").select("account", "mg")


def counted(made: Certification, frame: pl.DataFrame) -> tuple[Certification, pl.DataFrame]:
    return replace(made, accounts=frame.height), frame


Forgery = Callable[[Certification, pl.DataFrame], tuple[Certification, pl.DataFrame]]
FORGED: dict[str, Forgery] = {
    "a milligram to another": lambda made, rows: counted(made, gives(rows, rows["account"][5], 1)),
    "a milligram to a stranger": lambda made, rows: counted(made, gives(rows, THIEF, 1)),
    "all of one person's to a stranger": lambda made, rows: counted(made, gives(rows, THIEF, rows["mg"][0])),
    "another root of the epoch": lambda made, rows: (
        replace(made, epochs=(replace(made.epochs[0], root=bytes(32)),)),
        rows,
    ),
    "another epoch": lambda made, rows: (replace(made, epochs=(replace(made.epochs[0], number=2),)), rows),
    "an epoch more": lambda made, rows: (
        replace(
            made,
            epochs=(replace(made.epochs[0], mg=made.epochs[0].mg - 1), EpochShare(2, bytes(32), 1)),
        ),
        rows,
    ),
    "no epoch": lambda made, rows: (replace(made, epochs=(), redemptions=1, redeemed_mg=made.mg), rows),
    "another count of redemptions": lambda made, rows: (replace(made, redemptions=2), rows),
    "the redemption as the epoch's": lambda made, rows: (
        replace(made, epochs=(replace(made.epochs[0], mg=made.mg),), redemptions=0, redeemed_mg=0),
        rows,
    ),
    "a milligram less redeemed": lambda made, rows: (
        replace(made, epochs=(replace(made.epochs[0], mg=made.epochs[0].mg + 1),), redeemed_mg=made.redeemed_mg - 1),
        rows,
    ),
    "another interval": lambda made, rows: (replace(made, from_mg=1), rows),
    "another class": lambda made, rows: (replace(made, class_id=CLASS + 1), rows),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_dossier_is_not_signed(ledger: Ledger, name: str) -> None:
    made, rows = FORGED[name](*certify(1, CLASS, 3, 0, entries(ledger)))
    dossier = write_certification(ledger.home.evidence, made, rows).dossier
    ledger.submitter("platform").send(ledger.contracts.certification.apply_for(1, CLASS, 3, dossier))
    assert refused(ledger, VerificationError).message == DIFFERS
    with pytest.raises(ChainRevert) as raised:
        approve(ledger, 1)
    assert raised.value.fields["error"] == "ReductionCertificationUnexpectedStatus"
    assert reject(ledger, 1, "forged", "verifier").record.status is CertificationStatus.REJECTED
    assert audited(ledger) == {}


def test_a_dossier_of_other_tonnes_than_applied_for_is_not_signed(ledger: Ledger) -> None:
    dossier = write_certification(ledger.home.evidence, *certify(1, CLASS, 2, 0, entries(ledger))).dossier
    ledger.submitter("platform").send(ledger.contracts.certification.apply_for(1, CLASS, 3, dossier))
    assert refused(ledger, VerificationError).message == DIFFERS


@pytest.mark.parametrize("number", [2, 999])
def test_a_dossier_of_another_number_is_not_signed(ledger: Ledger, number: int) -> None:
    dossier = write_certification(ledger.home.evidence, *certify(number, CLASS, 3, 0, entries(ledger))).dossier
    ledger.submitter("platform").send(ledger.contracts.certification.apply_for(1, CLASS, 3, dossier))
    refused(ledger, EvidenceError)


# --- dossiers changed after the fact ----------------------------------------------------------------------


def flip(folder: Path) -> None:
    content = bytearray((folder / "contributions.parquet").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "contributions.parquet").write_bytes(content)


def rewritten(folder: Path) -> None:
    rewrite(folder, "contributions.parquet", gives(CertificationEvidence(folder).contributions(), THIEF, 1))


@pytest.mark.parametrize(
    "change",
    [flip, rewritten, shutil.rmtree, lambda folder: (folder / "contributions.parquet").unlink()],
    ids=["a bit", "rewritten", "gone", "no contributions"],
)
@pytest.mark.parametrize("verified", [False, True])
def test_contributions_changed_later_are_not_signed(
    ledger: Ledger, change: Callable[[Path], object], verified: bool
) -> None:
    folder = certification.dossier_of(ledger, apply_for(ledger, CLASS).record).folder
    if not verified:
        change(folder)
        refused(ledger, EvidenceError)
        return
    verify(ledger, 1)
    change(folder)
    with pytest.raises(EvidenceError):
        approve(ledger, 1)
    assert certification.get(ledger, 1).status is CertificationStatus.VERIFIED
    assert ledger.contracts.reductions.issuance(1) is None
