"""Files that cannot be used: a clear error with a stable code, and nothing changed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.services.homes import HEADER, PEOPLE, SOURCE, Puhui, journey, rows_of, state_of, write_journeys, write_people

COLUMNS = HEADER.split(",")


@pytest.fixture
def people(puhui: Puhui, tmp_path: Path) -> Puhui:
    """A ledger with three accounts and no trip."""
    puhui("accounts", "import", write_people(tmp_path / "accounts.csv"))
    return puhui


def import_fails(puhui: Puhui, file: Path, *options: str, code: int = 1) -> dict[str, Any]:
    """Import a file that is refused as a whole: the same error as text and as JSON, and nothing changed."""
    before = state_of(puhui.home)
    command = ("trips", "import", file, "--source", SOURCE, "--format", "journeys", *options)
    error = puhui.fails(*command, code=code)
    text = puhui(*command, expect=code)
    assert text.out == ""
    assert f"error [{error['code']}]: {error['message']}" in text.err
    assert "Traceback" not in text.err
    assert state_of(puhui.home) == before
    return error


ROWS = "\n".join([HEADER, journey(), journey(trip_id="T2")]) + "\n"
# name: (content, what the message must say)
REFUSED: dict[str, tuple[bytes, str]] = {
    "no bytes": (b"", "the file is empty"),
    "only blank lines": (b"\n\n\n", "missing columns"),
    "header only": (HEADER.encode() + b"\n", "no rows"),
    "header without line end": (HEADER.encode(), "no rows"),
    "a missing column": (ROWS.replace(",fare_fen", "", 1).encode(), "missing column fare_fen"),
    "two missing columns": (ROWS.replace("trip_id,account_id,", "", 1).encode(), "missing columns trip_id, account_id"),
    "a column twice": (ROWS.replace("fare_fen", "distance_m", 1).encode(), "repeated column distance_m"),
    "an unknown column": (ROWS.replace("fare_fen", "fare_fen,note", 1).encode(), "unknown column note"),
    "a misspelt column": (ROWS.replace("board_time", "boardtime", 1).encode(), "missing column board_time; unknown"),
    "columns with spaces": (ROWS.replace(",mode", ", mode", 1).encode(), "missing column mode; unknown column ' mode'"),
    "a quote inside a field": (ROWS.replace("1路", '1"路', 1).encode(), "quote"),
    "a quote never closed": (ROWS.replace("1路", '"1路', 1).encode(), "unbalanced quotes; the last one is on line 2"),
    "gb18030 bytes": (ROWS.encode("gb18030"), "bytes that are not utf-8 at byte"),
    "utf-16": (ROWS.encode("utf-16"), "the text is UTF-16"),
    "a NUL byte": (ROWS.encode() + b"\0", "a NUL byte at byte"),
    "semicolons": (ROWS.replace(",", ";").encode(), "missing columns"),
    "not Parquet": (b"PAR1 and then nothing", "Parquet"),
    "json": (b'[{"trip_id": 1}]', "line 1"),
    "a line of 2 MiB": (HEADER.encode() + b"\n" + b"x" * (2 << 20), "longer than 1 MiB"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_refused_as_a_whole(people: Puhui, tmp_path: Path, name: str) -> None:
    content, said = REFUSED[name]
    file = tmp_path / "trips.csv"
    file.write_bytes(content)
    error = import_fails(people, file)
    assert error["code"] == "bad_input"
    assert str(file) in error["message"]
    assert said.lower() in error["message"].lower()


def test_a_fault_in_the_text_is_located(people: Puhui, tmp_path: Path) -> None:
    file = tmp_path / "trips.csv"
    file.write_bytes(ROWS.encode() + "甲".encode("gb18030"))
    error = import_fails(people, file)
    assert error["fields"] == {"line": 4, "offset": len(ROWS.encode())}
    assert error["hint"] == "try --encoding gb18030"


def test_a_folder(people: Puhui, tmp_path: Path) -> None:
    error = import_fails(people, tmp_path)
    assert (error["code"], error["message"]) == ("bad_input", f"{tmp_path}: is a folder, not a file")


def test_no_such_file(people: Puhui, tmp_path: Path) -> None:
    error = import_fails(people, tmp_path / "none.csv")
    assert (error["code"], error["message"]) == ("bad_input", f"{tmp_path}/none.csv: no such file")


def test_a_pipe_is_refused_and_not_waited_for(people: Puhui, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert import_fails(people, pipe)["message"] == f"{pipe}: is not a regular file"
    before = state_of(people.home)
    assert "is not a regular file" in people.fails("accounts", "import", pipe, code=1)["message"]
    assert state_of(people.home) == before


def test_a_device_is_refused(people: Puhui) -> None:
    assert import_fails(people, Path("/dev/zero"))["message"] == "/dev/zero: is not a regular file"


def test_two_gigabytes_of_nothing(people: Puhui, tmp_path: Path) -> None:
    file = tmp_path / "sparse.csv"
    with file.open("wb") as stream:
        stream.write(ROWS.encode())
        stream.truncate(2 << 30)
    error = import_fails(people, file)
    assert f"a NUL byte at byte {len(ROWS.encode())}, line 4" in error["message"]


def test_a_link_to_nothing(people: Puhui, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    assert import_fails(people, tmp_path / "link")["message"].endswith("no such file")


def test_no_permission_to_read(people: Puhui, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests may run as root, who may read everything; so the refusal is the system's answer, played back."""
    file = write_journeys(tmp_path / "trips.csv", journey())
    file.chmod(0)
    genuine = Path.open

    def refusing(self: Path, *arguments: Any, **options: Any) -> Any:
        if self == file:
            raise PermissionError(13, "Permission denied", str(file))
        return genuine(self, *arguments, **options)

    monkeypatch.setattr(Path, "open", refusing)
    error = import_fails(people, file)
    assert (error["code"], error["message"]) == ("bad_input", f"{file}: no permission to read it")


