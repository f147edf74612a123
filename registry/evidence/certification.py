"""A certification's dossier: which mg of the pool line become certified tonnes, and whose they were.

The chain holds SHA-256 of `manifest.json`, so the dossier answers for every byte of the folder: verifier and regulator
sign for that digest and for nothing else.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from registry.core.batch import decimal_int, hex_bytes
from registry.core.contribution import SCHEMA
from registry.core.entitlement import require_ascending
from registry.core.leaf import fixed_bytes
from registry.errors import EvidenceError, ProofError
from registry.evidence.batch import read_parquet
from registry.evidence.files import canonical_json, check_file, file_entry, new_folder, read_canonical
from registry.units import MG_PER_TONNE

FORMAT: Final = "puhui.certification/v1"
CONTRIBUTIONS: Final = "contributions.parquet"
_KEYS: Final = {
    *("format", "number", "class", "methodology", "vintage", "tonnes", "from_mg", "mg"),
    *("epochs", "redemptions", "accounts", "files"),
}


@dataclass(frozen=True)
class EpochShare:
    """The mg of a certification that one epoch's conversions brought into the pool."""

    number: int
    root: bytes
    mg: int


@dataclass(frozen=True)
class Certification:
    """The interval of a class's pool line that becomes `tonnes`; what is not of `epochs` is of MARKET redemptions.

    `redemptions` counts those the interval touches; raises EvidenceError when the parts do not add up to the tonnes.
    """

    number: int
    class_id: int
    tonnes: int
    from_mg: int
    epochs: tuple[EpochShare, ...]
    redemptions: int
    redeemed_mg: int
    accounts: int

    def __post_init__(self) -> None:
        parts = sum(share.mg for share in self.epochs) + self.redeemed_mg
        if parts != self.mg or not self.tonnes:
            raise EvidenceError(f"certification {self.number}: its parts are {parts} mg, its tonnes {self.mg} mg")
        numbers = [share.number for share in self.epochs]
        if numbers != sorted(set(numbers)) or not all(share.mg for share in self.epochs):
            raise EvidenceError(f"certification {self.number}: its epochs are not ascending or give nothing")
        if (self.redemptions > 0) != (self.redeemed_mg > 0):
            raise EvidenceError(
                f"certification {self.number}: {self.redemptions} redemptions gave {self.redeemed_mg} mg"
            )

    @property
    def mg(self) -> int:
        """The interval's length."""
        return self.tonnes * MG_PER_TONNE

    def to_json(self) -> dict[str, object]:
        """Plain JSON: amounts of mg as decimal strings (they may pass 2**53), roots as 0x hex."""
        return {
            "number": self.number,
            "class": self.class_id,
            "methodology": self.class_id >> 16,
            "vintage": self.class_id & 0xFFFF,
            "tonnes": self.tonnes,
            "from_mg": str(self.from_mg),
            "mg": str(self.mg),
            "epochs": [{"number": e.number, "root": "0x" + e.root.hex(), "mg": str(e.mg)} for e in self.epochs],
            "redemptions": {"count": self.redemptions, "mg": str(self.redeemed_mg)},
            "accounts": self.accounts,
        }

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Certification:
        """The inverse of `to_json`; raises EvidenceError, ProofError, KeyError, TypeError or ValueError otherwise."""
        redemptions = body["redemptions"]
        shares = tuple(
            EpochShare(e["number"], hex_bytes(e["root"], 32, "root"), decimal_int(e["mg"], "mg"))
            for e in body["epochs"]
        )
        counts = (body["number"], body["class"], body["tonnes"], redemptions["count"], body["accounts"])
        if not all(type(count) is int and count >= 0 for count in (*counts, *(share.number for share in shares))):
            raise TypeError("a count has another type")
        made = cls(
            number=body["number"],
            class_id=body["class"],
            tonnes=body["tonnes"],
            from_mg=decimal_int(body["from_mg"], "from_mg"),
            epochs=shares,
            redemptions=redemptions["count"],
            redeemed_mg=decimal_int(redemptions["mg"], "mg"),
            accounts=body["accounts"],
        )
        if made.to_json() != body:
            raise ValueError("a field does not follow from the others")
        return made


