"""One flipped bit in any file of evidence is found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from registry.errors import EvidenceError
from registry.evidence.batch import BatchEvidence, batch_folder
from registry.evidence.epoch import Epoch, EpochEvidence, epochs_folder
from registry.evidence.imports import ImportEvidence
from tests.evidence.folders import imported, published, sealed


def check_batch(folder: Path) -> None:
    BatchEvidence(folder).check_files()


def check_import(folder: Path) -> None:
    ImportEvidence(folder).rejected()


def check_epoch(folder: Path) -> Epoch:
    evidence = EpochEvidence(folder)
    evidence.check_files()
    return evidence.epoch


def batch_of(evidence: Path) -> Path:
    return batch_folder(evidence, sealed(evidence).id())


def epoch_of(evidence: Path) -> Path:
    return epochs_folder(evidence) / published(evidence).name


DATA = [
    (batch_of, check_batch, "leaves.parquet"),
    (batch_of, check_batch, "tree.bin"),
    (batch_of, check_batch, "private.parquet"),
    (batch_of, check_batch, "openings.bin"),
    (imported, check_import, "rejected.parquet"),
    (epoch_of, check_epoch, "entitlements.parquet"),
    (epoch_of, check_epoch, "tree.bin"),
]


def flip(path: Path, at: int, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1 << bit
    path.write_bytes(content)


@pytest.mark.parametrize(("make", "check", "name"), DATA, ids=[f"{make.__name__} {name}" for make, _, name in DATA])
def test_a_flipped_bit_in_a_file_is_found_and_the_file_named(
    tmp_path: Path, make: Callable[[Path], Path], check: Callable[[Path], object], name: str
) -> None:
    path = make(tmp_path) / name
    size = path.stat().st_size
    check(path.parent)
    for number, at in enumerate(sorted({0, 1, 7, 8, 15, 16, size // 3, size // 2, size - 9, size - 2, size - 1})):
        flip(path, at, number % 8)
        with pytest.raises(EvidenceError) as raised:
            check(path.parent)
        assert raised.value.message.startswith(f"{path}: expected {{'bytes': {size}, 'sha256': ")
        assert raised.value.fields == {"path": str(path)}
        flip(path, at, number % 8)
    check(path.parent)


@pytest.mark.parametrize(("make", "check", "name"), DATA, ids=[f"{make.__name__} {name}" for make, _, name in DATA])
def test_a_byte_more_or_less_is_found(
    tmp_path: Path, make: Callable[[Path], Path], check: Callable[[Path], object], name: str
) -> None:
    path = make(tmp_path) / name
    whole = path.read_bytes()
    for content in (whole + b"\0", whole[:-1], b""):
        path.write_bytes(content)
        with pytest.raises(EvidenceError, match=rf"{name}: expected .*, found "):
            check(path.parent)


@pytest.mark.parametrize(
    ("make", "check", "name"),
    [(batch_of, check_batch, "manifest.json"), (imported, check_import, "record.json")],
    ids=["batch", "import"],
)
def test_any_flipped_bit_in_a_manifest_is_found(
    tmp_path: Path, make: Callable[[Path], Path], check: Callable[[Path], object], name: str
) -> None:
    path = make(tmp_path) / name
    for at in range(path.stat().st_size):
        bit = at % 8
        flip(path, at, bit)
        # A changed digest in a manifest cannot be told from a changed file, so that file's name may be given.
        with pytest.raises(EvidenceError) as raised:
            check(path.parent)
        assert str(path.parent) in raised.value.message
        flip(path, at, bit)
    check(path.parent)


def test_a_flipped_bit_in_an_epoch_manifest_is_found_or_makes_another_epoch(tmp_path: Path) -> None:
    # Size and batches are not in the folder's name: an audit compares them with the epoch on the chain.
    folder = epoch_of(tmp_path)
    path, epoch = folder / "manifest.json", check_epoch(folder)
    others = unnamed = 0
    for at in range(path.stat().st_size):
        for bit in (0, at % 7 + 1):
            flip(path, at, bit)
            try:
                found = check_epoch(folder)
            except EvidenceError as error:
                unnamed += str(folder) not in error.message
            else:
                assert (found.number, found.root) == (epoch.number, epoch.root)
                assert (found.size, found.batches) != (epoch.size, epoch.batches)
                others += 1
            flip(path, at, bit)
    assert others > 100
    assert unnamed == 0
    assert check_epoch(folder) == epoch
