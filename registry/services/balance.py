"""The balance sheet: milligrams, tonnes and fen, each with what came in and where all of it is now, from the chain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from registry.chain.contracts.carbon_points import Channel
from registry.chain.contracts.certified_reductions import Place
from registry.services.ledger import Ledger


@dataclass(frozen=True)
class Account:
    """One balance: `unit` mg, t or fen; `came_in` and `is_now` are named amounts whose sums have to be equal."""

    zh: str
    en: str
    unit: str
    came_in: Sequence[tuple[str, int]]
    is_now: Sequence[tuple[str, int]]

    @property
    def total(self) -> int:
        """What came in."""
        return sum(amount for _, amount in self.came_in)

    @property
    def balances(self) -> bool:
        """Whether as much is accounted for."""
        return self.total == sum(amount for _, amount in self.is_now)

    def to_json(self) -> dict[str, object]:
        """The balance as `--json` prints it."""
        return {
            "name": self.en,
            "unit": self.unit,
            "in": {name: str(amount) for name, amount in self.came_in},
            "now": {name: str(amount) for name, amount in self.is_now},
            "balances": self.balances,
        }


def balance_sheet(ledger: Ledger) -> list[Account]:
    """Every balance of the ledger at the chain's newest block."""
    block = ledger.contracts.chain.head()
    return [
        *_points(ledger, block),
        *_pools(ledger, block),
        *_issuances(ledger, block),
        _cash(ledger, block),
        _proceeds(ledger, block),
    ]


def _points(ledger: Ledger, block: int) -> list[Account]:
    contract = ledger.contracts.points
    found = []
    for class_id in _classes(ledger, block):
        totals = contract.totals(class_id, block)
        redeemed = [(f"redeemed {channel.name}", contract.redeemed_by(class_id, channel, block)) for channel in Channel]
        unclaimed = totals.earned - totals.converted - totals.claimed
        now = [
            ("unclaimed", unclaimed),
            ("held in wallets", contract.total_supply(class_id, block)),
            *redeemed,
            ("expired", totals.expired),
            ("converted under mandates", totals.converted),
        ]
        found.append(
            Account(f"积分 {class_id}", f"points of class {class_id}", "mg", [("attested trips", totals.earned)], now)
        )
    return found


def _pools(ledger: Ledger, block: int) -> list[Account]:
    certification = ledger.contracts.certification
    found = []
    for class_id in _classes(ledger, block):
        entered = ledger.contracts.points.market_mg(class_id, block)
        now = [
            ("certified", certification.certified_mg(class_id, block)),
            ("left in the pool", certification.pool_mg(class_id, block)),
        ]
        en = f"market pool of class {class_id}"
        found.append(Account(f"减排量池 {class_id}", en, "mg", [("converted", entered)], now))
    return found


def _issuances(ledger: Ledger, block: int) -> list[Account]:
    reductions = ledger.contracts.reductions
    moves = reductions.moves(ledger.contracts.deployment.first_block, block)
    found = []
    for number in sorted({move.issuance for move in moves}):
        issued = reductions.issuance(number, block)
        if issued is None:
            continue
        holders = dict.fromkeys(m.holder_to for m in moves if m.issuance == number and m.place_to is Place.HELD)
        listed = sum(reductions.listed(holder, number, block) for holder in holders)
        held = sum(reductions.balance(holder, number, block) for holder in holders) - listed
        now = [("held", held), ("listed", listed), ("retired", issued.retired), ("cancelled", issued.cancelled)]
        found.append(Account(f"签发 {number}", f"issuance {number}", "t", [("issued", issued.tonnes)], now))
    return found


def _cash(ledger: Ledger, block: int) -> Account:
    contracts = ledger.contracts
    cash, first = contracts.cash, contracts.deployment.first_block
    minted = sum(e["fen"] for e in cash.history(("CashMinted",), first, block))
    burnt = sum(e["fen"] for e in cash.history(("CashBurnt",), first, block))
    holders = dict.fromkeys(e["to"] for e in cash.history(("Transfer",), first, block) if int(e["to"], 16))
    own = {contracts.treasury.address: "treasury, not split yet", contracts.distributor.address: "for the people"}
    others = sum(cash.balance(holder, block) for holder in holders if holder not in own)
    now = [(name, cash.balance(address, block)) for address, name in own.items()]
    now += [("companies, operator and people", others), ("paid out at the bank", burnt)]
    return Account("结算资金", "settlement cash", "fen", [("bank transfers in", minted)], now)


def _proceeds(ledger: Ledger, block: int) -> Account:
    contracts = ledger.contracts
    first = contracts.deployment.first_block
    trades = contracts.settlement.history(("TradeSettled",), first, block)
    gross = sum(e["tonnes"] * e["priceFen"] for e in trades if e["seller"] == contracts.treasury.address)
    splits = contracts.treasury.history(("ProceedsCollected",), first, block)
    distributor = contracts.distributor
    active = distributor.active_run(block)
    run = distributor.run(active, block) if active else None
    allocated = run.total_fen if run else 0
    paid = distributor.paid(block)
    now = [
        ("operator's fee", sum(e["feeFen"] for e in splits)),
        ("paid to people", paid),
        ("due to people", allocated - paid),
        ("not allocated yet", distributor.funded(block) - allocated),
        ("not split yet", gross - sum(e["grossFen"] for e in splits)),
    ]
    return Account("出售收益", "proceeds of the programme's sales", "fen", [("sold", gross)], now)


def _classes(ledger: Ledger, block: int) -> list[int]:
    first = ledger.contracts.deployment.first_block
    anchors = ledger.contracts.anchors
    return sorted({anchors.find(e.batch_id, block).class_id for e in anchors.anchored(first, block)})
