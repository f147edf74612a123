"""A ledger brought through the market a stage at a time, each made once and copied for every test that needs it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from registry.services import market, treasury
from registry.services.ledger import Ledger
from registry.services.mandates import give_mandates
from tests.audit.market_ledger import (
    COMPLIANT,
    FOREVER,
    MANDATED,
    PEOPLE,
    bid,
    certify,
    join,
    people,
    redeem_for_the_market,
    travel,
)
from tests.services.homes import Puhui, opened, write_people

TERMS: Final = b"terms of 2026"
STAGES: Final = ("people", "mandated", "pooled", "joined", "sold")


class MarketStages:
    """people: accounts, nothing else. mandated: 40 of 60 gave a mandate, a day's trips are attested, no epoch.

    pooled: epoch 1, and one MARKET redemption: 3 t and a rest. joined: 3 t issued, companies with cash, a rule.
    sold: the treasury offered 2 t, of which 1 t was sold and collected; nothing is paid out.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.files = folder, folder / "files"
        self.files.mkdir()
        self._steps: dict[str, Callable[[Puhui], object]] = {
            "people": self._people,
            "mandated": self._mandated,
            "pooled": self._pooled,
            "joined": self._joined,
            "sold": self._sold,
        }

    def copy(self, stage: str, target: Path) -> Path:
        """A ledger at `stage` in the new folder `target`."""
        return Path(shutil.copytree(self._made(STAGES.index(stage)), target))

    def _made(self, number: int) -> Path:
        path = self.folder / STAGES[number]
        if not path.exists():
            work = self.folder / "work"
            shutil.rmtree(work, ignore_errors=True)
            if number:
                shutil.copytree(self._made(number - 1), work)
            self._steps[STAGES[number]](Puhui(work))
            work.rename(path)
        return path

    def _people(self, puhui: Puhui) -> None:
        puhui("init", "--admin-delay", "0")
        puhui("accounts", "import", write_people(self.files / "accounts.csv", PEOPLE))

    def _mandated(self, puhui: Puhui) -> None:
        with opened(puhui.home) as ledger:
            give_mandates(ledger, people(ledger, range(1, MANDATED + 1)), TERMS)
        travel(puhui, self.files, "2026-03-02", publish=False)

    def _pooled(self, puhui: Puhui) -> None:
        puhui("epoch", "publish")
        with opened(puhui.home) as ledger:
            redeem_for_the_market(ledger, 50)

    def _joined(self, puhui: Puhui) -> None:
        with opened(puhui.home) as ledger:
            certify(ledger, 3)
            join(ledger, self.files)

    def _sold(self, puhui: Puhui) -> None:
        with opened(puhui.home) as ledger:
            sell_one(ledger, offer(ledger), "t-1", 9_001)
            treasury.collect(ledger)


def offer(ledger: Ledger) -> str:
    """The treasury's offer of 2 of its 3 t; returns the order."""
    return treasury.offer(ledger, "first", 1, 2, 9_001, FOREVER).entry.order_hash


def sell_one(ledger: Ledger, sell: str, trade: str, price_fen: int) -> None:
    """Sell one tonne of that offer to the steel works."""
    market.settle(ledger, trade, sell, bid(ledger, COMPLIANT, 1, 1, price_fen), 1, price_fen)
