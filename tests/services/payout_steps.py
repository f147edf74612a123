"""What tests of payouts share: the people's share of two sales, a third sale, and a run signed."""

from __future__ import annotations

from typing import Final

from registry.audit.ledger import audit_ledger
from registry.services import market, payouts, treasury
from registry.services.ledger import Ledger
from tests.audit.forging import wrong
from tests.audit.market_ledger import FEE_BPS
from tests.services.market_stages import sell_one


def people_fen(price_fen: int) -> int:
    """The people's share of one tonne."""
    return price_fen - price_fen * FEE_BPS // 10_000


FIRST: Final = people_fen(9_001)  # of issuance 1
SECOND: Final = people_fen(9_333)  # of issuance 2


def audited(ledger: Ledger) -> dict[str, str]:
    """What an audit finds wrong."""
    return wrong(audit_ledger(ledger.contracts, ledger.home.evidence))


def pay_out(ledger: Ledger) -> payouts.PayoutStep:
    """Publish the next run and have it signed."""
    step = payouts.run(ledger)
    assert step is not None
    return payouts.attest(ledger, step.number)


def sell_more(ledger: Ledger, price_fen: int) -> None:
    """Sell the other tonne of issuance 1."""
    (sell,) = [entry for entry in market.book(ledger, 1) if entry.order.trader == ledger.contracts.treasury.address]
    sell_one(ledger, sell, "t-3", price_fen)
    treasury.collect(ledger)