def test_unknown_formats_encodings_and_sources(people: Puhui, tmp_path: Path) -> None:
    file = write_journeys(tmp_path / "trips.csv", journey())
    before = state_of(people.home)
    error = people.fails("trips", "import", file, "--source", SOURCE, "--format", "excel", code=2)
    assert (error["code"], error["hint"]) == ("usage", "known: journeys, szt")
    error = people.fails(
        "trips", "import", file, "--source", SOURCE, "--format", "journeys", "--encoding", "big5", code=1
    )
    assert (error["code"], error["hint"]) == ("bad_input", "known: utf-8, gb18030")
    for source in ("Upper", "", "a" * 32, "深圳", "a b", "../a"):
        error = people.fails("trips", "import", file, "--source", source, "--format", "journeys", code=1)
        assert (error["code"], "is not valid" in error["message"]) == ("bad_input", True)
    assert state_of(people.home) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("trips",),
        ("trips", "import"),
        ("trips", "import", "f.csv", "--format", "journeys"),
        ("nonsense",),
        ("demo",),
        ("audit", "--nonsense"),
        ("init", "--epoch-delay", "-1"),
        ("epoch", "show", "first"),
    ],
)
def test_wrong_usage_ends_with_2(people: Puhui, arguments: tuple[str, ...]) -> None:
    done = people(*arguments, expect=2)
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("audit", "--rpc", "http://127.0.0.1:1"),
        ("verify", "x.json", "--rpc", "http://127.0.0.1:1"),
        ("methodology", "show", "--mode", "bus"),
        ("points", "redeem", "A1", "--points", "1.2345", "--ref", "r"),
        ("points", "redeem", "A1", "--points", "-1", "--ref", "r"),
        ("points", "redeem", "A1", "--points", "１", "--ref", "r"),
        ("points", "redeem", "A1", "--points", "1e3", "--ref", "r"),
        ("points", "redeem", "A1", "--points", "1", "--ref", "r", "--channel", "CASH"),
    ],
)
def test_options_that_make_no_sense_end_with_2(people: Puhui, arguments: tuple[str, ...]) -> None:
    assert people.fails(*arguments, code=2)["code"] == "usage"


