"""The `szt` format: Shenzhen smart-card taps (data set 29200_00403601) as CSV, JSON lines or the API's page JSON.

Bad rows and exact repeats leave first. Then, per card in time order (taps of one second: in file order), a metro
entry pairs with the card's next tap if that is an exit; every other entry or exit is unmatched. A bus boarding or
a tap of unknown type in between breaks a pair. A pair is one candidate of two rows, any other tap one of one row.

A pair's distance is the station table's when one is given (a pair it lacks has no distance), else the lower bound
of the exit's fare tier. `fare_fen` is what was paid; where nothing was due and nothing paid it is unknown.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

import polars as pl

from registry.core.methodology.spec import Methodology
from registry.core.rules import trip_reason
from registry.core.trip import CANDIDATE_SCHEMA, REASON
from registry.errors import InputError
from registry.sources.csv_text import read_csv
from registry.sources.fields import amount, identifier, label, missing, read_times, verdict
from registry.sources.input_file import InputFile
from registry.sources.json_text import read_json
from registry.sources.staging import ROWS_PER_PARTITION, Partitions, Progress, Spool, Staged, partition_count
from registry.sources.stations import Stations
from registry.units import SHANGHAI_OFFSET_S

REQUIRED: Final = ("card_no", "deal_date", "deal_type", "deal_value", "deal_money", "station")
OPTIONAL: Final = ("close_date", "company_name", "car_no", "conn_mark", "equ_no")
ENTRY, EXIT, BUS = "地铁入站", "地铁出站", "巴士"
_MONEY: Final = ("deal_value", "deal_money")


def stage(
    file: InputFile,
    staging: Path,
    spec: Methodology,
    *,
    stations: Stations | None = None,
    rows_per_partition: int = ROWS_PER_PARTITION,
    progress: Progress | None = None,
) -> Staged:
    """Read a file of taps into `staging`; `progress` is called with the rows read so far.

    Raises InputError for a file that cannot be used as a whole, StorageError when `staging` cannot be written.
    """
    if file.kind == "parquet":
        raise InputError(f"{file.path}: taps come as CSV or JSON, not Parquet")
    if file.kind == "json":
        # How many records JSON holds is known only once it is read; they wait as Parquet until it is.
        expected, frames = _spooled(file, staging)
    else:
        expected, frames = file.lines - 1, read_csv(file, required=REQUIRED, optional=OPTIONAL)
    parts = Partitions(staging, "taps", partition_count(expected, rows_per_partition), "card_no")
    rows = 0
    for frame in frames:
        parts.add(taps(frame))
        rows += frame.height
        if progress:
            progress(rows)
    parts.flush()
    return Staged(rows, parts.count, parts.folder, partial(candidates, spec=spec, stations=stations))


def taps(frame: pl.DataFrame) -> pl.DataFrame:
    """Text rows -> taps: values, `at` (epoch seconds) and, for a bad row, reason and field."""
    frame = read_times(frame, ["deal_date"])
    card, bad_card = identifier("card_no")
    station, bad_station = label("station")
    line, bad_line = label("company_name")
    amounts = {name: amount(name, pl.String()) for name in _MONEY}
    checks = [
        ("row", pl.col("ragged")),
        ("card_no", bad_card),
        ("deal_date", pl.col("deal_date").is_null()),
        ("deal_type", missing("deal_type")),
        *((name, bad | missing(name)) for name, (_, bad) in amounts.items()),
        ("station", bad_station),
        ("company_name", bad_line & missing("company_name").not_()),
    ]
    reason, field = verdict(checks)
    return frame.select(
        "row",
        "deal_type",
        "equ_no",
        *(value.alias(name) for name, (value, _) in amounts.items()),
        card_no=card,
        station=station,
        at="deal_date",
        line=line.fill_null(""),
        reason=reason,
        field=field,
    )


def candidates(frame: pl.DataFrame, *, spec: Methodology, stations: Stations | None) -> pl.DataFrame:
    """The taps of a partition -> candidates, each tap in exactly one."""
    bad = frame.filter(pl.col("reason").is_not_null())
    whole = frame.filter(pl.col("reason").is_null()).sort("row")
    repeat = pl.struct("card_no", "at", "deal_type", "station", "equ_no").is_first_distinct().not_()
    whole = whole.with_columns(reason=pl.when(repeat).then(pl.lit("duplicate", dtype=REASON)))
    ordered = whole.filter(pl.col("reason").is_null()).sort("card_no", "at", "row")
    same_card = pl.col("card_no") == pl.col("card_no").shift(-1)
    opens = (pl.col("deal_type") == ENTRY) & same_card & (pl.col("deal_type").shift(-1) == EXIT)
    ordered = ordered.with_columns(opens=opens.fill_null(value=False))
    ordered = ordered.with_columns(closes=pl.col("opens").shift(1, fill_value=False))
    # Both sides keep the order, so the n-th entry that opens a pair belongs to the n-th exit that closes one.
    pairs = _pairs(ordered.filter("opens"), ordered.filter("closes"), spec, stations)
    alone = ordered.filter((pl.col("opens") | pl.col("closes")).not_())
    single = pl.concat([bad, whole.filter(pl.col("reason").is_not_null()), alone.select(frame.columns)])
    return pl.concat([_judged(pairs, spec), _judged(_single(single), spec)])


def _pairs(entry: pl.DataFrame, leave: pl.DataFrame, spec: Methodology, stations: Stations | None) -> pl.DataFrame:
    nothing_due = (pl.col("deal_value") == 0) & (pl.col("deal_money") == 0)
    left = leave.select(
        "deal_value",
        row_exit="row",
        alight_stop="station",
        alight_time="at",
        fare_fen=pl.when(nothing_due.not_()).then("deal_money"),
    )
    pairs = pl.concat(
        [entry.select("row", "card_no", "line", "reason", "field", board_stop="station", board_time="at"), left],
        how="horizontal",
    ).with_columns(mode=pl.lit("metro"))
    if stations is not None:
        table = stations.distances
        return pairs.join(
            table,
            left_on=["board_stop", "alight_stop"],
            right_on=["from_station", "to_station"],
            how="left",
            maintain_order="left",
        )
    fares = pairs["deal_value"].unique().to_list()
    tiers = [spec.fare_distance_m(fare) for fare in fares]
    table = pl.DataFrame(
        {"deal_value": fares, "distance_m": tiers}, schema=dict.fromkeys(("deal_value", "distance_m"), pl.Int64)
    )
    return pairs.join(table, on="deal_value", how="left", maintain_order="left")


def _single(single: pl.DataFrame) -> pl.DataFrame:
    """Taps that are in no pair. Only a bus boarding and a tap of unknown type go on to the trip rules."""
    kind = pl.col("deal_type")
    reason = (
        pl.when(pl.col("reason").is_not_null())
        .then("reason")
        .when(kind == ENTRY)
        .then(pl.lit("unmatched_entry", dtype=REASON))
        .when(kind == EXIT)
        .then(pl.lit("unmatched_exit", dtype=REASON))
    )
    left = kind == EXIT
    return single.with_columns(
        reason=reason,
        mode=pl.when(kind.is_in([ENTRY, EXIT]))
        .then(pl.lit("metro"))
        .when(kind == BUS)
        .then(pl.lit("bus"))
        .otherwise(kind),
        board_stop=pl.when(left.not_()).then("station"),
        board_time=pl.when(left.not_()).then("at"),
        alight_stop=pl.when(left).then("station"),
        alight_time=pl.when(left).then("at"),
        fare_fen=pl.col("deal_money"),
    )


def _judged(frame: pl.DataFrame, spec: Methodology) -> pl.DataFrame:
    """The candidate columns, those the taps lack as null, and the trip rules where nothing spoke yet."""
    time = pl.coalesce("board_time", "alight_time") + SHANGHAI_OFFSET_S
    frame = frame.with_columns(
        carrier_ref="card_no",
        trip_id=pl.concat_str("card_no", pl.lit("-"), pl.from_epoch(time).dt.strftime("%Y%m%d%H%M%S")),
    )
    absent = [name for name in CANDIDATE_SCHEMA if name not in frame.columns]
    frame = frame.with_columns(pl.lit(None).alias(name) for name in absent)
    frame = frame.select(pl.col(name).cast(dtype) for name, dtype in CANDIDATE_SCHEMA.items())
    return frame.with_columns(reason=pl.when(pl.col("reason").is_null()).then(trip_reason(spec)).otherwise("reason"))


def _spooled(file: InputFile, staging: Path) -> tuple[int, Iterator[pl.DataFrame]]:
    """The number of records of a JSON file, and their frames from the copy in `staging`."""
    spool = Spool(staging)
    rows = 0
    for frame in read_json(file, (*REQUIRED, *OPTIONAL)):
        spool.add(frame)
        rows += frame.height
    return rows, spool.frames()
