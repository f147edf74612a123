"""The model's trips: methodologies, sources, batches and what the verifiers said about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from tests.properties.calls import NOBODY, ZERO32, Batch, refuse
from tests.properties.hashes import batch_id

if TYPE_CHECKING:
    from tests.properties.model import Programme


class BatchStatus(IntEnum):
    NONE, ANCHORED, ATTESTED, ISSUED, REJECTED = range(5)


def is_date(number: int) -> bool:
    """Whether yyyymmdd is a day from 2000 to 2999."""
    try:
        return 2000 <= date(number // 10_000, number // 100 % 100, number % 100).year < 3000
    except ValueError:
        return False


def local(now: int) -> datetime:
    """The programme's wall clock, UTC+8."""
    return datetime.fromtimestamp(now, UTC) + timedelta(hours=8)


class Methodologies:
    def __init__(self) -> None:
        self.published: dict[int, tuple[Any, ...]] = {}
        self.end_of: dict[int, int] = {}

    def is_effective(self, number: int, day: int) -> bool:
        if number not in self.published:
            return False
        return self.published[number][3] <= day and (self.end_of[number] == 0 or day <= self.end_of[number])

    def publish(self, _: str, number: int, methodology: tuple[Any, ...]) -> bool:
        if number in self.published:
            refuse(self.published[number] != methodology, "MethodologyRegistryAlreadyPublished")
            return False
        refuse(number == 0, "MethodologyRegistryZeroId")
        *texts, start, end = methodology
        refuse(ZERO32 in texts, "MethodologyRegistryIncomplete")
        refuse(not is_date(start), "MethodologyRegistryInvalidDate")
        if end:
            self._require_end(start, end)
        self.published[number], self.end_of[number] = methodology, end
        return True

    def end(self, _: str, number: int, end: int) -> bool:
        refuse(number not in self.published, "MethodologyRegistryUnknown")
        self._require_end(self.published[number][3], end)
        recorded = self.end_of[number]
        if recorded == end:
            return False
        refuse(0 < recorded < end, "MethodologyRegistryExtended")
        self.end_of[number] = end
        return True

    def _require_end(self, start: int, end: int) -> None:
        refuse(not is_date(end), "MethodologyRegistryInvalidDate")
        refuse(end < start, "MethodologyRegistryInvalidPeriod")


@dataclass
class Source:
    signer: str
    cap_mg: int
    active: bool = True
    chain: list[bytes] = field(default_factory=list)  # the batches, in the order in which they were anchored


@dataclass
class BatchRecord:
    batch: Batch
    anchored_by: str
    day: int
    status: BatchStatus = BatchStatus.ANCHORED
    attested_by: set[str] = field(default_factory=set)
    reason: bytes = ZERO32

    @property
    def class_id(self) -> int:
        return self.batch.methodology << 16 | self.batch.service_date // 10_000


