"""Recomputing payments: nobody was paid beyond an attested entitlement, and every fen of proceeds is accounted for."""

from __future__ import annotations

from collections import Counter, defaultdict

import polars as pl
from web3 import Web3

from registry.audit.payout_runs import RunsAudit
from registry.audit.proceeds import ProceedsAudit
from registry.audit.scope import Scope, place, require, require_equal
from registry.chain.logs import Event
from registry.core.proceeds import total_fen
from registry.errors import VerificationError

PAYMENTS = "payments within attested entitlements"
PAID = "accounts paid as recorded"
ACCOUNTED = "proceeds equal fees, payments, dues and the rest"


class PaymentsAudit:
    """Audits every claim and bank transfer of proceeds."""

    def __init__(self, scope: Scope, runs: RunsAudit) -> None:
        self.scope, self.findings, self.runs = scope, scope.findings, runs
        self.distributor = scope.contracts.distributor
        self.totals: dict[str, object] = {}
        self._paid: Counter[str] = Counter()
        self._references: set[bytes] = set()
        self._left: Counter[tuple[str, str]] = Counter()  # (transaction, account or batch) of cash that left
        self._entitled: dict[int, dict[str, int]] = {}

    def run(self, split: ProceedsAudit) -> None:
        """`split` is what was collected and funded."""
        self.findings.open(PAYMENTS, "payments")
        self.findings.open(PAID, "accounts")
        self.findings.open(ACCOUNTED, "totals")
        payments = self._payments()
        self._cash_left()
        for number, event in payments:
            with self.findings.checking(PAYMENTS):
                self._payment(number, event)
        for (transaction, to), fen in sorted(self._left.items()):
            if fen:
                self.findings.wrong(PAYMENTS, f"transaction {transaction}: {fen} fen left for {to} without a payment")
        block = self.scope.block
        for account in sorted(self._paid):
            with self.findings.checking(PAID):
                require_equal(f"{account}: paid", self.distributor.paid_of(account, block), self._paid[account])
        with self.findings.checking(ACCOUNTED):
            self._accounted(split)

    def _payments(self) -> list[tuple[int, Event]]:
        """Every payment with the run that was active then; what those accounts were entitled to by it is looked up."""
        names = ("ProceedsClaimed", "ProceedsPaid")
        attestations = sorted(self.runs.attested.items(), key=lambda item: place(item[1]))
        found: list[tuple[int, Event]] = []
        accounts: dict[int, set[str]] = defaultdict(set)
        active, following = 0, 0
        for event in self.scope.events(self.distributor, *names):
            while following < len(attestations) and place(attestations[following][1]) < place(event):
                active, following = attestations[following][0], following + 1
            found.append((active, event))
            accounts[active].add(event["account"])
        for number, wanted in accounts.items():
            try:
                self._entitled[number] = _entitlements(self.runs.proceeds(number), wanted)
            except VerificationError as error:
                self.findings.wrong(PAYMENTS, error.message)
        return found

    def _cash_left(self) -> None:
        cash, mine = self.scope.contracts.cash, self.distributor.address
        for event in self.scope.events(cash, "Transfer"):
            if event["from"] == mine and int(event["to"], 16):
                self._left[event.transaction, event["to"]] += event["value"]
        for event in self.scope.events(cash, "CashBurnt"):
            if event["holder"] == mine:
                self._left[event.transaction, event["ref"].hex()] += event["fen"]

    def _payment(self, number: int, event: Event) -> None:
        account, fen, cumulative = event["account"], event["fen"], event["cumulativeFen"]
        before = self._paid[account]
        self._paid[account] += fen
        claimed = event.name == "ProceedsClaimed"
        self._left[event.transaction, account if claimed else event["batchRef"].hex()] -= fen
        where = f"payment of {fen} fen to {account} in transaction {event.transaction}"
        require(number in self._entitled, f"{where}: run {number} could not be recomputed")
        entitled = self._entitled[number].get(account, 0)
        require_equal(f"{where}: its cumulative fen", cumulative, before + fen)
        require_equal(f"{where}: what run {number} entitles it to", cumulative, entitled)
        if not claimed:
            reference = event["bankRef"]
            require(reference not in self._references, f"{where}: bank reference {reference.hex()} was used before")
            self._references.add(reference)
            found = self.distributor.payout(reference, self.scope.block)
            require_equal(f"{where}: the payment of its bank reference", found, (account, fen))

    def _accounted(self, split: ProceedsAudit) -> None:
        """I6: gross = fees + paid + due by the active run + not allocated yet, each from a source of its own."""
        block, paid = self.scope.block, sum(self._paid.values())
        active = max(self.runs.attested, default=0)
        attested = self.runs.proceeds(active)
        due = total_fen(attested) - paid
        issuances = split.funded.keys() | self.runs.allocated.keys()
        rest = {issuance: split.funded[issuance] - self.runs.allocated.get(issuance, 0) for issuance in issuances}
        unallocated = sum(rest.values())
        self.totals = {
            "fees_fen": split.fees,
            "paid_fen": paid,
            "due_fen": due,
            "unallocated_fen": unallocated,
        }
        require(due >= 0, f"{paid} fen were paid, run {active} entitles to {paid + due} fen")
        require(min(rest.values(), default=0) >= 0, "more of an issuance was allocated than came in")
        accounted = split.fees + paid + due + unallocated
        require_equal("proceeds collected, in fen,", split.gross, accounted)
        require_equal("fen paid in all", self.distributor.paid(block), paid)
        held = self.scope.contracts.cash.balance(self.distributor.address, block)
        require_equal("cash of the distributor, in fen,", held, due + unallocated)


def _entitlements(proceeds: pl.DataFrame, accounts: set[str]) -> dict[str, int]:
    """What these accounts are due by a run, by their checksummed addresses."""
    wanted = pl.Series("account", [bytes.fromhex(account[2:]) for account in accounts], pl.Binary)
    rows = proceeds.filter(pl.col("account").is_in(wanted.implode()))
    return {str(Web3.to_checksum_address(account)): int(fen) for account, fen in rows.iter_rows()}
