"""Recomputing the split of proceeds: every collected trade by the rule of its time, to the fen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from registry.audit.scope import Scope, require, require_equal
from registry.chain.contracts.programme_treasury import Rule
from registry.chain.logs import Event
from registry.errors import VerificationError

RULES = "rules of the split as announced"
SPLIT = "proceeds split by the rule of the trade's time"
FUNDED = "the people's share funded as split"

_BPS = 10_000


@dataclass(frozen=True)
class Funding:
    """The people's share of one collected trade, in fen, and where in the chain it arrived."""

    issuance: int
    fen: int
    place: tuple[int, int]


class ProceedsAudit:
    """Audits the treasury's rules and what it collected."""

    def __init__(self, scope: Scope) -> None:
        self.scope, self.findings, self.treasury = scope, scope.findings, scope.contracts.treasury
        self.gross = self.fees = 0
        self.funded: Counter[int] = Counter()
        self.fundings: list[Funding] = []
        self.totals: dict[str, object] = {}
        self._rules: list[Rule] = []
        self._collected: dict[bytes, Event] = {}

    def run(self, trades: Mapping[bytes, Event]) -> None:
        """`trades` are the settled trades by their numbers."""
        self.findings.open(RULES, "rules")
        self.findings.open(SPLIT, "trades")
        self.findings.open(FUNDED, "issuances")
        self._announced()
        cash = self._cash_moved()
        for event in self.scope.events(self.treasury, "ProceedsCollected"):
            with self.findings.checking(SPLIT):
                self._collect(event, trades.get(event["tradeId"]), cash)
        sold = {number: t for number, t in trades.items() if t["seller"] == self.treasury.address}
        waiting = {number: t for number, t in sold.items() if number not in self._collected}
        for number in waiting:
            if self.treasury.is_collected(number, self.scope.block):
                self.findings.wrong(SPLIT, f"trade {number.hex()} is collected on the chain, and no event says so")
        uncollected = sum(trade["tonnes"] * trade["priceFen"] for trade in waiting.values())
        held = self.scope.contracts.cash.balance(self.treasury.address, self.scope.block)
        if held != uncollected:
            self.findings.wrong(SPLIT, f"the treasury holds {held} fen, its trades not collected are {uncollected} fen")
        self._funded()
        self.totals = {
            "collected_trades": len(self._collected),
            "collected_fen": self.gross,
            "uncollected_trades": len(waiting),
            "uncollected": [number.hex() for number in waiting],
            "uncollected_fen": uncollected,
        }

    def _announced(self) -> None:
        """Rules are recorded as they were announced, ascending, and only the first could reach back in time."""
        recorded = self.treasury.rules(self.scope.block)
        for event in self.scope.events(self.treasury, "RuleAdded"):
            rule, index = Rule(*event["rule"]), len(self._rules)
            with self.findings.checking(RULES):
                require_equal("a rule's number", event["index"], index)
                require(index < len(recorded), f"rule {index} is not on the chain")
                require_equal(f"rule {index}", recorded[index], rule)
                later = not index or rule.effective_from > self._rules[-1].effective_from
                require(later, f"rule {index} is in force before rule {index - 1}")
                added = self.scope.time(event)
                require(not index or rule.effective_from >= added, f"rule {index} was added after it was in force")
            self._rules.append(rule)
        if len(recorded) > len(self._rules):
            self.findings.wrong(RULES, f"the chain holds {len(recorded)} rules, {len(self._rules)} were added")

    def _cash_moved(self) -> Counter[tuple[str, str]]:
        """(transaction, to) of the cash that left the treasury."""
        moved: Counter[tuple[str, str]] = Counter()
        for event in self.scope.events(self.scope.contracts.cash, "Transfer"):
            if event["from"] == self.treasury.address:
                moved[event.transaction, event["to"]] += event["value"]
        return moved

    def _collect(self, event: Event, trade: Event | None, cash: Counter[tuple[str, str]]) -> None:
        number, where = event["tradeId"], f"trade {event['tradeId'].hex()}"
        require(number not in self._collected, f"{where} was collected twice")
        self._collected[number] = event
        self.gross += event["grossFen"]
        self.fees += event["feeFen"]
        if trade is None or trade["seller"] != self.treasury.address:
            raise VerificationError(f"{where} was collected, and is no trade of the treasury")
        require_equal(f"{where}: its issuance", event["issuance"], trade["issuance"])
        gross = trade["tonnes"] * trade["priceFen"]
        require_equal(f"{where}: gross fen", event["grossFen"], gross)
        rule = self._rule_at(where, self.scope.time(trade))
        fee = gross * rule.fee_bps // _BPS
        require_equal(f"{where}: fee in fen", event["feeFen"], fee)
        require_equal(f"{where}: fen of the people", event["peopleFen"], gross - fee)
        require(self.treasury.is_collected(number, self.scope.block), f"{where} is not collected on the chain")
        # A transaction may collect several trades, so each takes its own part of the cash that moved.
        for what, account, fen in (
            ("the fee", rule.fee_account, fee),
            ("the people's share", self.scope.contracts.distributor.address, gross - fee),
        ):
            left = cash[event.transaction, account]
            require(left >= fen, f"{where}: {what} is {fen} fen, {left} fen of cash moved to {account}")
            cash[event.transaction, account] = left - fen

    def _rule_at(self, where: str, time: int) -> Rule:
        in_force = [rule for rule in self._rules if rule.effective_from <= time]
        if not in_force:
            raise VerificationError(f"{where}: no rule was in force at {time}")
        return in_force[-1]

    def _funded(self) -> None:
        """What came in for each issuance is what its collected trades left for the people."""
        distributor, block = self.scope.contracts.distributor, self.scope.block
        people: Counter[tuple[str, int]] = Counter()
        for event in self._collected.values():
            people[event.transaction, event["issuance"]] += event["peopleFen"]
        arrived: Counter[tuple[str, int]] = Counter()
        total, wrong = 0, dict[int, str]()
        for event in self.scope.events(distributor, "Funded"):
            issuance, fen = event["issuance"], event["fen"]
            arrived[event.transaction, issuance] += fen
            self.funded[issuance] += fen
            self.fundings.append(Funding(issuance, fen, (event.block, event.index)))
            total += fen
            if event["fundedFen"] != total:
                wrong.setdefault(issuance, f"{event['fundedFen']} fen funded in all, recomputed {total} fen")
        for transaction, issuance in sorted(people.keys() | arrived.keys()):
            came, due = arrived[transaction, issuance], people[transaction, issuance]
            if came != due:
                wrong.setdefault(issuance, f"{came} fen funded in transaction {transaction}, recomputed {due} fen")
        for issuance in sorted(self.funded.keys() | wrong.keys()):
            with self.findings.checking(FUNDED):
                require(issuance not in wrong, f"issuance {issuance}: {wrong.get(issuance)}")
                funded = distributor.funded_of(issuance, block)
                require_equal(f"issuance {issuance}: fen funded", funded, self.funded[issuance])
        if distributor.funded(block) != total:
            self.findings.wrong(FUNDED, f"{distributor.funded(block)} fen were funded in all, recomputed {total} fen")
