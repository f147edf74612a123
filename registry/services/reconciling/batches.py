"""Batches and their imports: what the chain holds and evidence has, the database has to have, as far as it has come."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from sqlmodel import Session

from registry.chain.contracts.trip_anchors import Status
from registry.errors import EvidenceError, VerificationError
from registry.evidence.batch import BatchEvidence, batch_folder, batches_folder
from registry.evidence.imports import ImportEvidence, imports_folder
from registry.services.ledger import Ledger
from registry.services.reconciling.repair import Repair, written_at
from registry.services.sealing import SealedBatch
from registry.store import accounts, batches, imports
from registry.store.tables import BatchRow, BatchState, Import

EVERY: Final = 2**31 - 1
_RANK: Final = {state: rank for rank, state in enumerate(BatchState)}


@dataclass
class BatchesCompared:
    """What was found: rows to repair, imports that are to be given again, and people of whom no account is known."""

    repairs: list[Repair] = field(default_factory=list)
    unanchored: list[str] = field(default_factory=list)
    without_account: set[str] = field(default_factory=set)


def compare(ledger: Ledger, head: int, released: set[int]) -> BatchesCompared:
    """Compare every batch; `released` are the numbers of epochs whose batches are attested again.

    Raises VerificationError naming a batch that evidence lacks, or that the chain does not have as the database says.
    """
    return _Comparison(ledger, head, released).run()


class _Comparison:
    def __init__(self, ledger: Ledger, head: int, released: set[int]) -> None:
        self.ledger, self.head, self.released = ledger, head, released
        anchors, first = ledger.contracts.anchors, ledger.contracts.deployment.first_block
        self.anchored = {"0x" + event.batch_id.hex(): event for event in anchors.anchored(first, head)}
        said = anchors.history(("BatchAttested",), first, head)
        self.attested = {"0x" + e["batchId"].hex(): e.transaction for e in said if e["complete"]}
        with ledger.db.read() as session:
            self.rows = {row.id: row for row in batches.select_batches(session)}
            self.imports = _by_digest(session)
        self.found = BatchesCompared()

    def run(self) -> BatchesCompared:
        new: dict[str, tuple[BatchEvidence, SealedBatch]] = {}
        for batch, event in self.anchored.items():
            evidence = self._evidence(batch, f"anchored in block {event.block}")
            if batch not in self.rows:
                trips = evidence.private(("trip_id",))["trip_id"]
                new[batch] = evidence, SealedBatch(evidence.batch, str(trips.min()), str(trips.max()))
                self._count_accounts(evidence)
        places = self._places({batch: sealed for batch, (_, sealed) in new.items()})
        for digest in dict.fromkeys(digest for digest, _ in places.values()):
            needed = 1 + max(number for of, number in places.values() if of == digest)
            for number in range(len(self.imports[digest]), needed):
                self.found.repairs.append(self._import(digest, number))
        # In the order of the chain, in which each follows the one before it in its stream.
        for batch, (evidence, sealed) in new.items():
            self.found.repairs.append(self._insertion(batch, evidence, sealed, places[batch]))
        for row in self.rows.values():
            self.found.repairs += self._row(row)
        self.found.unanchored = sorted(self._unknown())
        return self.found

    def _places(self, new: Mapping[str, SealedBatch]) -> dict[str, tuple[str, int]]:
        """The import of each new batch: its digest, and which of those that have the same.

        A file whose batch was rejected is sealed again with the same trips: what is the second of its content belongs
        to the second import.
        """
        seen: Counter[tuple[object, ...]] = Counter()
        places = {}
        for batch, event in self.anchored.items():
            row = new[batch].row(None, 0) if batch in new else self.rows[batch]
            what = (row.input_digest, row.service_date, row.trip_id_min, row.trip_id_max, row.trip_count)
            if batch in new:
                places[batch] = (event.batch.inputDigest.hex(), seen[what])
            seen[what] += 1
        return places

    def _evidence(self, batch: str, what: str) -> BatchEvidence:
        try:
            evidence = BatchEvidence(batch_folder(self.ledger.home.evidence, bytes.fromhex(batch[2:])))
            evidence.check_files()
        except EvidenceError as error:
            raise VerificationError(
                f"batch {batch} is {what}, and evidence does not have it: {error.message}",
                hint="restore the evidence of this batch, then run `puhui reconcile` again",
                batch=batch,
            ) from error
        return evidence

    def _unknown(self) -> Iterator[str]:
        """Batches only evidence has: of imports that did not finish, or that were recorded after the backup."""
        folder = batches_folder(self.ledger.home.evidence)
        for path in folder.iterdir() if folder.is_dir() else ():
            if "0x" + path.name not in self.rows and "0x" + path.name not in self.anchored:
                yield "0x" + path.name

    def _count_accounts(self, evidence: BatchEvidence) -> None:
        ids = evidence.private(("account_id",))["account_id"].unique()
        with self.ledger.db.read() as session:
            known = accounts.account_table(session, ids)["account_id"]
        self.found.without_account |= set(ids.filter(~ids.is_in(known.implode())).to_list())

    # --- what is behind

    def _row(self, row: BatchRow) -> Iterator[Repair]:
        here = row.state
        if here is BatchState.ISSUED and row.epoch in self.released:
            here = BatchState.ATTESTED
        if row.id not in self.anchored:
            self._evidence(row.id, here)
            if here is not BatchState.SEALED:
                raise VerificationError(
                    f"batch {row.id} is {here} in the database, and the chain does not have it", batch=row.id
                )
            return
        there = self._state(row.id)
        if _RANK[here] > _RANK[there] or (here is BatchState.ISSUED and there is BatchState.REJECTED):
            raise VerificationError(f"batch {row.id} is {here} in the database and {there} on the chain", batch=row.id)
        # An epoch issues what is attested.
        if here is not there and (here, there) != (BatchState.ATTESTED, BatchState.ISSUED):
            yield Repair("batch", row.id, f"{here} -> {there}", lambda session: self._advance(session, row.id, there))

    def _state(self, batch: str) -> BatchState:
        status = self.ledger.contracts.anchors.find(bytes.fromhex(batch[2:]), self.head).status
        if status is Status.NONE:
            raise VerificationError(f"batch {batch} was anchored, and the chain does not have it", batch=batch)
        return BatchState[status.name]

    def _advance(self, session: Session, batch: str, there: BatchState) -> None:
        """Move a row as far as the chain is, but for its issue, which is its epoch's."""
        event, row = self.anchored[batch], batches.get(session, batch)
        if row.state is BatchState.SEALED:
            batches.mark_anchored(session, batch, tx=event.transaction, block=event.block)
        if row.state is BatchState.ANCHORED and batch in self.attested:
            batches.mark_attested(session, batch, tx=self.attested[batch])
        if there is BatchState.REJECTED:
            batches.mark_rejected(session, batch)

    # --- what is missing

    def _insertion(self, batch: str, evidence: BatchEvidence, sealed: SealedBatch, place: tuple[str, int]) -> Repair:
        mined_at = self.ledger.contracts.chain.timestamp(self.anchored[batch].block)
        sealed_at, there = written_at(evidence.folder / "manifest.json", mined_at), self._state(batch)

        def insert(session: Session) -> None:
            batches.insert(session, sealed.row(self._import_id(session, *place), sealed_at))
            self._advance(session, batch, there)

        return Repair("batch", batch, f"inserted from evidence, {there}", insert)

    def _import_id(self, session: Session, digest: str, number: int) -> int | None:
        known = self.imports[digest]
        if number < len(known):
            return known[number]
        found = imports.find(session, _request(digest, number))
        return None if found is None else found.id

    def _import(self, digest: str, number: int) -> Repair:
        evidence = ImportEvidence(imports_folder(self.ledger.home.evidence) / digest)
        evidence.rejected()
        record = evidence.record
        made_at = written_at(evidence.folder / "record.json", self.ledger.submission.clock.now_ms() // 1_000)

        def insert(session: Session) -> None:
            row = Import(
                source_id=record.source,
                format=record.input_format,
                file_sha256=record.file_sha256,
                # Whatever was asked for then: the file given again is read again, and finds its trips counted.
                request_digest=_request(digest, number),
                accounts_version=accounts.version(session),
                rows=record.rows,
                trips=record.trips,
                rows_used=record.rows_used,
                rejected=record.rejected,
                reduction_mg=record.reduction_mg,
                input_digest=digest,
                created_at=made_at,
            )
            imports.record(session, row)

        return Repair("import", digest, f"inserted from its record: {record.trips:,} trips", insert)


def _request(digest: str, number: int) -> str:
    return hashlib.sha256(f"puhui/reconciled/{digest}/{number}".encode()).hexdigest()


def _by_digest(session: Session) -> dict[str, list[int | None]]:
    """The ids of the imports that have the same record, oldest first."""
    found: dict[str, list[int | None]] = defaultdict(list)
    for row in reversed(imports.recent(session, EVERY)):
        found[row.input_digest].append(row.id)
    return found
