"""I1 to I7 of the design, each asked of the chain's state and events after every step."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from tests.properties.calls import Call
from tests.properties.evidence import Book
from tests.properties.hashes import chain_head
from tests.properties.ledgers import Event, Twin
from tests.properties.model_certification import MG_PER_TONNE, CertificationStatus
from tests.properties.model_points import MARKET
from tests.properties.model_reductions import Place, ranges
from tests.properties.model_trips import BatchStatus

EVERY_SERIAL: Final = (0, 2**24)
Range = tuple[int, int]

# The natural key of each effect: no two events of a kind may have the same.
KEYS: Final[dict[str, tuple[str, ...]]] = {
    "MethodologyPublished": ("id",),
    "SourceRegistered": ("source",),
    "BatchAnchored": ("batchId",),
    "BatchRejected": ("batchId",),
    "PointsRedeemed": ("holder", "ref"),
    "MandateGiven": ("holder", "number"),
    "MandateRevoked": ("holder", "number"),
    "ParticipantRegistered": ("account",),
    "ParticipantAdmitted": ("account",),
    "CertificationApplied": ("number",),
    "CertificationApproved": ("number",),
    "CertificationRejected": ("number",),
    "ReductionsIssued": ("issuance",),
    "IssuanceCancelled": ("issuance",),
    "Retired": ("holder", "ref"),
    "MintRequested": ("bankRef",),
    "CashMinted": ("bankRef",),
    "MintCancelled": ("bankRef",),
    "CashBurnt": ("holder", "ref"),
    "Listed": ("holder", "ref"),
    "Unlisted": ("holder", "ref"),
    "OrderCancelled": ("order",),
    "TradeSettled": ("tradeId",),
    "RuleAdded": ("index",),
    "Offered": ("ref",),
    "OfferWithdrawn": ("ref",),
    "ProceedsCollected": ("tradeId",),
    "RunAttested": ("number",),
    "ProceedsPaid": ("bankRef",),
}
# What has no natural key: the token standard's own verbs, a withdrawal that goes on where 16 ranges ended, and the
# AccessManager's bookkeeping.
UNKEYED: Final = {
    *("safeTransferFrom", "safeBatchTransferFrom", "setApprovalForAll", "withdraw"),
    *("schedule", "execute", "cancel"),
}


def _events(twin: Twin, *names: str) -> list[dict[str, Any]]:
    return [args for name, args in twin.events if name in names]


def _holders(twin: Twin) -> list[str]:
    """Whoever can ever have had tonnes: nobody gets any without being admitted."""
    return list(twin.model.participants.known)


def _ranges(twin: Twin, holder: str, issuance: int, place: Place) -> list[Range]:
    found = twin.world.view("CertifiedReductions", "rangesOf", holder, issuance, int(place), *EVERY_SERIAL)
    return [(one.first, one.last) for one in found]


def _tonnes(spans: list[Range]) -> int:
    return sum(last - first + 1 for first, last in spans)


def invariant_I1_what_was_issued_is_held_listed_retired_or_cancelled(twin: Twin) -> None:
    """Per issuance the places together have every serial once, and the balances are as many."""
    view, next_first = twin.world.view, 1
    for issuance, known in twin.model.reductions.issuances.items():
        issued = view("CertifiedReductions", "issuanceOf", issuance)
        by_place: dict[Place, list[Range]] = {place: [] for place in list(Place)[1:]}
        for holder in _holders(twin):
            spans = {place: _ranges(twin, holder, issuance, place) for place in by_place}
            for place, found in spans.items():
                assert found == ranges(twin.model.reductions.at(issuance, holder, place)), (issuance, holder, place)
                by_place[place] += found
            listed = _tonnes(spans[Place.LISTED])
            assert view("CertifiedReductions", "listedOf", holder, issuance) == listed
            assert view("CertifiedReductions", "balanceOf", holder, issuance) == _tonnes(spans[Place.HELD]) + listed
            frozen = view("CertifiedReductions", "frozenOf", holder, issuance)
            assert frozen == twin.model.reductions.frozen.get((issuance, holder), 0)
        assert (issued.firstSerial, issued.tonnes, issued.status) == (next_first, known.tonnes, known.status)
        next_first += issued.tonnes
        everywhere = sorted(span for found in by_place.values() for span in found)
        assert all(first == last + 1 for (_, last), (first, _) in zip(everywhere, everywhere[1:], strict=False))
        assert (everywhere[0][0], everywhere[-1][1]) == (issued.firstSerial, issued.firstSerial + issued.tonnes - 1)
        assert (_tonnes(by_place[Place.RETIRED]), _tonnes(by_place[Place.CANCELLED])) == (
            issued.retired,
            issued.cancelled,
        )
        standing = issued.tonnes - issued.retired - issued.cancelled
        assert view("CertifiedReductions", "totalSupply", issuance) == standing
    assert view("CertifiedReductions", "nextSerial") == next_first
    assert view("CertifiedReductions", "issuanceCount") == len(twin.model.reductions.issuances)


def invariant_I2_a_batch_counts_once(twin: Twin) -> None:
    """A batch is issued if, and only if, it stands in exactly one epoch that was not cancelled."""
    standing: dict[int, tuple[bytes, ...]] = {}
    for name, args in twin.events:
        if name == "EpochPublished":
            assert args["number"] not in standing
            standing[args["number"]] = args["batchIds"]
        elif name == "EpochCancelled":
            del standing[args["number"]]
    counted = Counter(batch_id for batch_ids in standing.values() for batch_id in batch_ids)
    assert all(times == 1 for times in counted.values())
    for batch_id, record in twin.model.anchors.batches.items():
        found = twin.world.view("TripAnchors", "batchOf", batch_id)
        assert (found.status == BatchStatus.ISSUED) == (batch_id in counted)
        assert (found.status, found.reductionMg) == (record.status, record.batch.reduction_mg)


def invariant_I3_claimed_converted_and_unclaimed_are_what_was_earned(twin: Twin) -> None:
    """Per class the batches issued are what was earned, and no more than that is claimed, converted or certified."""
    view, points = twin.world.view, twin.model.points
    batches = [view("TripAnchors", "batchOf", batch_id) for batch_id in twin.model.anchors.batches]
    for class_id in points.classes():
        people = [account for account, one in points.claimed if one == class_id]
        totals = view("CarbonPoints", "classTotals", class_id)
        issued = [one for one in batches if one.classId == class_id and one.status == BatchStatus.ISSUED]
        assert totals.earned == sum(one.reductionMg for one in issued)
        assert totals.converted == points.converted(class_id, len(points.epochs))
        assert totals.claimed == sum(view("CarbonPoints", "claimedOf", account, class_id) for account in people)
        assert totals.claimed == points.claimed_total(class_id)
        assert totals.claimed + totals.converted <= totals.earned
        supply = totals.claimed - totals.redeemed - totals.expired
        assert view("CarbonPoints", "totalSupply", class_id) == supply
        assert supply == sum(view("CarbonPoints", "balanceOf", account, class_id) for account in people)
        ways = [view("CarbonPoints", "redeemedBy", class_id, channel) for channel in range(4)]
        assert sum(ways) == totals.redeemed == points.redeemed(class_id)
        active = points.converted(class_id, points.active())
        assert view("CarbonPoints", "marketMg", class_id) == ways[MARKET] + active
        _require_honest_rest(twin, class_id)
        _require_pool(twin, class_id, ways[MARKET] + active)


def _require_honest_rest(twin: Twin, class_id: int) -> None:
    """What nobody has claimed is to the milligram what an honest tree still grants."""
    points = twin.model.points
    active = points.active()
    book = twin.model.evidence.get(points.epochs[active - 1].root) if active else None
    if not isinstance(book, Book):
        return
    rows = [row for row in book.entitlements if row[1] == class_id]
    earned, converted = (sum(row[n] for row in rows) for n in (2, 3))
    rest = [row[2] - row[3] - points.claimed.get((row[0], class_id), 0) for row in rows]
    honest = (earned, converted) == (points.earned(class_id, active), points.converted(class_id, active))
    if honest and min(rest, default=0) >= 0:
        claimed = sum(twin.world.view("CarbonPoints", "claimedOf", row[0], class_id) for row in rows)
        assert claimed + converted + sum(rest) == earned
        twin.tally.honest_rests += 1


def _require_pool(twin: Twin, class_id: int, market_mg: int) -> None:
    """Certifications that were not rejected take intervals of the pool's line, one after the other."""
    view, certified = twin.world.view, 0
    for number in range(1, len(twin.model.certifications.made) + 1):
        one = view("ReductionCertification", "certificationOf", number)
        if one.classId == class_id and one.status != CertificationStatus.REJECTED:
            assert one.fromMg == certified
            certified += one.tonnes * MG_PER_TONNE
    assert view("ReductionCertification", "certifiedMg", class_id) == certified <= market_mg
    assert view("ReductionCertification", "poolMg", class_id) == market_mg - certified
    assert view("ReductionCertification", "openOf", class_id) == twin.model.certifications.open_of(class_id)


