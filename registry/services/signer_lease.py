"""The lease under which this process works for a signer, and writing under it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sqlmodel import Session

from registry import logs
from registry.services.clock import Clock
from registry.services.holder import has_ended
from registry.store import leases
from registry.store.leases import Lease, LeaseLost
from registry.store.session import Database

LEASE_MS: Final = 8_000
# Nothing is sent under a lease this near to its end.
MARGIN_MS: Final = 2_000

_log = logs.log(__name__)


class SignerLease:
    """One process's lease for one signer; whatever it finds out is written with a proof that it holds it still."""

    def __init__(self, db: Database, signer: str, holder: str, clock: Clock) -> None:
        self._db = db
        self._signer = signer
        self._holder = holder
        self._clock = clock
        self._lease: Lease | None = None

    @property
    def token(self) -> int:
        """The fencing token; raises LeaseLost without a lease."""
        return self._held().token

    def take(self) -> bool:
        """Whether this process has the lease, taking it if it is free, expired, or its holder's process ended."""
        now = self._clock.now_ms()
        if self._lease is not None and self._lease.expires_at - now > LEASE_MS // 2:
            return True
        with self._db.read() as session:
            found = leases.find(session, self._signer)
        other = found.holder if found is not None and found.holder != self._holder else None
        dead = other if other is not None and has_ended(other) else None
        if found is not None and found.expires_at > now and other is not None and other != dead:
            self.lost()
            return False

        def take(session: Session) -> Lease | None:
            return leases.take(session, self._signer, self._holder, self._clock.now_ms(), LEASE_MS, dead=dead)

        before, self._lease = self._lease, self._db.write(take)
        if self._lease is not None and (before is None or before.token != self._lease.token):
            _log.info("lease taken", signer=self._signer, token=self._lease.token, before=other)
        return self._lease is not None

    def write(self, change: Callable[[Session], None]) -> None:
        """Write what this process found out, if it has the lease still, and keep it; raises LeaseLost."""
        lease = self._held()

        def fenced(session: Session) -> Lease:
            kept = leases.keep(session, lease, self._clock.now_ms(), LEASE_MS)
            change(session)
            return kept

        self._lease = self._db.write(fenced)

    def may_send(self) -> bool:
        """Whether the lease lasts long enough to send something under it."""
        return self._lease is not None and self._lease.expires_at - self._clock.now_ms() >= MARGIN_MS

    def lost(self) -> None:
        """Another process has it."""
        if self._lease is not None:
            _log.warning("lease lost", signer=self._signer, token=self._lease.token)
        self._lease = None

    def release(self) -> None:
        """Give it back, so that the next process need not wait for its end."""
        if self._lease is not None:
            held, self._lease = self._lease, None
            self._db.write(lambda session: leases.release(session, held))

    def _held(self) -> Lease:
        if self._lease is None:
            raise LeaseLost(f"the lease to send for {self._signer} ended")
        return self._lease
