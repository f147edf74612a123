"""Sealing: used trips of one service day -> tags, commitments, tree, evidence folder, batch."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import polars as pl

from registry.core.batch import Batch
from registry.core.leaf import SALT_SIZE, canonical_column, commitments, journey_tags, tag_order
from registry.core.methodology import Methodology
from registry.evidence.batch import SealedTrips, seal
from registry.services.ledger import Ledger
from registry.store import batches
from registry.store.tables import BatchRow, stored_mg


@dataclass(frozen=True)
class SealedBatch:
    """A batch whose evidence is on disk, with the range of its trip ids."""

    batch: Batch
    trip_id_min: str
    trip_id_max: str

    def row(self, import_id: int | None, now: int) -> BatchRow:
        """The batch as the store keeps it; `now` is epoch seconds."""
        b = self.batch
        return BatchRow(
            id="0x" + b.id().hex(),
            import_id=import_id,
            source_id=b.source,
            service_date=b.serviceDate,
            sequence=b.sequence,
            methodology=b.methodology,
            trip_count=b.tripCount,
            reduction_mg=stored_mg(b.reductionMg),
            trip_root="0x" + b.tripRoot.hex(),
            leaves_digest="0x" + b.leavesDigest.hex(),
            input_digest="0x" + b.inputDigest.hex(),
            previous="0x" + b.previous.hex(),
            trip_id_min=self.trip_id_min,
            trip_id_max=self.trip_id_max,
            sealed_at=now,
        )


class Sealer:
    """Seals the batches of one import, each following the last of its source and service day."""

    def __init__(self, ledger: Ledger, source: str, spec: Methodology, input_digest: bytes) -> None:
        self._ledger, self._source, self._spec, self._input_digest = ledger, source, spec, input_digest
        self._streams: dict[int, tuple[int, bytes]] = {}

    def seal(self, day: int, trips: pl.DataFrame) -> SealedBatch:
        """Seal used trips (with reduction_mg) of service day `day`; raises StorageError, and leaves nothing then."""
        codes = {mode.name: mode.code for mode in self._spec.modes}
        trips = trips.with_columns(
            pl.col("mode").replace_strict(codes, return_dtype=pl.UInt8), pl.col("distance_m").cast(pl.UInt32)
        )
        trips, canonical = self._in_tag_order(day, trips)
        salts = os.urandom(SALT_SIZE * trips.height)
        trips = trips.with_columns(
            pl.Series("commitment", commitments(salts, canonical), pl.Binary), _salt_column(salts, trips.height)
        )
        sequence, previous = self._stream(day)

        def describe(root: bytes, leaves_digest: bytes, count: int, reduction_mg: int) -> Batch:
            return Batch(
                self._source,
                day,
                sequence,
                self._spec.id,
                count,
                reduction_mg,
                root,
                leaves_digest,
                self._input_digest,
                previous,
            )

        batch = seal(self._ledger.home.evidence, SealedTrips(trips, canonical, salts), describe)
        self._streams[day] = (sequence + 1, batch.id())
        return SealedBatch(batch, str(trips["trip_id"].min()), str(trips["trip_id"].max()))

    def _in_tag_order(self, day: int, trips: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series]:
        """The trips with their tags, ascending, and the canonical text of each."""
        with ThreadPoolExecutor(1) as beside:
            # Polars works outside the interpreter's lock, so the text is made while the tags are hashed.
            text = beside.submit(canonical_column, trips, self._source)
            tags = journey_tags(trips, self._ledger.keys.day_keys.get_or_create(day))
        order = tag_order(tags)
        return trips.with_columns(pl.Series("tag", tags, pl.Binary))[order], text.result()[order]

    def _stream(self, day: int) -> tuple[int, bytes]:
        if day not in self._streams:
            with self._ledger.db.read() as session:
                sequence, last = batches.next_place(session, self._source, day)
            self._streams[day] = (sequence, bytes.fromhex(last[2:]))
        return self._streams[day]


def _salt_column(salts: bytes, count: int) -> pl.Series:
    return pl.Series("salt", [salts[i * SALT_SIZE : (i + 1) * SALT_SIZE] for i in range(count)], pl.Binary)
