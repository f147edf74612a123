"""The eligibility rules as columnar expressions: pure, so that an auditor can run them again on stored trips.

The reasons come in the order of `registry.core.trip.REASONS`; the first that matches wins. Row-level reasons
(`bad_row`, the unmatched taps) belong to the adapters in `registry.sources`; everything that can be decided from
the trip itself is here, and so is what needs other trips (`overlap`, `duplicate`) or the accounts.

Times are whole seconds since the Unix epoch (UTC), distances m, money fen. Calendar days are Asia/Shanghai.
No function here raises for bad data: a candidate is refused by its reason.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from functools import reduce
from itertools import groupby
from operator import or_
from typing import Final

import polars as pl

from registry.core.methodology.spec import Methodology, Mode
from registry.core.trip import REASON
from registry.units import SHANGHAI_OFFSET_S

_Limit = Callable[[Mode], pl.Expr | None]
_DAY_S: Final = 86_400
_JOURNEY: Final = ("carrier_ref", "board_time", "board_stop")
"""A journey's own key, whichever app sent it; the tag of its leaf is computed from these three."""


def service_date(board_time: str = "board_time") -> pl.Expr:
    """The service day of a boarding: epoch seconds -> the Asia/Shanghai date as the integer yyyymmdd (UInt32)."""
    day = _local_day(board_time).cast(pl.Int32).cast(pl.Date)
    return (day.dt.year() * 10_000 + day.dt.month().cast(pl.Int32) * 100 + day.dt.day()).cast(pl.UInt32)


def trip_reason(spec: Methodology) -> pl.Expr:
    """The first reason, `unknown_mode` to `not_charged`, that speaks against a candidate; null when none does.

    A missing value never matches a rule that needs it: a bus boarding without an alighting is not `bad_time`
    but, for want of a distance, `no_distance`; an unknown fare is allowed, a fare of 0 fen is not.
    """
    seconds = pl.col("alight_time") - pl.col("board_time")
    distance = pl.col("distance_m")
    known = pl.col("mode").is_in([mode.name for mode in spec.modes])
    rules = (
        ("unknown_mode", known.not_().fill_null(value=True)),
        ("same_stop", pl.col("board_stop") == pl.col("alight_stop")),
        ("overstay", _any_mode(spec, lambda mode: seconds > mode.max_duration_s if mode.max_duration_s else None)),
        ("bad_time", (seconds <= 0) | (_local_day("board_time") != _local_day("alight_time"))),
        ("no_distance", distance.is_null()),
        ("bad_distance", distance.is_between(spec.min_distance_m, spec.max_distance_m).not_()),
        # distance / seconds > km/h, without a division: m * 3600 s/h > km/h * 1000 m/km * s.
        ("too_fast", _any_mode(spec, lambda mode: distance * 3600 > seconds * (mode.max_speed_kmh * 1000))),
        ("not_charged", pl.col("fare_fen") == 0),
    )
    first_match = pl.coalesce([pl.when(condition).then(pl.lit(reason, dtype=REASON)) for reason, condition in rules])
    return first_match.alias("reason")


def find_duplicates(frame: pl.DataFrame, accepted: pl.DataFrame | None = None) -> pl.Series:
    """True where a journey is already counted, or a `trip_id` is already used; aligned with `frame`.

    `frame` holds the otherwise accepted candidates of one service day and source; the first in `row` order stays.
    `accepted` are the trips of earlier batches (the columns of the journey key, and `trip_id` if it is to count).
    """
    order = frame.select(*_JOURNEY, "trip_id", "row").with_row_index("at").sort("row")
    repeated = order.select("at", "trip_id", again=pl.struct(_JOURNEY).is_first_distinct().not_())
    if accepted is not None and accepted.height:
        counted = order.join(accepted, on=list(_JOURNEY), how="semi")["at"]
        repeated = repeated.with_columns(pl.col("again") | pl.col("at").is_in(counted.implode()))
        if "trip_id" in accepted.columns:
            used = pl.col("trip_id").is_in(accepted["trip_id"].drop_nulls().implode())
            repeated = repeated.with_columns(pl.col("again") | used.fill_null(value=False))
    # A trip_id is taken only by a journey that stays, so repeats of journeys leave before it is looked at.
    kept = repeated.filter(pl.col("again").not_() & pl.col("trip_id").is_not_null())
    taken = kept.filter(pl.col("trip_id").is_first_distinct().not_())["at"]
    final = repeated.select("at", duplicate=pl.col("again") | pl.col("at").is_in(taken.implode()))
    return final.sort("at")["duplicate"]


