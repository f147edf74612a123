"""Entitlements: what each account has earned per class since the beginning, as an epoch publishes it.

    kind u8 (0x02) | account 20 | class u64 | earned_mg u128 | converted_mg u128     (61 bytes, big-endian)

Leaves are cumulative and strictly ascending by (account, class), so an account has one leaf a class. What an account
earns under a standing mandate is converted for the market in the epoch that adds it, and never becomes claimable.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from registry.core.leaf import fixed_bytes, whole_numbers
from registry.core.merkle import leaf_hashes, root
from registry.errors import ProofError, VerificationError

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


def accumulate(
    previous: pl.DataFrame, earned: Sequence[pl.DataFrame], mandated: pl.Series | Collection[bytes] = ()
) -> pl.DataFrame:
    """Add newly earned mg to the previous epoch's entitlements.

    `earned` frames have account (20 bytes), class and earned_mg; the result has `SCHEMA`, sorted for the tree. For
    the accounts in `mandated` all of it is converted as well, so that earned - converted, what may be claimed, never
    falls.
    """
    mandates = pl.Series("account", mandated if isinstance(mandated, pl.Series) else list(mandated), pl.Binary)
    converted = pl.when(pl.col("account").is_in(mandates.implode())).then("earned_mg").otherwise(pl.lit(0, pl.UInt64))
    added = [frame.with_columns(converted.alias("converted_mg")).select(list(SCHEMA)) for frame in earned]
    return (
        pl.concat([previous, *added])
        .group_by("account", "class")
        .agg(pl.col("earned_mg").sum(), pl.col("converted_mg").sum())
        .sort("account", "class")
        .select(list(SCHEMA))
    )


def contributed(previous: pl.DataFrame, current: pl.DataFrame) -> pl.DataFrame:
    """What an epoch converts: account, class and mg, only above 0, ascending by account and class.

    Both frames have `SCHEMA`, `previous` the epoch before. Raises VerificationError when an account has less converted
    than before.
    """
    before = previous.select("account", "class", pl.col("converted_mg").alias("before_mg"))
    joined = current.join(before, on=("account", "class"), how="full", coalesce=True).with_columns(
        pl.col("converted_mg", "before_mg").fill_null(0)
    )
    fallen = joined.filter(pl.col("converted_mg") < pl.col("before_mg")).sort("account", "class")
    if fallen.height:
        row = fallen.row(0, named=True)
        raise VerificationError(
            f"account 0x{row['account'].hex()} class {row['class']}: {row['converted_mg']} mg converted, "
            f"{row['before_mg']} mg in the epoch before"
        )
    added = joined.select("account", "class", (pl.col("converted_mg") - pl.col("before_mg")).alias("mg"))
    return added.filter(pl.col("mg") > 0).sort("account", "class")


def conversions(previous: pl.DataFrame, current: pl.DataFrame) -> list[tuple[int, int]]:
    """(class, mg) of what an epoch converts, ascending by class, as it is published; raises as `contributed` does."""
    summed = contributed(previous, current).group_by("class").agg(pl.col("mg").sum())
    return [(class_id, mg) for class_id, mg in summed.sort("class").iter_rows()]


def encode_entitlements(frame: pl.DataFrame) -> bytes:
    """Rows of `SCHEMA` as 61-byte records; raises ProofError when they are not strictly ascending."""
    require_ascending(frame, ("account", "class"), "entitlements")
    records = np.zeros(frame.height, dtype=_COLUMNAR)
    records["kind"] = ENTITLEMENT_KIND
    records["account"] = fixed_bytes(frame["account"], 20)
    for name, column in (("class", "class"), ("earned", "earned_mg"), ("converted", "converted_mg")):
        records[name] = whole_numbers(frame[column], pl.UInt64())
    return records.tobytes()


def require_ascending(frame: pl.DataFrame, keys: Sequence[str], what: str) -> None:
    """Check that the rows ascend strictly by `keys`; raises ProofError naming `what` they are."""
    higher = pl.lit(False)
    for key in reversed(keys):
        before = pl.col(key).shift()
        higher = (pl.col(key) > before) | ((pl.col(key) == before) & higher)
    if frame.height > 1 and not frame.select(higher.slice(1).all()).item():
        raise ProofError(f"{what} are not strictly ascending by {' and '.join(keys)} ({frame.height} rows)")


def root_of(frame: pl.DataFrame) -> bytes:
    """The Merkle root an epoch publishes for these entitlements."""
    return root(leaf_hashes(encode_entitlements(frame), ENTITLEMENT_SIZE))
