"""How one text (or typed Parquet) column becomes a value, as expressions; strict, since nothing is guessed.

Each function gives `(value, bad)`: the value is null where the field is bad or missing, `bad` is never null.
A field that is empty or only white space is missing. White space around a value, a control character in an
identifier, a full-width digit, a thousands separator, an exponent or a spreadsheet's date number is bad.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl

from registry.core.trip import REASON
from registry.units import SHANGHAI_OFFSET_S, U32_MAX

Field = tuple[pl.Expr, pl.Expr]

MAX_ID_BYTES: Final = 128
MAX_NAME_BYTES: Final = 256
INT64_MAX: Final = 2**63 - 1
_EDGES: Final = r"^\s|\s$"
# Controls, and format characters that are not seen: two identifiers that look alike must be alike. Also what a
# spreadsheet makes of a long number: 6.22E+15 has lost its last digits for good.
_BAD_ID: Final = _EDGES + r"|[\p{Cc}\p{Cf}]|^-?[0-9](?:\.[0-9]+)?[eE][+-][0-9]+$"
# Stops and lines may hold a line break in a quoted field, and nothing else below a space.
_BAD_NAME: Final = _EDGES + r"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
_INTEGER: Final = r"^-?[0-9]+$"
_TIME: Final = (
    r"^20[0-9]{2}-[0-9]{2}-[0-9]{2}[T ](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    r"(?:\.[0-9]+)?(?:Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])?$"
)
# 2000-01-01 .. 2099-12-31, Asia/Shanghai.
_FIRST_S: Final = 946_684_800 - SHANGHAI_OFFSET_S
_LAST_S: Final = 4_102_444_800 - SHANGHAI_OFFSET_S - 1


def missing(name: str) -> pl.Expr:
    """True where the text column holds nothing."""
    return pl.col(name).is_null() | pl.col(name).str.contains(r"^\s*$").fill_null(value=False)


def identifier(name: str) -> Field:
    """An account, carrier, trip or device identifier: 1 to 128 bytes of visible text."""
    return _text(name, _BAD_ID, MAX_ID_BYTES)


def label(name: str) -> Field:
    """The name of a stop or line: 1 to 256 bytes of text."""
    return _text(name, _BAD_NAME, MAX_NAME_BYTES)


def integer(name: str, dtype: pl.DataType) -> Field:
    """A whole number; one too large for 64 bits is clipped to the largest, so that its range rule still sees it."""
    column = pl.col(name)
    number = column.cast(pl.Int64, strict=False)
    if dtype != pl.String:
        low = column < 0
        return pl.when(column.is_null()).then(None).otherwise(_clipped(number, low)), pl.lit(value=False)
    digits = column.str.contains(_INTEGER).fill_null(value=False)
    value = pl.when(digits).then(_clipped(number, column.str.starts_with("-")))
    return value, (digits | missing(name)).not_()


def amount(name: str, dtype: pl.DataType) -> Field:
    """Fen, 0 to 2**32 - 1. No rule looks at a sum out of range, so it is a field that cannot be read."""
    value, bad = integer(name, dtype)
    return value, bad | value.is_between(0, U32_MAX).not_().fill_null(value=False)


def read_times(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """The columns `names` as epoch seconds, fractions floored; null where missing or bad, years 2000 to 2099.

    A time without a zone is Asia/Shanghai.
    """
    text = [name for name in names if frame.schema[name] == pl.String]
    # In two steps, because an expression used in many places would be computed in each.
    shaped = frame.with_columns(pl.when(pl.col(name).str.contains(_TIME)).then(name) for name in text)
    seconds = {
        name: _text_seconds(name) if name in text else _typed_seconds(name, frame.schema[name]) for name in names
    }
    return shaped.with_columns(**seconds).with_columns(
        pl.when(pl.col(name).is_between(_FIRST_S, _LAST_S)).then(name) for name in names
    )


def verdict(checks: Sequence[tuple[str, pl.Expr]]) -> tuple[pl.Expr, pl.Expr]:
    """(`bad_row` or null, the first field at fault or null) from (field, bad) pairs in the order to name them."""
    field = pl.coalesce([pl.when(bad).then(pl.lit(name)) for name, bad in checks])
    return pl.when(field.is_not_null()).then(pl.lit("bad_row", dtype=REASON)), field


def _text(name: str, bad_pattern: str, most: int) -> Field:
    column = pl.col(name)
    good = (column != "") & column.str.contains(bad_pattern).not_() & (column.str.len_bytes() <= most)
    good = good.fill_null(value=False)
    return pl.when(good).then(column), good.not_()


def _clipped(number: pl.Expr, negative: pl.Expr) -> pl.Expr:
    return pl.coalesce(number, pl.when(negative).then(-INT64_MAX).otherwise(INT64_MAX))


def _typed_seconds(name: str, dtype: pl.DataType) -> pl.Expr:
    zoned = isinstance(dtype, pl.Datetime) and dtype.time_zone is not None
    return pl.col(name).dt.epoch("s") - (0 if zoned else SHANGHAI_OFFSET_S)


def _text_seconds(name: str) -> pl.Expr:
    wall = pl.concat_str(pl.col(name).str.slice(0, 10), pl.lit(" "), pl.col(name).str.slice(11, 8))
    moment = wall.str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False, time_unit="ms")
    return moment.dt.epoch("s") - _offset(pl.col(name).str.slice(19).str.extract(r"(Z|[+-][0-9:]{5})$"))


def _offset(zone: pl.Expr) -> pl.Expr:
    """Seconds east of UTC that the text names; Asia/Shanghai when it names none."""
    sign = pl.when(zone.str.starts_with("-")).then(-1).otherwise(1)
    hours, minutes = (zone.str.slice(at, 2).cast(pl.Int64, strict=False) for at in (1, 4))
    named = sign * (hours * 3600 + minutes * 60)
    return pl.when(zone.is_null()).then(SHANGHAI_OFFSET_S).when(zone == "Z").then(0).otherwise(named)
