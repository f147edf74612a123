"""The eligibility rules, each at its limit, and the greedy choice among journeys that collide."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.core.methodology import DEFAULT as SPEC
from registry.core.rules import find_duplicates, find_overlaps, link_accounts, service_date, trip_reason
from registry.core.trip import CANDIDATE_SCHEMA, REASON

EIGHT = 1_772_409_600  # 2026-03-02 08:00:00 +08:00
MIDNIGHT = EIGHT - 8 * 3600


def frame(*changes: dict[str, Any]) -> pl.DataFrame:
    """Candidates, sound but for the changes; rows are numbered from 1."""
    sound = {
        "row_exit": None,
        "trip_id": None,
        "account_id": "A",
        "carrier_ref": "C",
        "mode": "metro",
        "line": "1",
        "board_stop": "甲",
        "board_time": EIGHT,
        "alight_stop": "乙",
        "alight_time": EIGHT + 1800,
        "distance_m": 10_000,
        "fare_fen": 400,
        "reason": None,
        "field": None,
    }
    rows = [{"row": n, **sound, "trip_id": f"T{n}", **change} for n, change in enumerate(changes, 1)]
    return pl.DataFrame(rows, schema=CANDIDATE_SCHEMA)


def reason(**change: Any) -> str | None:
    result = frame(change).select(trip_reason(SPEC))
    assert result.schema == {"reason": REASON}
    return result["reason"][0]


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"mode": "tram"}, "unknown_mode"),
        ({"mode": "METRO"}, "unknown_mode"),
        ({"mode": None}, "unknown_mode"),
        ({"alight_stop": "甲"}, "same_stop"),
        ({"mode": "bus", "alight_stop": "甲"}, "same_stop"),
        ({"alight_time": EIGHT + 180 * 60 + 1}, "overstay"),
        ({"alight_time": EIGHT + 180 * 60}, None),
        ({"mode": "bus", "alight_time": EIGHT + 180 * 60 + 1}, None),
        ({"alight_time": EIGHT}, "bad_time"),
        ({"alight_time": EIGHT - 1}, "bad_time"),
        ({"board_time": MIDNIGHT + 86_399 - 1800, "alight_time": MIDNIGHT + 86_399}, None),
        ({"board_time": MIDNIGHT + 86_400 - 1800, "alight_time": MIDNIGHT + 86_400}, "bad_time"),
        ({"board_time": MIDNIGHT, "alight_time": MIDNIGHT + 1800}, None),
        ({"distance_m": None}, "no_distance"),
        ({"mode": "bus", "distance_m": None, "alight_stop": None, "alight_time": None}, "no_distance"),
        ({"distance_m": 0}, "bad_distance"),
        ({"distance_m": 1}, None),
        ({"distance_m": -1}, "bad_distance"),
        ({"distance_m": 2**63 - 1}, "bad_distance"),
        ({"mode": "bus", "distance_m": 200_000, "alight_time": EIGHT + 9000}, None),
        ({"mode": "bus", "distance_m": 200_001, "alight_time": EIGHT + 50_000}, "bad_distance"),
        ({"distance_m": 60_000}, None),
        ({"distance_m": 60_001}, "too_fast"),
        ({"mode": "bus", "distance_m": 40_000}, None),
        ({"mode": "bus", "distance_m": 40_001}, "too_fast"),
        ({"distance_m": 33, "alight_time": EIGHT + 1}, None),
        ({"distance_m": 34, "alight_time": EIGHT + 1}, "too_fast"),
        ({"fare_fen": 0}, "not_charged"),
        ({"fare_fen": None}, None),
        ({"fare_fen": 1}, None),
    ],
)
def test_a_rule_holds_to_its_limit(change: dict[str, Any], wanted: str | None) -> None:
    assert reason(**change) == wanted


def test_the_first_reason_wins_in_the_agreed_order() -> None:
    everything = {
        "mode": "tram",
        "alight_stop": "甲",
        "alight_time": EIGHT + 30 * 3600,
        "distance_m": None,
        "fare_fen": 0,
    }
    mended = [("mode", "metro"), ("alight_stop", "乙"), ("alight_time", EIGHT - 5), ("alight_time", EIGHT + 60)]
    mended += [("distance_m", 300_000), ("distance_m", 90_000), ("distance_m", 900), ("fare_fen", None)]
    seen = [reason(**everything)]
    for column, value in mended:
        everything[column] = value
        seen.append(reason(**everything))
    order = ["unknown_mode", "same_stop", "overstay", "bad_time", "no_distance", "bad_distance", "too_fast"]
    assert seen == [*order, "not_charged", None]


@given(st.integers(946_656_000, 4_102_444_799))
def test_a_service_date_is_the_date_in_shanghai(moment: int) -> None:
    local = datetime.fromtimestamp(moment, UTC) + timedelta(hours=8)
    found = pl.DataFrame({"board_time": [moment]}).select(day=service_date())
    assert found.schema == {"day": pl.UInt32}
    assert found["day"][0] == local.year * 10_000 + local.month * 100 + local.day


# --- overlaps --------------------------------------------------------------------------------------


def ride(board: int, minutes: int, carrier: str = "C", stop: str = "甲", **change: Any) -> dict[str, Any]:
    start = EIGHT + 60 * board
    return {
        "carrier_ref": carrier,
        "board_stop": stop,
        "board_time": start,
        "alight_time": start + 60 * minutes,
    } | change


def overlaps(*rides: dict[str, Any], accepted: pl.DataFrame | None = None) -> list[bool]:
    return find_overlaps(frame(*rides), accepted).to_list()


def test_a_journey_that_begins_during_another_is_an_overlap() -> None:
    assert overlaps(ride(0, 30), ride(29, 30), ride(30, 5)) == [False, True, False]
    assert overlaps(ride(0, 30), ride(29, 30, carrier="D")) == [False, False]


def test_what_was_refused_does_not_travel() -> None:
    assert overlaps(ride(0, 30), ride(20, 60), ride(30, 10)) == [False, True, False]


def test_the_earlier_boarding_wins_whatever_the_order_of_rows() -> None:
    assert overlaps(ride(10, 30), ride(0, 30)) == [True, False]
    assert overlaps(ride(0, 30, stop="乙"), ride(0, 30, stop="甲")) == [False, True]


def test_a_long_journey_hides_all_within() -> None:
    assert overlaps(ride(0, 100), ride(10, 5), ride(20, 5), ride(99, 5), ride(100, 5)) == [
        False,
        True,
        True,
        True,
        False,
    ]


def test_a_repeat_is_not_its_own_overlap() -> None:
    assert overlaps(ride(0, 30), ride(0, 30), ride(0, 45)) == [False, False, False]
    assert overlaps(ride(0, 30), ride(10, 30), ride(10, 30)) == [False, True, True]


def earlier(*rides: dict[str, Any]) -> pl.DataFrame:
    return frame(*rides).select("carrier_ref", "board_time", "board_stop", "alight_time", "trip_id")


def test_a_journey_during_an_earlier_batchs_is_an_overlap_on_either_side() -> None:
    accepted = earlier(ride(20, 20), ride(60, 20), ride(0, 500, carrier="D"))
    rides = (ride(0, 20), ride(0, 21, stop="x"), ride(40, 20), ride(39, 5), ride(41, 20), ride(0, 90), ride(65, 1))
    alone = [overlaps(one, accepted=accepted)[0] for one in rides]
    assert alone == [False, True, False, True, True, True, True]


def test_a_journey_an_earlier_batch_has_is_left_to_be_a_duplicate() -> None:
    accepted = earlier(ride(0, 30))
    candidates = frame(ride(0, 30), ride(0, 99), ride(0, 30, stop="乙"), ride(30, 5))
    assert find_overlaps(candidates, accepted).to_list() == [False, False, True, False]
    assert find_duplicates(candidates, accepted).to_list() == [True, True, False, False]


def test_no_candidates_and_no_earlier_trips_are_fine() -> None:
    assert find_overlaps(frame()).to_list() == find_duplicates(frame()).to_list() == []
    assert find_overlaps(frame(), earlier(ride(0, 9))).to_list() == []
    assert find_overlaps(frame(ride(0, 9)), earlier()).to_list() == [False]
    assert find_duplicates(frame(ride(0, 9)), earlier()).to_list() == [False]


RIDE = st.builds(ride, st.integers(0, 30), st.integers(1, 12), st.sampled_from("AB"), st.sampled_from("甲乙"))


def plainly(candidates: pl.DataFrame, accepted: list[tuple[str, int, str, int]]) -> list[bool]:
    """The rule read out loud: one journey at a time, against everything accepted so far."""
    taken = list(accepted)
    fate: dict[tuple[str, int, str], bool] = {one[:3]: False for one in accepted}
    columns = ("carrier_ref", "board_time", "board_stop", "alight_time")
    for carrier, board, stop, alight in candidates.sort("board_time", "row").select(columns).rows():
        if (carrier, board, stop) not in fate:
            clash = any(who == carrier and board < end and start < alight for who, start, _, end in taken)
            fate[carrier, board, stop] = clash
            if not clash:
                taken.append((carrier, board, stop, alight))
    return [fate[key] for key in candidates.select(columns[:3]).rows()]


@settings(max_examples=200, deadline=None)
@given(st.lists(RIDE, max_size=14), st.lists(RIDE, max_size=6), st.randoms(use_true_random=False))
def test_the_fast_way_finds_what_the_plain_way_finds(rides: list[Any], before: list[Any], random: Any) -> None:
    prior = frame(*before)
    prior = prior.filter(~find_overlaps(prior)).unique(["carrier_ref", "board_time", "board_stop"], keep="first")
    accepted = prior.select("carrier_ref", "board_time", "board_stop", "alight_time")
    candidates = frame(*rides)
    shuffled = candidates.sample(fraction=1.0, shuffle=True, seed=random.randrange(2**32))
    for one in (candidates, shuffled):
        assert find_overlaps(one, accepted).to_list() == plainly(one, accepted.rows())


# --- duplicates ------------------------------------------------------------------------------------


def test_the_first_row_of_a_journey_stays_whichever_app_sent_it() -> None:
    candidates = frame(ride(0, 30), ride(0, 30), ride(0, 30, stop="乙"), ride(0, 30, carrier="D"), ride(40, 5))
    assert find_duplicates(candidates).to_list() == [False, True, False, False, False]
    assert find_duplicates(candidates.reverse()).to_list() == [False, False, False, True, False]


def test_a_trip_id_is_used_once_by_a_journey_that_stays() -> None:
    candidates = frame(
        ride(0, 5, trip_id="X"),
        ride(0, 5, trip_id="Y"),
        ride(10, 5, trip_id="Y"),
        ride(20, 5, trip_id="Y"),
        ride(30, 5, trip_id="X"),
        ride(40, 5, trip_id=None),
        ride(50, 5, trip_id=None),
    )
    assert find_duplicates(candidates).to_list() == [False, True, False, True, True, False, False]


def test_a_trip_id_of_an_earlier_batch_is_used() -> None:
    candidates = frame(ride(0, 5, trip_id="X"), ride(10, 5, trip_id="Y"))
    accepted = earlier(ride(100, 5, trip_id="X"))
    assert find_duplicates(candidates, accepted).to_list() == [True, False]
    assert find_duplicates(candidates, accepted.drop("trip_id")).to_list() == [False, False]


# --- accounts --------------------------------------------------------------------------------------


def linked(*changes: dict[str, Any]) -> list[tuple[Any, ...]]:
    accounts = pl.DataFrame(
        {
            "carrier_ref": ["C", "C2", "D", "E"],
            "account_id": ["A", "A", "B", "F"],
            "wallet": ["0x1", "0x1", None, None],
            "consent_at": [EIGHT, EIGHT, None, EIGHT + 1],
        }
    )
    result = link_accounts(frame(*changes), accounts)
    assert result.columns == [*CANDIDATE_SCHEMA, "wallet", "consent_at"]
    return result.select("reason", "account_id", "wallet").rows()


def test_a_carrier_leads_to_its_account() -> None:
    assert linked({"account_id": None}, {"carrier_ref": "C2"}) == [(None, "A", "0x1"), (None, "A", "0x1")]


def test_an_unknown_carrier_or_another_ones_has_no_account() -> None:
    changes = (
        {"carrier_ref": "X"},
        {"carrier_ref": "X", "account_id": None},
        {"account_id": "B"},
        {"carrier_ref": "D"},
    )
    assert [row[0] for row in linked(*changes)] == ["no_account"] * 4
    assert linked({"account_id": "B"})[0][1] == "B"


def test_consent_counts_from_its_very_second() -> None:
    changes = ({"board_time": EIGHT}, {"board_time": EIGHT - 1}, {"carrier_ref": "D", "account_id": "B"})
    late = {"carrier_ref": "E", "account_id": None}
    assert [row[0] for row in linked(*changes, late)] == [None, "no_consent", "no_consent", "no_consent"]


def test_an_earlier_reason_is_kept() -> None:
    changes = (
        {"reason": "bad_row", "carrier_ref": None, "account_id": None},
        {"reason": "too_fast", "account_id": None},
    )
    assert linked(*changes) == [("bad_row", None, None), ("too_fast", None, "0x1")]
