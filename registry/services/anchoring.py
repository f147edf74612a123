"""Anchoring sealed batches, and having a verifier recompute and co-sign them. Both ask the chain first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from sqlmodel import Session

from registry.audit.batches import BatchAudit
from registry.audit.days import DayRows, check_day
from registry.audit.findings import Findings
from registry.chain.contracts.trip_anchors import Status
from registry.errors import ConflictError, InputError, VerificationError
from registry.evidence.batch import BatchEvidence, batch_folder
from registry.services.ledger import Ledger
from registry.services.submission import Deed
from registry.store import batches
from registry.store.tables import BatchRow, BatchState

Progress = Callable[[str], None]


@dataclass(frozen=True)
class BatchStep:
    """What was done to one batch; `changed` is false when the chain had it already. Gas of the transaction sent."""

    batch: str
    state: str
    changed: bool
    transaction: str | None
    gas: int


def anchor_batches(ledger: Ledger, wanted: Sequence[str], progress: Progress = lambda _: None) -> list[BatchStep]:
    """Anchor the wanted batches, or every sealed one, in the order of their streams.

    Raises ChainRevert when the contract refuses (a cap, a missing predecessor), InputError for an unknown source.
    """
    steps = []
    for row in _rows(ledger, wanted, BatchState.SEALED):
        progress(row.id)
        folder = _evidence(ledger, row.id)
        anchors = ledger.contracts.anchors
        record = anchors.find(folder.id)
        transaction, block, gas = None, None, 0
        if record.status is Status.NONE:
            register_source(ledger, row.source_id)
            what = Deed(
                row.id,
                f"{row.source_id}/{row.service_date}",
                {"state": "SEALED"},
                {"state": "ANCHORED", "reduction_mg": str(row.reduction_mg)},
            )
            sent = ledger.submitter("platform").send(anchors.anchor(folder.batch), what)
            transaction, block, gas = sent.transaction, sent.block, sent.gas

        # A crash before this line is harmless: the next call finds the batch on the chain and only records it.
        def mark(session: Session, row: BatchRow = row, tx: str | None = transaction, at: int | None = block) -> bool:
            return batches.mark_anchored(session, row.id, tx=tx, block=at)

        ledger.db.write(mark)
        steps.append(BatchStep(row.id, "ANCHORED", transaction is not None, transaction, gas))
    return steps


def register_source(ledger: Ledger, source_id: str, cap_mg: int | None = None) -> bool:
    """Make sure a source is on chain, signed for by the platform; a sandbox's regulator registers it unasked.

    Returns whether it was registered now. Raises InputError outside a sandbox when no cap is given.
    """
    anchors = ledger.contracts.anchors
    if anchors.source(source_id) is not None and cap_mg is None:
        return False
    if cap_mg is None and not ledger.config.sandbox:
        raise InputError(
            f"source {source_id} is not registered on the chain",
            hint=f"the regulator registers it: `puhui source register {source_id} --cap-tonnes N`",
        )
    signer = ledger.keys.account("platform").address
    call = anchors.register_source(source_id, signer, cap_mg or ledger.config.daily_cap_mg)
    what = Deed(source_id, source_id, {}, {"signer": signer, "daily_cap_mg": str(cap_mg or ledger.config.daily_cap_mg)})
    return ledger.submitter("regulator").send(call, what).changed


def attest_batches(ledger: Ledger, wanted: Sequence[str], progress: Progress = lambda _: None) -> list[BatchStep]:
    """As the verifier: recompute the wanted batches, or every anchored one, from evidence, and co-sign each.

    A service day is judged as a whole, with every batch that is anchored on the chain for it. Raises
    VerificationError at the first difference, and then signs nothing of that day.
    """
    steps: list[BatchStep] = []
    rows = sorted(_rows(ledger, wanted, BatchState.ANCHORED), key=lambda row: row.service_date)
    for day, same_day in groupby(rows, key=lambda row: row.service_date):
        due = list(same_day)
        fresh = [row for row in due if _status(ledger, row) is Status.ANCHORED]
        for row in fresh:
            progress(row.id)
            recompute(ledger, row.id)
        if fresh:
            _check_day(ledger, day)
        steps += [_attest(ledger, row) for row in due]
    return steps


def _attest(ledger: Ledger, row: BatchRow) -> BatchStep:
    anchors, sent = ledger.contracts.anchors, None
    record = anchors.find(bytes.fromhex(row.id[2:]))
    if record.status is Status.ANCHORED:
        what = Deed(row.id, row.id, {"state": "ANCHORED"}, {"state": "ATTESTED"}, record.anchored_by)
        sent = ledger.submitter("verifier").send(anchors.attest(bytes.fromhex(row.id[2:])), what)
    transaction, gas = (sent.transaction, sent.gas) if sent else (None, 0)
    status = _status(ledger, row)
    if status in (Status.ATTESTED, Status.ISSUED):
        ledger.db.write(lambda session: batches.mark_attested(session, row.id, tx=transaction))
    return BatchStep(row.id, status.name, transaction is not None, transaction, gas)


def _status(ledger: Ledger, row: BatchRow) -> Status:
    return ledger.contracts.anchors.find(bytes.fromhex(row.id[2:])).status


def require_reason(reason: str) -> None:
    """Refuse a reason that is not 1 to 31 ASCII characters: it is 32 bytes on the chain. Raises InputError."""
    if not reason or len(reason) > 31 or not reason.isascii():
        raise InputError("a reason has 1 to 31 ASCII characters", hint="for example a ticket number")


def reject_batch(ledger: Ledger, batch: str, reason: str, *, dry_run: bool = False) -> BatchStep:
    """As the verifier: reject a batch for good; its trips may then be imported again. A dry run only finds it."""
    with ledger.db.read() as session:
        row = batches.get(session, batch)
    require_reason(reason)
    if dry_run:
        return BatchStep(row.id, row.state, False, None, 0)
    what = Deed(row.id, row.id, {"state": row.state}, {"state": "REJECTED", "reason": reason})
    sent = ledger.submitter("verifier").send(ledger.contracts.anchors.reject(bytes.fromhex(row.id[2:]), reason), what)
    ledger.db.write(lambda session: batches.mark_rejected(session, row.id))
    return BatchStep(row.id, "REJECTED", sent.changed, sent.transaction, sent.gas)


def recompute(ledger: Ledger, batch: str) -> BatchAudit:
    """Recompute one batch from its evidence, at the full level; raises VerificationError."""
    evidence = _evidence(ledger, batch)
    evidence.check_files()
    audit = BatchAudit(evidence)
    for _, step in [*audit.public_steps(), *audit.private_steps()]:
        step()
    return audit


def _check_day(ledger: Ledger, day: int) -> None:
    """No journey twice among the batches the chain holds for a service day; raises VerificationError."""
    anchors, chain = ledger.contracts.anchors, ledger.contracts
    found = anchors.anchored(chain.deployment.first_block, chain.chain.head(), serviceDate=day)
    counting = [e.batch_id for e in found if anchors.find(e.batch_id).status is not Status.REJECTED]
    findings = Findings()
    check_day(findings, [DayRows.read(_evidence(ledger, "0x" + batch.hex())) for batch in counting], full=True)
    for check in findings.checks():
        if not check.ok:
            raise VerificationError(f"{check.name}: {check.actual}")


def _rows(ledger: Ledger, wanted: Sequence[str], state: BatchState) -> list[BatchRow]:
    with ledger.db.read() as session:
        if not wanted:
            return batches.select_batches(session, states=(state,))
        rows = [batches.get(session, batch) for batch in wanted]
    for row in rows:
        if state is BatchState.ANCHORED and row.state is BatchState.SEALED:
            raise ConflictError(f"batch {row.id} is not anchored yet", hint="run `puhui anchor` first")
    return [row for row in rows if row.state is state]


def _evidence(ledger: Ledger, batch: str) -> BatchEvidence:
    return BatchEvidence(batch_folder(ledger.home.evidence, bytes.fromhex(batch[2:])))
