"""The one way a transaction is sent: simulate, sign, send, wait for the receipt.

A call the contract would refuse never reaches the pool: it raises ChainRevert with the contract's own error. A call
that would change nothing (contracts answer false when the same change was made before) is not sent either. When the
node stops answering after the send the outcome is unknown, not failed: ChainUnavailable says so, and running the
command again asks the contract before it sends anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from eth_account.signers.local import LocalAccount
from web3.contract.contract import ContractConstructor, ContractFunction
from web3.exceptions import ContractLogicError, TimeExhausted, Web3RPCError
from web3.types import TxParams, TxReceipt

from registry.chain.artifacts import decode_error
from registry.chain.client import Chain, node_errors
from registry.errors import ChainRevert, ChainUnavailable

# Well above every call of the ledger, and below the 2**24 a transaction may use on later forks.
CALL_GAS: Final = 4_000_000
DEPLOY_GAS: Final = 8_000_000
RECEIPT_TIMEOUT_S: Final = 60


@dataclass(frozen=True)
class Sent:
    """What came of a call: `changed` is false when the contract had it recorded already; then no gas was used."""

    changed: bool
    transaction: str | None = None
    block: int | None = None
    gas: int = 0
    contract: str | None = None


class Submitter:
    """Sends for one account on one chain. Not for two processes at once with the same account."""

    def __init__(self, chain: Chain, account: LocalAccount, gas_price: int = 0) -> None:
        """`gas_price` in wei: 0 on the free-gas chains the ledger runs on, and always stated, never asked for."""
        self.chain = chain
        self.account = account
        self._gas_price = gas_price

    def send(self, call: ContractFunction) -> Sent:
        """Send a contract call; raises ChainRevert when the contract refuses it."""
        # False from the idempotent calls, 0 minted from a claim: nothing would change.
        if self._simulate(call) in (False, 0):
            return Sent(changed=False)
        receipt = self._transact(call, CALL_GAS)
        return Sent(True, receipt["transactionHash"].to_0x_hex(), int(receipt["blockNumber"]), int(receipt["gasUsed"]))

    def deploy(self, constructor: ContractConstructor) -> Sent:
        """Deploy a contract; the address is `contract` of the result."""
        receipt = self._transact(constructor, DEPLOY_GAS)
        address = receipt["contractAddress"]
        return Sent(
            True,
            receipt["transactionHash"].to_0x_hex(),
            int(receipt["blockNumber"]),
            int(receipt["gasUsed"]),
            str(address),
        )

    def _simulate(self, call: ContractFunction) -> Any:
        with node_errors(self.chain.where):
            try:
                return call.call({"from": self.account.address})
            except ContractLogicError as error:
                raise revert(error, call.fn_name) from error

    def _transact(self, call: ContractFunction | ContractConstructor, gas: int) -> TxReceipt:
        w3 = self.chain.w3
        with node_errors(self.chain.where):
            transaction: TxParams = call.build_transaction(
                {
                    "from": self.account.address,
                    "nonce": w3.eth.get_transaction_count(self.account.address),
                    "chainId": self.chain.chain_id,
                    "gas": gas,
                    "gasPrice": w3.to_wei(self._gas_price, "wei"),
                }
            )
            signed = self.account.sign_transaction(transaction)  # type: ignore[arg-type]
            try:
                w3.eth.send_raw_transaction(signed.raw_transaction)
            except Web3RPCError as error:
                if "already known" not in str(error):
                    raise
            try:
                receipt = w3.eth.wait_for_transaction_receipt(signed.hash, RECEIPT_TIMEOUT_S, 0.05)
            except TimeExhausted as error:
                raise ChainUnavailable(
                    f"transaction {signed.hash.to_0x_hex()} is not in a block yet: its outcome is unknown",
                    hint="run the command again; it asks the chain before it sends anything",
                ) from error
        if receipt["status"] != 1:
            raise ChainRevert(f"transaction {signed.hash.to_0x_hex()} was mined and reverted")
        return receipt


def revert(error: ContractLogicError, call: str) -> ChainRevert:
    """A contract's refusal as a ChainRevert that carries the custom error's name and arguments."""
    data = error.data if isinstance(error.data, str) else str(error.args[0] if error.args else "")
    if not data.startswith("0x"):
        return ChainRevert(f"{call}: refused ({error.message})", call=call)
    name, arguments = decode_error(bytes.fromhex(data[2:]))
    listed = ", ".join(f"{k}={v}" for k, v in arguments.items())
    return ChainRevert(
        f"{call}: the contract refused with {name}({listed})", call=call, error=name, arguments=arguments
    )