@dataclass
class Memory:
    """What may never change again."""

    retired: dict[tuple[int, str], set[int]] = field(default_factory=dict)
    certificates: dict[int, Any] = field(default_factory=dict)


def invariant_I4_retired_is_absorbing(twin: Twin, memory: Memory) -> None:
    """A retired serial stays where it is, with the certificate it was retired for."""
    view, certified = twin.world.view, Counter[tuple[int, str, int]]()
    for number in range(1, view("RetirementCertificates", "certificateCount") + 1):
        certificate = view("RetirementCertificates", "certificateOf", number)
        assert memory.certificates.setdefault(number, certificate) == certificate
        assert view("RetirementCertificates", "ownerOf", number) == certificate.holder
        spans = [(one.first, one.last) for one in certificate.ranges]
        assert spans == twin.model.certificates.made[number - 1].ranges
        assert _tonnes(spans) == certificate.tonnes
        for first, last in spans:
            certified.update((certificate.issuance, certificate.holder, n) for n in range(first, last + 1))
    assert set(certified.values()) <= {1}
    found: set[tuple[int, str, int]] = set()
    for issuance in twin.model.reductions.issuances:
        for holder in _holders(twin):
            spans = _ranges(twin, holder, issuance, Place.RETIRED)
            serials = {n for first, last in spans for n in range(first, last + 1)}
            before = memory.retired.get((issuance, holder), set())
            assert before <= serials
            memory.retired[issuance, holder] = serials
            found |= {(issuance, holder, n) for n in serials}
    assert found == set(certified)


