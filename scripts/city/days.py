"""Sound journeys: who travelled when and how far, before anything goes wrong with the rows that tell of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from scripts.city.network import Ints, Network, metro_fare_fen
from scripts.city.people import People

BUS_MG10, METRO_MG10 = 269, 468
"""Factors in tenths of a mg per m."""
# Twelve departures a day, 80 minutes apart from 06:00, the busy ones first: one carrier never travels twice at once.
_SLOT_S: Final = 80 * 60
_SLOTS: Final = np.array([1, 9, 5, 3, 7, 10, 2, 6, 8, 4, 11, 0])
_FIRST_S: Final = 6 * 3600
_JITTER_S: Final = 900


@dataclass
class Journeys:
    """Columns of journeys; `carrier` and stations are indices, times epoch seconds, money fen, distances m."""

    carrier: Ints
    day: Ints
    metro: np.ndarray[tuple[int], np.dtype[np.bool_]]
    origin: Ints
    """Metro: the station; bus: the route number, whose stops are called after it."""
    target: Ints
    board: Ints
    alight: Ints
    distance_m: Ints
    full_fare: Ints
    paid: Ints

    def reduction_mg(self) -> Ints:
        """Avoided mg of each journey, floored."""
        return np.where(self.metro, METRO_MG10, BUS_MG10) * self.distance_m // 10


def midnight_s(start: date) -> int:
    """Epoch seconds of 00:00 of this day in UTC+8."""
    return (start - date(1970, 1, 1)).days * 86_400 - 8 * 3600


def build(rng: np.random.Generator, network: Network, people: People, count: int, days: int, start: date) -> Journeys:
    """`count` journeys spread evenly over the days; raises ValueError when the carriers cannot make as many."""
    index = np.arange(count)
    day, nth = index % days, index // days
    carriers = people.carriers.size
    if nth[-1] >= carriers * _SLOTS.size:
        raise ValueError(f"{count} journeys are more than {_SLOTS.size} a day for {carriers} carriers: add accounts")
    order = rng.permutation(carriers)
    slot = _SLOTS[nth // carriers]
    board = midnight_s(start) + day * 86_400 + _FIRST_S + slot * _SLOT_S + rng.integers(0, _JITTER_S, count)
    metro = rng.integers(0, 100, count) < 62
    pair = network.pairs[rng.integers(0, len(network.pairs), count)]
    route = rng.integers(0, network.routes.size, count)
    distance = np.where(metro, network.distance_m[pair[:, 0], pair[:, 1]], rng.integers(800, 15_000, count))
    # Door to door about 36 km/h by metro and 18 km/h by bus, and some minutes on foot and waiting.
    ride = np.where(metro, distance // 10, distance // 5) + rng.integers(180, 400, count)
    full = np.where(metro, metro_fare_fen(distance), 200)
    return Journeys(
        carrier=order[nth % carriers],
        day=day,
        metro=metro,
        origin=np.where(metro, pair[:, 0], route),
        target=np.where(metro, pair[:, 1], route),
        board=board,
        alight=board + ride,
        distance_m=distance,
        full_fare=full,
        paid=np.where(metro, full * 95 // 100, full * 80 // 100),
    )