def find_overlaps(frame: pl.DataFrame, accepted: pl.DataFrame | None = None) -> pl.Series:
    """True where the carrier was already travelling on another journey; aligned with `frame`.

    Candidates are taken by (carrier_ref, board_time, row): one is accepted when no accepted journey of the same
    carrier is under way during it. A repeat of the same journey is not its own overlap: it shares the fate of the
    first (an overlap too, or left for `find_duplicates`). `accepted` are the trips of earlier batches of that day,
    with the columns carrier_ref, board_time, board_stop, alight_time.
    """
    columns = [*_JOURNEY, "alight_time"]
    mine = frame.select(*columns, "row", prior=pl.lit(value=False)).with_row_index("at")
    if accepted is not None and accepted.height:
        earlier = accepted.select(columns).join(frame.select("carrier_ref").unique(), on="carrier_ref", how="semi")
        earlier = earlier.unique(_JOURNEY)
        repeats = mine.join(earlier, on=list(_JOURNEY), how="semi")["at"]
        mine = mine.filter(pl.col("at").is_in(repeats.implode()).not_())
        prior = earlier.with_columns(
            at=pl.lit(0, dtype=pl.UInt32), row=pl.lit(0, dtype=pl.UInt64), prior=pl.lit(value=True)
        )
        mine = pl.concat([prior.select(mine.columns), mine])
    mine = mine.sort("carrier_ref", "board_time", "row")
    # Sorted by boarding, a carrier without a conflict between neighbours has none at all: only the others are walked.
    same = pl.col("carrier_ref") == pl.col("carrier_ref").shift(1)
    conflict = mine.filter(same & (pl.col("board_time") < pl.col("alight_time").shift(1)))
    suspects = mine.join(conflict.select("carrier_ref").unique(), on="carrier_ref", how="semi", maintain_order="left")
    marked = pl.Series("at", _walk(suspects), dtype=pl.UInt32)
    return frame.select(overlap=pl.int_range(pl.len(), dtype=pl.UInt32).is_in(marked.implode()))["overlap"]


def link_accounts(frame: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """Candidates with the account their carrier belongs to, or with `no_account` / `no_consent`.

    `accounts` has carrier_ref (unique), account_id, wallet and consent_at (epoch seconds, null = none). An
    `account_id` the source gave must be its carrier's. Consent counts from its very second. Adds the columns
    wallet and consent_at; fills account_id and reason only where nothing spoke against the candidate yet.
    """
    known = accounts.select("carrier_ref", "wallet", "consent_at", owner="account_id")
    linked = frame.join(known, on="carrier_ref", how="left", maintain_order="left")
    stranger = pl.col("owner").is_null() | (pl.col("account_id") != pl.col("owner")).fill_null(value=False)
    unasked = pl.col("consent_at").is_null() | (pl.col("consent_at") > pl.col("board_time"))
    reason = (
        pl.when(pl.col("reason").is_not_null())
        .then(pl.col("reason"))
        .when(stranger)
        .then(pl.lit("no_account", dtype=REASON))
        .when(unasked)
        .then(pl.lit("no_consent", dtype=REASON))
        .otherwise(pl.lit(None, dtype=REASON))
    )
    owned = pl.when(pl.col("reason").is_null()).then(pl.coalesce("account_id", "owner")).otherwise("account_id")
    return linked.with_columns(reason=reason, account_id=owned).drop("owner")


def _any_mode(spec: Methodology, limit: _Limit) -> pl.Expr:
    limits = ((mode.name, limit(mode)) for mode in spec.modes)
    return reduce(or_, ((pl.col("mode") == name) & over for name, over in limits if over is not None))


def _local_day(time: str) -> pl.Expr:
    return (pl.col(time) + SHANGHAI_OFFSET_S).floordiv(_DAY_S)


def _walk(suspects: pl.DataFrame) -> list[int]:
    """The `at` of every overlap among carriers that have a conflict; `suspects` is sorted by carrier and boarding."""
    rows = suspects.select("carrier_ref", "prior", "board_time", "alight_time", "board_stop", "at").rows()
    overlaps: list[int] = []
    for _, group in groupby(rows, key=lambda row: row[0]):
        journeys = list(group)
        # Accepted trips of one carrier are disjoint, so the last to start before an alighting is the one to look at.
        earlier = [(row[2], row[3]) for row in journeys if row[1]]
        starts = [start for start, _ in earlier]
        busy_until = None
        fate: dict[tuple[int, str], bool] = {}
        for _, prior, board, alight, stop, at in journeys:
            if prior:
                continue
            if (board, stop) not in fate:
                overlap = busy_until is not None and board < busy_until
                before = bisect_left(starts, alight)
                overlap = overlap or (before > 0 and board < earlier[before - 1][1])
                fate[board, stop] = overlap
                busy_until = busy_until if overlap else alight
            if fate[board, stop]:
                overlaps.append(at)
    return overlaps
