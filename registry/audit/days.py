"""What must hold across the batches of one service day: no journey twice, whichever source sent it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from registry.audit.findings import Findings
from registry.core.rules import find_overlaps
from registry.evidence.batch import BatchEvidence

_DISJOINT = "no journey twice within a service day"
_JOURNEYS = "one tag for one journey, none overlapping"
_WHO_AND_WHEN = ("row", "carrier_ref", "board_stop", "board_time", "alight_time")


@dataclass(frozen=True)
class DayRows:
    """What one batch brings to its service day: its tags, and who travelled when, if the openings are here."""

    batch: str
    tags: pl.Series
    journeys: pl.DataFrame | None

    @classmethod
    def read(cls, evidence: BatchEvidence) -> DayRows:
        """Read these columns and no others; raises EvidenceError."""
        journeys = evidence.private(_WHO_AND_WHEN) if evidence.has_private else None
        return cls(evidence.id.hex(), evidence.leaves(("tag",))["tag"], journeys)


def check_day(findings: Findings, batches: Sequence[DayRows], full: bool) -> None:
    """Compare the tags, and at the full level the journeys, of all counted batches of one service day."""
    findings.open(_DISJOINT, "trips")
    if full:
        findings.open(_JOURNEYS, "trips")
    trips = sum(len(b.tags) for b in batches)
    if not trips:
        return
    # In one batch alone the tags' order has shown it already.
    tags = pl.concat([pl.DataFrame({"tag": b.tags}).with_columns(batch=pl.lit(b.batch)) for b in batches])
    repeated = tags.filter(pl.col("tag").is_duplicated()) if len(batches) > 1 else tags.clear()
    if repeated.height:
        first = repeated.row(0, named=True)
        findings.wrong(_DISJOINT, f"tag {first['tag'].hex()} of batch {first['batch']} is in another batch too")
    else:
        findings.right(_DISJOINT, trips)
    known = [(b, b.journeys) for b in batches if b.journeys is not None and b.journeys.height == len(b.tags)]
    if full and len(known) == len(batches):
        _check_journeys(
            findings, pl.concat([j.with_columns(b.tags.alias("tag"), batch=pl.lit(b.batch)) for b, j in known]), trips
        )


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
