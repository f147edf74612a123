"""Batch, import and epoch folders: read back as written, and refused when their manifests do not answer for them."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from registry.core.leaf import encode_leaves
from registry.core.merkle import verify_inclusion
from registry.errors import EvidenceError
from registry.evidence.batch import PRIVATE_COLUMNS, BatchEvidence, batch_folder, read_parquet
from registry.evidence.epoch import EpochEvidence, epochs_folder
from registry.evidence.files import canonical_json, read_canonical
from registry.evidence.imports import ImportEvidence, imports_folder
from tests.core import independent
from tests.evidence.folders import ENTITLEMENTS, RECORD, REJECTED, imported, published, sealed, trips


def rewritten(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a document and write it canonically again."""
    body = json.loads(path.read_bytes())
    change(body)
    path.write_bytes(canonical_json(body))


# --- canonical JSON --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        b'{"a":1}',  # no newline
        b'{"a":1}\n\n',
        b'{"a":1}\r\n',
        b' {"a":1}\n',
        b'{"a": 1}\n',
        b'{"b":1,"a":1}\n',
        b'{"a":"\\u7f57"}\n',
        b'{"a":"\\/"}\n',
        b'{"a":1e0}\n',
        b'{"a":01.0}\n'.replace(b"01.0", b"1.00"),
        b"[]\n",
        b"1\n",
    ],
)
def test_what_is_not_canonical_was_changed(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "manifest.json"
    path.write_bytes(content)
    with pytest.raises(EvidenceError) as raised:
        read_canonical(path)
    assert raised.value.message == f"{path}: not in canonical form, so it was changed"
    assert raised.value.fields == {"path": str(path)}


@pytest.mark.parametrize("content", [b"", b"{", b'{"a":1,"a":1}\n', b'{"a":NaN}\n', b'{"a":"\xff"}\n', b"[" * 100_000])
def test_what_is_no_json_is_no_manifest(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "manifest.json"
    path.write_bytes(content)
    with pytest.raises(EvidenceError, match=r"manifest\.json: not JSON \(.+\)$"):
        read_canonical(path)


def test_a_missing_document_is_named(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match=r"manifest\.json: No such file or directory$"):
        read_canonical(tmp_path / "manifest.json")


def test_canonical_json_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    path.write_bytes(canonical_json({"b": [1, None, True], "a": "罗湖\n"}))
    assert path.read_bytes() == '{"a":"罗湖\\n","b":[1,null,true]}\n'.encode()
    assert read_canonical(path) == {"a": "罗湖\n", "b": [1, None, True]}


# --- batches ---------------------------------------------------------------------------------------------


@pytest.fixture
def batch(tmp_path: Path) -> Path:
    return batch_folder(tmp_path, sealed(tmp_path, 5).id())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda b: b.update(format="puhui.batch/v2"), "unknown format 'puhui.batch/v2'"),
        (lambda b: b.pop("format"), "unknown format None"),
        (lambda b: b.pop("batch"), "batch is not an object"),
        (lambda b: b["batch"].update(source="A B"), "batch field source is no source id: 'A B'"),
        (lambda b: b["batch"].update(tripCount="5"), "batch field tripCount is out of range: '5'"),
        (lambda b: b["files"].pop("tree.bin"), "does not list the files of a batch"),
        (lambda b: b["files"].update({"../../keys": {}}), "does not list the files of a batch"),
        (lambda b: b.update(files=None), "does not list the files of a batch"),
        (lambda b: b.update(files=["leaves.parquet"]), "does not list the files of a batch"),
    ],
)
def test_a_manifest_of_another_shape_is_refused(batch: Path, change: Callable[[Any], object], message: str) -> None:
    rewritten(batch / "manifest.json", change)
    with pytest.raises(EvidenceError) as raised:
        BatchEvidence(batch)
    assert raised.value.message == f"{batch / 'manifest.json'}: {message}"


def test_a_manifest_with_another_batch_is_refused(batch: Path) -> None:
    rewritten(batch / "manifest.json", lambda body: body["batch"].update(reductionMg="1"))
    with pytest.raises(EvidenceError, match=r"manifest\.json: the batch in it has id [0-9a-f]{64}$") as raised:
        BatchEvidence(batch)
    assert raised.value.fields == {"path": str(batch), "expected": batch.name}


def test_a_folder_under_another_name_is_refused(batch: Path) -> None:
    renamed = batch.rename(batch.parent / ("00" * 32))
    with pytest.raises(EvidenceError, match=rf"manifest\.json: the batch in it has id {batch.name}$"):
        BatchEvidence(renamed)


