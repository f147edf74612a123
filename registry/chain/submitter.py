"""Sending a call and waiting for it: simulate, sign, send, look for the receipt.

This one keeps no record: it is for what no ledger refers to before it is finished, which is the deployment of the
contracts, and the base of the one that does (`registry.services.submission`), which all else goes through.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from web3.contract.contract import ContractConstructor, ContractFunction

from registry.chain.sending import Answer, Receipt, Sender, SignedBytes, request_of
from registry.errors import ChainRevert, ChainUnavailable

RECEIPT_TIMEOUT_S: Final = 60
POLL_S: Final = 0.05


@dataclass(frozen=True)
class Sent:
    """What came of a call: `changed` is false when the contract had it recorded already; then no gas was used."""

    changed: bool
    transaction: str | None = None
    block: int | None = None
    gas: int = 0
    contract: str | None = None


class Submitter(Sender):
    """Sends for one account on one chain. Not for two processes at once with the same account."""

    def send(self, call: ContractFunction) -> Sent:
        """Send a contract call; raises ChainRevert when the contract refuses it."""
        request = request_of(call)
        if not self.simulate(request):
            return Sent(changed=False)
        return _sent(self._transact(self.sign(request, self.next_nonce())))

    def deploy(self, constructor: ContractConstructor) -> Sent:
        """Deploy a contract; the address is `contract` of the result."""
        return _sent(self._transact(self.sign(constructor, self.next_nonce())))

    def _transact(self, signed: SignedBytes) -> Receipt:
        (delivery,) = self.deliver([signed.raw])
        if delivery.answer is Answer.REFUSED:
            raise ChainUnavailable(f"node {self.chain.where} refused transaction {signed.tx_hash}: {delivery.error}")
        deadline = time.monotonic() + RECEIPT_TIMEOUT_S
        while (receipt := self.receipts([signed.tx_hash]).get(signed.tx_hash)) is None:
            if time.monotonic() > deadline:
                raise ChainUnavailable(
                    f"transaction {signed.tx_hash} is not in a block yet: its outcome is unknown",
                    hint="run the command again; it asks the chain before it sends anything",
                )
            time.sleep(POLL_S)
        if not receipt.ok:
            raise ChainRevert(f"transaction {signed.tx_hash} was mined and reverted")
        return receipt


def _sent(receipt: Receipt) -> Sent:
    return Sent(True, receipt.tx_hash, receipt.block, receipt.gas, receipt.contract)
