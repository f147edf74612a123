"""Reading the ledger for people: what waits, what was sealed, what an epoch holds."""

from __future__ import annotations

from typing import Any

from registry.errors import NotFoundError
from registry.evidence.batch import BatchEvidence, batch_folder
from registry.services.anchoring import BatchStep
from registry.services.epochs import folder_of
from registry.services.ledger import Ledger
from registry.store import batches, imports
from registry.store.tables import BatchRow, BatchState


def batches_waiting(ledger: Ledger, state: str) -> list[BatchStep]:
    """The batches in a state, as steps not made."""
    with ledger.db.read() as session:
        rows = batches.select_batches(session, states=(BatchState(state),))
    return [BatchStep(row.id, row.state, False, None, 0) for row in rows]


def batch_list(ledger: Ledger, source: str | None, date: int | None) -> list[dict[str, Any]]:
    """Batches by day, source and sequence; reductions are decimal strings of mg."""
    with ledger.db.read() as session:
        rows = batches.select_batches(session, source_id=source, service_date=date)
    return [_summary(row) for row in rows]


def batch_detail(ledger: Ledger, batch: str) -> dict[str, Any]:
    """One batch with its import, its evidence folder and its record on the chain; raises NotFoundError."""
    with ledger.db.read() as session:
        row = batches.get(session, batch)
        imported = imports.get(session, row.import_id or 0)
    record = ledger.contracts.anchors.find(bytes.fromhex(row.id[2:]))
    folder = batch_folder(ledger.home.evidence, bytes.fromhex(row.id[2:]))
    evidence = BatchEvidence(folder)
    return {
        **_summary(row),
        "methodology": row.methodology,
        "trip_root": row.trip_root,
        "leaves_digest": row.leaves_digest,
        "input_digest": row.input_digest,
        "previous": row.previous,
        "anchor_tx": row.anchor_tx,
        "attest_tx": row.attest_tx,
        "chain": {**vars(record), "status": record.status.name, "reduction_mg": str(record.reduction_mg)},
        "import": {
            "rows": imported.rows,
            "rows_used": imported.rows_used,
            "rejected": dict(imported.rejected),
            "file_sha256": imported.file_sha256,
        },
        "evidence": {"folder": str(folder), "files": evidence.files},
    }


def epoch_detail(ledger: Ledger, number: int | None) -> dict[str, Any]:
    """An epoch as the chain holds it (the newest by default); raises NotFoundError."""
    points = ledger.contracts.points
    wanted = points.current_epoch() if number is None else number
    record = points.epoch(wanted) if wanted else None
    if record is None:
        raise NotFoundError(f"there is no epoch {wanted}", hint="`puhui epoch publish` makes one")
    folder = folder_of(ledger, wanted, record.root)
    return {
        "number": wanted,
        "root": "0x" + record.root.hex(),
        "size": record.size,
        "attested": record.attested,
        "active": wanted <= points.active_epoch(),
        "active_at": record.active_at,
        "batches": ["0x" + b.hex() for b in folder.epoch.batches],
        "evidence": str(folder.folder),
    }


def _summary(row: BatchRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "source": row.source_id,
        "service_date": row.service_date,
        "sequence": row.sequence,
        "trip_count": row.trip_count,
        "reduction_mg": str(row.reduction_mg),
        "state": row.state.value,
        "epoch": row.epoch,
    }
