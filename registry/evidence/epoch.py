"""An epoch's evidence: every account's cumulative entitlement, and the tree a claim is proved from."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from registry.core.batch import hex_bytes
from registry.core.entitlement import ENTITLEMENT_SIZE, SCHEMA, encode_entitlements
from registry.core.merkle import leaf_hashes
from registry.errors import EvidenceError, ProofError
from registry.evidence.batch import read_parquet
from registry.evidence.files import (
    STAGING,
    canonical_json,
    check_file,
    file_entry,
    new_folder,
    read_canonical,
    storage_errors,
    sync,
)
from registry.evidence.tiles import TreeFile, encode_tree

FORMAT: Final = "puhui.epoch/v1"
FILES: Final = ("entitlements.parquet", "tree.bin")
_KEYS: Final = {"format", "number", "root", "size", "batches", "files"}


@dataclass(frozen=True)
class Epoch:
    """A published epoch: number from 1, root and size of its tree, the batches it issues.

    `mandates_block` is the block as of which standing mandates were read; None where none were.
    """

    number: int
    root: bytes
    size: int
    batches: tuple[bytes, ...]
    mandates_block: int | None = None

    @property
    def name(self) -> str:
        """The epoch's folder name."""
        return f"{self.number:06d}-{self.root.hex()}"


def epochs_folder(evidence: Path) -> Path:
    """Where epoch folders stand."""
    return evidence / "epochs"


def write_epoch(
    evidence: Path,
    number: int,
    entitlements: pl.DataFrame,
    batches: tuple[bytes, ...],
    mandates_block: int | None = None,
) -> Epoch:
    """Write the folder of epoch `number`; the same content written again is the same folder.

    An epoch that was cancelled, or never sent, may be prepared again with the same entitlements: its folder then has
    the batches and the mandates block of this time.
    """
    made: list[Epoch] = []
    with new_folder(evidence, lambda: "epochs/" + made[0].name) as folder:
        tree, root = encode_tree(leaf_hashes(encode_entitlements(entitlements), ENTITLEMENT_SIZE))
        epoch = Epoch(number, root, entitlements.height, batches, mandates_block)
        (folder / "tree.bin").write_bytes(tree)
        entitlements.write_parquet(folder / "entitlements.parquet", compression="zstd")
        files = {name: file_entry(folder / name) for name in FILES}
        (folder / "manifest.json").write_bytes(_manifest(epoch, files))
        made.append(epoch)
    found = EpochEvidence(epochs_folder(evidence) / made[0].name)
    if found.epoch != made[0]:
        _restate(evidence, found, made[0])
    return made[0]


def _manifest(epoch: Epoch, files: dict[str, Any]) -> bytes:
    return canonical_json(
        {
            "format": FORMAT,
            "number": epoch.number,
            "root": "0x" + epoch.root.hex(),
            "size": epoch.size,
            "batches": ["0x" + b.hex() for b in epoch.batches],
            "mandates_block": epoch.mandates_block,
            "files": files,
        }
    )


def _restate(evidence: Path, standing: EpochEvidence, epoch: Epoch) -> None:
    """Replace the manifest of an earlier preparation of the same root, at once or not at all."""
    staged = evidence / STAGING / secrets.token_hex(8)
    with storage_errors(f"evidence in {evidence}"):
        try:
            staged.write_bytes(_manifest(epoch, standing.files))
            sync(staged)
            staged.replace(standing.folder / "manifest.json")
            sync(standing.folder)
        finally:
            staged.unlink(missing_ok=True)


class EpochEvidence:
    """Reads one epoch folder; raises EvidenceError when a file is missing or damaged."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        body: dict[str, Any] = read_canonical(folder / "manifest.json")
        try:
            # Manifests from before standing mandates have no mandates_block.
            if body["format"] != FORMAT or set(body) - {"mandates_block"} != _KEYS:
                raise KeyError(body["format"])
            batches = tuple(hex_bytes(b, 32, "batches") for b in body["batches"])
            if not all(type(body[name]) is int for name in ("number", "size")) or not isinstance(body["files"], dict):
                raise TypeError("number, size or files has another type")
            block = body.get("mandates_block")
            if block is not None and (type(block) is not int or block < 0):
                raise TypeError("mandates_block is no block")
            self.epoch = Epoch(body["number"], hex_bytes(body["root"], 32, "root"), body["size"], batches, block)
            self.files: dict[str, Any] = body["files"]
        except (KeyError, TypeError, ValueError, ProofError) as error:
            raise EvidenceError(
                f"{folder / 'manifest.json'}: not an epoch manifest ({error})", path=str(folder)
            ) from error
        if folder.name != self.epoch.name or sorted(self.files) != sorted(FILES):
            raise EvidenceError(f"{folder / 'manifest.json'}: is of {self.epoch.name}", path=str(folder))

    def check_files(self) -> None:
        """Compare every file with the manifest."""
        for name in FILES:
            check_file(self.folder / name, self.files[name])

    def entitlements(self) -> pl.DataFrame:
        """All rows, in leaf order."""
        return read_parquet(self.folder / "entitlements.parquet", tuple(SCHEMA))

    def tree(self) -> TreeFile:
        """The tree, for claims."""
        return TreeFile(self.folder / "tree.bin")
