"""Publishing epochs: attested batches become earned points, once a verifier has recomputed every entitlement."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import polars as pl
from sqlmodel import Session

from registry.audit.mandates import LAG_S, mandated, require_recent
from registry.chain.contracts.carbon_points import EpochRecord
from registry.chain.contracts.trip_anchors import Status
from registry.core import entitlement, methodology
from registry.errors import ConflictError, EvidenceError, VerificationError
from registry.evidence import files
from registry.evidence.batch import BatchEvidence, batch_folder
from registry.evidence.epoch import Epoch, EpochEvidence, epochs_folder, write_epoch
from registry.services.anchoring import recompute, require_reason
from registry.services.ledger import Ledger
from registry.services.submission import Deed
from registry.store import batches, epochs
from registry.store.tables import BatchState, EpochRow, EpochState

MAX_BATCHES = 64
Progress = Callable[[str], None]


@dataclass(frozen=True)
class EpochStep:
    """What was done to an epoch; sums in mg, gas of the transaction sent."""

    number: int
    root: str
    size: int
    batches: list[str]
    earned_mg: int
    state: str
    changed: bool
    transaction: str | None
    gas: int


def publish_epoch(ledger: Ledger, progress: Progress = lambda _: None) -> EpochStep | None:
    """Publish the next epoch over all attested batches (at most 64); None when there is nothing to publish.

    A publication interrupted by a crash is finished first. Raises ConflictError while an earlier epoch is pending.
    """
    points = ledger.contracts.points
    with ledger.db.read() as session:
        last = epochs.latest(session)
    if last is not None and last.state is EpochState.PREPARED:
        ledger.submitter("platform").finish("CarbonPoints.publishEpoch")
        prepared_before = folder_of(ledger, last.number, bytes.fromhex(last.root[2:]))
        if points.epoch(last.number) is not None or _still_good(ledger, prepared_before.epoch):
            progress(f"finishing epoch {last.number}")
            return _send(ledger, prepared_before)
        # A batch was refused since, or mandates may have changed; it never reached the chain, so nothing refers to it.
        ledger.db.write(lambda session: epochs.mark_cancelled(session, last.number))
        files.remove_folder(ledger.home.evidence, prepared_before.folder)
    elif last is not None and points.epoch(last.number) is None:
        # A guardian cancelled it: its batches are attested again and wait for another epoch.
        ledger.db.write(lambda session: epochs.mark_cancelled(session, last.number))
    current = points.current_epoch()
    if current != points.active_epoch():
        raise ConflictError(
            f"epoch {current} is published and not active yet",
            hint=f"have it attested (`puhui attest --epoch {current}`) or wait for its activation delay",
        )
    with ledger.db.read() as session:
        rows = batches.select_batches(session, states=(BatchState.ATTESTED,), limit=MAX_BATCHES)
    if not rows:
        return None
    progress(f"entitlements of {len(rows)} batches")
    listed = tuple(bytes.fromhex(row.id[2:]) for row in rows)
    standing = entitlements_of(ledger, current)
    as_of = ledger.contracts.chain.head()
    earned = [_earned(ledger, b) for b in listed]
    entitled = entitlement.accumulate(standing, earned, mandated(ledger.contracts, as_of))
    epoch = write_epoch(ledger.home.evidence, current + 1, entitled, listed, mandates_block=as_of)
    prepared = EpochRow(number=epoch.number, root="0x" + epoch.root.hex(), size=epoch.size, created_at=int(time.time()))

    def decide(session: Session) -> None:
        epochs.insert(session, prepared)

    return _send(ledger, folder_of(ledger, epoch.number, epoch.root), decide)


def attest_epoch(ledger: Ledger, number: int) -> EpochStep:
    """As the verifier: recompute every entitlement of a published epoch from trips, and co-sign it.

    Raises VerificationError, and signs nothing, at the first difference.
    """
    points = ledger.contracts.points
    record = points.epoch(number)
    if record is None:
        raise ConflictError(f"epoch {number} is not published", hint="run `puhui epoch publish` first")
    folder = folder_of(ledger, number, record.root)
    sent = None
    if not record.attested:
        _verify(ledger, folder, record)
        what = Deed(f"epoch {number}", "", {"state": "PUBLISHED"}, {"state": "ATTESTED"}, _publisher(ledger, number))
        sent = ledger.submitter("verifier").send(points.attest_epoch(number, record.digest), what)

    def mark(session: Session) -> None:
        # The one who published may have been interrupted before recording it.
        if epochs.get(session, number).state is EpochState.PREPARED:
            _mark_published(session, folder.epoch, record, None)
        epochs.mark_attested(session, number, tx=sent.transaction if sent else None)

    ledger.db.write(mark)
    return _step(ledger, folder.epoch, "ATTESTED", sent.transaction if sent else None, sent.gas if sent else 0)


def cancel_epoch(ledger: Ledger, number: int, reason: str) -> EpochStep:
    """As the guardian: take back an epoch that is not active yet; its batches wait for another one.

    Raises InputError for a reason that is not 1 to 31 ASCII characters, ChainRevert for an epoch that is active.
    """
    require_reason(reason)
    record = ledger.contracts.points.epoch(number)
    if record is None:
        raise ConflictError(f"epoch {number} is not on the chain", hint="`puhui epoch show` tells which is")
    folder = folder_of(ledger, number, record.root)
    converted = entitlement.conversions(entitlements_of(ledger, number - 1), folder.entitlements())
    call = ledger.contracts.points.cancel_epoch(number, folder.epoch.batches, converted, reason)
    what = Deed(f"epoch {number}", "", {"root": record.root.hex()}, {"state": "CANCELLED", "reason": reason})
    sent = ledger.submitter("guardian").send(call, what)
    step = _step(ledger, folder.epoch, "CANCELLED", sent.transaction, sent.gas)
    ledger.db.write(lambda session: epochs.mark_cancelled(session, number))
    return step


def pending_epoch(ledger: Ledger) -> int | None:
    """The number of the published epoch that still needs a verifier, or a record of his having signed, if any."""
    current = ledger.contracts.points.current_epoch()
    record = ledger.contracts.points.epoch(current) if current else None
    if record is None:
        return None
    with ledger.db.read() as session:
        known = epochs.find(session, current)
    recorded = known is None or known.state is EpochState.ATTESTED
    return None if record.attested and recorded else current


def folder_of(ledger: Ledger, number: int, root: bytes) -> EpochEvidence:
    """The evidence of an epoch; raises EvidenceError when it is missing."""
    return EpochEvidence(epochs_folder(ledger.home.evidence) / Epoch(number, root, 0, ()).name)


def entitlements_of(ledger: Ledger, number: int) -> pl.DataFrame:
    """The entitlements of an epoch, proved by its root on the chain; those of epoch 0 are empty.

    A manifest only says what its own writer says: whoever holds the evidence could rewrite both. The next epoch, and
    the verifier's signature under it, stand on these rows, so it is the chain that decides. Raises EvidenceError.
    """
    if number == 0:
        return entitlement.empty()
    record = ledger.contracts.points.epoch(number)
    if record is None:
        raise EvidenceError(f"epoch {number} is not on the chain")
    folder = folder_of(ledger, number, record.root)
    folder.check_files()
    found = folder.entitlements()
    if (entitlement.root_of(found), found.height) != (record.root, record.size):
        raise EvidenceError(
            f"epoch {number}: the entitlements in evidence are not those of its root on the chain",
            hint="restore this epoch's folder from a copy; `puhui audit` names the first wrong row",
            path=str(folder.folder),
        )
    return found


def _send(ledger: Ledger, folder: EpochEvidence, deciding: Callable[[Session], None] | None = None) -> EpochStep:
    points, epoch = ledger.contracts.points, folder.epoch
    converted = entitlement.conversions(entitlements_of(ledger, epoch.number - 1), folder.entitlements())
    call = points.publish_epoch(epoch.number, epoch.root, epoch.size, epoch.batches, converted)
    after = {"state": "PUBLISHED", "root": epoch.root.hex()}
    what = Deed(f"epoch {epoch.number}", "", {"state": "PREPARED"}, after, fresh_s=LAG_S // 2)
    sent = ledger.submitter("platform").send(call, what, deciding=deciding)
    record = points.epoch(epoch.number)
    if record is None or record.root != epoch.root:
        raise ConflictError(f"epoch {epoch.number} on the chain is not the one that was prepared")

    ledger.db.write(lambda session: _mark_published(session, epoch, record, sent.transaction))
    return _step(ledger, epoch, "PUBLISHED", sent.transaction, sent.gas)


def _publisher(ledger: Ledger, number: int) -> str:
    contracts, first = ledger.contracts, ledger.contracts.deployment.first_block
    return [e.publisher for e in contracts.points.published(first, contracts.chain.head()) if e.number == number][-1]


def _mark_published(session: Session, epoch: Epoch, record: EpochRecord, tx: str | None) -> None:
    epochs.mark_published(session, epoch.number, tx=tx, active_at=record.active_at)
    for batch in epoch.batches:
        batches.mark_issued(session, "0x" + batch.hex(), epoch=epoch.number)


def _step(ledger: Ledger, epoch: Epoch, state: str, transaction: str | None, gas: int) -> EpochStep:
    with ledger.db.read() as session:
        earned = sum(batches.get(session, "0x" + b.hex()).reduction_mg for b in epoch.batches)
    listed = ["0x" + b.hex() for b in epoch.batches]
    root = "0x" + epoch.root.hex()
    return EpochStep(epoch.number, root, epoch.size, listed, earned, state, transaction is not None, transaction, gas)


def _still_good(ledger: Ledger, epoch: Epoch) -> bool:
    """Whether a prepared epoch can still be published: every batch attested, and its mandates read lately."""
    chain, head = ledger.contracts.chain, ledger.contracts.chain.head()
    if epoch.mandates_block is None:
        return False
    if epoch.mandates_block < head:
        now = max(chain.timestamp(head), int(time.time()))
        if now - chain.timestamp(epoch.mandates_block + 1) > LAG_S // 2:
            return False
    return all(ledger.contracts.anchors.find(batch).status is Status.ATTESTED for batch in epoch.batches)


def _earned(ledger: Ledger, batch_id: bytes) -> pl.DataFrame:
    folder = BatchEvidence(batch_folder(ledger.home.evidence, batch_id))
    spec = methodology.by_id(folder.batch.methodology)
    reductions = folder.leaves(("reduction_mg",))["reduction_mg"]
    wallets = folder.private(("wallet",))["wallet"]
    return entitlement.earned_by_account(wallets, reductions, spec.class_id(folder.batch.serviceDate))


def _verify(ledger: Ledger, folder: EpochEvidence, record: EpochRecord) -> None:
    folder.check_files()
    contracts, first = ledger.contracts, ledger.contracts.deployment.first_block
    published = [
        e for e in contracts.points.published(first, contracts.chain.head()) if e.number == folder.epoch.number
    ]
    as_of = folder.epoch.mandates_block
    require_recent(contracts, folder.epoch.number, as_of, published[0].block)
    standing = entitlements_of(ledger, folder.epoch.number - 1)
    earned = [recompute(ledger, "0x" + batch.hex()).earned() for batch in folder.epoch.batches]
    expected = entitlement.accumulate(standing, earned, mandated(contracts, as_of))
    root = entitlement.root_of(expected)
    if (root, expected.height) != (record.root, record.size):
        raise VerificationError(
            f"epoch {folder.epoch.number}: root recomputed from trips differs from the published one",
            expected=root.hex(),
            actual=record.root.hex(),
        )
    converted = entitlement.conversions(standing, expected)
    digest = contracts.points.hash_epoch(folder.epoch.number, root, expected.height, folder.epoch.batches, converted)
    if digest != record.digest:
        raise VerificationError(f"epoch {folder.epoch.number}: the chain lists other batches or conversions")
