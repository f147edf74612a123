"""Integer units and their text."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.units import local_text, points_text, service_date, service_date_int, whole_tonnes, yuan_text


@pytest.mark.parametrize("mg", [-1, -(10**9)])
def test_a_reduction_is_never_negative(mg: int) -> None:
    with pytest.raises(ValueError, match=rf"^negative reduction: {mg} mg$"):
        whole_tonnes(mg)


@pytest.mark.parametrize(
    ("mg", "split"), [(0, (0, 0)), (10**9 - 1, (0, 10**9 - 1)), (10**9, (1, 0)), (4039750000, (4, 39750000))]
)
def test_tonnes_are_floored_and_the_rest_is_carried(mg: int, split: tuple[int, int]) -> None:
    assert whole_tonnes(mg) == split


@given(st.integers(0, 2**128 - 1))
def test_nothing_is_lost_in_tonnes(mg: int) -> None:
    tonnes, carried = whole_tonnes(mg)
    assert tonnes * 10**9 + carried == mg


@pytest.mark.parametrize(("mg", "text"), [(0, "0.000"), (1, "0.001"), (999, "0.999"), (1234567, "1,234.567")])
def test_points_have_three_decimals(mg: int, text: str) -> None:
    assert points_text(mg) == text


@pytest.mark.parametrize(
    ("fen", "text"),
    [
        *((0, "0.00"), (1, "0.01"), (10, "0.10"), (99, "0.99"), (100, "1.00"), (5_133, "51.33")),
        *((99_999, "999.99"), (100_000, "1,000.00"), (123_456, "1,234.56"), (123_456_789, "1,234,567.89")),
        *((-1, "-0.01"), (-99, "-0.99"), (-100, "-1.00"), (-123_456, "-1,234.56")),
        *((2**63, "92,233,720,368,547,758.08"), (-(2**63), "-92,233,720,368,547,758.08")),
    ],
)
def test_yuan_have_two_decimals(fen: int, text: str) -> None:
    assert yuan_text(fen) == text


@given(st.integers(-(2**128), 2**128))
def test_no_fen_is_lost_in_yuan(fen: int) -> None:
    yuan, _, rest = yuan_text(fen).replace(",", "").partition(".")
    assert (len(rest), int(yuan + rest)) == (2, fen)


@given(st.dates())
def test_service_dates_round_trip(day: date) -> None:
    assert service_date(service_date_int(day)) == day


@pytest.mark.parametrize("value", [0, 20260229, 20261301, 20260332])
def test_a_number_that_is_no_date_is_refused(value: int) -> None:
    with pytest.raises(ValueError, match=r"."):
        service_date(value)


def test_times_are_shown_in_shanghai() -> None:
    assert local_text(1772409600) == "2026-03-02T08:00:00+08:00"
