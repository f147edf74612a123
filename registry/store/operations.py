"""The queue of operations. What moves one from state to state stands here; what the chain says decides elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, exists, func, update
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from registry.errors import ConflictError, NotFoundError, StorageError
from registry.store.operation_tables import OPEN, AttemptRow, AttemptState, OperationRow, OperationState

# Made once: making a statement costs several times what executing it does. What is set comes with the parameters.
_AT: Final = update(OperationRow).where(col(OperationRow.seq) == bindparam("at"))
_MOVING: Final = _AT.where(col(OperationRow.state).in_(OPEN))
_SIGNING: Final = _AT.where(col(OperationRow.state) == OperationState.PENDING)
_ENDING: Final = update(AttemptRow).where(col(AttemptRow.tx_hash) == bindparam("hash"))


@dataclass(frozen=True)
class Signed:
    """Bytes to be sent for an operation."""

    operation: int
    tx_hash: str
    nonce: int
    raw: str


def enqueue(session: Session, row: OperationRow) -> OperationRow:
    """Record an operation; while the same call is open, it is that one."""
    if (known := open_by_digest(session, row.digest)) is not None:
        return known
    session.add(row)
    session.flush()
    return row


def open_by_digest(session: Session, digest: str) -> OperationRow | None:
    """The open operation of this digest."""
    wanted = select(OperationRow).where(OperationRow.digest == digest).where(col(OperationRow.state).in_(OPEN))
    return session.exec(wanted).one_or_none()


def open_in_stream(session: Session, stream: str, signer: str) -> OperationRow | None:
    """The newest open operation of a signer in a stream; it ends after all before it."""
    wanted = (
        select(OperationRow)
        .where(OperationRow.stream == stream)
        .where(OperationRow.signer == signer)
        .where(col(OperationRow.state).in_(OPEN))
    )
    return session.exec(wanted.order_by(col(OperationRow.seq).desc()).limit(1)).first()


def get(session: Session, operation_id: str) -> OperationRow:
    """The operation of this id; raises NotFoundError."""
    found = session.exec(select(OperationRow).where(OperationRow.id == operation_id)).one_or_none()
    if found is None:
        raise NotFoundError(f"there is no operation {operation_id}", hint="puhui ops list")
    return found


def by_seq(session: Session, seq: int) -> OperationRow:
    """The operation at this place of the queue."""
    return session.get_one(OperationRow, seq)


def listed(session: Session, states: Sequence[OperationState], limit: int) -> list[OperationRow]:
    """The newest operations in these states, newest first."""
    wanted = select(OperationRow).where(col(OperationRow.state).in_(states))
    return list(session.exec(wanted.order_by(col(OperationRow.seq).desc()).limit(limit)))


def ready(session: Session, signer: str, now: int, limit: int) -> list[OperationRow]:
    """What can be carried out for a signer now, oldest first: due, and with nothing open before it in its stream."""
    earlier = aliased(OperationRow)
    blocked = (
        exists()
        .where(col(earlier.stream) == col(OperationRow.stream))
        .where(col(earlier.seq) < col(OperationRow.seq))
        .where(col(earlier.state).in_(OPEN))
    )
    wanted = (
        select(OperationRow)
        .where(OperationRow.signer == signer, OperationRow.next_at <= now)
        .where(OperationRow.state == OperationState.PENDING)
        .where(~blocked)
    )
    return list(session.exec(wanted.order_by(col(OperationRow.seq)).limit(limit)))


def in_flight(
    session: Session, signer: str, only: Sequence[str] | None = None
) -> list[tuple[AttemptRow, OperationRow]]:
    """The signer's live attempts by nonce, or those of them that are named, each with its operation."""
    wanted = (
        select(AttemptRow, OperationRow)
        .join(OperationRow, col(OperationRow.seq) == col(AttemptRow.operation))
        .where(AttemptRow.signer == signer, AttemptRow.state == AttemptState.LIVE)
    )
    if only is not None:
        wanted = wanted.where(col(AttemptRow.tx_hash).in_(only))
    return list(session.exec(wanted.order_by(col(AttemptRow.nonce))))


def is_flying(session: Session, signer: str) -> bool:
    """Whether the signer has a live attempt."""
    wanted = select(AttemptRow.nonce).where(AttemptRow.signer == signer).where(AttemptRow.state == AttemptState.LIVE)
    return session.exec(wanted.limit(1)).first() is not None


def attempts_of(session: Session, seq: int) -> list[AttemptRow]:
    """Everything that was ever signed for an operation, oldest first."""
    wanted = select(AttemptRow).where(AttemptRow.operation == seq)
    return list(session.exec(wanted.order_by(col(AttemptRow.created_at), col(AttemptRow.nonce))))


def after_mined(session: Session, signer: str) -> int:
    """The nonce after every one whose receipt was seen."""
    last = session.exec(
        select(func.max(AttemptRow.nonce))
        .where(AttemptRow.signer == signer)
        .where(AttemptRow.state == AttemptState.MINED)
    ).one()
    return 0 if last is None else last + 1


def last_block(session: Session) -> int:
    """The newest block anything is recorded to be in."""
    return session.exec(select(func.max(OperationRow.block))).one() or 0


