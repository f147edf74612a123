"""CarbonPoints: epochs of entitlements, claims, redemptions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from web3.contract.contract import ContractFunction
from web3.types import BlockIdentifier, EventData

from registry.chain.contracts.base import DeployedContract
from registry.chain.logs import events
from registry.chain.typed_data import typed_message
from registry.core.entitlement import Entitlement

Conversions = Sequence[tuple[int, int]]  # (class, mg), ascending by class
REDEMPTION: Final = {
    "holder": "address",
    "classId": "uint64",
    "mg": "uint128",
    "channel": "uint8",
    "ref": "bytes32",
    "deadline": "uint256",
}


class Channel(IntEnum):
    """What points are redeemed for."""

    COMMERCE = 0
    WELFARE = 1
    POLICY = 2
    MARKET = 3


@dataclass(frozen=True)
class EpochRecord:
    """What the chain holds of an epoch; `active_at` is epoch seconds, `digest` binds root, size and batch list."""

    root: bytes
    digest: bytes
    size: int
    active_at: int
    attested: bool


@dataclass(frozen=True)
class EpochEvent:
    """An EpochPublished event; conversions are (class, mg)."""

    number: int
    root: bytes
    size: int
    batches: tuple[bytes, ...]
    conversions: tuple[tuple[int, int], ...]
    digest: bytes
    publisher: str
    block: int
    transaction: str


@dataclass(frozen=True)
class ClassTotals:
    """Running totals of one class, in mg."""

    earned: int
    converted: int
    claimed: int
    redeemed: int
    expired: int


@dataclass(frozen=True)
class Redemption:
    """A redemption as the holder signs it; `ref` is 32 bytes of the holder's choice and can be used once."""

    holder: str
    class_id: int
    mg: int
    channel: Channel
    ref: bytes
    deadline: int


