"""The chain's events as rows, and how far the chain was read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import delete
from sqlmodel import Session, col, func, select

from registry.errors import ConflictError
from registry.store import sequences
from registry.store.log_tables import CursorRow, EventRow

LOG: Final = "chain_events"


@dataclass(frozen=True)
class Place:
    """A block that was read to its end."""

    block: int
    block_hash: str


@dataclass(frozen=True)
class Found:
    """An event as it was read from the chain."""

    block: int
    log_index: int
    block_hash: str
    tx_hash: str
    time: int
    contract: str
    name: str
    arguments: dict[str, Any]


def cursor(session: Session) -> Place | None:
    """The last block that was read; None before the first."""
    row = session.get(CursorRow, LOG)
    return None if row is None else Place(row.block, row.block_hash)


def append(session: Session, before: Place | None, found: Sequence[Found], after: Place) -> bool:
    """Add what was read after `before` up to `after`; False, and nothing is added, if another one was faster."""
    sequences.serialise(session)
    row = session.get(CursorRow, LOG)
    if (None if row is None else Place(row.block, row.block_hash)) != before:
        return False
    first = sequences.take(session, LOG, len(found))
    session.add_all(EventRow(sequence=number, **vars(event)) for number, event in enumerate(found, first))
    row = row or CursorRow(name=LOG, block=0, block_hash="")
    row.block, row.block_hash = after.block, after.block_hash
    session.add(row)
    session.flush()
    return True


def forget_from(session: Session, block: int, before: Place | None) -> int:
    """Delete the events of `block` and later, so that they are read anew after `before`; how many there were."""
    sequences.serialise(session)
    kept = session.exec(select(func.count()).select_from(EventRow).where(EventRow.block < block)).one()
    gone = session.connection().execute(delete(EventRow).where(col(EventRow.block) >= block)).rowcount
    if sequences.last(session, LOG) != kept + gone:
        raise ConflictError("the numbers of the events do not match their rows", hint="restore the database")
    sequences.reset(session, LOG, kept)
    row = session.get(CursorRow, LOG)
    if row is not None and before is None:
        session.delete(row)
    elif row is not None and before is not None:
        row.block, row.block_hash = before.block, before.block_hash
        session.add(row)
    session.flush()
    return int(gone)


def after(session: Session, sequence: int, limit: int, name: str | None = None) -> list[EventRow]:
    """The events after this number, in order."""
    wanted = select(EventRow).where(EventRow.sequence > sequence)
    if name is not None:
        wanted = wanted.where(EventRow.name == name)
    return list(session.exec(wanted.order_by(col(EventRow.sequence)).limit(limit)))


def between(session: Session, first: int, last: int) -> list[EventRow]:
    """The events of these blocks, both included, in order."""
    wanted = select(EventRow).where(EventRow.block >= first).where(EventRow.block <= last)
    return list(session.exec(wanted.order_by(col(EventRow.sequence))))
