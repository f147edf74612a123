"""The outbox with one thing broken at a time: each is a mistake that was made or nearly made, here or elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import pytest
from sqlmodel import Session, col, select

from registry.chain.sending import Receipt, Sender, SignedBytes, Watcher
from registry.errors import ChainUnavailable
from registry.services.signer_lease import SignerLease
from registry.services.signer_line import SignerLine
from registry.services.submission import Submission
from registry.store import operations
from registry.store.leases import Lease
from registry.store.operation_tables import AttemptRow, AttemptState, OperationRow, OperationState

Flying = Sequence[tuple[AttemptRow, OperationRow]]


def signs_anew_after_a_lost_reply(patch: pytest.MonkeyPatch) -> None:
    """No answer is taken for "not sent", and the call is signed for the next nonce."""
    real = SignerLine._send

    def send(self: SignerLine, flying: Flying) -> None:
        def give_up(session: Session) -> None:
            for attempt, row in flying:
                operations.end_attempt(session, attempt.tx_hash, AttemptState.DEAD)
                operations.again(session, operations.seq_of(row), 0, "no answer")

        try:
            real(self, flying)
        except ChainUnavailable:
            self.lease.write(give_up)
            raise

    patch.setattr(SignerLine, "_send", send)
    _never_go_back_to_a_nonce(patch)


def takes_a_lost_reply_for_a_failure(patch: pytest.MonkeyPatch) -> None:
    """No answer is taken for "refused"."""
    real = SignerLine._send

    def send(self: SignerLine, flying: Flying) -> None:
        def fail(session: Session) -> None:
            for attempt, row in flying:
                operations.end_attempt(session, attempt.tx_hash, AttemptState.DEAD)
                operations.end(session, operations.seq_of(row), OperationState.REFUSED, 0, "no answer")

        try:
            real(self, flying)
        except ChainUnavailable:
            self.lease.write(fail)
            raise

    patch.setattr(SignerLine, "_send", send)


def sends_before_it_commits(patch: pytest.MonkeyPatch) -> None:
    """Bytes go out as soon as they are signed."""
    real = Sender.sign

    def sign(self: Sender, request: Any, nonce: int) -> SignedBytes:
        made = real(self, request, nonce)
        self.deliver([made.raw])
        return made

    patch.setattr(Sender, "sign", sign)


def works_without_a_lease(patch: pytest.MonkeyPatch) -> None:
    """Every process takes it for granted that it is the only one."""

    def take(self: SignerLease) -> bool:
        self._lease = Lease(self._signer, self._holder, 1, self._clock.now_ms() + 8_000)
        return True

    patch.setattr(SignerLease, "take", take)
    writes_without_its_lease(patch)


def writes_without_its_lease(patch: pytest.MonkeyPatch) -> None:
    """The lease is taken, but what is written later does not prove that it holds still."""
    patch.setattr(SignerLease, "write", lambda self, change: self._db.write(change))


def takes_streams_for_independent(patch: pytest.MonkeyPatch) -> None:
    """What waits behind something of its stream is carried out with it."""

    def ready(session: Session, signer: str, now: int, limit: int) -> list[OperationRow]:
        wanted = (
            select(OperationRow)
            .where(OperationRow.signer == signer)
            .where(OperationRow.state == OperationState.PENDING)
            .where(OperationRow.next_at <= now)
        )
        return list(session.exec(wanted.order_by(col(OperationRow.seq)).limit(limit)))

    patch.setattr(operations, "ready", ready)


def takes_a_used_nonce_for_its_own(patch: pytest.MonkeyPatch) -> None:
    """What has no receipt although its nonce is used is confirmed."""
    real = Watcher.receipts

    def receipts(self: Watcher, tx_hashes: Sequence[str]) -> dict[str, Receipt]:
        guessed = {each: Receipt(each, True, self.chain.head(), 50_000, None) for each in tx_hashes}
        return guessed | real(self, tx_hashes)

    patch.setattr(Watcher, "receipts", receipts)


def believes_a_node_that_is_behind(patch: pytest.MonkeyPatch) -> None:
    """What a replica says of an older state is the end of an operation."""
    real = Watcher.simulate
    patch.setattr(Watcher, "simulate", lambda self, request, known=0: real(self, request))


def leaves_a_gap(patch: pytest.MonkeyPatch) -> None:
    """A nonce whose bytes were given up stays unused, and all that comes after it waits."""

    def refused(self: SignerLine, attempt: AttemptRow, error: str) -> None:
        def give_up(session: Session) -> None:
            operations.end_attempt(session, attempt.tx_hash, AttemptState.DEAD)
            operations.hold(session, attempt.operation, error)

        self.lease.write(give_up)

    patch.setattr(SignerLine, "_refused", refused)
    _never_go_back_to_a_nonce(patch)


def _never_go_back_to_a_nonce(patch: pytest.MonkeyPatch) -> None:
    real = SignerLine._first_free

    def first_free(self: SignerLine) -> int:
        with self.db.read() as session:
            wanted = select(AttemptRow.nonce).where(AttemptRow.signer == self.signer)
            return max([real(self), *(nonce + 1 for nonce in session.exec(wanted))])

    patch.setattr(SignerLine, "_first_free", first_free)


def leaves_an_act_out(patch: pytest.MonkeyPatch) -> None:
    """An operation is recorded without its act."""
    patch.setattr(Submission, "log", lambda self, session, row, deed: None)


BROKEN: Final[dict[Callable[[pytest.MonkeyPatch], None], str]] = {
    signs_anew_after_a_lost_reply: "could still be mined",
    takes_a_lost_reply_for_a_failure: "is REFUSED, ",
    sends_before_it_commits: "arrived before they were committed",
    works_without_a_lease: "but the lease is",
    writes_without_its_lease: "not pending any more|but the lease is|live attempts|was MINED",
    takes_streams_for_independent: "before it in its stream are open|is REFUSED, and nothing stands against it",
    takes_a_used_nonce_for_its_own: "is CONFIRMED|is MINED, and not on the chain",
    believes_a_node_that_is_behind: "is REFUSED, and nothing stands against it",
    leaves_a_gap: "not at an end",
    leaves_an_act_out: "the log of acts tells of",
}
