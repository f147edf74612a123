"""Largest remainder: money split by weight to the last fen, the same for everyone who splits it again.

Everyone gets floor(total x weight / sum of weights). What is left over goes out one fen each, to the largest remainders
of those divisions, equal remainders by key ascending. Integers only, whatever their size.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeVar

import polars as pl

from registry.core.leaf import fixed_bytes, whole_numbers
from registry.errors import VerificationError
from registry.units import U64_MAX

Key = TypeVar("Key", str, bytes)
# A weight is below 2**64, so a product stays below 2**127 and fits the columns' Int128, which would wrap silently.
MAX_TOTAL_FEN: Final = 2**63
SCHEMA: Final[dict[str, pl.DataType]] = {"account": pl.Binary(), "fen": pl.UInt64()}


def split(total_fen: int, weights: Mapping[Key, int]) -> dict[Key, int]:
    """Each key's share of `total_fen`, in the keys' ascending order; the shares add up to it exactly.

    A key of weight 0 gets nothing. Raises VerificationError when no weight is above 0, or a number is out of range.
    """
    _require_total(total_fen)
    if any(not 0 <= weight <= U64_MAX for weight in weights.values()):
        raise VerificationError(f"a weight is not from 0 to {U64_MAX}")
    whole = sum(weights.values())
    _require_weights(total_fen, whole)
    shares = {key: total_fen * weights[key] // whole for key in sorted(weights)}
    by_remainder = sorted(shares, key=lambda key: (-(total_fen * weights[key] % whole), key))
    for key in by_remainder[: total_fen - sum(shares.values())]:
        shares[key] += 1
    return shares


def split_frame(total_fen: int, weights: pl.DataFrame) -> pl.DataFrame:
    """`split` for many accounts: rows of account (20 bytes, each once) and mg give rows of `SCHEMA`, by account.

    Raises as `split` does, and ProofError on an account that is not 20 bytes or an amount that is no UInt64.
    """
    _require_total(total_fen)
    fixed_bytes(weights["account"], 20)
    whole_numbers(weights["mg"], pl.UInt64())
    if weights["account"].n_unique() != weights.height:
        raise VerificationError("an account stands twice among the weights")
    mg = weights["mg"].cast(pl.Int128)
    whole = int(mg.sum())
    _require_weights(total_fen, whole)
    product, divisor = pl.col("mg") * pl.lit(total_fen, pl.Int128), pl.lit(whole, pl.Int128)
    shares = (
        weights.select("account", mg)
        .select("account", (product // divisor).alias("share"), (product % divisor).alias("remainder"))
        .sort("remainder", "account", descending=[True, False])
        .with_row_index("place")
    )
    left_over = total_fen - int(shares["share"].sum())
    fen = pl.col("share") + (pl.col("place") < left_over).cast(pl.Int128)
    return shares.select("account", fen.cast(pl.UInt64).alias("fen")).sort("account")


def _require_total(total_fen: int) -> None:
    if not 0 <= total_fen <= MAX_TOTAL_FEN:
        raise VerificationError(f"{total_fen} fen cannot be split: it is not from 0 to {MAX_TOTAL_FEN}")


def _require_weights(total_fen: int, whole: int) -> None:
    if not whole:
        raise VerificationError(f"{total_fen} fen cannot be split: there are no weights")
