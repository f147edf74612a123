"""Payout runs: read back as written; whatever changed, the digest on the chain or the rows give it away."""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from registry.core import proceeds as core
from registry.core.merkle import leaf_hash, verify_inclusion
from registry.core.proceeds import ProceedsLeaf
from registry.errors import EvidenceError, ProofError, StorageError
from registry.evidence import payout as module
from registry.evidence.files import canonical_json
from registry.evidence.payout import (
    ALLOCATIONS_SCHEMA,
    FILES,
    Allocated,
    Payout,
    PayoutEvidence,
    payouts_folder,
    write_payout,
)
from tests.core import independent, independent_market
from tests.evidence.folders import contents

A, B, C = (bytes([n]) * 20 for n in (0x0A, 0x7F, 0xF0))
ALLOCATED = (Allocated(1, 0, 999), Allocated(2, 10_001, 10_002))


def allocation_rows(*rows: tuple[object, ...]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=ALLOCATIONS_SCHEMA, orient="row")


def due_rows(*rows: tuple[object, ...]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=core.SCHEMA, orient="row")


ALLOCATIONS = allocation_rows((1, A, 599), (1, B, 400), (2, A, 1))
DUE = due_rows((A, 5_601), (B, 3_400), (C, 2_000))
ROOT = independent.tree_hash([independent_market.proceeds(*row) for row in DUE.rows()])


def paid(evidence: Path) -> Path:
    """The folder of the example run."""
    return write_payout(evidence, 2, ALLOCATED, ALLOCATIONS, DUE).folder


def rewritten(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    body = json.loads((folder / "manifest.json").read_bytes())
    change(body)
    (folder / "manifest.json").write_bytes(canonical_json(body))


def entry(content: bytes) -> dict[str, object]:
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def test_a_payout_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    written = write_payout(tmp_path, 2, ALLOCATED, ALLOCATIONS, DUE)
    assert written.folder == payouts_folder(tmp_path) / f"000002-{ROOT.hex()}"
    evidence = PayoutEvidence(written.folder)
    evidence.check_files()
    assert evidence.payout == Payout(2, ROOT, 3, 11_001, ALLOCATED)
    assert evidence.allocations().equals(ALLOCATIONS)
    assert evidence.proceeds().equals(DUE)
    content = (written.folder / "manifest.json").read_bytes()
    assert evidence.dossier == written.dossier == hashlib.sha256(content).digest()
    assert json.loads(content) == {
        "format": "puhui.payout/v1",
        "number": 2,
        "root": "0x" + ROOT.hex(),
        "size": 3,
        "total_fen": "11001",
        "allocated": [
            {"issuance": 1, "fen": "999", "funded_before": "0", "funded_after": "999"},
            {"issuance": 2, "fen": "1", "funded_before": "10001", "funded_after": "10002"},
        ],
        "files": {name: entry((written.folder / name).read_bytes()) for name in FILES},
    }


def test_everyone_can_prove_what_is_due(tmp_path: Path) -> None:
    tree = PayoutEvidence(paid(tmp_path)).tree()
    for index, (account, fen) in enumerate(DUE.rows()):
        leaf = leaf_hash(ProceedsLeaf(account, fen).encode())
        assert tree.leaf(index) == leaf
        verify_inclusion(leaf, index, 3, tree.inclusion_proof(index), ROOT)


def test_a_payout_written_again_is_the_same_folder(tmp_path: Path) -> None:
    first = paid(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in first.iterdir()}
    assert paid(tmp_path) == first
    assert {path: path.stat().st_mtime_ns for path in first.iterdir()} == before
    name = f"payouts/{first.name}"
    assert contents(tmp_path) == ["payouts", name, *(f"{name}/{file}" for file in sorted([*FILES, "manifest.json"]))]


def test_another_payout_of_the_same_root_is_refused(tmp_path: Path) -> None:
    folder = paid(tmp_path)
    with pytest.raises(EvidenceError) as raised:
        write_payout(tmp_path, 2, (Allocated(1, 0, 999), Allocated(2, 0, 1)), ALLOCATIONS, DUE)
    assert raised.value.message == f"{folder}: another payout with the same root"
    assert PayoutEvidence(folder).payout.allocated == ALLOCATED


# --- damage -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["manifest.json", *FILES])
def test_any_flipped_bit_is_found(tmp_path: Path, name: str) -> None:
    path = paid(tmp_path) / name
    content = path.read_bytes()
    PayoutEvidence(path.parent).check_files()
    for at in range(len(content)):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1 << at % 8]) + content[at + 1 :])
        with pytest.raises(EvidenceError) as raised:
            PayoutEvidence(path.parent).check_files()
        # A changed number in a manifest cannot be told from changed rows.
        assert name == "manifest.json" or raised.value.message.startswith(f"{path}: expected ")
    path.write_bytes(content)
    PayoutEvidence(path.parent).check_files()


