"""Entitlements: what each account has earned per class since the beginning, as an epoch publishes it.

    kind u8 (0x02) | account 20 | class u64 | earned_mg u128 | converted_mg u128     (61 bytes, big-endian)

Leaves are cumulative and strictly ascending by (account, class), so an account has one leaf a class.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from registry.core.leaf import fixed_bytes, whole_numbers
from registry.core.merkle import leaf_hashes, root
from registry.errors import ProofError

ENTITLEMENT_KIND: Final = 0x02
ENTITLEMENT_SIZE: Final = 61
_LAYOUT: Final = struct.Struct(">B20sQ16s16s")
_COLUMNAR: Final = np.dtype(
    [
        ("kind", "u1"),
        ("account", "u1", (20,)),
        ("class", ">u8"),
        ("earned_high", ">u8"),
        ("earned", ">u8"),
        ("converted_high", ">u8"),
        ("converted", ">u8"),
    ]
)
SCHEMA: Final[dict[str, pl.DataType]] = {
    "account": pl.Binary(),
    "class": pl.UInt64(),
    "earned_mg": pl.UInt64(),
    "converted_mg": pl.UInt64(),
}


@dataclass(frozen=True)
class Entitlement:
    """One account's cumulative mg of one class."""

    account: bytes
    class_id: int
    earned_mg: int
    converted_mg: int

    def encode(self) -> bytes:
        """The 61 bytes that are hashed into the epoch's tree."""
        earned, converted = self.earned_mg.to_bytes(16, "big"), self.converted_mg.to_bytes(16, "big")
        return _LAYOUT.pack(ENTITLEMENT_KIND, self.account, self.class_id, earned, converted)


def empty() -> pl.DataFrame:
    """No entitlements: what stands before the first epoch."""
    return pl.DataFrame(schema=SCHEMA)


def earned_by_account(wallets: pl.Series, reductions: pl.Series, class_id: int) -> pl.DataFrame:
    """Sum reductions (mg) by wallet (20 bytes) into the frame an epoch accumulates."""
    table = pl.DataFrame({"account": wallets, "earned_mg": reductions})
    summed = table.group_by("account").agg(pl.col("earned_mg").sum())
    return summed.select("account", pl.lit(class_id, pl.UInt64).alias("class"), "earned_mg")


def accumulate(previous: pl.DataFrame, earned: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Add newly earned mg to the previous epoch's entitlements.

    `earned` frames have account (20 bytes), class and earned_mg; the result has `SCHEMA`, sorted for the tree.
    """
    added = [frame.with_columns(pl.lit(0, pl.UInt64).alias("converted_mg")).select(list(SCHEMA)) for frame in earned]
    return (
        pl.concat([previous, *added])
        .group_by("account", "class")
        .agg(pl.col("earned_mg").sum(), pl.col("converted_mg").sum())
        .sort("account", "class")
        .select(list(SCHEMA))
    )


def encode_entitlements(frame: pl.DataFrame) -> bytes:
    """Rows of `SCHEMA` as 61-byte records; raises ProofError when they are not strictly ascending."""
    keys = frame.select(pl.struct("account", "class")).to_series()
    if (
        frame.height > 1
        and not frame.select(
            (
                (pl.col("account") > pl.col("account").shift())
                | ((pl.col("account") == pl.col("account").shift()) & (pl.col("class") > pl.col("class").shift()))
            )
            .slice(1)
            .all()
        ).item()
    ):
        raise ProofError(f"entitlements are not strictly ascending by account and class ({len(keys)} rows)")
    records = np.zeros(frame.height, dtype=_COLUMNAR)
    records["kind"] = ENTITLEMENT_KIND
    records["account"] = fixed_bytes(frame["account"], 20)
    for name, column in (("class", "class"), ("earned", "earned_mg"), ("converted", "converted_mg")):
        records[name] = whole_numbers(frame[column], pl.UInt64())
    return records.tobytes()


def root_of(frame: pl.DataFrame) -> bytes:
    """The Merkle root an epoch publishes for these entitlements."""
    return root(leaf_hashes(encode_entitlements(frame), ENTITLEMENT_SIZE))
