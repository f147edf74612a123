"""Evidence folders and the chain's bookkeeping: files unchanged, inputs accounted for, anchors in one chain."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import polars as pl
from eth_utils.crypto import keccak

from registry.audit.findings import Findings
from registry.chain.contracts.trip_anchors import AnchorEvent, AnchorRecord, Status
from registry.chain.deployment import Contracts
from registry.chain.logs import events
from registry.errors import EvidenceError, VerificationError
from registry.evidence.batch import BatchEvidence
from registry.evidence.documents import read_document
from registry.evidence.imports import ImportEvidence, imports_folder

FILES = "evidence files unchanged"
IMPORTS = "import records account for every row"
CHAINS = "anchors of each source form one chain"
ATTESTED = "batches attested by the quorum"


class Folder(Protocol):
    """An evidence folder that can check its own files."""

    def check_files(self) -> None:
        """Raise EvidenceError on any difference."""


class AnchoredBatch(Protocol):
    """A batch as the chain knows it."""

    @property
    def event(self) -> AnchorEvent: ...

    @property
    def record(self) -> AnchorRecord: ...


F = TypeVar("F", bound=Folder)


def read_folders(
    findings: Findings, parent: Path, reader: Callable[[Path], F], progress: Callable[[str], None]
) -> dict[str, F]:
    """Open every folder of a kind and check its files; damaged manifests are reported, not opened."""
    found: dict[str, F] = {}
    for folder in sorted(parent.iterdir()) if parent.is_dir() else []:
        progress(f"files of {folder.name[:16]}")
        with findings.checking(FILES):
            opened = reader(folder)
            opened.check_files()
            found[folder.name] = opened  # a damaged file is named once and not parsed any further
    return found


@dataclass(frozen=True)
class Document:
    """A document's folder, named by the document's SHA-256."""

    folder: Path

    def check_files(self) -> None:
        """Raise EvidenceError unless the document is that of its folder's name."""
        try:
            digest = bytes.fromhex(self.folder.name)
        except ValueError as error:
            raise EvidenceError(f"{self.folder}: is named by no digest", path=str(self.folder)) from error
        if read_document(self.folder.parent.parent, digest) is None:
            raise EvidenceError(f"{self.folder}: holds no document", path=str(self.folder))


def check_imports(
    findings: Findings, evidence: Path, batches: Sequence[BatchEvidence], counting: Collection[bytes]
) -> None:
    """Each import's rows are used or rejected, and its trips are those of the batches sealed from it.

    `counting` are the ids of the batches that are anchored and not rejected.
    """
    sealed: dict[str, list[BatchEvidence]] = defaultdict(list)
    for batch in batches:
        sealed[batch.batch.inputDigest.hex()].append(batch)
    parent = imports_folder(evidence)
    names = {folder.name for folder in parent.iterdir()} if parent.is_dir() else set()
    for name in sorted(names | set(sealed)):
        with findings.checking(IMPORTS):
            _check_import(parent / name, sealed.get(name, []), counting)


def _check_import(folder: Path, batches: Sequence[BatchEvidence], counting: Collection[bytes]) -> None:
    imported = ImportEvidence(folder)
    record = imported.record
    rejected = imported.rejected()
    counts = {str(r["reason"]): int(r["count"]) for r in rejected["reason"].value_counts().to_dicts()}
    _equal(folder, "rows", record.rows, record.rows_used + sum(record.rejected.values()))
    _equal(folder, "rejected rows by reason", record.rejected, counts)
    # Batches may wait for their anchor, be refused, or be what an interrupted first run left: they can make up for
    # what the counted ones lack, never excuse what these have too much.
    mine = [b for b in batches if b.id in counting]
    counted = [b.batch for b in mine]
    spare = [b.batch for b in batches if b.id not in counting]
    if counted or record.trips == 0:
        _fits(folder, "trips", record.trips, [b.tripCount for b in counted], [b.tripCount for b in spare])
        sums = [b.reductionMg for b in counted], [b.reductionMg for b in spare]
        _fits(folder, "reduction_mg", record.reduction_mg, *sums)
    if sum(b.tripCount for b in counted) == record.trips and all(b.has_private for b in mine):
        _check_rows(folder, record.rows, rejected["row"], mine)


