"""The invented city's stations, bus routes, distances (m) and fares (fen)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

LINES: Final = 8
PER_LINE: Final = 22
LONGEST_M: Final = 30_000
"""Journeys are drawn among station pairs up to this distance, so that each fits its slot of the day."""
_FIRST = "霁岚蘅桐栎萤鹭杳沁鸢"
_SECOND = "湄坞渡埠汀墟陌塍溆堞岫畈"
# Twenty equal classes of edge lengths, m: mean 1,526, median 1,259, from 385 to 7,158.
_EDGES: Final = (
    *(385, 560, 680, 780, 870, 950, 1030, 1105, 1180, 1250),
    *(1268, 1340, 1420, 1510, 1620, 1750, 1920, 2180, 2600, 4122),
)


@dataclass(frozen=True)
class Network:
    """Stations by index, the shortest distance between any two, and the pairs a journey may take."""

    stations: NDArray[np.str_]
    lines: NDArray[np.str_]
    """The line of each station."""
    distance_m: Ints
    pairs: Ints
    """(from, to) station indices of every pair of different stations up to `LONGEST_M` apart."""
    routes: NDArray[np.str_]
    """Bus routes, written as the smart-card data writes them: the route, and its end in brackets."""


def build(rng: np.random.Generator) -> Network:
    """Eight lines of 22 stations; each line crosses the next two, so that every station can be reached."""
    count = LINES * PER_LINE
    names = np.array([a + b + c for a in _FIRST for b in _SECOND for c in ("东", "西")])[:count]
    lines = np.repeat([f"云栖{number}号线" for number in range(1, LINES + 1)], PER_LINE)
    far = 10**9
    distance = np.full((count, count), far, dtype=np.int64)
    np.fill_diagonal(distance, 0)
    lengths = np.array(_EDGES)
    for line in range(LINES):
        first = line * PER_LINE
        for at in range(first, first + PER_LINE - 1):
            _join(distance, at, at + 1, int(lengths[rng.integers(20)] + rng.integers(0, 60)))
        for step, stop in ((1, 6), (2, 15)):
            other = (line + step) % LINES * PER_LINE + int(rng.integers(4, 18))
            _join(distance, first + stop, other, 385 + int(rng.integers(0, 200)))
    for via in range(count):
        np.minimum(distance, distance[:, via, None] + distance[None, via, :], out=distance)
    pairs = np.argwhere((distance > 0) & (distance <= LONGEST_M)).astype(np.int64)
    routes = np.array([f"Y{100 + 7 * number}({names[number % count]})" for number in range(120)])
    return Network(names, lines, distance, pairs, routes)


def metro_fare_fen(distance_m: Ints) -> Ints:
    """The fare before discount: 2 yuan to 4 km, then a yuan per 4 km to 12, per 6 km to 24, per 8 km beyond."""
    over = [np.clip(distance_m - low, 0, high - low) for low, high in ((4_000, 12_000), (12_000, 24_000))]
    steps = -(-over[0] // 4_000) - (-over[1] // 6_000) - (-np.maximum(distance_m - 24_000, 0) // 8_000)
    return 200 + 100 * steps


def fare_lower_bound_m(fare_fen: Ints) -> Ints:
    """The shortest distance that costs this fare; 0 for an amount that is no fare."""
    table = {200: 385, 300: 4_000, 400: 8_000, 500: 12_000, 600: 18_000, 700: 24_000, 800: 32_000}
    table |= {900 + 100 * step: 40_000 + 8_000 * step for step in range(20)}
    bounds = np.zeros_like(fare_fen)
    for fare, bound in table.items():
        bounds[fare_fen == fare] = bound
    return bounds


def _join(distance: Ints, a: int, b: int, meters: int) -> None:
    distance[a, b] = distance[b, a] = meters
