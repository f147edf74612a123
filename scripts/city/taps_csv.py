"""taps.csv: the same journeys as the smart-card system would have seen them, spoilt as the real data set is.

A metro journey is an entry and an exit, a bus journey a boarding. A spoilt journey is moved to a card of its own,
so that what is wrong with it cannot pair with a sound tap; those cards belong to no account.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scripts.city.days import METRO_MG10, Journeys
from scripts.city.expected import FileExpected
from scripts.city.network import PER_LINE, Ints, Network, fare_lower_bound_m, metro_fare_fen
from scripts.city.people import People, card_numbers

# Journeys in 10,000; about 5.3% of the rows miss station and car_no.
SHARES: Final = {
    "blank_entry": 320,
    "blank_exit": 320,
    "blank_bus": 220,
    "only_entry": 250,
    "only_exit": 150,
    "same_stop": 50,
    "overstay": 30,
    "bad_time": 10,
    "odd_fare": 20,
    "too_fast": 10,
    "staff": 80,
    "stranger": 150,
    "tram": 10,
    "repeat": 100,
}
# What the rows of a spoilt journey are refused for, with fare-tier distances.
_REASONS: Final = {
    "blank_entry": ("bad_row", "unmatched_exit"),
    "blank_exit": ("bad_row", "unmatched_entry"),
    "blank_bus": ("bad_row",),
    "only_entry": ("unmatched_entry",),
    "only_exit": ("unmatched_exit",),
    "same_stop": ("same_stop", "same_stop"),
    "overstay": ("overstay", "overstay"),
    "bad_time": ("bad_time", "bad_time"),
    "odd_fare": ("no_distance", "no_distance"),
    "too_fast": ("too_fast", "too_fast"),
    "staff": ("not_charged", "not_charged"),
    "stranger": ("no_account", "no_account"),
    "tram": ("unknown_mode",),
}
_FAST_S: Final = 600
Kinds = NDArray[np.str_]


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
    kind = np.full(made.carrier.size, "", dtype="U12")
    if defects:
        _spoil(rng, network, made, kind)
    taps = _taps(network, people, made, kind)
    repeats = _repeats(rng, taps, made.carrier.size) if defects else taps.clear()
    taps = pl.concat([taps, repeats])
    # Files come in the order of settlement, not of travel.
    taps = taps.with_columns(order=pl.col("at") + pl.Series(rng.integers(0, 7200, taps.height))).sort("order", "nth")
    again = np.bincount(made.day[repeats["nth"].to_numpy()], minlength=len(names))
    expected = {}
    for day, name in enumerate(names):
        own = made.day == day
        rows = taps.filter(pl.Series(own[taps["nth"].to_numpy()])).drop("at", "nth", "order")
        rows.write_csv(folder / name)
        for stations in (False, True):
            key = f"{name}+stations.csv" if stations else name
            expected[key] = _expected(people, made, kind, own, int(again[day]), stations=stations)
    return expected


def _spoil(rng: np.random.Generator, network: Network, made: Journeys, kind: Kinds) -> None:
    count = kind.size
    order = rng.permutation(count)
    for what, share in SHARES.items():
        fit = (kind == "") & (made.metro ^ (what in ("blank_bus", "tram")))
        due = max(count * share // 10_000, 1 if count >= 1000 else 0)
        if what != "repeat":
            kind[order[fit[order]][:due]] = what
    at = {what: np.flatnonzero(kind == what) for what in SHARES}
    rows = at["overstay"]
    made.alight[rows] = made.board[rows] + 60 * rng.integers(181, 286, rows.size)
    rows = at["bad_time"]
    local = made.board[rows] + 8 * 3600
    made.board[rows] += 86_400 - 300 - local % 86_400
    made.alight[rows] = made.board[rows] + 1800
    made.full_fare[at["odd_fare"]] += 50
    made.full_fare[at["too_fast"]] = 1000
    made.alight[at["too_fast"]] = made.board[at["too_fast"]] + _FAST_S
    rows = at["same_stop"]
    made.target[rows], made.full_fare[rows] = made.origin[rows], 200
    # Staff ride one stop before the first service, and pay nothing of the fare that is due.
    rows = at["staff"]
    made.board[rows] += 4 * 3600 - (made.board[rows] + 8 * 3600) % 86_400 + rng.integers(0, 3600, rows.size)
    last = made.origin[rows] % PER_LINE == PER_LINE - 1
    made.target[rows] = made.origin[rows] + np.where(last, -1, 1)
    made.distance_m[rows] = network.distance_m[made.origin[rows], made.target[rows]]
    made.full_fare[rows] = metro_fare_fen(made.distance_m[rows])
    made.alight[rows] = made.board[rows] + 240 + made.distance_m[rows] // 10
    made.paid[made.metro] = made.full_fare[made.metro] * 95 // 100
    made.paid[rows] = 0


def _taps(network: Network, people: People, made: Journeys, kind: Kinds) -> pl.DataFrame:
    """Every tap as text, with `at` (epoch s) and `nth`, the journey it belongs to."""
    nth = np.arange(kind.size)
    card = np.where(kind == "", people.carriers[made.carrier], card_numbers(nth, "J"))
    card = np.where(kind == "staff", np.char.add("H", np.char.replace(card, "J", "H", 1)), card)
    stations, lines, routes = (pl.Series(names) for names in (network.stations, network.lines, network.routes))
    metro = np.flatnonzero(made.metro)
    entry = metro[kind[metro] != "only_exit"]
    leave = metro[kind[metro] != "only_entry"]
    bus = np.flatnonzero(~made.metro)
    zero = np.zeros(kind.size, dtype=np.int64)
    parts = (
        (entry, "地铁入站", stations, lines, made.origin, made.board, zero, zero, "blank_entry", "IGT-1"),
        (
            leave,
            "地铁出站",
            stations,
            lines,
            made.target,
            made.alight,
            made.full_fare,
            made.paid,
            "blank_exit",
            "OGT-1",
        ),
        (bus, "巴士", routes, routes, made.origin, made.board, made.full_fare, made.paid, "blank_bus", "云B"),
    )
    return pl.concat(_part(part, nth, card, kind, made.day) for part in parts)


def _part(part: tuple[np.ndarray, ...], nth: Ints, card: Kinds, kind: Kinds, day: Ints) -> pl.DataFrame:  # type: ignore[type-arg]
    rows, name, places, lines, index, at, value, money, blank, device = part
    blanks = pl.Series(kind[rows] == blank)
    place = index[rows]
    number = pl.Series(place % 90 + 10).cast(pl.String)
    settled = pl.from_epoch(pl.Series(at[rows] + 8 * 3600 + 86_400)).dt.truncate("1d")
    frame = pl.DataFrame(
        {
            "deal_date": pl.from_epoch(pl.Series(at[rows] + 8 * 3600)).dt.strftime("%Y-%m-%d %H:%M:%S"),
            "close_date": settled.dt.strftime("%Y-%m-%d %H:%M:%S"),
            "card_no": card[rows],
            "deal_value": value[rows],
            "deal_type": np.where(kind[rows] == "tram", "有轨电车", name),
            "company_name": lines.gather(place),
            "car_no": str(device) + number,
            "station": places.gather(place),
            "conn_mark": pl.repeat("0", rows.size, eager=True),
            "deal_money": money[rows],
            "equ_no": 260_000_000 + place * 100 + nth[rows] % 90,
            "at": at[rows],
            "nth": nth[rows],
        }
    )
    return frame.with_columns(pl.when(blanks.not_()).then(name).alias(name) for name in ("car_no", "station"))


def _repeats(rng: np.random.Generator, taps: pl.DataFrame, journeys: int) -> pl.DataFrame:
    """Rows to be given once more; a row that cannot be read is never a repeat, so it is not among them."""
    due = max(journeys * SHARES["repeat"] // 10_000, 1 if journeys >= 1000 else 0)
    readable = np.flatnonzero(taps["station"].is_not_null().to_numpy() & (taps["deal_type"] != "有轨电车").to_numpy())
    return taps[rng.permutation(readable)[:due]]


def _expected(
    people: People, made: Journeys, kind: Kinds, own: NDArray[np.bool_], repeats: int, *, stations: bool
) -> FileExpected:
    rejected: Counter[str] = Counter()
    for what, number in Counter(kind[own].tolist()).items():
        for reason in _REASONS.get(what, ()):
            rejected[reason] += number
    if stations:
        # With a measured distance an odd fare is no matter, and a hasty exit only if the way was long.
        fast = own & (kind == "too_fast")
        slow = int((fast & (made.distance_m * 3600 <= 120_000 * _FAST_S)).sum())
        odd = int((own & (kind == "odd_fare")).sum())
        rejected["too_fast"] -= 2 * slow
        rejected["no_distance"] -= 2 * odd
        rejected["no_account"] += 2 * (slow + odd)
    sound = own & (kind == "")
    consented = people.consented[people.owner[made.carrier]]
    used = sound & made.metro & consented
    rejected["no_distance"] += int((sound & ~made.metro).sum())
    rejected["no_consent"] += 2 * int((sound & made.metro & ~consented).sum())
    rejected["duplicate"] += repeats
    distance = made.distance_m if stations else fare_lower_bound_m(made.full_fare)
    trips = int(used.sum())
    left = {reason: number for reason, number in sorted(rejected.items()) if number}
    milligrams = int((METRO_MG10 * distance[used] // 10).sum())
    return FileExpected(2 * trips + sum(left.values()), trips, 2 * trips, left, milligrams)
