"""The trip leaf: a clear part anyone can recompute, and a commitment that hides the person.

    kind u8 (0x01) | mode u8 | distance_m u32 | reduction_mg u64 | tag 16 | commitment 32     (62 bytes, big-endian)

    commitment = SHA-256("puhui/trip/v1" | salt 16 | personal fields, canonical)
    tag        = HMAC-SHA256(day key, carrier_ref, board_time, board_stop)[:16]

Canonical fields are netstrings (`<byte length>:<UTF-8 bytes>,`) in the order of `PERSONAL_FIELDS`; numbers are
decimal, an absent number is the empty netstring, a wallet is 40 lower-case hex digits. See FORMAT.md for vectors.
Single values go through `TripLeaf`; a day's millions go through the columnar functions, which give the same bytes.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from registry.errors import ProofError

TRIP_KIND: Final = 0x01
LEAF_SIZE: Final = 62
TAG_SIZE: Final = 16
SALT_SIZE: Final = 16
COMMITMENT_PREFIX: Final = b"puhui/trip/v1"
_LAYOUT: Final = struct.Struct(">BBIQ16s32s")
_COLUMNAR: Final = np.dtype(
    [
        ("kind", "u1"),
        ("mode", "u1"),
        ("distance_m", ">u4"),
        ("reduction_mg", ">u8"),
        ("tag", "u1", (TAG_SIZE,)),
        ("commitment", "u1", (32,)),
    ]
)

PERSONAL_FIELDS: Final = (
    "source",
    "trip_id",
    "account_id",
    "wallet",
    "consent_at",
    "carrier_ref",
    "line",
    "board_stop",
    "board_time",
    "alight_stop",
    "alight_time",
    "fare_fen",
)
NUMBER_FIELDS: Final = frozenset({"consent_at", "board_time", "alight_time", "fare_fen"})

Value = str | int | None


@dataclass(frozen=True)
class TripLeaf:
    """One leaf; distance in m, reduction in mg, tag 16 bytes, commitment 32 bytes."""

    mode: int
    distance_m: int
    reduction_mg: int
    tag: bytes
    commitment: bytes

    def encode(self) -> bytes:
        """The 62 bytes that are hashed into the tree."""
        return _LAYOUT.pack(TRIP_KIND, self.mode, self.distance_m, self.reduction_mg, self.tag, self.commitment)

    @classmethod
    def decode(cls, data: bytes) -> TripLeaf:
        """Parse 62 bytes; raises ProofError on another length or kind."""
        if len(data) != LEAF_SIZE:
            raise ProofError(f"a trip leaf has {LEAF_SIZE} bytes, this one has {len(data)}", expected=LEAF_SIZE)
        kind, mode, distance_m, reduction_mg, tag, commitment = _LAYOUT.unpack(data)
        if kind != TRIP_KIND:
            raise ProofError(f"leaf kind is 0x{kind:02x}, a trip has 0x{TRIP_KIND:02x}")
        return cls(mode, distance_m, reduction_mg, tag, commitment)


def netstring(value: Value) -> bytes:
    """One canonical field."""
    text = b"" if value is None else str(value).encode()
    return b"%d:%s," % (len(text), text)


def canonical_fields(fields: Mapping[str, Value]) -> bytes:
    """The personal fields of one trip in canonical form; raises ProofError when one is missing or unknown."""
    if set(fields) != set(PERSONAL_FIELDS):
        odd = sorted(set(fields) ^ set(PERSONAL_FIELDS))
        raise ProofError(f"opening has missing or unknown fields: {', '.join(odd)}")
    try:
        return b"".join(netstring(fields[name]) for name in PERSONAL_FIELDS)
    except UnicodeEncodeError as error:
        raise ProofError("an opened field is no Unicode text") from error


def parse_fields(data: bytes) -> dict[str, Value]:
    """The inverse of `canonical_fields`; raises ProofError on anything not canonical."""
    fields: dict[str, Value] = {}
    at = 0
    for name in PERSONAL_FIELDS:
        colon = data.find(b":", at, at + 8)
        size = data[at:colon] if colon > 0 else b""
        end = colon + 1 + int(size) if size.isdigit() else len(data) + 1
        if end >= len(data) or data[end : end + 1] != b",":
            raise ProofError(f"opening is not canonical at field {name}")
        try:
            text = data[colon + 1 : end].decode()
            fields[name] = (int(text) if text else None) if name in NUMBER_FIELDS else text
        except ValueError as error:
            raise ProofError(f"opening is not canonical at field {name}") from error
        at = end + 1
    if at != len(data) or canonical_fields(fields) != data:
        raise ProofError("opening is not canonical")
    return fields


def commitment(salt: bytes, canonical: bytes) -> bytes:
    """The commitment to canonical fields under a 16-byte salt."""
    if len(salt) != SALT_SIZE:
        raise ProofError(f"a salt has {SALT_SIZE} bytes, this one has {len(salt)}")
    return hashlib.sha256(COMMITMENT_PREFIX + salt + canonical).digest()


class Tagger:
    """HMAC-SHA256 under one service day's key, with the key schedule done once."""

    def __init__(self, day_key: bytes) -> None:
        if len(day_key) != 32:
            raise ValueError("a day key has 32 bytes")
        block = day_key.ljust(64, b"\0")
        self._inner = hashlib.sha256(bytes(b ^ 0x36 for b in block))
        self._outer = hashlib.sha256(bytes(b ^ 0x5C for b in block))

    def tag(self, journey: bytes) -> bytes:
        """The tag of a canonical journey key (netstrings of carrier_ref, board_time, board_stop)."""
        return self.tags([journey])[0]

    def tags(self, journeys: Iterable[bytes]) -> list[bytes]:
        """The tags of many canonical journey keys."""
        tags = []
        for journey in journeys:  # the hot loop of sealing: no call a row that can be spared
            inner, outer = self._inner.copy(), self._outer.copy()
            inner.update(journey)
            outer.update(inner.digest())
            tags.append(outer.digest()[:TAG_SIZE])
        return tags


