"""The reduction of a trip as a columnar expression: the same integers as `Methodology.reduction_mg`."""

from __future__ import annotations

import polars as pl

from registry.core.methodology.spec import Methodology


def reduction_mg(spec: Methodology, *, by_code: bool = False) -> pl.Expr:
    """Avoided mg CO2e of each row of a frame with mode (its name, or its leaf byte) and distance_m; UInt64, floored.

    Null where the mode is none of the methodology's. Distances must be in range; that is a rule of its own.
    """
    reduction = pl.lit(None, pl.UInt64)
    for mode in spec.modes:
        share = pl.col("distance_m").cast(pl.UInt64) * mode.factor_dmg_per_m // 10
        reduction = pl.when(pl.col("mode") == (mode.code if by_code else mode.name)).then(share).otherwise(reduction)
    return reduction
