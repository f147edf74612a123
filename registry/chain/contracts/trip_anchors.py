"""TripAnchors: sources, anchored batches, and what the verifiers said of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from web3.contract.contract import ContractFunction
from web3.types import BlockIdentifier

from registry.chain.contracts.base import DeployedContract
from registry.chain.logs import events
from registry.core.batch import Batch, source_bytes32, source_text


class Status(IntEnum):
    """A batch's status on chain."""

    NONE = 0
    ANCHORED = 1
    ATTESTED = 2
    ISSUED = 3
    REJECTED = 4


@dataclass(frozen=True)
class AnchorRecord:
    """What the chain holds of a batch; the reduction is in mg."""

    status: Status
    class_id: int
    reduction_mg: int
    trip_count: int
    attestations: int
    anchored_by: str


@dataclass(frozen=True)
class SourceRecord:
    """What the chain holds of a source; the cap is mg per service day and per day of anchoring."""

    signer: str
    active: bool
    anchors: int
    daily_cap_mg: int
    head: bytes


@dataclass(frozen=True)
class AnchorEvent:
    """A BatchAnchored event; `head` is the head of the source's chain after it."""

    batch_id: bytes
    batch: Batch
    head: bytes
    block: int
    transaction: str


class TripAnchors(DeployedContract):
    """Typed access to the TripAnchors contract."""

    NAME = "TripAnchors"

    def register_source(self, source_id: str, signer: str, daily_cap_mg: int) -> ContractFunction:
        """The call that registers a source. Role: REGULATOR."""
        return self.contract.functions.registerSource(source_bytes32(source_id), signer, daily_cap_mg)

    def anchor(self, batch: Batch) -> ContractFunction:
        """The call that anchors a batch. Role: PLATFORM, and the source's signer."""
        return self.contract.functions.anchor(batch.as_tuple())

    def attest(self, batch_id: bytes) -> ContractFunction:
        """The call by which a verifier co-signs a batch. Role: VERIFIER."""
        return self.contract.functions.attest(batch_id)

    def reject(self, batch_id: bytes, reason: str) -> ContractFunction:
        """The call by which a verifier refuses a batch; `reason` is at most 31 ASCII characters. Role: VERIFIER."""
        return self.contract.functions.reject(batch_id, reason.encode("ascii")[:31].ljust(32, b"\0"))

    def find(self, batch_id: bytes, block: BlockIdentifier = "latest") -> AnchorRecord:
        """The batch's record; its status is NONE when it was never anchored."""
        record = self._read(self.contract.functions.batchOf(batch_id), block)
        reduction, class_id, count, anchored_by, status, attestations = record[:6]
        return AnchorRecord(Status(status), class_id, reduction, count, attestations, anchored_by)

    def source(self, source_id: str, block: BlockIdentifier = "latest") -> SourceRecord | None:
        """The source's record, or None when it is not registered."""
        record = self._read(self.contract.functions.sourceOf(source_bytes32(source_id)), block)
        signer, active, _, anchors, _, cap, _, head = record
        return SourceRecord(signer, active, anchors, cap, bytes(head)) if int(signer, 16) else None

    def quorum(self, block: BlockIdentifier = "latest") -> int:
        """How many distinct verifiers complete a batch."""
        return int(self._read(self.contract.functions.quorum(), block))

    def has_attested(self, batch_id: bytes, verifier: str) -> bool:
        """Whether this verifier attested the batch."""
        return bool(self._read(self.contract.functions.hasAttested(batch_id, verifier)))

    def anchored(self, first: int, last: int, **filters: int) -> Iterator[AnchorEvent]:
        """Every anchored batch from block `first` to `last`, in the order of the chain; `serviceDate` can be given."""
        for event in events(self.chain, self.contract.events.BatchAnchored(), first, last, **filters):
            arguments = event["args"]
            body = arguments["batch"]
            values = list(body.values()) if hasattr(body, "values") else list(body)
            values = [source_text(bytes(values[0])), *(bytes(v) if isinstance(v, bytes) else v for v in values[1:])]
            yield AnchorEvent(
                bytes(arguments["batchId"]),
                Batch(*values),
                bytes(arguments["head"]),
                event["blockNumber"],
                event["transactionHash"].to_0x_hex(),
            )
