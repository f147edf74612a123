"""The methodology: golden vectors to the mg, the fare table, and that a published version is never edited."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core import methodology
from registry.core.reduction import reduction_mg
from registry.errors import InputError
from registry.units import whole_tonnes

SPEC = methodology.by_name("sz_transit/1")
VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "golden_vectors.json").read_text("utf-8"))
TRANSIT: dict[str, dict[str, Any]] = {vector["id"]: vector for vector in VECTORS["transit_sz"]}
SINGLE = [vector for vector in TRANSIT.values() if vector.get("eligible")]


# --- frozen ------------------------------------------------------------------------------------------


def test_a_published_version_is_never_edited() -> None:
    # These hashes stand on chains. If this fails, undo the edit and make a new module for a new version.
    frozen = {
        spec.name: (spec.id, spec.parameters_hash().hex(), spec.document_hash().hex()) for spec in methodology.ALL
    }
    assert frozen == {
        "sz_transit/1": (
            1,
            "fd1801a611851969a0746d4d23e64e2720036c731d818495250b9c6673852d61",
            "10e3da63b95ca2590fb4f048354f9a227b43c5cb2b53f44c2475fc6160f6b22d",
        )
    }


def test_ids_names_and_codes_are_unique() -> None:
    for values in ([s.id for s in methodology.ALL], [s.name for s in methodology.ALL], [m.code for m in SPEC.modes]):
        assert len(set(values)) == len(values)
    assert methodology.by_id(1) is methodology.by_name("sz_transit/1") is methodology.DEFAULT


@pytest.mark.parametrize("number", [0, 2, -1])
def test_an_unknown_number_is_refused(number: int) -> None:
    with pytest.raises(InputError, match=rf"^methodology {number} is not known to this build$"):
        methodology.by_id(number)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(InputError, match=r"^unknown methodology 'sz_transit/2'$") as raised:
        methodology.by_name("sz_transit/2")
    assert raised.value.hint == "known: sz_transit/1"


def test_unknown_modes_are_refused() -> None:
    with pytest.raises(InputError, match=r"^unknown mode 'tram'$") as raised:
        SPEC.reduction_mg("tram", 1000)
    assert raised.value.hint == "known: bus, metro"
    with pytest.raises(InputError, match=r"^unknown mode code 3$"):
        SPEC.mode_by_code(3)


@pytest.mark.parametrize("distance", [-1, 0, 200_001])
@pytest.mark.parametrize("mode", ["bus", "metro"])
def test_a_distance_outside_the_limits_earns_nothing(mode: str, distance: int) -> None:
    with pytest.raises(InputError, match=rf"^distance {distance} m is outside 1\.\.200000 m$"):
        SPEC.reduction_mg(mode, distance)


# --- golden vectors ------------------------------------------------------------------------------------


def test_all_golden_vectors_of_transit_are_used_here() -> None:
    assert list(TRANSIT) == [f"SZ-{n:02d}" for n in range(1, 13)]
    assert [vector["id"] for vector in SINGLE] == [f"SZ-{n:02d}" for n in (1, 2, 3, 4, 5, 6, 7, 9, 10)]


@pytest.mark.parametrize("vector", SINGLE, ids=lambda vector: vector["id"])
def test_golden_trip(vector: dict[str, Any]) -> None:
    assert SPEC.reduction_mg(vector["mode"], vector["distance_m"]) == vector["reduction_mg"]


def test_golden_sz_08_no_distance_is_not_eligible() -> None:
    vector = TRANSIT["SZ-08"]
    assert (vector["distance_m"], vector["eligible"]) == (0, False)
    with pytest.raises(InputError, match=r"^distance 0 m is outside 1\.\.200000 m$"):
        SPEC.reduction_mg(vector["mode"], vector["distance_m"])


def test_golden_sz_11_every_leg_is_floored() -> None:
    vector = TRANSIT["SZ-11"]
    assert (
        sum(SPEC.reduction_mg(mode, distance) for mode, distance in vector["legs"]) == vector["reduction_mg"] == 712264
    )


def test_golden_sz_12_a_city_day_in_whole_tonnes() -> None:
    vector = TRANSIT["SZ-12"]
    total = SPEC.reduction_mg(vector["mode"], vector["distance_m"]) * vector["count"]
    assert total == vector["total_mg"] == 1_999_995_000_000
    assert whole_tonnes(total) == (vector["whole_tonnes"], vector["carry_mg"]) == (1999, 995_000_000)


@given(st.sampled_from(["bus", "metro"]), st.integers(1, 200_000))
def test_a_reduction_is_floored_and_never_rounded_up(mode: str, distance: int) -> None:
    factor = {"bus": 269, "metro": 468}[mode]
    made = SPEC.reduction_mg(mode, distance)
    assert 10 * made <= factor * distance < 10 * (made + 1)


@given(st.lists(st.tuples(st.sampled_from(["bus", "metro"]), st.integers(1, 200_000)), min_size=1, max_size=20))
def test_columns_are_reduced_like_single_trips(trips: list[tuple[str, int]]) -> None:
    expected = [SPEC.reduction_mg(mode, distance) for mode, distance in trips]
    frame = pl.DataFrame(trips, schema={"mode": pl.String(), "distance_m": pl.Int64()}, orient="row")
    assert frame.select(reduction_mg(SPEC).alias("mg"))["mg"].to_list() == expected
    codes = frame.with_columns(pl.col("mode").replace_strict({"bus": 1, "metro": 2}, return_dtype=pl.UInt8))
    assert codes.select(reduction_mg(SPEC, by_code=True).alias("mg"))["mg"].to_list() == expected


# --- fares and classes -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fare", "distance"),
    [
        (0, None),
        (100, None),
        (199, None),
        (200, 385),
        (250, None),
        (300, 4_000),
        (400, 8_000),
        (500, 12_000),
        (600, 18_000),
        (700, 24_000),
        (800, 32_000),
        (850, None),
        (900, 40_000),
        (1000, 48_000),
        (1001, None),
        (-100, None),
    ],
)
def test_a_fare_pays_for_the_lower_bound_of_its_tier(fare: int, distance: int | None) -> None:
    assert SPEC.fare_distance_m(fare) == distance


@pytest.mark.parametrize(("day", "class_id"), [(20260302, 67562), (20251231, 67561), (20260101, 67562)])
def test_a_class_is_methodology_and_year(day: int, class_id: int) -> None:
    assert SPEC.class_id(day) == class_id == 1 * 65536 + day // 10_000


def test_parameters_hold_no_float() -> None:
    assert "." not in json.dumps(SPEC.parameters())
