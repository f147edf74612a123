"""SettlementCash: bank money on the chain, in fen; minted and burnt once a bank reference."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from web3.contract.contract import ContractFunction
from web3.types import BlockIdentifier

from registry.chain.contracts.base import DeployedContract
from registry.chain.typed_data import typed_message

WITHDRAWAL: Final = {"holder": "address", "fen": "uint128", "ref": "bytes32", "deadline": "uint256"}


class MintStatus(IntEnum):
    """How far a bank reference is."""

    NONE = 0
    REQUESTED = 1
    MINTED = 2
    CANCELLED = 3


@dataclass(frozen=True)
class MintRecord:
    """What the chain holds of a bank reference."""

    to: str
    fen: int
    requester: str
    status: MintStatus


class SettlementCash(DeployedContract):
    """Typed access to the SettlementCash contract."""

    NAME = "SettlementCash"

    def request_mint(self, bank_ref: bytes, to: str, fen: int) -> ContractFunction:
        """The call that asks for cash against money received at the bank. Role: EXCHANGE."""
        return self.contract.functions.requestMint(bank_ref, to, fen)

    def confirm_mint(self, bank_ref: bytes, to: str, fen: int) -> ContractFunction:
        """The call by which the bank confirms that it holds the money, which mints. Role: BANK."""
        return self.contract.functions.confirmMint(bank_ref, to, fen)

    def cancel_mint(self, bank_ref: bytes) -> ContractFunction:
        """The call that closes a request for good. Role: BANK."""
        return self.contract.functions.cancelMint(bank_ref)

    def burn_for(self, holder: str, fen: int, ref: bytes, deadline: int, signature: bytes) -> ContractFunction:
        """The call that relays a holder's signed withdrawal to its bank account. Anyone may send it."""
        return self.contract.functions.burnFor(holder, fen, ref, deadline, signature)

    def typed_withdrawal(self, holder: str, fen: int, ref: bytes, deadline: int) -> dict[str, Any]:
        """The EIP-712 message a holder signs."""
        return typed_message(self, "Withdrawal", WITHDRAWAL, holder, fen, ref, deadline)

    def mint(self, bank_ref: bytes, block: BlockIdentifier = "latest") -> MintRecord | None:
        """What was asked for under a bank reference, or None."""
        to, fen, requester, status = self._read(self.contract.functions.mintOf(bank_ref), block)
        return MintRecord(to, fen, requester, MintStatus(status)) if status else None

    def burnt(self, holder: str, ref: bytes, block: BlockIdentifier = "latest") -> int:
        """What the holder withdrew under this reference, in fen."""
        return int(self._read(self.contract.functions.burnOf(holder, ref), block))

    def balance(self, holder: str, block: BlockIdentifier = "latest") -> int:
        """The holder's cash in fen."""
        return int(self._read(self.contract.functions.balanceOf(holder), block))

    def total_supply(self, block: BlockIdentifier = "latest") -> int:
        """All cash, in fen."""
        return int(self._read(self.contract.functions.totalSupply(), block))
