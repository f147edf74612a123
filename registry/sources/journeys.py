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
from registry.errors import InputError, UsageError
from registry.sources.csv_text import check_columns, read_csv
from registry.sources.fields import amount, identifier, integer, label, missing, read_times, verdict
from registry.sources.input_file import InputFile
from registry.sources.staging import ROWS_PER_PARTITION, Partitions, Progress, Staged, partition_count
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
_BATCH: Final = 100_000


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
        expected, frames = _parquet(file)
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


def _parquet(file: InputFile) -> tuple[int, Iterator[pl.DataFrame]]:
    try:
        scan = pl.scan_parquet(file.path, glob=False)
        schema = scan.collect_schema()
        rows = int(scan.select(pl.len()).collect().item())
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise _unreadable(file, error) from None
    check_columns(file, schema.names(), COLUMNS, ())
    for name in COLUMNS:
        if not _usable(name, schema[name]):
            due = "text, a timestamp" if name in _TIMES else "text, an integer" if name in _NUMBERS else "text"
            raise InputError(f"{file.path}: column {name} is {schema[name]}", hint=f"it can be: {due}", column=name)
    if not rows:
        raise InputError(f"{file.path}: no rows", hint="the file has columns and no row")
    return rows, _batches(file, scan.select(COLUMNS), schema, rows)


def _usable(name: str, dtype: pl.DataType) -> bool:
    typed = (name in _TIMES and isinstance(dtype, pl.Datetime)) or (name in _NUMBERS and dtype.is_integer())
    return typed or dtype in (pl.String, pl.Null) or isinstance(dtype, pl.Categorical | pl.Enum)


def _batches(file: InputFile, scan: pl.LazyFrame, schema: pl.Schema, due: int) -> Iterator[pl.DataFrame]:
    text = [name for name in COLUMNS if not (isinstance(schema[name], pl.Datetime) or schema[name].is_integer())]
    rows = 0
    try:
        for batch in scan.with_columns(pl.col(text).cast(pl.String)).collect_batches(chunk_size=_BATCH):
            yield batch.select(
                (pl.int_range(pl.len(), dtype=pl.UInt64) + rows + 1).alias("row"),
                pl.lit(value=False).alias("ragged"),
                *COLUMNS,
            )
            rows += batch.height
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise _unreadable(file, error) from None
    file.require_unchanged()
    if rows != due:
        # A damaged footer can hide rows from the reader without an error.
        raise _unreadable(file, ValueError(f"{rows} rows of {due}"))


def _unreadable(file: InputFile, error: BaseException) -> InputError:
    told = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    return InputError(f"{file.path}: not a readable Parquet file: {told}", hint="write it again, or send CSV")
