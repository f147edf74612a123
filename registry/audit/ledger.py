"""The audit of a whole ledger: a node, the contract addresses and the evidence folder, nothing else.

Everything is read at one block. Two levels: *public* (leaves and chain: reductions, order, roots, totals, and all from
the market pool on) and *full* (with the private evidence: openings, input rules, each account's entitlement). The
report says which was reached.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import polars as pl

from registry.audit.batches import BatchAudit
from registry.audit.cash import CashAudit
from registry.audit.certifications import CertificationsAudit
from registry.audit.days import DayRows, check_day
from registry.audit.epochs import EpochsAudit
from registry.audit.findings import Findings
from registry.audit.market import MarketAudit
from registry.audit.payments import PaymentsAudit
from registry.audit.payout_runs import RunsAudit
from registry.audit.proceeds import ProceedsAudit
from registry.audit.records import Document, check_imports, check_streams, read_folders
from registry.audit.retirements import RetirementsAudit
from registry.audit.scope import Scope
from registry.audit.serials import SerialsAudit
from registry.chain.contracts.trip_anchors import AnchorEvent, AnchorRecord, Status
from registry.chain.deployment import Contracts
from registry.core import methodology
from registry.core.checks import Check
from registry.errors import PuhuiError, VerificationError
from registry.evidence.batch import BatchEvidence, batches_folder
from registry.evidence.certification import CertificationEvidence, certifications_folder
from registry.evidence.epoch import EpochEvidence, epochs_folder
from registry.evidence.payout import PayoutEvidence, payouts_folder

Progress = Callable[[str], None]

BATCH_CHECKS = {
    "batches have their evidence": "batches",
    "batch ids recomputed": "batches",
    "anchors of each source form one chain": "anchors",
    "batches attested by the quorum": "batches",
    "evidence files unchanged": "folders",
    "import records account for every row": "imports",
    "reductions recomputed": "trips",
    "tags strictly ascending": "trips",
    "trip trees recomputed": "trips",
    "no journey twice within a service day": "trips",
}
FULL_CHECKS = {
    "openings match commitments": "trips",
    "input rules hold for every trip": "trips",
    "one tag for one journey, none overlapping": "trips",
}


@dataclass(frozen=True)
class AuditReport:
    """What the audit found; `ok` only if every check passed."""

    level: str
    block: int
    checks: list[Check]
    totals: dict[str, object]

    @property
    def ok(self) -> bool:
        """Whether every check passed."""
        return all(check.ok for check in self.checks)

    def to_json(self) -> dict[str, object]:
        """The report as `--json` prints it."""
        return {
            "ok": self.ok,
            "level": self.level,
            "block": self.block,
            "checks": [check.to_json() for check in self.checks],
            "totals": self.totals,
        }


@dataclass(frozen=True)
class Anchored:
    """A batch as the chain knows it."""

    event: AnchorEvent
    record: AnchorRecord


def audit_ledger(contracts: Contracts, evidence: Path, progress: Progress = lambda _: None) -> AuditReport:
    """Recompute the ledger at the chain's newest block; raises only when node or evidence cannot be read at all."""
    if not evidence.is_dir():
        raise VerificationError(f"{evidence}: there is no evidence folder here", path=str(evidence))
    return _Audit(contracts, evidence, progress).run()


