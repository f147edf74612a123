"""The platform holds the evidence and its own key: rewriting an earlier epoch must not get a verifier's signature."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from registry.core import entitlement
from registry.evidence.epoch import epochs_folder, write_epoch
from registry.services.anchoring import recompute
from tests.audit.forging import rewrite_tree
from tests.services.homes import Puhui, journey, opened, write_journeys, write_people

THIEF = bytes(19) + b"\x66"
LATER = {"trip_id": "T2", "board_time": "2026-03-03 08:00:00", "alight_time": "2026-03-03 08:20:00"}


@pytest.fixture
def robbed(puhui: Puhui, tmp_path: Path) -> tuple[Puhui, bytes, pl.DataFrame]:
    """Epoch 1 rewritten in evidence so that a thief has what A1 earned; a second batch waits for epoch 2."""
    puhui("accounts", "import", write_people(tmp_path / "accounts.csv"))
    puhui.imports(write_journeys(tmp_path / "first.csv", journey()))
    puhui("anchor")
    puhui("attest")
    puhui("epoch", "publish")
    (batch,) = puhui.imports(write_journeys(tmp_path / "second.csv", journey(**LATER)))["batches"]
    puhui("anchor")
    puhui("attest")
    (folder,) = epochs_folder(puhui.evidence).iterdir()
    forged = pl.read_parquet(folder / "entitlements.parquet").with_columns(account=pl.lit(THIEF))
    rewrite_tree(folder, forged)
    return puhui, bytes.fromhex(batch[2:]), forged


def test_nothing_is_published_over_a_rewritten_epoch(robbed: tuple[Puhui, bytes, pl.DataFrame]) -> None:
    puhui, _, _ = robbed
    error = puhui.fails("epoch", "publish", code=3)
    assert error["code"] == "bad_evidence"
    assert error["message"].startswith("epoch 1: the entitlements in evidence are not those of its root on the chain")


def test_no_verifier_signs_an_epoch_that_stands_on_a_rewritten_one(robbed: tuple[Puhui, bytes, pl.DataFrame]) -> None:
    puhui, batch, forged = robbed
    with opened(puhui.home) as ledger:
        standing = entitlement.accumulate(forged, [recompute(ledger, "0x" + batch.hex()).earned()])
        epoch = write_epoch(puhui.evidence, 2, standing, (batch,))
        points = ledger.contracts.points
        ledger.submitter("platform").send(points.publish_epoch(2, epoch.root, epoch.size, epoch.batches))
    assert puhui.fails("attest", "--epoch", 2, code=3)["code"] == "bad_evidence"
    with opened(puhui.home) as ledger:
        record = ledger.contracts.points.epoch(2)
        assert record is not None
        assert (record.root, record.attested) == (epoch.root, False)
        assert ledger.contracts.points.active_epoch() == 1