def _check_rows(folder: Path, count: int, rejected: pl.Series, batches: Sequence[BatchEvidence]) -> None:
    """Every row of the file, 1 to `count`, is used by one trip or refused, and none is both or twice."""
    used = [column for b in batches for column in b.private(("row", "row_exit")).get_columns()]
    rows = pl.concat([column.drop_nulls().cast(pl.UInt64) for column in (rejected, *used)]).sort()
    odd = (rows != pl.int_range(1, len(rows) + 1, dtype=pl.UInt64, eager=True)).arg_true()
    if len(odd):
        due, found = int(odd[0]) + 1, int(rows[odd[0]])
        what = f"row {due} is not accounted for" if found > due else f"row {found} is accounted for twice"
        raise VerificationError(f"import {folder.name}: {what}", row=min(due, found))
    _equal(folder, "rows", count, len(rows))


def _equal(folder: Path, what: str, recorded: object, recomputed: object) -> None:
    if recorded != recomputed:
        raise VerificationError(f"import {folder.name}: {what} recorded {recorded}, recomputed {recomputed}")


def _fits(folder: Path, what: str, recorded: int, counted: Sequence[int], spare: Sequence[int]) -> None:
    if not sum(counted) <= recorded <= sum(counted) + sum(spare):
        _equal(folder, what, recorded, sum(counted))


def check_streams(
    findings: Findings, contracts: Contracts, anchored: Mapping[bytes, AnchoredBatch], block: int
) -> None:
    """Anchors of a source and day chain by sequence and previous, and all of a source by its head; quorum reached."""
    streams: dict[tuple[str, int], tuple[int, bytes]] = defaultdict(lambda: (0, bytes(32)))
    heads: dict[str, bytes] = defaultdict(lambda: bytes(32))
    for batch_id, item in anchored.items():
        batch, key = item.event.batch, (item.event.batch.source, item.event.batch.serviceDate)
        heads[batch.source] = keccak(heads[batch.source] + batch_id)
        if (batch.sequence, batch.previous) != streams[key]:
            findings.wrong(CHAINS, f"batch {batch_id.hex()} does not follow the one before it")
        elif heads[batch.source] != item.event.head:
            findings.wrong(CHAINS, f"batch {batch_id.hex()}: head of source {batch.source} differs")
        else:
            findings.right(CHAINS)
        streams[key] = (batch.sequence + 1, batch_id)
    for source, head in heads.items():
        recorded = contracts.anchors.source(source, block)
        if recorded is None or recorded.head != head:
            findings.wrong(CHAINS, f"source {source}: the chain's head is not that of its anchors")
    _check_attestations(findings, contracts, anchored, block)


def _check_attestations(
    findings: Findings, contracts: Contracts, anchored: Mapping[bytes, AnchoredBatch], block: int
) -> None:
    verifiers: dict[bytes, set[str]] = defaultdict(set)
    event = contracts.anchors.contract.events.BatchAttested()
    for found in events(contracts.chain, event, contracts.deployment.first_block, block):
        verifiers[bytes(found["args"]["batchId"])].add(found["args"]["verifier"])
    quorum = contracts.anchors.quorum(block)
    for batch_id, item in anchored.items():
        if item.record.status not in (Status.ATTESTED, Status.ISSUED):
            continue
        who = verifiers[batch_id] - {item.record.anchored_by}
        if len(who) >= quorum:
            findings.right(ATTESTED)
        else:
            findings.wrong(ATTESTED, f"batch {batch_id.hex()} has {len(who)} of {quorum} attestations")
