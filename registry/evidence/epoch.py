"""An epoch's evidence: every account's cumulative entitlement, and the tree a claim is proved from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from registry.core.batch import hex_bytes
from registry.core.entitlement import ENTITLEMENT_SIZE, SCHEMA, encode_entitlements
from registry.core.merkle import leaf_hashes
from registry.errors import EvidenceError, ProofError
from registry.evidence.batch import read_parquet
from registry.evidence.files import canonical_json, check_file, file_entry, new_folder, read_canonical
from registry.evidence.tiles import TreeFile, encode_tree

FORMAT: Final = "puhui.epoch/v1"
FILES: Final = ("entitlements.parquet", "tree.bin")


@dataclass(frozen=True)
class Epoch:
    """A published epoch: number from 1, root and size of its tree, the batches it issues."""

    number: int
    root: bytes
    size: int
    batches: tuple[bytes, ...]

    @property
    def name(self) -> str:
        """The epoch's folder name."""
        return f"{self.number:06d}-{self.root.hex()}"


def epochs_folder(evidence: Path) -> Path:
    """Where epoch folders stand."""
    return evidence / "epochs"


def write_epoch(evidence: Path, number: int, entitlements: pl.DataFrame, batches: tuple[bytes, ...]) -> Epoch:
    """Write the folder of epoch `number`; the same content written again is the same folder."""
    made: list[Epoch] = []
    with new_folder(evidence, lambda: "epochs/" + made[0].name) as folder:
        tree, root = encode_tree(leaf_hashes(encode_entitlements(entitlements), ENTITLEMENT_SIZE))
        epoch = Epoch(number, root, entitlements.height, batches)
        (folder / "tree.bin").write_bytes(tree)
        entitlements.write_parquet(folder / "entitlements.parquet", compression="zstd")
        manifest = {
            "format": FORMAT,
            "number": number,
            "root": "0x" + root.hex(),
            "size": epoch.size,
            "batches": ["0x" + b.hex() for b in batches],
            "files": {name: file_entry(folder / name) for name in FILES},
        }
        (folder / "manifest.json").write_bytes(canonical_json(manifest))
        made.append(epoch)
    return made[0]


class EpochEvidence:
    """Reads one epoch folder; raises EvidenceError when a file is missing or damaged."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        body: dict[str, Any] = read_canonical(folder / "manifest.json")
        try:
            if body["format"] != FORMAT or set(body) != {"format", "number", "root", "size", "batches", "files"}:
                raise KeyError(body["format"])
            batches = tuple(hex_bytes(b, 32, "batches") for b in body["batches"])
            if not all(type(body[name]) is int for name in ("number", "size")) or not isinstance(body["files"], dict):
                raise TypeError("number, size or files has another type")
            self.epoch = Epoch(body["number"], hex_bytes(body["root"], 32, "root"), body["size"], batches)
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
