"""Amounts and times as people type them, read without a float."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Final

from registry.errors import UsageError
from registry.units import MG_PER_POINT, SHANGHAI

_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_LIFE: Final = re.compile(r"([1-9][0-9]{0,5})([mhd])")
# Narrower than what a Python reads as ISO 8601, which differs from version to version (24:00, week dates).
_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ]([01][0-9]|2[0-3]):[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?"
)


def milligrams(points: str) -> int:
    """Points with at most three decimals as mg; raises UsageError."""
    if not re.fullmatch(r"[0-9]{1,18}(\.[0-9]{1,3})?", points):
        raise UsageError(f"{points!r} is no amount of points", hint="digits and at most three decimals, as 12.345")
    whole, _, rest = points.partition(".")
    return int(whole) * MG_PER_POINT + int(rest.ljust(3, "0"))


def fen(yuan: str) -> int:
    """Yuan with at most two decimals as fen; raises UsageError."""
    if not re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,2})?", yuan):
        raise UsageError(f"{yuan!r} is no amount of money", hint="yuan, digits and at most two decimals, as 51.33")
    whole, _, rest = yuan.partition(".")
    return int(whole) * 100 + int(rest.ljust(2, "0"))


def from_now(text: str) -> bool:
    """Whether a time is given as a life from now on, and so means another time every time it is given."""
    return _LIFE.fullmatch(text) is not None


def instant(text: str) -> int:
    """A time as epoch seconds: ISO 8601 (Asia/Shanghai unless it says otherwise), or from now, as 30m, 12h or 7d.

    Raises UsageError, for a time before 1970 too.
    """
    if found := _LIFE.fullmatch(text):
        return int(time.time()) + int(found[1]) * {"m": 60, "h": 3_600, "d": 86_400}[found[2]]
    hint = "as 2026-12-31T17:00:00, or from now: 30m, 12h, 7d"
    if not _TIME.fullmatch(text):
        raise UsageError(f"{text!r} is no time", hint=hint)
    try:
        given = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is no time", hint=hint) from error
    since = (given if given.tzinfo else given.replace(tzinfo=SHANGHAI)) - _EPOCH
    if since < timedelta(0):
        raise UsageError(f"{text!r} is no time", hint=hint)
    return since // timedelta(seconds=1)
