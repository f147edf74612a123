"""The pool line: every interval consists of exactly the mg that entered there."""

from __future__ import annotations

from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.core.contribution import SCHEMA, by_account, cut, interval
from registry.errors import ProofError, VerificationError
from registry.units import U64_MAX
from tests.core import independent_market

A, B, C = (bytes([n]) * 20 for n in (0x0A, 0x7F, 0xF0))
LINES = st.lists(st.tuples(st.sampled_from([C, A, B]), st.integers(0, 12)), max_size=8)


def line(*rows: tuple[object, ...]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=SCHEMA, orient="row")


FIVE = line((B, 4), (A, 11), (B, 3), (C, 5))  # borders at 4, 15, 18, 23


@pytest.mark.parametrize(
    ("from_mg", "mg", "expected"),
    [
        (0, 10, [(A, 6), (B, 4)]),
        (10, 10, [(A, 5), (B, 3), (C, 2)]),
        (0, 23, [(A, 11), (B, 7), (C, 5)]),
        (4, 11, [(A, 11)]),  # from border to border
        (5, 1, [(A, 1)]),  # within one contribution
        (3, 2, [(A, 1), (B, 1)]),  # one mg at each side of a border
        (22, 1, [(C, 1)]),
        (23, 0, []),
        (7, 0, []),
    ],
)
def test_an_interval_is_what_entered_there(from_mg: int, mg: int, expected: list[tuple[bytes, int]]) -> None:
    found = cut(FIVE, from_mg, mg)
    assert found.rows() == expected
    assert found.schema == SCHEMA


@pytest.mark.parametrize(("from_mg", "mg"), [(0, 24), (23, 1), (24, 0), (2**127, 2**127), (-1, 2), (2, -1)])
def test_an_interval_outside_the_line_is_refused(from_mg: int, mg: int) -> None:
    with pytest.raises(VerificationError) as raised:
        cut(FIVE, from_mg, mg)
    assert raised.value.message == f"the pool line has 23 mg, not those from {from_mg} to {from_mg + mg}"
    assert raised.value.fields == {"expected": str(from_mg + mg), "actual": "23"}


def test_an_empty_line_has_only_the_empty_interval() -> None:
    assert cut(line(), 0, 0).equals(line())
    with pytest.raises(VerificationError, match=r"^the pool line has 0 mg, not those from 0 to 1$"):
        cut(line(), 0, 1)


def test_rows_keep_their_order_and_what_else_is_known_of_them() -> None:
    known = FIVE.with_columns(pl.Series("epoch", [0, 2, 2, 0], pl.UInt32))
    found = interval(known, 10, 10)
    assert found.rows() == [(A, 5, 2), (B, 3, 2), (C, 2, 0)]
    assert found.columns == ["account", "mg", "epoch"]
    assert interval(line((B, 1), (A, 1), (B, 1)), 0, 3).rows() == [(B, 1), (A, 1), (B, 1)]


def test_a_contribution_of_nothing_is_in_no_interval() -> None:
    assert interval(line((A, 0), (B, 2), (C, 0)), 0, 2).rows() == [(B, 2)]


def test_a_line_beyond_64_bits_is_exact() -> None:
    long = line((A, U64_MAX), (B, U64_MAX), (C, 7))
    assert cut(long, U64_MAX - 1, 3).rows() == [(A, 1), (B, 2)]
    assert cut(long, 2 * U64_MAX, 7).rows() == [(C, 7)]
    with pytest.raises(VerificationError, match=r"^the pool line has 36893488147419103237 mg, "):
        cut(long, 2 * U64_MAX, 8)


@pytest.mark.parametrize("value", [None, -1, 1.5])
def test_an_amount_is_an_unsigned_integer(value: object) -> None:
    with pytest.raises(ProofError, match=r"^column mg holds values that are no UInt64$"):
        cut(FIVE.with_columns(pl.lit(value).alias("mg")), 0, 1)


def test_an_account_has_20_bytes() -> None:
    with pytest.raises(ProofError, match=r"^column account holds values that are not 20 bytes$"):
        cut(line((A[:19], 1)), 0, 1)


@given(LINES, st.data())
@settings(deadline=None)  # columnar work on a busy machine
def test_an_interval_agrees_with_counting_mg_by_mg(rows: list[tuple[bytes, int]], data: st.DataObject) -> None:
    grams = [account for account, mg in rows for _ in range(mg)]
    start = data.draw(st.integers(0, len(grams)))
    length = data.draw(st.integers(0, len(grams) - start))
    inside = grams[start : start + length]
    expected = {account: inside.count(account) for account in sorted(set(inside))}
    assert cut(line(*rows), start, length).rows() == list(expected.items())
    plain = independent_market.inside([(0, account, mg) for account, mg in rows], start, length)
    assert interval(line(*rows), start, length).rows() == [(account, mg) for _, account, mg in plain]


@given(LINES, st.lists(st.integers(0, 100), max_size=4))
@settings(deadline=None)  # columnar work on a busy machine
def test_consecutive_intervals_are_the_whole_line(rows: list[tuple[bytes, int]], borders: list[int]) -> None:
    whole = line(*rows)
    length = sum(mg for _, mg in rows)
    ends = sorted({0, length, *(border for border in borders if border < length)})
    parts = [cut(whole, low, high - low) for low, high in pairwise(ends)]
    assert by_account(pl.concat([line(), *parts])).equals(cut(whole, 0, length))


@given(LINES, LINES)
@settings(deadline=None)  # columnar work on a busy machine
def test_what_enters_later_changes_no_interval(rows: list[tuple[bytes, int]], later: list[tuple[bytes, int]]) -> None:
    length = sum(mg for _, mg in rows)
    assert cut(line(*rows, *later), 0, length).equals(cut(line(*rows), 0, length))
