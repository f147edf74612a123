"""The journeys format: the files it refuses, the rows it refuses, and the values it reads."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.core.methodology import DEFAULT as SPEC
from registry.errors import InputError, UsageError
from registry.sources import Stations, adapter, journeys, open_input

Read = Callable[..., pl.DataFrame]
COLUMNS = journeys.COLUMNS
HEADER = ",".join(COLUMNS)
GOOD = {
    "trip_id": "T1",
    "account_id": "A1",
    "carrier_ref": "C1",
    "mode": "metro",
    "line": "1号线",
    "board_stop": "东湾",
    "board_time": "2026-03-02 08:00:00",
    "alight_stop": "西湾",
    "alight_time": "2026-03-02 08:30:00",
    "distance_m": "10000",
    "fare_fen": "400",
}
EIGHT = 1_772_409_600  # 2026-03-02 08:00:00 +08:00


def line(**changes: str) -> str:
    return ",".join((GOOD | changes).values())


def csv(*lines: str) -> str:
    return "\n".join([HEADER, *lines, ""])


def refusal(read: Read, content: bytes | str, name: str = "file.csv") -> InputError:
    with pytest.raises(InputError) as caught:
        read("journeys", content, name)
    return caught.value


def told(error: InputError) -> str:
    """The message after the file's path."""
    return error.message.partition(": ")[2]


def verdict(read: Read, **changes: str) -> tuple[str | None, str | None]:
    frame = read("journeys", csv(line(**changes)))
    return frame["reason"][0], frame["field"][0]


# --- files refused as a whole ----------------------------------------------------------------------


def test_every_wrong_column_is_named_at_once(read: Read) -> None:
    names = [name for name in COLUMNS if name not in ("mode", "line")] + ["trip_id", "Mode", "价格"]
    error = refusal(read, ",".join(names) + "\n1\n")
    assert told(error) == "missing columns mode, line; repeated column trip_id; unknown columns Mode, '价格'"
    assert error.hint == "the columns are " + ", ".join(COLUMNS)


@pytest.mark.parametrize("head", [HEADER.upper(), HEADER.replace(",", ", "), HEADER.replace(",", ";"), "", "{}"])
def test_a_header_is_exact(read: Read, head: str) -> None:
    assert "missing columns" in told(refusal(read, head + "\n" + line() + "\n"))


@pytest.mark.parametrize("content", [HEADER, HEADER + "\n", HEADER + "\r\n\r\n\n", "\ufeff" + HEADER + "\n"])
def test_a_header_alone_is_no_input(read: Read, content: str) -> None:
    assert told(refusal(read, content)) == "no rows"


@pytest.mark.parametrize("spoilt", ['T"1', 'T1"', '"T1"x', '"T1" ', ' "T1"'])
def test_a_quote_inside_a_field_is_refused_with_its_line(read: Read, spoilt: str) -> None:
    balance = '"y"' if spoilt.count('"') % 2 == 0 else 'y"'
    error = refusal(read, csv(line(), '"a\nb"' + line()[2:], line(trip_id=spoilt), line(account_id=balance)))
    assert told(error) == "line 5: a quote inside a field"
    assert error.fields == {"line": 5}


@pytest.mark.parametrize("lines", [15_000, 300_000])
def test_a_quoted_field_without_end_in_sight_is_refused(read: Read, lines: int) -> None:
    error = refusal(read, csv(line(), '"' + line()) + (line() + "\n") * lines + '"\n' + line())
    assert told(error) == "the record that begins on line 3 is longer than 1 MiB"
    assert error.hint == "look for a quote that is never closed"


def test_a_station_table_does_not_go_with_journeys(tmp_path: Path) -> None:
    table = tmp_path / "stations.csv"
    table.write_text("from_station,to_station,distance_m\na,b,5\n")
    (tmp_path / "file.csv").write_text(csv(line()))
    with pytest.raises(UsageError, match="journeys bring their own distance"):
        journeys.stage(open_input(tmp_path / "file.csv"), tmp_path, SPEC, stations=Stations.open(table))


def test_an_unknown_format_is_named() -> None:
    with pytest.raises(UsageError, match="unknown input format 'gtfs'") as caught:
        adapter("gtfs")
    assert caught.value.hint == "known: journeys, szt"


# --- rows refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in COLUMNS if name not in ("distance_m", "fare_fen")])
@pytest.mark.parametrize("empty", ["", '""', " ", "\u3000", "\t "])
def test_a_missing_field_is_a_bad_row(read: Read, name: str, empty: str) -> None:
    assert verdict(read, **{name: empty}) == ("bad_row", name)


