"""What of the due operations is to be signed: what the chain has, or refuses, or is too old is at its end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from eth_typing import HexStr
from web3 import Web3

from registry import logs
from registry.chain.sending import Request, Sender
from registry.errors import ChainRevert
from registry.services.clock import Clock
from registry.services.signer_lease import SignerLease
from registry.store import operations
from registry.store.operation_tables import OperationRow, OperationState
from registry.store.session import Database

AGAIN_MS: Final = 3_000

_log = logs.log(__name__)


def request_from(row: OperationRow) -> Request:
    """The call an operation is."""
    return Request(row.kind, Web3.to_checksum_address(row.contract), HexStr(row.calldata), row.gas)


class Due:
    """Asks the chain of a signer's due operations, and records the end of those that are not to be signed."""

    def __init__(self, db: Database, sender: Sender, clock: Clock, lease: SignerLease) -> None:
        self._db = db
        self._sender = sender
        self._clock = clock
        self._lease = lease

    def going(self, due: Sequence[OperationRow]) -> list[OperationRow]:
        """Those that would change something, in order. Raises ChainUnavailable, LeaseLost."""
        surely = self._sender.surely_change([request_from(row) for row in due]) if len(due) > 1 else [False]
        asked = zip(due, surely, strict=False)
        return [row for row, sure in asked if not self._was_mined(row) and self._would_change(row, sure)]

    def _was_mined(self, row: OperationRow) -> bool:
        """Whether bytes that were given up were mined after all; then the operation is at its end."""
        if row.tx_hash is None:
            return False
        with self._db.read() as session:
            made = operations.attempts_of(session, operations.seq_of(row))
        signed = [attempt.tx_hash for attempt in made if not attempt.fills]
        mined = [receipt for receipt in self._sender.receipts(signed).values() if receipt.ok]
        if mined:
            one, seq, now = mined[0], operations.seq_of(row), self._clock.now_ms()
            self._lease.write(lambda session: operations.confirm(session, seq, now, one.tx_hash, one.block, one.gas))
        return bool(mined)

    def _would_change(self, row: OperationRow, sure: bool) -> bool:
        """Whether to send it; one that changes nothing, is refused by the contract, or too old, is at its end."""
        if sure and row.lapses_at is None:
            return True
        seq, now, state, reason = operations.seq_of(row), self._clock.now_ms(), OperationState.UNCHANGED, None
        with self._db.read() as session:
            known = operations.last_block(session)
            signed = operations.attempts_of(session, seq)
        if row.lapses_at is not None and row.lapses_at <= now and not signed:
            state = OperationState.LAPSED
        else:
            try:
                if self._sender.simulate(request_from(row), known):
                    return True
            except ChainRevert as error:
                state, reason = OperationState.REFUSED, error.message
        if any(one.nonce >= self._sender.next_nonce() for one in signed):
            # Bytes that were given up can be mined as long as their nonce is free, so this is not the end.
            why = f"waits until nonce {signed[-1].nonce} is used: {reason or 'the chain has it'}"
            self._lease.write(lambda session: operations.postpone(session, seq, now + AGAIN_MS, why))
        else:
            self._lease.write(lambda session: operations.end(session, seq, state, now, reason))
            with logs.operation_context(row.id):
                _log.info("ended unsent", state=state.value, reason=reason)
        return False
