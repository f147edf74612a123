"""Replaying settlement cash: minted once a confirmed bank reference, never below zero, where its transfers led."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from registry.audit.scope import NOBODY, Scope, require, require_equal, require_record
from registry.chain.contracts.settlement_cash import MintRecord, MintStatus
from registry.chain.logs import Event
from registry.errors import VerificationError

MINTED = "cash minted once a confirmed bank reference"
BALANCES = "cash balances equal replayed transfers"


class CashAudit:
    """Audits all cash of a ledger, in fen."""

    def __init__(self, scope: Scope) -> None:
        self.scope, self.findings, self.cash = scope, scope.findings, scope.contracts.cash
        self.balances: Counter[str] = Counter()
        self.totals: dict[str, object] = {}
        self._mints: dict[bytes, MintRecord] = {}
        self._wrong: dict[bytes, str] = {}
        self._backed: Counter[tuple[str, str, str]] = Counter()  # (transaction, from, to) of what was minted and burnt

    def run(self) -> None:
        """Replay every bank reference and every transfer."""
        self.findings.open(MINTED, "bank references")
        self.findings.open(BALANCES, "balances")
        for event in self.scope.events(self.cash, "MintRequested", "CashMinted", "MintCancelled"):
            try:
                self._mint(event)
            except VerificationError as error:
                self._wrong.setdefault(event["bankRef"], error.message)
        for ref in sorted(self._mints.keys() | self._wrong.keys()):
            with self.findings.checking(MINTED):
                require(ref not in self._wrong, f"bank reference {ref.hex()}: {self._wrong.get(ref)}")
                record = self.cash.mint(ref, self.scope.block)
                require_record(f"bank reference {ref.hex()}", record, self._mints[ref])
        burnt = self.scope.events(self.cash, "CashBurnt")
        for event in burnt:
            self._backed[event.transaction, event["holder"], NOBODY] += event["fen"]
        self._transfers()
        minted = sum(record.fen for record in self._mints.values() if record.status is MintStatus.MINTED)
        self._supply(minted - sum(event["fen"] for event in burnt))
        self.totals = {"cash_minted_fen": minted, "cash_burnt_fen": sum(event["fen"] for event in burnt)}

    def _mint(self, event: Event) -> None:
        """One step of a bank reference; raises VerificationError when it was not due."""
        ref = event["bankRef"]
        record = self._mints.get(ref)
        if event.name == "MintRequested":
            require(record is None, "it was used twice")
            self._mints[ref] = MintRecord(event["to"], event["fen"], event["requester"], MintStatus.REQUESTED)
            return
        if event.name == "CashMinted":
            self._backed[event.transaction, NOBODY, event["to"]] += event["fen"]
        if record is None:
            raise VerificationError(f"{event.name} without a request")
        require(record.status is MintStatus.REQUESTED, f"{event.name} when it was {record.status.name}")
        if event.name == "MintCancelled":
            self._mints[ref] = replace(record, status=MintStatus.CANCELLED)
            return
        self._mints[ref] = replace(record, status=MintStatus.MINTED)
        require_equal("what was minted", (event["to"], event["fen"]), (record.to, record.fen))
        require(event["bank"] != record.requester, "requested and confirmed by one key")

    def _transfers(self) -> None:
        moved: Counter[tuple[str, str, str]] = Counter()
        for event in self.scope.events(self.cash, "Transfer"):
            origin, target, fen = event["from"], event["to"], event["value"]
            if NOBODY in (origin, target):
                moved[event.transaction, origin, target] += fen
            if origin != NOBODY:
                self.balances[origin] -= fen
                if self.balances[origin] < 0:
                    left = self.balances[origin]
                    self.findings.wrong(BALANCES, f"{origin} had {left} fen after transaction {event.transaction}")
            if target != NOBODY:
                self.balances[target] += fen
        for key in sorted(moved.keys() | self._backed.keys()):
            if moved[key] != self._backed[key]:
                transaction, origin, target = key
                verb, account = ("minted to", target) if origin == NOBODY else ("burnt of", origin)
                what = f"{moved[key]} fen were {verb} {account}, by bank references {self._backed[key]}"
                self.findings.wrong(MINTED, f"transaction {transaction}: {what}")
        for account in sorted(self.balances):
            with self.findings.checking(BALANCES):
                found = self.cash.balance(account, self.scope.block)
                require_equal(f"{account}: its cash", found, self.balances[account])

    def _supply(self, expected: int) -> None:
        supply = self.cash.total_supply(self.scope.block)
        if not supply == expected == sum(self.balances.values()):
            what = f"balances add up to {sum(self.balances.values())} fen, minted less burnt {expected} fen"
            self.findings.wrong(BALANCES, f"the supply is {supply} fen, {what}")
