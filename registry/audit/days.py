"""What must hold across the batches of one service day: no journey twice, whichever source sent it."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from registry.audit.batches import BatchAudit
from registry.audit.findings import Findings
from registry.core.rules import find_overlaps

_DISJOINT = "no journey twice within a service day"
_JOURNEYS = "one tag for one journey, none overlapping"


def check_day(findings: Findings, batches: Sequence[BatchAudit], full: bool) -> None:
    """Compare the tags, and at the full level the journeys, of all counted batches of one service day."""
    findings.open(_DISJOINT, "trips")
    if full:
        findings.open(_JOURNEYS, "trips")
    trips = sum(b.leaves.height for b in batches)
    if not trips:
        return
    tags = pl.concat([b.leaves.select("tag").with_columns(pl.lit(b.name).alias("batch")) for b in batches])
    repeated = tags.filter(pl.col("tag").is_duplicated()) if len(batches) > 1 else tags.clear()
    if repeated.height:
        first = repeated.row(0, named=True)
        findings.wrong(_DISJOINT, f"tag {first['tag'].hex()} of {first['batch']} is in another batch too")
    else:
        findings.right(_DISJOINT, trips)
    if full and all(b.private is not None and b.private.height == b.leaves.height for b in batches):
        _check_journeys(findings, pl.concat([b.journeys() for b in batches]), trips)


def _check_journeys(findings: Findings, journeys: pl.DataFrame, trips: int) -> None:
    # The day key may be destroyed by now. That tags and journeys are one to one is what makes disjoint tags mean
    # disjoint journeys, and it can be seen from the openings alone.
    key = ("carrier_ref", "board_time", "board_stop")
    distinct = journeys.select(pl.struct(key).n_unique().alias("journeys"), pl.col("tag").n_unique()).row(0)
    if distinct != (trips, trips):
        odd = journeys.filter(pl.struct(key).is_duplicated() | pl.col("tag").is_duplicated()).row(0, named=True)
        findings.wrong(_JOURNEYS, f"batch {odd['batch']} input row {odd['row']}: its journey or tag is there twice")
        return
    overlapping = journeys.filter(find_overlaps(journeys))
    if overlapping.height:
        odd = overlapping.row(0, named=True)
        findings.wrong(_JOURNEYS, f"batch {odd['batch']} input row {odd['row']}: its carrier was travelling already")
    else:
        findings.right(_JOURNEYS, trips)
