"""journeys.csv: sound journeys, with a stated share of them spoilt, and what the file must come to.

Each defect takes rows of its own, so that no row has two. A spoilt row never disturbs a sound one: what is refused
for itself does not travel, and an overlap or repeat is made from a sound journey (its host) that stays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scripts.city.days import Journeys
from scripts.city.expected import FileExpected
from scripts.city.network import Ints, Network
from scripts.city.people import People, card_numbers

HEADER: Final = (
    "trip_id,account_id,carrier_ref,mode,line,board_stop,board_time,alight_stop,alight_time,distance_m,fare_fen"
)
# Rows in 10,000; no_consent comes from the accounts.
SHARES: Final = {
    "bad_row": 60,
    "unknown_mode": 20,
    "same_stop": 40,
    "overstay": 10,
    "bad_time": 20,
    "no_distance": 50,
    "bad_distance": 15,
    "too_fast": 20,
    "not_charged": 60,
    "no_account": 150,
    "overlap": 30,
    "duplicate": 80,
}
# (column, text) of fields that cannot be read; None stands for a row cut short.
_UNREADABLE: Final = (
    ("carrier_ref", ""),
    ("carrier_ref", "6.22E+15"),
    ("board_time", "45123"),
    ("alight_time", "2026-02-30 08:00:00"),
    ("distance_m", '"12,345"'),
    ("distance_m", "１２３４"),
    ("fare_fen", "-200"),
    ("board_stop", "   "),
    (None, "cut short"),
)
_OUT_OF_RANGE: Final = ("0", "-5", "200001", "99999999999999999999")
Take = Callable[[str, NDArray[np.bool_]], Ints]


def write(
    rng: np.random.Generator,
    network: Network,
    people: People,
    made: Journeys,
    folder: Path,
    names: list[str],
    defects: bool,
) -> dict[str, FileExpected]:
    """Write one file a day (`names` by day) and return what each must come to. `made` is changed."""
    count = made.carrier.size
    reason = np.full(count, "", dtype="U16")
    hosts = np.full(count, -1)
    if defects:
        _spoil(rng, people, made, reason, hosts)
    consented = people.consented[people.owner[made.carrier]]
    reason[(reason == "") & ~consented] = "no_consent"
    text = _text(network, people, made, hosts)
    if defects:
        text = _spoil_text(text, people, made, reason)
    lines = text.select(pl.concat_str(HEADER.split(","), separator=","))
    lines = np.array(lines.to_series().to_list(), dtype=object)
    cut = np.flatnonzero(reason == "bad_row")[len(_UNREADABLE) - 1 :: len(_UNREADABLE)]
    lines[cut] = [line.rsplit(",", 3)[0] for line in lines[cut]]
    expected = {}
    for day, name in enumerate(names):
        own = made.day == day
        (folder / name).write_text("\n".join([HEADER, *lines[own], ""]), encoding="utf-8")
        expected[name] = _expected(reason[own], made.reduction_mg()[own])
    return expected


def _expected(reason: NDArray[np.str_], reduction_mg: Ints) -> FileExpected:
    used = reason == ""
    rejected = Counter(reason[~used].tolist())
    return FileExpected(
        rows=reason.size,
        trips=int(used.sum()),
        rows_used=int(used.sum()),
        rejected=dict(sorted(rejected.items())),
        reduction_mg=int(reduction_mg[used].sum()),
    )


def _spoil(rng: np.random.Generator, people: People, made: Journeys, reason: NDArray[np.str_], hosts: Ints) -> None:
    """Choose the rows of each defect and change their numbers."""
    count = reason.size
    order = rng.permutation(count)
    free = np.ones(count, dtype=bool)

    def take(what: str, fit: NDArray[np.bool_]) -> Ints:
        due = max(count * SHARES[what] // 10_000, 1 if count >= 1000 else 0)
        rows: Ints = order[(free & fit)[order]][:due]
        free[rows] = False
        reason[rows] = what
        return rows

    anyone = np.ones(count, dtype=bool)
    for what in ("bad_row", "unknown_mode", "same_stop", "no_distance", "bad_distance", "no_account"):
        take(what, anyone)
    made.paid[take("not_charged", anyone)] = 0
    rows = take("overstay", made.metro)
    made.alight[rows] = made.board[rows] + 60 * rng.integers(181, 286, rows.size)
    rows = take("too_fast", anyone)
    # One second less than the least time the speed limit leaves: 120 km/h is 30 s/km, 80 km/h is 45 s/km.
    made.alight[rows] = made.board[rows] + made.distance_m[rows] * np.where(made.metro[rows], 30, 45) // 1000 - 1
    rows = take("bad_time", anyone)
    made.alight[rows[::2]] = made.board[rows[::2]] - rng.integers(0, 600, rows[::2].size)
    _over_midnight(made, rows[1::2])
    consented = people.consented[people.owner[made.carrier]]
    for what in ("overlap", "duplicate"):
        rows = take(what, anyone)
        # The hosts stay sound but leave the pool: no journey is the host of two.
        chosen = order[(free & consented)[order]][: rows.size]
        rows = rows[: chosen.size]
        free[chosen] = False
        hosts[rows] = chosen
        ride = made.alight[rows] - made.board[rows]
        made.carrier[rows], made.day[rows] = made.carrier[chosen], made.day[chosen]
        if what == "overlap":
            made.board[rows] = made.board[chosen] + rng.integers(1, 120, rows.size)
            made.alight[rows] = made.board[rows] + ride
            hosts[rows] = -1
        else:
            for column in ("metro", "origin", "target", "board", "alight", "distance_m", "full_fare", "paid"):
                getattr(made, column)[rows] = getattr(made, column)[chosen]


def _over_midnight(made: Journeys, rows: Ints) -> None:
    local = made.board[rows] + 8 * 3600
    made.board[rows] += 86_400 - 300 - local % 86_400
    made.alight[rows] = made.board[rows] + 1800


def _text(network: Network, people: People, made: Journeys, hosts: Ints) -> pl.DataFrame:
    """The rows as text. Every second repeat keeps its host's trip_id; the others come from another app."""
    count = made.carrier.size
    ids = np.arange(count)
    repeats = np.flatnonzero(hosts >= 0)[::2]
    ids[repeats] = hosts[repeats]
    stations, lines = pl.Series(network.stations), pl.Series(network.lines)
    crossings = stations + "路口"
    metro, n = made.metro, len(stations)
    # A bus route calls at crossings of its own; the two of a journey are never the same.
    stop = [(made.origin * 5 + step) % n for step in (0, 3)]
    columns = {
        "trip_id": "T" + pl.Series(ids).cast(pl.String).str.zfill(9),
        "account_id": pl.Series(people.accounts).gather(people.owner[made.carrier]),
        "carrier_ref": pl.Series(people.carriers).gather(made.carrier),
        "mode": pl.Series(["bus", "metro"]).gather(metro.astype(np.int64)),
        "line": _either(metro, lines.gather(np.where(metro, made.origin, 0)), network.routes, made.origin),
        "board_stop": _either(metro, stations.gather(np.where(metro, made.origin, 0)), crossings, stop[0]),
        "board_time": _times(made.board, zoned=True),
        "alight_stop": _either(metro, stations.gather(np.where(metro, made.target, 0)), crossings, stop[1]),
        "alight_time": _times(made.alight, zoned=False),
        "distance_m": pl.Series(made.distance_m).cast(pl.String),
        "fare_fen": pl.Series(made.paid).cast(pl.String),
    }
    return pl.DataFrame(columns)


