"""A payout run's evidence: what each account is due since the beginning, what was added since the run before, and why.

The chain holds the run's root, size and total, and SHA-256 of `manifest.json`: a verifier signs for all of them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

import polars as pl

from registry.core import proceeds as core
from registry.core.batch import decimal_int, hex_bytes
from registry.core.entitlement import require_ascending
from registry.core.leaf import fixed_bytes, whole_numbers
from registry.core.merkle import leaf_hashes
from registry.errors import EvidenceError, ProofError
from registry.evidence.batch import read_parquet
from registry.evidence.files import canonical_json, check_file, file_entry, new_folder, read_canonical, same_content
from registry.evidence.tiles import TreeFile, encode_tree

FORMAT: Final = "puhui.payout/v1"
FILES: Final = ("allocations.parquet", "proceeds.parquet", "tree.bin")
ALLOCATIONS_SCHEMA: Final[dict[str, pl.DataType]] = {
    "issuance": pl.UInt32(),
    "account": pl.Binary(),
    "fen": pl.UInt64(),
}
_KEYS: Final = {"format", "number", "root", "size", "total_fen", "allocated", "files"}
_ALLOCATED_KEYS: Final = {"issuance", "fen", "funded_before", "funded_after"}


@dataclass(frozen=True)
class Allocated:
    """What a run splits among the people of one issuance: the fen funded for it since the run before."""

    issuance: int
    funded_before: int
    funded_after: int

    @property
    def fen(self) -> int:
        """How much that is."""
        return self.funded_after - self.funded_before

    def to_json(self) -> dict[str, object]:
        """Plain JSON: amounts of fen as decimal strings (they may pass 2**53)."""
        funded = {"funded_before": str(self.funded_before), "funded_after": str(self.funded_after)}
        return {"issuance": self.issuance, "fen": str(self.fen), **funded}


@dataclass(frozen=True)
class Payout:
    """A payout run: number from 1, root, size and total (fen, cumulative) of its tree, and what it adds.

    Raises EvidenceError unless `allocated` ascends by issuance and each of it is above 0.
    """

    number: int
    root: bytes
    size: int
    total_fen: int
    allocated: tuple[Allocated, ...]

    def __post_init__(self) -> None:
        issuances = [each.issuance for each in self.allocated]
        if issuances != sorted(set(issuances)) or not all(each.fen > 0 for each in self.allocated):
            raise EvidenceError(f"payout {self.number}: its issuances are not ascending or get nothing")

    @property
    def name(self) -> str:
        """The run's folder name."""
        return f"{self.number:06d}-{self.root.hex()}"


def payouts_folder(evidence: Path) -> Path:
    """Where payout folders stand."""
    return evidence / "payouts"


def write_payout(
    evidence: Path, number: int, allocated: tuple[Allocated, ...], allocations: pl.DataFrame, proceeds: pl.DataFrame
) -> PayoutEvidence:
    """Write the folder of payout run `number`; the same content written again is the same folder.

    `allocations` has `ALLOCATIONS_SCHEMA`, ascending by issuance and account, `proceeds` the schema of a run's tree;
    neither has rows of 0 fen.
    Raises EvidenceError or ProofError, and leaves nothing, when the rows are out of order or do not add up to
    `allocated`; EvidenceError when a folder of the same root stands there with other content.
    """
    tree, root = encode_tree(leaf_hashes(core.encode_proceeds(proceeds), core.PROCEEDS_SIZE))
    payout = Payout(number, root, proceeds.height, core.total_fen(proceeds), allocated)
    _require_allocations(payout, allocations)
    _require_proceeds(payout, proceeds)
    with new_folder(evidence, lambda: "payouts/" + payout.name) as folder:
        (folder / "tree.bin").write_bytes(tree)
        allocations.write_parquet(folder / "allocations.parquet", compression="zstd")
        proceeds.write_parquet(folder / "proceeds.parquet", compression="zstd")
        manifest = {
            "format": FORMAT,
            "number": number,
            "root": "0x" + root.hex(),
            "size": payout.size,
            "total_fen": str(payout.total_fen),
            "allocated": [each.to_json() for each in allocated],
            "files": {name: file_entry(folder / name) for name in FILES},
        }
        (folder / "manifest.json").write_bytes(canonical_json(manifest))
    # The name tells the root alone: a folder that was there already is this run's only if all it holds is the same.
    found = PayoutEvidence(payouts_folder(evidence) / payout.name)
    same_rows = found.payout == payout and found.allocations().equals(allocations) and found.proceeds().equals(proceeds)
    if not (same_rows and same_content(found.folder / "tree.bin", [tree])):
        hint = "no run on the chain is of this folder: move it away and run the command again"
        raise EvidenceError(f"{found.folder}: another payout with the same root", hint=hint, path=str(found.folder))
    return found


