"""Serial numbers: every one in exactly one place, the lowest taken first."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.serial import SerialNumbers, SerialRange, merge, require_partition, take_lowest
from registry.errors import InputError, VerificationError
from registry.units import U64_MAX

GOLDEN = json.loads((Path(__file__).parents[1] / "vectors" / "golden_vectors.json").read_text("utf-8"))
(SN_01,) = GOLDEN["serials"]

serials = st.sets(st.integers(1, 60))


def ranges(*pairs: tuple[int, int]) -> list[SerialRange]:
    return [SerialRange(first, last) for first, last in pairs]


def one_by_one(numbers: set[int]) -> list[SerialRange]:
    return [SerialRange(number, number) for number in numbers]


def numbers_of(found: list[SerialRange]) -> list[int]:
    return [number for each in found for number in range(each.first, each.last + 1)]


def test_golden_vector_sn_01() -> None:
    block, retired, held = (SerialRange(*SN_01[name]) for name in ("block", "retired", "held"))
    assert take_lowest([block], SN_01["retire"]) == ([retired], [held])
    assert [each.count for each in (block, retired, held)] == [1234, 1000, 234]
    require_partition({"retired": [retired], "held": [held]}, block.first, block.last)
    for refused in SN_01["refused"]:
        with pytest.raises(VerificationError) as raised:
            require_partition({"retired": [retired], "held": [SerialRange(*refused)]}, block.first, block.last)
        assert raised.value.message == "serials 1000..1000 are held by retired and by held"


@pytest.mark.parametrize(("first", "last"), [(0, 1), (2, 1), (-1, 1), (1, U64_MAX + 1)])
def test_what_is_no_range_is_refused(first: int, last: int) -> None:
    with pytest.raises(VerificationError) as raised:
        SerialRange(first, last)
    assert raised.value.message == f"serials {first} to {last} are no range"


def test_a_range_counts_both_ends() -> None:
    assert SerialRange(7, 7).count == 1
    assert SerialRange(1, U64_MAX).count == U64_MAX
    assert str(SerialRange(7, 9)) == "7..9"


def test_adjacent_ranges_become_one() -> None:
    assert merge(ranges((5, 6), (1, 2), (8, 9), (3, 4))) == ranges((1, 6), (8, 9))
    assert merge([]) == []


def test_a_serial_in_two_ranges_is_refused() -> None:
    with pytest.raises(VerificationError) as raised:
        merge(ranges((4, 9), (1, 2), (3, 4)))
    assert raised.value.message == "serial 4 is in 1..4 and in 4..9"


@given(serials)
def test_merged_ranges_are_the_same_serials_and_never_adjacent(numbers: set[int]) -> None:
    merged = merge(one_by_one(numbers))
    assert numbers_of(merged) == sorted(numbers)
    assert all(low.last + 1 < high.first for low, high in pairwise(merged))


@given(serials, st.integers(0, 60))
def test_the_lowest_serials_are_taken(numbers: set[int], tonnes: int) -> None:
    held = one_by_one(numbers)
    if tonnes > len(numbers):
        with pytest.raises(VerificationError) as raised:
            take_lowest(held, tonnes)
        assert raised.value.message == f"{tonnes} t are to be taken from {len(numbers)} t"
        return
    taken, left = take_lowest(held, tonnes)
    assert (numbers_of(taken), numbers_of(left)) == (sorted(numbers)[:tonnes], sorted(numbers)[tonnes:])
    assert (merge(taken), merge(left)) == (taken, left)
    assert len(taken) + len(left) <= len(merge(held)) + 1


def test_a_negative_amount_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match=r"^negative amount: -1 t$"):
        take_lowest(ranges((1, 2)), -1)


# --- who holds what -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("held", "message"),
    [
        ({"a": [(2, 10)]}, "serials 1..1 are held by nobody"),
        ({"a": [(1, 3)], "b": [(6, 10)]}, "serials 4..5 are held by nobody"),
        ({"a": [(1, 3)], "b": [(4, 9)]}, "serials 10..10 are held by nobody"),
        ({}, "serials 1..10 are held by nobody"),
        ({"a": [(1, 10)], "b": [(3, 4)]}, "serials 3..4 are held by a and by b"),
        ({"a": [(1, 5)], "b": [(4, 10)]}, "serials 4..5 are held by a and by b"),
        ({"a": [(1, 10)], "b": [(1, 10)]}, "serials 1..10 are held by a and by b"),
        ({"a": [(1, 5), (5, 10)]}, "serials 5..5 are held by a and by a"),
        ({"a": [(1, 11)]}, "serials 1..11 of a are outside 1..10"),
        ({"a": [(1, 10)], "b": [(20, 30)]}, "serials 20..30 of b are outside 1..10"),
        ({"a": [(1, 2)], "b": [(5, 6), (2, 4)]}, "serials 2..2 are held by a and by b"),  # the first of several
    ],
)
def test_a_gap_an_overlap_or_a_stray_is_named(held: dict[str, list[tuple[int, int]]], message: str) -> None:
    with pytest.raises(VerificationError) as raised:
        require_partition({owner: ranges(*pairs) for owner, pairs in held.items()}, 1, 10)
    assert raised.value.message == message


def test_a_stray_below_the_first_serial_is_named() -> None:
    with pytest.raises(VerificationError, match=r"^serials 4\.\.10 of a are outside 5\.\.10$"):
        require_partition({"a": ranges((4, 10))}, 5, 10)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=40), st.integers(1, 1000))
def test_a_partition_is_accepted_however_it_is_cut(owners: list[int], first: int) -> None:
    held: dict[int, list[SerialRange]] = {}
    for number, owner in enumerate(owners, start=first):
        held.setdefault(owner, []).insert(0, SerialRange(number, number))
    require_partition(held, first, first + len(owners) - 1)
    require_partition({owner: merge(parts) for owner, parts in held.items()}, first, first + len(owners) - 1)


# --- as text ----------------------------------------------------------------------------------------------


def test_serials_as_text() -> None:
    numbers = SerialNumbers("PUHUI", 1, 2026, 12, SerialRange(1001, 1234))
    assert numbers.text() == "PUHUI-001-2026-12-1001-1234"
    assert SerialNumbers.parse("PUHUI-001-2026-12-1001-1234", "PUHUI") == numbers


@given(
    st.from_regex(r"[A-Z][A-Z0-9]{1,15}", fullmatch=True),
    st.integers(1, 999),
    st.integers(1000, 9999),
    st.integers(1, 2**32 - 1),
    st.lists(st.integers(1, U64_MAX), min_size=2, max_size=2),
)
def test_text_is_read_back(programme: str, methodology: int, vintage: int, issuance: int, ends: list[int]) -> None:
    numbers = SerialNumbers(programme, methodology, vintage, issuance, SerialRange(min(ends), max(ends)))
    assert SerialNumbers.parse(numbers.text(), programme) == numbers


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PUHUI-1-2026-12-1001-1234",
        "PUHUI-0001-2026-12-1001-1234",
        "PUHUI-001-26-12-1001-1234",
        "PUHUI-001-2026-012-1001-1234",
        "PUHUI-001-2026-12-01001-1234",
        "PUHUI-001-2026-12-0-1234",
        "PUHUI-001-2026-12-1001",
        "PUHUI-001-2026-12-1001-1234-",
        "PUHUI-001-2026-12-1001-1234\n",
        " PUHUI-001-2026-12-1001-1234",
        "puhui-001-2026-12-1001-1234",
        "PUHUI-００１-2026-12-1001-1234",
        "PUHUI-001-2026-12-1001-٣",
        "PUHUI-001-2026-12-1001-100000000000000000000",
    ],
)
def test_text_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(InputError) as raised:
        SerialNumbers.parse(text, "PUHUI")
    assert raised.value.message == f"{text!r} is no range of serial numbers"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("STTCER-001-2026-1-1-2", "serial numbers of programme 'STTCER', not of 'PUHUI'"),
        ("PUHUI-000-2026-1-1-2", "methodology 0 cannot stand in a serial number: it is 1..999"),
        ("PUHUI-001-0999-1-1-2", "vintage 999 cannot stand in a serial number: it is 1000..9999"),
        (
            "PUHUI-001-2026-4294967296-1-2",
            "issuance 4294967296 cannot stand in a serial number: it is 1..4294967295",
        ),
        ("PUHUI-001-2026-1-2-1", "serials 2 to 1 are no range"),
        ("PUHUI-001-2026-1-1-18446744073709551616", "serials 1 to 18446744073709551616 are no range"),
    ],
)
def test_text_of_other_serials_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError) as raised:
        SerialNumbers.parse(text, "PUHUI")
    assert raised.value.message == message


@pytest.mark.parametrize("programme", ["", "P", "puhui", "1PUHUI", "PU-HUI", "P" * 17, "普惠"])
def test_a_programme_is_short_and_plain(programme: str) -> None:
    with pytest.raises(InputError) as raised:
        SerialNumbers(programme, 1, 2026, 1, SerialRange(1, 1))
    expected = f"programme {programme!r} is not 2 to 16 of A-Z and 0-9, starting with a letter"
    assert raised.value.message == expected
