"""The golden serials, SN-01, through the deployed contracts: from trips to a certificate, on a real EVM."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.properties.agreement import require_agreement
from tests.properties.calls import PEOPLE, Call, Refused, Request, Rule, word
from tests.properties.invariants import Watch
from tests.properties.model_points import MARKET
from tests.properties.model_reductions import Place
from tests.properties.story import NEW, TONNE, Story
from tests.properties.world import ACCOUNTS, ACTIVATION_S

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "golden_vectors.json").read_text("utf-8"))
(SN_01,) = VECTORS["serials"]
FIRST, LAST = SN_01["block"]
TONNES = LAST - FIRST + 1


@pytest.fixture(scope="module")
def story() -> Story:
    """A block of 1..1234 in the hands of a company that may retire all of it; nothing was issued before."""
    story = Story()
    story.open_books()
    story.admit_traders()
    batches = [story.anchor(2, 20251220 + n, 617 * TONNE) for n in range(2)]
    for batch_id in batches:
        story.act("verifier", "TripAnchors", "attest", batch_id)
    story.publish_epoch(*batches)
    story.twin.begin(story.twin.world.now + ACTIVATION_S)
    story.claim_points(*PEOPLE)
    story.redeem_all(NEW)
    assert (
        sum(mg for _, mg, channel in story.twin.model.points.redemptions.values() if channel == MARKET) == 1234 * TONNE
    )
    issuance = story.certify(NEW, TONNES)
    story.act("regulator", "ProgrammeTreasury", "addRule", Rule(story.twin.world.now, 0, 0, ACCOUNTS["operator"]))
    story.deposit("power", TONNES * 100)
    story.sell(story.offer(issuance, TONNES, 100), "power", TONNES, 100)
    story.act("regulator", "RetirementCertificates", "setOffsetLimit", word("power"), 2025, 2 * TONNES)
    return story


def ranges(story: Story, place: Place) -> list[list[int]]:
    found = story.twin.world.view("CertifiedReductions", "rangesOf", ACCOUNTS["power"], 1, int(place), 0, 99)
    return [[one.first, one.last] for one in found]


def retirement(tonnes: int, ref: str) -> Call:
    request = Request(ACCOUNTS["power"], 1, tonnes, 0, 2025, word("power"), word(ref))
    return Call(ACCOUNTS["power"], "RetirementCertificates", "retire", (request,))


def test_sn_01_the_lowest_serials_are_retired_first(story: Story) -> None:
    assert SN_01["count_rule"] == "last - first + 1"
    assert ranges(story, Place.HELD) == [SN_01["block"]] == [[1, 1234]]
    retired: list[Any] = SN_01["retired"]
    assert retired[1] - retired[0] + 1 == SN_01["retire"] == 1000

    call = retirement(SN_01["retire"], "SN-01")
    story.twin.must(call)

    assert ranges(story, Place.RETIRED) == [retired]
    assert ranges(story, Place.HELD) == [SN_01["held"]]
    certificate = story.twin.world.view("RetirementCertificates", "certificateOf", 1)
    assert [[one.first, one.last] for one in certificate.ranges] == [retired]
    assert certificate.tonnes == SN_01["retire"]
    assert story.twin.perform(call) is False, "the same retirement again has no other effect"

    ((first, last),) = SN_01["refused"]  # it would take serial 1000 a second time
    refusal = story.twin.perform(retirement(last - first + 1, "SN-01 refused"))
    assert isinstance(refusal, Refused)
    assert refusal.error == "CertifiedReductionsNotTransferable"
    assert ranges(story, Place.HELD) == [SN_01["held"]]
    Watch(story.twin).check(call, took_effect=True)
    require_agreement(story.twin)