@pytest.mark.parametrize("name", ["distance_m", "fare_fen"])
@pytest.mark.parametrize(
    "text", ["1.5", "1e3", '"1,234"', "１２３", "٣", "+5", " 5", "5 ", "0x10", "NaN", "null", "-", "5-", "--5", "1_000"]
)
def test_text_in_a_number_is_a_bad_row(read: Read, name: str, text: str) -> None:
    assert verdict(read, **{name: text}) == ("bad_row", name)


@pytest.mark.parametrize("fare", ["-1", "4294967296", "9" * 30, "-" + "9" * 30])
def test_a_fare_that_is_no_amount_is_a_bad_row(read: Read, fare: str) -> None:
    assert verdict(read, fare_fen=fare) == ("bad_row", "fare_fen")


@pytest.mark.parametrize("distance", ["0", "-0", "-5", "200001", "9223372036854775808", "9" * 400, "-" + "9" * 400])
def test_an_integer_out_of_range_is_a_bad_distance(read: Read, distance: str) -> None:
    assert verdict(read, distance_m=distance) == ("bad_distance", None)


@pytest.mark.parametrize("name", ["trip_id", "account_id", "carrier_ref"])
@pytest.mark.parametrize(
    "text", ["6.22E+15", "6E+15", "1.2e-05", "a\tb", "a\x7fb", "a\u200bb", "a\u202eb", "\x85a", " a", "a ", "x" * 129]
)
def test_an_identifier_is_visible_text_of_bounded_length(read: Read, name: str, text: str) -> None:
    assert verdict(read, **{name: text}) == ("bad_row", name)


@pytest.mark.parametrize("text", ["x" * 128, "6.22E15", "0012", "卡-1", "a b", "=1+1", "1E5"])
def test_other_identifiers_are_taken_as_they_are(read: Read, text: str) -> None:
    frame = read("journeys", csv(line(carrier_ref=text)))
    assert (frame["reason"][0], frame["carrier_ref"][0]) == (None, text)


@pytest.mark.parametrize("name", ["line", "board_stop", "alight_stop"])
@pytest.mark.parametrize("text", [" a", "a\u3000", "x" * 257, "a\x07", '"a\n"'])
def test_a_stop_name_has_no_edges_of_space(read: Read, name: str, text: str) -> None:
    assert verdict(read, **{name: text}) == ("bad_row", name)


@pytest.mark.parametrize(
    "text",
    [
        *("2026-02-29 08:00:00", "2026-13-01 08:00:00", "2026-00-10 08:00:00", "2026-03-02 24:00:00"),
        *("2026-03-02 23:59:60", "2026-03-02 08:60:00", "2026-03-02", "2026-03-02 08:00", "45123", "45123.5"),
        *("1999-12-31 23:00:00", "2100-01-01 00:00:00", "9999-12-31 00:00:00", "2026/03/02 08:00:00"),
        *("2026-03-02  08:00:00", "2026-03-02t08:00:00", "2026-03-02T08:00:00z", "2026-03-02T08:00:00+0800"),
        *("2026-03-02T08:00:00+15:00", "2026-03-02T08:00:00+08:60", "2026-03-02T08:00:00.", " 2026-03-02 08:00:00"),
        *("2026-03-02 08:00:00 ", "２０２６-03-02 08:00:00", "2026-3-2 08:00:00", "2000-01-01T00:00:00+14:00"),
    ],
)
@pytest.mark.parametrize("name", ["board_time", "alight_time"])
def test_a_time_that_is_none_is_a_bad_row(read: Read, name: str, text: str) -> None:
    assert verdict(read, **{name: text}) == ("bad_row", name)


def test_the_first_bad_field_in_the_formats_order_is_named(read: Read) -> None:
    frame = read("journeys", csv(line(fare_fen="x", board_stop=""), line(distance_m="x", mode="")))
    assert frame["field"].to_list() == ["board_stop", "mode"]


def test_a_row_with_another_number_of_fields_is_a_bad_row_of_which_nothing_is_read(read: Read) -> None:
    short, long = line().rpartition(",")[0], line() + ","
    frame = read(
        "journeys", csv(short, line(trip_id="T2"), long, line() + ",x,y", "alone", " ", ",", line(trip_id="T3"))
    )
    assert frame["reason"].to_list() == ["bad_row", None, "bad_row", "bad_row", "bad_row", "bad_row", "bad_row", None]
    assert frame["field"].to_list() == ["row", None, "row", "row", "row", "row", "row", None]
    assert frame["trip_id"].to_list() == [None, "T2", None, None, None, None, None, "T3"]


