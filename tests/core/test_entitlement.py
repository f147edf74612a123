"""Entitlements: one leaf an account and class, in order, adding up."""

from __future__ import annotations

from collections import defaultdict

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.core.entitlement import (
    SCHEMA,
    Entitlement,
    accumulate,
    contributed,
    conversions,
    earned_by_account,
    empty,
    encode_entitlements,
    require_ascending,
    root_of,
)
from registry.errors import ProofError, VerificationError
from registry.units import U64_MAX
from tests.core import independent

A, B, C = (bytes([n]) * 20 for n in (0x0A, 0x7F, 0xF0))
Y25, Y26 = 1 << 16 | 2025, 1 << 16 | 2026


def frame(*rows: tuple[object, ...]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=SCHEMA, orient="row")


def earned(*rows: tuple[bytes, int, int]) -> pl.DataFrame:
    schema = {"account": pl.Binary(), "class": pl.UInt64(), "earned_mg": pl.UInt64()}
    return pl.DataFrame(list(rows), schema=schema, orient="row")


@pytest.mark.parametrize(
    "keys",
    [
        [(B, Y26), (A, Y26)],  # accounts descend
        [(A, Y26), (A, Y25)],  # classes descend
        [(A, Y26), (A, Y26)],  # one account twice in a class
        [(A, Y25), (C, Y25), (B, Y25)],
        [(A, Y26), (B, Y25), (B, Y25)],
    ],
)
def test_rows_that_do_not_ascend_strictly_are_refused(keys: list[tuple[bytes, int]]) -> None:
    rows = frame(*((account, class_id, 1, 0) for account, class_id in keys))
    with pytest.raises(ProofError) as raised:
        encode_entitlements(rows)
    assert raised.value.message == f"entitlements are not strictly ascending by account and class ({len(keys)} rows)"


@pytest.mark.parametrize("account", [b"", A[:19], A + b"\0", None])
def test_an_account_has_20_bytes(account: bytes | None) -> None:
    with pytest.raises(ProofError, match=r"^column account holds values that are not 20 bytes$"):
        encode_entitlements(frame((account, Y26, 1, 0)))


@pytest.mark.parametrize("column", ["class", "earned_mg", "converted_mg"])
@pytest.mark.parametrize("value", [None, -1, 1.5])
def test_an_amount_is_an_unsigned_integer(column: str, value: object) -> None:
    with pytest.raises(ProofError, match=rf"^column {column} holds values that are no UInt64$"):
        encode_entitlements(frame((A, Y26, 1, 0)).with_columns(pl.lit(value).alias(column)))


def test_nothing_encodes_to_nothing() -> None:
    assert encode_entitlements(empty()) == b""
    assert root_of(empty()) == independent.tree_hash([])


def test_accounts_are_ordered_as_bytes_and_not_as_signed_or_as_text() -> None:
    rows = frame((A, Y25, 1, 0), (A, Y26, 2, 0), (B, Y25, 3, 1), (C, 0, 4, 4))
    expected = [independent.entitlement(*row) for row in rows.rows()]
    assert encode_entitlements(rows) == b"".join(expected)
    assert root_of(rows) == independent.tree_hash(expected)


@given(
    st.binary(min_size=20, max_size=20),
    st.integers(0, U64_MAX),
    st.integers(0, 2**128 - 1),
    st.integers(0, 2**128 - 1),
)
def test_one_leaf(account: bytes, class_id: int, earned_mg: int, converted_mg: int) -> None:
    leaf = Entitlement(account, class_id, earned_mg, converted_mg).encode()
    assert leaf == independent.entitlement(account, class_id, earned_mg, converted_mg)
    assert len(leaf) == 61


@given(
    st.dictionaries(
        st.tuples(st.binary(min_size=20, max_size=20), st.integers(0, U64_MAX)),
        st.tuples(st.integers(0, U64_MAX), st.integers(0, U64_MAX)),
        max_size=6,
    )
)
def test_columns_encode_like_single_leaves(content: dict[tuple[bytes, int], tuple[int, int]]) -> None:
    rows = [(*key, *content[key]) for key in sorted(content)]
    leaves = [Entitlement(*row).encode() for row in rows]
    assert encode_entitlements(frame(*rows)) == b"".join(leaves)
    assert root_of(frame(*rows)) == independent.tree_hash(leaves)


@given(st.lists(st.tuples(st.sampled_from([A, B, C]), st.integers(0, 10**12)), max_size=20))
def test_earnings_add_up_by_account(trips: list[tuple[bytes, int]]) -> None:
    wallets = pl.Series([wallet for wallet, _ in trips], dtype=pl.Binary)
    reductions = pl.Series([mg for _, mg in trips], dtype=pl.UInt64)
    made = earned_by_account(wallets, reductions, Y26)
    assert made.schema == {"account": pl.Binary(), "class": pl.UInt64(), "earned_mg": pl.UInt64()}
    sums: dict[bytes, int] = defaultdict(int)
    for wallet, mg in trips:
        sums[wallet] += mg
    assert sorted(made.rows()) == sorted((wallet, Y26, mg) for wallet, mg in sums.items())


def test_an_epoch_adds_to_the_one_before_and_keeps_what_was_converted() -> None:
    before = frame((A, Y25, 100, 40), (B, Y26, 7, 0))
    after = accumulate(before, [earned((C, Y26, 5), (A, Y26, 1)), earned((A, Y25, 10), (A, Y26, 2))])
    assert after.rows() == [(A, Y25, 110, 40), (A, Y26, 3, 0), (B, Y26, 7, 0), (C, Y26, 5, 0)]
    assert after.schema == SCHEMA
    encode_entitlements(after)