# --- columnar ------------------------------------------------------------------------------------


def netstrings(columns: Sequence[str]) -> pl.Expr:
    """The named columns (strings or integers) of a frame as one string of netstrings a row."""
    parts: list[pl.Expr] = []
    for name in columns:
        text = pl.col(name).cast(pl.String).fill_null("")
        parts += [text.str.len_bytes().cast(pl.String), pl.lit(":"), text, pl.lit(",")]
    return pl.concat_str(parts)


def canonical_column(frame: pl.DataFrame, source: str) -> pl.Series:
    """Canonical personal fields of every row; `frame` has them as columns but for `source`, wallet as 20 bytes."""
    ready = frame.with_columns(pl.lit(source).alias("source"), pl.col("wallet").bin.encode("hex"))
    return ready.select(netstrings(PERSONAL_FIELDS).cast(pl.Binary)).to_series()


def journey_tags(frame: pl.DataFrame, day_key: bytes) -> list[bytes]:
    """The tag of every row of a frame with carrier_ref, board_time and board_stop."""
    keys = frame.select(netstrings(("carrier_ref", "board_time", "board_stop")).cast(pl.Binary)).to_series()
    return Tagger(day_key).tags(keys.to_list())


def commitments(salts: bytes, canonical: pl.Series) -> list[bytes]:
    """Commitments of many rows; `salts` is one 16-byte salt a row, end to end."""
    if len(salts) != SALT_SIZE * len(canonical):
        raise ValueError("one salt a row is needed")
    sha256, prefix = hashlib.sha256, COMMITMENT_PREFIX
    return [
        sha256(prefix + salts[at : at + SALT_SIZE] + row).digest()
        for at, row in zip(range(0, len(salts), SALT_SIZE), canonical, strict=True)
    ]


def encode_leaves(frame: pl.DataFrame) -> bytes:
    """Rows of mode, distance_m, reduction_mg (integers), tag, commitment (binary) as 62-byte records."""
    records = np.zeros(frame.height, dtype=_COLUMNAR)
    records["kind"] = TRIP_KIND
    for name, kind in (("mode", pl.UInt8()), ("distance_m", pl.UInt32()), ("reduction_mg", pl.UInt64())):
        records[name] = whole_numbers(frame[name], kind)
    records["tag"] = fixed_bytes(frame["tag"], TAG_SIZE)
    records["commitment"] = fixed_bytes(frame["commitment"], 32)
    return records.tobytes()


def fixed_bytes(column: pl.Series, width: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """A binary column of equally long values as an (n, width) array; raises ProofError naming an odd row."""
    sizes = column.bin.size() if column.dtype == pl.Binary else pl.Series([None])
    if sizes.null_count() or (len(column) and (sizes.min() != width or sizes.max() != width)):
        raise ProofError(f"column {column.name} holds values that are not {width} bytes")
    joined = b"".join(column.to_list())
    return np.frombuffer(joined, dtype=np.uint8).reshape(len(column), width)


def whole_numbers(column: pl.Series, kind: pl.DataType) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    """An integer column as unsigned integers of `kind`; raises ProofError when a value is absent or does not fit."""
    if column.dtype.is_integer() and not column.null_count():
        try:
            return column.cast(kind).to_numpy()
        except pl.exceptions.InvalidOperationError as error:
            raise ProofError(f"column {column.name} holds values that are no {kind}") from error
    raise ProofError(f"column {column.name} holds values that are no {kind}")


def tag_order(tags: Sequence[bytes]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The permutation that sorts tags ascending."""
    halves = np.frombuffer(b"".join(tags), dtype=">u8").reshape(len(tags), 2)
    return np.lexsort((halves[:, 1].astype(np.uint64), halves[:, 0].astype(np.uint64)))
