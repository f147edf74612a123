"""Amounts and times as they are typed: read exactly, or refused."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.cli.amounts import fen, instant, milligrams
from registry.errors import UsageError

BAD = [
    *("", " ", ".", "..", "-", "+", "x", "NaN", "nan", "inf", "-inf", "Infinity", "None", "true"),
    *("-1", "+1", "-0", "--1", "(1)", "1-", "1.", ".5", "1..0", "1.0.0", "1.-1", "1.+1"),
    *("1e9", "1E9", "1e-2", "0x10", "0b1", "0o7", "1_000", "1,000", "1，000", "1 000", "1'000"),
    *(" 1", "1 ", "\t1", "1\n", "1\r\n", "1\0", "1\u00a0", "\u30001", "1\u200b", "\ufeff1"),
    *("１", "１２.３４", "1．5", "1。5", "٣", "०", "一", "壹", "½", "²", "Ⅳ", "1.５"),
    *("¥1", "1元", "$1", "1 CNY", "1%", "\udcff"),
]


@pytest.mark.parametrize("text", [*BAD, "1.001", "0.000", "1.100", "1" * 16, "9" * 400, "0" * 16, "1." + "0" * 400])
def test_what_is_no_money_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as raised:
        fen(text)
    assert raised.value.message == f"{text!r} is no amount of money"
    assert raised.value.hint == "yuan, digits and at most two decimals, as 51.33"


@pytest.mark.parametrize("text", [*BAD, "1.0001", "0.0000", "1" * 19, "9" * 400, "0" * 19, "1." + "0" * 400])
def test_what_is_no_points_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as raised:
        milligrams(text)
    assert raised.value.message == f"{text!r} is no amount of points"
    assert raised.value.hint == "digits and at most three decimals, as 12.345"


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        *(("0", 0), ("0.0", 0), ("0.00", 0), ("0.01", 1), ("0.1", 10), ("0.10", 10), ("1", 100), ("007", 700)),
        *(("51.33", 5_133), ("0.29", 29), ("1.15", 115), ("2.67", 267), ("90071992547409.93", 9_007_199_254_740_993)),
        ("9" * 15 + ".99", 10**17 - 1),
    ],
)
def test_money_is_exact(text: str, amount: int) -> None:
    assert fen(text) == amount


@pytest.mark.parametrize(
    ("text", "mg"),
    [
        *(("0", 0), ("0.001", 1), ("0.01", 10), ("0.1", 100), ("1", 1_000), ("12.345", 12_345), ("1.005", 1_005)),
        *(("9007199254740.993", 9_007_199_254_740_993), ("9" * 18 + ".999", 10**21 - 1)),
    ],
)
def test_points_are_exact(text: str, mg: int) -> None:
    assert milligrams(text) == mg


@given(st.integers(0, 10**17 - 1), st.integers(0, 10**21 - 1))
def test_every_amount_is_read_back(money: int, mg: int) -> None:
    assert fen(f"{money // 100}.{money % 100:02}") == money
    assert milligrams(f"{mg // 1000}.{mg % 1000:03}") == mg


@given(st.text(max_size=8))
def test_nothing_else_is_an_amount(text: str) -> None:
    pattern = r"[0-9]{1,15}(?:\.[0-9]{1,2})?"
    if re.fullmatch(pattern, text, re.ASCII):
        return
    with pytest.raises(UsageError):
        fen(text)


# --- times ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-12-31T17:00:00", "2026-12-31T09:00:00"),  # Asia/Shanghai
        ("2026-12-31 17:00:00", "2026-12-31T09:00:00"),
        ("2026-12-31T17:00", "2026-12-31T09:00:00"),
        ("2026-12-31", "2026-12-30T16:00:00"),
        ("2026-12-31T17:00:00Z", "2026-12-31T17:00:00"),
        ("2026-12-31T17:00:00+00:00", "2026-12-31T17:00:00"),
        ("2026-12-31T17:00:00-05:00", "2026-12-31T22:00:00"),
        ("2026-12-31T17:00:00.999999", "2026-12-31T09:00:00"),  # whole seconds, never later than said
        ("1970-01-01T08:00:00", "1970-01-01T00:00:00"),
        ("1986-06-01T00:00:00", "1986-05-31T15:00:00"),  # China had summer time then
        ("9999-12-31T23:59:59", "9999-12-31T15:59:59"),
        ("9999-12-31T23:59:59+00:00", "9999-12-31T23:59:59"),
    ],
)
def test_a_time_without_a_zone_is_of_shanghai(text: str, utc: str) -> None:
    assert datetime.fromtimestamp(instant(text), UTC) == datetime.fromisoformat(utc).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "now", "tomorrow", "NaN", "1e9", "1767225600", "-1", "0", "2026", "2026-12", "12-31", "31/12/2026"),
        *("20261231", "2026-W53-4", "2026-12-31T17", "2026-12-31T1700", "2026-12-31t17:00", "2026-12-31T17:00:00,5"),
        *("2026-12-31T24:00:00", "2026-12-31T24:00", "2026-12-31T23:60:00", "2026-12-31T23:59:60", "2026-12-31T25:00"),
        *("2026-02-29", "2026-13-01", "2026-00-01", "2026-04-31", "0000-01-01", "10000-01-01", "-2026-01-01"),
        *(
            "２０２６-12-31",
            "2026-12-31T１７:00:00",
            "2026年12月31日",
            "2026-12-31T17:00:00 ",
            " 2026-12-31",
            "2026-12-31\n",
        ),
        *("2026-12-31T17:00:00+24:00", "2026-12-31T17:00:00+", "2026-12-31T17:00:00 Asia/Shanghai", "2026-12-31T"),
        *("1970-01-01T07:59:59", "1969-12-31", "0001-01-01", "1970-01-01T00:00:00+00:01"),
        *("0m", "0d", "00d", "01d", "-1d", "+1d", "1.5d", "1 d", "1D", "1s", "1w", "d", "d1", "1dd", "１d", "1d\n"),
        *("1000000d", "9" * 400 + "d", "9" * 400, "\udcff"),
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as raised:
        instant(text)
    assert raised.value.message == f"{text!r} is no time"
    assert raised.value.hint == "as 2026-12-31T17:00:00, or from now: 30m, 12h, 7d"


@pytest.mark.parametrize(
    ("text", "seconds"), [("1m", 60), ("30m", 1_800), ("12h", 43_200), ("7d", 604_800), ("999999d", 86_399_913_600)]
)
def test_a_time_may_be_said_from_now(text: str, seconds: int) -> None:
    before = int(time.time())
    found = instant(text)
    assert before + seconds <= found <= int(time.time()) + seconds
