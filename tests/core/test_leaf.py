"""Trip leaves, openings and tags: one encoding, whether written one by one or a day at a time."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.core.leaf import (
    COMMITMENT_PREFIX,
    NUMBER_FIELDS,
    PERSONAL_FIELDS,
    Tagger,
    TripLeaf,
    canonical_column,
    canonical_fields,
    commitment,
    commitments,
    encode_leaves,
    fixed_bytes,
    journey_tags,
    netstring,
    parse_fields,
    tag_order,
)
from registry.errors import ProofError
from tests.core import independent

FIELDS: dict[str, Any] = dict(independent.TRIPS[0]["fields"])
CANONICAL = independent.netstrings([FIELDS[name] for name in independent.PERSONAL])
TAG, COMMITMENT = bytes(range(16)), bytes(range(32))
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(["罗湖", "1号线", ":,", "3:a,"])
OPENINGS = st.fixed_dictionaries(
    {name: st.none() | st.integers(-(2**63), 2**63 - 1) if name in NUMBER_FIELDS else TEXT for name in PERSONAL_FIELDS}
)


# --- the leaf ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 61, 63, 124])
def test_a_leaf_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(ProofError, match=rf"^a trip leaf has 62 bytes, this one has {size}$"):
        TripLeaf.decode(b"\x01" * size)


@pytest.mark.parametrize("kind", [0x00, 0x02, 0xFF])
def test_a_leaf_of_another_kind_is_refused(kind: int) -> None:
    with pytest.raises(ProofError, match=rf"^leaf kind is 0x{kind:02x}, a trip has 0x01$"):
        TripLeaf.decode(bytes([kind]) + bytes(61))


@given(st.integers(0, 255), st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1), st.binary(min_size=48, max_size=48))
def test_leaves_round_trip(mode: int, distance: int, reduction: int, rest: bytes) -> None:
    leaf = TripLeaf(mode, distance, reduction, rest[:16], rest[16:])
    assert leaf.encode() == independent.leaf(mode, distance, reduction, rest[:16], rest[16:])
    assert TripLeaf.decode(leaf.encode()) == leaf


def test_columns_of_leaves_encode_like_single_leaves() -> None:
    rows = [(1, 1, 26, TAG, COMMITMENT), (2, 200_000, 9_360_000, TAG[::-1], COMMITMENT[::-1])]
    schema = {
        "mode": pl.UInt8(),
        "distance_m": pl.UInt32(),
        "reduction_mg": pl.UInt64(),
        "tag": pl.Binary(),
        "commitment": pl.Binary(),
    }
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    assert encode_leaves(frame) == b"".join(independent.leaf(*row) for row in rows)
    assert encode_leaves(frame.clear()) == b""


@pytest.mark.parametrize(
    "values", [[b"a" * 15], [b"a" * 17], [b"a" * 15, b"a" * 17], [b""], [None], [b"a" * 16, None], [b"a" * 32, None]]
)
def test_columns_of_other_widths_are_refused(values: list[bytes | None]) -> None:
    with pytest.raises(ProofError, match=r"^column tag holds values that are not 16 bytes$"):
        fixed_bytes(pl.Series("tag", values, pl.Binary), 16)


LEAF_FRAME = pl.DataFrame(
    {"mode": [1], "distance_m": [1], "reduction_mg": [26], "tag": [TAG], "commitment": [COMMITMENT]}
)


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("mode", 256, "UInt8"),
        ("mode", None, "UInt8"),
        ("distance_m", 2**32, "UInt32"),
        ("distance_m", -1, "UInt32"),
        ("reduction_mg", None, "UInt64"),
        ("reduction_mg", -1, "UInt64"),
        ("reduction_mg", 26.9, "UInt64"),
        ("reduction_mg", "26", "UInt64"),
    ],
)
def test_a_number_that_does_not_fit_the_leaf_is_refused_and_not_cut(name: str, value: object, kind: str) -> None:
    # Cut to size, 2**32 + 1 m would hash as 1 m; an absent reduction as none or as 2**63 mg.
    with pytest.raises(ProofError, match=rf"^column {name} holds values that are no {kind}$"):
        encode_leaves(LEAF_FRAME.with_columns(pl.lit(value).alias(name)))


# --- canonical fields ----------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", PERSONAL_FIELDS)
def test_every_field_is_needed(missing: str) -> None:
    fields = {name: value for name, value in FIELDS.items() if name != missing}
    with pytest.raises(ProofError, match=rf"^opening has missing or unknown fields: {missing}$"):
        canonical_fields(fields)


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(ProofError, match=r"^opening has missing or unknown fields: name, phone$"):
        canonical_fields({**FIELDS, "phone": "1", "name": "2"})


def test_text_that_is_no_unicode_is_refused() -> None:
    with pytest.raises(ProofError, match=r"^an opened field is no Unicode text$"):
        canonical_fields({**FIELDS, "line": "\ud800"})


@pytest.mark.parametrize(
    ("old", "new", "at"),
    [
        (b"3:szt,", b"03:szt,", None),  # a length with a leading zero
        (b"3:500,", b"3:007,", None),  # a number with leading zeros
        (b"3:500,", b"2:+5,", None),
        (b"3:500,", b"2:-0,", None),
        (b"3:500,", b"2: 5,", None),
        (b"3:500,", b"3:5_0,", None),
        (b"3:500,", "3:５,".encode(), None),  # a digit that is not ASCII
        (b"3:500,", b"3:abc,", "fare_fen"),
        (b"3:500,", b"1:5.,", "fare_fen"),
        (b"3:500,", b"3:500", "fare_fen"),
        (b"3:500,", b"4:500,", "fare_fen"),
        (b"3:500,", b"9999999:500,", "fare_fen"),
        (b"3:500,", b"99999999:500,", "fare_fen"),
        (b"3:500,", b"-1:500,", "fare_fen"),
        (b"3:500,", b"3:500,0:,", None),
        (b"3:500,", b"3:500,\n", None),
        (b"3:500,", b"", "fare_fen"),
        (b"3:szt,", b":szt,", "source"),
        (b"3:szt,", b"2:szt,", "source"),
        (b"3:szt,", b"1:\xff,", "source"),
        (b"3:szt,", b"", "consent_at"),  # every field one place early
    ],
)
def test_a_parser_refuses_what_is_not_canonical(old: bytes, new: bytes, at: str | None) -> None:
    assert CANONICAL.count(old) == 1
    message = "opening is not canonical" + (f" at field {at}" if at else "")
    with pytest.raises(ProofError, match=rf"^{message}$"):
        parse_fields(CANONICAL.replace(old, new))


def test_an_empty_opening_is_not_canonical() -> None:
    with pytest.raises(ProofError, match=r"^opening is not canonical at field source$"):
        parse_fields(b"")


def test_the_border_between_fields_cannot_be_moved() -> None:
    # Concatenated, "A-1" + "1" and "A-" + "11" are the same text; as netstrings they are not.
    one = canonical_fields({**FIELDS, "account_id": "A-1", "trip_id": "1"})
    other = canonical_fields({**FIELDS, "account_id": "A-", "trip_id": "11"})
    assert one != other
    inside = canonical_fields({**FIELDS, "line": "1,3:罗湖", "board_stop": ""})
    assert parse_fields(inside)["line"] == "1,3:罗湖"


def test_lengths_count_bytes_not_characters() -> None:
    assert netstring("罗湖") == "6:罗湖,".encode()
    assert netstring(None) == netstring("") == b"0:,"
    assert netstring(0) == b"1:0,"


@given(OPENINGS)
def test_openings_round_trip(fields: dict[str, Any]) -> None:
    canonical = canonical_fields(fields)
    assert canonical == independent.netstrings([fields[name] for name in independent.PERSONAL])
    assert parse_fields(canonical) == fields


@given(st.binary(max_size=120))
def test_a_parser_accepts_only_what_it_would_write(content: bytes) -> None:
    try:
        fields = parse_fields(content)
    except ProofError:
        return
    assert canonical_fields(fields) == content


@given(st.integers(0, len(CANONICAL) - 1), st.integers(0, 7))
def test_a_flipped_bit_never_reads_as_the_same_opening(at: int, bit: int) -> None:
    changed = bytearray(CANONICAL)
    changed[at] ^= 1 << bit
    try:
        fields = parse_fields(bytes(changed))
    except ProofError:
        return
    assert fields != FIELDS


@given(st.lists(OPENINGS, max_size=4), st.binary(min_size=20, max_size=20))
@settings(max_examples=30)
def test_a_column_of_openings_is_written_like_single_ones(rows: list[dict[str, Any]], wallet: bytes) -> None:
    schema = {name: pl.Int64() if name in NUMBER_FIELDS else pl.String() for name in PERSONAL_FIELDS[1:]}
    frame = pl.DataFrame([{name: row[name] for name in schema} for row in rows], schema=schema)
    column = canonical_column(frame.with_columns(pl.lit(wallet).alias("wallet")), "szt")
    single = [canonical_fields({**row, "source": "szt", "wallet": wallet.hex()}) for row in rows]
    assert column.to_list() == single


# --- commitment and tag ------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 15, 17, 32])
def test_a_salt_has_16_bytes(size: int) -> None:
    with pytest.raises(ProofError, match=rf"^a salt has 16 bytes, this one has {size}$"):
        commitment(bytes(size), CANONICAL)


def test_commitments_differ_by_salt_and_by_every_field() -> None:
    salts = (bytes(16), bytes(15) + b"\1")
    changed = [{**FIELDS, name: 1 if name in NUMBER_FIELDS else "?"} for name in PERSONAL_FIELDS]
    openings = [CANONICAL, *map(canonical_fields, changed)]
    made = {commitment(salt, canonical) for salt in salts for canonical in openings}
    assert len(made) == 2 * (1 + len(PERSONAL_FIELDS))


@given(st.lists(st.tuples(st.binary(min_size=16, max_size=16), st.binary(max_size=80)), max_size=5))
def test_a_column_of_commitments_is_made_like_single_ones(rows: list[tuple[bytes, bytes]]) -> None:
    column = pl.Series([row[1] for row in rows], dtype=pl.Binary)
    expected = [hashlib.sha256(b"puhui/trip/v1" + salt + content).digest() for salt, content in rows]
    assert commitments(b"".join(row[0] for row in rows), column) == expected
    assert [commitment(*row) for row in rows] == expected
    assert COMMITMENT_PREFIX == b"puhui/trip/v1"


def test_commitments_need_one_salt_a_row() -> None:
    with pytest.raises(ValueError, match=r"^one salt a row is needed$"):
        commitments(bytes(31), pl.Series([b"a", b"b"], dtype=pl.Binary))


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_a_day_key_has_32_bytes(size: int) -> None:
    with pytest.raises(ValueError, match=r"^a day key has 32 bytes$"):
        Tagger(bytes(size))


@given(st.binary(min_size=32, max_size=32), st.lists(st.binary(max_size=200), max_size=3))
def test_tags_are_hmac_sha256_cut_to_16_bytes(key: bytes, journeys: list[bytes]) -> None:
    tagger = Tagger(key)
    assert [tagger.tag(j) for j in journeys] == [hmac.digest(key, j, "sha256")[:16] for j in journeys]


@given(st.lists(st.tuples(TEXT, st.integers(0, 2**40), TEXT), max_size=5))
def test_a_column_of_tags_is_made_of_carrier_time_and_stop(rows: list[tuple[str, int, str]]) -> None:
    schema = {"carrier_ref": pl.String(), "board_time": pl.Int64(), "board_stop": pl.String()}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    key = bytes(range(32))
    expected = [hmac.digest(key, independent.netstrings(list(row)), "sha256")[:16] for row in rows]
    assert journey_tags(frame, key) == expected


@given(st.lists(st.binary(min_size=16, max_size=16)))
def test_tags_are_ordered_as_bytes(tags: list[bytes]) -> None:
    assert [tags[i] for i in tag_order(tags)] == sorted(tags)
