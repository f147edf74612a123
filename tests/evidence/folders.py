"""One small folder of each kind, written by the program, for the tests to damage."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from registry.core.batch import NO_PREVIOUS, Batch
from registry.core.entitlement import SCHEMA
from registry.core.leaf import canonical_column, commitments
from registry.core.methodology import DEFAULT
from registry.evidence.batch import SealedTrips, seal
from registry.evidence.epoch import Epoch, write_epoch
from registry.evidence.imports import REJECTED_SCHEMA, ImportRecord, write_import

EIGHT = 1_772_409_600  # 2026-03-02 08:00 in Shanghai
RECORD = ImportRecord("szt", "journeys", "utf-8", "ab" * 32, "", 1, 5, 3, 3, 1404, {"same_stop": 1, "bad_row": 1})
REJECTED = pl.DataFrame([(2, "same_stop", None), (4, "bad_row", "board_time")], schema=REJECTED_SCHEMA, orient="row")
ENTITLEMENTS = pl.DataFrame(
    [(bytes([n]) * 20, 1 << 16 | 2026, 1000 + n, 0) for n in range(1, 4)], schema=SCHEMA, orient="row"
)


def trips(count: int) -> SealedTrips:
    """`count` metro trips in tag order with salts that tell them apart."""
    salts = b"".join(n.to_bytes(16, "big") for n in range(count))
    rows = [
        {
            "mode": 2,
            "distance_m": 10 + n % 1000,
            "reduction_mg": DEFAULT.reduction_mg("metro", 10 + n % 1000),
            "tag": n.to_bytes(16, "big"),
            "row": n + 1,
            "row_exit": None,
            "trip_id": f"T{n:06d}",
            "account_id": f"A{n % 7}",
            "wallet": bytes([n % 7]) * 20,
            "consent_at": EIGHT - 86_400,
            "carrier_ref": f"C{n % 7}",
            "line": "1号线",
            "board_stop": "罗湖",
            "board_time": EIGHT + n,
            "alight_stop": None,
            "alight_time": EIGHT + n + 600,
            "fare_fen": 200 if n % 2 else None,
            "salt": salts[16 * n : 16 * n + 16],
        }
        for n in range(count)
    ]
    schema = {"mode": pl.UInt8(), "distance_m": pl.UInt32(), "reduction_mg": pl.UInt64(), "row_exit": pl.UInt64()}
    schema |= {"alight_stop": pl.String()}
    frame = pl.DataFrame(rows, schema_overrides=schema)
    canonical = canonical_column(frame, "szt")
    frame = frame.with_columns(pl.Series("commitment", commitments(salts, canonical), pl.Binary))
    return SealedTrips(frame, canonical, salts)


def sealed(evidence: Path, count: int = 3) -> Batch:
    """A batch of `count` trips in `evidence`."""

    def describe(root: bytes, leaves_digest: bytes, size: int, reduction_mg: int) -> Batch:
        return Batch("szt", 20260302, 0, 1, size, reduction_mg, root, leaves_digest, bytes(32), NO_PREVIOUS)

    return seal(evidence, trips(count), describe)


def published(evidence: Path) -> Epoch:
    """Epoch 1 of three accounts and two batches in `evidence`."""
    return write_epoch(evidence, 1, ENTITLEMENTS, (bytes([1]) * 32, bytes([2]) * 32))


def imported(evidence: Path) -> Path:
    """The folder of an import of five rows, two refused, in `evidence`."""
    return evidence / "imports" / write_import(evidence, RECORD, REJECTED).hex()


def contents(folder: Path) -> list[str]:
    """Every file and folder below `folder` but the place of temporary ones, which is to be empty."""
    found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
    return [name for name in found if name != "tmp"]
