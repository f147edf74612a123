"""I1 to I7 of the design, each asked of the chain's state and events after every step; I5, on operations, is here."""

from __future__ import annotations

from typing import Any, Final

from tests.properties.calls import Call
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
from tests.properties.ledgers import Event, Twin

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


def invariant_i5_one_operation_has_one_effect(twin: Twin, call: Call, new: list[Event], seen: set[Any]) -> None:
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
            invariant_i5_one_operation_has_one_effect(twin, call, new, self.seen)
        invariant_i1_what_was_issued_is_held_listed_retired_or_cancelled(twin)
        invariant_i2_a_batch_counts_once(twin)
        invariant_i3_claimed_converted_and_unclaimed_are_what_was_earned(twin)
        invariant_i4_retired_is_absorbing(twin, self.memory)
        invariant_i6_payouts_fee_and_remainder_are_the_proceeds(twin)
        invariant_i7_the_anchors_of_a_source_form_one_chain(twin)