class _Audit:
    def __init__(self, contracts: Contracts, evidence: Path, progress: Progress) -> None:
        self.contracts, self.evidence, self.progress = contracts, evidence, progress
        self.findings = Findings()
        self.block = contracts.chain.head()
        self.full = True
        self.earned: dict[bytes, pl.DataFrame] = {}
        self.totals: dict[str, object] = {}

    def run(self) -> AuditReport:
        self.progress("chain")
        anchored = self._anchored()
        self._methodologies(anchored)
        for name, unit in BATCH_CHECKS.items():
            self.findings.open(name, unit)
        folders = read_folders(self.findings, batches_folder(self.evidence), BatchEvidence, self.progress)
        epochs = read_folders(self.findings, epochs_folder(self.evidence), EpochEvidence, self.progress)
        dossiers = read_folders(
            self.findings, certifications_folder(self.evidence), CertificationEvidence, self.progress
        )
        payouts = read_folders(self.findings, payouts_folder(self.evidence), PayoutEvidence, self.progress)
        read_folders(self.findings, self.evidence / "documents", Document, self.progress)
        kept = {f.id: f for f in folders.values()}
        self.full = all(f.has_private for f in kept.values())
        if self.full:
            for name, unit in FULL_CHECKS.items():
                self.findings.open(name, unit)
        check_streams(self.findings, self.contracts, anchored, self.block)
        self._days(anchored, kept)
        self.progress("imports")
        counting = {i for i, item in anchored.items() if item.record.status is not Status.REJECTED}
        check_imports(self.findings, self.evidence, list(kept.values()), counting)
        self.progress("epochs")
        audit = EpochsAudit(self.contracts, self.block, self.findings, self.full)
        audit.run(anchored, list(epochs.values()), {i: f.batch for i, f in kept.items()}, self.earned)
        self._totals(anchored, audit.totals)
        self._market(audit, dossiers, payouts)
        level = "full" if self.full else "public"
        return AuditReport(level, self.block, self.findings.checks(), self.totals)

    def _anchored(self) -> dict[bytes, Anchored]:
        first = self.contracts.deployment.first_block
        anchored = {}
        for event in self.contracts.anchors.anchored(first, self.block):
            anchored[event.batch_id] = Anchored(event, self.contracts.anchors.find(event.batch_id, self.block))
        return anchored

    def _methodologies(self, anchored: dict[bytes, Anchored]) -> None:
        name = "methodology published as computed"
        self.findings.open(name, "methodologies")
        used = {a.event.batch.methodology for a in anchored.values()} or {methodology.DEFAULT.id}
        for number in sorted(used):
            try:
                spec = methodology.by_id(number)
            except PuhuiError as error:
                self.findings.wrong(name, error.message)
                continue
            published = self.contracts.methodologies.find(number, self.block)
            expected = (spec.name, spec.parameters_hash(), spec.document_hash())
            actual = published and (published.name, published.parameters_hash, published.document_hash)
            if actual == expected:
                self.findings.right(name)
            else:
                self.findings.wrong(name, f"{spec.name}: the chain holds {published}")

    def _days(self, anchored: dict[bytes, Anchored], kept: dict[bytes, BatchEvidence]) -> None:
        for batch_id, item in anchored.items():
            found = kept.get(batch_id)
            if found is None:
                self.findings.wrong("batches have their evidence", f"no usable folder for batch {batch_id.hex()}")
            else:
                self.findings.right("batches have their evidence")
            self._identity(item)
        ordered = sorted(kept.values(), key=lambda f: (f.batch.serviceDate, f.batch.source, f.batch.sequence))
        for day, group in groupby(ordered, key=lambda f: f.batch.serviceDate):
            counted = []
            for folder in group:
                status = anchored[folder.id].record.status if folder.id in anchored else Status.NONE
                if status is Status.REJECTED:  # what was wrong with it is why it was refused
                    continue
                self.progress(f"{day} {folder.batch.source} {folder.batch.sequence}")
                readable = self._batch(folder)
                # What an interrupted import left is not on the chain, and holds the journeys of its second run.
                if readable and status is not Status.NONE:
                    counted.append(DayRows.read(folder))
            check_day(self.findings, counted, self.full)

    def _identity(self, item: Anchored) -> None:
        batch, record = item.event.batch, item.record
        name = "batch ids recomputed"
        if batch.id() != item.event.batch_id:
            self.findings.wrong(name, f"batch {item.event.batch_id.hex()} hashes to {batch.id().hex()}")
        elif (batch.reductionMg, batch.tripCount) != (record.reduction_mg, record.trip_count):
            self.findings.wrong(name, f"batch {item.event.batch_id.hex()}: record {record} is not of the event")
        else:
            self.findings.right(name)

    def _batch(self, folder: BatchEvidence) -> bool:
        """Recompute one batch; false when it cannot be read. Only its accounts' sums are kept."""
        count = folder.batch.tripCount
        try:
            audit = BatchAudit(folder)
        except PuhuiError as error:
            self.findings.wrong("reductions recomputed", error.message, **error.fields)
            return False
        for name, step in [*audit.public_steps(), *(audit.private_steps() if self.full else [])]:
            with self.findings.checking(name, count):
                step()
        if self.full and audit.private is not None and audit.private.height == audit.leaves.height:
            self.earned[folder.id] = audit.earned()
        return True

    def _market(
        self, epochs: EpochsAudit, dossiers: dict[str, CertificationEvidence], payouts: dict[str, PayoutEvidence]
    ) -> None:
        """From the pool to the last fen: certifications, serials, trades, cash, retirements, proceeds, payouts."""
        scope = Scope(self.contracts, self.block, self.findings)
        self.progress("certifications")
        certifications = CertificationsAudit(scope)
        certifications.run(epochs.published, epochs.entitlements, dossiers)
        self.progress("serials")
        serials = SerialsAudit(scope)
        serials.run()
        self.progress("trades and cash")
        market, cash = MarketAudit(scope), CashAudit(scope)
        market.run(serials.moves)
        cash.run()
        self.progress("retirements")
        retirements = RetirementsAudit(scope)
        retirements.run(serials.moves, {number: event["classId"] for number, event in serials.issued.items()})
        self.progress("proceeds and payouts")
        split, runs = ProceedsAudit(scope), RunsAudit(scope)
        split.run(market.trades)
        runs.run(split.fundings, certifications.contributions, payouts)
        payments = PaymentsAudit(scope, runs)
        payments.run(split)
        for each in (certifications, serials, market, cash, retirements, split, payments):
            self.totals |= each.totals

    def _totals(self, anchored: dict[bytes, Anchored], points: dict[str, object]) -> None:
        by_status: dict[str, int] = defaultdict(int)
        for item in anchored.values():
            by_status[item.record.status.name] += 1
        counted = [a.event.batch for a in anchored.values() if a.record.status in (Status.ATTESTED, Status.ISSUED)]
        self.totals = {
            "batches": len(anchored),
            "batches_by_status": dict(sorted(by_status.items())),
            "attested_trips": sum(b.tripCount for b in counted),
            "attested_reduction_mg": sum(b.reductionMg for b in counted),
            **points,
        }