@pytest.mark.parametrize("name", ["leaves.parquet", "tree.bin"])
def test_public_files_must_be_there(batch: Path, name: str) -> None:
    (batch / name).unlink()
    evidence = BatchEvidence(batch)
    with pytest.raises(EvidenceError) as raised:
        evidence.check_files()
    assert raised.value.message == f"{batch / name}: expected {evidence.files[name]}, found missing"


def test_leaves_swapped_together_with_their_manifest_entry_are_refused(batch: Path) -> None:
    trips(4).frame.select("mode", "distance_m", "reduction_mg", "tag", "commitment").write_parquet(
        batch / "leaves.parquet"
    )
    content = (batch / "leaves.parquet").read_bytes()
    rewritten(
        batch / "manifest.json", lambda body: body["files"].update({"leaves.parquet": independent.entry(content)})
    )
    evidence = BatchEvidence(batch)
    with pytest.raises(EvidenceError, match=r"leaves\.parquet is not the one the batch was sealed with$") as raised:
        evidence.check_files()
    assert raised.value.fields == {
        "path": str(batch),
        "expected": evidence.batch.leavesDigest.hex(),
        "actual": hashlib.sha256(content).hexdigest(),
    }


@pytest.mark.parametrize("name", ["private.parquet", "openings.bin"])
def test_one_private_file_without_the_other_was_lost(batch: Path, name: str) -> None:
    (batch / name).unlink()
    evidence = BatchEvidence(batch)
    assert not evidence.has_private
    with pytest.raises(EvidenceError) as raised:
        evidence.check_files()
    assert raised.value.message == f"{batch / name}: expected {evidence.files[name]}, found missing"


def test_both_private_files_can_be_withheld(batch: Path) -> None:
    assert BatchEvidence(batch).has_private
    for name in ("private.parquet", "openings.bin"):
        (batch / name).unlink()
    evidence = BatchEvidence(batch)
    evidence.check_files()
    assert not evidence.has_private
    with pytest.raises(EvidenceError, match=r"private\.parquet: not readable \("):
        evidence.private()
    with pytest.raises(EvidenceError, match=r"openings\.bin: No such file"):
        evidence.openings()


def test_a_batch_is_read_back_as_it_was_sealed(batch: Path) -> None:
    made, evidence = trips(5), BatchEvidence(batch)
    evidence.check_files()
    leaves, private = evidence.leaves(), evidence.private()
    content = encode_leaves(leaves)
    records = [content[at : at + 62] for at in range(0, len(content), 62)]
    assert leaves.equals(made.frame.select(leaves.columns))
    assert private.columns == [*PRIVATE_COLUMNS, "salt"]
    assert private.equals(made.frame.select(private.columns))
    assert evidence.batch.tripRoot == independent.tree_hash(records)
    assert (evidence.batch.tripCount, evidence.batch.reductionMg) == (5, int(made.frame["reduction_mg"].sum()))
    assert evidence.batch.leavesDigest == hashlib.sha256((batch / "leaves.parquet").read_bytes()).digest()
    tree = evidence.tree()
    for index, record in enumerate(records):
        opened = evidence.opened(index)
        assert (opened.leaf, opened.canonical) == (record, made.canonical[index])
        leaf, root = tree.leaf(index), evidence.batch.tripRoot
        verify_inclusion(leaf, index, 5, tree.inclusion_proof(index), root)


def test_a_large_batch_is_hashed_in_another_process_with_the_same_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = sealed(tmp_path / "here", 700)
    monkeypatch.setattr("registry.evidence.tree_worker.SPLIT_ABOVE", 62 * 699)
    assert sealed(tmp_path / "there", 700) == here
    files = [folder / "batches" / here.id().hex() / "tree.bin" for folder in (tmp_path / "here", tmp_path / "there")]
    assert files[0].read_bytes() == files[1].read_bytes()


# --- imports ----------------------------------------------------------------------------------------------


def test_an_import_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    folder = imported(tmp_path)
    evidence = ImportEvidence(folder)
    assert evidence.record == RECORD
    assert evidence.rejected().equals(REJECTED)
    assert folder.parent == imports_folder(tmp_path)
    assert folder.name == hashlib.sha256((folder / "record.json").read_bytes()).hexdigest()


def test_a_record_under_another_digest_is_refused(tmp_path: Path) -> None:
    folder = imported(tmp_path)
    rewritten(folder / "record.json", lambda body: body.update(rows=6))
    actual = hashlib.sha256((folder / "record.json").read_bytes()).hexdigest()
    with pytest.raises(EvidenceError, match=r"record\.json: digest differs$") as raised:
        ImportEvidence(folder)
    assert raised.value.fields == {"path": str(folder), "expected": folder.name, "actual": actual}


