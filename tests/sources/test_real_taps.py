"""The published smart-card sample comes to exactly what an independent count of it says.

The data set is not ours to keep here: `PUHUI_SZT_TAPS` is the path of szt_taps_10k.csv, with szt_taps_page1.json
beside it. Without the variable there is nothing to test, so no test is defined; none is skipped.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from registry.core.methodology import DEFAULT as SPEC
from registry.core.rules import find_duplicates, find_overlaps, link_accounts
from registry.core.trip import rows_of
from registry.sources import adapter, open_input

TAPS = os.environ.get("PUHUI_SZT_TAPS")


def total(path: Path, staging: Path, rows_per_partition: int) -> dict[str, object]:
    """Rows, trips, rejected rows by reason and mg, with every card linked and consented."""
    staged = adapter("szt").stage(open_input(path), staging, SPEC, rows_per_partition=rows_per_partition)
    frame = pl.concat([staged.candidates(k) for k in range(staged.partitions)])
    accounts = frame.select("carrier_ref", account_id="carrier_ref", wallet=pl.lit(""), consent_at=pl.lit(0)).unique()
    frame = link_accounts(frame, accounts.drop_nulls())
    trips = frame.filter(pl.col("reason").is_null())
    assert not find_overlaps(trips).any()
    assert not find_duplicates(trips).any()
    refused = frame.filter(pl.col("reason").is_not_null())
    rejected = Counter({str(reason): rows_of(part) for (reason,), part in refused.group_by("reason")})
    milligrams = sum(SPEC.reduction_mg(mode, meters) for mode, meters in trips.select("mode", "distance_m").rows())
    return {"rows": staged.rows, "trips": trips.height, "rejected": dict(rejected), "reduction_mg": milligrams}


if TAPS:

    @pytest.mark.parametrize("rows_per_partition", [1_000_000, 700])
    def test_ten_thousand_real_rows(tmp_path: Path, rows_per_partition: int) -> None:
        assert total(Path(TAPS), tmp_path, rows_per_partition) == {
            "rows": 10_000,
            "trips": 143,
            "rejected": {
                "unmatched_entry": 8992,
                "unmatched_exit": 67,
                "same_stop": 420,
                "no_distance": 205,
                "not_charged": 30,
            },
            "reduction_mg": 12_551_292,
        }

    def test_a_real_page_of_the_interface(tmp_path: Path) -> None:
        assert total(Path(TAPS).with_name("szt_taps_page1.json"), tmp_path, 1_000_000) == {
            "rows": 100,
            "trips": 0,
            "rejected": {
                "bad_row": 2,
                "no_distance": 10,
                "same_stop": 12,
                "unmatched_entry": 58,
                "unmatched_exit": 18,
            },
            "reduction_mg": 0,
        }
