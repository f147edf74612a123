"""Epochs and how far each has come: PREPARED -> PUBLISHED -> ATTESTED, or CANCELLED, which frees the number.

`mark_` functions answer as those of `batches` do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlmodel import Session, col, select

from registry.errors import ConflictError, NotFoundError
from registry.store import batches
from registry.store.tables import EpochRow, EpochState
from registry.store.transitions import move

_LIVE: Final = (EpochState.PREPARED, EpochState.PUBLISHED, EpochState.ATTESTED)


def insert(session: Session, row: EpochRow) -> EpochRow:
    """Record an epoch, usually PREPARED before it is published. The same root and size again: the recorded row.

    Raises ConflictError when the number stands for another epoch that was not cancelled.
    """
    known = find(session, row.number)
    if known is None:
        session.add(row)
        session.flush()
        return row
    if (known.root, known.size) != (row.root, row.size):
        raise ConflictError(
            f"epoch {row.number} is recorded with another root", number=row.number, expected=known.root, actual=row.root
        )
    return known


def find(session: Session, number: int) -> EpochRow | None:
    """The epoch of this number that is not cancelled, if there is one."""
    return session.exec(select(EpochRow).where(EpochRow.number == number, col(EpochRow.state).in_(_LIVE))).first()


def get(session: Session, number: int) -> EpochRow:
    """The epoch of this number that is not cancelled; raises NotFoundError."""
    found = find(session, number)
    if found is None:
        raise NotFoundError(f"there is no epoch {number}")
    return found


def latest(session: Session) -> EpochRow | None:
    """The epoch with the highest number, cancelled ones left aside."""
    return session.exec(
        select(EpochRow).where(col(EpochRow.state).in_(_LIVE)).order_by(col(EpochRow.number).desc()).limit(1)
    ).first()


def every(session: Session) -> list[EpochRow]:
    """All epochs in the order they were prepared, cancelled ones included."""
    return list(session.exec(select(EpochRow).order_by(col(EpochRow.id))))


def mark_published(session: Session, number: int, *, tx: str | None, active_at: int) -> bool:
    """PREPARED -> PUBLISHED; `active_at` (epoch seconds) is the first instant at which it can be active."""
    values = {"publish_tx": tx, "active_at": active_at}
    return _mark(session, number, (EpochState.PREPARED,), EpochState.PUBLISHED, values)


def mark_attested(session: Session, number: int, *, tx: str | None) -> bool:
    """PUBLISHED -> ATTESTED."""
    return _mark(session, number, (EpochState.PUBLISHED,), EpochState.ATTESTED, {"attest_tx": tx})


def mark_cancelled(session: Session, number: int) -> bool:
    """Any live state -> CANCELLED; its batches go back to ATTESTED and its number is free again.

    False if the latest epoch of that number is cancelled already.
    """
    if find(session, number) is None and any(row.number == number for row in every(session)):
        return False
    moved = _mark(session, number, _LIVE, EpochState.CANCELLED, {})
    batches.release(session, number)
    return moved


def _mark(
    session: Session,
    number: int,
    sources: tuple[EpochState, ...],
    target: EpochState,
    values: Mapping[str, str | int | None],
) -> bool:
    return move(session, get(session, number), sources, target, values, f"epoch {number}")