class Anchors:
    def __init__(self, ledger: Programme) -> None:
        self.ledger = ledger
        self.quorum = 1
        self.sources: dict[bytes, Source] = {}
        self.batches: dict[bytes, BatchRecord] = {}

    def stream(self, source: bytes, day: int) -> list[bytes]:
        """The ids of a source's batches of one service day, rejected ones included."""
        chain = self.sources[source].chain if source in self.sources else []
        return [one for one in chain if self.batches[one].batch.service_date == day]

    def register_source(self, _: str, name: bytes, signer: str, cap_mg: int) -> bool:
        if name in self.sources:
            known = self.sources[name]
            refuse((known.signer, known.cap_mg) != (signer, cap_mg), "TripAnchorsSourceRegistered")
            return False
        refuse(name == ZERO32 or signer == NOBODY or cap_mg == 0, "TripAnchorsInvalidSource")
        self.sources[name] = Source(signer, cap_mg)
        return True

    def update_source(self, _: str, name: bytes, signer: str, cap_mg: int, active: bool) -> bool:
        refuse(name not in self.sources, "TripAnchorsUnknownSource")
        known = self.sources[name]
        if (known.signer, known.cap_mg, known.active) == (signer, cap_mg, active):
            return False
        refuse(signer == NOBODY or cap_mg == 0, "TripAnchorsInvalidSource")
        known.signer, known.cap_mg, known.active = signer, cap_mg, active
        return True

    def set_quorum(self, _: str, quorum: int) -> bool:
        if quorum == self.quorum:
            return False
        refuse(quorum == 0, "TripAnchorsZeroQuorum")
        self.quorum = quorum
        return True

    def anchor(self, caller: str, batch: Batch) -> bool:
        number = batch_id(batch)
        if number in self.batches:
            return False
        source = self.sources.get(batch.source)
        refuse(source is None, "TripAnchorsUnknownSource")
        assert source is not None
        refuse(not source.active, "TripAnchorsInactiveSource")
        refuse(caller != source.signer, "TripAnchorsWrongSigner")
        self._require_contents(batch)
        today = local(self.ledger.now).toordinal()
        self._require_room(
            "TripAnchorsChainDayCapExceeded",
            source,
            batch,
            [one for one in source.chain if self.batches[one].day == today],
        )
        stream = self.stream(batch.source, batch.service_date)
        refuse(batch.sequence != len(stream), "TripAnchorsUnexpectedSequence")
        refuse(batch.previous != (stream[-1] if stream else ZERO32), "TripAnchorsUnexpectedPrevious")
        standing = [one for one in stream if self.batches[one].status != BatchStatus.REJECTED]
        self._require_room("TripAnchorsServiceDayCapExceeded", source, batch, standing)
        self.batches[number] = BatchRecord(batch, caller, today)
        source.chain.append(number)
        return True

    def attest(self, caller: str, number: bytes) -> bool:
        record = self.batches.get(number)
        refuse(record is None, "TripAnchorsUnexpectedStatus")
        assert record is not None
        counted, waiting = caller in record.attested_by, record.status == BatchStatus.ANCHORED
        if counted and not (waiting and len(record.attested_by) >= self.quorum):
            return False
        refuse(not waiting, "TripAnchorsUnexpectedStatus")
        refuse(caller == record.anchored_by, "TripAnchorsSelfAttestation")
        record.attested_by.add(caller)
        if len(record.attested_by) >= self.quorum:
            record.status = BatchStatus.ATTESTED
        return True

    def reject(self, _: str, number: bytes, reason: bytes) -> bool:
        record = self.batches.get(number)
        if record is not None and record.status == BatchStatus.REJECTED:
            refuse(record.reason != reason, "TripAnchorsAlreadyRejected")
            return False
        waiting = record is not None and record.status in (BatchStatus.ANCHORED, BatchStatus.ATTESTED)
        refuse(not waiting, "TripAnchorsUnexpectedStatus")
        refuse(reason == ZERO32, "TripAnchorsMissingReason")
        assert record is not None
        record.status, record.reason = BatchStatus.REJECTED, reason
        return True

    def issue(self, batch_ids: tuple[bytes, ...]) -> None:
        """Take up batches for an epoch, each once."""
        for number in batch_ids:
            record = self.batches.get(number)
            refuse(record is None or record.status != BatchStatus.ATTESTED, "TripAnchorsUnexpectedStatus")
            assert record is not None
            record.status = BatchStatus.ISSUED

    def _require_contents(self, batch: Batch) -> None:
        tomorrow = local(self.ledger.now + 86_400)
        latest = tomorrow.year * 10_000 + tomorrow.month * 100 + tomorrow.day
        day = batch.service_date
        refuse(not is_date(day) or day > latest, "TripAnchorsInvalidServiceDate")
        effective = self.ledger.methodologies.is_effective(batch.methodology, day)
        refuse(not effective, "TripAnchorsMethodologyNotEffective")
        digests = (batch.trip_root, batch.leaves_digest, batch.input_digest)
        refuse(batch.trip_count == 0 or batch.reduction_mg == 0 or ZERO32 in digests, "TripAnchorsIncompleteBatch")

    def _require_room(self, error: str, source: Source, batch: Batch, counted: list[bytes]) -> None:
        total = sum(self.batches[one].batch.reduction_mg for one in counted)
        refuse(total + batch.reduction_mg > source.cap_mg, error)
