"""The steps of the market half as commands: what each changes, to the fen, and where it can be cut off, in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from registry.audit.mandates import mandated
from registry.chain.contracts.reduction_certification import CertificationStatus
from registry.chain.sending import Delivery, Sender
from registry.evidence import files
from registry.services import certification, market
from registry.services.ledger import Ledger
from registry.store import orders
from tests.audit.market_ledger import CLASS, COMPLIANT, FEES, MANDATED
from tests.faults.test_services_resume import SENDING, Crash, at
from tests.services.homes import opened
from tests.services.payout_steps import FIRST, SECOND

Fault = Callable[[pytest.MonkeyPatch], None]
Command = tuple[object, ...]
CASH = 12_345
SHARE = 295  # fen of who is first in issuance 1: 7,876 fen of 2 t, 74.88 kg of them, are 294, and a fen of what is left


def after_sends(count: int) -> Fault:
    """The crash just after so many transactions."""

    def inject(patch: pytest.MonkeyPatch) -> None:
        deliver, left = Sender.deliver, [count]

        def counted(self: Sender, raws: Sequence[str]) -> list[Delivery]:
            answers = deliver(self, raws)
            left[0] -= len(raws)
            if not left[0]:
                raise Crash
            return answers

        patch.setattr(Sender, "deliver", counted)

    inject.__name__ = f"after_{count}_sends"
    return inject


# Not where it is found in a block: from there on some services see for themselves that there is nothing to do.
SENT: Final = SENDING[:4]
# A folder of evidence is written beside its place and then renamed to it; what was sent comes after.
KEPT_AND_SENT: Final = (at(files, "_publish"), *SENT)
LONG: Final = (*SENT, after_sends(2))


@dataclass(frozen=True)
class Step:
    """A command on a ledger at `stage` after the commands `before`; `effect` is all it changes in `amounts`.

    `refused` is the exit code when it was done already: 0 where a reference tells that it is the same again, 5 where
    the contract has to be asked first what comes next.
    """

    name: str
    stage: str
    command: Command
    effect: Mapping[str, int]
    faults: tuple[Fault, ...] = SENT
    before: tuple[Command, ...] = ()
    refused: int = 0


ORDER: Final = ("market", "order", "buy", "--keystore", "BUYER", "--issuance", 1, "--tonnes", 1, "--limit", "99.99")
OFFER: Final = ("treasury", "offer", "--issuance", 1, "--tonnes", 2, "--limit", "90", "--ref", "offer-1")
APPLY: Final = ("certify", "apply", "--class", CLASS, "--tonnes", 2)
REQUEST: Final = ("cash", "request", "B-9", "--to", COMPLIANT.address, "--yuan", "123.45")
SETTLE: Final = ("market", "settle", "T-9", "--sell", "SELL", "--buy", "BUY", "--tonnes", 1, "--price", "95")
PRICE, FEE = 9_500, 1_187  # of one tonne at 95 yuan; 12.5 % of it, without its fraction
RUN: Final = (("payout", "run"), ("payout", "attest", 1))
STEPS: Final = (
    Step(
        "mandate give",
        "people",
        ("mandate", "give", "--file", "WHO", "--terms", "TERMS"),
        {"mandates": MANDATED, "folders": 1, "transactions": 3},
        (at(files, "_publish"), *LONG),
    ),
    Step(
        "certify apply",
        "pooled",
        APPLY,
        {"APPLIED": 1, "pool mg": -2 * 10**9, "folders": 1, "transactions": 1},
        KEPT_AND_SENT,
        refused=5,
    ),
    Step(
        "certify verify",
        "pooled",
        ("certify", "verify", 1),
        {"APPLIED": -1, "VERIFIED": 1, "transactions": 1},
        before=(APPLY,),
    ),
    Step(
        "certify approve",
        "pooled",
        ("certify", "approve", 1),
        {"VERIFIED": -1, "APPROVED": 1, "t issued": 2, "t of the treasury": 2, "transactions": 1},
        before=(APPLY, ("certify", "verify", 1)),
    ),
    Step("cash request", "joined", REQUEST, {"transactions": 1}),
    Step(
        "cash confirm",
        "joined",
        ("cash", "confirm", "B-9"),
        {"fen": CASH, "fen of the company": CASH, "transactions": 1},
        before=(REQUEST,),
    ),
    Step(
        "treasury offer",
        "joined",
        OFFER,
        {"t listed": 2, "orders": 1, "transactions": 1},
        (*SENT, at(orders, "insert"), at(market, "_entry")),
    ),
    Step(
        "market order",
        "joined",
        (*ORDER, "--ref", "mine"),
        {"orders": 1},
        (at(market, "sign"), at(orders, "insert"), at(market, "_entry")),
    ),
    Step(
        "market settle",
        "joined",
        SETTLE,
        {
            "t listed": -1,
            "t of the treasury": -1,
            "t of the company": 1,
            "t traded": 1,
            "fen of the company": -PRICE,
            "fen of the treasury": PRICE,
            "transactions": 1,
        },
        before=(OFFER, ORDER),
    ),
    Step(
        "treasury collect",
        "joined",
        ("treasury", "collect"),
        {
            "fen of the treasury": -PRICE,
            "fen of the operator": FEE,
            "fen for the people": PRICE - FEE,
            "transactions": 1,
        },
        before=(OFFER, ORDER, SETTLE),
    ),
    Step(
        "retire",
        "sold",
        (
            *("retire", "--keystore", "BUYER", "--issuance", 2, "--tonnes", 1, "--ref", "R-9", "--yes"),
            *("--purpose", "voluntary", "--beneficiary", "一所小学"),
        ),
        {"t of the company": -1, "t retired": 1, "certificates": 1, "folders": 1, "transactions": 1},
        KEPT_AND_SENT,
    ),
    Step("payout run", "sold", RUN[0], {"runs": 1, "folders": 1, "transactions": 1}, KEPT_AND_SENT, refused=5),
    Step("payout attest", "sold", RUN[1], {"attested runs": 1, "transactions": 1}, before=RUN[:1]),
    Step(
        "payout claim",
        "sold",
        ("payout", "claim", "FIRST"),
        {"fen for the people": -SHARE, "fen of people": SHARE, "fen paid": SHARE, "transactions": 1},
        before=RUN,
    ),
    Step(
        "payout pay",
        "sold",
        ("payout", "pay", "P-9", "--minimum", "0.01"),
        {
            "fen": -FIRST - SECOND,
            "fen for the people": -FIRST - SECOND,
            "fen paid": FIRST + SECOND,
            "transactions": 3,
        },
        LONG,
        before=RUN,
    ),
)


def amounts(home: Path) -> dict[str, int]:
    """Everything the steps change, counted on the chain, in the database and on the disk."""
    with opened(home, writing=False) as ledger:
        return {**_tonnes(ledger), **_fen(ledger), **_counts(ledger)}


def _tonnes(ledger: Ledger) -> dict[str, int]:
    reductions, treasury = ledger.contracts.reductions, ledger.contracts.treasury.address
    issued = [found for number in (1, 2) if (found := reductions.issuance(number))]
    return {
        "pool mg": ledger.contracts.certification.pool_mg(CLASS),
        "t issued": sum(each.tonnes for each in issued),
        "t retired": sum(each.retired for each in issued),
        "t of the treasury": sum(reductions.balance(treasury, each.number) for each in issued),
        "t of the company": sum(reductions.balance(COMPLIANT.address, each.number) for each in issued),
        "t listed": sum(reductions.listed(treasury, each.number) for each in issued),
        "t traded": sum(each.filled for each in market.book(ledger)) // 2,
        "certificates": ledger.contracts.certificates.count(),
    }


def _fen(ledger: Ledger) -> dict[str, int]:
    contracts = ledger.contracts
    holders = {
        "fen of the company": COMPLIANT.address,
        "fen of the operator": FEES.address,
        "fen of the treasury": contracts.treasury.address,
        "fen for the people": contracts.distributor.address,
    }
    held = {name: contracts.cash.balance(holder) for name, holder in holders.items()}
    return {
        "fen": contracts.cash.total_supply(),
        **held,
        "fen of people": contracts.cash.total_supply() - sum(held.values()),
        "fen paid": contracts.distributor.paid(),
        "runs": contracts.distributor.current_run(),
        "attested runs": contracts.distributor.active_run(),
    }


def _counts(ledger: Ledger) -> dict[str, int]:
    contracts, head = ledger.contracts, ledger.contracts.chain.head()
    found = [certification.get(ledger, n + 1).status for n in range(contracts.certification.count())]
    kinds = ("documents", "certifications", "payouts", "tmp")
    return {
        **{status.name: found.count(status) for status in CertificationStatus},
        "mandates": len(mandated(contracts, head)),
        "orders": len(market.book(ledger)),
        "folders": sum(len(list((ledger.home.evidence / kind).glob("*"))) for kind in kinds),
        "transactions": head,  # each in a block of its own
    }


def changed(before: Mapping[str, int], now: Mapping[str, int]) -> dict[str, int]:
    """What is another number now, and by how much."""
    return {name: now[name] - before[name] for name in before if now[name] != before[name]}
