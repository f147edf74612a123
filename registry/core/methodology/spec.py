"""What a methodology version is: factors, limits, the fare table, and the hashes published on chain.

A reduction is `floor(factor x distance)`, floored once per trip to the milligram. Factors are held as
integer mg per metre times ten, so that 26.9 g/km (26.9 mg/m) is exactly 269.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from registry.errors import InputError


@dataclass(frozen=True)
class Mode:
    """A transport mode: its byte in the trip leaf, its factor and its plausibility limits."""

    code: int
    name: str
    factor_dmg_per_m: int
    """Avoided CO2e in tenths of a milligram per metre (269 = 26.9 g per passenger-km)."""
    max_speed_kmh: int
    max_duration_s: int | None


@dataclass(frozen=True)
class Methodology:
    """A frozen methodology version; `id` is its number on chain, `name` its readable form."""

    id: int
    name: str
    title_zh: str
    title_en: str
    modes: tuple[Mode, ...]
    min_distance_m: int
    max_distance_m: int
    fare_tiers: tuple[tuple[int, int], ...]
    """(fare before discount in fen, lower bound of the tier's distance in m), ascending."""
    fare_step_fen: int
    fare_step_m: int
    effective_from: int
    effective_to: int
    document: str
    """The text whose hash is published: how this version is computed, in Chinese and English."""

    def mode(self, name: str) -> Mode:
        """The mode called `name`; raises InputError when this methodology has none such."""
        for mode in self.modes:
            if mode.name == name:
                return mode
        raise InputError(f"unknown mode {name!r}", hint="known: " + ", ".join(m.name for m in self.modes))

    def mode_by_code(self, code: int) -> Mode:
        """The mode with this leaf byte; raises InputError when there is none."""
        for mode in self.modes:
            if mode.code == code:
                return mode
        raise InputError(f"unknown mode code {code}")

    def reduction_mg(self, mode: str, distance_m: int) -> int:
        """Avoided mg CO2e of one trip, floored to the mg; raises InputError outside the distance limits."""
        if not self.min_distance_m <= distance_m <= self.max_distance_m:
            raise InputError(f"distance {distance_m} m is outside {self.min_distance_m}..{self.max_distance_m} m")
        return self.mode(mode).factor_dmg_per_m * distance_m // 10

    def fare_distance_m(self, fare_fen: int) -> int | None:
        """Lower bound in m of the distance a full fare pays for; None when the fare is no tier's."""
        for fare, distance in self.fare_tiers:
            if fare == fare_fen:
                return distance
        last_fare, last_distance = self.fare_tiers[-1]
        steps, rest = divmod(fare_fen - last_fare, self.fare_step_fen)
        return last_distance + steps * self.fare_step_m if fare_fen > last_fare and rest == 0 else None

    def parameters(self) -> dict[str, object]:
        """Every number that decides a reduction, as plain JSON values."""
        return {
            "name": self.name,
            "unit": "mg CO2e",
            "rounding": "floor per trip",
            "modes": [
                {
                    "code": m.code,
                    "name": m.name,
                    "factor_tenth_mg_per_m": m.factor_dmg_per_m,
                    "max_speed_kmh": m.max_speed_kmh,
                    "max_duration_s": m.max_duration_s,
                }
                for m in self.modes
            ],
            "distance_m": [self.min_distance_m, self.max_distance_m],
            "fare_tiers": [list(tier) for tier in self.fare_tiers],
            "fare_step": [self.fare_step_fen, self.fare_step_m],
            "effective": [self.effective_from, self.effective_to],
        }

    def parameters_hash(self) -> bytes:
        """SHA-256 of the parameters as canonical JSON (sorted keys, no spaces, UTF-8)."""
        text = json.dumps(self.parameters(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).digest()

    def document_hash(self) -> bytes:
        """SHA-256 of the document's UTF-8 bytes."""
        return hashlib.sha256(self.document.encode()).digest()

    def class_id(self, service_date: int) -> int:
        """The points class of a trip: methodology id and vintage year, as the contracts compute it."""
        return self.id << 16 | service_date // 10_000