@pytest.mark.parametrize("name", FILES)
def test_a_file_cut_lengthened_or_lost_is_found(tmp_path: Path, name: str) -> None:
    path = paid(tmp_path) / name
    whole = path.read_bytes()
    for content in (whole + b"\0", whole[:-1], b""):
        path.write_bytes(content)
        with pytest.raises(EvidenceError, match=rf"{name}: expected .*, found \{{"):
            PayoutEvidence(path.parent).check_files()
    path.unlink()
    with pytest.raises(EvidenceError, match=rf"{name}: expected .*, found missing$"):
        PayoutEvidence(path.parent).check_files()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda b: b.update(format="puhui.payout/v2"), "'puhui.payout/v2'"),
        (lambda b: b.pop("size"), "'puhui.payout/v1'"),
        (lambda b: b.update(note=""), "'puhui.payout/v1'"),
        (lambda b: b.update(files=[]), "files are not those of a payout"),
        (lambda b: b["files"].pop("tree.bin"), "files are not those of a payout"),
        (lambda b: b["files"].update({"../../keys": {}}), "files are not those of a payout"),
        (lambda b: b.update(number=True), "a count has another type"),
        (lambda b: b.update(size="3"), "a count has another type"),
        (lambda b: b["allocated"][0].update(issuance=-1), "a count has another type"),
        (lambda b: b.update(total_fen=11_001), "total_fen is not a decimal string"),
        (lambda b: b.update(root="0x00"), "root is not 32 bytes of 0x lower-case hex"),
        (lambda b: b["allocated"][0].update(fen="998"), "allocated fen are not the difference of what was funded"),
        (lambda b: b["allocated"][0].update(note=""), "allocated fen are not the difference of what was funded"),
        (lambda b: b["allocated"].reverse(), "payout 2: its issuances are not ascending or get nothing"),
        (
            lambda b: b["allocated"][1].update(fen="0", funded_after="10001"),
            "payout 2: its issuances are not ascending or get nothing",
        ),
        (
            lambda b: b["allocated"][1].update(fen="-1", funded_after="10000"),
            "payout 2: its issuances are not ascending or get nothing",
        ),
    ],
)
def test_a_manifest_that_does_not_hold_together_is_refused(
    tmp_path: Path, change: Callable[[Any], object], reason: str
) -> None:
    folder = paid(tmp_path)
    rewritten(folder, change)
    with pytest.raises(EvidenceError) as raised:
        PayoutEvidence(folder)
    assert raised.value.message == f"{folder / 'manifest.json'}: not a payout manifest ({reason})"
    assert raised.value.fields == {"path": str(folder)}


@pytest.mark.parametrize(
    "change",
    [lambda b: b.update(allocated=None), lambda b: b.update(allocated=[[]]), lambda b: b["allocated"][0].clear()],
)
def test_a_manifest_of_another_shape_is_refused(tmp_path: Path, change: Callable[[Any], object]) -> None:
    folder = paid(tmp_path)
    rewritten(folder, change)
    with pytest.raises(EvidenceError, match=r"manifest\.json: not a payout manifest \(.+\)$"):
        PayoutEvidence(folder)


