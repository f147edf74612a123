"""What a node is asked to do a transaction: simulate, sign, send bytes, look for their receipt. Decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from eth_account.signers.local import LocalAccount
from eth_typing import BlockNumber, ChecksumAddress, HexStr
from hexbytes import HexBytes
from web3 import Web3
from web3.contract.contract import ContractConstructor, ContractFunction
from web3.exceptions import ContractLogicError, TransactionNotFound
from web3.types import BlockIdentifier, RPCResponse, TxParams

from registry.chain.artifacts import decode_error
from registry.chain.client import Chain, node_errors
from registry.errors import ChainRevert

# Well above every call of the ledger, and below the 2**24 a transaction may use on later forks.
CALL_GAS: Final = 4_000_000
PLAIN_GAS: Final = 21_000
DEPLOY_GAS: Final = 8_000_000
_UNCHANGED: Final = bytes(32)
_KNOWN: Final = ("already known", "known transaction", "already imported")
_LOW_NONCE: Final = ("nonce too low", "nonce is too low")


@dataclass(frozen=True)
class Request:
    """A call of a contract, as bytes: `kind` is `Contract.function` for people, `data` is what the contract gets."""

    kind: str
    contract: ChecksumAddress
    data: HexStr
    gas: int = CALL_GAS


@dataclass(frozen=True)
class SignedBytes:
    """A signed transaction; the same bytes can be sent as often as is wanted, and are mined once."""

    tx_hash: str
    raw: str


class Answer(Enum):
    """What a node said to signed bytes. REFUSED is about the bytes, not about what they do; see `Delivery.error`."""

    TAKEN = "taken"
    LOW_NONCE = "low nonce"
    REFUSED = "refused"


@dataclass(frozen=True)
class Delivery:
    """A node's answer to one transaction; `error` in its words."""

    answer: Answer
    error: str = ""


@dataclass(frozen=True)
class Receipt:
    """What came of a transaction that is in a block."""

    tx_hash: str
    ok: bool
    block: int
    gas: int
    contract: str | None


class Watcher:
    """What a node says of one account, without its key."""

    def __init__(self, chain: Chain, address: ChecksumAddress, gas_price: int = 0) -> None:
        """`gas_price` in wei: 0 on the free-gas chains the ledger runs on, and always stated, never asked for."""
        self.chain = chain
        self.address = address
        self._gas_price = gas_price

    def simulate(self, request: Request, known: int = 0) -> bool:
        """Whether the call would change anything now (contracts answer false or 0 when it was made before).

        What a node says that does not have block `known` yet is no answer. Raises ChainRevert with the contract's own
        error when it would refuse, and ChainUnavailable.
        """
        if not known:
            return self._call(request, "latest")
        with suppress(ChainRevert):
            if self._call(request, "latest"):
                return True
        # "No" is for good, so it is asked of a state that has all that is recorded; a node that is behind has no such.
        return self._call(request, BlockNumber(max(known, self.chain.head())))

    def surely_change(self, requests: Sequence[Request]) -> list[bool]:
        """For each call whether it would change something now, asked together; False also where a node said no.

        Whoever gets False asks `simulate`, which says why. Raises ChainUnavailable.
        """
        price = hex(self._gas_price)
        calls = [
            {"from": self.address, "to": one.contract, "data": one.data, "gas": hex(one.gas), "gasPrice": price}
            for one in requests
        ]
        answers = self.chain.ask("eth_call", [[call, "latest"] for call in calls])
        return [answer.get("result") not in (None, "0x" + _UNCHANGED.hex()) for answer in answers]

    def _call(self, request: Request, block: BlockIdentifier) -> bool:
        call: TxParams = {
            "from": self.address,
            "to": request.contract,
            "data": request.data,
            "gas": request.gas,
            "gasPrice": self.chain.w3.to_wei(self._gas_price, "wei"),
        }
        with node_errors(self.chain.where):
            try:
                return bytes(self.chain.w3.eth.call(call, block)) != _UNCHANGED
            except ContractLogicError as error:
                raise revert(error, request.kind.rpartition(".")[2]) from error

    def deliver(self, raws: Sequence[str]) -> list[Delivery]:
        """Send signed bytes, in order, as one batch. ChainUnavailable means that any of them may have arrived."""
        return [_delivery(answer) for answer in self.chain.ask("eth_sendRawTransaction", [[raw] for raw in raws])]

    def next_nonce(self) -> int:
        """The number of this account's transactions in blocks."""
        with node_errors(self.chain.where):
            return int(self.chain.w3.eth.get_transaction_count(self.address, "latest"))

    def receipts(self, tx_hashes: Sequence[str]) -> dict[str, Receipt]:
        """The receipts of those transactions that are in a block. A node that is still indexing has none yet."""
        if len(tx_hashes) == 1:
            one = self._receipt_of(tx_hashes[0])
            return {} if one is None else {one.tx_hash: one}
        answers = self.chain.ask("eth_getTransactionReceipt", [[tx_hash] for tx_hash in tx_hashes])
        found = (_receipt(answer.get("result")) for answer in answers)
        return {receipt.tx_hash: receipt for receipt in found if receipt is not None}

    def _receipt_of(self, tx_hash: str) -> Receipt | None:
        with node_errors(self.chain.where):
            try:
                found = self.chain.w3.eth.get_transaction_receipt(HexBytes(tx_hash))
            except TransactionNotFound:
                return None
        contract = found["contractAddress"]
        return Receipt(
            found["transactionHash"].to_0x_hex(),
            found["status"] == 1,
            int(found["blockNumber"]),
            int(found["gasUsed"]),
            None if contract is None else str(contract),
        )


