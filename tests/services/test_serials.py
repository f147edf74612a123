"""Where serials are now, by their movements alone: the same as following every single tonne."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.chain.contracts.certified_reductions import Place, SerialMove
from registry.core.serial import SerialRange
from registry.errors import InputError, NotFoundError
from registry.services.serials import now, overlap, parse, without
from registry.units import U64_MAX

LAST = 40
HOLDERS = ("0xA", "0xB", "0xC")
PLACES = [place for place in Place if place is not Place.NOWHERE]
LEDGER: Any = SimpleNamespace(config=SimpleNamespace(programme="PUHUI"))

ranges = st.tuples(st.integers(1, LAST), st.integers(1, LAST)).map(lambda pair: SerialRange(min(pair), max(pair)))
moves = st.lists(st.tuples(ranges, st.sampled_from(HOLDERS), st.sampled_from(PLACES)), max_size=12)


def move(serials: SerialRange, to: str, place: Place) -> SerialMove:
    return SerialMove(1, "0x0", to, Place.NOWHERE, place, serials, 1, 0, "0xab")


def numbers(*parts: SerialRange) -> list[int]:
    return [number for part in parts for number in range(part.first, part.last + 1)]


@given(ranges, ranges)
def test_what_two_ranges_share(one: SerialRange, other: SerialRange) -> None:
    shared = overlap(one, other)
    assert numbers(*([shared] if shared else [])) == sorted(set(numbers(one)) & set(numbers(other)))
    assert overlap(other, one) == shared


@given(ranges, ranges)
def test_what_is_left_of_a_range(part: SerialRange, taken: SerialRange) -> None:
    left = without(part, taken)
    assert numbers(*left) == sorted(set(numbers(part)) - set(numbers(taken)))
    assert len(left) <= 2


@given(ranges, moves)
def test_each_serial_is_where_it_last_went(serials: SerialRange, history: list[tuple[SerialRange, str, Place]]) -> None:
    where: dict[int, tuple[str, Place]] = {}
    for moved, holder, place in history:
        where |= dict.fromkeys(numbers(moved), (holder, place))
    parts = now(serials, [move(*each) for each in history])
    found = {number: (holder, place) for part, holder, place in parts for number in numbers(part)}
    assert found == {number: at for number, at in where.items() if serials.first <= number <= serials.last}
    assert [part for part, _, _ in parts] == sorted(part for part, _, _ in parts)
    for (low, *one), (high, *other) in pairwise(parts):
        assert low.last < high.first
        assert low.last + 1 < high.first or one != other  # what can be one part is one


def test_neighbours_in_one_place_are_one_part() -> None:
    whole, first, rest = SerialRange(1, 10), SerialRange(1, 4), SerialRange(5, 10)
    apart = [move(whole, "0xA", Place.HELD), move(first, "0xB", Place.HELD)]
    assert now(whole, apart) == [(first, "0xB", Place.HELD), (rest, "0xA", Place.HELD)]
    assert now(whole, [*apart, move(rest, "0xB", Place.HELD)]) == [(whole, "0xB", Place.HELD)]
    listed = [*apart, move(rest, "0xB", Place.LISTED)]
    assert now(whole, listed) == [(first, "0xB", Place.HELD), (rest, "0xB", Place.LISTED)]
    gap = [move(first, "0xA", Place.HELD), move(SerialRange(6, 7), "0xA", Place.HELD)]
    assert now(whole, gap) == [(first, "0xA", Place.HELD), (SerialRange(6, 7), "0xA", Place.HELD)]
    assert now(SerialRange(4, 5), listed) == [
        (SerialRange(4, 4), "0xB", Place.HELD),
        (SerialRange(5, 5), "0xB", Place.LISTED),
    ]


def test_a_million_tonnes_are_as_few_parts_as_places() -> None:
    whole = SerialRange(1, 10**6)
    retired = [move(SerialRange(n, n), "0xA", Place.RETIRED) for n in range(1, 201)]
    assert now(whole, [move(whole, "0xA", Place.HELD), *retired]) == [
        (SerialRange(1, 200), "0xA", Place.RETIRED),
        (SerialRange(201, 10**6), "0xA", Place.HELD),
    ]


def test_what_never_moved_is_nowhere() -> None:
    assert now(SerialRange(1, 9), []) == []


# --- what a serial is written as --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "serials"),
    [
        ("1", (1, 1)),
        ("1234", (1234, 1234)),
        ("0001", (1, 1)),
        ("1234-1250", (1234, 1250)),
        ("7-7", (7, 7)),
        (f"1-{U64_MAX}", (1, U64_MAX)),
        ("PUHUI-001-2026-12-1001-1234", (1001, 1234)),
    ],
)
def test_serials_are_read(text: str, serials: tuple[int, int]) -> None:
    assert parse(LEDGER, text) == SerialRange(*serials)


@pytest.mark.parametrize("text", ["0", "0-1", "5-4", f"{U64_MAX + 1}", f"1-{U64_MAX + 1}", "9" * 30])
def test_numbers_that_are_no_range_are_not_found(text: str) -> None:
    with pytest.raises(NotFoundError) as raised:
        parse(LEDGER, text)
    assert raised.value.message == f"{text} is no range of serials"
    assert raised.value.hint == "as 1234 or 1234-1250; the first serial is 1"


@pytest.mark.parametrize(
    "text",
    [
        *("", "-", "1-", "-1", "1--2", "1-2-3", "+1", "1.0", "1e3", "1_0", " 1", "1 ", "1\n", "0x1", "NaN", "1,2"),
        *("１", "１-２", "٣", "²", "一", "9" * 5_000),
        *("PUHUI-001-2026-1-2-1", "PUHUI-1-2026-1-1-1", "puhui-001-2026-1-1-1", "SZ-001-2026-1-1-1"),
    ],
)
def test_what_is_no_serial_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse(LEDGER, text)
