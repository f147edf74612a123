"""Events that a node made up: each is found by the check that recomputes what it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import pytest

from registry.audit.cash import BALANCES, MINTED
from registry.audit.certifications import DOSSIERS, INTERVALS, ISSUANCES, POOL
from registry.audit.epochs import CONVERSIONS, CONVERTED
from registry.audit.ledger import audit_ledger
from registry.audit.market import DELIVERED, FILLS, TRADES
from registry.audit.orders import ORDERS
from registry.audit.payments import ACCOUNTED, PAID, PAYMENTS
from registry.audit.payout_runs import RUNS, SPLITS
from registry.audit.proceeds import FUNDED, RULES, SPLIT
from registry.audit.retirements import CERTIFICATES, OFFSETS
from registry.audit.serials import FINAL, HOLDINGS, MOVES, PLACES
from registry.chain.contracts.base import DeployedContract
from registry.chain.contracts.participants import Kind
from registry.chain.contracts.reduction_certification import CertificationStatus
from registry.chain.contracts.retirement_certificates import CertificateRecord
from registry.chain.deployment import Contracts
from registry.chain.logs import Event
from registry.core.serial import SerialRange
from tests.audit.forging import wrong

UNPAID = {SPLITS, PAYMENTS, ACCOUNTED}
"""What cannot be recomputed without a certification's contributions."""
Change = Callable[[list[Event]], list[Event]]


def forge_events(patch: pytest.MonkeyPatch, contract: DeployedContract, change: Change) -> None:
    """Let a contract tell its history otherwise."""
    genuine = contract.history

    def history(names: Any, first: int, last: int, **filters: Any) -> list[Event]:
        return change(genuine(names, first, last, **filters))

    patch.setattr(contract, "history", history)


def alter(name: str, nth: int = 0, **changed: Any) -> Change:
    """Change arguments of the nth event of a name: to a value, or by a function of the old one."""

    def change(events: list[Event]) -> list[Event]:
        mine = [event for event in events if event.name == name]
        if nth >= len(mine):
            return events
        old = mine[nth].arguments
        new = {key: value(old[key]) if callable(value) else value for key, value in changed.items()}
        assert set(new) <= set(old)
        forged = replace(mine[nth], arguments={**old, **new})
        return [forged if event is mine[nth] else event for event in events]

    return change


def drop(name: str, nth: int = 0) -> Change:
    """Keep the nth event of a name from the auditor."""

    def change(events: list[Event]) -> list[Event]:
        mine = [event for event in events if event.name == name]
        return [event for event in events if nth >= len(mine) or event is not mine[nth]]

    return change


def repeat(name: str, nth: int = 0, **changed: Any) -> Change:
    """Tell the nth event of a name again at the end, changed or not."""

    def change(events: list[Event]) -> list[Event]:
        mine = [event for event in events if event.name == name]
        return events + [replace(event, arguments={**event.arguments, **changed}) for event in mine[nth : nth + 1]]

    return change


def elsewhere(name: str, nth: int = 0) -> Change:
    """Say that the nth event of a name was in another transaction."""

    def change(events: list[Event]) -> list[Event]:
        mine = [event for event in events if event.name == name]
        forged = {id(event): replace(event, transaction="0x" + "ab" * 32) for event in mine[nth : nth + 1]}
        return [forged.get(id(event), event) for event in events]

    return change


def copied(name: str, target: str, source: str, nth: int = 0) -> Change:
    """Set one argument of an event to what another argument of an earlier event of the contract was."""

    def change(events: list[Event]) -> list[Event]:
        found = [event.arguments[source] for event in events if source in event.arguments]
        return alter(name, nth, **{target: found[0]})(events) if found else events

    return change


def plus(number: int) -> Callable[[int], int]:
    return lambda value: value + number


OTHER = bytes([9]) * 32
SOMEONE = "0x" + "7" * 40
MG = plus(1)