class Sender(Watcher):
    """One account at one node, with its key."""

    def __init__(self, chain: Chain, account: LocalAccount, gas_price: int = 0) -> None:
        super().__init__(chain, account.address, gas_price)
        self.account = account

    def sign(self, request: Request | ContractConstructor, nonce: int) -> SignedBytes:
        """Sign a call, or a deployment, for this nonce. Asks the node nothing."""
        transaction: TxParams = {
            "nonce": nonce,  # type: ignore[typeddict-item]
            "chainId": self.chain.chain_id,
            "gasPrice": self.chain.w3.to_wei(self._gas_price, "wei"),
            "value": self.chain.w3.to_wei(0, "wei"),
        }
        if isinstance(request, Request):
            transaction |= {"to": request.contract, "data": request.data, "gas": request.gas}
        else:
            transaction |= {"data": request.data_in_transaction, "gas": DEPLOY_GAS}
        signed = self.account.sign_transaction(transaction)  # type: ignore[arg-type]
        return SignedBytes(signed.hash.to_0x_hex(), signed.raw_transaction.to_0x_hex())

    def sign_nothing(self, nonce: int) -> SignedBytes:
        """Sign a transaction to this account itself that uses up a nonce and does nothing. Asks the node nothing."""
        return self.sign(Request("nothing", self.address, HexStr("0x"), PLAIN_GAS), nonce)


def request_of(call: ContractFunction, contract: str = "") -> Request:
    """The bytes of a call; `contract` is the contract's name, which a call does not know."""
    kind = f"{contract}.{call.fn_name}" if contract else call.fn_name
    return Request(kind, call.address, call._encode_transaction_data())


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


def _delivery(answer: RPCResponse) -> Delivery:
    if "error" not in answer or answer["error"] is None:
        return Delivery(Answer.TAKEN)
    error = answer["error"]
    said = str(error.get("message", error) if isinstance(error, dict) else error)
    if any(word in said.lower() for word in _KNOWN):
        return Delivery(Answer.TAKEN)
    if any(word in said.lower() for word in _LOW_NONCE):
        return Delivery(Answer.LOW_NONCE, said)
    return Delivery(Answer.REFUSED, said)


def _receipt(found: Any) -> Receipt | None:
    """A receipt as the node has it; None for anything that is none, an unmined transaction's included."""
    if not isinstance(found, Mapping) or found.get("blockNumber") is None:
        return None
    contract = found.get("contractAddress")
    return Receipt(
        Web3.to_hex(hexstr=found["transactionHash"]),
        int(found["status"], 16) == 1,
        int(found["blockNumber"], 16),
        int(found["gasUsed"], 16),
        None if contract is None else Web3.to_checksum_address(contract),
    )
