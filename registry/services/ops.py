"""Looking at the outbox, and bringing to its end what stands in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from web3 import Web3

from registry.chain.sending import Receipt, Watcher
from registry.errors import ChainRevert, ConflictError
from registry.services import keystores
from registry.services.ledger import Ledger
from registry.services.signer_due import request_from
from registry.store import leases, operations
from registry.store.operation_tables import OPEN, AttemptRow, AttemptState, OperationRow, OperationState

MEANING: Final = {
    OperationState.PENDING: "decided, not signed yet: nothing has left this ledger",
    OperationState.IN_FLIGHT: "signed; the bytes may have been sent, so that only the chain can say what came of it",
    OperationState.CONFIRMED: "in a block",
    OperationState.UNCHANGED: "nothing was sent: the chain had it already",
    OperationState.REFUSED: "nothing was sent: the contract refuses it",
    OperationState.LAPSED: "nothing was sent: what it was decided on had grown old",
    OperationState.HELD: "tried as often as is sensible; a person decides",
}


@dataclass(frozen=True)
class Explained:
    """What is known of an operation: in the ledger, and at the chain at this moment."""

    operation: OperationRow
    attempts: list[AttemptRow]
    receipts: dict[str, Receipt]
    nonce: int
    holder: str | None
    waits_behind: str | None
    would: str
    advice: str


def listed(ledger: Ledger, states: Sequence[OperationState], limit: int) -> list[OperationRow]:
    """The newest operations in these states, newest first."""
    with ledger.db.read() as session:
        return operations.listed(session, states, limit)


def explain(ledger: Ledger, operation_id: str) -> Explained:
    """Why an operation is where it is, asking the chain; raises NotFoundError and ChainUnavailable."""
    with ledger.db.read() as session:
        row = operations.get(session, operation_id)
        attempts = operations.attempts_of(session, operations.seq_of(row))
        lease = leases.find(session, row.signer)
        behind = operations.blocker(session, row) if row.state in OPEN else None
    watcher = Watcher(ledger.contracts.chain, Web3.to_checksum_address(row.signer))
    receipts = watcher.receipts([attempt.tx_hash for attempt in attempts]) if attempts else {}
    nonce = watcher.next_nonce()
    would = _would(watcher, row) if row.state in OPEN else "at its end"
    running = lease.holder if lease is not None and lease.expires_at > ledger.submission.clock.now_ms() else None
    advice = _advice(row, attempts, receipts, nonce, behind)
    return Explained(row, attempts, receipts, nonce, running, behind.id if behind else None, would, advice)


def retry(ledger: Ledger, operation_id: str) -> OperationRow:
    """Try a held operation again, from its simulation on; raises ConflictError unless it is held.

    Without its signer's key in this home it is left to the process that has it.
    """
    now = ledger.submission.clock.now_ms()
    row = ledger.db.write(lambda session: operations.retry(session, operation_id, now))
    if keystores.missing(ledger.home.keys, (row.role,)):
        return row
    return ledger.submission.carry_out(ledger.submitter(row.role), row)


def run(ledger: Ledger) -> dict[str, int]:
    """Bring to its end whatever is due for the keys of this home; how many operations ended, by state.

    Raises ConflictError when a recorded signer is not the key of its role here, and ChainUnavailable.
    """
    with ledger.db.read() as session:
        waiting, before = operations.signers_with_work(session), operations.counts(session)
    for role, signer in waiting:
        if keystores.missing(ledger.home.keys, (role,)):
            continue
        submitter = ledger.submitter(role)
        if submitter.account.address.lower() != signer:
            raise ConflictError(
                f"operations of {signer} are open, and the key of {role} here is {submitter.account.address}",
                hint="run this where the earlier key is, or have its operations explained: puhui ops list",
            )
        ledger.submission.drain(submitter)
    with ledger.db.read() as session:
        after = operations.counts(session)
    return {state.value: ended for state in OperationState if (ended := after.get(state, 0) - before.get(state, 0)) > 0}


def _would(watcher: Watcher, row: OperationRow) -> str:
    try:
        return "change something" if watcher.simulate(request_from(row)) else "change nothing: the chain has it"
    except ChainRevert as error:
        return f"be refused: {error.message}"


def _advice(
    row: OperationRow,
    attempts: Sequence[AttemptRow],
    receipts: dict[str, Receipt],
    nonce: int,
    behind: OperationRow | None,
) -> str:
    mined = [one for one in attempts if one.tx_hash in receipts and receipts[one.tx_hash].ok]
    if row.state not in OPEN:
        return "nothing is to be done"
    if mined:
        return "it is in a block: `puhui ops run` records that"
    if row.state is OperationState.HELD:
        return f"mend what the reason says, then `puhui ops retry {row.id}`"
    if behind is not None:
        return f"it waits behind {behind.id}: `puhui ops explain {behind.id}`"
    live = [one for one in attempts if one.state is AttemptState.LIVE]
    if live and live[-1].nonce > nonce:
        return f"nonce {nonce} has to be mined first: an earlier operation of this signer is on its way"
    return "`puhui ops run` carries it out, with the signer's key; it is never done twice"
