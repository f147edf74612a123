"""Verifying a proof against a node: a node that goes away is no verdict, and a wrong reduction is one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from registry.audit.batches import BatchAudit
from registry.audit.verify import verify_file
from registry.chain.deployment import Contracts
from registry.errors import ChainUnavailable, VerificationError
from registry.evidence.batch import BatchEvidence
from registry.services.home import Home
from registry.services.ledger import open_ledger
from registry.settings import Settings
from tests.services.homes import Puhui


def proof_of_first_trip(puhui: Puhui, path: Path) -> Path:
    (folder,) = (puhui.evidence / "batches").iterdir()
    trip = BatchEvidence(folder).private(("trip_id",))["trip_id"][0]
    puhui("proof", trip, "--out", str(path))
    return path


def test_a_node_that_goes_away_gives_no_verdict(
    make_ledger: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    puhui = make_ledger("issued")
    path = proof_of_first_trip(puhui, tmp_path / "proof.json")
    with open_ledger(Home(puhui.home), Settings()) as ledger:
        contracts: Contracts = ledger.contracts
        assert verify_file(path, contracts=contracts).ok

        def gone(*_: object) -> None:
            raise ChainUnavailable("node does not answer")

        monkeypatch.setattr(contracts.anchors, "find", gone)
        with pytest.raises(ChainUnavailable, match="node does not answer"):
            verify_file(path, contracts=contracts)


def test_a_leaf_without_a_reduction_is_named(make_ledger: Any) -> None:
    puhui = make_ledger("issued")
    (folder,) = (puhui.evidence / "batches").iterdir()
    audit = BatchAudit(BatchEvidence(folder))
    first = pl.int_range(pl.len()) == 0
    audit.leaves = audit.leaves.with_columns(reduction_mg=pl.when(first).then(None).otherwise("reduction_mg"))
    with pytest.raises(VerificationError, match=r"leaf 0 \(input row \d+\): mode \d, \d+ m: reduction None mg"):
        audit.check_reductions()
