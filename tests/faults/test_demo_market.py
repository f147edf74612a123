"""The demo's market half, cut off after every few transactions: what comes of it is what comes of one run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from registry.cli.demo_market import DemoMarket
from registry.services.balance import balance_sheet
from tests.audit.market_ledger import CLASS, MANDATED, MG_A_DAY
from tests.faults.market_steps import after_sends
from tests.faults.test_services_resume import Crash
from tests.services.homes import Puhui, opened
from tests.services.market_stages import MarketStages

EVERY = 5
BIDS = [5_133, 5_050, 4_800]  # of the three buyers, one tonne each
PRICES = [(4_500 + bid) // 2 for bid in BIDS]
FEE = sum(price // 10 for price in PRICES)


def run(home: Path) -> None:
    with opened(home) as ledger:
        DemoMarket(ledger, CLASS, lambda *_: None).run()


def sheets(home: Path) -> tuple[int, dict[str, tuple[dict[str, int], dict[str, int]]]]:
    """How many transactions there were, and each balance: what came in, and what is now where."""
    with opened(home, writing=False) as ledger:
        found = {each.en: (dict(each.came_in), dict(each.is_now)) for each in balance_sheet(ledger)}
        return ledger.contracts.chain.head(), found


def test_the_market_half_of_the_demo_cut_off_again_and_again(
    market_at: Callable[[str], Puhui], market_stages: MarketStages, tmp_path: Path
) -> None:
    cut, uncut = market_at("pooled"), Puhui(market_stages.copy("pooled", tmp_path / "uncut"))
    start, _ = sheets(cut.home)
    run(uncut.home)
    transactions, expected = sheets(uncut.home)
    assert expected[f"market pool of class {CLASS}"] == (
        {"converted": (MANDATED + 1) * MG_A_DAY},
        {"certified": 3 * 10**9, "left in the pool": (MANDATED + 1) * MG_A_DAY - 3 * 10**9},
    )
    assert expected["issuance 1"] == ({"issued": 3}, {"held": 0, "listed": 0, "retired": 3, "cancelled": 0})
    assert expected["settlement cash"][0] == {"bank transfers in": sum(BIDS)}
    came_in, now = expected["proceeds of the programme's sales"]
    assert (came_in, now["operator's fee"]) == ({"sold": sum(PRICES)}, FEE)
    assert now["paid to people"] + now["due to people"] == sum(PRICES) - FEE
    assert now["not allocated yet"] == now["not split yet"] == 0

    cuts = 0
    while run_until_cut(cut.home):
        cuts += 1

    assert cuts == (transactions - start) // EVERY
    assert sheets(cut.home) == (transactions, expected)
    assert cut.json("audit")["ok"] is True
    run(cut.home)
    assert sheets(cut.home) == (transactions, expected)


def run_until_cut(home: Path) -> bool:
    """Run it, cut off after EVERY transactions; False if it came to its end."""
    with pytest.MonkeyPatch.context() as patch:
        after_sends(EVERY)(patch)
        try:
            run(home)
        except Crash:
            return True
        return False
