"""Write the trip files of an invented city, and the exact result each must have.

    python scripts/make_city.py --out DIR --journeys 100000 --accounts 42000 --days 1 --start 2026-03-02 --seed 1 --taps

Writes accounts.csv, stations.csv, journeys.csv (with several days: journeys-YYYY-MM-DD.csv), with --taps taps.csv
likewise, and expected.json: by file rows, trips, rows_used, rejected rows by reason and reduction in mg.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.city import days as sound
from scripts.city import journeys_csv, network, people, taps_csv
from scripts.city.expected import Expected


def make_city(
    out: Path,
    journeys: int,
    accounts: int,
    days: int = 1,
    start: date = date(2026, 3, 2),
    seed: int = 1,
    taps: bool = False,
    *,
    defects: bool = True,
) -> Expected:
    """Write the files into `out` and return what they must come to; ValueError when the numbers do not fit."""
    if journeys < days or days < 1 or accounts < 10:
        raise ValueError("at least 10 accounts, 1 day and a journey a day are needed")
    rng = np.random.Generator(np.random.PCG64(seed))
    city = network.build(rng)
    crowd = people.build(accounts, all_consent=not defects)
    made = sound.build(rng, city, crowd, journeys, days, start)
    out.mkdir(parents=True, exist_ok=True)
    people.write(crowd, out / "accounts.csv")
    _write_stations(city, out / "stations.csv")
    seen = copy.deepcopy(made) if taps else made
    files = journeys_csv.write(rng, city, crowd, made, out, _names("journeys", start, days), defects)
    if taps:
        files |= taps_csv.write(rng, city, crowd, seen, out, _names("taps", start, days), defects)
    expected = Expected(files)
    text = json.dumps(expected.to_json(), ensure_ascii=False, indent=2)
    (out / "expected.json").write_text(text + "\n", encoding="utf-8")
    return expected


def _names(stem: str, start: date, days: int) -> list[str]:
    if days == 1:
        return [f"{stem}.csv"]
    return [f"{stem}-{start + timedelta(days=day)}.csv" for day in range(days)]


def _write_stations(city: network.Network, path: Path) -> None:
    """Each pair of stations once: the table counts both ways."""
    upper = np.argwhere(np.triu(city.distance_m, 1) > 0)
    pl.DataFrame(
        {
            "from_station": city.stations[upper[:, 0]],
            "to_station": city.stations[upper[:, 1]],
            "distance_m": city.distance_m[upper[:, 0], upper[:, 1]],
        }
    ).write_csv(path)


def main(arguments: list[str] | None = None) -> int:
    """The command line; prints what expected.json holds."""
    parser = argparse.ArgumentParser(description="Write the trip files of an invented city.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--journeys", type=int, default=100_000)
    parser.add_argument("--accounts", type=int, default=42_000)
    parser.add_argument("--days", type=int, default=1)
    parser.add_argument("--start", type=date.fromisoformat, default=date(2026, 3, 2))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--taps", action="store_true", help="write smart-card taps of the same journeys too")
    parser.add_argument("--defects", choices=("default", "none"), default="default")
    asked = parser.parse_args(arguments)
    wanted = (asked.out, asked.journeys, asked.accounts, asked.days, asked.start, asked.seed, asked.taps)
    try:
        expected = make_city(*wanted, defects=asked.defects == "default")
    except ValueError as error:
        parser.error(str(error))
    print(json.dumps(expected.to_json(), ensure_ascii=False, indent=2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
