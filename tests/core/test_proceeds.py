"""Proceeds: one leaf an account, in order, adding up to the fen."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.core.merkle import leaf_hashes
from registry.core.proceeds import (
    PROCEEDS_SIZE,
    SCHEMA,
    ProceedsLeaf,
    accumulate,
    empty,
    encode_proceeds,
    root_of,
    total_fen,
)
from registry.errors import ProofError, VerificationError
from registry.units import U64_MAX
from tests.core import independent, independent_market

A, B, C = (bytes([n]) * 20 for n in (0x0A, 0x7F, 0xF0))
accounts = st.binary(min_size=20, max_size=20)


def frame(*rows: tuple[object, ...]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=SCHEMA, orient="row")


@given(accounts, st.integers(0, 2**128 - 1))
def test_one_leaf(account: bytes, fen: int) -> None:
    leaf = ProceedsLeaf(account, fen).encode()
    assert leaf == independent_market.proceeds(account, fen)
    assert len(leaf) == PROCEEDS_SIZE == 37


@given(st.dictionaries(accounts, st.integers(0, U64_MAX), max_size=6))
@settings(deadline=None)  # columnar work on a busy machine
def test_columns_encode_like_single_leaves(due: dict[bytes, int]) -> None:
    rows = sorted(due.items())
    leaves = [ProceedsLeaf(*row).encode() for row in rows]
    assert encode_proceeds(frame(*rows)) == b"".join(leaves)
    assert root_of(frame(*rows)) == independent.tree_hash(leaves)
    assert leaf_hashes(b"".join(leaves), PROCEEDS_SIZE) == [independent.sha256(b"\0" + leaf) for leaf in leaves]
    assert total_fen(frame(*rows)) == sum(due.values())


def test_nothing_encodes_to_nothing() -> None:
    assert encode_proceeds(empty()) == b""
    assert root_of(empty()) == independent.tree_hash([])
    assert total_fen(empty()) == 0


@pytest.mark.parametrize("order", [(B, A), (A, A), (A, C, B)])
def test_rows_that_do_not_ascend_strictly_are_refused(order: tuple[bytes, ...]) -> None:
    with pytest.raises(ProofError) as raised:
        encode_proceeds(frame(*((account, 1) for account in order)))
    assert raised.value.message == f"proceeds are not strictly ascending by account ({len(order)} rows)"


@pytest.mark.parametrize("account", [b"", A[:19], A + b"\0", None])
def test_an_account_has_20_bytes(account: bytes | None) -> None:
    with pytest.raises(ProofError, match=r"^column account holds values that are not 20 bytes$"):
        encode_proceeds(frame((account, 1)))


@pytest.mark.parametrize("value", [None, -1, 1.5])
def test_an_amount_is_an_unsigned_integer(value: object) -> None:
    with pytest.raises(ProofError, match=r"^column fen holds values that are no UInt64$"):
        encode_proceeds(frame((A, 1)).with_columns(pl.lit(value).alias("fen")))


def test_a_run_adds_to_the_one_before() -> None:
    after = accumulate(frame((A, 100), (B, 7)), [frame((C, 5), (A, 1)), frame((A, 2), (B, 0))])
    assert after.rows() == [(A, 103), (B, 7), (C, 5)]
    assert after.schema == SCHEMA
    encode_proceeds(after)


def test_who_is_due_nothing_has_no_leaf() -> None:
    assert accumulate(empty(), [frame((A, 0), (B, 1))]).rows() == [(B, 1)]


def test_a_run_of_nothing_new_is_the_one_before() -> None:
    before = frame((A, 100), (B, 7))
    assert accumulate(before, []).equals(before)
    assert accumulate(empty(), []).equals(empty())


def test_columns_beside_account_and_fen_are_left_out() -> None:
    allocated = frame((A, 3)).with_columns(pl.lit(1, pl.UInt32).alias("issuance"))
    assert accumulate(empty(), [allocated.select("issuance", "fen", "account")]).rows() == [(A, 3)]


def test_a_sum_beyond_64_bits_is_refused_and_not_wrapped() -> None:
    assert accumulate(frame((A, U64_MAX - 1)), [frame((A, 1))]).rows() == [(A, U64_MAX)]
    with pytest.raises(VerificationError, match=r"^an account is due 2\*\*64 fen or more$"):
        accumulate(frame((A, U64_MAX)), [frame((A, 1))])
    assert total_fen(frame((A, U64_MAX), (B, U64_MAX))) == 2 * U64_MAX


@given(st.lists(st.lists(st.tuples(st.sampled_from([A, B, C]), st.integers(0, 10**9)), max_size=8), max_size=5))
@settings(deadline=None)  # columnar work on a busy machine
def test_the_order_of_allocations_changes_nothing(allocations: list[list[tuple[bytes, int]]]) -> None:
    frames = [frame(*rows) for rows in allocations]
    forwards = accumulate(empty(), frames)
    assert forwards.equals(accumulate(empty(), frames[::-1]))
    assert total_fen(forwards) == sum(fen for rows in allocations for _, fen in rows)
    one_by_one = empty()
    for each in frames:
        one_by_one = accumulate(one_by_one, [each])
    assert one_by_one.equals(forwards)