def test_things_that_do_not_exist(people: Puhui) -> None:
    for arguments in (
        ("batch", "show", "0x" + "ab" * 32),
        ("proof", "T404"),
        ("points", "balance", "A404"),
        ("epoch", "show"),
        ("source", "show", "nobody"),
    ):
        assert people.fails(*arguments, code=1)["code"] == "not_found"
    for arguments in (("batch", "show", "xyz"), ("points", "balance", "0x12"), ("methodology", "show", "walk/1")):
        assert people.fails(*arguments, code=1)["code"] in ("bad_input", "not_found")


# Rows: each is used or refused with its reason, never the whole file.

REFUSED_ROWS: dict[str, tuple[dict[str, object], str]] = {
    "full-width digits": ({"distance_m": "５０００"}, "bad_row"),
    "thousands separator": ({"distance_m": '"5,000"'}, "bad_row"),
    "decimal distance": ({"distance_m": "5000.0"}, "bad_row"),
    "text distance": ({"distance_m": "five"}, "bad_row"),
    "a card number a spreadsheet rounded": ({"carrier_ref": "6.22E+15"}, "bad_row"),
    "a date a spreadsheet made a number": ({"board_time": "45123"}, "bad_row"),
    "no trip id": ({"trip_id": ""}, "bad_row"),
    "blank account": ({"account_id": " "}, "bad_row"),
    "29 February of another year": ({"board_time": "2026-02-29 08:00:00"}, "bad_row"),
    "hour 24": ({"board_time": "2026-03-02 24:00:00"}, "bad_row"),
    "unknown mode": ({"mode": "tram"}, "unknown_mode"),
    "mode in capitals": ({"mode": "BUS"}, "unknown_mode"),
    "same stop": ({"alight_stop": "甲"}, "same_stop"),
    "metro for four hours": ({"mode": "metro", "alight_time": "2026-03-02 12:00:01"}, "overstay"),
    "alighting before boarding": ({"alight_time": "2026-03-02 07:59:59"}, "bad_time"),
    "alighting at once": ({"alight_time": "2026-03-02 08:00:00"}, "bad_time"),
    "past midnight": (
        {"board_time": "2026-03-02 23:50:00", "alight_time": "2026-03-03 00:10:00"},
        "bad_time",
    ),
    "no distance": ({"distance_m": ""}, "no_distance"),
    "zero distance": ({"distance_m": 0}, "bad_distance"),
    "negative distance": ({"distance_m": -5000}, "bad_distance"),
    "huge distance": ({"distance_m": 200_001}, "bad_distance"),
    "distance beyond 64 bits": ({"distance_m": "9" * 30}, "bad_distance"),
    "impossible speed": ({"distance_m": 26_667}, "too_fast"),
    "free ride": ({"fare_fen": 0}, "not_charged"),
    "unknown carrier": ({"carrier_ref": "C99"}, "no_account"),
    "another's carrier": ({"carrier_ref": "C2"}, "no_account"),
    "before consent": (
        {"board_time": "2019-03-02 08:00:00", "alight_time": "2019-03-02 08:20:00"},
        "no_consent",
    ),
}


