"""The smallest contract that can tell once from twice: it counts how often it was called with a number.

count(key) returns (bool)     whether it was the first time; slot `key` of its storage holds the count
"""

from __future__ import annotations

from typing import Any, Final

from eth_account.signers.local import LocalAccount
from web3.contract.contract import Contract, ContractFunction

from registry.chain.client import Chain
from registry.chain.submitter import Submitter

NAME: Final = "Counter"
ABI: Final[list[dict[str, Any]]] = [
    {
        "type": "function",
        "name": "count",
        "stateMutability": "nonpayable",
        "inputs": [{"name": "key", "type": "uint256"}],
        "outputs": [{"name": "first", "type": "bool"}],
    }
]
_CODE: Final = bytes.fromhex(
    "600435"  # key = the first argument
    "80548015"  # before = storage[key]; first = before == 0
    "9190600101"  # before + 1
    "9055"  # storage[key] = before + 1
    "60005260206000f3"  # return first
)
_DEPLOY: Final = bytes((0x60, len(_CODE))) + bytes.fromhex("8060093d393df3") + _CODE


def deploy(chain: Chain, account: LocalAccount) -> str:
    """Deploy a counter; its address."""
    made = Submitter(chain, account).deploy(chain.w3.eth.contract(abi=ABI, bytecode=_DEPLOY).constructor())
    assert made.contract is not None
    return made.contract


class Counter:
    """A deployed counter."""

    def __init__(self, chain: Chain, address: str) -> None:
        self._chain = chain
        self.address = chain.w3.to_checksum_address(address)
        self._contract: Contract = chain.w3.eth.contract(self.address, abi=ABI)

    def count(self, key: int) -> ContractFunction:
        """The call that counts `key`."""
        return self._contract.functions.count(key)

    def counted(self, key: int) -> int:
        """How often `key` was counted in blocks so far."""
        return int.from_bytes(self._chain.w3.eth.get_storage_at(self.address, key), "big")
