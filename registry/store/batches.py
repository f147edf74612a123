"""Sealed batches and how far each has come. States move by compare and swap; see `tables.BatchState`.

A `mark_` function returns True if it moved the batch and False if the batch stood there already with the same values
(an unknown one, None, contradicts nothing); it raises ConflictError from any other state and NotFoundError.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from sqlmodel import Session, col, func, select

from registry.errors import ConflictError, InputError, NotFoundError
from registry.store.tables import BatchRow, BatchState, stored_mg
from registry.store.transitions import move

_NO_PREVIOUS: Final = "0x" + "00" * 32
_PREFIX: Final = re.compile(r"(0x)?([0-9a-f]{8,64})\Z")
_SEALED_FIELDS: Final = (
    "source_id",
    "service_date",
    "sequence",
    "methodology",
    "trip_count",
    "reduction_mg",
    "trip_root",
    "leaves_digest",
    "input_digest",
    "previous",
)


def insert(session: Session, row: BatchRow) -> BatchRow:
    """Record a sealed batch. The same batch again is the recorded row.

    Raises ConflictError when its id or its place (source, day, sequence) holds another batch, or when it does not
    follow the last one of its stream; InputError beyond 2**63 - 1 mg.
    """
    stored_mg(row.reduction_mg)
    known = session.get(BatchRow, row.id)
    if known is not None:
        differing = [name for name in _SEALED_FIELDS if getattr(known, name) != getattr(row, name)]
        if differing:
            raise ConflictError(f"batch {row.id} is recorded with another {' and '.join(differing)}", batch=row.id)
        return known
    sequence, previous = next_place(session, row.source_id, row.service_date)
    if (row.sequence, row.previous) != (sequence, previous):
        raise ConflictError(
            f"batch {row.id} does not follow the last batch of {row.source_id} for {row.service_date}",
            hint="another import of the same day came first; import the file again",
            expected_sequence=sequence,
            sequence=row.sequence,
        )
    session.add(row)
    session.flush()
    return row


def get(session: Session, batch_id: str) -> BatchRow:
    """The batch with this id, or the only one whose id begins so (8 hex digits or more, with or without 0x).

    Raises InputError when it cannot be an id, NotFoundError when there is none, ConflictError when there are several.
    """
    match = _PREFIX.match(batch_id.lower())
    if match is None:
        raise InputError(f"{batch_id!r} is no batch id", hint="give at least 8 hexadecimal digits of it")
    start = "0x" + match[2]
    among = select(BatchRow).where(BatchRow.id >= start, BatchRow.id <= start.ljust(66, "f"))
    found = session.exec(among.order_by(col(BatchRow.id)).limit(2)).all()
    if not found:
        raise NotFoundError(f"there is no batch {start}")
    if len(found) > 1:
        raise ConflictError(f"several batches begin with {start}", hint="give more digits", batch=start)
    return found[0]


def select_batches(
    session: Session,
    *,
    states: Sequence[BatchState] = (),
    service_date: int | None = None,
    source_id: str | None = None,
    import_id: int | None = None,
    limit: int | None = None,
) -> list[BatchRow]:
    """Batches by state, day (yyyymmdd), source and import, whichever is given; by day, source and sequence."""
    query = select(BatchRow).order_by(col(BatchRow.service_date), col(BatchRow.source_id), col(BatchRow.sequence))
    if states:
        query = query.where(col(BatchRow.state).in_(states))
    if service_date is not None:
        query = query.where(BatchRow.service_date == service_date)
    if source_id is not None:
        query = query.where(BatchRow.source_id == source_id)
    if import_id is not None:
        query = query.where(BatchRow.import_id == import_id)
    return list(session.exec(query.limit(limit)))


def next_place(session: Session, source_id: str, service_date: int) -> tuple[int, str]:
    """The sequence of the next batch of (source, day) and the id of the one before it, 32 zero bytes for the first.

    A rejected batch keeps its place, on chain as here.
    """
    stream = select(BatchRow).where(BatchRow.source_id == source_id, BatchRow.service_date == service_date)
    last = session.exec(stream.order_by(col(BatchRow.sequence).desc()).limit(1)).first()
    return (0, _NO_PREVIOUS) if last is None else (last.sequence + 1, last.id)


def counting_on(session: Session, service_date: int) -> list[BatchRow]:
    """Every batch of a service day, of all sources, that is not rejected: what a new one must be disjoint from."""
    day = select(BatchRow).where(BatchRow.service_date == service_date, BatchRow.state != BatchState.REJECTED)
    return list(session.exec(day.order_by(col(BatchRow.source_id), col(BatchRow.sequence))))


def overlapping(session: Session, source_id: str, trip_id_min: str, trip_id_max: str) -> list[BatchRow]:
    """Batches of a source, not rejected, that may hold a trip id between these two (inclusive, by bytes)."""
    query = select(BatchRow).where(
        BatchRow.source_id == source_id,
        BatchRow.state != BatchState.REJECTED,
        BatchRow.trip_id_min <= trip_id_max,
        BatchRow.trip_id_max >= trip_id_min,
    )
    return list(session.exec(query.order_by(col(BatchRow.service_date), col(BatchRow.sequence))))


def holding_trip_id(session: Session, trip_id: str, source_id: str | None = None) -> list[BatchRow]:
    """Batches, not rejected, whose range of trip ids this one falls into; of every source unless one is given."""
    query = select(BatchRow).where(
        BatchRow.state != BatchState.REJECTED, BatchRow.trip_id_min <= trip_id, BatchRow.trip_id_max >= trip_id
    )
    if source_id is not None:
        query = query.where(BatchRow.source_id == source_id)
    return list(session.exec(query.order_by(col(BatchRow.service_date), col(BatchRow.sequence))))


def totals(session: Session) -> dict[BatchState, tuple[int, int]]:
    """How many batches are in each state, and their reductions in mg."""
    # Summed here: the database's own sum would be a 64-bit overflow or a decimal, depending on which it is.
    sums = dict.fromkeys(BatchState, (0, 0))
    for state, reduction_mg in session.exec(select(BatchRow.state, BatchRow.reduction_mg)):
        count, total = sums[BatchState(state)]
        sums[BatchState(state)] = (count + 1, total + reduction_mg)
    return sums


def mark_anchored(session: Session, batch_id: str, *, tx: str | None, block: int | None) -> bool:
    """SEALED -> ANCHORED; `tx` and `block` are None when the anchor was found on chain without its receipt."""
    values = {"anchor_tx": tx, "anchor_block": block}
    return _mark(session, batch_id, (BatchState.SEALED,), BatchState.ANCHORED, values)


def mark_attested(session: Session, batch_id: str, *, tx: str | None) -> bool:
    """ANCHORED -> ATTESTED, when the quorum is complete."""
    return _mark(session, batch_id, (BatchState.ANCHORED,), BatchState.ATTESTED, {"attest_tx": tx})


def mark_issued(session: Session, batch_id: str, *, epoch: int) -> bool:
    """ATTESTED -> ISSUED in epoch number `epoch`."""
    return _mark(session, batch_id, (BatchState.ATTESTED,), BatchState.ISSUED, {"epoch": epoch})


def mark_rejected(session: Session, batch_id: str) -> bool:
    """ANCHORED or ATTESTED -> REJECTED, for good."""
    return _mark(session, batch_id, (BatchState.ANCHORED, BatchState.ATTESTED), BatchState.REJECTED, {})


def release(session: Session, epoch: int) -> list[BatchRow]:
    """ISSUED -> ATTESTED for every batch of an epoch that was cancelled before it was active."""
    rows = list(session.exec(select(BatchRow).where(BatchRow.epoch == epoch)))
    for row in rows:
        _mark(session, row.id, (BatchState.ISSUED,), BatchState.ATTESTED, {"epoch": None})
    return rows


def count(session: Session) -> int:
    """How many batches were ever sealed."""
    return session.exec(select(func.count()).select_from(BatchRow)).one()


def _mark(
    session: Session,
    batch_id: str,
    sources: tuple[BatchState, ...],
    target: BatchState,
    values: Mapping[str, str | int | None],
) -> bool:
    row = session.get(BatchRow, batch_id)
    if row is None:
        raise NotFoundError(f"there is no batch {batch_id}")
    return move(session, row, sources, target, values, f"batch {batch_id}")
