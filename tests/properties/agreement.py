"""Everything else that is recorded: the chain's views against the model, record by record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from registry.chain.wiring import PAUSABLE
from tests.properties.calls import NOBODY, ZERO32
from tests.properties.hashes import withdrawal_ref
from tests.properties.ledgers import Twin
from tests.properties.model import Programme
from tests.properties.model_participants import ParticipantStatus

Fact = tuple[str, str, tuple[Any, ...], Any]  # contract, view, arguments, what it has to return


def require_agreement(twin: Twin) -> int:
    """Compare every record; returns how many there were."""
    facts = [*_trips(twin), *_points(twin.model), *_tonnes(twin.model), *_market(twin), *_money(twin)]
    facts += [(name, "paused", (), name in twin.model.access.paused) for name in PAUSABLE]
    for contract, view, args, expected in facts:
        found = twin.world.view(contract, view, *args)
        found = tuple(found) if isinstance(found, tuple) else found
        assert found == expected, f"{contract}.{view}{args} is {found}, expected {expected}"
    return len(facts)


def _trips(twin: Twin) -> Iterator[Fact]:
    model = twin.model
    for number, methodology in model.methodologies.published.items():
        as_ended = (*methodology[:4], model.methodologies.end_of[number])
        yield "MethodologyRegistry", "methodologyOf", (number,), as_ended
    yield "TripAnchors", "quorum", (), model.anchors.quorum
    for batch_id, record in model.anchors.batches.items():
        for verifier in record.attested_by:
            yield "TripAnchors", "hasAttested", (batch_id, verifier), True
        found = twin.world.view("TripAnchors", "batchOf", batch_id)
        assert (found.classId, found.anchoredBy, found.rejectedFor, found.attestations) == (
            record.class_id,
            record.anchored_by,
            record.reason,
            len(record.attested_by),
        )
    for name, source in model.anchors.sources.items():
        found = twin.world.view("TripAnchors", "sourceOf", name)
        assert (found.signer, found.active, found.dailyCapMg) == (source.signer, source.active, source.cap_mg)


def _points(model: Programme) -> Iterator[Fact]:
    points = model.points
    yield "CarbonPoints", "currentEpoch", (), len(points.epochs)
    yield "CarbonPoints", "activeEpoch", (), points.active()
    for number, one in enumerate(points.epochs, 1):
        record = (one.root, one.digest, one.size, one.active_at, one.attested)
        yield "CarbonPoints", "epochOf", (number,), record
    for (holder, ref), redemption in points.redemptions.items():
        yield "CarbonPoints", "redemptionOf", (holder, ref), redemption
    for (account, class_id), mg in points.claimed.items():
        yield "CarbonPoints", "claimedOf", (account, class_id), mg
        yield "CarbonPoints", "balanceOf", (account, class_id), points.balance(account, class_id)
    yield "Mandates", "changes", (), model.mandates.changes
    for holder, one in model.mandates.latest.items():
        yield "Mandates", "stateOf", (holder,), (one.terms, one.number, one.given_at, one.revoked_at)
        yield "Mandates", "isActive", (holder,), one.revoked_at == 0


def _tonnes(model: Programme) -> Iterator[Fact]:
    for account, one in model.participants.known.items():
        record = (one.entity, one.identity, one.registrar, one.kind, one.status)
        yield "Participants", "participantOf", (account,), record
        yield "Participants", "isActive", (account,), one.status == ParticipantStatus.ACTIVE
    yield "ReductionCertification", "certificationCount", (), len(model.certifications.made)
    for number, one in enumerate(model.certifications.made, 1):
        who = (one.applicant, one.verifier, one.status, one.reason)
        record = (one.class_id, one.tonnes, one.from_mg, one.dossier, *who)
        yield "ReductionCertification", "certificationOf", (number,), record
    for issuance, known in model.reductions.issuances.items():
        yield "CertifiedReductions", "issuanceAt", (known.first,), issuance
        yield "CertifiedReductions", "issuanceAt", (known.first + known.tonnes - 1,), issuance
        for account in model.participants.known:
            transferable = model.reductions.transferable(account, issuance)
            yield "CertifiedReductions", "transferableOf", (account, issuance), transferable
    for owner, operator in model.reductions.operators:
        yield "CertifiedReductions", "isApprovedForAll", (owner, operator), True
    certificates = model.certificates
    for number, certificate in enumerate(certificates.made, 1):
        request = certificate.request
        yield "RetirementCertificates", "certificateFor", (request.holder, request.ref), number
        yield "RetirementCertificates", "locked", (number,), True
    for entity, year in certificates.limits:
        record = (certificates.limits[entity, year], certificates.used(entity, year))
        yield "RetirementCertificates", "offsetOf", (entity, year), record


def _market(twin: Twin) -> Iterator[Fact]:
    model, key = twin.model, twin.world.order_key
    for ref, mint in model.cash.mints.items():
        yield "SettlementCash", "mintOf", (ref,), (mint.to, mint.fen, mint.requester, mint.status)
    for (holder, ref), fen in model.cash.burns.items():
        yield "SettlementCash", "burnOf", (holder, ref), fen
    for account, fen in model.cash.balances.items():
        yield "SettlementCash", "balanceOf", (account,), fen
    for (holder, ref), listing in model.settlement.listings.items():
        yield "ExchangeSettlement", "listingOf", (holder, ref), listing
    for trade_id, one in model.settlement.trades.items():
        who = (one.sell.trader, one.buy.trader, key(one.sell), key(one.buy))
        record = (one.sell.issuance, one.tonnes, one.settled_at, one.price_fen, *who)
        yield "ExchangeSettlement", "tradeOf", (trade_id,), record
        for order in (one.sell, one.buy):
            yield "ExchangeSettlement", "hashOrder", (order,), key(order)
            yield "ExchangeSettlement", "filledOf", (key(order),), model.settlement.filled(order)
    for order in model.settlement.cancelled:
        yield "ExchangeSettlement", "isCancelled", (key(order),), True


def _money(twin: Twin) -> Iterator[Fact]:
    model, key = twin.model, twin.world.order_key
    yield "ProgrammeTreasury", "ruleCount", (), len(model.treasury.rules)
    for number, rule in enumerate(model.treasury.rules):
        yield "ProgrammeTreasury", "ruleOf", (number,), tuple(rule)
    for ref, order in model.treasury.offers.items():
        withdrawn = ref in model.treasury.withdrawn
        left = order.tonnes - model.settlement.filled(order)
        record = (order.issuance, order.tonnes, order.limit_fen, order.expiry, withdrawn, key(order))
        yield "ProgrammeTreasury", "offerOf", (ref,), record
        unlisted = (order.issuance, left, True) if withdrawn and left else (0, 0, False)
        yield "ExchangeSettlement", "listingOf", (order.trader, withdrawal_ref(ref)), unlisted
    for trade_id in model.settlement.trades:
        yield "ProgrammeTreasury", "collectedOf", (trade_id,), trade_id in model.treasury.collections
    distributor = model.distributor
    yield "ProceedsDistributor", "currentRun", (), len(distributor.runs)
    yield "ProceedsDistributor", "activeRun", (), distributor.active()
    for number, run in enumerate(distributor.runs, 1):
        record = (run.root, run.digest, run.size, run.total_fen, run.dossier, run.publisher, run.attested)
        yield "ProceedsDistributor", "runOf", (number,), record
    for account, fen in distributor.paid.items():
        yield "ProceedsDistributor", "paidOf", (account,), fen
    for bank_ref, payout in distributor.payouts.items():
        yield "ProceedsDistributor", "payoutOf", (bank_ref,), payout
    yield "ProceedsDistributor", "payoutOf", (ZERO32,), (NOBODY, 0)