def test_an_epoch_of_nothing_new_is_the_one_before() -> None:
    before = frame((A, Y25, 100, 40), (B, Y26, 7, 0))
    assert accumulate(before, []).equals(before)
    assert accumulate(empty(), []).equals(empty())


@given(st.lists(st.lists(st.tuples(st.sampled_from([A, B, C]), st.sampled_from([Y25, Y26]), st.integers(0, 10**9)))))
def test_the_order_of_batches_changes_nothing(batches: list[list[tuple[bytes, int, int]]]) -> None:
    frames = [earned(*rows) for rows in batches]
    forwards, backwards = accumulate(empty(), frames), accumulate(empty(), frames[::-1])
    assert forwards.equals(backwards)
    assert int(forwards["earned_mg"].sum()) == sum(mg for rows in batches for _, _, mg in rows)
    one_by_one = empty()
    for each in frames:
        one_by_one = accumulate(one_by_one, [each])
    assert one_by_one.equals(forwards)


# --- standing mandates ------------------------------------------------------------------------------------


def test_what_is_earned_under_a_mandate_is_converted() -> None:
    before = frame((A, Y25, 100, 40), (B, Y26, 7, 0))
    new = [earned((A, Y25, 10), (B, Y26, 5)), earned((A, Y26, 2), (B, Y26, 1), (C, Y26, 3))]
    after = accumulate(before, new, pl.Series([C, A]))
    # What was earned before the mandate stays claimable, and so does all that B earns.
    assert after.rows() == [(A, Y25, 110, 50), (A, Y26, 2, 2), (B, Y26, 13, 0), (C, Y26, 3, 3)]
    assert after.schema == SCHEMA
    assert accumulate(before, new, {A, C}).equals(after)
    assert accumulate(before, new, [A, C, A]).equals(after)


def test_a_mandate_of_someone_who_earned_nothing_changes_nothing() -> None:
    before = frame((A, Y25, 100, 40), (B, Y26, 7, 0))
    assert accumulate(before, [], {A, B}).equals(before)
    assert accumulate(before, [earned((A, Y25, 1))], {B, C}).equals(accumulate(before, [earned((A, Y25, 1))]))
    assert accumulate(before, [earned((A, Y25, 1))], pl.Series([], dtype=pl.Binary)).equals(
        accumulate(before, [earned((A, Y25, 1))])
    )


EARNINGS = st.lists(
    st.tuples(st.sampled_from([A, B, C]), st.sampled_from([Y25, Y26]), st.integers(0, 10**9)), max_size=9
)


@given(st.lists(st.tuples(EARNINGS, st.sets(st.sampled_from([A, B, C]))), max_size=4))
@settings(deadline=None)  # columnar work on a busy machine
def test_what_may_be_claimed_never_falls(epochs: list[tuple[list[tuple[bytes, int, int]], set[bytes]]]) -> None:
    standing, claimable = empty(), defaultdict[tuple[bytes, int], int](int)
    for rows, mandated in epochs:
        current = accumulate(standing, [earned(*rows)], mandated)
        converted: dict[int, int] = defaultdict(int)
        entered: dict[tuple[bytes, int], int] = defaultdict(int)
        for account, class_id, mg in rows:
            if account in mandated:
                converted[class_id] += mg
                entered[account, class_id] += mg
            else:
                claimable[account, class_id] += mg
        assert conversions(standing, current) == sorted((c, mg) for c, mg in converted.items() if mg)
        assert contributed(standing, current).rows() == sorted((*key, mg) for key, mg in entered.items() if mg)
        for account, class_id, all_earned, all_converted in current.rows():
            assert all_earned - all_converted == claimable[account, class_id]
        standing = current


def test_conversions_of_an_epoch_are_by_class_and_contributions_by_account() -> None:
    before = frame((A, Y25, 100, 40), (A, Y26, 9, 9), (B, Y26, 7, 0))
    after = frame((A, Y25, 100, 40), (A, Y26, 20, 12), (B, Y25, 6, 6), (B, Y26, 8, 1), (C, Y26, 5, 0))
    found = contributed(before, after)
    assert found.rows() == [(A, Y26, 3), (B, Y25, 6), (B, Y26, 1)]
    assert found.schema == {"account": pl.Binary(), "class": pl.UInt64(), "mg": pl.UInt64()}
    assert conversions(before, after) == [(Y25, 6), (Y26, 4)]
    assert (conversions(after, after), contributed(empty(), empty()).rows()) == ([], [])


@pytest.mark.parametrize(
    ("after", "now"), [([(A, Y25, 100, 39), (B, Y26, 7, 5)], 39), ([(B, Y26, 7, 5)], 0), ([(A, Y26, 100, 40)], 0)]
)
def test_what_was_converted_cannot_fall(after: list[tuple[object, ...]], now: int) -> None:
    before = frame((A, Y25, 100, 40), (B, Y26, 7, 0))
    for read in (contributed, conversions):
        with pytest.raises(VerificationError) as raised:
            read(before, frame(*after))
        expected = f"account 0x{A.hex()} class {Y25}: {now} mg converted, 40 mg in the epoch before"
        assert raised.value.message == expected


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 2)), max_size=5))
def test_rows_ascend_by_all_their_keys(rows: list[tuple[int, int, int]]) -> None:
    table = pl.DataFrame(rows, schema=["a", "b", "c"], orient="row")
    if rows == sorted(set(rows)):
        require_ascending(table, ("a", "b", "c"), "rows")
        return
    with pytest.raises(ProofError) as raised:
        require_ascending(table, ("a", "b", "c"), "rows")
    assert raised.value.message == f"rows are not strictly ascending by a and b and c ({len(rows)} rows)"
