"""What every contract wrapper shares: its ABI, its address and reads that name their block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from eth_typing import ChecksumAddress
from web3 import Web3
from web3.contract.contract import Contract, ContractFunction
from web3.exceptions import ContractLogicError
from web3.types import BlockIdentifier

from registry.chain import artifacts
from registry.chain.client import Chain, node_errors
from registry.chain.logs import Event, history
from registry.chain.sending import revert


class DeployedContract:
    """A contract of `NAME` at an address of a chain."""

    NAME: ClassVar[str]

    def __init__(self, chain: Chain, address: str) -> None:
        self.chain = chain
        self.address: ChecksumAddress = Web3.to_checksum_address(address)
        self.contract: Contract = chain.w3.eth.contract(address=self.address, abi=artifacts.load(self.NAME).abi)

    def _read(self, call: ContractFunction, block: BlockIdentifier = "latest") -> Any:
        with node_errors(self.chain.where):
            try:
                return call.call(block_identifier=block)
            except ContractLogicError as error:
                raise revert(error, call.fn_name) from error

    def history(self, names: Sequence[str], first: int, last: int, **filters: Any) -> list[Event]:
        """Every event of these names from block `first` to `last`, in the order of the chain."""
        return history(self.chain, self.contract, names, first, last, **filters)