def invariant_I5_one_operation_has_one_effect(twin: Twin, call: Call, new: list[Event], seen: set[Any]) -> None:
    """No two effects have the same natural key, and the same call once more changes nothing."""
    for name, args in new:
        if name in KEYS:
            key = (name.removeprefix("Un").capitalize(), *(args[one] for one in KEYS[name]))
            assert key not in seen, f"{name} twice for {key[1:]}"
            seen.add(key)
    if call.function in UNKEYED:
        return
    snapshot = twin.world.evm.snapshot()
    again = twin.world.perform(call)
    twin.world.evm.revert(snapshot)
    if again.error is None:
        assert not any(again.output), f"{call.function} took effect twice"
        assert not again.logs, f"{call.function} spoke twice"


def invariant_I6_payouts_fee_and_remainder_are_the_proceeds(twin: Twin) -> None:
    """To the fen: what the treasury's tonnes were sold for is the fee, what the people got, and what is still there."""
    view, treasury = twin.world.view, twin.world.at["ProgrammeTreasury"]
    distributor = twin.world.at["ProceedsDistributor"]
    sold = {
        one["tradeId"]: one["tonnes"] * one["priceFen"]
        for one in _events(twin, "TradeSettled")
        if one["seller"] == treasury
    }
    collected = _events(twin, "ProceedsCollected")
    assert all(one["grossFen"] == one["feeFen"] + one["peopleFen"] == sold[one["tradeId"]] for one in collected)
    for one in collected:
        trade = twin.model.settlement.trades[one["tradeId"]]
        assert one["feeFen"] == sold[one["tradeId"]] * twin.model.treasury.rule_at(trade.settled_at).fee_bps // 10_000
    fee = sum(one["feeFen"] for one in collected)
    paid = sum(one["fen"] for one in _events(twin, "ProceedsClaimed", "ProceedsPaid"))
    rest = view("SettlementCash", "balanceOf", treasury) + view("SettlementCash", "balanceOf", distributor)
    assert sum(sold.values()) == fee + paid + rest

    funded, attested = view("ProceedsDistributor", "fundedFen"), view("ProceedsDistributor", "attestedFen")
    assert funded == sum(one["peopleFen"] for one in collected) == twin.model.distributor.funded()
    issuances = twin.model.reductions.issuances
    assert funded == sum(view("ProceedsDistributor", "fundedOf", issuance) for issuance in issuances)
    assert view("ProceedsDistributor", "paidFen") == paid <= attested <= funded
    assert paid == sum(view("ProceedsDistributor", "paidOf", account) for account in twin.model.distributor.paid)
    assert view("SettlementCash", "balanceOf", distributor) == funded - paid

    supply = sum(one["fen"] for one in _events(twin, "CashMinted"))
    supply -= sum(one["fen"] for one in _events(twin, "CashBurnt"))
    assert view("SettlementCash", "totalSupply") == supply == twin.model.cash.supply()
    assert sum(view("SettlementCash", "balanceOf", account) for account in twin.model.cash.balances) == supply


