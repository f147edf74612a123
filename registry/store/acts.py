"""The log of privileged acts: it only grows, and every row says what came before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from sqlmodel import Session, col, select

from registry.core.acts import Act, origin
from registry.errors import ConflictError
from registry.store import sequences
from registry.store.log_tables import AuditRow

LOG: Final = "audit_log"


def append(
    session: Session,
    genesis: bytes,
    *,
    at: int,
    actor: str,
    role: str,
    action: str,
    subject: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    initiator: str | None = None,
) -> Act:
    """Add an act, in the transaction that does it; `sequences.serialise` must have been its first statement.

    Raises ConflictError when somebody approves an act of his own.
    """
    if initiator is not None and initiator.lower() == actor.lower():
        raise ConflictError(
            f"{action}: {actor} initiated this, so another one has to approve it", actor=actor, initiator=initiator
        )
    number = sequences.take(session, LOG, 1)
    last = session.get(AuditRow, number - 1)
    previous = origin(genesis) if last is None else bytes.fromhex(last.hash)
    act = Act(number, at, actor, role, action, subject, dict(before), dict(after), initiator)
    session.add(AuditRow(**vars(act), previous=previous.hex(), hash=act.hash(previous).hex()))
    session.flush()
    return act


def all_acts(session: Session) -> Iterator[tuple[Act, bytes]]:
    """The whole log, in order, as `registry.core.acts.verify` takes it."""
    for row in session.exec(select(AuditRow).order_by(col(AuditRow.sequence)).execution_options(yield_per=1_000)):
        yield act_of(row), bytes.fromhex(row.hash)


def latest(session: Session, limit: int) -> list[AuditRow]:
    """The newest acts, newest first."""
    return list(session.exec(select(AuditRow).order_by(col(AuditRow.sequence).desc()).limit(limit)))


def act_of(row: AuditRow) -> Act:
    """A row as the act it records."""
    return Act(row.sequence, row.at, row.actor, row.role, row.action, row.subject, row.before, row.after, row.initiator)
