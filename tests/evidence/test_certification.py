"""Certification dossiers: read back as written, bound byte for byte to the digest on the chain."""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from registry.core.contribution import SCHEMA
from registry.errors import EvidenceError, StorageError
from registry.evidence import certification as module
from registry.evidence.certification import (
    Certification,
    CertificationEvidence,
    EpochShare,
    certification_name,
    certifications_folder,
    write_certification,
)
from registry.evidence.files import canonical_json
from tests.evidence.folders import contents

CLASS = 1 << 16 | 2026
A, B, C = (bytes([n]) * 20 for n in (0x0A, 0x7F, 0xF0))
SHARES = (EpochShare(3, b"\3" * 32, 1_500_000_000), EpochShare(7, b"\7" * 32, 300_000_000))
CERTIFICATION = Certification(4, CLASS, 2, 5_000_000_000, SHARES, 2, 200_000_000, 3)


def rows(*pairs: tuple[object, object]) -> pl.DataFrame:
    return pl.DataFrame(list(pairs), schema=SCHEMA, orient="row")


CONTRIBUTIONS = rows((A, 1_200_000_000), (B, 799_999_999), (C, 1))


def certified(evidence: Path) -> Path:
    """The folder of the example certification."""
    return write_certification(evidence, CERTIFICATION, CONTRIBUTIONS).folder


def rewritten(folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """Change a manifest, write it canonically again and give the folder the name that follows."""
    body = json.loads((folder / "manifest.json").read_bytes())
    change(body)
    content = canonical_json(body)
    (folder / "manifest.json").write_bytes(content)
    return folder.rename(folder.parent / f"000004-{hashlib.sha256(content).hexdigest()}")


def check(folder: Path) -> None:
    evidence = CertificationEvidence(folder)
    evidence.check_files()
    evidence.contributions()


def test_a_certification_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    written = write_certification(tmp_path, CERTIFICATION, CONTRIBUTIONS)
    content = (written.folder / "manifest.json").read_bytes()
    assert written.folder == certifications_folder(tmp_path) / certification_name(4, written.dossier)
    evidence = CertificationEvidence(written.folder)
    evidence.check_files()
    assert evidence.dossier == hashlib.sha256(content).digest()
    assert evidence.certification == CERTIFICATION
    assert evidence.contributions().equals(CONTRIBUTIONS)
    parquet = (written.folder / "contributions.parquet").read_bytes()
    assert json.loads(content) == {
        "format": "puhui.certification/v1",
        "number": 4,
        "class": 67562,
        "methodology": 1,
        "vintage": 2026,
        "tonnes": 2,
        "from_mg": "5000000000",
        "mg": "2000000000",
        "epochs": [
            {"number": 3, "root": "0x" + "03" * 32, "mg": "1500000000"},
            {"number": 7, "root": "0x" + "07" * 32, "mg": "300000000"},
        ],
        "redemptions": {"count": 2, "mg": "200000000"},
        "accounts": 3,
        "files": {"contributions.parquet": {"bytes": len(parquet), "sha256": hashlib.sha256(parquet).hexdigest()}},
    }
    assert canonical_json(json.loads(content)) == content


def test_a_certification_written_again_is_the_same_folder(tmp_path: Path) -> None:
    first = certified(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in first.iterdir()}
    assert certified(tmp_path) == first
    assert {path: path.stat().st_mtime_ns for path in first.iterdir()} == before
    name = f"certifications/{first.name}"
    files = [f"{name}/contributions.parquet", f"{name}/manifest.json"]
    assert contents(tmp_path) == ["certifications", name, *files]


@pytest.mark.parametrize("name", ["manifest.json", "contributions.parquet"])
def test_any_flipped_bit_is_found(tmp_path: Path, name: str) -> None:
    path = certified(tmp_path) / name
    content = path.read_bytes()
    check(path.parent)
    for at in range(len(content)):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1 << at % 8]) + content[at + 1 :])
        with pytest.raises(EvidenceError) as raised:
            check(path.parent)
        assert raised.value.message.startswith(f"{path}: ")
    path.write_bytes(content)
    check(path.parent)


@pytest.mark.parametrize("name", ["manifest.json", "contributions.parquet"])
def test_a_file_cut_lengthened_or_lost_is_found(tmp_path: Path, name: str) -> None:
    path = certified(tmp_path) / name
    whole = path.read_bytes()
    for content in (whole + b"\0", whole[:-1], b""):
        path.write_bytes(content)
        with pytest.raises(EvidenceError, match=rf"{name}: "):
            check(path.parent)
    path.unlink()
    with pytest.raises(EvidenceError, match=rf"{name}: (No such file|expected .*, found missing$)"):
        check(path.parent)


