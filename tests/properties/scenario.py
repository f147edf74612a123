"""How a programme comes to life, step by step: the states from which the random runs start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from tests.properties.calls import PEOPLE, TRADERS, ZERO32, Batch, Call, Order, Request, Rule, word
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
from tests.properties.model_trips import BatchStatus
from tests.properties.world import ACCOUNTS, ACTIVATION_S, DELAY_S

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


def empty(story: Story) -> None:
    """Nothing but the deployment."""


def opened(story: Story) -> None:
    """Books are open, traders admitted, companies may offset."""
    story.open_books()
    story.admit_traders()
    for entity in ("power", "steel"):
        story.act("regulator", "RetirementCertificates", "setOffsetLimit", word(entity), 2025, 10)


def attested(story: Story) -> None:
    """Batches of two classes, attested; another one that nobody has looked at."""
    opened(story)
    story.act("bo", "Mandates", "give", word("terms"), 1)
    for methodology, day, mg in ((1, 20150610, 3 * TONNE), (2, 20251220, 45 * TONNE), (2, 20251220, 12 * TONNE)):
        story.act("verifier", "TripAnchors", "attest", story.anchor(methodology, day, mg))
    story.anchor(2, 20251221, 4 * TONNE)


def issued(story: Story) -> None:
    """An epoch is active and its points are claimed, but for what a mandate converted."""
    attested(story)
    ids = [one for one, record in story.twin.model.anchors.batches.items() if record.attested_by]
    story.publish_epoch(*ids[:2])
    story.twin.begin(story.twin.world.now + ACTIVATION_S)
    story.claim_points(*PEOPLE)


def pooled(story: Story) -> None:
    """Points went to the market, and an application is open."""
    issued(story)
    story.redeem_all(NEW)
    dossier = word("first dossier")
    story.act("platform", "ReductionCertification", "applyFor", 1, NEW, 40, dossier)
    story.act("verifier", "ReductionCertification", "verify", 1, dossier)


def certified(story: Story) -> None:
    """The treasury has tonnes and a rule to sell them by, the traders have cash."""
    pooled(story)
    rule = Rule(story.twin.world.now, 1_000, 200, ACCOUNTS["operator"])
    story.act("regulator", "ProgrammeTreasury", "addRule", rule)
    story.act("regulator", "ReductionCertification", "approve", 1, word("first dossier"))
    for trader in TRADERS:
        story.deposit(trader, 30_000)
    story.offer(1, 20, 250)


def traded(story: Story) -> None:
    """Tonnes were sold and sold on, some are listed, one is retired."""
    certified(story)
    offered = story.offer(1, 16, 300)
    for buyer, tonnes in (("power", 5), ("steel", 4), ("bookshop", 3)):
        story.sell(offered, buyer, tonnes, 310)
    story.act("steel", "ExchangeSettlement", "list", 1, 3, word("listing of steel"))
    story.act("power", "ExchangeSettlement", "list", 1, 2, word("listing of power"))
    request = Request(ACCOUNTS["power"], 1, 1, 0, 2025, word("power"), word("first retirement"))
    story.act("power", "RetirementCertificates", "retire", request)


def collected(story: Story) -> None:
    """Proceeds are collected, and one of two runs is attested; some of its money is claimed."""
    traded(story)
    for trade_id in list(story.twin.model.settlement.trades)[:2]:
        story.act("stranger", "ProgrammeTreasury", "collect", trade_id)
    story.publish_run()
    story.claim_proceeds("an")


def fragmented(story: Story) -> None:
    """Two traders hold every other tonne, more ranges than one call moves; a third holds some behind a freeze."""
    certified(story)
    story.sell(story.offer(1, 20, 250), "steel", 20, 300)
    (first, *_) = story.twin.model.treasury.offers.values()
    story.sell(first, "steel", 20, 300)
    for n in range(38):
        to = ACCOUNTS["power" if n % 2 else "bookshop"]
        story.act("steel", "CertifiedReductions", "safeTransferFrom", ACCOUNTS["steel"], to, 1, 1, b"")
    story.act("regulator", "CertifiedReductions", "freeze", ACCOUNTS["bookshop"], 1, 1, word("court"))


def greedy(story: Story) -> None:
    """Chen took more than was due, points and money, and honest books have followed."""
    collected(story)
    ids = [one for one, record in story.twin.model.anchors.batches.items() if record.status == BatchStatus.ATTESTED]
    later = story.anchor(2, 20251222, 5 * TONNE)
    story.act("verifier", "TripAnchors", "attest", later)
    story.publish_epoch(*ids, extra_mg=4 * TONNE)
    story.twin.begin(story.twin.world.now + ACTIVATION_S)
    story.claim_points("chen")
    story.publish_epoch(later)
    trades = list(story.twin.model.settlement.trades)
    story.act("stranger", "ProgrammeTreasury", "collect", trades[2])
    story.publish_run(extra_fen=300)
    story.claim_proceeds("chen")
    first = next(iter(story.twin.model.treasury.offers.values()))
    trade_id = story.sell(first, "steel", 1, 260)
    story.act("stranger", "ProgrammeTreasury", "collect", trade_id)
    story.publish_run()


def stopped(story: Story) -> None:
    """An issuance is suspended and a contract paused; what ends either can be done now, or undone."""
    collected(story)
    story.certify(NEW, 2)
    story.act("regulator", "CertifiedReductions", "suspend", 1, word("doubt"))
    story.act("guardian", "SettlementCash", "pause")
    story.act("exchange", "Participants", "register", *identity_of("operator"))
    story.act("regulator", "Participants", "suspend", ACCOUNTS["bookshop"], word("doubt"))
    later = (
        ("CertifiedReductions", "cancel", (1, word("doubt"))),
        ("CertifiedReductions", "resume", (1,)),
        ("SettlementCash", "unpause", ()),
        ("Participants", "reinstate", (ACCOUNTS["bookshop"],)),
        ("CertifiedReductions", "forcedTransfer", (ACCOUNTS["power"], ACCOUNTS["steel"], 1, 2, word("court"))),
    )
    for contract, function, args in later:
        call = Call(ACCOUNTS["regulator"], contract, function, args)
        story.act("regulator", "AccessManager", "schedule", call, 0)
    story.twin.begin(story.twin.world.now + DELAY_S)


# Where the runs start, in turn; more of them where there is more to do.
STAGES: Final[tuple[Callable[[Story], None], ...]] = (
    *(empty, opened, attested, issued, pooled, certified, traded, collected, fragmented, stopped),
    *(traded, collected, stopped, greedy),
)