def test_a_file_of_nothing_but_ragged_rows_is_counted(read: Read) -> None:
    frame = read("journeys", csv("1,2", "3", line() + "," + line()), rows_per_partition=1)
    assert frame["field"].to_list() == ["row"] * 3


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"mode": "tram"}, "unknown_mode"),
        ({"mode": "Metro"}, "unknown_mode"),
        ({"mode": " metro"}, "unknown_mode"),
        ({"alight_stop": "东湾"}, "same_stop"),
        ({"alight_time": "2026-03-02 11:00:01"}, "overstay"),
        ({"alight_time": "2026-03-02 08:00:00"}, "bad_time"),
        ({"board_time": "2026-03-01 23:59:59"}, "overstay"),
        ({"mode": "bus", "board_time": "2026-03-01 23:59:59"}, "bad_time"),
        ({"distance_m": ""}, "no_distance"),
        ({"distance_m": "  "}, "no_distance"),
        ({"distance_m": "60001"}, "too_fast"),
        ({"mode": "bus", "distance_m": "40001"}, "too_fast"),
        ({"fare_fen": "0"}, "not_charged"),
        ({"fare_fen": "0", "distance_m": "", "mode": "x"}, "unknown_mode"),
        ({"fare_fen": "x", "mode": "x"}, "bad_row"),
    ],
)
def test_the_first_reason_wins(read: Read, changes: dict[str, str], reason: str) -> None:
    assert verdict(read, **changes)[0] == reason


@pytest.mark.parametrize(
    "changes",
    [
        {"alight_time": "2026-03-02 11:00:00"},
        {"mode": "bus", "alight_time": "2026-03-02 13:00:00"},
        {"distance_m": "60000"},
        {"mode": "bus", "distance_m": "40000"},
        {"fare_fen": ""},
        {"distance_m": "1"},
        {"distance_m": "00010"},
    ],
)
def test_at_the_limit_a_journey_still_counts(read: Read, changes: dict[str, str]) -> None:
    assert verdict(read, **changes) == (None, None)


# --- values read -----------------------------------------------------------------------------------


def test_a_good_row_is_read_as_it_stands(read: Read) -> None:
    assert read("journeys", csv(line())).row(0, named=True) == {
        "row": 1,
        "row_exit": None,
        **GOOD,
        "board_time": EIGHT,
        "alight_time": EIGHT + 1800,
        "distance_m": 10_000,
        "fare_fen": 400,
        "reason": None,
        "field": None,
    }


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-03-02T08:00:00", EIGHT),
        ("2026-03-02 08:00:00.999999", EIGHT),
        ("2026-03-02T00:00:00Z", EIGHT),
        ("2026-03-02T00:00:00.5Z", EIGHT),
        ("2026-03-02 08:00:00+08:00", EIGHT),
        ("2026-03-01T18:30:00-05:30", EIGHT),
        ("2026-03-02T05:45:00+05:45", EIGHT),
        ("2026-03-01T23:59:59-00:00", EIGHT - 1),
    ],
)
def test_a_time_is_shanghai_unless_it_names_its_zone(read: Read, text: str, seconds: int) -> None:
    assert read("journeys", csv(line(board_time=text)))["board_time"][0] == seconds


def test_a_leap_day_is_a_day(read: Read) -> None:
    changes = {"board_time": "2028-02-29 08:00:00", "alight_time": "2028-02-29 08:30:00"}
    assert verdict(read, **changes) == (None, None)


def test_line_ends_may_be_mixed_and_blank_lines_are_no_rows(read: Read) -> None:
    content = f"\ufeff{HEADER}\r\n\r\n{line()}\n\n{line(trip_id='T2')}\r\n{line(trip_id='T3')}"
    frame = read("journeys", content)
    assert frame["trip_id"].to_list() == ["T1", "T2", "T3"]
    assert frame["fare_fen"].to_list() == [400] * 3
    assert frame["reason"].null_count() == 3


