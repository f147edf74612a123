"""The `journeys` format: one row a journey, as CSV or Parquet, with the columns of `COLUMNS` in any order.

Every field is required but `distance_m` and `fare_fen`. Parquet columns are text as in CSV, or typed: timestamps
(without a zone: Asia/Shanghai) and integers. A row is one candidate, judged here through `not_charged`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import polars as pl

from registry.core.methodology.spec import Methodology
from registry.core.rules import trip_reason
from registry.core.trip import CANDIDATE_SCHEMA
from registry.errors import InputError, StorageError, UsageError
from registry.sources.csv_text import check_columns, read_csv
from registry.sources.fields import amount, identifier, integer, label, missing, read_times, verdict
from registry.sources.input_file import InputFile
from registry.sources.parquet_copy import copy_rows
from registry.sources.staging import ROWS_PER_PARTITION, Partitions, Progress, Spool, Staged, partition_count
from registry.sources.stations import Stations

COLUMNS: Final = (
    "trip_id",
    "account_id",
    "carrier_ref",
    "mode",
    "line",
    "board_stop",
    "board_time",
    "alight_stop",
    "alight_time",
    "distance_m",
    "fare_fen",
)
_TIMES: Final = ("board_time", "alight_time")
_NUMBERS: Final = ("distance_m", "fare_fen")


def stage(
    file: InputFile,
    staging: Path,
    spec: Methodology,
    *,
    stations: Stations | None = None,
    rows_per_partition: int = ROWS_PER_PARTITION,
    progress: Progress | None = None,
) -> Staged:
    """Read a journeys file into `staging`; `progress` is called with the rows read so far.

    Raises InputError for a file that cannot be used as a whole, StorageError when `staging` cannot be written,
    UsageError for a station table: a journey brings its own distance.
    """
    if stations is not None:
        raise UsageError("a station table goes with taps; journeys bring their own distance")
    if file.kind == "parquet":
        expected, frames = _parquet(file, staging)
    else:
        # The header is one line; lines inside quotes can only make the partitions a little smaller.
        expected, frames = file.lines - 1, read_csv(file, required=COLUMNS)
    parts = Partitions(staging, "journeys", partition_count(expected, rows_per_partition), "carrier_ref")
    rows = 0
    for frame in frames:
        parts.add(candidates(frame, spec))
        rows += frame.height
        if progress:
            progress(rows)
    parts.flush()
    return Staged(rows, parts.count, parts.folder, lambda frame: frame)


def candidates(frame: pl.DataFrame, spec: Methodology) -> pl.DataFrame:
    """Rows with `row`, `ragged` and `COLUMNS` (text or typed) -> candidates, judged as far as a row alone allows."""
    frame = read_times(frame, _TIMES)
    fields = {name: identifier(name) for name in ("trip_id", "account_id", "carrier_ref")}
    fields |= {"mode": (pl.col("mode"), missing("mode"))}
    fields |= {name: label(name) for name in ("line", "board_stop", "alight_stop")}
    fields |= {name: (pl.col(name), pl.col(name).is_null()) for name in _TIMES}
    fields["distance_m"] = integer("distance_m", frame.schema["distance_m"])
    fields["fare_fen"] = amount("fare_fen", frame.schema["fare_fen"])
    reason, field = verdict([("row", pl.col("ragged")), *((name, fields[name][1]) for name in COLUMNS)])
    read = frame.select(
        "row",
        pl.lit(None, dtype=pl.UInt64).alias("row_exit"),
        *(fields[name][0].alias(name) for name in COLUMNS),
        reason=reason,
        field=field,
    )
    judged = pl.when(pl.col("reason").is_null()).then(trip_reason(spec)).otherwise("reason")
    return read.with_columns(reason=judged).select(*CANDIDATE_SCHEMA)


def _parquet(file: InputFile, staging: Path) -> tuple[int, Iterator[pl.DataFrame]]:
    """The number of rows of a Parquet file, and their frames from the copy in `staging`."""
    spool = Spool(staging)
    kinds = {name: "time" if name in _TIMES else "integer" if name in _NUMBERS else "text" for name in COLUMNS}
    copied = copy_rows(file.path, spool.folder, kinds)
    if copied.no_space:
        raise StorageError(f"{staging}: cannot stage the rows: {copied.failed}", hint="check the space left")
    if copied.failed:
        hint = "write it again, or send CSV"
        raise InputError(f"{file.path}: not a readable Parquet file: {copied.failed}", hint=hint)
    check_columns(file, copied.names, COLUMNS, ())
    for name, dtype in copied.wrong:
        due = {"time": "text or a timestamp", "integer": "text or an integer", "text": "text"}[kinds[name]]
        raise InputError(f"{file.path}: column {name} is {dtype}", hint=f"it can be {due}", column=name)
    file.require_unchanged()
    if not copied.rows:
        raise InputError(f"{file.path}: no rows", hint="the file has columns and no row")
    return copied.rows, _numbered(spool)


def _numbered(spool: Spool) -> Iterator[pl.DataFrame]:
    rows = 0
    for frame in spool.frames():
        number = (pl.int_range(pl.len(), dtype=pl.UInt64) + rows + 1).alias("row")
        yield frame.with_columns(number, ragged=pl.lit(value=False))
        rows += frame.height