def test_each_bad_row_is_refused_with_its_reason_and_the_good_one_used(people: Puhui, tmp_path: Path) -> None:
    lines = [journey(trip_id="good")]
    lines += [journey(**{"trip_id": f"X{n}", **changed}) for n, (changed, _) in enumerate(REFUSED_ROWS.values())]
    lines += ["too,few", journey() + ",more"]
    result = people.imports(write_journeys(tmp_path / "trips.csv", *lines))
    expected: dict[str, int] = {"bad_row": 2}
    for _, reason in REFUSED_ROWS.values():
        expected[reason] = expected.get(reason, 0) + 1
    assert result["rejected"] == expected
    assert (result["rows"], result["trips"], result["reduction_mg"]) == (len(lines), 1, 5000 * 269 // 10)


@pytest.mark.parametrize("name", REFUSED_ROWS)
def test_a_file_of_one_bad_row_makes_no_batch(people: Puhui, tmp_path: Path, name: str) -> None:
    changed, reason = REFUSED_ROWS[name]
    result = people.imports(write_journeys(tmp_path / "trips.csv", journey(**changed)), "--dry-run")
    assert (result["rows"], result["trips"], result["batches"], result["rejected"]) == (1, 0, [], {reason: 1})


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("\ufeff" + ROWS, id="byte-order mark"),
        pytest.param(ROWS.replace("\n", "\r\n"), id="CRLF"),
        pytest.param(ROWS.replace("\n", "\r\n", 1), id="CRLF and LF mixed"),
        pytest.param(ROWS.rstrip("\n"), id="no last line end"),
        pytest.param(ROWS.replace("\n", "\n\n"), id="blank lines"),
        pytest.param(ROWS.replace("1路", '"1路"'), id="quoted fields"),
        pytest.param(ROWS.replace("1路", '"1路,""环线"""'), id="commas and quotes in quotes"),
    ],
)
def test_text_that_looks_unusual_and_is_fine(people: Puhui, tmp_path: Path, text: str) -> None:
    file = tmp_path / "trips.csv"
    file.write_bytes(text.encode())
    result = people.imports(file)
    assert (result["rows"], result["trips"], result["rejected"]) == (2, 1, {"duplicate": 1})


def test_gb18030_when_it_is_said(people: Puhui, tmp_path: Path) -> None:
    file = tmp_path / "trips.csv"
    file.write_bytes(ROWS.encode("gb18030"))
    assert people.imports(file, "--encoding", "gb18030")["trips"] == 1


def test_service_days_at_the_edges_of_years_and_zones(people: Puhui, tmp_path: Path) -> None:
    times = [
        ("2024-02-29 08:00:00", "2024-02-29 08:20:00", 20240229),
        ("2024-12-31 23:30:00", "2024-12-31 23:50:00", 20241231),
        ("2025-01-01 00:00:00", "2025-01-01 00:20:00", 20250101),
        ("2025-06-30T16:30:00Z", "2025-06-30T16:50:00Z", 20250701),
        ("2025-07-01T00:59:00+09:00", "2025-07-01T00:59:59+09:00", 20250630),
    ]
    lines = [
        journey(trip_id=f"T{n}", board_time=board, alight_time=alight, distance_m=500)
        for n, (board, alight, _) in enumerate(times)
    ]
    result = people.imports(write_journeys(tmp_path / "trips.csv", *lines))
    assert (result["trips"], len(result["batches"])) == (5, 5)
    listed = people.json("batch", "list")
    assert [row["service_date"] for row in listed] == sorted(day for _, _, day in times)
    assert {row["id"] for row in listed} == set(result["batches"])
    assert all((row["sequence"], row["trip_count"]) == (0, 1) for row in listed)
    people("anchor")
    people("attest")
    assert people.json("audit")["ok"]


def test_the_same_file_twice_is_one_import(people: Puhui, tmp_path: Path) -> None:
    file = write_journeys(tmp_path / "trips.csv", journey(), journey(trip_id="T2", carrier_ref="C2", account_id="A2"))
    first = people.imports(file)
    before = state_of(people.home)
    copy = tmp_path / "another name.csv"
    copy.write_bytes(file.read_bytes())
    for again in (people.imports(file), people.imports(copy)):
        assert again["repeated"] is True
        same = ("rows", "trips", "rows_used", "rejected", "reduction_mg", "batches", "input_digest")
        assert [again[name] for name in same] == [first[name] for name in same]
    assert state_of(people.home) == before


def test_the_same_file_is_read_again_when_new_accounts_may_change_its_result(people: Puhui, tmp_path: Path) -> None:
    file = write_journeys(tmp_path / "trips.csv", journey(), journey(trip_id="T2", carrier_ref="C4", account_id="A4"))
    assert people.imports(file)["rejected"] == {"no_account": 1}
    people("accounts", "import", write_people(tmp_path / "more.csv", 4))
    again = people.imports(file)
    assert (again["repeated"], again["trips"], again["rejected"]) == (False, 1, {"duplicate": 1})


