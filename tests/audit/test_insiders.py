"""Evidence rewritten consistently, anchored and attested unseen: only recomputing finds it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from registry.evidence.batch import BatchEvidence
from registry.evidence.epoch import EpochEvidence
from tests.audit.forging import Forgery, audit, forge, rewrite, rewrite_tree, row_of, wrong
from tests.services.homes import Puhui

LEAF = 7
IMPORTS = "import records account for every row"
MakeLedger = Callable[..., Puhui]


def at(leaf: int, **changed: pl.Expr) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Change columns of one row."""

    def change(frame: pl.DataFrame) -> pl.DataFrame:
        here = pl.int_range(pl.len()) == leaf
        return frame.with_columns(
            pl.when(here).then(value.cast(frame.schema[name])).otherwise(name).alias(name)
            for name, value in changed.items()
        )

    return change


def drop(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.filter(pl.int_range(pl.len()) != LEAF)


def duplicate(frame: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([frame[: LEAF + 1], frame[LEAF:]])


def duplicate_under_another_tag(frame: pl.DataFrame) -> pl.DataFrame:
    again = at(0, tag=pl.lit(b"\xff" * 16), trip_id=pl.lit("zz"))(frame[LEAF])
    return pl.concat([frame, again])


def swap_rows(frame: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([frame[:LEAF], frame[LEAF + 1], frame[LEAF], frame[LEAF + 2 :]])


def swap_wallets(frame: pl.DataFrame) -> pl.DataFrame:
    other = next(i for i in range(LEAF + 1, frame.height) if frame["wallet"][i] != frame["wallet"][LEAF])
    first = at(LEAF, wallet=pl.lit(frame["wallet"][other]))(frame)
    return at(other, wallet=pl.lit(frame["wallet"][LEAF]))(first)


def one_more_refused(frame: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([frame, frame[-1].with_columns(pl.col("row") + 1)])


def move_a_milligram(frame: pl.DataFrame) -> pl.DataFrame:
    return at(1, earned_mg=pl.col("earned_mg") - 1)(at(0, earned_mg=pl.col("earned_mg") + 1)(frame))


def add_an_account(frame: pl.DataFrame) -> pl.DataFrame:
    row = frame[0].with_columns(
        pl.lit(b"\x00" * 19 + b"\x01").alias("account"), pl.lit(5, pl.UInt64).alias("earned_mg")
    )
    return pl.concat([row, frame])


# name: (what is forged, the checks that must fail, what the first of them must say besides the row)
TAMPERS: dict[str, tuple[Forgery, set[str], str]] = {
    "a longer distance": (
        Forgery(at(LEAF, distance_m=pl.col("distance_m") + 1000)),
        {"reductions recomputed"},
        "ROW",
    ),
    "a larger reduction": (
        Forgery(at(LEAF, reduction_mg=pl.col("reduction_mg") + 1)),
        {"reductions recomputed"},
        "ROW",
    ),
    "a distance out of range": (
        Forgery(at(LEAF, distance_m=pl.lit(200_001), reduction_mg=pl.lit(9_359_953))),
        {"reductions recomputed", "input rules hold for every trip"},
        "ROW",
    ),
    "an impossible speed": (
        Forgery(at(LEAF, alight_time=pl.col("board_time") + 1), recommit=True),
        {"input rules hold for every trip"},
        "ROW: rule too_fast speaks against it",
    ),
    "no consent yet": (
        Forgery(at(LEAF, consent_at=pl.col("board_time") + 1), recommit=True),
        {"input rules hold for every trip"},
        "ROW: rule service day or consent speaks against it",
    ),
    "another day's trip": (
        Forgery(
            at(LEAF, board_time=pl.col("board_time") - 86_400, alight_time=pl.col("alight_time") - 86_400),
            recommit=True,
        ),
        {"input rules hold for every trip"},
        "ROW: rule service day or consent speaks against it",
    ),
    "a dropped row": (
        Forgery(drop, follow=False),
        {IMPORTS},
        "trips recorded",
    ),
    "a row twice": (
        Forgery(duplicate),
        {
            "tags strictly ascending",
            "one tag for one journey, none overlapping",
            IMPORTS,
        },
        "leaf 8",
    ),
    "a row twice under another tag": (
        Forgery(duplicate_under_another_tag, recommit=True),
        {"one tag for one journey, none overlapping", IMPORTS},
        "accounted for twice",
    ),
    "two rows in another order": (Forgery(swap_rows), {"tags strictly ascending"}, "leaf 8"),
    "two accounts' wallets swapped": (Forgery(swap_wallets), {"openings match commitments"}, "ROW"),
    "a milligram from one account to another": (
        Forgery(entitlements=move_a_milligram),
        {"entitlements recomputed from trips"},
        "epoch 1: account 0x",
    ),
    "an account that never travelled": (
        Forgery(entitlements=add_an_account),
        {"entitlements recomputed from trips"},
        "epoch 1: account 0x0000000000000000000000000000000000000001",
    ),
    "one refused row too many": (
        Forgery(rejected=one_more_refused),
        {IMPORTS},
        "rejected rows by reason recorded",
    ),
    "a refused reason changed": (
        Forgery(record=lambda r: replace(r, rejected={**r.rejected, "bad_row": r.rejected["bad_row"] + 1})),
        {IMPORTS},
        "rows recorded",
    ),
    "rows that were never there": (
        Forgery(record=lambda r: replace(r, rows=r.rows + 1, rows_used=r.rows_used + 1)),
        {IMPORTS},
        "rows recorded",
    ),
    "a row nobody accounts for": (
        Forgery(rejected=lambda frame: at(0, row=pl.lit(90_000))(frame).sort("row")),
        {IMPORTS},
        "is not accounted for",
    ),
}


@pytest.mark.parametrize("name", TAMPERS)
def test_an_insider_who_rewrites_everything_is_found_by_recomputing(make_ledger: MakeLedger, name: str) -> None:
    forgery, failing, said = TAMPERS[name]
    puhui = make_ledger("sealed")

    batch = forge(puhui.home, forgery)

    found = wrong(audit(puhui.home))
    assert set(found) == failing
    assert said.replace("ROW", row_of(puhui.home, batch, LEAF)) in "\n".join(found.values())


def test_an_honest_forgery_changes_nothing(make_ledger: MakeLedger) -> None:
    puhui = make_ledger("sealed")
    forge(puhui.home, Forgery())
    assert wrong(audit(puhui.home)) == {}


PUBLIC = {
    "a longer distance": "reductions recomputed",
    "a larger reduction": "reductions recomputed",
    "a row twice": "tags strictly ascending",
    "a dropped row": IMPORTS,
}


@pytest.mark.parametrize("name", PUBLIC)
def test_the_public_level_finds_what_the_clear_part_shows(make_ledger: MakeLedger, name: str, tmp_path: Path) -> None:
    puhui = make_ledger("sealed")
    forge(puhui.home, TAMPERS[name][0])
    public = tmp_path / "public"
    shutil.copytree(puhui.evidence, public, ignore=shutil.ignore_patterns("private.parquet", "openings.bin"))
    report = audit(puhui.home, public)
    assert report.level == "public"
    assert set(wrong(report)) == {PUBLIC[name]}


def test_the_public_level_finds_points_nobody_earned(make_ledger: MakeLedger, tmp_path: Path) -> None:
    puhui = make_ledger("sealed")
    forge(puhui.home, TAMPERS["an account that never travelled"][0])
    public = tmp_path / "public"
    shutil.copytree(puhui.evidence, public, ignore=shutil.ignore_patterns("private.parquet", "openings.bin"))
    assert set(wrong(audit(puhui.home, public))) == {"entitlements add up to their batches"}


# After anchoring the chain holds the digests, so the same work is found sooner.


def only(folder: Path) -> Path:
    (found,) = folder.iterdir()
    return found


def test_leaves_rewritten_after_anchoring(make_ledger: MakeLedger) -> None:
    puhui = make_ledger("issued")
    folder = only(puhui.evidence / "batches")
    rewrite(folder, "leaves.parquet", at(LEAF, distance_m=pl.lit(9))(BatchEvidence(folder).leaves()))
    found = wrong(audit(puhui.home))
    assert (
        f"{folder}/manifest.json: leaves.parquet is not the one the batch was sealed with"
        in (found["evidence files unchanged"])
    )
    assert f"no usable folder for batch {folder.name}" in found["batches have their evidence"]


def test_a_tree_that_is_not_of_its_leaves(make_ledger: MakeLedger) -> None:
    puhui = make_ledger("issued")
    folder = only(puhui.evidence / "batches")
    content = bytearray((folder / "tree.bin").read_bytes())
    content[-1] ^= 1
    rewrite(folder, "tree.bin", bytes(content))
    found = wrong(audit(puhui.home))
    assert set(found) == {"trip trees recomputed"}
    assert "tree.bin is not the tree of its leaves" in found["trip trees recomputed"]


def test_openings_that_are_not_the_private_rows(make_ledger: MakeLedger) -> None:
    puhui = make_ledger("issued")
    folder = only(puhui.evidence / "batches")
    content = bytearray((folder / "openings.bin").read_bytes())
    content[-2] ^= 1
    rewrite(folder, "openings.bin", bytes(content))
    found = wrong(audit(puhui.home))
    assert set(found) == {"openings match commitments"}
    assert "openings.bin does not hold the batch's openings" in found["openings match commitments"]


@pytest.mark.parametrize("column", ["wallet", "carrier_ref", "board_stop", "consent_at", "trip_id", "account_id"])
def test_private_rows_rewritten_after_sealing(make_ledger: MakeLedger, column: str) -> None:
    puhui = make_ledger("issued")
    folder = only(puhui.evidence / "batches")
    private = BatchEvidence(folder).private()
    other = private.filter(pl.col(column) != private[column][LEAF])[column][0] if column != "consent_at" else 7
    rewrite(folder, "private.parquet", at(LEAF, **{column: pl.lit(other)})(private))
    found = wrong(audit(puhui.home))
    assert row_of(puhui.home, folder.name, LEAF) in found["openings match commitments"]


def test_entitlements_rewritten_after_publishing(make_ledger: MakeLedger) -> None:
    puhui = make_ledger("claimed")
    folder = only(puhui.evidence / "epochs")
    rewrite_tree(folder, move_a_milligram(EpochEvidence(folder).entitlements()))
    found = wrong(audit(puhui.home))
    assert "epoch 1: root" in found["entitlement trees recomputed"]


def test_a_claim_beyond_the_entitlement_is_named(make_ledger: MakeLedger) -> None:
    """Entitlements lowered after a claim: the chain remembers the claim."""
    puhui = make_ledger("claimed")
    folder = only(puhui.evidence / "epochs")
    table = EpochEvidence(folder).entitlements()
    rewrite_tree(folder, table.with_columns(pl.lit(0, pl.UInt64).alias("earned_mg")))
    found = wrong(audit(puhui.home))
    assert "claims within entitlements" in found
    assert "account 0x" in found["claims within entitlements"]