FORGERIES: dict[str, tuple[str, Change, set[str], str]] = {
    "a mandate nobody gave": (
        "mandates",
        drop("MandateGiven", 5),
        {CONVERTED},
        "74880000 mg of 74880000 mg newly earned, with no mandate",
    ),
    "a revocation kept secret": (
        "mandates",
        drop("MandateRevoked"),
        {CONVERTED},
        "converted 0 mg of 74880000 mg newly earned, with a mandate",
    ),
    "a redemption of more": (
        "points",
        alter("PointsRedeemed", mg=MG),
        {POOL, DOSSIERS, *UNPAID},
        "the pool on the chain is 5990400000 mg, its entries add up to 5990400001 mg",
    ),
    "a redemption for another channel": (
        "points",
        alter("PointsRedeemed", channel=0),
        {POOL, DOSSIERS, *UNPAID},
        "its entries add up to 5915520000 mg",
    ),
    "an epoch attested later": (
        "points",
        alter("EpochAttested", number=7),
        {POOL, DOSSIERS, *UNPAID},
        "epoch 1 is attested, and no event says when",
    ),
    "an application from another start": (
        "certification",
        alter("CertificationApplied", 2, fromMg=MG),
        {INTERVALS, DOSSIERS},
        "the start of its interval is 3000000001, recomputed 3000000000",
    ),
    "an application under another number": (
        "certification",
        alter("CertificationApplied", 2, number=4),
        {POOL, INTERVALS, DOSSIERS, ISSUANCES, *UNPAID},
        "certification 3: it was never applied for",
    ),
    "an application beyond the pool": (
        "certification",
        alter("CertificationApplied", 2, tonnes=5),
        {POOL, INTERVALS, DOSSIERS, ISSUANCES, *UNPAID},
        "its interval ends at 8000000000 mg, the pool held 5990400000 mg",
    ),
    "an application for another dossier": (
        "certification",
        alter("CertificationApplied", dossier=OTHER),
        {INTERVALS, DOSSIERS, ISSUANCES},
        "no usable folder for dossier 0909",
    ),
    "another class": (
        "certification",
        alter("CertificationApplied", 1, classId=66_000),
        {INTERVALS},
        "certification 2: the start of its interval is 3000000000, recomputed 0",
    ),
    "a rejection kept secret": (
        "certification",
        drop("CertificationRejected"),
        {POOL, INTERVALS},
        "certification 2: status is REJECTED, recomputed APPLIED",
    ),
    "a verification kept secret": (
        "certification",
        drop("CertificationVerified"),
        {INTERVALS},
        "certification 1: approved when it was APPLIED",
    ),
    "another dossier verified": (
        "certification",
        alter("CertificationVerified", dossier=OTHER),
        {INTERVALS},
        "certification 1: the dossier verified is 0x0909",
    ),
    "the applicant verifies": (
        "certification",
        copied("CertificationVerified", "verifier", "applicant"),
        {INTERVALS},
        "certification 1: applicant and verifier are one key",
    ),
    "the verifier approves": (
        "certification",
        copied("CertificationApproved", "regulator", "verifier"),
        {INTERVALS},
        "the regulator's key is the applicant's or the verifier's",
    ),
    "the applicant approves": (
        "certification",
        copied("CertificationApproved", "regulator", "applicant"),
        {INTERVALS},
        "the regulator's key is the applicant's or the verifier's",
    ),
    "an approval kept secret": (
        "certification",
        drop("CertificationApproved"),
        {POOL, INTERVALS, ISSUANCES},
        "issuance 1 has no approved certification",
    ),
    "approved twice": (
        "certification",
        repeat("CertificationApproved"),
        {INTERVALS},
        "certification 1: approved when it was APPROVED",
    ),
    "applied twice": (
        "certification",
        repeat("CertificationApplied"),
        {INTERVALS},
        "certification 1: it was applied for twice",
    ),
    "rejected after approval": (
        "certification",
        alter("CertificationRejected", number=3),
        {POOL, INTERVALS},
        "certification 2: status is REJECTED, recomputed APPLIED",
    ),
    "an issuance of more": (
        "reductions",
        alter("ReductionsIssued", tonnes=MG),
        {ISSUANCES, PLACES},
        "issuance 1: tonnes is 4, recomputed 3",
    ),
    "an issuance to somebody": (
        "reductions",
        alter("ReductionsIssued", to=SOMEONE),
        {ISSUANCES},
        "issuance 1: to is 0x7777",
    ),
    "an issuance twice": ("reductions", repeat("ReductionsIssued"), {ISSUANCES}, "certification 1 was issued 2 times"),
    "an issuance nobody approved": (
        "reductions",
        repeat("ReductionsIssued", issuance=9, firstSerial=6),
        {ISSUANCES, PLACES},
        "issuance 9 has no approved certification",
    ),
    "an issuance kept secret": (
        "reductions",
        drop("ReductionsIssued", 1),
        {ISSUANCES, MOVES, PLACES},
        "certification 3 was issued 0 times",
    ),
    "a serial more": ("reductions", alter("SerialsMoved", 1, last=MG), {HOLDINGS}, "listed is 0, recomputed 1"),
    "serials to somebody": (
        "reductions",
        alter("SerialsMoved", 5, to=SOMEONE),
        {MOVES, PLACES, HOLDINGS, DELIVERED},
        "without a trade",
    ),
    "a step that is none": (
        "reductions",
        alter("SerialsMoved", 1, toPlace=0),
        {MOVES, PLACES, HOLDINGS},
        "went from HELD to NOWHERE of",
    ),
    "a move kept secret": (
        "reductions",
        drop("SerialsMoved", 2),
        {MOVES, PLACES, HOLDINGS, DELIVERED},
        "serials 1..2 were not HELD of",
    ),
    "a retirement kept secret": (
        "reductions",
        drop("SerialsMoved", 9),
        {MOVES, PLACES, HOLDINGS},
        "serials 4..4 were not HELD of",
    ),
    "an issuance in another transaction": (
        "reductions",
        elsewhere("ReductionsIssued"),
        {ISSUANCES, MOVES, PLACES, HOLDINGS},
        "issuance 1: its transaction is 0xabab",
    ),
    "serials out of nowhere": (
        "reductions",
        elsewhere("SerialsMoved"),
        {MOVES, PLACES, HOLDINGS},
        "serials 1..3 went from NOWHERE to HELD in a transaction that issued nothing",
    ),
    "a delivery in another transaction": (
        "reductions",
        elsewhere("SerialsMoved", 2),
        {DELIVERED},
        "tonnes delivered in its transaction is 0, recomputed 1",
    ),
    "a retirement in another transaction": (
        "certificates",
        elsewhere("Retired"),
        {CERTIFICATES},
        "its serials is [1..1], recomputed []",
    ),
    "a collection in another transaction": (
        "treasury",
        elsewhere("ProceedsCollected"),
        {SPLIT, FUNDED},
        "the fee is 1125 fen, 0 fen of cash moved to",
    ),
    "a claim in another transaction": (
        "distributor",
        elsewhere("ProceedsClaimed"),
        {PAYMENTS},
        "without a payment",
    ),
    "a retired serial back": (
        "reductions",
        repeat("SerialsMoved", 0, fromPlace=3, toPlace=1, first=1, last=1),
        {FINAL},
        "serials 1..1 left RETIRED of",
    ),
    "another price": (
        "settlement",
        alter("TradeSettled", priceFen=MG),
        {TRADES, ORDERS, DELIVERED, SPLIT},
        "price_fen is 9001, recomputed 9002",
    ),
    "another time's trade": ("settlement", repeat("TradeSettled"), {TRADES, FILLS, DELIVERED}, "was settled twice"),
    "a trade kept secret": ("settlement", drop("TradeSettled", 2), {DELIVERED}, "without a trade"),
    "a trade of the treasury kept secret": (
        "settlement",
        drop("TradeSettled", 4),
        {DELIVERED, SPLIT},
        "the treasury holds 8100 fen, its trades not collected are 0 fen",
    ),
    "another seller": (
        "settlement",
        alter("TradeSettled", 2, seller=SOMEONE),
        {TRADES, ORDERS, DELIVERED},
        "SELL order: its trader is 0x7777",
    ),
    "another buyer": (
        "settlement",
        alter("TradeSettled", 2, buyer=SOMEONE),
        {TRADES, ORDERS, DELIVERED},
        "BUY order: its trader is 0x7777",
    ),
    "another order": (
        "settlement",
        alter("TradeSettled", 2, buyOrder=OTHER),
        {TRADES, ORDERS, FILLS},
        "BUY order: its digest is 0x0909",
    ),
    "a cancellation of another order": ("settlement", alter("OrderCancelled", order=OTHER), {FILLS}, "cancelled is"),
    "an offer kept secret": ("treasury", drop("Offered"), {ORDERS}, "SELL order: the treasury had not offered it"),
    "an offer at another price": ("treasury", alter("Offered", limitFen=MG), {ORDERS}, "its offer is [1, 2, 9002, "),
    "cash to somebody": (
        "cash",
        alter("Transfer", 2, to=SOMEONE),
        {DELIVERED, BALANCES},
        "fen paid in its transaction is 0, recomputed 9001",
    ),
    "a transfer kept secret": (
        "cash",
        drop("Transfer", 2),
        {DELIVERED, BALANCES},
        "fen paid in its transaction is 0, recomputed 9001",
    ),
    "a mint kept secret": ("cash", drop("Transfer"), {MINTED, BALANCES}, "0 fen were minted to 0x"),
    "a mint of more": ("cash", alter("CashMinted", fen=MG), {MINTED}, "60001], recomputed [0x"),
    "a mint nobody requested": ("cash", drop("MintRequested"), {MINTED, BALANCES}, "CashMinted without a request"),
    "a request of more": ("cash", alter("MintRequested", fen=MG), {MINTED, BALANCES}, "60000], recomputed [0x"),
    "a bank reference twice": ("cash", repeat("CashMinted"), {MINTED}, "CashMinted when it was MINTED"),
    "a reference requested twice": ("cash", repeat("MintRequested"), {MINTED}, "it was used twice"),
    "the requester confirms": (
        "cash",
        copied("CashMinted", "bank", "requester"),
        {MINTED},
        "requested and confirmed by one key",
    ),
    "a cancelled reference minted": (
        "cash",
        alter("MintCancelled", bankRef=OTHER),
        {MINTED},
        "MintCancelled without a request",
    ),
    "a withdrawal kept secret": ("cash", drop("CashBurnt"), {MINTED, BALANCES}, "500 fen were burnt of 0x"),
    "a certificate of more": (
        "certificates",
        alter("Retired", tonnes=MG),
        {CERTIFICATES, OFFSETS},
        "certificate 1: tonnes is 1, recomputed 2",
    ),
    "a certificate of less": (
        "certificates",
        alter("Retired", tonnes=0),
        {CERTIFICATES, OFFSETS},
        "limit and use is [4, 1], recomputed [4, 0]",
    ),
    "a certificate kept secret": (
        "certificates",
        drop("Retired", 1),
        {CERTIFICATES},
        "the chain counts 2 certificates, events 1",
    ),
    "a certificate of another number": (
        "certificates",
        alter("Retired", certificate=2),
        {CERTIFICATES},
        "certificate 1: its number is 2, recomputed 1",
    ),
    "a certificate of another entity": (
        "certificates",
        alter("Retired", entity=OTHER),
        {CERTIFICATES, OFFSETS},
        "1 t used of 0 t after transaction",
    ),
    "a certificate for another year": (
        "certificates",
        alter("Retired", year=2027),
        {CERTIFICATES, OFFSETS},
        "certificate 1: year is 2026, recomputed 2027",
    ),
    "a reference retired twice": (
        "certificates",
        copied("Retired", "ref", "ref", 1),
        {CERTIFICATES},
        "certificate 2: ref is 0x",
    ),
    "a lower limit": (
        "certificates",
        alter("OffsetLimitSet", tonnes=0),
        {OFFSETS},
        "1 t used of 0 t after transaction",
    ),
    "another limit": (
        "certificates",
        alter("OffsetLimitSet", tonnes=MG),
        {OFFSETS},
        "limit and use is [4, 1], recomputed [5, 1]",
    ),
    "another rule": (
        "treasury",
        alter("RuleAdded", rule=lambda r: (r[0], r[1] + 1, *r[2:])),
        {RULES, SPLIT},
        "fee in fen is 1125, recomputed 1126",
    ),
    "a rule kept secret": ("treasury", drop("RuleAdded"), {RULES, SPLIT}, "the chain holds 1 rules, 0 were added"),
    "a rule after the fact": ("treasury", repeat("RuleAdded", index=1), {RULES}, "rule 1 is not on the chain"),
    "a larger fee": (
        "treasury",
        alter("ProceedsCollected", feeFen=MG, peopleFen=plus(-1)),
        {SPLIT, FUNDED, ACCOUNTED},
        "fee in fen is 1126, recomputed 1125",
    ),
    "less gross": (
        "treasury",
        alter("ProceedsCollected", grossFen=plus(-1)),
        {SPLIT, ACCOUNTED},
        "gross fen is 9000, recomputed 9001",
    ),
    "collected twice": ("treasury", repeat("ProceedsCollected"), {SPLIT}, "was collected twice"),
    "a collection kept secret": (
        "treasury",
        drop("ProceedsCollected"),
        {SPLIT, FUNDED, ACCOUNTED},
        "is collected on the chain, and no event says so",
    ),
    "a trade of others collected": (
        "treasury",
        alter("ProceedsCollected", tradeId=OTHER),
        {SPLIT},
        "was collected, and is no trade of the treasury",
    ),
    "less funded": (
        "distributor",
        alter("Funded", fen=plus(-1)),
        {FUNDED, *UNPAID},
        "run 1 allocates 16043 fen of issuance 1, 16042 fen had come in",
    ),
    "funded later": (
        "distributor",
        alter("Funded", 2, fundedFen=MG),
        {FUNDED},
        "issuance 3: 23044 fen funded in all, recomputed 23043 fen",
    ),
    "a run attested by nobody": (
        "distributor",
        drop("RunAttested"),
        {RUNS, PAYMENTS},
        "run 1 was followed by another and never attested",
    ),
    "the last run attested by nobody": (
        "distributor",
        drop("RunAttested", 1),
        {RUNS, PAYMENTS},
        "run 2: attested is True, recomputed False",
    ),
    "another run attested": (
        "distributor",
        alter("RunAttested", digest=OTHER),
        {RUNS},
        "run 1: the digest attested is 0x0909",
    ),
    "the publisher attests": (
        "distributor",
        copied("RunAttested", "verifier", "publisher"),
        {RUNS},
        "run 1: published and attested by one key",
    ),
    "a run of more": (
        "distributor",
        alter("RunPublished", totalFen=MG),
        {RUNS, *UNPAID},
        "number, root, size and total is [1, ",
    ),
    "a run kept secret": (
        "distributor",
        drop("RunPublished", 1),
        {RUNS, PAYMENTS, ACCOUNTED},
        "latest and active run are (2, 2) on the chain, recomputed (1, 2)",
    ),
    "another dossier of a run": (
        "distributor",
        alter("RunPublished", dossier=OTHER),
        {RUNS, *UNPAID},
        "run 1: no usable folder for dossier 0909",
    ),
    "a claim of less": (
        "distributor",
        alter("ProceedsClaimed", fen=plus(-1)),
        {PAYMENTS, PAID, ACCOUNTED},
        ": its cumulative fen is ",
    ),
    "a claim kept secret": ("distributor", drop("ProceedsClaimed"), {PAYMENTS, ACCOUNTED}, "without a payment"),
    "a payment to somebody": (
        "distributor",
        alter("ProceedsPaid", account=SOMEONE),
        {PAYMENTS, PAID},
        "recomputed 0",
    ),
    "a bank reference paid twice": (
        "distributor",
        copied("ProceedsPaid", "bankRef", "bankRef", 1),
        {PAYMENTS},
        "was used before",
    ),
    "a payment twice": (
        "distributor",
        repeat("ProceedsPaid"),
        {PAYMENTS, PAID, ACCOUNTED},
        ": its cumulative fen is ",
    ),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_made_up_event_is_found(
    market_contracts: Contracts, market_made: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract, change, failing, said = FORGERIES[name]
    forge_events(monkeypatch, getattr(market_contracts, contract), change)
    found = wrong(audit_ledger(market_contracts, market_made / "evidence"))
    assert set(found) == failing
    assert said in "\n".join(found.values())


def none(_: Any) -> None:
    return None


def changed(**fields: Any) -> Callable[[Any], Any]:
    return lambda record: replace(record, **fields)


def without_last(found: Any) -> Any:
    return found[:-1]


def other(value: Any) -> bool:
    return not value


def one_serial_on(record: CertificateRecord) -> CertificateRecord:
    return replace(record, ranges=tuple(SerialRange(r.first + 1, r.last + 1) for r in record.ranges))


def plus_where_one(balance: int) -> int:
    """Of all who hold or held, one alone: whose address comes first is chance."""
    return 2 if balance == 1 else balance


def one_more_used(offset: tuple[int, int]) -> tuple[int, int]:
    return offset[0], offset[1] + 1


def to_another(payout: tuple[str, int]) -> tuple[str, int]:
    return SOMEONE, payout[1]


RECORDS: dict[str, tuple[str, str, Callable[[Any], Any], set[str], str]] = {
    "more in the pool": ("points", "market_mg", MG, {POOL, DOSSIERS, *UNPAID}, "the pool on the chain is 5990400001"),
    "less converted": ("points", "totals", changed(converted=1), {CONVERSIONS}, "1 mg, recomputed 5915520000 mg"),
    "another status": ("certification", "find", changed(status=CertificationStatus.VERIFIED), {INTERVALS}, "VERIFIED"),
    "no certification": ("certification", "find", none, {INTERVALS}, "the chain has no record of it"),
    "a certification more": ("certification", "count", MG, {INTERVALS}, "the chain counts 4 certifications, 3 were"),
    "one open": ("certification", "open_of", MG, {POOL}, "the open certification is 1, recomputed 0"),
    "more certified": ("certification", "certified_mg", MG, {POOL}, "certified mg is 5000000001"),
    "more left": ("certification", "pool_mg", MG, {POOL}, "mg left in the pool is 990400001, recomputed 990400000"),
    "more retired": ("reductions", "issuance", changed(retired=3), {PLACES}, "retired is 3, recomputed 2"),
    "some withdrawn": ("reductions", "issuance", changed(cancelled=1), {PLACES}, "cancelled is 1, recomputed 0"),
    "another class": ("reductions", "issuance", changed(class_id=1), {PLACES}, "class, dossier and time is [1, "),
    "no issuance": ("reductions", "issuance", none, {PLACES}, "the chain has no record of it"),
    "a larger supply": ("reductions", "total_supply", MG, {PLACES}, "tonnes in accounts is 2, recomputed 1"),
    "a serial more issued": ("reductions", "next_serial", MG, {PLACES}, "next serial is 7, recomputed 6"),
    "a larger balance": ("reductions", "balance", plus_where_one, {HOLDINGS}, "its balance is 2, recomputed 1"),
    "more listed": ("reductions", "listed", MG, {HOLDINGS}, "listed is 1, recomputed 0"),
    "fewer serials": ("reductions", "ranges", without_last, {HOLDINGS}, "serials HELD is [], recomputed ["),
    "a cheaper trade": ("settlement", "trade", changed(price_fen=1), {TRADES}, "price_fen is 1, recomputed 9001"),
    "no trade": ("settlement", "trade", none, {TRADES}, "the chain has no record of it"),
    "more filled": ("settlement", "filled", MG, {FILLS}, "tonnes filled is"),
    "an order cancelled": ("settlement", "is_cancelled", other, {FILLS}, "cancelled is"),
    "no offer": ("treasury", "find_offer", none, {ORDERS}, "the order of its offer is [0x"),
    "a larger mint": ("cash", "mint", changed(fen=1), {MINTED}, "fen is 1, recomputed "),
    "more cash": ("cash", "balance", MG, {BALANCES, SPLIT, ACCOUNTED}, "the treasury holds 8101 fen"),
    "a larger cash supply": ("cash", "total_supply", MG, {BALANCES}, "minted less burnt"),
    "other serials": (
        "certificates",
        "find",
        one_serial_on,
        {CERTIFICATES},
        "serials is [2..2], recomputed [1..1]",
    ),
    "no certificate": ("certificates", "find", none, {CERTIFICATES}, "the chain has no record of it"),
    "a certificate more": ("certificates", "count", MG, {CERTIFICATES}, "the chain counts 3 certificates, events 2"),
    "another's reference": (
        "certificates",
        "certificate_for",
        MG,
        {CERTIFICATES},
        "its reference is 2, recomputed 1",
    ),
    "more used": ("certificates", "offset", one_more_used, {OFFSETS}, "limit and use is [4, 2], recomputed [4, 1]"),
    "no duty": ("participants", "find", changed(kind=Kind.VOLUNTARY), {CERTIFICATES}, "has no compliance duty"),
    "no participant": ("participants", "find", none, {CERTIFICATES}, "is no participant"),
    "another entity": ("participants", "find", changed(entity=OTHER), {CERTIFICATES}, "recomputed 0x0909"),
    "no rule": ("treasury", "rules", without_last, {RULES}, "rule 0 is not on the chain"),
    "never collected": ("treasury", "is_collected", other, {SPLIT}, "is not collected on the chain"),
    "more funded": ("distributor", "funded_of", MG, {FUNDED}, "fen funded is 16044, recomputed 16043"),
    "more funded in all": ("distributor", "funded", MG, {FUNDED}, "23044 fen were funded in all, recomputed 23043 fen"),
    "another run": ("distributor", "run", changed(total_fen=1), {RUNS}, "total_fen is 1, recomputed 16043"),
    "no run": ("distributor", "run", none, {RUNS}, "run 1: the chain has no record of it"),
    "a run later": ("distributor", "current_run", MG, {RUNS}, "are (3, 2) on the chain, recomputed (2, 2)"),
    "another active run": ("distributor", "active_run", plus(-1), {RUNS}, "are (2, 1) on the chain, recomputed (2, 2)"),
    "more paid": ("distributor", "paid_of", MG, {PAID}, ": paid is "),
    "more paid in all": ("distributor", "paid", MG, {ACCOUNTED}, "fen paid in all is "),
    "another payee": ("distributor", "payout", to_another, {PAYMENTS}, "the payment of its bank reference is [0x7777"),
    "no payee": ("distributor", "payout", none, {PAYMENTS}, "the payment of its bank reference is None"),
}


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_that_is_not_of_the_events_is_found(
    market_contracts: Contracts, market_made: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract, method, change, failing, said = RECORDS[name]
    forged = getattr(market_contracts, contract)
    genuine = getattr(forged, method)
    monkeypatch.setattr(forged, method, lambda *given: change(genuine(*given)))
    found = wrong(audit_ledger(market_contracts, market_made / "evidence"))
    assert set(found) == failing
    assert said in "\n".join(found.values())


@pytest.mark.parametrize(
    ("effective_from", "said"),
    [(0, "rule 1 is in force before rule 0"), (5, "rule 1 was added after it was in force")],
)
def test_a_rule_that_reaches_back_is_found(
    market_contracts: Contracts, market_made: Path, effective_from: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    treasury = market_contracts.treasury
    first = treasury.rules()[0]
    second = replace(first, effective_from=effective_from, fee_bps=1)
    forge_events(monkeypatch, treasury, repeat("RuleAdded", index=1, rule=astuple(second)))
    monkeypatch.setattr(treasury, "rules", lambda _: [first, second])
    found = wrong(audit_ledger(market_contracts, market_made / "evidence"))
    assert said in found[RULES]
    assert set(found) == {RULES, SPLIT}
    assert "fee in fen is 1125, recomputed 0" in found[SPLIT]