def test_a_journey_in_two_files_and_from_two_sources_counts_once(people: Puhui, tmp_path: Path) -> None:
    one = write_journeys(tmp_path / "one.csv", journey())
    two = write_journeys(
        tmp_path / "two.csv", journey(trip_id="other"), journey(trip_id="T1", carrier_ref="C2", account_id="A2")
    )
    assert people.imports(one)["trips"] == 1
    # The same journey under another id, and another journey under the same id.
    assert people.imports(two)["rejected"] == {"duplicate": 2}
    elsewhere = people.imports(two, source="metro-app")
    assert (elsewhere["rejected"], elsewhere["trips"]) == ({"duplicate": 1}, 1)
    assert [row.trip_count for row in rows_of(people.home)] == [1, 1]


@pytest.mark.usefixtures("fast_keystores")
def test_open_accounts_is_for_sandboxes(tmp_path: Path) -> None:
    puhui = Puhui(tmp_path / "home")
    puhui("init", "--production")
    file = write_journeys(tmp_path / "trips.csv", journey())
    error = import_fails(puhui, file, "--open-accounts", code=2)
    assert error["code"] == "usage"
    assert "sandboxes only" in error["message"]


# Accounts

ACCOUNT_FAULTS: dict[str, tuple[str, str]] = {
    "unknown kind": ("A1,C1,person,,", "row 1, kind: is none of"),
    "no account": (",C1,individual,,", "row 1, account_id:"),
    "rounded carrier": ("A1,6.2E+15,individual,,", "row 1, carrier_ref:"),
    "short wallet": ("A1,C1,individual,0x12,", "row 1, wallet: is no address"),
    "zero wallet": (f"A1,C1,individual,0x{'0' * 40},", "row 1, wallet: is the zero address"),
    "wrong checksum": ("A1,C1,individual,0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed,", "row 1, wallet: has a wrong"),
    "no time": ("A1,C1,individual,,yesterday", "row 1, consent_at:"),
    "ragged": ("A1,C1,individual", "row 1, row: has more or fewer fields"),
    "second row": ("A1,C1,individual,,\nA2,C2,group,,", "row 2, kind:"),
}


@pytest.mark.parametrize("name", ACCOUNT_FAULTS)
def test_an_accounts_file_with_a_fault_opens_no_account(puhui: Puhui, tmp_path: Path, name: str) -> None:
    lines, said = ACCOUNT_FAULTS[name]
    file = tmp_path / "accounts.csv"
    file.write_text(f"{PEOPLE}\n{lines}\n")
    before = state_of(puhui.home)
    error = puhui.fails("accounts", "import", file, code=1)
    assert error["code"] == "bad_input"
    assert said in error["message"]
    assert state_of(puhui.home) == before


def test_a_carrier_of_two_accounts_is_a_conflict(people: Puhui, tmp_path: Path) -> None:
    file = tmp_path / "accounts.csv"
    file.write_text(f"{PEOPLE}\nA9,C9,individual,,\nA8,C1,individual,,\n")
    before = state_of(people.home)
    error = people.fails("accounts", "import", file, code=5)
    assert error["code"] == "conflict"
    assert state_of(people.home) == before


# The disk

LIMITED = """
import resource, signal, sys
from registry.cli.main import main
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.parametrize("limit", [4_096, 16_384, 65_536])
def test_a_full_disk_leaves_no_batch_and_a_retry_works(
    make_ledger: Callable[..., Puhui], city: Any, limit: int
) -> None:
    """No file may grow beyond the limit: the smallest stops the staging, the others the evidence."""
    puhui = make_ledger("accounts")
    command = ["--home", str(puhui.home), "trips", "import", str(city.journeys), "--source", SOURCE]
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(limit), *command, "--format", "journeys", "--json"],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    assert '"code": "storage"' in done.stdout
    assert rows_of(puhui.home) == []
    assert list(puhui.home.glob("staging/*")) == list(puhui.home.glob("evidence/tmp/*")) == []
    assert list(puhui.home.glob("evidence/batches/*")) == []
    result = puhui.imports(city.journeys)
    assert (result["trips"], len(result["batches"])) == (city.expected["journeys.csv"].trips, 1)
    assert puhui.json("audit")["ok"]
