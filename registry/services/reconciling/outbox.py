"""The outbox against the chain: whatever an operation has in a block ended it, known to the database or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlmodel import Session
from web3 import Web3

from registry.chain.sending import Receipt, Watcher
from registry.errors import ConflictError
from registry.services import keystores
from registry.services.holder import has_ended
from registry.services.ledger import Ledger
from registry.services.reconciling import transactions
from registry.services.reconciling.repair import Repair
from registry.services.reconciling.transactions import Mined
from registry.store import leases, operations
from registry.store.operation_tables import OPEN, AttemptRow, AttemptState, OperationRow

EVERY: Final = 2**31 - 1
_LEASE_MS: Final = 8_000
_INDEXING_MS: Final = 3_000  # a node may show a receipt a moment after the block


@dataclass
class OutboxCompared:
    """What was found: operations to settle, those that stay open, and transactions that no act tells of."""

    repairs: list[Repair] = field(default_factory=list)
    open: list[OperationRow] = field(default_factory=list)
    without_act: list[Mined] = field(default_factory=list)


def compare(ledger: Ledger, head: int, *, restored: bool) -> OutboxCompared:
    """Compare the outbox with the chain up to block `head`; needs no key. Raises ChainUnavailable."""
    with ledger.db.read() as session:
        rows = operations.listed(session, OPEN, EVERY)[::-1]
        signed = {operations.seq_of(row): operations.attempts_of(session, operations.seq_of(row)) for row in rows}
    unknown = transactions.without_operation(ledger, head, {row.signer for row in rows} | _own(ledger))
    found = OutboxCompared()
    for signer in sorted({row.signer for row in rows}):
        mine = [row for row in rows if row.signer == signer]
        if not restored and _is_worked_for(ledger, signer):
            found.open += mine  # another process settles them
            continue
        found_here = _Settlement(ledger, signer, unknown, restored=restored)
        for row in mine:
            repair = found_here.of(row, signed[operations.seq_of(row)])
            if repair is None:
                found.open.append(row)
            else:
                found.repairs.append(repair)
    found.without_act = [each for of_call in unknown.values() for each in of_call]
    found.without_act.sort(key=lambda each: (each.block, each.signer, each.nonce))
    return found


class _Settlement:
    """What became of one signer's open operations. `unknown` are transactions without one, by signer and call."""

    def __init__(self, ledger: Ledger, signer: str, unknown: dict[str, list[Mined]], *, restored: bool) -> None:
        self.ledger, self.signer, self.unknown = ledger, signer, unknown
        self.restored = restored
        self.watcher = Watcher(ledger.contracts.chain, Web3.to_checksum_address(signer))
        self.next_nonce = self.watcher.next_nonce()

    def of(self, row: OperationRow, attempts: Sequence[AttemptRow]) -> Repair | None:
        """How an open operation ends or goes on; None when the chain says nothing of it."""
        passed = [one.tx_hash for one in attempts if one.nonce < self.next_nonce and one.state is AttemptState.LIVE]
        receipts = self._receipts([one.tx_hash for one in attempts], passed)
        done = next((each for each in receipts.values() if each.ok), None)
        other = None if done else self._other(row)
        if done is None and other is None and not passed:
            return None
        change = "PENDING again: its nonce was used by another transaction, or it was reverted"
        if done or other:
            change = f"CONFIRMED in block {done.block if done else other.block if other else 0}"

        def settle(session: Session) -> None:
            lease = _fence(self.ledger, session, self.signer, restored=self.restored)
            for tx_hash in passed:
                state = AttemptState.MINED if tx_hash in receipts else AttemptState.DEAD
                operations.end_attempt(session, tx_hash, state)
            self._conclude(session, row, done, other)
            leases.release(session, lease)

        return Repair("operation", row.id, f"{row.kind}: {row.state} -> {change}", settle)

    def _conclude(self, session: Session, row: OperationRow, done: Receipt | None, other: Mined | None) -> None:
        seq, now = operations.seq_of(row), self.ledger.submission.clock.now_ms()
        if done is not None:
            operations.confirm(session, seq, now, done.tx_hash, done.block, done.gas)
        elif other is not None:
            receipt = self.watcher.receipts([other.tx_hash])[other.tx_hash]
            # Its bytes are not known here, and are not needed any more.
            session.add(
                AttemptRow(
                    tx_hash=other.tx_hash,
                    operation=seq,
                    signer=self.signer,
                    nonce=other.nonce,
                    raw="0x",
                    token=0,
                    state=AttemptState.MINED,
                    created_at=now,
                )
            )
            session.flush()
            operations.confirm(session, seq, now, other.tx_hash, other.block, receipt.gas)
        else:
            operations.again(session, seq, now, "reconciled: what was signed is not what was mined")

    def _receipts(self, hashes: Sequence[str], passed: Sequence[str]) -> Mapping[str, Receipt]:
        found = self.watcher.receipts(hashes) if hashes else {}
        if any(tx_hash not in found for tx_hash in passed):
            self.ledger.submission.clock.sleep_ms(_INDEXING_MS)
            found = self.watcher.receipts(hashes)
        return found

    def _other(self, row: OperationRow) -> Mined | None:
        """The transaction by which the operation was carried out after the backup, if it was."""
        left = self.unknown.get(row.digest)
        return left.pop(0) if left else None


def _own(ledger: Ledger) -> set[str]:
    here = [role for role in keystores.ROLES if role not in keystores.missing(ledger.home.keys, keystores.ROLES)]
    return {keystores.address(ledger.home.keys, role).lower() for role in here}


def _is_worked_for(ledger: Ledger, signer: str) -> bool:
    with ledger.db.read() as session:
        found = leases.find(session, signer)
    if found is None or found.holder == ledger.submission.holder:
        return False
    return found.expires_at > ledger.submission.clock.now_ms() and not has_ended(found.holder)


def _fence(ledger: Ledger, session: Session, signer: str, *, restored: bool) -> leases.Lease:
    """Let no other process work for a signer in this transaction. Nobody holds a lease of a restored database."""
    outbox, found = ledger.submission, leases.find(session, signer)
    dead = found.holder if found is not None and (restored or has_ended(found.holder)) else None
    lease = leases.take(session, signer, outbox.holder, outbox.clock.now_ms(), _LEASE_MS, dead=dead)
    if lease is None:
        raise ConflictError(f"another process works for {signer}", hint="run `puhui reconcile` again")
    return lease