def test_a_quoted_field_may_hold_a_comma_a_quote_and_a_line_break(read: Read) -> None:
    rows = (
        line(board_stop='"a,b"'),
        line(board_stop='"say ""hi"""'),
        line(board_stop='"l1\r\nl2\n\nl3"', trip_id='"T"'),
    )
    frame = read("journeys", csv(*rows).replace(HEADER, '"' + HEADER.replace(",", '","') + '"'))
    assert frame["board_stop"].to_list() == ["a,b", 'say "hi"', "l1\r\nl2\n\nl3"]
    assert frame["reason"].null_count() == 3


def test_columns_may_come_in_any_order(read: Read) -> None:
    names = sorted(COLUMNS)
    frame = read("journeys", ",".join(names) + "\n" + ",".join(GOOD[name] for name in names))
    assert frame.equals(read("journeys", csv(line())))


def test_gb18030_is_read_when_asked_for(read: Read) -> None:
    frame = read("journeys", csv(line()).encode("gb18030"), encoding="gb18030")
    assert frame["board_stop"][0] == "东湾"


def test_a_carrier_stays_in_one_partition_and_every_row_is_in_one(tmp_path: Path) -> None:
    rows = [line(trip_id=f"T{n}", carrier_ref=f"C{n % 50}") for n in range(1000)] + ["short"] * 20
    (tmp_path / "file.csv").write_text(csv(*rows))
    seen: list[int] = []
    staged = journeys.stage(
        open_input(tmp_path / "file.csv"), tmp_path / "s", SPEC, rows_per_partition=255, progress=seen.append
    )
    assert (staged.rows, staged.partitions, seen) == (1020, 4, [1020])
    frames = [staged.candidates(k) for k in range(4)]
    carriers = [set(frame["carrier_ref"].drop_nulls()) for frame in frames]
    assert sum(map(len, carriers)) == len(set().union(*carriers)) == 50
    assert sorted(row for frame in frames for row in frame["row"]) == list(range(1, 1021))
    with pytest.raises(IndexError):
        staged.candidates(4)


def test_what_an_interrupted_run_left_is_not_counted_again(tmp_path: Path) -> None:
    (tmp_path / "file.csv").write_text(csv(line(), line()))
    for _ in range(2):
        staged = journeys.stage(open_input(tmp_path / "file.csv"), tmp_path / "s", SPEC, rows_per_partition=1)
        assert sum(staged.candidates(k).height for k in range(staged.partitions)) == 2


def test_rows_are_numbered_through_a_file_of_many_blocks(read: Read) -> None:
    rows = [line(trip_id=f"T{n}", line='"' + "长" * 80 + '"' if n % 7 else "short\n") for n in range(40_000)]
    frame = read("journeys", csv(*rows), rows_per_partition=30_000)
    kept = frame.filter(pl.col("reason").is_null())
    assert kept.height == 40_000 - -(-40_000 // 7)
    assert frame.filter(pl.col("field") == "row").height == 2 * -(-40_000 // 7)


# --- Parquet ---------------------------------------------------------------------------------------


def parquet(tmp_path: Path, frame: pl.DataFrame) -> bytes:
    frame.write_parquet(tmp_path / "made.parquet")
    return (tmp_path / "made.parquet").read_bytes()


def test_parquet_may_be_typed_or_text(read: Read, tmp_path: Path) -> None:
    wanted = read("journeys", csv(line()))
    naive = datetime(2026, 3, 2, 8, 0, 0, 999_999)  # noqa: DTZ001
    aware = datetime(2026, 3, 2, 0, 30, tzinfo=UTC)
    text = pl.DataFrame([GOOD])
    typed = text.with_columns(
        board_time=pl.lit(naive),
        alight_time=pl.lit(aware).dt.convert_time_zone("America/New_York").cast(pl.Datetime("ns", "America/New_York")),
        distance_m=pl.lit(10_000, dtype=pl.UInt16),
        fare_fen=pl.lit(400, dtype=pl.Int32),
        mode=pl.col("mode").cast(pl.Categorical),
        line=pl.col("line").cast(pl.Enum(["1号线"])),
    )
    for frame in (text, typed, typed.select(reversed(COLUMNS))):
        assert read("journeys", parquet(tmp_path, frame), "file.parquet").equals(wanted)


def test_nulls_and_numbers_out_of_range_in_parquet_have_their_reasons(read: Read, tmp_path: Path) -> None:
    distances = [None, 0, -5, 2**64 - 1, 10_000]
    frame = pl.DataFrame([GOOD] * 5).with_columns(
        distance_m=pl.Series(distances, dtype=pl.Int128), fare_fen=pl.lit(None), trip_id=pl.Series(["T"] * 4 + [None])
    )
    result = read("journeys", parquet(tmp_path, frame), "file.parquet")
    assert result["reason"].to_list() == ["no_distance", "bad_distance", "bad_distance", "bad_distance", "bad_row"]
    assert result["field"][4] == "trip_id"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("distance_m", 1.5),
        ("fare_fen", True),
        ("board_time", date(2026, 3, 2)),
        ("board_time", 45123),
        ("trip_id", 7),
        ("line", ["a"]),
        ("alight_time", timedelta(1)),
    ],
)
def test_a_parquet_column_of_another_type_is_named(read: Read, tmp_path: Path, name: str, value: object) -> None:
    frame = pl.DataFrame([{**GOOD, name: value}])
    error = refusal(read, parquet(tmp_path, frame), "file.parquet")
    assert told(error).startswith(f"column {name} is ")
    assert error.fields == {"column": name}