def commit_signed(session: Session, signer: str, signed: Sequence[Signed], token: int, now: int) -> None:
    """Commit the bytes of pending operations; from here on only the chain can say what came of them."""
    # Signed again for the nonce that it was given up with, a call is the very same bytes.
    again = select(AttemptRow).where(col(AttemptRow.tx_hash).in_([one.tx_hash for one in signed]))
    known = {row.tx_hash: row for row in session.exec(again)}
    for one in signed:
        going = {"at": one.operation, "state": OperationState.IN_FLIGHT, "tx_hash": one.tx_hash}
        if session.connection().execute(_SIGNING, going).rowcount != 1:
            raise ConflictError(f"operation {one.operation} is not pending any more")
        row = known.get(one.tx_hash) or _attempt(one, signer, token, now)
        row.state, row.token = AttemptState.LIVE, token
        session.add(row)
    session.flush()


def fill(session: Session, signer: str, one: Signed, token: int, now: int) -> None:
    """Commit bytes that do nothing but use up the nonce of bytes given up: so what comes after them can be mined."""
    session.add(_attempt(one, signer, token, now, fills=True))
    session.flush()


def _attempt(one: Signed, signer: str, token: int, now: int, *, fills: bool = False) -> AttemptRow:
    return AttemptRow(
        tx_hash=one.tx_hash,
        operation=one.operation,
        signer=signer,
        nonce=one.nonce,
        raw=one.raw,
        token=token,
        fills=fills,
        created_at=now,
    )


def end_attempt(session: Session, tx_hash: str, state: AttemptState) -> None:
    """Record what became of signed bytes."""
    session.connection().execute(_ENDING, {"hash": tx_hash, "state": state})


def confirm(session: Session, seq: int, now: int, tx_hash: str, block: int, gas_used: int) -> None:
    """End an operation whose transaction is in a block; nothing if it ended before."""
    mined = {"tx_hash": tx_hash, "block": block, "gas_used": gas_used}
    _move(session, seq, {"state": OperationState.CONFIRMED, "finished_at": now, "reason": None, **mined})


def end(session: Session, seq: int, state: OperationState, now: int, reason: str | None) -> None:
    """End an operation that was never sent as UNCHANGED, REFUSED or LAPSED; nothing if it ended before."""
    _move(session, seq, {"state": state, "finished_at": now, "reason": reason})


def again(session: Session, seq: int, next_at: int, reason: str) -> None:
    """Let an open operation be tried anew from its simulation on, not before `next_at`."""
    values = {"attempts": by_seq(session, seq).attempts + 1, "next_at": next_at, "reason": reason}
    _move(session, seq, {"state": OperationState.PENDING, **values})


def postpone(session: Session, seq: int, next_at: int, reason: str) -> None:
    """Look at a pending operation again, but not before `next_at`; this counts as no attempt."""
    _move(session, seq, {"next_at": next_at, "reason": reason})


def hold(session: Session, seq: int, reason: str) -> None:
    """Stop trying: a person decides. Its stream waits with it, no other does."""
    row = by_seq(session, seq)
    _move(session, seq, {"state": OperationState.HELD, "attempts": row.attempts + 1, "reason": reason})


def retry(session: Session, operation_id: str, now: int) -> OperationRow:
    """Try a held operation again; raises ConflictError for one that is not held."""
    row = get(session, operation_id)
    if row.state is not OperationState.HELD:
        raise ConflictError(f"operation {operation_id} is {row.state}, not HELD", state=row.state)
    _move(session, seq_of(row), {"state": OperationState.PENDING, "attempts": 0, "next_at": now})
    session.refresh(row)
    return row


def seq_of(row: OperationRow) -> int:
    """The place of a recorded operation in the queue."""
    if row.seq is not None:
        return row.seq
    raise StorageError(f"operation {row.id} was not recorded")


def note(session: Session, seq: int, reason: str) -> None:
    """Say of an open operation what the last answer was."""
    _move(session, seq, {"reason": reason})


def blocker(session: Session, row: OperationRow) -> OperationRow | None:
    """The held operation an open one waits behind."""
    wanted = (
        select(OperationRow)
        .where(OperationRow.stream == row.stream)
        .where(OperationRow.state == OperationState.HELD)
        .where(col(OperationRow.seq) < seq_of(row))
    )
    return session.exec(wanted.order_by(col(OperationRow.seq)).limit(1)).first()


def signers_with_work(session: Session) -> list[tuple[str, str]]:
    """(role, signer) of everything pending or in flight."""
    wanted = select(OperationRow.role, OperationRow.signer).where(
        col(OperationRow.state).in_((OperationState.PENDING, OperationState.IN_FLIGHT))
    )
    return sorted(set(session.exec(wanted)))


def _move(session: Session, seq: int, values: dict[str, object]) -> None:
    session.connection().execute(_MOVING, {"at": seq, **values})


def counts(session: Session) -> dict[OperationState, int]:
    """How many operations are in each state."""
    wanted = select(OperationRow.state, func.count()).group_by(col(OperationRow.state))
    return {OperationState(state): number for state, number in session.exec(wanted)}


def oldest_open(session: Session) -> int | None:
    """When the oldest operation that is pending or in flight was decided, in ms since the epoch."""
    wanted = select(func.min(OperationRow.created_at)).where(
        col(OperationRow.state).in_((OperationState.PENDING, OperationState.IN_FLIGHT))
    )
    return session.exec(wanted).one()