def certifications_folder(evidence: Path) -> Path:
    """Where certification folders stand."""
    return evidence / "certifications"


def certification_name(number: int, dossier: bytes) -> str:
    """The name of a certification's folder."""
    return f"{number:06d}-{dossier.hex()}"


def write_certification(
    evidence: Path, certification: Certification, contributions: pl.DataFrame
) -> CertificationEvidence:
    """Write a certification's folder; the same content written again is the same folder.

    `contributions` has account (20 bytes) and mg, one row an account, ascending. Raises EvidenceError, and leaves
    nothing, when the rows are not those of the certification.
    """
    _require(certification, contributions)
    names: list[str] = []
    with new_folder(evidence, lambda: "certifications/" + names[0]) as folder:
        contributions.write_parquet(folder / CONTRIBUTIONS, compression="zstd")
        files = {CONTRIBUTIONS: file_entry(folder / CONTRIBUTIONS)}
        content = canonical_json({"format": FORMAT, **certification.to_json(), "files": files})
        (folder / "manifest.json").write_bytes(content)
        names.append(certification_name(certification.number, hashlib.sha256(content).digest()))
    return CertificationEvidence(certifications_folder(evidence) / names[0])


class CertificationEvidence:
    """Reads one certification folder; raises EvidenceError when a file is missing or damaged."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = folder / "manifest.json"
        body: dict[str, Any] = read_canonical(path)
        self.dossier = hashlib.sha256(canonical_json(body)).digest()
        try:
            if body["format"] != FORMAT or set(body) != _KEYS:
                raise KeyError(body["format"])
            if not isinstance(body["files"], dict) or list(body["files"]) != [CONTRIBUTIONS]:
                raise TypeError("files is not that of a certification")
            stated = {name: value for name, value in body.items() if name not in ("format", "files")}
            self.certification = Certification.from_json(stated)
        except (KeyError, TypeError, ValueError, ProofError, EvidenceError) as error:
            raise EvidenceError(f"{path}: not a certification manifest ({error})", path=str(folder)) from error
        self.files: dict[str, Any] = body["files"]
        if folder.name != (name := certification_name(self.certification.number, self.dossier)):
            raise EvidenceError(f"{path}: is of {name}", path=str(folder))

    def check_files(self) -> None:
        """Compare every file with the manifest."""
        check_file(self.folder / CONTRIBUTIONS, self.files[CONTRIBUTIONS])

    def contributions(self) -> pl.DataFrame:
        """Each account's mg, ascending by account; they add up to the certification's."""
        path = self.folder / CONTRIBUTIONS
        found = read_parquet(path, tuple(SCHEMA))
        try:
            _require(self.certification, found)
        except EvidenceError as error:
            raise EvidenceError(f"{path}: {error.message}", path=str(path)) from error
        return found


def _require(certification: Certification, contributions: pl.DataFrame) -> None:
    """Check that these are the rows of a certification; raises EvidenceError."""
    if contributions.schema != SCHEMA or contributions["mg"].null_count() or not (contributions["mg"] > 0).all():
        raise EvidenceError(f"certification {certification.number}: its contributions are not account and mg above 0")
    try:
        fixed_bytes(contributions["account"], 20)
        require_ascending(contributions, ("account",), "contributions")
    except ProofError as error:
        raise EvidenceError(f"certification {certification.number}: {error.message}") from error
    mg = int(contributions["mg"].cast(pl.Int128).sum())
    if (contributions.height, mg) != (certification.accounts, certification.mg):
        raise EvidenceError(
            f"certification {certification.number}: {contributions.height} accounts gave {mg} mg, "
            f"not {certification.accounts} accounts {certification.mg} mg"
        )
