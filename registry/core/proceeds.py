"""Proceeds: what each account is due since the beginning from sales, as a payout run publishes it.

    kind u8 (0x03) | account 20 | cumulative_fen u128                                (37 bytes, big-endian)

Leaves are cumulative and strictly ascending by account: an account has one leaf, once it is due at least one fen.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from registry.core.entitlement import require_ascending
from registry.core.leaf import fixed_bytes, whole_numbers
from registry.core.merkle import leaf_hashes, root
from registry.errors import VerificationError

PROCEEDS_KIND: Final = 0x03
PROCEEDS_SIZE: Final = 37
_LAYOUT: Final = struct.Struct(">B20s16s")
_COLUMNAR: Final = np.dtype([("kind", "u1"), ("account", "u1", (20,)), ("fen_high", ">u8"), ("fen", ">u8")])
SCHEMA: Final[dict[str, pl.DataType]] = {"account": pl.Binary(), "fen": pl.UInt64()}


@dataclass(frozen=True)
class ProceedsLeaf:
    """What one account is due since the beginning, in fen, paid or not."""

    account: bytes
    cumulative_fen: int

    def encode(self) -> bytes:
        """The 37 bytes that are hashed into the run's tree."""
        return _LAYOUT.pack(PROCEEDS_KIND, self.account, self.cumulative_fen.to_bytes(16, "big"))


def empty() -> pl.DataFrame:
    """No proceeds: what stands before the first run."""
    return pl.DataFrame(schema=SCHEMA)


def accumulate(previous: pl.DataFrame, allocated: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Add what was allocated since to the previous run's proceeds.

    `allocated` frames have account (20 bytes) and fen; the result has `SCHEMA`, sorted for the tree, without accounts
    that are due nothing. Raises VerificationError when an account is due more than 64 bits hold.
    """
    added = [frame.select(list(SCHEMA)) for frame in allocated]
    summed = pl.concat([previous, *added]).group_by("account").agg(pl.col("fen").cast(pl.Int128).sum())
    due = summed.filter(pl.col("fen") > 0).sort("account")
    try:
        return due.select("account", pl.col("fen").cast(pl.UInt64))
    except pl.exceptions.InvalidOperationError as error:
        raise VerificationError("an account is due 2**64 fen or more") from error


def total_fen(frame: pl.DataFrame) -> int:
    """The sum over a frame's fen, exact whatever its size."""
    return int(frame["fen"].cast(pl.Int128).sum())


def encode_proceeds(frame: pl.DataFrame) -> bytes:
    """Rows of `SCHEMA` as 37-byte records; raises ProofError when they are not strictly ascending."""
    require_ascending(frame, ("account",), "proceeds")
    records = np.zeros(frame.height, dtype=_COLUMNAR)
    records["kind"] = PROCEEDS_KIND
    records["account"] = fixed_bytes(frame["account"], 20)
    records["fen"] = whole_numbers(frame["fen"], pl.UInt64())
    return records.tobytes()


def root_of(frame: pl.DataFrame) -> bytes:
    """The Merkle root a run publishes for these proceeds."""
    return root(leaf_hashes(encode_proceeds(frame), PROCEEDS_SIZE))
