"""One signer's operations, carried out in turns: see what was mined, send again what is unknown, sign what is due.

Under a lease, which one process has at a time. Signed bytes are committed before they are sent for the first time, with
the fencing token of the lease: a process that lost it cannot commit a nonce, and what it sends late are bytes the next
one sends too, which are mined once.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Final

from sqlmodel import Session

from registry import logs
from registry.chain.sending import Answer, Receipt, Sender
from registry.services.clock import Clock
from registry.services.signer_due import Due, request_from
from registry.services.signer_lease import SignerLease
from registry.store import operations
from registry.store.leases import LeaseLost
from registry.store.operation_tables import AttemptRow, AttemptState, OperationRow
from registry.store.operations import Signed
from registry.store.session import Database

Flying = tuple[AttemptRow, OperationRow]

RESEND_MS: Final = 3_000
# So many are signed, committed and sent before the next are: a block does not wait for the last of a full window.
TOGETHER: Final = 50
MAX_ATTEMPTS: Final = 5
MAX_REFUSALS: Final = 20
# Besu keeps 200 transactions of one sender.
WINDOW: Final = 150

_log = logs.log(__name__)


class SignerLine:
    """The operations of `sender`'s account, in this process."""

    def __init__(self, db: Database, sender: Sender, clock: Clock, holder: str, window: int = WINDOW) -> None:
        self.db = db
        self.sender = sender
        self.signer = sender.account.address.lower()
        self._clock = clock
        self._window = window
        self.lease = SignerLease(db, self.signer, holder, clock)
        self._due = Due(db, sender, clock, self.lease)
        self._sent_at: dict[str, int] = {}
        self._overtaken_at: dict[str, int] = {}
        self._refusals: dict[str, int] = {}

    def turn(self) -> bool:
        """One turn; whether anything moved. False while another process has the lease. Raises ChainUnavailable."""
        if not self.lease.take():
            return False
        try:
            with self.db.read() as session:
                flying = operations.in_flight(session, self.signer)
            mined = self.sender.next_nonce() if flying else 0
            try:
                # What is new goes first: the next block does not wait for what the last ones had to be recorded.
                filled = self._fill(flying, [each for each in flying if each[0].nonce >= mined])
            finally:
                settled = self._settle([each for each in flying if each[0].nonce < mined])
            return filled or settled
        except LeaseLost:
            self.lease.lost()
            return False

    def has_work(self) -> bool:
        """Whether anything is in flight or due."""
        with self.db.read() as session:
            return operations.is_flying(session, self.signer) or bool(
                operations.ready(session, self.signer, self._clock.now_ms(), 1)
            )

    def close(self) -> None:
        """Give the lease back, so that the next process need not wait for its end."""
        self.lease.release()

    # --- what was sent

    def _settle(self, passed: Sequence[Flying]) -> bool:
        """Record what became of what was in flight and whose nonce is used. Whether anything came to its end."""
        if not passed:
            return False
        receipts = self.sender.receipts([attempt.tx_hash for attempt, _ in passed])
        void = [(one, row) for one, row in passed if one.tx_hash not in receipts and self._is_void(one)]

        def record(session: Session) -> None:
            for attempt, row in passed:
                if attempt.tx_hash in receipts:
                    operations.end_attempt(session, attempt.tx_hash, AttemptState.MINED)
                    if not attempt.fills:
                        self._conclude(session, row, receipts[attempt.tx_hash])
            for attempt, row in void:
                operations.end_attempt(session, attempt.tx_hash, AttemptState.DEAD)
                if not attempt.fills:
                    self._fail(session, row, f"nonce {attempt.nonce} was used by another transaction")

        if receipts or void:
            self.lease.write(record)
            for attempt, row in passed:
                _settled(attempt, row, receipts.get(attempt.tx_hash))
        return bool(receipts or void)

    def _is_void(self, attempt: AttemptRow) -> bool:
        """Its nonce is used and it has no receipt. A node may index late, so that this counts after some time only."""
        now = self._clock.now_ms()
        return now - self._overtaken_at.setdefault(attempt.tx_hash, now) >= RESEND_MS

    def _conclude(self, session: Session, row: OperationRow, receipt: Receipt) -> None:
        for known in (self._sent_at, self._overtaken_at, self._refusals):
            known.pop(receipt.tx_hash, None)
        if not receipt.ok:
            self._fail(session, row, f"transaction {receipt.tx_hash} was mined and reverted")
            return
        operations.confirm(
            session, operations.seq_of(row), self._clock.now_ms(), receipt.tx_hash, receipt.block, receipt.gas
        )

    def _fail(self, session: Session, row: OperationRow, reason: str) -> None:
        """Try again later, from the simulation on, or hold."""
        seq = operations.seq_of(row)
        if row.attempts + 1 >= MAX_ATTEMPTS:
            operations.hold(session, seq, reason)
            _log.error("held", operation=row.id, call=row.kind, reason=reason)
        else:
            operations.again(session, seq, self._clock.now_ms() + 250 * 2**row.attempts, reason)

    def _send(self, flying: Sequence[Flying]) -> None:
        """Send committed bytes, each again when some time went by without its being mined."""
        if not self.lease.may_send():
            return
        now = self._clock.now_ms()
        due = [each for each in flying if now - self._sent_at.get(each[0].tx_hash, -RESEND_MS) >= RESEND_MS]
        if not due:
            return
        self._sent_at |= {one.tx_hash: now for one, _ in due}
        for one, row in due:
            with logs.operation_context(row.id):
                _log.info("sent", nonce=one.nonce, tx_hash=one.tx_hash)
        for (one, row), delivery in zip(due, self.sender.deliver([one.raw for one, _ in due]), strict=True):
            with logs.operation_context(row.id):
                _log.info("answered", nonce=one.nonce, tx_hash=one.tx_hash, answer=delivery.answer.value)
                if delivery.answer is Answer.REFUSED:
                    self._refused(one, delivery.error)
                else:
                    self._refusals.pop(one.tx_hash, None)

    def _refused(self, attempt: AttemptRow, error: str) -> None:
        """A node will not take these bytes, and says so every time: after a while a person decides.

        Should they be mined all the same, the operation finds that before it is tried again.
        """
        if attempt.fills:
            return  # the operation is held already
        refusals = self._refusals[attempt.tx_hash] = self._refusals.get(attempt.tx_hash, 0) + 1

        def record(session: Session) -> None:
            reason = f"the node does not take the transaction: {error}"
            if refusals < MAX_REFUSALS:
                operations.note(session, attempt.operation, reason)
            else:
                operations.end_attempt(session, attempt.tx_hash, AttemptState.DEAD)
                operations.hold(session, attempt.operation, reason)
                # What comes after it waits for its nonce: that is used up by bytes that do nothing.
                made = self.sender.sign_nothing(attempt.nonce)
                filler = Signed(attempt.operation, made.tx_hash, attempt.nonce, made.raw)
                operations.fill(session, self.signer, filler, self.lease.token, self._clock.now_ms())

        if refusals >= MAX_REFUSALS:
            _log.error("held", reason=error)
        _log.warning("bytes refused", nonce=attempt.nonce, tx_hash=attempt.tx_hash, times=refusals, answer=error)
        self.lease.write(record)

    # --- what is due

    def _fill(self, flying: Sequence[Flying], waiting: Sequence[Flying]) -> bool:
        """Send again what waits and is due for it, then sign what is new, as far as the window has room."""
        self._send(waiting)
        with self.db.read() as session:
            due = operations.ready(session, self.signer, self._clock.now_ms(), self._window - len(waiting))
        taken = {attempt.nonce for attempt, _ in flying}
        for start in range(0, len(due), TOGETHER):
            self._sign(due[start : start + TOGETHER], taken)
        return bool(due)

    def _sign(self, due: Sequence[OperationRow], taken: set[int]) -> None:
        """Simulate these, commit the bytes of all that would change something, then send them.

        `taken` are the nonces in flight; theirs are added.
        """
        going = self._due.going(due)
        if not going:
            return
        free = (nonce for nonce in count(self._first_free()) if nonce not in taken)
        signed = []
        for nonce, row in zip(free, going, strict=False):
            made = self.sender.sign(request_from(row), nonce)
            signed.append(Signed(operations.seq_of(row), made.tx_hash, nonce, made.raw))
        now, token = self._clock.now_ms(), self.lease.token
        self.lease.write(lambda session: operations.commit_signed(session, self.signer, signed, token, now))
        for one, row in zip(signed, going, strict=True):
            with logs.operation_context(row.id):
                _log.info("signed", nonce=one.nonce, tx_hash=one.tx_hash)
        taken |= {one.nonce for one in signed}
        with self.db.read() as session:
            committed = operations.in_flight(session, self.signer, [one.tx_hash for one in signed])
        self._send(committed)

    def _first_free(self) -> int:
        """The first nonce that no block has; a node may be behind what is recorded."""
        mined = self.sender.next_nonce()
        with self.db.read() as session:
            return max(mined, operations.after_mined(session, self.signer))


def _settled(attempt: AttemptRow, row: OperationRow, receipt: Receipt | None) -> None:
    with logs.operation_context(row.id):
        if receipt is None:
            _log.warning("no receipt for a used nonce", nonce=attempt.nonce, tx_hash=attempt.tx_hash)
        elif receipt.ok:
            _log.info("mined", tx_hash=attempt.tx_hash, block=receipt.block, gas=receipt.gas)
        else:
            _log.warning("mined and reverted", tx_hash=attempt.tx_hash, block=receipt.block)