def invariant_I7_the_anchors_of_a_source_form_one_chain(twin: Twin) -> None:
    """The head of a source is the fold of all its batches, and each stream goes on where it ended."""
    heads: dict[bytes, tuple[bytes, int]] = {}
    streams: dict[tuple[bytes, int], tuple[bytes, int]] = {}
    for one in _events(twin, "BatchAnchored"):
        source, batch, stream = one["source"], one["batch"], (one["source"], one["serviceDate"])
        head, count = heads.get(source, (bytes(32), 0))
        heads[source] = (chain_head(head, one["batchId"]), count + 1)
        assert one["head"] == heads[source][0]
        last, length = streams.get(stream, (bytes(32), 0))
        assert (batch[9], batch[2]) == (last, length)  # previous, sequence
        streams[stream] = (one["batchId"], length + 1)
    for source in twin.model.anchors.sources:
        found = twin.world.view("TripAnchors", "sourceOf", source)
        assert (found.head, found.anchors) == heads.get(source, (bytes(32), 0))
    for (source, day), (last, length) in streams.items():
        found = twin.world.view("TripAnchors", "streamOf", source, day)
        assert (found.lastBatch, found.nextSequence) == (last, length)


class Watch:
    """Checks one run: all invariants after every step."""

    def __init__(self, twin: Twin) -> None:
        self.twin = twin
        self.memory = Memory()
        self.seen: set[Any] = set()
        self.read = 0

    def check(self, call: Call, took_effect: bool) -> None:
        """After a step."""
        twin = self.twin
        if took_effect:
            new, self.read = twin.events[self.read :], len(twin.events)
            invariant_I5_one_operation_has_one_effect(twin, call, new, self.seen)
        invariant_I1_what_was_issued_is_held_listed_retired_or_cancelled(twin)
        invariant_I2_a_batch_counts_once(twin)
        invariant_I3_claimed_converted_and_unclaimed_are_what_was_earned(twin)
        invariant_I4_retired_is_absorbing(twin, self.memory)
        invariant_I6_payouts_fee_and_remainder_are_the_proceeds(twin)
        invariant_I7_the_anchors_of_a_source_form_one_chain(twin)
