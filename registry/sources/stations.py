"""The operator's station table: the distance in metres between two stations, for taps that carry none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from registry.errors import InputError
from registry.sources.csv_text import read_csv
from registry.sources.fields import integer, label, verdict
from registry.sources.input_file import open_input

COLUMNS: Final = ("from_station", "to_station", "distance_m")


@dataclass(frozen=True)
class Stations:
    """Distances between stations; `sha256` (hex) identifies the file a batch was computed with."""

    path: Path
    sha256: str
    distances: pl.DataFrame
    """from_station, to_station, distance_m (Int64): both directions, each pair once."""

    @classmethod
    def open(cls, path: str | Path, *, encoding: str = "utf-8") -> Stations:
        """Read `from_station,to_station,distance_m`; a pair given one way counts both ways.

        Raises InputError, naming the row, for a bad field, a distance below 1 m, a station paired with itself
        or a pair given twice with the same direction.
        """
        file = open_input(path, encoding=encoding)
        table = pl.concat(list(read_csv(file, required=COLUMNS)))
        meters, bad_meters = integer("distance_m", pl.String())
        checks = [("row", pl.col("ragged")), *((name, label(name)[1]) for name in COLUMNS[:2])]
        checks += [("distance_m", bad_meters | (meters >= 1).fill_null(value=False).not_())]
        table = table.with_columns(field=verdict(checks)[1], distance_m=meters)
        _refuse(file.path, table.filter(pl.col("field").is_not_null()), "bad {field}")
        _refuse(file.path, table.filter(pl.col("from_station") == pl.col("to_station")), "a station paired with itself")
        pair = pl.struct(COLUMNS[:2])
        _refuse(file.path, table.filter(pair.is_first_distinct().not_()), "a pair that an earlier row gives")
        given = table.select(COLUMNS)
        back = given.select(from_station="to_station", to_station="from_station", distance_m="distance_m")
        both = pl.concat([given, back.join(given, on=COLUMNS[:2], how="anti")])
        return cls(file.path, file.sha256, both)


def _refuse(path: Path, rows: pl.DataFrame, fault: str) -> None:
    if rows.height:
        first = rows.row(0, named=True)
        what = fault.format(field=first["field"])
        raise InputError(f"{path}: row {first['row']}: {what}", hint="columns: " + ",".join(COLUMNS), row=first["row"])