def test_parquet_columns_are_checked_like_those_of_csv(read: Read, tmp_path: Path) -> None:
    frame = pl.DataFrame([{**GOOD, "extra": "1"}]).drop("mode")
    assert told(refusal(read, parquet(tmp_path, frame), "f.parquet")) == "missing column mode; unknown column extra"


def test_parquet_without_rows_is_no_input(read: Read, tmp_path: Path) -> None:
    assert told(refusal(read, parquet(tmp_path, pl.DataFrame([GOOD]).clear()), "f.parquet")) == "no rows"


def test_a_parquet_file_that_would_break_the_reader_down_is_refused(read: Read, tmp_path: Path) -> None:
    """Byte by byte damage: refused or read whole, and the process lives to tell."""
    whole = parquet(tmp_path, pl.DataFrame([GOOD] * 300))
    for at in (4, len(whole) // 3, len(whole) // 2, len(whole) - 300, len(whole) - 12):
        damaged = whole[:at] + bytes(byte ^ 0xFF for byte in whole[at : at + 4]) + whole[at + 4 :]
        with contextlib.suppress(InputError):
            assert read("journeys", damaged, "file.parquet").height == 300


def test_a_damaged_parquet_file_is_refused(read: Read, tmp_path: Path) -> None:
    whole = parquet(tmp_path, pl.DataFrame([GOOD] * 500))
    middle = len(whole) // 2
    for content in (b"PAR1", whole[:middle], whole[:-9] + b"\xff" * 5 + b"PAR1", b"PAR1" + b"\0" * 400 + b"PAR1"):
        assert "not a readable Parquet file" in told(refusal(read, content, "file.parquet"))


# --- properties ------------------------------------------------------------------------------------

FIELD = st.one_of(
    st.sampled_from([*GOOD.values(), "", "bus", "0", "-1", "45123", "6.22E+15", '"a,b"', '"x\ny"', '""""', "９"]),
    st.text(st.characters(codec="utf-8", exclude_characters='",\r\n\0'), max_size=6),
)
ROW = st.one_of(st.lists(FIELD, min_size=11, max_size=11), st.lists(FIELD, min_size=2, max_size=13))
FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FEW
@given(
    rows=st.lists(st.tuples(ROW, st.sampled_from(["\n", "\r\n", "\n\n"])), min_size=1, max_size=12), k=st.integers(1, 5)
)
def test_every_row_is_used_or_rejected_once(read: Read, rows: list[tuple[list[str], str]], k: int) -> None:
    content = HEADER + "\n" + "".join(",".join(fields) + end for fields, end in rows)
    frame = read("journeys", content, rows_per_partition=k)
    assert frame.height == len(rows)
    assert all(reason == "bad_row" for reason, field in frame.select("reason", "field").rows() if field)


@FEW
@given(
    content=st.binary(max_size=300), head=st.sampled_from([b"", HEADER.encode() + b"\n", b"PAR1", b"[{", b'{"data":'])
)
@pytest.mark.parametrize("form", ["journeys", "szt"])
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_no_bytes_raise_anything_but_an_input_error(
    read: Read, content: bytes, head: bytes, form: str, encoding: str
) -> None:
    # A refusal is an InputError; anything else escapes and fails the test.
    with contextlib.suppress(InputError):
        assert read(form, head + content, encoding=encoding).height > 0


def test_the_zone_of_the_machine_has_no_say(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    moment = datetime(2026, 3, 2, 8, tzinfo=timezone(timedelta(hours=8)))
    assert read("journeys", csv(line()))["board_time"][0] == int(moment.timestamp()) == EIGHT
