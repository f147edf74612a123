"""A batch's evidence folder: written once when the batch is sealed, read by proofs and by the audit."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from registry.core.batch import Batch
from registry.core.leaf import LEAF_SIZE, encode_leaves
from registry.core.proof import OpenedLeaf
from registry.errors import EvidenceError, ProofError
from registry.evidence.files import (
    canonical_json,
    check_file,
    file_entry,
    new_folder,
    read_canonical,
    sha256_file,
    write_private,
)
from registry.evidence.openings import OpeningsFile, openings_content
from registry.evidence.tiles import TreeFile
from registry.evidence.tree_worker import hashing

FORMAT: Final = "puhui.batch/v1"
PUBLIC_FILES: Final = ("leaves.parquet", "tree.bin")
PRIVATE_FILES: Final = ("private.parquet", "openings.bin")
LEAF_COLUMNS: Final = ("mode", "distance_m", "reduction_mg", "tag", "commitment")
PRIVATE_COLUMNS: Final = (
    "row",
    "row_exit",
    "trip_id",
    "account_id",
    "wallet",
    "consent_at",
    "carrier_ref",
    "line",
    "board_stop",
    "board_time",
    "alight_stop",
    "alight_time",
    "fare_fen",
)


@dataclass(frozen=True)
class SealedTrips:
    """A batch's rows in leaf order: one frame with the leaf and private columns, and the bytes derived from it."""

    frame: pl.DataFrame
    canonical: pl.Series
    salts: bytes


def batches_folder(evidence: Path) -> Path:
    """Where batch folders stand."""
    return evidence / "batches"


def batch_folder(evidence: Path, batch_id: bytes) -> Path:
    """The folder of one batch."""
    return batches_folder(evidence) / batch_id.hex()


def seal(evidence: Path, trips: SealedTrips, describe: Callable[[bytes, bytes, int, int], Batch]) -> Batch:
    """Write a batch's folder and return the batch.

    `describe(trip_root, leaves_digest, count, reduction_mg)` gives the batch for what was just written; only then is
    its id, and so the folder's name, known. Raises StorageError when the disk refuses; nothing is left behind.
    """
    named: list[Batch] = []

    def write(folder: Path) -> None:
        with ThreadPoolExecutor(1) as compressor:
            # Parquet is compressed outside the interpreter's lock, so it costs nothing beside the hashing.
            parquet = compressor.submit(_write_parquet, folder, trips.frame)
            leaves = encode_leaves(trips.frame)
            with hashing(leaves, LEAF_SIZE) as hashed:
                openings = openings_content(trips.frame["trip_id"], leaves, trips.salts, trips.canonical)
                write_private(folder / "openings.bin", openings)
                tree, root = hashed.result()
            (folder / "tree.bin").write_bytes(tree)
            parquet.result()
        digest = bytes.fromhex(sha256_file(folder / "leaves.parquet"))
        batch = describe(root, digest, trips.frame.height, int(trips.frame["reduction_mg"].sum()))
        files = {name: file_entry(folder / name) for name in (*PUBLIC_FILES, *PRIVATE_FILES)}
        manifest = {"format": FORMAT, "id": "0x" + batch.id().hex(), "batch": batch.to_json(), "files": files}
        (folder / "manifest.json").write_bytes(canonical_json(manifest))
        named.append(batch)

    with new_folder(evidence, lambda: "batches/" + named[0].id().hex()) as folder:
        write(folder)
    return named[0]


def _write_parquet(folder: Path, frame: pl.DataFrame) -> None:
    frame.select(LEAF_COLUMNS).write_parquet(folder / "leaves.parquet", compression="zstd")
    write_private(folder / "private.parquet", [])
    frame.select(*PRIVATE_COLUMNS, "salt").write_parquet(folder / "private.parquet", compression="zstd")


class BatchEvidence:
    """Reads one batch folder. Every reader raises EvidenceError when a file is missing or damaged."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        manifest = read_canonical(folder / "manifest.json")
        if manifest.get("format") != FORMAT:
            raise EvidenceError(f"{folder / 'manifest.json'}: unknown format {manifest.get('format')!r}")
        try:
            self.batch = Batch.from_json(manifest.get("batch"))
        except ProofError as error:
            raise EvidenceError(f"{folder / 'manifest.json'}: {error.message}", path=str(folder)) from error
        self.id = self.batch.id()
        if manifest.get("id") != "0x" + self.id.hex() or folder.name != self.id.hex():
            raise EvidenceError(
                f"{folder / 'manifest.json'}: the batch in it has id {self.id.hex()}",
                path=str(folder),
                expected=folder.name,
            )
        files = manifest.get("files")
        if not isinstance(files, dict) or sorted(files) != sorted((*PUBLIC_FILES, *PRIVATE_FILES)):
            raise EvidenceError(f"{folder / 'manifest.json'}: does not list the files of a batch", path=str(folder))
        self.files: dict[str, Any] = files

    @property
    def has_private(self) -> bool:
        """Whether the private files are here, so that the full level can be reached."""
        return all((self.folder / name).exists() for name in PRIVATE_FILES)

    def check_files(self) -> None:
        """Compare every file present with the manifest; public files must be present."""
        private = [name for name in PRIVATE_FILES if (self.folder / name).exists()]
        # Both private files or neither: one alone was lost, or removed to keep an audit at the public level.
        for name in (*PUBLIC_FILES, *(PRIVATE_FILES if private else ())):
            check_file(self.folder / name, self.files[name])
        if self.files["leaves.parquet"]["sha256"] != self.batch.leavesDigest.hex():
            raise EvidenceError(
                f"{self.folder / 'manifest.json'}: leaves.parquet is not the one the batch was sealed with",
                path=str(self.folder),
                expected=self.batch.leavesDigest.hex(),
                actual=self.files["leaves.parquet"]["sha256"],
            )

    def leaves(self, columns: tuple[str, ...] = LEAF_COLUMNS) -> pl.DataFrame:
        """The clear part, in leaf order."""
        return read_parquet(self.folder / "leaves.parquet", columns)

    def private(self, columns: tuple[str, ...] = (*PRIVATE_COLUMNS, "salt")) -> pl.DataFrame:
        """The openings, in leaf order."""
        return read_parquet(self.folder / "private.parquet", columns)

    def tree(self) -> TreeFile:
        """The tree, for proofs."""
        return TreeFile(self.folder / "tree.bin")

    def openings(self) -> OpeningsFile:
        """The openings by trip id; close it after use."""
        return OpeningsFile(self.folder / "openings.bin")

    def opened(self, index: int) -> OpenedLeaf:
        """Leaf `index` with its opening, by position."""
        with self.openings() as openings:
            row = openings.row(index)
        return OpenedLeaf(row.leaf, row.salt, row.canonical)


def read_parquet(path: Path, columns: tuple[str, ...]) -> pl.DataFrame:
    """Exactly these columns of a Parquet file; raises EvidenceError when that cannot be had."""
    try:
        return pl.read_parquet(path, columns=list(columns))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise EvidenceError(f"{path}: not readable ({str(error).splitlines()[0]})", path=str(path)) from error
