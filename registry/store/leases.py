"""Leases: for each signer at most one process may assign nonces, and one that lost its lease cannot commit any.

A lease is taken, kept and checked in the very transaction that uses it, so that the database decides and no clock of
a process that was stopped for a while.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import update
from sqlmodel import Session, col

from registry.errors import ConflictError
from registry.store.operation_tables import LeaseRow


class LeaseLost(ConflictError):
    """Another process holds the lease now; what this one was about to commit was not committed."""

    code = "lease_lost"


@dataclass(frozen=True)
class Lease:
    """A lease as it was when it was taken or kept; `token` is the fencing token."""

    name: str
    holder: str
    token: int
    expires_at: int


def take(session: Session, name: str, holder: str, now: int, ttl_ms: int, *, dead: str | None = None) -> Lease | None:
    """Take or keep the lease `name` for `ttl_ms`; None while another holder has it.

    `dead` names a holder whose process is known to have ended: its lease is as good as expired.
    """
    row = session.get(LeaseRow, name, with_for_update=True)
    if row is None:
        row = LeaseRow(name=name, holder=holder, token=1, expires_at=now + ttl_ms)
    elif row.holder == holder and row.expires_at > now:
        row.expires_at = now + ttl_ms
    elif row.expires_at <= now or row.holder == dead:
        row.holder, row.token, row.expires_at = holder, row.token + 1, now + ttl_ms
    else:
        return None
    session.add(row)
    session.flush()
    return Lease(name, holder, row.token, row.expires_at)


def keep(session: Session, lease: Lease, now: int, ttl_ms: int) -> Lease:
    """Prove in this transaction that the lease still holds, and extend it; raises LeaseLost."""
    statement = (
        update(LeaseRow)
        .where(col(LeaseRow.name) == lease.name)
        .where(col(LeaseRow.holder) == lease.holder)
        .where(col(LeaseRow.token) == lease.token)
        .where(col(LeaseRow.expires_at) > now)
        .values(expires_at=now + ttl_ms)
    )
    if session.connection().execute(statement).rowcount != 1:
        raise LeaseLost(f"the lease to send for {lease.name} went to another process", token=lease.token)
    return Lease(lease.name, lease.holder, lease.token, now + ttl_ms)


def release(session: Session, lease: Lease) -> None:
    """Let the next one have it at once; nothing if it is another's already."""
    session.connection().execute(
        update(LeaseRow)
        .where(col(LeaseRow.name) == lease.name)
        .where(col(LeaseRow.holder) == lease.holder)
        .where(col(LeaseRow.token) == lease.token)
        .values(expires_at=0)
    )


def find(session: Session, name: str) -> Lease | None:
    """The lease as it is recorded, expired or not."""
    row = session.get(LeaseRow, name)
    return None if row is None else Lease(row.name, row.holder, row.token, row.expires_at)
