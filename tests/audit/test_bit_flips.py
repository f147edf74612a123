"""One flipped bit anywhere in the evidence is found and its file is named."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.audit.ledger import audit_ledger
from registry.chain.deployment import Contracts
from registry.errors import EvidenceError
from registry.evidence.batch import PRIVATE_FILES, BatchEvidence
from registry.evidence.epoch import EpochEvidence
from registry.evidence.imports import ImportEvidence
from tests.audit.forging import wrong
from tests.services.homes import Puhui, Stages, contracts_of

FILES = {
    "batches": ("manifest.json", "leaves.parquet", "private.parquet", "openings.bin", "tree.bin"),
    "imports": ("record.json", "rejected.parquet"),
    "epochs": ("manifest.json", "entitlements.parquet", "tree.bin"),
}
KINDS = [(kind, name) for kind, names in FILES.items() for name in names]
RANDOM_FLIPS = 8


@pytest.fixture(scope="module")
def home(stages: Stages, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stages.copy("claimed", tmp_path_factory.mktemp("flips") / "home")


@pytest.fixture(scope="module")
def contracts(home: Path) -> Iterator[Contracts]:
    with contracts_of(home) as opened:
        yield opened


def file_of(home: Path, kind: str, name: str) -> Path:
    (folder,) = (home / "evidence" / kind).iterdir()
    return folder / name


def flip(content: bytes, bit: int) -> bytes:
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_every_kind_of_evidence_file_is_tried(home: Path) -> None:
    found = {(path.parent.parent.name, path.name) for path in (home / "evidence").rglob("*") if path.is_file()}
    assert found == set(KINDS)


@pytest.mark.parametrize(("kind", "name"), KINDS)
def test_a_flipped_bit_is_found_and_its_file_named(home: Path, contracts: Contracts, kind: str, name: str) -> None:
    path = file_of(home, kind, name)
    content = path.read_bytes()
    rng = random.Random(f"{kind}/{name}")
    bits = [0, 7, 8 * len(content) - 1, *(rng.randrange(8 * len(content)) for _ in range(RANDOM_FLIPS))]
    try:
        for bit in bits:
            path.write_bytes(flip(content, bit))
            found = wrong(audit_ledger(contracts, home / "evidence"))
            # What a manifest says of a file may be what was flipped: then that file is named, in the same folder.
            named = path.parent if path.suffix == ".json" else path
            assert any(f"{named}" in text for text in found.values()), f"bit {bit}: {found}"
    finally:
        path.write_bytes(content)
    assert wrong(audit_ledger(contracts, home / "evidence")) == {}


@pytest.mark.parametrize("kind", FILES)
def test_every_single_bit_of_a_manifest_counts(home: Path, tmp_path: Path, kind: str) -> None:
    """All of them, with the reader alone: it refuses, or what it read is not what the chain holds."""
    path = file_of(home, kind, "record.json" if kind == "imports" else "manifest.json")
    folder = tmp_path / path.parent.name
    shutil.copytree(path.parent, folder)
    content = path.read_bytes()
    genuine = EpochEvidence(folder).epoch if kind == "epochs" else None
    silent = []
    for bit in range(8 * len(content)):
        (folder / path.name).write_bytes(flip(content, bit))
        try:
            if kind == "batches":
                BatchEvidence(folder).check_files()
            elif kind == "imports":
                ImportEvidence(folder).rejected()
            else:
                evidence = EpochEvidence(folder)
                evidence.check_files()
                assert evidence.epoch != genuine
        except EvidenceError:
            continue
        except AssertionError:
            silent.append(bit)
        else:
            assert kind == "epochs", f"bit {bit} went unseen"
    assert silent == []


@pytest.mark.parametrize(("kind", "name"), KINDS)
def test_the_command_ends_with_3_and_says_which_file(puhui_claimed: Puhui, kind: str, name: str) -> None:
    path = file_of(puhui_claimed.home, kind, name)
    content = path.read_bytes()
    path.write_bytes(flip(content, 4 * len(content)))
    done = puhui_claimed("audit", expect=3)
    path.write_bytes(content)
    assert str(path.parent) in done.out
    assert "核对不一致 / DIFFERENCES FOUND" in done.out
    assert "FAIL " in done.out


@pytest.fixture(scope="module")
def puhui_claimed(stages: Stages, tmp_path_factory: pytest.TempPathFactory) -> Puhui:
    return Puhui(stages.copy("claimed", tmp_path_factory.mktemp("cli") / "home"))


@pytest.mark.parametrize(("kind", "name"), [pair for pair in KINDS if pair[1] not in PRIVATE_FILES])
def test_a_missing_file_is_named(home: Path, contracts: Contracts, tmp_path: Path, kind: str, name: str) -> None:
    copy = tmp_path / "evidence"
    shutil.copytree(home / "evidence", copy)
    path = copy / file_of(home, kind, name).relative_to(home / "evidence")
    path.unlink()
    found = wrong(audit_ledger(contracts, copy))
    assert any(str(path) in text for text in found.values()), found
