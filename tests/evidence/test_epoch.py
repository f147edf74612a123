"""An epoch's manifest says as of which block standing mandates were read."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from registry.errors import EvidenceError, StorageError
from registry.evidence.epoch import Epoch, EpochEvidence, epochs_folder, write_epoch
from registry.evidence.files import canonical_json
from tests.evidence.folders import ENTITLEMENTS, contents

DIGITS = 12  # other digits that one flipped bit makes of 1, 2, 3 and 4; 0234 is no number
BATCHES = (b"\1" * 32, b"\2" * 32)


def written(evidence: Path, mandates_block: int | None, batches: tuple[bytes, ...] = BATCHES) -> Path:
    epoch = write_epoch(evidence, 1, ENTITLEMENTS, batches, mandates_block)
    assert (epoch.mandates_block, epoch.batches) == (mandates_block, batches)
    return epochs_folder(evidence) / epoch.name


@pytest.mark.parametrize("block", [None, 0, 7, 2**40])
def test_the_mandates_block_is_read_back(tmp_path: Path, block: int | None) -> None:
    folder = written(tmp_path, block)
    evidence = EpochEvidence(folder)
    evidence.check_files()
    assert evidence.epoch.mandates_block == block
    assert json.loads((folder / "manifest.json").read_bytes())["mandates_block"] == block


def test_a_manifest_from_before_mandates_reads_as_none(tmp_path: Path) -> None:
    folder = written(tmp_path, None)
    body = json.loads((folder / "manifest.json").read_bytes())
    del body["mandates_block"]
    (folder / "manifest.json").write_bytes(old := canonical_json(body))
    assert EpochEvidence(folder).epoch == Epoch(1, EpochEvidence(folder).epoch.root, 3, BATCHES)
    # Written again without mandates it says the same, and stays as it is.
    written(tmp_path, None)
    assert (folder / "manifest.json").read_bytes() == old


@pytest.mark.parametrize("block", [-1, "7", True, 7.0, [7]])
def test_what_is_no_block_is_refused(tmp_path: Path, block: object) -> None:
    folder = written(tmp_path, 7)
    body = json.loads((folder / "manifest.json").read_bytes())
    (folder / "manifest.json").write_bytes(canonical_json({**body, "mandates_block": block}))
    with pytest.raises(EvidenceError, match=r"manifest\.json: not an epoch manifest \(mandates_block is no block\)$"):
        EpochEvidence(folder)


def test_an_epoch_prepared_again_has_the_block_and_the_batches_of_this_time(tmp_path: Path) -> None:
    folder = written(tmp_path, 7)
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir() if path.name != "manifest.json"}
    for block, batches in ((8, BATCHES), (8, BATCHES[:1]), (None, BATCHES)):
        assert written(tmp_path, block, batches) == folder
        evidence = EpochEvidence(folder)
        evidence.check_files()
        assert (evidence.epoch.mandates_block, evidence.epoch.batches) == (block, batches)
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir() if path.name != "manifest.json"} == before
    names = [f"epochs/{folder.name}/{name}" for name in ("entitlements.parquet", "manifest.json", "tree.bin")]
    assert contents(tmp_path) == ["epochs", f"epochs/{folder.name}", *names]


def test_a_manifest_that_cannot_be_replaced_stays_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = written(tmp_path, 7)

    def refused(*_: object) -> None:
        raise OSError(5, os.strerror(5))

    monkeypatch.setattr(Path, "replace", refused)
    with pytest.raises(StorageError, match=r": Input/output error$"):
        written(tmp_path, 8)
    monkeypatch.undo()
    assert EpochEvidence(folder).epoch.mandates_block == 7
    assert sorted(path.name for path in (tmp_path / "tmp").iterdir()) == []


def test_a_flipped_bit_makes_another_block_or_is_found(tmp_path: Path) -> None:
    path = written(tmp_path, 1234) / "manifest.json"
    content, entry = path.read_bytes(), b'"mandates_block":1234,'
    start = content.index(entry)
    blocks, refused = set(), 0
    for at in range(start, start + len(entry)):
        for bit in range(8):
            path.write_bytes(content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :])
            try:
                blocks.add(EpochEvidence(path.parent).epoch.mandates_block)
            except EvidenceError:
                refused += 1
    # Only a digit can change unnoticed here: the verifier converts as of that block, and judges its time.
    assert 1234 not in blocks
    assert (len(blocks), refused) == (DIGITS, 8 * len(entry) - DIGITS)