@pytest.mark.parametrize("change", [lambda b: b.update(format="puhui.import/v2"), lambda b: b.pop("rows")])
def test_a_record_of_another_shape_is_refused(tmp_path: Path, change: Callable[[Any], object]) -> None:
    folder = imported(tmp_path)
    rewritten(folder / "record.json", change)
    renamed = folder.rename(folder.parent / hashlib.sha256((folder / "record.json").read_bytes()).hexdigest())
    with pytest.raises(EvidenceError, match=r"record\.json: not an import record$"):
        ImportEvidence(renamed)


@pytest.mark.parametrize(
    ("name", "value"), [("rows", "5"), ("trips", -1), ("source", 7), ("rejected", {"x": "y"}), ("files", [])]
)
def test_a_record_with_a_value_of_another_kind_is_refused(tmp_path: Path, name: str, value: object) -> None:
    folder = imported(tmp_path)
    rewritten(folder / "record.json", lambda body: body.update({name: value}))
    renamed = folder.rename(folder.parent / hashlib.sha256((folder / "record.json").read_bytes()).hexdigest())
    with pytest.raises(EvidenceError, match=rf"record\.json: {name} is no value of its kind$"):
        ImportEvidence(renamed)


def test_refused_rows_are_checked_before_they_are_read(tmp_path: Path) -> None:
    folder = imported(tmp_path)
    REJECTED.clear().write_parquet(folder / "rejected.parquet")
    with pytest.raises(EvidenceError, match=r"rejected\.parquet: expected \{.*\}, found \{.*\}$"):
        ImportEvidence(folder).rejected()


# --- epochs -----------------------------------------------------------------------------------------------


def test_an_epoch_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    epoch = published(tmp_path)
    folder = epochs_folder(tmp_path) / epoch.name
    evidence = EpochEvidence(folder)
    evidence.check_files()
    assert evidence.epoch == epoch
    assert evidence.entitlements().equals(ENTITLEMENTS)
    leaves = [independent.entitlement(*row) for row in ENTITLEMENTS.rows()]
    assert epoch.root == independent.tree_hash(leaves)
    assert [evidence.tree().leaf(i) for i in range(3)] == [independent.sha256(b"\0" + leaf) for leaf in leaves]
    assert folder.name == f"000001-{epoch.root.hex()}"


@pytest.mark.parametrize(
    "change",
    [
        lambda b: b.update(format="puhui.epoch/v2"),
        lambda b: b.pop("size"),
        lambda b: b.update(note=""),
        lambda b: b.update(root="00"),
        lambda b: b.update(batches=["0x00"]),
        lambda b: b.update(batches=None),
        lambda b: b.update(number="one"),
        lambda b: b.update(size=1.0),
        lambda b: b.update(number=True),
        lambda b: b.update(files=[]),
    ],
)
def test_an_epoch_manifest_of_another_shape_is_refused(tmp_path: Path, change: Callable[[Any], object]) -> None:
    folder = epochs_folder(tmp_path) / published(tmp_path).name
    rewritten(folder / "manifest.json", change)
    with pytest.raises(EvidenceError, match=r"manifest\.json: not an epoch manifest \(.+\)$"):
        EpochEvidence(folder)


@pytest.mark.parametrize(
    "change", [lambda b: b.update(number=2), lambda b: b.update(root="0x" + "00" * 32), lambda b: b.update(files={})]
)
def test_an_epoch_manifest_of_another_epoch_is_refused(tmp_path: Path, change: Callable[[Any], object]) -> None:
    folder = epochs_folder(tmp_path) / published(tmp_path).name
    rewritten(folder / "manifest.json", change)
    with pytest.raises(EvidenceError, match=r"manifest\.json: is of \d{6}-[0-9a-f]{64}$"):
        EpochEvidence(folder)


# --- Parquet ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"PAR1", bytes(100)])
def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.parquet").write_bytes(content)
    with pytest.raises(EvidenceError, match=r"x\.parquet: not readable \(.+\)$"):
        read_parquet(tmp_path / "x.parquet", ("a",))


def test_a_column_that_is_missing_is_refused(tmp_path: Path) -> None:
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "x.parquet")
    with pytest.raises(EvidenceError, match=r"x\.parquet: not readable \(.*b"):
        read_parquet(tmp_path / "x.parquet", ("a", "b"))


def test_columns_nobody_asked_for_are_not_read(tmp_path: Path) -> None:
    pl.DataFrame({"b": [1], "name": ["罗湖"], "a": [2]}).write_parquet(tmp_path / "x.parquet")
    assert read_parquet(tmp_path / "x.parquet", ("a", "b")).to_dict(as_series=False) == {"a": [2], "b": [1]}


def test_a_folder_can_be_copied_to_an_auditor(tmp_path: Path, batch: Path) -> None:
    copy = tmp_path / "auditor" / "batches" / batch.name
    shutil.copytree(batch, copy)
    BatchEvidence(copy).check_files()
