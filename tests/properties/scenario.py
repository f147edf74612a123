"""How a programme comes to life, step by step: the states from which the random runs start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tests.properties.calls import PEOPLE, TRADERS, Call, Request, Rule, word
from tests.properties.draw_tonnes import identity_of
from tests.properties.model_trips import BatchStatus
from tests.properties.story import NEW, TONNE, Story
from tests.properties.world import ACCOUNTS, ACTIVATION_S, DELAY_S


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
    treasury = story.twin.world.at["ProgrammeTreasury"]
    later = (
        ("CertifiedReductions", "cancel", (1, word("doubt"))),
        ("CertifiedReductions", "resume", (1,)),
        ("SettlementCash", "unpause", ()),
        ("Participants", "reinstate", (ACCOUNTS["bookshop"],)),
        ("CertifiedReductions", "forcedTransfer", (treasury, ACCOUNTS["steel"], 2, 1, word("court"))),
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
