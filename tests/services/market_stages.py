"""A ledger brought through the market a stage at a time, each made once and copied for every test that needs it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from registry.services import market, treasury
from registry.services.ledger import Ledger
from registry.services.mandates import give_mandates
from registry.services.market import BookEntry
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

    pooled: epoch 1, and one MARKET redemption: 3 t and a rest. joined: 2 t and 1 t issued, companies with cash, a rule.
    sold: the treasury offered all, of which 1 t of each issuance was sold and collected; nothing is paid out.
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
            certify(ledger, 2)
            certify(ledger, 1)
            join(ledger, self.files)

    def _sold(self, puhui: Puhui) -> None:
        with opened(puhui.home) as ledger:
            sell_one(ledger, offer(ledger, 1, 2), "t-1", 9_001)
            sell_one(ledger, offer(ledger, 2, 1), "t-2", 9_333)
            treasury.collect(ledger)


def offer(ledger: Ledger, issuance: int, tonnes: int) -> BookEntry:
    """The treasury's offer of so much of an issuance, at 90 yuan or more."""
    return treasury.offer(ledger, f"offer-{issuance}", issuance, tonnes, 9_000, FOREVER).entry


def sell_one(ledger: Ledger, sell: BookEntry, trade: str, price_fen: int) -> None:
    """Sell one tonne of an offer to the steel works."""
    buy = bid(ledger, COMPLIANT, sell.order.issuance, 1, price_fen)
    market.settle(ledger, trade, sell.order_hash, buy, 1, price_fen)


class Clock:
    """The time of day for chain and services alike, some seconds later than it is."""

    def __init__(self) -> None:
        self.ahead_s = 0

    def advance(self, seconds: int) -> None:
        """Let this much time pass."""
        self.ahead_s += seconds
