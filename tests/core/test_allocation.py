"""Largest remainder: to the fen, the same in both forms, exact whatever the size."""

from __future__ import annotations

import json
import random
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.core.allocation import MAX_TOTAL_FEN, SCHEMA, split, split_frame
from registry.errors import ProofError, VerificationError
from registry.units import U64_MAX
from tests.core.independent_market import largest_remainder

GOLDEN = json.loads((Path(__file__).parents[1] / "vectors" / "golden_vectors.json").read_text("utf-8"))["allocation"]
A, B, C = (bytes([n]) * 20 for n in (0x0A, 0x7F, 0xF0))

amounts = st.one_of(st.integers(0, 5), st.integers(0, 2**63), st.integers(2**62, U64_MAX))
weightings = st.dictionaries(st.binary(min_size=20, max_size=20), amounts, min_size=1, max_size=12).filter(
    lambda weights: sum(weights.values()) > 0
)


def frame(weights: dict[bytes, int]) -> pl.DataFrame:
    schema = {"account": pl.Binary(), "mg": pl.UInt64()}
    return pl.DataFrame(list(weights.items()), schema=schema, orient="row")


def test_the_golden_vectors_are_these() -> None:
    assert [vector["id"] for vector in GOLDEN] == ["PR-03", "PR-04"]


@pytest.mark.parametrize("vector", GOLDEN, ids=lambda vector: vector["id"])
def test_golden_vectors(vector: dict[str, object]) -> None:
    total, weights, shares = vector["total_fen"], vector["weights"], vector["shares_fen"]
    assert isinstance(total, int)
    assert isinstance(weights, dict)
    assert isinstance(shares, dict)
    assert split(total, weights) == shares
    accounts = {key: key.encode().rjust(20, b"\0") for key in weights}
    found = split_frame(total, frame({accounts[key]: weight for key, weight in weights.items()}))
    assert found.rows() == [(accounts[key], shares[key]) for key in sorted(shares)]


@given(st.integers(0, MAX_TOTAL_FEN), weightings)
@settings(deadline=None)  # columnar work on a busy machine
def test_both_forms_agree_with_each_other_and_with_fractions(total: int, weights: dict[bytes, int]) -> None:
    shares = split(total, weights)
    assert shares == largest_remainder(total, weights)
    found = split_frame(total, frame(weights))
    assert found.schema == SCHEMA
    assert found.rows() == list(shares.items()) == sorted(shares.items())
    assert sum(shares.values()) == total
    whole = sum(weights.values())
    for key, fen in shares.items():
        assert 0 <= fen - total * weights[key] // whole <= 1
        assert weights[key] or not fen


@given(st.integers(0, 1000), weightings, st.randoms(use_true_random=False))
@settings(deadline=None)  # columnar work on a busy machine
def test_the_order_of_rows_changes_nothing(total: int, weights: dict[bytes, int], shuffler: random.Random) -> None:
    rows = list(weights.items())
    shuffler.shuffle(rows)
    assert split_frame(total, frame(dict(rows))).equals(split_frame(total, frame(weights)))
    assert list(split(total, dict(rows)).items()) == list(split(total, weights).items())


def test_equal_remainders_go_by_key() -> None:
    assert split(2, {C: 1, A: 1, B: 1}) == {A: 1, B: 1, C: 0}
    assert split_frame(2, frame({C: 1, A: 1, B: 1})).rows() == [(A, 1), (B, 1), (C, 0)]
    assert split(7, {"é": 1, "b": 1, "a": 1, "z": 1}) == {"a": 2, "b": 2, "z": 2, "é": 1}


def test_a_weight_of_0_gets_nothing() -> None:
    assert split(5, {A: 0, B: 3, C: 0}) == {A: 0, B: 5, C: 0}
    assert split_frame(5, frame({A: 0, B: 3, C: 0})).rows() == [(A, 0), (B, 5), (C, 0)]


def test_nothing_is_split_into_nothing() -> None:
    assert split(0, {A: 2, B: 1}) == {A: 0, B: 0}
    assert split_frame(0, frame({A: 2, B: 1})).rows() == [(A, 0), (B, 0)]


def test_sums_beyond_64_bits_are_exact() -> None:
    # Each product needs 127 bits and the sum of weights 66: a wrapped or rounded step would not add up.
    weights = {bytes([n]) * 20: U64_MAX - n for n in range(5)}
    shares = split(MAX_TOTAL_FEN, weights)
    assert split_frame(MAX_TOTAL_FEN, frame(weights)).rows() == list(shares.items())
    # The quotas are 1844674407370955161 and 0.8, 0.7, 0.6, 0.5, 0.4, so three fen are left over.
    assert list(shares.values()) == [1844674407370955162] * 3 + [1844674407370955161] * 2


@pytest.mark.parametrize("weights", [{}, {A: 0}, {A: 0, B: 0}])
@pytest.mark.parametrize("total", [0, 7])
def test_without_weights_nothing_can_be_split(weights: dict[bytes, int], total: int) -> None:
    for attempt in (lambda: split(total, weights), lambda: split_frame(total, frame(weights))):
        with pytest.raises(VerificationError) as raised:
            attempt()
        assert raised.value.message == f"{total} fen cannot be split: there are no weights"


@pytest.mark.parametrize("total", [-1, MAX_TOTAL_FEN + 1])
def test_a_total_out_of_range_is_refused(total: int) -> None:
    for attempt in (lambda: split(total, {A: 1}), lambda: split_frame(total, frame({A: 1}))):
        with pytest.raises(VerificationError) as raised:
            attempt()
        assert raised.value.message == f"{total} fen cannot be split: it is not from 0 to 9223372036854775808"


@pytest.mark.parametrize("weight", [-1, U64_MAX + 1])
def test_a_weight_out_of_range_is_refused(weight: int) -> None:
    with pytest.raises(VerificationError, match=r"^a weight is not from 0 to 18446744073709551615$"):
        split(1, {A: 1, B: weight})


def test_rows_that_are_no_weights_are_refused() -> None:
    with pytest.raises(VerificationError, match=r"^an account stands twice among the weights$"):
        split_frame(1, pl.concat([frame({A: 1}), frame({A: 1})]))
    with pytest.raises(ProofError, match=r"^column account holds values that are not 20 bytes$"):
        split_frame(1, frame({A[:19]: 1}))
    for value in (None, -1, 1.5):
        with pytest.raises(ProofError, match=r"^column mg holds values that are no UInt64$"):
            split_frame(1, frame({A: 1}).with_columns(pl.lit(value).alias("mg")))
