"""The invariants notice what they are for: with one fact falsified, the one that speaks of it fails, and only then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.properties.agreement import require_agreement
from tests.properties.calls import Call
from tests.properties.invariants import invariant_i5_one_operation_has_one_effect
from tests.properties.invariants_points import (
    invariant_i2_a_batch_counts_once,
    invariant_i3_claimed_converted_and_unclaimed_are_what_was_earned,
    invariant_i7_the_anchors_of_a_source_form_one_chain,
)
from tests.properties.invariants_tonnes import (
    Memory,
    invariant_i1_what_was_issued_is_held_listed_retired_or_cancelled,
    invariant_i4_retired_is_absorbing,
    invariant_i6_payouts_fee_and_remainder_are_the_proceeds,
)
from tests.properties.ledgers import Twin
from tests.properties.model_reductions import Place
from tests.properties.scenario import stopped
from tests.properties.story import NEW, Story
from tests.properties.world import ACCOUNTS

POWER, STEEL = ACCOUNTS["power"], ACCOUNTS["steel"]


@pytest.fixture(scope="module")
def ledger() -> Twin:
    story = Story()
    stopped(story)
    return story.twin


@pytest.fixture
def twin(ledger: Twin) -> Any:
    """A ledger in which everything has happened, put back after each test."""
    snapshot = ledger.snapshot()
    yield ledger
    ledger.revert(snapshot)


def i4(twin: Twin) -> None:
    invariant_i4_retired_is_absorbing(twin, Memory())


def i5(twin: Twin) -> None:
    last = twin.history[-1]
    invariant_i5_one_operation_has_one_effect(twin, last, twin.events, set())


def move_a_serial(twin: Twin) -> None:
    serials = twin.model.reductions.serials
    serials[1, STEEL, Place.HELD].append(serials[1, POWER, Place.HELD].pop())


def issue_a_batch_twice(twin: Twin) -> None:
    (first,) = [args for name, args in twin.events if name == "EpochPublished"]
    twin.events.append(("EpochPublished", {**first, "number": 2}))


def grant_one_mg(twin: Twin) -> None:
    twin.model.points.claimed[ACCOUNTS["an"], NEW] += 1


def retire_other_serials(twin: Twin) -> None:
    ((first, last),) = twin.model.certificates.made[0].ranges
    twin.model.certificates.made[0].ranges = [(first + 1, last + 1)]


def settle_a_trade_twice(twin: Twin) -> None:
    twin.events.append(next(event for event in twin.events if event[0] == "TradeSettled"))


def lose_a_collection(twin: Twin) -> None:
    twin.events.remove(next(event for event in twin.events if event[0] == "ProceedsCollected"))


def lose_an_anchor(twin: Twin) -> None:
    twin.events.remove([event for event in twin.events if event[0] == "BatchAnchored"][-1])


def forget_a_pause(twin: Twin) -> None:
    twin.model.access.paused.clear()


CASES: dict[Callable[[Twin], Any], Callable[[Twin], None]] = {
    invariant_i1_what_was_issued_is_held_listed_retired_or_cancelled: move_a_serial,
    invariant_i2_a_batch_counts_once: issue_a_batch_twice,
    invariant_i3_claimed_converted_and_unclaimed_are_what_was_earned: grant_one_mg,
    i4: retire_other_serials,
    i5: settle_a_trade_twice,
    invariant_i6_payouts_fee_and_remainder_are_the_proceeds: lose_a_collection,
    invariant_i7_the_anchors_of_a_source_form_one_chain: lose_an_anchor,
    require_agreement: forget_a_pause,
}


@pytest.mark.parametrize("check", CASES, ids=lambda check: check.__name__)
def test_a_false_fact_is_noticed(twin: Twin, check: Callable[[Twin], Any]) -> None:
    check(twin)
    CASES[check](twin)
    with pytest.raises(AssertionError):
        check(twin)


def test_a_retired_serial_that_comes_back_is_noticed(twin: Twin) -> None:
    memory = Memory()
    invariant_i4_retired_is_absorbing(twin, memory)
    memory.retired[1, POWER].add(2)
    with pytest.raises(AssertionError):
        invariant_i4_retired_is_absorbing(twin, memory)


def test_an_operation_that_works_twice_is_noticed(twin: Twin) -> None:
    """A call that was never made takes effect: exactly what a repeat must not do."""
    call = Call(ACCOUNTS["ding"], "Mandates", "give", (bytes([1]) * 32, 1))
    with pytest.raises(AssertionError, match="took effect twice"):
        invariant_i5_one_operation_has_one_effect(twin, call, [], set())


def test_the_two_must_say_the_same(twin: Twin) -> None:
    """The model is told a role holder the chain does not know, so it expects what the chain refuses."""
    twin.model.access.holders["guardian"].add(ACCOUNTS["stranger"])
    pausing = Call(ACCOUNTS["stranger"], "Mandates", "pause")
    with pytest.raises(AssertionError, match="the EVM refuses with AccessManagedUnauthorized"):
        twin.perform(pausing)
    twin.model.access.holders["guardian"].clear()
    with pytest.raises(AssertionError, match="the model refuses with AccessManagedUnauthorized, the EVM does it"):
        twin.perform(pausing._replace(caller=ACCOUNTS["guardian"]))
