"""ProgrammeTreasury: holds every issued tonne, sells only through settlement, splits what it is paid by rule."""

from __future__ import annotations

from dataclasses import astuple, dataclass

from web3.contract.contract import ContractFunction
from web3.types import BlockIdentifier

from registry.chain.contracts.base import DeployedContract


@dataclass(frozen=True)
class Rule:
    """The split from `effective_from` (epoch seconds) on: the operator's fee in 1/10000, the lowest price in fen."""

    effective_from: int
    fee_bps: int
    floor_fen: int
    fee_account: str


@dataclass(frozen=True)
class Offer:
    """An offer of the treasury; `order` is the digest of its sell order."""

    issuance: int
    tonnes: int
    limit_fen: int
    expiry: int
    withdrawn: bool
    order: bytes


class ProgrammeTreasury(DeployedContract):
    """Typed access to the ProgrammeTreasury contract."""

    NAME = "ProgrammeTreasury"

    def add_rule(self, rule: Rule) -> ContractFunction:
        """The call that adds a rule. Role: REGULATOR."""
        return self.contract.functions.addRule(astuple(rule))

    def offer(self, ref: bytes, issuance: int, tonnes: int, limit_fen: int, expiry: int) -> ContractFunction:
        """The call that lists tonnes and makes the sell order that can fill them. Role: PLATFORM."""
        return self.contract.functions.offer(ref, issuance, tonnes, limit_fen, expiry)

    def withdraw_offer(self, ref: bytes) -> ContractFunction:
        """The call that unlists what was not sold. Role: PLATFORM."""
        return self.contract.functions.withdrawOffer(ref)

    def collect(self, trade_id: bytes) -> ContractFunction:
        """The call that splits the proceeds of one trade. Anyone may send it."""
        return self.contract.functions.collect(trade_id)

    def rule_at(self, time: int, block: BlockIdentifier = "latest") -> Rule:
        """The rule in force at `time`; raises ChainRevert before the first."""
        return Rule(*self._read(self.contract.functions.ruleAt(time), block))

    def rules(self, block: BlockIdentifier = "latest") -> list[Rule]:
        """All rules, by the time they take effect."""
        count = int(self._read(self.contract.functions.ruleCount(), block))
        return [Rule(*self._read(self.contract.functions.ruleOf(i), block)) for i in range(count)]

    def find_offer(self, ref: bytes, block: BlockIdentifier = "latest") -> Offer | None:
        """The offer of this reference, or None."""
        issuance, tonnes, limit_fen, expiry, withdrawn, order = self._read(self.contract.functions.offerOf(ref), block)
        return Offer(issuance, tonnes, limit_fen, expiry, withdrawn, bytes(order)) if tonnes else None

    def is_collected(self, trade_id: bytes, block: BlockIdentifier = "latest") -> bool:
        """Whether the proceeds of a trade were split."""
        return bool(self._read(self.contract.functions.collectedOf(trade_id), block))
