"""The model's money: the treasury's rules, offers and collections, payout runs, and who was paid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.properties.calls import NOBODY, ZERO32, Order, Rule, refuse
from tests.properties.hashes import run_digest, withdrawal_ref
from tests.properties.model_points import require_included

if TYPE_CHECKING:
    from tests.properties.model import Programme


@dataclass
class Collection:
    issuance: int
    gross_fen: int
    fee_fen: int
    people_fen: int


class Treasury:
    def __init__(self, ledger: Programme, notice_s: int) -> None:
        self.ledger = ledger
        self.notice_s = notice_s
        self.rules: list[Rule] = []
        self.offers: dict[bytes, Order] = {}
        self.withdrawn: set[bytes] = set()
        self.collections: dict[bytes, Collection] = {}

    @property
    def account(self) -> str:
        return self.ledger.at["ProgrammeTreasury"]

    def rule_at(self, time: int) -> Rule:
        begun = [rule for rule in self.rules if rule.effective_from <= time]
        refuse(not begun, "ProgrammeTreasuryNoRule")
        return begun[-1]

    def has_signed(self, order: tuple[Any, ...]) -> bool:
        """Whether the treasury stands by an order (ERC-1271): a paused one by none."""
        standing = [one for ref, one in self.offers.items() if ref not in self.withdrawn]
        return order in standing and "ProgrammeTreasury" not in self.ledger.access.paused

    def add_rule(self, _: str, rule: Rule) -> bool:
        for known in self.rules:
            if known.effective_from == rule.effective_from:
                refuse(known != rule, "ProgrammeTreasuryRuleExists")
                return False
        if self.rules:
            refuse(rule.effective_from < self.rules[-1].effective_from, "ProgrammeTreasuryRuleOutOfOrder")
            refuse(rule.effective_from < self.ledger.now + self.notice_s, "ProgrammeTreasuryRuleTooEarly")
        refuse(rule.fee_bps > 10_000, "ProgrammeTreasuryInvalidFee")
        own = (NOBODY, self.account, self.ledger.at["ProceedsDistributor"])
        refuse(rule.fee_account in own, "ProgrammeTreasuryInvalidFeeAccount")
        self.rules.append(rule)
        return True

    def offer(self, _: str, ref: bytes, issuance: int, tonnes: int, limit_fen: int, expiry: int) -> bool:
        order = Order(self.account, 0, issuance, tonnes, limit_fen, ref, expiry)
        if ref in self.offers:
            refuse(self.offers[ref] != order, "ProgrammeTreasuryReferenceUsed")
            return False
        refuse(ref == ZERO32, "ProgrammeTreasuryMissingReference")
        refuse(tonnes == 0, "ProgrammeTreasuryZeroAmount")
        refuse(self.ledger.now > expiry, "ProgrammeTreasuryOfferExpired")
        floor_fen = self.rule_at(self.ledger.now).floor_fen
        refuse(limit_fen < max(1, floor_fen), "ProgrammeTreasuryBelowFloor")
        self.ledger.access.require_running("ExchangeSettlement")
        self.ledger.settlement.list(self.account, issuance, tonnes, ref)
        self.offers[ref] = order
        return True

    def withdraw_offer(self, _: str, ref: bytes) -> bool:
        refuse(ref not in self.offers, "ProgrammeTreasuryUnknownOffer")
        if ref in self.withdrawn:
            return False
        order = self.offers[ref]
        left = order.tonnes - self.ledger.settlement.filled(order)
        if left:
            self.ledger.access.require_running("ExchangeSettlement")
            self.ledger.settlement.unlist(self.account, order.issuance, left, withdrawal_ref(ref))
        self.withdrawn.add(ref)
        return True

    def collect(self, _: str, trade_id: bytes) -> bool:
        if trade_id in self.collections:
            return False
        trade = self.ledger.settlement.trades.get(trade_id)
        refuse(trade is None or trade.sell.trader != self.account, "ProgrammeTreasuryForeignTrade")
        assert trade is not None
        rule = self.rule_at(trade.settled_at)
        fee = trade.gross_fen * rule.fee_bps // 10_000
        people = trade.gross_fen - fee
        if fee:
            self.ledger.cash.move(self.account, rule.fee_account, fee)
        if people:
            self.ledger.cash.move(self.account, self.ledger.at["ProceedsDistributor"], people)
            self.ledger.access.require_running("ProceedsDistributor")
        self.collections[trade_id] = Collection(trade.sell.issuance, trade.gross_fen, fee, people)
        return True


@dataclass
class Run:
    root: bytes
    size: int
    total_fen: int
    dossier: bytes
    publisher: str
    digest: bytes
    attested: bool = False


class Distributor:
    def __init__(self, ledger: Programme) -> None:
        self.ledger = ledger
        self.runs: list[Run] = []  # number 1 first
        self.cancelled: tuple[int, bytes] | None = None
        self.paid: dict[str, int] = {}
        self.payouts: dict[bytes, tuple[str, int]] = {}  # by bank reference
        self.batches: dict[bytes, tuple[Any, ...]] = {}

    @property
    def account(self) -> str:
        return self.ledger.at["ProceedsDistributor"]

    def funded(self, issuance: int | None = None) -> int:
        """What sales have brought the people, of one issuance or of all."""
        found = self.ledger.treasury.collections.values()
        return sum(one.people_fen for one in found if issuance in (None, one.issuance))

    def active(self) -> int:
        return len(self.runs) if self.runs and self.runs[-1].attested else max(0, len(self.runs) - 1)

    def attested_fen(self) -> int:
        return self.runs[self.active() - 1].total_fen if self.active() else 0

    def publish_run(self, caller: str, number: int, root: bytes, size: int, total_fen: int, dossier: bytes) -> bool:
        digest = run_digest(number, root, size, total_fen, dossier)
        if 0 < number <= len(self.runs):
            refuse(self.runs[number - 1].digest != digest, "ProceedsDistributorDigestMismatch")
            return False
        refuse(number != len(self.runs) + 1, "ProceedsDistributorUnexpectedNumber")
        refuse(self.active() != len(self.runs), "ProceedsDistributorPending")
        refuse(size == 0 or ZERO32 in (root, dossier), "ProceedsDistributorIncompleteRun")
        refuse(total_fen <= self.attested_fen(), "ProceedsDistributorTotalNotAbove")
        refuse(total_fen > self.funded(), "ProceedsDistributorUnfunded")
        self.runs.append(Run(root, size, total_fen, dossier, caller, digest))
        return True

    def attest_run(self, caller: str, number: int, digest: bytes) -> bool:
        refuse(not 0 < number <= len(self.runs), "ProceedsDistributorUnknown")
        run = self.runs[number - 1]
        refuse(run.digest != digest, "ProceedsDistributorDigestMismatch")
        if run.attested:
            return False
        refuse(caller == run.publisher, "ProceedsDistributorSelfAttestation")
        run.attested = True
        return True

    def cancel_run(self, _: str, number: int, reason: bytes) -> bool:
        if number == len(self.runs) + 1 and self.cancelled == (number, reason):
            return False
        refuse(not 0 < number <= len(self.runs), "ProceedsDistributorUnknown")
        refuse(number <= self.active(), "ProceedsDistributorAttested")
        refuse(reason == ZERO32, "ProceedsDistributorMissingReason")
        self.runs.pop()
        self.cancelled = (number, reason)
        return True

    def claim(self, caller: str, cumulative_fen: int, index: int, proof: tuple[bytes, ...]) -> int:
        due = self._due(caller, cumulative_fen, index, proof)
        if due:
            self._pay(caller, due)
            self._require_covered()
            self.ledger.cash.move(self.account, caller, due)
        return due

    def claim_for(
        self, _: str, account: str, cumulative_fen: int, index: int, proof: tuple[bytes, ...], deadline: int, by: Any
    ) -> int:
        if not self._due(account, cumulative_fen, index, proof):
            return 0
        fields = (account, cumulative_fen, deadline)
        self.ledger.require_intent(account, "ProceedsDistributor", "ProceedsClaim", fields, by)
        return self.claim(account, cumulative_fen, index, proof)

    def pay(self, _: str, batch_ref: bytes, payments: tuple[Any, ...]) -> bool:
        refuse(not 1 <= len(payments) <= 64, "ProceedsDistributorPaymentCount")
        refuse(batch_ref == ZERO32, "ProceedsDistributorMissingReference")
        content = tuple((account, fen, bank_ref) for account, fen, _, bank_ref, _ in payments)
        if batch_ref in self.batches:
            refuse(self.batches[batch_ref] != content, "ProceedsDistributorReferenceUsed")
            return False
        total = 0
        for account, cumulative_fen, index, bank_ref, proof in payments:
            refuse(bank_ref == ZERO32, "ProceedsDistributorMissingReference")
            refuse(bank_ref in self.payouts, "ProceedsDistributorBankReferenceUsed")
            due = self._due(account, cumulative_fen, index, proof)
            refuse(due == 0, "ProceedsDistributorNothingDue")
            self._pay(account, due)
            self.payouts[bank_ref] = (account, due)
            total += due
        self._require_covered()
        self.batches[batch_ref] = content
        self.ledger.access.require_running("SettlementCash")
        self.ledger.cash.burn(self.account, total, batch_ref)
        return True

    def _due(self, account: str, cumulative_fen: int, index: int, proof: tuple[bytes, ...]) -> int:
        active = self.active()
        refuse(active == 0, "ProceedsDistributorNoneActive")
        run = self.runs[active - 1]
        require_included(proceeds_leaf(account, cumulative_fen), index, run.size, proof, run.root)
        paid = self.paid.get(account, 0)
        refuse(cumulative_fen < paid, "ProceedsDistributorEntitlementRegressed")
        return cumulative_fen - paid

    def _pay(self, account: str, due: int) -> None:
        self.paid[account] = self.paid.get(account, 0) + due

    def _require_covered(self) -> None:
        """What is paid stays within what was attested."""
        refuse(sum(self.paid.values()) > self.attested_fen(), "ProceedsDistributorOverdrawn")


def proceeds_leaf(account: str, cumulative_fen: int) -> bytes:
    """37 bytes: kind, account, fen since the beginning."""
    return b"\x03" + bytes.fromhex(account[2:]) + cumulative_fen.to_bytes(16, "big")
