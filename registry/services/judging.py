"""Judging candidates against accounts and against each other: step 2 of an import."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from registry.core.methodology import Methodology
from registry.core.reduction import reduction_mg
from registry.core.rules import find_duplicates, find_overlaps, link_accounts, service_date
from registry.core.trip import REASONS, rows_of
from registry.evidence.files import storage_errors
from registry.evidence.imports import REJECTED_SCHEMA
from registry.services.account_opening import OpenedAccounts
from registry.services.earlier_trips import EarlierTrips


@dataclass
class Judged:
    """Used trips on disk by service day, refused rows and sums in memory; `reduction_mg` in mg."""

    parts: list[tuple[int, Path]] = field(default_factory=list)
    refused: list[pl.DataFrame] = field(default_factory=list)
    trips: int = 0
    rows_used: int = 0
    reduction_mg: int = 0

    def rejected(self) -> pl.DataFrame:
        """One line a refused file row, ascending."""
        return pl.concat([pl.DataFrame(schema=REJECTED_SCHEMA), *self.refused]).sort("row")

    def judge(
        self, frame: pl.DataFrame, spec: Methodology, opened: OpenedAccounts, earlier: EarlierTrips, folder: Path
    ) -> None:
        """Judge one partition of candidates; its used trips are laid down in `folder`, a file a service day."""
        # Each step replaces the frame it narrows: a million rows wide, only one copy is kept at a time.
        frame = self._alive(frame)
        frame = self._alive(link_accounts(frame, opened.carriers(frame)))
        frame = self._alive(_against_others(frame, earlier))
        self.rows_used += rows_of(frame)
        self.trips += frame.height
        frame = frame.with_columns(reduction_mg(spec).alias("reduction_mg"), service_date().alias("service_date"))
        self.reduction_mg += int(frame["reduction_mg"].sum())
        for day in frame["service_date"].unique().sort():
            path = folder / f"used-{day}-{len(self.parts):05d}.parquet"
            with storage_errors(str(path)):
                frame.lazy().filter(pl.col("service_date") == day).sink_parquet(path, compression="lz4")
            self.parts.append((int(day), path))
            earlier.add(path)
        self.parts.sort()

    def _alive(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Note the rows that have a reason; give back the others."""
        self.refused.append(_lines(frame.filter(pl.col("reason").is_not_null())))
        return frame.filter(pl.col("reason").is_null())


def counts_by_reason(rejected: pl.DataFrame) -> dict[str, int]:
    """Refused rows by reason, in the order of the reasons."""
    found = {str(r["reason"]): int(r["count"]) for r in rejected["reason"].value_counts().to_dicts()}
    return {reason: found[reason] for reason in REASONS if reason in found}


def _against_others(frame: pl.DataFrame, earlier: EarlierTrips) -> pl.DataFrame:
    """The candidates with overlap or duplicate as their reason, where another journey speaks against them."""
    # Only the columns that decide are carried through the checks.
    slim = frame.select("carrier_ref", "board_stop", "board_time", "alight_time", "trip_id", "row").with_row_index("at")
    reasons = frame["reason"]
    for reason, hit in _hits(slim, earlier.journeys(slim), earlier):
        reasons = reasons.scatter(hit.to_list(), reason)
    return frame.with_columns(reasons)


def _hits(slim: pl.DataFrame, counted: pl.DataFrame, earlier: EarlierTrips) -> Iterator[tuple[str, pl.Series]]:
    """Each reason with the positions (`at`) of the rows it refuses; a row refused is not looked at again."""
    for reason, find in (("overlap", find_overlaps), ("duplicate", find_duplicates)):
        hit = find(slim, counted)
        yield reason, slim["at"].filter(hit)
        slim = slim.filter(~hit)
    yield "duplicate", slim["at"].filter(slim["trip_id"].is_in(earlier.trip_ids(slim["trip_id"]).implode()))


def _lines(frame: pl.DataFrame) -> pl.DataFrame:
    """One line a refused file row: a refused pair of taps is two."""
    lines = frame.select(list(REJECTED_SCHEMA))
    exits = frame.filter(pl.col("row_exit").is_not_null()).select(pl.col("row_exit").alias("row"), "reason", "field")
    return pl.concat([lines, exits])
