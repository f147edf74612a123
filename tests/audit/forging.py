"""An insider's work: evidence rewritten so that every digest fits again, and a verifier who signs without looking."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from registry.audit.ledger import AuditReport, audit_ledger
from registry.core import methodology
from registry.core.batch import Batch
from registry.core.entitlement import accumulate, earned_by_account, empty, encode_entitlements
from registry.core.leaf import canonical_column, commitments
from registry.core.merkle import leaf_hashes
from registry.evidence.batch import BatchEvidence, SealedTrips, batch_folder, seal
from registry.evidence.epoch import write_epoch
from registry.evidence.files import canonical_json, file_entry
from registry.evidence.imports import ImportEvidence, ImportRecord, imports_folder, write_import
from registry.evidence.tiles import encode_tree
from registry.services.anchoring import register_source
from registry.services.ledger import Ledger
from tests.services.homes import contracts_of, opened

Change = Callable[[pl.DataFrame], pl.DataFrame]


def same(frame: pl.DataFrame) -> pl.DataFrame:
    return frame


@dataclass(frozen=True)
class Forgery:
    """What the insider does: `trips` before sealing (commitments stay as they were unless `recommit`), the import's
    `record` and `rejected` rows, and the `entitlements` before they are published."""

    trips: Change = same
    recommit: bool = False
    entitlements: Change = same
    record: Callable[[ImportRecord], ImportRecord] | None = None
    rejected: Change = same
    follow: bool = True
    """Whether the import's record follows the changed trips."""


def forge(home: Path, forgery: Forgery) -> str:
    """Replace the one sealed batch of a ledger by a forged one; anchor, attest and issue it. Returns its id."""
    with opened(home) as ledger:
        batch = seal_forged(ledger, forgery)
        private = BatchEvidence(batch_folder(ledger.home.evidence, batch.id()))
        frame = pl.concat([private.leaves(), private.private()], how="horizontal")
        register_source(ledger, batch.source)
        platform, verifier = ledger.submitter("platform"), ledger.submitter("verifier")
        anchors, points = ledger.contracts.anchors, ledger.contracts.points
        platform.send(anchors.anchor(batch))
        verifier.send(anchors.attest(batch.id()))
        class_id = methodology.by_id(batch.methodology).class_id(batch.serviceDate)
        earned = earned_by_account(frame["wallet"], frame["reduction_mg"], class_id)
        table = forgery.entitlements(accumulate(empty(), [earned])).sort("account", "class")
        epoch = write_epoch(ledger.home.evidence, 1, table, (batch.id(),))
        platform.send(points.publish_epoch(1, epoch.root, epoch.size, epoch.batches))
        record = points.epoch(1)
        assert record is not None
        verifier.send(points.attest_epoch(1, record.digest))
        assert points.active_epoch() == 1
    return batch.id().hex()


def seal_forged(ledger: Ledger, forgery: Forgery) -> Batch:
    """Replace the one sealed batch of a ledger by a forged one."""
    (folder,) = (ledger.home.evidence / "batches").iterdir()
    genuine = BatchEvidence(folder)
    frame = forgery.trips(pl.concat([genuine.leaves(), genuine.private()], how="horizontal"))
    shutil.rmtree(folder)
    return _sealed(ledger, genuine.batch, frame, forgery)


def _sealed(ledger: Ledger, genuine: Batch, frame: pl.DataFrame, forgery: Forgery) -> Batch:
    canonical = canonical_column(frame, genuine.source)
    salts = b"".join(frame["salt"].to_list())
    if forgery.recommit:
        frame = frame.with_columns(pl.Series("commitment", commitments(salts, canonical), pl.Binary))
    digest = _imported(ledger.home.evidence, genuine, frame, forgery)

    def describe(root: bytes, leaves_digest: bytes, count: int, reduction_mg: int) -> Batch:
        changed = {"tripRoot": root, "leavesDigest": leaves_digest, "tripCount": count, "reductionMg": reduction_mg}
        return replace(genuine, **changed, inputDigest=digest)

    return seal(ledger.home.evidence, SealedTrips(frame, canonical, salts), describe)


def _imported(evidence: Path, batch: Batch, frame: pl.DataFrame, forgery: Forgery) -> bytes:
    folder = imports_folder(evidence) / batch.inputDigest.hex()
    imported = ImportEvidence(folder)
    record = imported.record
    if forgery.follow:
        rows = record.rows + frame.height - record.trips
        record = replace(
            record,
            rows=rows,
            rows_used=frame.height,
            trips=frame.height,
            reduction_mg=int(frame["reduction_mg"].sum()),
        )
    if forgery.record:
        record = forgery.record(record)
    rejected = forgery.rejected(imported.rejected())
    if record == imported.record and forgery.rejected is same:
        return batch.inputDigest
    shutil.rmtree(folder)
    return write_import(evidence, record, rejected)


def rewrite(folder: Path, name: str, content: bytes | pl.DataFrame) -> None:
    """Replace one file of a folder of evidence and make the manifest say so."""
    if isinstance(content, pl.DataFrame):
        content.write_parquet(folder / name, compression="zstd")
    else:
        (folder / name).write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["files"][name] = file_entry(folder / name)
    (folder / "manifest.json").write_bytes(canonical_json(manifest))


def rewrite_tree(folder: Path, entitlements: pl.DataFrame) -> None:
    """Rewrite an epoch's entitlements and its tree."""
    content, _ = encode_tree(leaf_hashes(encode_entitlements(entitlements), 61))
    rewrite(folder, "tree.bin", content)
    rewrite(folder, "entitlements.parquet", entitlements)


def row_of(home: Path, batch: str, leaf: int) -> str:
    """How the audit names a leaf whose input row is known."""
    private = BatchEvidence(batch_folder(home / "evidence", bytes.fromhex(batch))).private()
    return f"batch {batch} leaf {leaf} (input row {private['row'][leaf]})"


def audit(home: Path, evidence: Path | None = None) -> AuditReport:
    """The audit as an outsider makes it."""
    with contracts_of(home) as contracts:
        return audit_ledger(contracts, evidence or home / "evidence")


def wrong(report: AuditReport) -> dict[str, str]:
    """The checks that failed, with what they found."""
    return {check.name: str(check.actual) for check in report.checks if not check.ok}
