"""The model's cash: bank money, minted by two keys and burnt by its holder."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from tests.properties.calls import ZERO32, Signature, refuse
from tests.properties.model_participants import Participants

if TYPE_CHECKING:
    from tests.properties.model import Programme


class MintStatus(IntEnum):
    NONE, REQUESTED, MINTED, CANCELLED = range(4)


@dataclass
class Mint:
    to: str
    fen: int
    requester: str
    status: MintStatus = MintStatus.REQUESTED


class Cash:
    def __init__(self, ledger: Programme) -> None:
        self.ledger = ledger
        self.mints: dict[bytes, Mint] = {}
        self.burns: dict[tuple[str, bytes], int] = {}
        self.balances: dict[str, int] = {}

    def balance(self, account: str) -> int:
        return self.balances.get(account, 0)

    def supply(self) -> int:
        """What was minted less what was burnt."""
        minted = sum(one.fen for one in self.mints.values() if one.status == MintStatus.MINTED)
        return minted - sum(self.burns.values())

    def request_mint(self, caller: str, bank_ref: bytes, to: str, fen: int) -> bool:
        if bank_ref in self.mints:
            known = self.mints[bank_ref]
            refuse((known.to, known.fen) != (to, fen), "SettlementCashReferenceUsed")
            return False
        refuse(bank_ref == ZERO32, "SettlementCashMissingReference")
        refuse(fen == 0, "SettlementCashZeroAmount")
        self._require_holder(to)
        self.mints[bank_ref] = Mint(to, fen, caller)
        return True

    def confirm_mint(self, caller: str, bank_ref: bytes, to: str, fen: int) -> bool:
        known = self.mints.get(bank_ref)
        gone = known is None or known.status == MintStatus.CANCELLED
        refuse(gone, "SettlementCashUnexpectedStatus")
        assert known is not None
        refuse((known.to, known.fen) != (to, fen), "SettlementCashMismatch")
        if known.status == MintStatus.MINTED:
            return False
        refuse(known.requester == caller, "SettlementCashSelfConfirmation")
        self._require_holder(to)
        known.status = MintStatus.MINTED
        self.balances[to] = self.balance(to) + fen
        return True

    def cancel_mint(self, _: str, bank_ref: bytes) -> bool:
        known = self.mints.get(bank_ref)
        if known is not None and known.status == MintStatus.CANCELLED:
            return False
        requested = known is not None and known.status == MintStatus.REQUESTED
        refuse(not requested, "SettlementCashUnexpectedStatus")
        assert known is not None
        known.status = MintStatus.CANCELLED
        return True

    def burn(self, caller: str, fen: int, ref: bytes) -> bool:
        if self._is_burnt(caller, fen, ref):
            return False
        refuse(ref == ZERO32, "SettlementCashMissingReference")
        refuse(fen == 0, "SettlementCashZeroAmount")
        refuse(fen > self.balance(caller), "ERC20InsufficientBalance")
        self.burns[caller, ref] = fen
        self.balances[caller] -= fen
        return True

    def burn_for(self, _: str, holder: str, fen: int, ref: bytes, deadline: int, signature: Signature) -> bool:
        if self._is_burnt(holder, fen, ref):
            return False
        fields = (holder, fen, ref, deadline)
        self.ledger.require_intent(holder, "SettlementCash", "Withdrawal", fields, signature)
        return self.burn(holder, fen, ref)

    def approve(self, _: str, *__: Any) -> None:
        refuse(True, "SettlementCashNoAllowance")

    def move(self, start: str, end: str, fen: int) -> None:
        """What only settlement, treasury and distributor can do."""
        self.ledger.access.require_running("SettlementCash")
        refuse(fen > self.balance(start), "ERC20InsufficientBalance")
        self.balances[start] = self.balance(start) - fen
        self.balances[end] = self.balance(end) + fen

    def _is_burnt(self, holder: str, fen: int, ref: bytes) -> bool:
        known = self.burns.get((holder, ref))
        refuse(known is not None and known != fen, "SettlementCashBurnReferenceUsed")
        return known is not None

    def _require_holder(self, account: str) -> None:
        self.ledger.participants.require_active(account)
        programme = self.ledger.participants.known[account].kind == Participants.PROGRAMME
        refuse(programme, "SettlementCashProgrammeAccount")