# --- manifests that do not hold together ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda b: b.update(format="puhui.certification/v2"), "'puhui.certification/v2'"),
        (lambda b: b.pop("vintage"), "'puhui.certification/v1'"),
        (lambda b: b.update(note=""), "'puhui.certification/v1'"),
        (lambda b: b.update(files=["contributions.parquet"]), "files is not that of a certification"),
        (lambda b: b["files"].update({"../../keys": {}}), "files is not that of a certification"),
        (lambda b: b.update(files={}), "files is not that of a certification"),
        (lambda b: b.update(number=True), "a count has another type"),
        (lambda b: b.update(tonnes="2"), "a count has another type"),
        (lambda b: b.update(accounts=-1), "a count has another type"),
        (lambda b: b["epochs"][0].update(number=None), "a count has another type"),
        (lambda b: b["redemptions"].update(count=2.0), "a count has another type"),
        (lambda b: b.update(from_mg=5_000_000_000), "from_mg is not a decimal string"),
        (lambda b: b.update(from_mg="05"), "from_mg is not a decimal string"),
        (lambda b: b["epochs"][0].update(root="0x00"), "root is not 32 bytes of 0x lower-case hex"),
        (lambda b: b["epochs"][0].update(note=""), "a field does not follow from the others"),
        (lambda b: b["redemptions"].update(note=""), "a field does not follow from the others"),
        (lambda b: b.update(mg="2000000001"), "a field does not follow from the others"),
        (lambda b: b.update(methodology=2), "a field does not follow from the others"),
        (lambda b: b.update(vintage=2025), "a field does not follow from the others"),
        (
            lambda b: b.update(tonnes=3, mg="3000000000"),
            "certification 4: its parts are 2000000000 mg, its tonnes 3000000000 mg",
        ),
        (
            lambda b: b["epochs"][0].update(mg="1500000001"),
            "certification 4: its parts are 2000000001 mg, its tonnes 2000000000 mg",
        ),
        (lambda b: b["epochs"].reverse(), "certification 4: its epochs are not ascending or give nothing"),
        (lambda b: b["epochs"][1].update(number=3), "certification 4: its epochs are not ascending or give nothing"),
        (lambda b: b["redemptions"].update(count=0), "certification 4: 0 redemptions gave 200000000 mg"),
    ],
)
def test_a_manifest_that_does_not_hold_together_is_refused(
    tmp_path: Path, change: Callable[[Any], object], reason: str
) -> None:
    folder = rewritten(certified(tmp_path), change)
    with pytest.raises(EvidenceError) as raised:
        CertificationEvidence(folder)
    assert raised.value.message == f"{folder / 'manifest.json'}: not a certification manifest ({reason})"
    assert raised.value.fields == {"path": str(folder)}


@pytest.mark.parametrize(
    "change",
    [
        lambda b: b.update(epochs=None),
        lambda b: b.update(epochs={"number": 1}),
        lambda b: b.update(epochs=[[]]),
        lambda b: b.update(redemptions=[]),
        lambda b: b["epochs"][0].pop("mg"),
        lambda b: b["redemptions"].pop("mg"),
    ],
)
def test_a_manifest_of_another_shape_is_refused(tmp_path: Path, change: Callable[[Any], object]) -> None:
    folder = rewritten(certified(tmp_path), change)
    with pytest.raises(EvidenceError, match=r"manifest\.json: not a certification manifest \(.+\)$"):
        CertificationEvidence(folder)


def test_a_folder_under_another_name_is_refused(tmp_path: Path) -> None:
    folder = certified(tmp_path)
    dossier = CertificationEvidence(folder).dossier.hex()
    for name in (f"000005-{dossier}", "000004-" + "00" * 32, dossier):
        folder = folder.rename(folder.parent / name)
        with pytest.raises(EvidenceError, match=rf"manifest\.json: is of 000004-{dossier}$"):
            CertificationEvidence(folder)


# --- rows that are not the certification's ----------------------------------------------------------------

WRONG = [
    (rows((A, 2_000_000_000)), "1 accounts gave 2000000000 mg, not 3 accounts 2000000000 mg"),
    (rows((A, 1), (B, 1), (C, 1)), "3 accounts gave 3 mg, not 3 accounts 2000000000 mg"),
    (rows((A, 2_000_000_000), (B, 0), (C, 0)), "its contributions are not account and mg above 0"),
    (rows((A, 2_000_000_000), (B, None), (C, 1)), "its contributions are not account and mg above 0"),
    (CONTRIBUTIONS.reverse(), "contributions are not strictly ascending by account (3 rows)"),
    (rows((A, 1), (A, 1), (C, 1_999_999_998)), "contributions are not strictly ascending by account (3 rows)"),
    (rows((A, 1), (B[:19], 1), (C, 1)), "column account holds values that are not 20 bytes"),
    (CONTRIBUTIONS.with_columns(pl.col("mg").cast(pl.Int64)), "its contributions are not account and mg above 0"),
]


@pytest.mark.parametrize(("table", "reason"), WRONG)
def test_rows_that_are_not_its_own_are_not_written(tmp_path: Path, table: pl.DataFrame, reason: str) -> None:
    with pytest.raises(EvidenceError) as raised:
        write_certification(tmp_path, CERTIFICATION, table)
    assert raised.value.message == f"certification 4: {reason}"
    assert contents(tmp_path) == []


@pytest.mark.parametrize(("table", "reason"), WRONG)
def test_rows_that_are_not_its_own_are_not_read(tmp_path: Path, table: pl.DataFrame, reason: str) -> None:
    folder = certified(tmp_path)
    table.write_parquet(folder / "contributions.parquet")
    content = (folder / "contributions.parquet").read_bytes()
    entry = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    folder = rewritten(folder, lambda body: body.update(files={"contributions.parquet": entry}))
    evidence = CertificationEvidence(folder)
    evidence.check_files()
    with pytest.raises(EvidenceError) as raised:
        evidence.contributions()
    assert raised.value.message == f"{folder / 'contributions.parquet'}: certification 4: {reason}"


def test_columns_beside_account_and_mg_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match=r"^certification 4: its contributions are not account and mg above 0$"):
        write_certification(tmp_path, CERTIFICATION, CONTRIBUTIONS.with_columns(pl.lit(1).alias("epoch")))


def test_a_certification_of_nothing_is_none() -> None:
    with pytest.raises(EvidenceError, match=r"^certification 1: its parts are 0 mg, its tonnes 0 mg$"):
        Certification(1, CLASS, 0, 0, (), 0, 0, 0)


@pytest.mark.parametrize("name", ["file_entry", "canonical_json"])
def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, name, full)
    with pytest.raises(StorageError, match=r": no space left$"):
        certified(tmp_path)
    assert contents(tmp_path) == []
