"""The trip: the columns every source adapter yields, and the reasons a row can be refused.

A *candidate* is one journey as its source reported it, before accounts and earlier batches are looked at.
Adapters yield candidates as a Polars frame with `CANDIDATE_SCHEMA`; a frame is used because a day holds
tens of millions of them. Times are whole seconds since the Unix epoch (UTC); money is fen; distance m.
"""

from __future__ import annotations

from typing import Final

import polars as pl

# First matching reason wins, in this order (DESIGN section 7).
REASONS: Final = (
    "bad_row",
    "unknown_mode",
    "unmatched_entry",
    "unmatched_exit",
    "same_stop",
    "overstay",
    "bad_time",
    "no_distance",
    "bad_distance",
    "too_fast",
    "not_charged",
    "no_account",
    "no_consent",
    "overlap",
    "duplicate",
)

REASON = pl.Enum(REASONS)

REASON_TEXT: Final = {
    "bad_row": ("缺少字段或字段无法解析", "a field is missing or cannot be read"),
    "unknown_mode": ("方法学不包含的出行方式", "the methodology does not cover this mode"),
    "unmatched_entry": ("有进站无出站", "an entry without its exit"),
    "unmatched_exit": ("有出站无进站", "an exit without its entry"),
    "same_stop": ("同站进出", "entered and left at the same stop"),
    "overstay": ("停留超过时限", "stayed in the paid area beyond the limit"),
    "bad_time": ("下车时间不晚于上车时间，或不在同一运营日", "alighting not after boarding, or on another service day"),
    "no_distance": ("没有里程", "no distance"),
    "bad_distance": ("里程超出有效范围", "distance outside the valid range"),
    "too_fast": ("平均速度不可能", "impossible mean speed"),
    "not_charged": ("应付车费而未付（员工卡或免费卡）", "a fare was due and none was paid (staff or free card)"),
    "no_account": ("没有对应的碳账户", "no carbon account for this carrier"),
    "no_consent": ("出行时尚未授权", "no consent at the time of the trip"),
    "overlap": ("同一凭证已在另一行程中", "the same carrier was already travelling"),
    "duplicate": ("行程已经计入", "this journey is already counted"),
}

CANDIDATE_SCHEMA: Final[dict[str, pl.DataType]] = {
    "row": pl.UInt64(),  # 1-based data row of the file (header not counted); the entry tap of a pair
    "row_exit": pl.UInt64(),  # the exit tap of a metro pair, else null
    "trip_id": pl.String(),
    "account_id": pl.String(),  # null when the source knows carriers only (taps)
    "carrier_ref": pl.String(),
    "mode": pl.String(),
    "line": pl.String(),
    "board_stop": pl.String(),
    "board_time": pl.Int64(),
    "alight_stop": pl.String(),
    "alight_time": pl.Int64(),
    "distance_m": pl.Int64(),
    "fare_fen": pl.Int64(),  # what was paid; null when the source does not say
    "reason": REASON,  # null while nothing speaks against the candidate
    "field": pl.String(),  # for bad_row: the column at fault
}


def rows_of(frame: pl.DataFrame) -> int:
    """How many file rows the candidates in `frame` use: one each, two for a tap pair."""
    return frame.height + (frame.height - frame["row_exit"].null_count())
