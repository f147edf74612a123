"""Epochs: those the chain holds or cancelled have a row, and their batches are issued."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from registry.chain.logs import Event
from registry.errors import EvidenceError, VerificationError
from registry.evidence.epoch import Epoch, EpochEvidence, epochs_folder
from registry.services.ledger import Ledger
from registry.services.reconciling.repair import Repair, written_at
from registry.store import batches, epochs
from registry.store.tables import BatchState, EpochRow, EpochState


@dataclass
class Published:
    """A publication on the chain and what became of it; `active_at` and `time` in epoch seconds."""

    number: int
    root: bytes
    size: int
    batches: tuple[bytes, ...]
    active_at: int
    publish_tx: str
    time: int
    attest_tx: str | None = None
    cancelled: bool = False

    @property
    def key(self) -> tuple[int, str]:
        """Number and root, by which a row is found."""
        return self.number, "0x" + self.root.hex()

    @property
    def state(self) -> EpochState:
        """The state its row has to have."""
        if self.cancelled:
            return EpochState.CANCELLED
        return EpochState.PUBLISHED if self.attest_tx is None else EpochState.ATTESTED


@dataclass(frozen=True)
class EpochsCompared:
    """What was found: rows to cancel before anything else, the numbers of their epochs, and rows to repair last."""

    cancelled: list[Repair]
    released: set[int]
    repairs: list[Repair]


def compare(ledger: Ledger, head: int) -> EpochsCompared:
    """Compare every epoch up to block `head`.

    Raises VerificationError naming an epoch that evidence lacks, or that the chain does not have as the database says.
    """
    found = _published(ledger, head)
    live = {each.number for each in found if not each.cancelled}
    with ledger.db.read() as session:
        rows = epochs.every(session)
        issued = {row.id: row.epoch for row in batches.select_batches(session, states=(BatchState.ISSUED,))}
    cancelled, repairs, released = list[Repair](), list[Repair](), set[int]()
    known: dict[int, EpochRow] = {}
    for row, each in zip(rows, _matched(rows, found), strict=True):
        if each is not None:
            known[id(each)] = row
        if row.state is EpochState.CANCELLED or (each is not None and not each.cancelled):
            continue
        if each is None and row.state is not EpochState.PREPARED:
            raise VerificationError(
                f"epoch {row.number} is {row.state} in the database, and the chain does not have it", epoch=row.number
            )
        if each is None and row.number not in live and _has_evidence(ledger, row):
            continue  # decided and not sent yet
        cancelled.append(_cancellation(row, each))
        released.add(row.number)
    for each in found:
        if not each.cancelled:
            repairs += _behind(ledger, each, known.get(id(each)), issued)
        elif id(each) not in known:
            repairs.append(_history(each))
    return EpochsCompared(cancelled, released, repairs)


def _matched(rows: Sequence[EpochRow], found: Sequence[Published]) -> list[Published | None]:
    """Each row's publication: the one of its transaction, else the first of its number and root that no row has."""
    taken = {row.publish_tx for row in rows if row.publish_tx is not None}
    matched: list[Published | None] = []
    for row in rows:
        of_row = [each for each in found if each.key == (row.number, row.root)]
        if row.publish_tx is not None:
            fitting = [each for each in of_row if each.publish_tx == row.publish_tx]
        else:
            fitting = [each for each in of_row if each.publish_tx not in taken]
        if row.state is EpochState.CANCELLED:
            fitting = [each for each in fitting if each.cancelled]  # or it was given up before it was published
        matched.append(fitting[0] if fitting else None)
        if fitting:
            taken.add(fitting[0].publish_tx)
    return matched


def _published(ledger: Ledger, head: int) -> list[Published]:
    """Every publication, in the order of the chain."""
    contracts = ledger.contracts
    names = ("EpochPublished", "EpochAttested", "EpochCancelled")
    found: list[Published] = []
    for event in contracts.points.history(names, contracts.deployment.first_block, head):
        if event.name == "EpochPublished":
            found.append(_publication(event, contracts.chain.timestamp(event.block)))
            continue
        last = next(each for each in reversed(found) if each.number == event["number"])
        if event.name == "EpochAttested":
            last.attest_tx = event.transaction
        else:
            last.cancelled = True
    return found


def _publication(event: Event, time: int) -> Published:
    return Published(
        number=event["number"],
        root=event["root"],
        size=event["size"],
        batches=tuple(event["batchIds"]),
        active_at=event["activeAt"],
        publish_tx=event.transaction,
        time=time,
    )


def _has_evidence(ledger: Ledger, row: EpochRow) -> bool:
    name = Epoch(row.number, bytes.fromhex(row.root[2:]), row.size, ()).name
    return (epochs_folder(ledger.home.evidence) / name / "manifest.json").exists()


def _cancellation(row: EpochRow, each: Published | None) -> Repair:
    number = row.number

    def cancel(session: Session) -> None:
        if each is not None and row.state is EpochState.PREPARED:
            epochs.mark_published(session, number, tx=each.publish_tx, active_at=each.active_at)
        epochs.mark_cancelled(session, number)

    return Repair("epoch", str(number), f"{row.state} -> CANCELLED", cancel)


def _history(each: Published) -> Repair:
    row = _row(each, each.time)
    row.state, row.publish_tx, row.active_at = EpochState.CANCELLED, each.publish_tx, each.active_at
    row.attest_tx = each.attest_tx

    def add(session: Session) -> None:
        session.add(EpochRow(**row.model_dump()))
        session.flush()

    return Repair("epoch", str(each.number), "inserted, CANCELLED", add)


def _row(each: Published, created_at: int) -> EpochRow:
    number, root = each.key
    return EpochRow(number=number, root=root, size=each.size, created_at=created_at)


def _behind(ledger: Ledger, each: Published, row: EpochRow | None, issued: dict[str, Any]) -> Iterator[Repair]:
    evidence = _evidence(ledger, each)
    if row is not None and row.state is EpochState.ATTESTED and each.state is EpochState.PUBLISHED:
        raise VerificationError(f"epoch {each.number} is ATTESTED in the database, and not on the chain")
    listed = ["0x" + batch.hex() for batch in each.batches]
    if row is not None and row.state is each.state and all(issued.get(batch) == each.number for batch in listed):
        return
    created_at = written_at(evidence.folder / "manifest.json", each.time)

    def catch_up(session: Session) -> None:
        found = epochs.insert(session, _row(each, created_at))
        if found.state is EpochState.PREPARED:
            epochs.mark_published(session, each.number, tx=each.publish_tx, active_at=each.active_at)
        for batch in listed:
            batches.mark_issued(session, batch, epoch=each.number)
        if each.attest_tx is not None and found.state is EpochState.PUBLISHED:
            epochs.mark_attested(session, each.number, tx=each.attest_tx)

    change = f"inserted from evidence, {each.state}" if row is None else f"{row.state} -> {each.state}"
    yield Repair("epoch", str(each.number), change, catch_up)


def _evidence(ledger: Ledger, each: Published) -> EpochEvidence:
    try:
        evidence = EpochEvidence(epochs_folder(ledger.home.evidence) / Epoch(each.number, each.root, 0, ()).name)
        evidence.check_files()
        if (evidence.epoch.size, evidence.epoch.batches) != (each.size, each.batches):
            raise EvidenceError("its manifest lists other batches, or another size")
    except EvidenceError as error:
        raise VerificationError(
            f"epoch {each.number} is on the chain, and evidence does not have it: {error.message}",
            hint="restore the evidence of this epoch, then run `puhui reconcile` again",
            epoch=each.number,
        ) from error
    return evidence
