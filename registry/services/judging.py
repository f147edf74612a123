"""Judging candidates against accounts and against each other: step 2 of an import."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from registry.core.methodology import Methodology
from registry.core.reduction import reduction_mg
from registry.core.rules import find_duplicates, find_overlaps, link_accounts, service_date
from registry.core.trip import REASON, REASONS, rows_of
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
        self.refused.append(_lines(frame.filter(pl.col("reason").is_not_null())))
        frame = frame.filter(pl.col("reason").is_null())
        frame = link_accounts(frame, opened.carriers(frame))
        used, refused = _against_others(frame, earlier)
        del frame  # a million rows wide: two copies at a time are enough
        self.refused.append(_lines(refused))
        self.rows_used += rows_of(used)
        self.trips += used.height
        used = used.with_columns(reduction_mg(spec).alias("reduction_mg"), service_date().alias("service_date"))
        self.reduction_mg += int(used["reduction_mg"].sum())
        for (day,), part in sorted(used.partition_by("service_date", as_dict=True).items()):
            path = folder / f"used-{day}-{len(self.parts):05d}.parquet"
            with storage_errors(str(path)):
                part.write_parquet(path, compression="lz4")
            self.parts.append((int(str(day)), path))
            earlier.add(path)
        self.parts.sort()


def counts_by_reason(rejected: pl.DataFrame) -> dict[str, int]:
    """Refused rows by reason, in the order of the reasons."""
    found = {str(r["reason"]): int(r["count"]) for r in rejected["reason"].value_counts().to_dicts()}
    return {reason: found[reason] for reason in REASONS if reason in found}


def _against_others(linked: pl.DataFrame, earlier: EarlierTrips) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split linked candidates into used and refused. Only the columns that decide are carried through the checks."""
    refused = [linked.filter(pl.col("reason").is_not_null())]
    alive = linked.filter(pl.col("reason").is_null())
    slim = alive.select("carrier_ref", "board_stop", "board_time", "alight_time", "trip_id", "row").with_row_index("at")
    counted = earlier.journeys(slim)
    reasons = pl.Series([None], dtype=REASON).new_from_index(0, alive.height)
    for reason, hit in _hits(slim, counted, earlier):
        reasons = reasons.scatter(hit.to_list(), reason)
    if reasons.null_count() < alive.height:
        alive = alive.with_columns(reasons.alias("reason"))
        refused.append(alive.filter(pl.col("reason").is_not_null()))
        alive = alive.filter(pl.col("reason").is_null())
    return alive, pl.concat(refused)


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
