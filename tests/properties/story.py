"""A programme told step by step: each call by a role holder, made on both ledgers, and it has to take effect."""

from __future__ import annotations

from typing import Any, Final

from tests.properties.calls import TRADERS, ZERO32, Batch, Call, Order, word
from tests.properties.draw import UNSIGNED, authorise
from tests.properties.draw_tonnes import identity_of
from tests.properties.evidence import (
    book_of_entitlements,
    book_of_proceeds,
    conversions_of,
    entitlements_after,
    proceeds_now,
)
from tests.properties.hashes import batch_id
from tests.properties.ledgers import Twin
from tests.properties.model_participants import Participants
from tests.properties.model_points import MARKET
from tests.properties.world import ACCOUNTS

TONNE: Final = 10**9
SOURCE: Final = word("source of the city app")
OLD, NEW = 1 << 16 | 2015, 2 << 16 | 2025  # classes; the points of 2015 expire soon


class Story:
    """A twin, and the calls of its role holders, each of which has to take effect."""

    def __init__(self) -> None:
        self.twin = Twin()

    def act(self, actor: str, contract: str, function: str, *args: Any, after: int = 10) -> Any:
        """One call by an actor, `after` seconds after the last."""
        self.twin.begin(self.twin.world.now + after)
        return self.twin.must(Call(ACCOUNTS[actor], contract, function, args))

    def open_books(self) -> None:
        """Two methodologies and two sources."""
        for number, name in ((1, "bus and metro"), (2, "with electric cars")):
            methodology = (word(name), word(name + " parameters"), word(name + " document"), 20140101, 0)
            self.act("regulator", "MethodologyRegistry", "publish", number, methodology)
        self.act("regulator", "TripAnchors", "registerSource", SOURCE, ACCOUNTS["platform"], 2_000 * TONNE)
        other = (word("source of the bikes"), ACCOUNTS["insider"], 14 * TONNE)
        self.act("regulator", "TripAnchors", "registerSource", *other)

    def anchor(self, methodology: int, day: int, reduction_mg: int) -> bytes:
        """A batch of the city app, anchored."""
        stream = self.twin.model.anchors.stream(SOURCE, day)
        digests = (word(f"root {day} {len(stream)}"), word("leaves"), word("input"))
        previous = stream[-1] if stream else ZERO32
        batch = Batch(SOURCE, day, len(stream), methodology, 500, reduction_mg, *digests, previous)
        self.act("platform", "TripAnchors", "anchor", batch)
        return batch_id(batch)

    def publish_epoch(self, *batch_ids: bytes, extra_mg: int = 0) -> None:
        """An epoch of these batches, published and attested; active after the delay. `extra_mg` is not Chen's."""
        model = self.twin.model
        book = entitlements_after(model, batch_ids)
        if extra_mg:
            earned, converted = book.rows[ACCOUNTS["chen"], NEW]
            greedy = {**book.rows, (ACCOUNTS["chen"], NEW): (earned + extra_mg, converted)}
            book = book_of_entitlements(book.rows, greedy)
        model.evidence[book.root] = book
        number = len(model.points.epochs) + 1
        args = (number, book.root, len(book.leaves), batch_ids, conversions_of(model, book))
        self.act("platform", "CarbonPoints", "publishEpoch", *args)
        self.act("verifier", "CarbonPoints", "attestEpoch", number, self.twin.model.points.epochs[-1].digest)

    def claim_points(self, *actors: str) -> None:
        """They claim whatever the epoch in force grants them."""
        book = self.twin.model.evidence[self.twin.model.points.epochs[-1].root]
        for index, row in enumerate(book.entitlements):
            claimed = self.twin.model.points.claimed.get(row[:2], 0)
            if row[0] in map(ACCOUNTS.get, actors) and row[2] - row[3] > claimed:
                self.act("stranger", "CarbonPoints", "claim", *row, index, book.proof(index))

    def claim_proceeds(self, actor: str) -> None:
        """What the attested run grants somebody."""
        book = self.twin.model.evidence[self.twin.model.distributor.runs[-1].root]
        ((index, fen),) = [(n, fen) for n, (one, fen) in enumerate(book.proceeds) if one == ACCOUNTS[actor]]
        self.act(actor, "ProceedsDistributor", "claim", fen, index, book.proof(index))

    def redeem_all(self, class_id: int) -> None:
        """Everybody redeems all points of a class for the market."""
        points = self.twin.model.points
        for account, one in sorted(points.claimed):
            if one == class_id:
                actor = next(name for name, address in ACCOUNTS.items() if address == account)
                mg = points.balance(account, class_id)
                self.act(actor, "CarbonPoints", "redeem", class_id, mg, MARKET, word(f"sale {account} {class_id}"))

    def admit_traders(self) -> None:
        """Four trading accounts of three firms, and the treasury."""
        treasury = (self.twin.world.at["ProgrammeTreasury"], word("programme"), Participants.PROGRAMME, word("file"))
        for participant in (treasury, *map(identity_of, TRADERS)):
            self.act("exchange", "Participants", "register", *participant)
            self.act("regulator", "Participants", "admit", *participant)

    def certify(self, class_id: int, tonnes: int) -> int:
        """Tonnes certified by three different people."""
        number = len(self.twin.model.certifications.made) + 1
        dossier = word(f"dossier {number}")
        self.act("platform", "ReductionCertification", "applyFor", number, class_id, tonnes, dossier)
        self.act("verifier", "ReductionCertification", "verify", number, dossier)
        self.act("regulator", "ReductionCertification", "approve", number, dossier)
        return number

    def deposit(self, actor: str, fen: int) -> None:
        """Cash for a trader, which the bank confirms."""
        args = (word(f"deposit {actor} {self.twin.world.now}"), ACCOUNTS[actor], fen)
        self.act("exchange", "SettlementCash", "requestMint", *args)
        self.act("bank", "SettlementCash", "confirmMint", *args)

    def offer(self, issuance: int, tonnes: int, limit_fen: int) -> Order:
        """The treasury's offer, open for days."""
        ref = word(f"offer {self.twin.world.now}")
        expiry = self.twin.world.now + 5 * 86_400
        self.act("platform", "ProgrammeTreasury", "offer", ref, issuance, tonnes, limit_fen, expiry)
        return self.twin.model.treasury.offers[ref]

    def sell(self, sell: Order, buyer: str, tonnes: int, price_fen: int) -> bytes:
        """A trade on a sell order, at the buyer's limit."""
        trade_id = word(f"trade {self.twin.world.now}")
        expiry = self.twin.world.now + 86_400
        buy = Order(ACCOUNTS[buyer], 1, sell.issuance, tonnes + 1, price_fen, word(f"buy {expiry}"), expiry)
        call = Call("", "ExchangeSettlement", "settle", ((trade_id, tonnes, price_fen), sell, UNSIGNED, buy, UNSIGNED))
        self.act("exchange", "ExchangeSettlement", "settle", *authorise(call).args)
        return trade_id

    def publish_run(self, extra_fen: int = 0) -> None:
        """A payout run, attested. `extra_fen` is not Chen's."""
        model = self.twin.model
        book = proceeds_now(model)
        total = sum(book.due.values())
        if extra_fen:
            greedy = {**book.due, ACCOUNTS["chen"]: book.due[ACCOUNTS["chen"]] + extra_fen}
            book = book_of_proceeds(book.due, book.allocated, greedy)
        model.evidence[book.root] = book
        number = len(model.distributor.runs) + 1
        args = (number, book.root, len(book.leaves), total, word(f"payouts {number}"))
        self.act("platform", "ProceedsDistributor", "publishRun", *args)
        self.act("verifier", "ProceedsDistributor", "attestRun", number, self.twin.model.distributor.runs[-1].digest)