@pytest.mark.parametrize("change", [lambda b: b.update(number=3), lambda b: b.update(root="0x" + "00" * 32)])
def test_a_manifest_of_another_payout_is_refused(tmp_path: Path, change: Callable[[Any], object]) -> None:
    folder = paid(tmp_path)
    rewritten(folder, change)
    with pytest.raises(EvidenceError, match=r"manifest\.json: is of \d{6}-[0-9a-f]{64}$"):
        PayoutEvidence(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda b: b["allocated"][0].update(fen="1000", funded_after="1000"),
            "its allocations are (1, 999), its manifest says (1, 1000)",
        ),
        (lambda b: b["allocated"].pop(), "its allocations are (2, 1), its manifest says None"),
        (
            lambda b: b["allocated"].append({"issuance": 3, "fen": "1", "funded_before": "0", "funded_after": "1"}),
            "its allocations are None, its manifest says (3, 1)",
        ),
        (lambda b: b.update(size=4), "its proceeds are 11001 fen of 3 accounts, not 11001 fen of 4"),
        (lambda b: b.update(total_fen="11000"), "its proceeds are 11001 fen of 3 accounts, not 11000 fen of 3"),
    ],
)
def test_a_manifest_with_other_numbers_than_its_rows_is_refused(
    tmp_path: Path, change: Callable[[Any], object], message: str
) -> None:
    folder = paid(tmp_path)
    rewritten(folder, change)
    with pytest.raises(EvidenceError) as raised:
        PayoutEvidence(folder).check_files()
    assert raised.value.message == f"payout 2: {message}"


# --- rows that are not written ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("allocations", "reason"),
    [
        (ALLOCATIONS.reverse(), "allocations are not strictly ascending by issuance and account (3 rows)"),
        (
            allocation_rows((1, A, 599), (1, A, 400), (2, A, 1)),
            "allocations are not strictly ascending by issuance and account (3 rows)",
        ),
        (allocation_rows((1, A[:19], 999), (2, A, 1)), "column account holds values that are not 20 bytes"),
        (allocation_rows((1, A, None), (2, A, 1)), "column fen holds values that are no UInt64"),
        (allocation_rows((1, A, 999), (2, A, 1), (2, B, 0)), "its allocations hold 0 fen for an account"),
        (allocation_rows((1, A, 998), (2, A, 2)), "its allocations are (1, 998), its manifest says (1, 999)"),
        (allocation_rows((1, A, 999)), "its allocations are None, its manifest says (2, 1)"),
        (
            allocation_rows((None, A, 5), (1, A, 999), (2, A, 1)),
            "its allocations are (None, 5), its manifest says (1, 999)",
        ),
        (ALLOCATIONS.drop("fen"), "its allocations are not issuance, account, fen"),
        (
            ALLOCATIONS.with_columns(pl.col("issuance").cast(pl.UInt64)),
            "its allocations are not issuance, account, fen",
        ),
    ],
)
def test_allocations_that_are_not_the_runs_are_not_written(
    tmp_path: Path, allocations: pl.DataFrame, reason: str
) -> None:
    with pytest.raises(EvidenceError) as raised:
        write_payout(tmp_path, 2, ALLOCATED, allocations, DUE)
    assert raised.value.message == f"payout 2: {reason}"
    assert contents(tmp_path) == []


def test_proceeds_that_are_no_leaves_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(ProofError, match=r"^proceeds are not strictly ascending by account \(3 rows\)$"):
        write_payout(tmp_path, 2, ALLOCATED, ALLOCATIONS, DUE.reverse())
    with pytest.raises(EvidenceError, match=r"^payout 2: its proceeds hold 0 fen for an account$"):
        write_payout(tmp_path, 2, ALLOCATED, ALLOCATIONS, due_rows((A, 0), (B, 1)))
    with pytest.raises(EvidenceError, match=r"^payout 2: its proceeds are not account, fen$"):
        write_payout(tmp_path, 2, ALLOCATED, ALLOCATIONS, DUE.with_columns(pl.col("fen").cast(pl.Int64)))
    assert contents(tmp_path) == []


@pytest.mark.parametrize("name", ["file_entry", "canonical_json"])
def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, name, full)
    with pytest.raises(StorageError, match=r": no space left$"):
        paid(tmp_path)
    assert contents(tmp_path) == []