class PayoutEvidence:
    """Reads one payout folder; raises EvidenceError when a file is missing or damaged."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = folder / "manifest.json"
        body: dict[str, Any] = read_canonical(path)
        self.dossier = hashlib.sha256(canonical_json(body)).digest()
        try:
            if body["format"] != FORMAT or set(body) != _KEYS:
                raise KeyError(body["format"])
            if not isinstance(body["files"], dict) or sorted(body["files"]) != sorted(FILES):
                raise TypeError("files are not those of a payout")
            self.payout = _payout(body)
        except (KeyError, TypeError, ValueError, ProofError, EvidenceError) as error:
            raise EvidenceError(f"{path}: not a payout manifest ({error})", path=str(folder)) from error
        self.files: dict[str, Any] = body["files"]
        if folder.name != self.payout.name:
            raise EvidenceError(f"{path}: is of {self.payout.name}", path=str(folder))

    def check_files(self) -> None:
        """Compare every file with the manifest, and the rows with its numbers."""
        for name in FILES:
            check_file(self.folder / name, self.files[name])
        self.allocations()
        self.proceeds()

    def allocations(self) -> pl.DataFrame:
        """What each account got of each issuance in this run, ascending by issuance and account."""
        path = self.folder / "allocations.parquet"
        found = read_parquet(path, tuple(ALLOCATIONS_SCHEMA))
        _require_allocations(self.payout, found)
        return found

    def proceeds(self) -> pl.DataFrame:
        """All rows of the run's tree, in leaf order."""
        found = read_parquet(self.folder / "proceeds.parquet", tuple(core.SCHEMA))
        _require_proceeds(self.payout, found)
        return found

    def tree(self) -> TreeFile:
        """The tree, for claims and payments."""
        return TreeFile(self.folder / "tree.bin")


def _payout(body: dict[str, Any]) -> Payout:
    """The payout of a manifest; raises EvidenceError, ProofError, KeyError, TypeError or ValueError."""
    allocated = tuple(
        Allocated(
            each["issuance"],
            decimal_int(each["funded_before"], "funded_before"),
            decimal_int(each["funded_after"], "funded_after"),
        )
        for each in body["allocated"]
    )
    counts = (body["number"], body["size"], *(each.issuance for each in allocated))
    if not all(type(count) is int and count >= 0 for count in counts):
        raise TypeError("a count has another type")
    if [each.to_json() for each in allocated] != body["allocated"]:
        raise ValueError("allocated fen are not the difference of what was funded")
    root, total = hex_bytes(body["root"], 32, "root"), decimal_int(body["total_fen"], "total_fen")
    return Payout(body["number"], root, body["size"], total, allocated)


def _require_allocations(payout: Payout, allocations: pl.DataFrame) -> None:
    """Check that these are the rows that a payout allocates; raises EvidenceError."""
    _require_columns(payout, allocations, ALLOCATIONS_SCHEMA, ("issuance", "account"), "allocations")
    sums = allocations.group_by("issuance").agg(pl.col("fen").cast(pl.Int128).sum()).sort("issuance")
    expected = [(each.issuance, each.fen) for each in payout.allocated]
    for found, wanted in zip_longest(sums.rows(), expected):
        if found != wanted:
            raise EvidenceError(f"payout {payout.number}: its allocations are {found}, its manifest says {wanted}")


def _require_proceeds(payout: Payout, proceeds: pl.DataFrame) -> None:
    """Check that these are the rows of a payout's tree, but for their hashes; raises EvidenceError."""
    _require_columns(payout, proceeds, core.SCHEMA, ("account",), "proceeds")
    total = core.total_fen(proceeds)
    if (proceeds.height, total) != (payout.size, payout.total_fen):
        raise EvidenceError(
            f"payout {payout.number}: its proceeds are {total} fen of {proceeds.height} accounts, "
            f"not {payout.total_fen} fen of {payout.size}"
        )


def _require_columns(
    payout: Payout, frame: pl.DataFrame, schema: dict[str, pl.DataType], keys: tuple[str, ...], what: str
) -> None:
    if frame.schema != schema:
        raise EvidenceError(f"payout {payout.number}: its {what} are not {', '.join(schema)}")
    try:
        fixed_bytes(frame["account"], 20)
        whole_numbers(frame["fen"], pl.UInt64())
        require_ascending(frame, keys, what)
    except ProofError as error:
        raise EvidenceError(f"payout {payout.number}: {error.message}") from error
    if not (frame["fen"] > 0).all():
        raise EvidenceError(f"payout {payout.number}: its {what} hold 0 fen for an account")
