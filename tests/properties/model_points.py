"""The model's points: epochs, claims, redemptions, and the line on which a class's pool grows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from registry.core import merkle
from tests.properties.calls import ZERO32, refuse
from tests.properties.hashes import epoch_digest
from tests.properties.model_trips import BatchStatus

if TYPE_CHECKING:
    from tests.properties.model import Programme

MARKET = 3
Conversions = tuple[tuple[int, int], ...]


def expiry_of(class_id: int) -> int:
    """The first second of the year in which a class is no longer good, or a refusal if it has no vintage."""
    year = class_id & 0xFFFF
    refuse(not 2000 <= year < 3000, "ClassesInvalidVintage")
    return int((datetime(year + 11, 1, 1, tzinfo=UTC) - timedelta(hours=8)).timestamp())


def require_included(leaf: bytes, index: int, size: int, proof: tuple[bytes, ...], root: bytes) -> None:
    """Refuse unless the leaf is number `index` of the `size` leaves under `root`."""
    refuse(index >= size, "MerkleLogIndexOutOfRange")
    path = merkle.inclusion_path(index, size)
    refuse(len(path) != len(proof), "MerkleLogProofLength")
    node = merkle.leaf_hash(leaf)
    for (_, position), other in zip(path, proof, strict=True):
        node = merkle.node_hash(other, node) if position % 2 == 0 else merkle.node_hash(node, other)
    refuse(node != root, "MerkleLogRootMismatch")


@dataclass
class Epoch:
    root: bytes
    size: int
    batch_ids: tuple[bytes, ...]
    conversions: Conversions
    active_at: int
    publisher: str
    digest: bytes
    attested: bool = False
    entered: bool = False  # its conversions are on the pool's line


class Points:
    def __init__(self, ledger: Programme, activation_s: int) -> None:
        self.ledger = ledger
        self.activation_s = activation_s
        self.epochs: list[Epoch] = []  # number 1 first
        self.cancelled: tuple[Any, ...] = ()
        self.claimed: dict[tuple[str, int], int] = {}
        self.redemptions: dict[tuple[str, bytes], tuple[int, int, int]] = {}
        self.expired: dict[tuple[str, int], int] = {}
        # What entered a class's pool, in order: by a person's redemption, or an epoch's conversion.
        self.line: dict[int, list[tuple[str | int, int]]] = {}

    def classes(self) -> list[int]:
        return sorted({record.class_id for record in self.ledger.anchors.batches.values()})

    def active(self) -> int:
        """The number of the epoch in force."""
        if self.epochs and not (self.epochs[-1].attested and self.ledger.now >= self.epochs[-1].active_at):
            return len(self.epochs) - 1
        return len(self.epochs)

    def earned(self, class_id: int, epochs: int) -> int:
        """What the first `epochs` epochs brought to a class."""
        batches = [self.ledger.anchors.batches[one] for epoch in self.epochs[:epochs] for one in epoch.batch_ids]
        return sum(record.batch.reduction_mg for record in batches if record.class_id == class_id)

    def converted(self, class_id: int, epochs: int) -> int:
        """What the first `epochs` epochs converted of a class."""
        return sum(mg for epoch in self.epochs[:epochs] for one, mg in epoch.conversions if one == class_id)

    def claimed_total(self, class_id: int) -> int:
        return sum(mg for (_, one), mg in self.claimed.items() if one == class_id)

    def redeemed(self, class_id: int, channel: int | None = None) -> int:
        found = [mg for one, mg, way in self.redemptions.values() if one == class_id and channel in (None, way)]
        return sum(found)

    def balance(self, holder: str, class_id: int) -> int:
        spent = sum(mg for (who, _), (one, mg, _) in self.redemptions.items() if (who, one) == (holder, class_id))
        return self.claimed.get((holder, class_id), 0) - spent - self.expired.get((holder, class_id), 0)

    def market_mg(self, class_id: int) -> int:
        return self.redeemed(class_id, MARKET) + self.converted(class_id, self.active())

    def activate(self) -> None:
        """Put the conversions of an epoch that has become active on the line, before anything else enters it."""
        for number, epoch in enumerate(self.epochs[: self.active()], 1):
            if not epoch.entered:
                epoch.entered = True
                for class_id, mg in epoch.conversions:
                    self.line.setdefault(class_id, []).append((number, mg))

    def publish_epoch(
        self, caller: str, number: int, root: bytes, size: int, batch_ids: tuple[bytes, ...], conversions: Conversions
    ) -> bool:
        digest = epoch_digest(number, root, size, batch_ids, conversions)
        if 0 < number <= len(self.epochs):
            refuse(self.epochs[number - 1].digest != digest, "EpochsDigestMismatch")
            return False
        refuse(number != len(self.epochs) + 1, "EpochsUnexpectedNumber")
        refuse(self.active() != len(self.epochs), "EpochsPending")
        refuse(root == ZERO32 or size == 0, "EpochsEmptyTree")
        refuse(not 1 <= len(batch_ids) <= 64, "EpochsBatchCount")
        refuse(len(conversions) > 32, "EpochsConversionCount")
        highest = accumulate((class_id for class_id, _ in conversions), max, initial=0)
        for (class_id, mg), before in zip(conversions, highest, strict=False):
            refuse(class_id <= before or mg == 0, "EpochsInvalidConversion")
            self._require_live(class_id)
        self.ledger.anchors.issue(batch_ids)
        active_at = self.ledger.now + self.activation_s
        self.epochs.append(Epoch(root, size, batch_ids, conversions, active_at, caller, digest))
        for class_id, _ in conversions:
            self._require_backed(class_id)
        return True

    def attest_epoch(self, caller: str, number: int, digest: bytes) -> bool:
        epoch = self._known(number, digest)
        if epoch.attested:
            return False
        refuse(caller == epoch.publisher, "EpochsSelfAttestation")
        epoch.attested = True
        return True

    def cancel_epoch(
        self, _: str, number: int, batch_ids: tuple[bytes, ...], conversions: Conversions, reason: bytes
    ) -> bool:
        cancellation = (number, batch_ids, conversions, reason)
        if number == len(self.epochs) + 1 and cancellation == self.cancelled:
            return False
        refuse(not 0 < number <= len(self.epochs), "EpochsUnknown")
        refuse(number <= self.active(), "EpochsActive")
        epoch = self.epochs[number - 1]
        self._known(number, epoch_digest(number, epoch.root, epoch.size, batch_ids, conversions))
        refuse(reason == ZERO32, "EpochsMissingReason")
        for one in batch_ids:
            self.ledger.anchors.batches[one].status = BatchStatus.ATTESTED
        self.epochs.pop()
        self.cancelled = cancellation
        return True

    def claim(
        self, _: str, account: str, class_id: int, earned: int, converted: int, index: int, proof: tuple[bytes, ...]
    ) -> int:
        active = self.active()
        refuse(active == 0, "EpochsNoneActive")
        leaf = entitlement_leaf(account, class_id, earned, converted)
        epoch = self.epochs[active - 1]
        require_included(leaf, index, epoch.size, proof, epoch.root)
        self._require_live(class_id)
        claimed = self.claimed.get((account, class_id), 0)
        refuse(earned < converted + claimed, "CarbonPointsEntitlementRegressed")
        due = earned - converted - claimed
        if due:
            self.claimed[account, class_id] = claimed + due
            self._require_backed(class_id)
        return due

    def redeem(self, caller: str, class_id: int, mg: int, channel: int, ref: bytes) -> bool:
        if self._is_redeemed(caller, class_id, mg, channel, ref):
            return False
        refuse(ref == ZERO32, "CarbonPointsMissingReference")
        refuse(mg == 0, "CarbonPointsZeroAmount")
        self._require_live(class_id)
        refuse(mg > self.balance(caller, class_id), "ERC1155InsufficientBalance")
        self.redemptions[caller, ref] = (class_id, mg, channel)
        if channel == MARKET:
            self.line.setdefault(class_id, []).append((caller, mg))
        return True

    def redeem_for(self, _: str, *fields: Any) -> bool:
        *redemption, deadline, signature = fields
        if self._is_redeemed(*redemption):
            return False
        self.ledger.require_intent(fields[0], "CarbonPoints", "Redemption", (*redemption, deadline), signature)
        return self.redeem(*redemption)

    def expire(self, _: str, holder: str, class_id: int) -> bool:
        refuse(self.ledger.now < expiry_of(class_id), "CarbonPointsNotExpired")
        rest = self.balance(holder, class_id)
        self.expired[holder, class_id] = self.expired.get((holder, class_id), 0) + rest
        return rest > 0

    def safe_transfer_from(self, _: str, *__: Any) -> None:
        refuse(True, "CarbonPointsNonTransferable")

    def set_approval_for_all(self, _: str, *__: Any) -> None:
        refuse(True, "CarbonPointsNonTransferable")

    def _is_redeemed(self, holder: str, class_id: int, mg: int, channel: int, ref: bytes) -> bool:
        recorded = self.redemptions.get((holder, ref))
        refuse(recorded is not None and recorded != (class_id, mg, channel), "CarbonPointsReferenceUsed")
        return recorded is not None

    def _known(self, number: int, digest: bytes) -> Epoch:
        refuse(not 0 < number <= len(self.epochs), "EpochsUnknown")
        refuse(self.epochs[number - 1].digest != digest, "EpochsDigestMismatch")
        return self.epochs[number - 1]

    def _require_live(self, class_id: int) -> None:
        refuse(self.ledger.now >= expiry_of(class_id), "ClassesExpired")

    def _require_backed(self, class_id: int) -> None:
        """A class is backed whether the pending epoch becomes active or is cancelled."""
        for epochs in (len(self.epochs), self.active()):
            earned, converted = self.earned(class_id, epochs), self.converted(class_id, epochs)
            refuse(converted > earned, "EpochsClassOverconverted")
            refuse(self.claimed_total(class_id) > earned - converted, "EpochsClassOverdrawn")


def entitlement_leaf(account: str, class_id: int, earned: int, converted: int) -> bytes:
    """61 bytes: kind, account, class, earned and converted mg."""
    numbers = class_id.to_bytes(8, "big") + earned.to_bytes(16, "big") + converted.to_bytes(16, "big")
    return b"\x02" + bytes.fromhex(account[2:]) + numbers
