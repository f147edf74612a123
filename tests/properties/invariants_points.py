"""I2, I3 and I7, on trips and points: what batches bring, who has it, and in which order they came."""

from __future__ import annotations

from collections import Counter

from tests.properties.evidence import Book
from tests.properties.hashes import chain_head
from tests.properties.ledgers import Twin
from tests.properties.model_certification import MG_PER_TONNE, CertificationStatus
from tests.properties.model_points import MARKET
from tests.properties.model_trips import BatchStatus


def invariant_i2_a_batch_counts_once(twin: Twin) -> None:
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


def invariant_i3_claimed_converted_and_unclaimed_are_what_was_earned(twin: Twin) -> None:
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


def invariant_i7_the_anchors_of_a_source_form_one_chain(twin: Twin) -> None:
    """The head of a source is the fold of all its batches, and each stream goes on where it ended."""
    heads: dict[bytes, tuple[bytes, int]] = {}
    streams: dict[tuple[bytes, int], tuple[bytes, int]] = {}
    for one in twin.emitted("BatchAnchored"):
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