class CarbonPoints(DeployedContract):
    """Typed access to the CarbonPoints contract."""

    NAME = "CarbonPoints"

    def publish_epoch(
        self, number: int, root: bytes, size: int, batches: Sequence[bytes], conversions: Conversions = ()
    ) -> ContractFunction:
        """The call that publishes epoch `number` over attested batches, converting (class, mg). Role: PLATFORM."""
        return self.contract.functions.publishEpoch(number, root, size, list(batches), list(conversions))

    def attest_epoch(self, number: int, digest: bytes) -> ContractFunction:
        """The call by which a verifier co-signs an epoch it recomputed. Role: VERIFIER."""
        return self.contract.functions.attestEpoch(number, digest)

    def cancel_epoch(
        self, number: int, batches: Sequence[bytes], conversions: Conversions, reason: str
    ) -> ContractFunction:
        """The call that takes back an epoch that is not active yet; its batches can be issued again. Role: GUARDIAN."""
        why = reason.encode("ascii").ljust(32, b"\0")
        return self.contract.functions.cancelEpoch(number, list(batches), list(conversions), why)

    def claim(self, entitlement: Entitlement, index: int, proof: Sequence[bytes]) -> ContractFunction:
        """The call that mints what an account has earned and not claimed yet. Anyone may send it."""
        return self.contract.functions.claim(
            entitlement.account,
            entitlement.class_id,
            entitlement.earned_mg,
            entitlement.converted_mg,
            index,
            list(proof),
        )

    def redeem_for(self, redemption: Redemption, signature: bytes) -> ContractFunction:
        """The call that relays a holder's signed redemption. Anyone may send it."""
        r = redemption
        return self.contract.functions.redeemFor(r.holder, r.class_id, r.mg, r.channel, r.ref, r.deadline, signature)

    def typed_redemption(self, redemption: Redemption) -> dict[str, Any]:
        """The EIP-712 message a holder signs."""
        r = redemption
        values = (r.holder, r.class_id, r.mg, int(r.channel), r.ref, r.deadline)
        return typed_message(self, "Redemption", REDEMPTION, *values)

    def epoch(self, number: int, block: BlockIdentifier = "latest") -> EpochRecord | None:
        """The epoch's record, or None when that number is not published or was cancelled."""
        root, digest, size, active_at, attested = self._read(self.contract.functions.epochOf(number), block)
        return EpochRecord(bytes(root), bytes(digest), size, active_at, attested) if size else None

    def hash_epoch(
        self, number: int, root: bytes, size: int, batches: Sequence[bytes], conversions: Conversions = ()
    ) -> bytes:
        """The digest a verifier signs for an epoch."""
        call = self.contract.functions.hashEpoch(number, root, size, list(batches), list(conversions))
        return bytes(self._read(call))

    def current_epoch(self, block: BlockIdentifier = "latest") -> int:
        """The number of the newest epoch, pending or active; 0 before the first."""
        return int(self._read(self.contract.functions.currentEpoch(), block))

    def active_epoch(self, block: BlockIdentifier = "latest") -> int:
        """The number of the epoch that claims are checked against; 0 when there is none."""
        return int(self._read(self.contract.functions.activeEpoch(), block))

    def balance(self, account: str, class_id: int, block: BlockIdentifier = "latest") -> int:
        """The account's points of one class, in mg."""
        return int(self._read(self.contract.functions.balanceOf(account, class_id), block))

    def claimed(self, account: str, class_id: int, block: BlockIdentifier = "latest") -> int:
        """What the account has claimed of one class so far, in mg."""
        return int(self._read(self.contract.functions.claimedOf(account, class_id), block))

    def totals(self, class_id: int, block: BlockIdentifier = "latest") -> ClassTotals:
        """The running totals of one class."""
        return ClassTotals(*self._read(self.contract.functions.classTotals(class_id), block))

    def total_supply(self, class_id: int, block: BlockIdentifier = "latest") -> int:
        """Points of one class in all wallets, in mg."""
        return int(self._read(self.contract.functions.totalSupply(class_id), block))

    def redeemed_by(self, class_id: int, channel: Channel, block: BlockIdentifier = "latest") -> int:
        """What was redeemed of one class through a channel, in mg."""
        return int(self._read(self.contract.functions.redeemedBy(class_id, channel), block))

    def market_mg(self, class_id: int, block: BlockIdentifier = "latest") -> int:
        """All mg of one class that ever entered the market pool: redeemed for the market, or converted by epochs."""
        return int(self._read(self.contract.functions.marketMg(class_id), block))

    def has_redeemed(self, holder: str, ref: bytes) -> bool:
        """Whether the holder used this reference already."""
        return int(self._read(self.contract.functions.redemptionOf(holder, ref))[1]) > 0

    def redeemed_class(self, holder: str, ref: bytes) -> int | None:
        """The class the holder used this reference for, or None."""
        class_id, mg, _ = self._read(self.contract.functions.redemptionOf(holder, ref))
        return int(class_id) if mg else None

    def published(self, first: int, last: int) -> list[EpochEvent]:
        """The epochs published from block `first` to `last` and not cancelled since, ascending by number."""
        kept: dict[int, EpochEvent] = {}
        found = [*events(self.chain, self.contract.events.EpochPublished(), first, last)]
        found += [*events(self.chain, self.contract.events.EpochCancelled(), first, last)]
        for event in sorted(found, key=lambda e: (e["blockNumber"], e["logIndex"])):
            if event["event"] == "EpochCancelled":
                kept.pop(event["args"]["number"], None)
            else:
                kept[event["args"]["number"]] = _epoch_event(event)
        return [kept[number] for number in sorted(kept)]

    def movements(self, name: str, first: int, last: int) -> Iterator[dict[str, Any]]:
        """The arguments of every PointsClaimed, PointsRedeemed or PointsExpired event, in order."""
        for event in events(self.chain, self.contract.events[name](), first, last):
            yield dict(event["args"])


def _epoch_event(event: EventData) -> EpochEvent:
    a = event["args"]
    pairs = [tuple(c.values()) if hasattr(c, "values") else tuple(c) for c in a["conversions"]]
    return EpochEvent(
        a["number"],
        bytes(a["root"]),
        a["size"],
        tuple(bytes(b) for b in a["batchIds"]),
        tuple((int(c[0]), int(c[1])) for c in pairs),
        bytes(a["digest"]),
        str(a["publisher"]),
        event["blockNumber"],
        event["transactionHash"].to_0x_hex(),
    )
