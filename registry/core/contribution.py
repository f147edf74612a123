"""The pool line of a class: the mg that ever entered the market pool, in the order in which they entered.

Approved certifications take consecutive intervals of it, so whose mg a certified tonne is made of follows from the line
alone. A contribution that an interval's border falls into is split there: part of it is one tonne's, part the next's.
FORMAT-MARKET.md gives the order.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from registry.core.leaf import fixed_bytes, whole_numbers
from registry.errors import VerificationError

SCHEMA: Final[dict[str, pl.DataType]] = {"account": pl.Binary(), "mg": pl.UInt64()}


def interval(line: pl.DataFrame, from_mg: int, mg: int) -> pl.DataFrame:
    """The rows of `line` that [from_mg, from_mg + mg) touches, in order, each with the mg of it inside.

    `line` has account (20 bytes) and mg, in the order of entry; its other columns are kept. Raises VerificationError
    when the line is shorter, and ProofError on a row that is no contribution.
    """
    fixed_bytes(line["account"], 20)
    whole_numbers(line["mg"], pl.UInt64())
    exact = line["mg"].cast(pl.Int128)  # a class's whole line may pass 2**64 mg
    length = int(exact.sum())
    if not 0 <= from_mg <= from_mg + mg <= length:
        raise VerificationError(
            f"the pool line has {length} mg, not those from {from_mg} to {from_mg + mg}",
            expected=str(from_mg + mg),
            actual=str(length),
        )
    end = exact.cum_sum()
    first, last = pl.lit(from_mg, pl.Int128), pl.lit(from_mg + mg, pl.Int128)
    inside = pl.min_horizontal("_end", last) - pl.max_horizontal("_start", first)
    return (
        line.with_columns(end.alias("_end"), (end - exact).alias("_start"))
        .with_columns(inside.alias("mg"))
        .filter(pl.col("mg") > 0)
        .with_columns(pl.col("mg").cast(pl.UInt64))
        .drop("_start", "_end")
    )


def by_account(rows: pl.DataFrame) -> pl.DataFrame:
    """Contributions summed by account: rows of `SCHEMA`, ascending by account."""
    summed = rows.group_by("account").agg(pl.col("mg").cast(pl.Int128).sum())
    return summed.select("account", pl.col("mg").cast(pl.UInt64)).sort("account")


def cut(line: pl.DataFrame, from_mg: int, mg: int) -> pl.DataFrame:
    """What [from_mg, from_mg + mg) of the line consists of: rows of `SCHEMA`, ascending by account.

    Raises as `interval` does.
    """
    return by_account(interval(line, from_mg, mg))
