"""Smart-card taps: which files and rows are refused, and how entries and exits become journeys."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.core.methodology import DEFAULT as SPEC
from registry.errors import InputError
from registry.sources import Stations, open_input, smart_card

Read = Callable[..., pl.DataFrame]
IN, OUT, BUS = smart_card.ENTRY, smart_card.EXIT, smart_card.BUS
COLUMNS = (
    *("deal_date", "close_date", "card_no", "deal_value", "deal_type", "company_name"),
    *("car_no", "station", "conn_mark", "deal_money", "equ_no"),
)
EIGHT = 1_772_409_600  # 2026-03-02 08:00:00 +08:00


def tap(kind: str, clock: str, station: str, **changes: object) -> dict[str, object]:
    value = "0" if kind == IN else "500"
    record = dict.fromkeys(COLUMNS, "")
    record |= {"deal_date": f"2026-03-02 {clock}", "card_no": "CARD", "deal_type": kind, "station": station}
    record |= {"deal_value": value, "deal_money": "0" if kind == IN else "475", "company_name": "1号线", "equ_no": "26"}
    return record | changes


def csv(*taps: dict[str, object]) -> str:
    return "\n".join([",".join(COLUMNS), *(",".join(str(tap[name]) for name in COLUMNS) for tap in taps), ""])


def reasons(frame: pl.DataFrame) -> dict[int, str | None]:
    """By row of the file, both rows of a pair."""
    found = dict(frame.select("row", "reason").rows())
    return found | dict(frame.filter(pl.col("row_exit").is_not_null()).select("row_exit", "reason").rows())


def told(read: Read, content: bytes | str, name: str = "file.csv") -> str:
    with pytest.raises(InputError) as caught:
        read("szt", content, name)
    return caught.value.message.partition(": ")[2]


# --- files refused as a whole ----------------------------------------------------------------------


def test_every_wrong_column_is_named_at_once(read: Read) -> None:
    content = "deal_date,card_no,card_no,deal_type,deal_value,price\n1\n"
    assert told(read, content) == "missing columns deal_money, station; repeated column card_no; unknown column price"


def test_parquet_is_no_format_of_taps(read: Read, tmp_path: Path) -> None:
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "taps.parquet")
    assert "not Parquet" in told(read, (tmp_path / "taps.parquet").read_bytes(), "file.parquet")


GOOD_LINE = json.dumps(tap(IN, "08:00:00", "甲"), ensure_ascii=False)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("[1]", "line 2 is not an object"),
        ("7", "line 2 is not an object"),
        ("null", "line 2 is not an object"),
        ('{"card_no": "a", "card_no": "b"}', "line 2: key 'card_no' is given twice"),
        ('{"deal_value": NaN}', "line 2: NaN is not a JSON number"),
        ('{"deal_value": -Infinity}', "line 2: -Infinity is not a JSON number"),
        ('{"deal_value": 1.5}', "line 2: deal_value is neither text nor an integer"),
        ('{"deal_value": 1e400}', "line 2: deal_value is neither text nor an integer"),
        ('{"deal_value": true}', "line 2: deal_value is neither text nor an integer"),
        ('{"station": ["a"]}', "line 2: station is neither text nor an integer"),
        ('{"station": {"a": 1}}', "line 2: station is neither text nor an integer"),
        ('{"station": "\\ud800"}', "line 2: half a surrogate pair"),
        ('{"price": "1"}', "line 2: unknown key 'price'"),
        ('{"deal_value": ' + "9" * 5000 + "}", "line 2: a number of thousands of digits"),
        ("[" * 20_000, "line 2: nested too deeply"),
        ('{"a":' * 100_000, "line 2: nested too deeply"),
        ('["]]]]]]",' * 9 + "]" * 9, "line 2: nested too deeply"),
        ('"' + '\\"' * 200_000, "line 2: not JSON: Unterminated string starting at at column 1"),
        ('{"station": "[[[[[[[[[[[[", "price": 1}', "line 2: unknown key 'price'"),
        ('{"data": 5}', "line 2 has no list of records"),
        ('{"data": [5]}', "line 2, record 1 is not an object"),
        ("{", "line 2: not JSON: Expecting property name enclosed in double quotes at column 2"),
        ('{"a": 1} {"a": 2}', "line 2: not JSON: Extra data at column 10"),
    ],
)
def test_a_line_that_is_no_record_is_named(read: Read, line: str, fault: str) -> None:
    assert told(read, f"{GOOD_LINE}\n{line}\n{GOOD_LINE}\n", "taps.jsonl") == fault
    assert told(read, f"{GOOD_LINE}\n{line}\n{GOOD_LINE}\n", "taps.json") == fault


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ("[]", "no rows"),
        ('{\n"data": []}', "no rows"),
        ('{\n"rows": 1}', "the document has no list of records"),
        ('{\n"data": {"a": 1}}', "the document has no list of records"),
        ('[{"station": "a"}, 5]', "record 2 is not an object"),
        ('[{"station": "a"}, {"station": "a", "station": "b"}]', "record 2: key 'station' is given twice"),
        ('[{"station": "a"}, {"deal_value": NaN}]', "record 2: NaN is not a JSON number"),
        ('[{"station": "a"}, {"price": "a"}]', "record 2: unknown key 'price'"),
        ("[\n{", "line 2: not JSON: Expecting property name enclosed in double quotes at column 2"),
        ("[" * 3_000_000, "nested too deeply"),
    ],
)
def test_a_document_that_is_no_page_is_refused(read: Read, document: str, fault: str) -> None:
    assert told(read, document, "page.json") == fault


def test_an_endless_json_line_is_refused(read: Read) -> None:
    assert told(read, GOOD_LINE + "\n" + " " * (3 << 20), "t.jsonl") == "line 2 is longer than 1 MiB"


def test_a_document_too_large_to_hold_is_refused(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.sources.json_text._WHOLE", 10)
    assert told(read, f"[{GOOD_LINE}]", "page.json") == "one JSON document of more than 1 GiB"


# --- rows refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", smart_card.REQUIRED)
@pytest.mark.parametrize("empty", ["", " ", "\u3000"])
def test_a_missing_required_field_is_a_bad_row(read: Read, name: str, empty: str) -> None:
    frame = read("szt", csv(tap(BUS, "08:00:00", "甲") | {name: empty}))
    assert frame.select("reason", "field").row(0) == ("bad_row", name)
    record = {key: value for key, value in tap(BUS, "08:00:00", "甲").items() if key != name}
    frame = read("szt", json.dumps([record, record | {name: None}, record | {name: empty}]), "page.json")
    assert frame.select("reason", "field").rows() == [("bad_row", name)] * 3


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("deal_value", text) for text in ("-1", "1.5", "x", "１", "1 ", "4294967296", "9" * 30)),
        *(("deal_money", text) for text in ("-1", "", "1e2")),
        *(("deal_date", text) for text in ("45123", "2018-09-31 08:00:00", "2018-09-01 24:00:00", "2018/09/01 08:00")),
        *(("card_no", text) for text in ("6.22E+15", "a\tb", "x" * 129)),
        ("station", " 甲"),
        ("company_name", "1号线 "),
    ],
)
def test_a_field_that_cannot_be_read_is_a_bad_row(read: Read, name: str, text: str) -> None:
    frame = read("szt", csv(tap(OUT, "08:00:00", "甲") | {name: text}))
    assert frame.select("reason", "field").row(0) == ("bad_row", name)


def test_a_ragged_row_is_a_bad_row(read: Read) -> None:
    frame = read("szt", csv(tap(IN, "08:00:00", "甲")) + "a,b\n" + csv(tap(OUT, "08:30:00", "乙")).split("\n")[1])
    assert reasons(frame) == {1: None, 2: "bad_row", 3: None}
    assert frame.filter(pl.col("row") == 2)["field"][0] == "row"


def test_a_type_of_tap_the_format_does_not_know_is_an_unknown_mode_and_breaks_a_pair(read: Read) -> None:
    taps = (tap(IN, "08:00:00", "甲"), tap("有轨电车", "08:10:00", "丙"), tap(OUT, "08:30:00", "乙"))
    assert reasons(read("szt", csv(*taps))) == {1: "unmatched_entry", 2: "unknown_mode", 3: "unmatched_exit"}


def test_entries_and_exits_without_their_other_half_are_unmatched(read: Read) -> None:
    taps = (
        tap(OUT, "07:00:00", "甲"),
        tap(IN, "08:00:00", "甲"),
        tap(IN, "08:10:00", "乙"),
        tap(OUT, "08:40:00", "丙"),
        tap(OUT, "08:50:00", "丁"),
        tap(IN, "09:00:00", "甲"),
        tap(BUS, "09:10:00", "M1"),
        tap(OUT, "09:40:00", "丙"),
        tap(IN, "10:00:00", "甲"),
        tap(OUT, "10:10:00", "乙", card_no="OTHER"),
    )
    assert reasons(read("szt", csv(*taps))) == {
        1: "unmatched_exit",
        2: "unmatched_entry",
        3: None,
        4: None,
        5: "unmatched_exit",
        6: "unmatched_entry",
        7: "no_distance",
        8: "unmatched_exit",
        9: "unmatched_entry",
        10: "unmatched_exit",
    }


def test_taps_pair_in_time_order_and_in_file_order_within_a_second(read: Read) -> None:
    late_first = (tap(OUT, "08:30:00", "乙"), tap(IN, "08:00:00", "甲"))
    frame = read("szt", csv(*late_first))
    assert frame.select("row", "row_exit", "reason").rows() == [(2, 1, None)]
    together = (tap(IN, "08:00:00", "甲"), tap(OUT, "08:00:00", "乙"))
    assert reasons(read("szt", csv(*together))) == {1: "bad_time", 2: "bad_time"}
    assert reasons(read("szt", csv(*together[::-1]))) == {1: "unmatched_exit", 2: "unmatched_entry"}


def test_exact_repeats_leave_before_pairing(read: Read) -> None:
    entry, leave = tap(IN, "08:00:00", "甲"), tap(OUT, "08:30:00", "乙")
    changed = leave | {"deal_money": "1", "conn_mark": "9"}
    assert reasons(read("szt", csv(entry, entry, leave, changed))) == {1: None, 2: "duplicate", 3: None, 4: "duplicate"}
    other_device = entry | {"equ_no": "27"}
    assert reasons(read("szt", csv(entry, other_device, leave))) == {1: "unmatched_entry", 2: None, 3: None}
    without_device = [{k: v for k, v in entry.items() if k != "equ_no"}] * 2
    assert reasons(read("szt", json.dumps(without_device), "p.json")) == {1: "unmatched_entry", 2: "duplicate"}


def test_bad_rows_leave_before_pairing(read: Read) -> None:
    taps = (tap(IN, "08:00:00", "甲"), tap(OUT, "08:10:00", ""), tap(OUT, "08:30:00", "乙"))
    assert reasons(read("szt", csv(*taps))) == {1: None, 2: "bad_row", 3: None}


@pytest.mark.parametrize(
    ("entry", "leave", "reason"),
    [
        ({}, {"station": "甲"}, "same_stop"),
        ({}, {"deal_date": "2026-03-02 11:00:01"}, "overstay"),
        ({"deal_date": "2026-03-01 23:59:59"}, {"deal_date": "2026-03-02 00:30:00"}, "bad_time"),
        ({}, {"deal_value": "0", "deal_money": "0"}, "no_distance"),
        ({}, {"deal_value": "250"}, "no_distance"),
        ({}, {"deal_value": "4294967200"}, "bad_distance"),
        ({}, {"deal_date": "2026-03-02 08:05:59"}, "too_fast"),
        ({}, {"deal_money": "0"}, "not_charged"),
        ({}, {"deal_date": "2026-03-02 08:06:00"}, None),
        ({}, {"deal_date": "2026-03-02 11:00:00"}, None),
    ],
)
def test_a_pair_is_refused_as_one(
    read: Read, entry: dict[str, object], leave: dict[str, object], reason: str | None
) -> None:
    taps = (tap(IN, "08:00:00", "甲") | entry, tap(OUT, "08:30:00", "乙") | leave)
    assert reasons(read("szt", csv(*taps))) == {1: reason, 2: reason}


# --- values read -----------------------------------------------------------------------------------


def test_a_pair_is_one_journey_with_the_lower_bound_of_its_fare(read: Read) -> None:
    frame = read("szt", csv(tap(IN, "08:00:00", "甲"), tap(OUT, "08:30:00", "乙", company_name="2号线")))
    assert frame.row(0, named=True) == {
        "row": 1,
        "row_exit": 2,
        "trip_id": "CARD-20260302080000",
        "account_id": None,
        "carrier_ref": "CARD",
        "mode": "metro",
        "line": "1号线",
        "board_stop": "甲",
        "board_time": EIGHT,
        "alight_stop": "乙",
        "alight_time": EIGHT + 1800,
        "distance_m": 12_000,
        "fare_fen": 475,
        "reason": None,
        "field": None,
    }


def test_a_bus_boarding_is_one_row_without_alighting(read: Read) -> None:
    row = read("szt", csv(tap(BUS, "08:00:00", "M433(福永)", company_name=""))).row(0, named=True)
    assert (row["mode"], row["line"], row["board_stop"], row["reason"]) == ("bus", "", "M433(福永)", "no_distance")
    assert (row["alight_stop"], row["alight_time"], row["distance_m"], row["row_exit"]) == (None, None, None, None)


def test_an_unmatched_exit_has_an_alighting_only(read: Read) -> None:
    row = read("szt", csv(tap(OUT, "08:00:00", "乙"))).row(0, named=True)
    assert (row["board_stop"], row["board_time"]) == (None, None)
    assert (row["alight_stop"], row["alight_time"], row["trip_id"]) == ("乙", EIGHT, "CARD-20260302080000")


def test_a_station_table_gives_the_distance_and_nothing_else_does(read: Read, tmp_path: Path) -> None:
    (tmp_path / "stations.csv").write_text("from_station,to_station,distance_m\n乙,甲,12345\n")
    stations = Stations.open(tmp_path / "stations.csv")
    free = {"deal_value": "0", "deal_money": "0"}
    taps = (
        *(tap(IN, "08:00:00", "甲"), tap(OUT, "08:30:00", "乙")),
        *(tap(IN, "09:00:00", "甲"), tap(OUT, "09:30:00", "丙")),
        *(tap(IN, "10:00:00", "甲"), tap(OUT, "10:30:00", "乙", **free)),
        *(tap(IN, "11:00:00", "甲"), tap(OUT, "11:30:00", "乙", deal_money="0")),
    )
    frame = read("szt", csv(*taps), stations=stations)
    assert frame.select("distance_m", "fare_fen", "reason").rows() == [
        (12_345, 475, None),
        (None, 475, "no_distance"),
        (12_345, None, None),
        (12_345, 0, "not_charged"),
    ]


def test_every_form_of_the_data_reads_the_same(read: Read) -> None:
    taps = [
        tap(IN, "08:00:00", "甲"),
        tap(OUT, "08:30:00", "乙"),
        tap(BUS, "09:00:00", "M1"),
        tap(OUT, "10:00:00", "丁"),
    ]
    numbers = [record | {"deal_value": int(str(record["deal_value"])), "equ_no": 26} for record in taps]
    records = [json.dumps(record) for record in taps]
    page = {"total": 4, "data": numbers, "page": 1, "rows": 4}
    order = sorted(COLUMNS)
    quoted = "\r\n".join(
        ['"' + '","'.join(str(record.get(name, name)) for name in order) + '"' for record in [{}, *taps]]
    )
    wanted = read("szt", csv(*taps))
    for content, name in (
        (quoted, "taps.txt"),
        ("\n".join(records), "taps.jsonl"),
        ("\ufeff" + "\r\n\r\n".join(records) + "\r\n", "taps.json"),
        ("\n".join(json.dumps({"data": taps[at : at + 2]}) for at in (0, 2)), "pages.ndjson"),
        (json.dumps(page), "page.json"),
        (json.dumps(page, indent=1), "page"),
        ("  " + json.dumps(taps, ensure_ascii=False), "list.json"),
    ):
        assert read("szt", content, name).equals(wanted), name
    gb = json.dumps(page, ensure_ascii=False, indent=1).encode("gb18030")
    assert read("szt", gb, "page.json", encoding="gb18030").equals(wanted)


def test_optional_columns_may_be_absent(read: Read) -> None:
    names = smart_card.REQUIRED
    taps = (tap(IN, "08:00:00", "甲"), tap(OUT, "08:30:00", "乙"))
    frame = read("szt", "\n".join([",".join(names), *(",".join(str(t[name]) for name in names) for t in taps)]))
    assert frame.select("line", "reason").rows() == [("", None)]


def test_a_page_of_more_than_a_chunk_in_one_line_is_a_page(read: Read) -> None:
    page = {"data": [tap(IN, "08:00:00", "甲", card_no=f"C{n}") for n in range(6_000)]}
    frame = read("szt", json.dumps(page), "page.json", rows_per_partition=1_000)
    assert frame["reason"].value_counts().rows() == [("unmatched_entry", 6_000)]


CLOCK = st.integers(0, 40).map(lambda minute: f"08:{minute:02d}:00")
TAP = st.builds(
    lambda kind, clock, station, card, device: tap(kind, clock, station, card_no=card, equ_no=device),
    st.sampled_from([IN, OUT, IN, OUT, BUS, "有轨电车", ""]),
    CLOCK,
    st.sampled_from(["甲", "乙", "丙", ""]),
    st.sampled_from(["A", "B", "C", ""]),
    st.sampled_from(["1", "2", ""]),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(taps=st.lists(TAP, min_size=1, max_size=30), k=st.integers(1, 9))
def test_pairs_are_those_of_a_walk_along_each_card(read: Read, taps: list[dict[str, str]], k: int) -> None:
    """The same result as the rule read out loud, tap by tap, however the file is partitioned."""
    wanted: Counter[str] = Counter()
    seen, cards = set(), {}
    for row, one in enumerate(taps):
        key = tuple(one[name] for name in ("card_no", "deal_date", "deal_type", "station", "equ_no"))
        if not all(one[name] for name in smart_card.REQUIRED):
            wanted["bad_row"] += 1
        elif key in seen:
            wanted["duplicate"] += 1
        else:
            cards.setdefault(one["card_no"], []).append((one["deal_date"], row, one))
        seen.add(key)
    pairs = set()
    for own in cards.values():
        walk = [(row, one) for _, row, one in sorted(own, key=lambda item: item[:2])]
        while walk:
            row, one = walk.pop(0)
            if one["deal_type"] == IN and walk and walk[0][1]["deal_type"] == OUT:
                pairs.add((row + 1, walk.pop(0)[0] + 1))
            else:
                single = {IN: "unmatched_entry", OUT: "unmatched_exit", BUS: "no_distance"}
                wanted[single.get(one["deal_type"], "unknown_mode")] += 1
    frame = read("szt", csv(*taps), rows_per_partition=k)
    alone = frame.filter(pl.col("row_exit").is_null())["reason"].to_list()
    assert Counter(alone) == wanted
    assert set(frame.drop_nulls("row_exit").select("row", "row_exit").rows()) == pairs


def test_progress_is_told_in_rows(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(csv(tap(IN, "08:00:00", "甲"), tap(OUT, "08:30:00", "乙")))
    told: list[int] = []
    staged = smart_card.stage(open_input(tmp_path / "t.csv"), tmp_path / "s", SPEC, progress=told.append)
    assert (staged.rows, staged.partitions, told) == (2, 1, [2])