def _either(metro: NDArray[np.bool_], rail: pl.Series, names: pl.Series | NDArray[np.str_], index: Ints) -> pl.Series:
    road = pl.Series(names).gather(np.where(metro, 0, index))
    return rail.zip_with(pl.Series(metro), road)


def _times(epoch_s: Ints, *, zoned: bool) -> pl.Series:
    local = pl.from_epoch(pl.Series(epoch_s + 8 * 3600))
    return local.dt.strftime("%Y-%m-%dT%H:%M:%S+08:00" if zoned else "%Y-%m-%d %H:%M:%S")


def _spoil_text(text: pl.DataFrame, people: People, made: Journeys, reason: NDArray[np.str_]) -> pl.DataFrame:
    """Defects that are a matter of text: what a column says instead."""
    columns = {name: np.array(text[name].to_list(), dtype=object) for name in text.columns}
    at = {what: np.flatnonzero(reason == what) for what in SHARES}
    for turn, (column, value) in enumerate(_UNREADABLE):
        if column is not None:
            columns[column][at["bad_row"][turn :: len(_UNREADABLE)]] = value
    for turn, value in enumerate(_OUT_OF_RANGE):
        columns["distance_m"][at["bad_distance"][turn :: len(_OUT_OF_RANGE)]] = value
    columns["mode"][at["unknown_mode"]] = "tram"
    columns["distance_m"][at["no_distance"]] = ""
    columns["alight_stop"][at["same_stop"]] = columns["board_stop"][at["same_stop"]]
    unknown, stranger = at["no_account"][::2], at["no_account"][1::2]
    columns["carrier_ref"][unknown] = card_numbers(unknown, "J")
    owner = people.owner[made.carrier[stranger]]
    columns["account_id"][stranger] = people.accounts[(owner + 1) % people.accounts.size]
    return pl.DataFrame({name: pl.Series(values, dtype=pl.String) for name, values in columns.items()})
