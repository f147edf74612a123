"""An import's record: what a file held and why each refused row was refused. Its digest is anchored with each batch."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

import polars as pl

from registry.core.trip import REASON
from registry.errors import EvidenceError
from registry.evidence.batch import read_parquet
from registry.evidence.files import canonical_json, check_file, file_entry, new_folder, read_canonical

FORMAT: Final = "puhui.import/v1"
REJECTED_SCHEMA: Final[dict[str, pl.DataType]] = {"row": pl.UInt64(), "reason": REASON, "field": pl.String()}


@dataclass(frozen=True)
class ImportRecord:
    """The counts of one import; `reduction_mg` is the sum over its trips. Rows = rows_used + sum of rejected."""

    source: str
    input_format: str
    encoding: str
    file_sha256: str
    stations_sha256: str
    methodology: int
    rows: int
    rows_used: int
    trips: int
    reduction_mg: int
    rejected: dict[str, int]


def imports_folder(evidence: Path) -> Path:
    """Where import records stand."""
    return evidence / "imports"


def write_import(evidence: Path, record: ImportRecord, rejected: pl.DataFrame) -> bytes:
    """Write the record and `rejected.parquet` (row, reason, field; ascending by row); return the input digest."""
    digest: list[bytes] = []
    with new_folder(evidence, lambda: "imports/" + digest[0].hex()) as folder:
        rejected.select(list(REJECTED_SCHEMA)).write_parquet(folder / "rejected.parquet", compression="zstd")
        entry = file_entry(folder / "rejected.parquet")
        content = canonical_json({"format": FORMAT, **asdict(record), "files": {"rejected.parquet": entry}})
        (folder / "record.json").write_bytes(content)
        digest.append(hashlib.sha256(content).digest())
    return digest[0]


class ImportEvidence:
    """Reads one import folder; raises EvidenceError when anything in it was changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        body = read_canonical(folder / "record.json")
        digest = hashlib.sha256(canonical_json(body)).hexdigest()
        if digest != folder.name:
            raise EvidenceError(
                f"{folder / 'record.json'}: digest differs", path=str(folder), expected=folder.name, actual=digest
            )
        names = {f.name for f in fields(ImportRecord)}
        if body.get("format") != FORMAT or set(body) != names | {"format", "files"}:
            raise EvidenceError(f"{folder / 'record.json'}: not an import record", path=str(folder))
        values: dict[str, Any] = {name: body[name] for name in names}
        odd = [f.name for f in fields(ImportRecord) if not _fits(f.name, values[f.name], f.type == "int")]
        if odd or not isinstance(body["files"], dict):
            raise EvidenceError(
                f"{folder / 'record.json'}: {(odd or ['files'])[0]} is no value of its kind", path=str(folder)
            )
        self.record = ImportRecord(**values)
        self.files: dict[str, Any] = dict(body["files"])

    def rejected(self) -> pl.DataFrame:
        """The refused rows, after checking the file against the record."""
        check_file(self.folder / "rejected.parquet", self.files.get("rejected.parquet"))
        return read_parquet(self.folder / "rejected.parquet", tuple(REJECTED_SCHEMA))


def _fits(name: str, value: object, whole: bool) -> bool:
    """Whether a value read from a record is of its field's kind: a count, a text, or counts by reason."""
    if name == "rejected":
        return isinstance(value, dict) and all(type(count) is int and count > 0 for count in value.values())
    return type(value) is int and value >= 0 if whole else isinstance(value, str)
