"""Integer units. The base unit of every reduction is the milligram of CO2e; of money, the fen.

1 point = 1 g = 1,000 mg; 1 t = 10**9 mg. Nothing in the ledger is a float.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

MG_PER_POINT = 1_000
MG_PER_TONNE = 1_000_000_000
U32_MAX = 2**32 - 1
U64_MAX = 2**64 - 1
U128_MAX = 2**128 - 1

SHANGHAI = ZoneInfo("Asia/Shanghai")
# China has kept one offset since 1991-09-15; columnar code adds it instead of converting zones row by row.
SHANGHAI_OFFSET_S = 8 * 3600


def whole_tonnes(mg: int) -> tuple[int, int]:
    """Split milligrams into (whole tonnes, remainder mg to carry); the tonnes are floored."""
    if mg < 0:
        raise ValueError(f"negative reduction: {mg} mg")
    return divmod(mg, MG_PER_TONNE)


def points_text(mg: int) -> str:
    """Milligrams as points with three decimals: 1234567 -> '1,234.567'."""
    whole, rest = divmod(mg, MG_PER_POINT)
    return f"{whole:,}.{rest:03d}"


def service_date_int(day: date) -> int:
    """A service date as the integer yyyymmdd that contracts and leaves use."""
    return day.year * 10_000 + day.month * 100 + day.day


def service_date(value: int) -> date:
    """The inverse of `service_date_int`; raises ValueError when it is not a calendar date."""
    return date(value // 10_000, value // 100 % 100, value % 100)


def local_text(epoch_s: int) -> str:
    """Epoch seconds as Asia/Shanghai wall time with its offset, ISO 8601."""
    return datetime.fromtimestamp(epoch_s, UTC).astimezone(SHANGHAI).isoformat()


def yuan_text(fen: int) -> str:
    """Fen as yuan with two decimals: 123456 -> '1,234.56'."""
    sign, amount = ("-", -fen) if fen < 0 else ("", fen)
    return f"{sign}{amount // 100:,}.{amount % 100:02d}"
