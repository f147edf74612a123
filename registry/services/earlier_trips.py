"""Trips that are counted already: of this import's other parts, and of every batch of the same service days."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from registry.core.rules import service_date
from registry.errors import EvidenceError
from registry.evidence.batch import batch_folder
from registry.services.ledger import Ledger
from registry.store import batches
from registry.store.tables import BatchRow

_JOURNEY = ("carrier_ref", "board_time", "board_stop", "alight_time")


class EarlierTrips:
    """Looks up earlier journeys and trip ids in evidence, reading only rows that can match."""

    def __init__(self, ledger: Ledger, source: str) -> None:
        self._ledger, self._source = ledger, source
        self._parts: list[Path] = []

    def add(self, part: Path) -> None:
        """Count the used trips of one part of this import."""
        self._parts.append(part)

    def journeys(self, candidates: pl.DataFrame) -> pl.DataFrame:
        """Journeys of the candidates' carriers on their service days, from batches of every source."""
        days = candidates.select(service_date()).to_series().unique().to_list()
        with self._ledger.db.read() as session:
            rows = [row for day in days for row in batches.counting_on(session, int(day))]
        # Within one import a carrier stays in one partition, so the other parts hold no journey of these carriers.
        return _matching(self._files(rows), _JOURNEY, candidates.select("carrier_ref"))

    def trip_ids(self, wanted: pl.Series) -> pl.Series:
        """Those of the wanted trip ids that this source has used before, on any day."""
        if wanted.is_empty():
            return wanted
        low, high = str(wanted.min()), str(wanted.max())
        with self._ledger.db.read() as session:
            rows = batches.overlapping(session, self._source, low, high)
        return _matching([*self._files(rows), *self._parts], ("trip_id",), wanted.to_frame("trip_id"))["trip_id"]

    def _files(self, rows: list[BatchRow]) -> list[Path]:
        files = [
            batch_folder(self._ledger.home.evidence, bytes.fromhex(row.id[2:])) / "private.parquet" for row in rows
        ]
        for file in files:
            if not file.exists():
                raise EvidenceError(
                    f"{file} is missing: whether a journey is counted already cannot be told",
                    hint="restore the evidence of this batch",
                    path=str(file),
                )
        return files


def _matching(files: list[Path], columns: tuple[str, ...], keys: pl.DataFrame) -> pl.DataFrame:
    """The columns of all files where the key column is among `keys`; streamed, so memory stays bounded."""
    if not files:
        return keys.lazy().select(pl.lit(None).alias(c) for c in columns).collect().clear()
    scan = pl.scan_parquet(files, extra_columns="ignore").select(columns)
    return scan.join(keys.unique().lazy(), on=keys.columns, how="semi").collect(engine="streaming")
