"""What every command owes: dry runs write nothing, one writer at a time, passwords, nodes, interrupts."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from registry.evidence import files
from registry.services.home import Home
from tests.services.homes import (
    PASSWORD,
    SOURCE,
    City,
    Puhui,
    journey,
    opened,
    rows_of,
    secrets_of,
    someone,
    state_of,
    write_journeys,
    write_people,
)

MakeLedger = Callable[..., Puhui]
IMPORT = ("trips", "import", "JOURNEYS", "--source", SOURCE, "--format", "journeys")


def filled(command: tuple[str, ...], puhui: Puhui, city: City) -> list[str]:
    """The command with JOURNEYS, ACCOUNTS, TAPS and SOMEONE filled in."""
    values = {"JOURNEYS": city.journeys, "ACCOUNTS": city.accounts, "TAPS": city.folder / "taps.csv"}
    return [str(values.get(part, someone(puhui.home) if part == "SOMEONE" else part)) for part in command]


# Dry runs

WRITES: list[tuple[str, tuple[str, ...]]] = [
    ("made", ("accounts", "import", "ACCOUNTS")),
    ("made", ("source", "register", "bus-app", "--cap-tonnes", "5")),
    ("accounts", IMPORT),
    ("accounts", ("trips", "import", "TAPS", "--source", "cards", "--format", "szt", "--open-accounts")),
    ("sealed", ("anchor",)),
    ("anchored", ("attest",)),
    ("attested", ("epoch", "publish")),
    ("issued", ("points", "claim", "SOMEONE")),
    ("claimed", ("points", "redeem", "SOMEONE", "--points", "1", "--ref", "r")),
    ("claimed", ("init",)),
]


@pytest.mark.parametrize(("stage", "command"), WRITES, ids=lambda part: part if isinstance(part, str) else part[0])
def test_a_dry_run_writes_nothing(make_ledger: MakeLedger, city: City, stage: str, command: tuple[str, ...]) -> None:
    puhui = make_ledger(stage)
    arguments = filled(command, puhui, city)
    before = state_of(puhui.home)
    assert puhui.json(*arguments, "--dry-run")["dry_run"] is True
    puhui(*arguments, "--dry-run")
    assert state_of(puhui.home) == before


def test_a_dry_run_of_init_makes_no_folder(tmp_path: Path) -> None:
    puhui = Puhui(tmp_path / "home")
    assert puhui.json("init", "--dry-run")["dry_run"] is True
    assert not puhui.home.exists()


def test_a_dry_run_says_what_the_real_run_does(make_ledger: MakeLedger, city: City) -> None:
    puhui = make_ledger("accounts")
    dry = puhui.imports(city.journeys, "--dry-run")
    real = puhui.imports(city.journeys)
    same = ("rows", "trips", "rows_used", "rejected", "reduction_mg")
    assert [dry[name] for name in same] == [real[name] for name in same]
    assert dry["batches"] == []


READS: list[tuple[str, ...]] = [
    ("batch", "list"),
    ("epoch", "show"),
    ("points", "balance", "SOMEONE"),
    ("audit",),
    ("source", "show", SOURCE),
    ("methodology", "show"),
    ("doctor",),
]


@pytest.mark.parametrize("command", READS, ids=" ".join)
def test_a_command_that_reads_changes_nothing(make_ledger: MakeLedger, city: City, command: tuple[str, ...]) -> None:
    puhui = make_ledger("claimed")
    arguments = filled(command, puhui, city)
    before = state_of(puhui.home)
    puhui(*arguments, "--json")
    puhui(*arguments)
    assert state_of(puhui.home) == before


# Homes


def test_home_before_or_after_the_verb_or_by_default(
    make_ledger: MakeLedger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    puhui = make_ledger("sealed")
    other = Puhui(tmp_path / "nowhere")
    expected = puhui.json("batch", "list")
    # The one at the verb wins over the one before it.
    assert other.json("batch", "list", "--home", puhui.home) == expected
    shutil.copytree(puhui.home, tmp_path / "here" / ".puhui")
    monkeypatch.chdir(tmp_path / "here")
    assert Puhui(Path(".puhui")).json("batch", "list") == expected
    done = subprocess.run(
        [sys.executable, "-m", "registry.cli", "batch", "list", "--json"], capture_output=True, text=True, check=True
    )
    assert expected[0]["id"] in done.stdout


@pytest.mark.parametrize("command", [("batch", "list"), ("anchor",), ("audit",), ("up",), ("points", "balance", "A1")])
def test_a_folder_that_is_no_ledger(tmp_path: Path, command: tuple[str, ...]) -> None:
    error = Puhui(tmp_path).fails(*command, code=1)
    assert (error["code"], error["message"]) == ("bad_input", f"{tmp_path} is not a ledger")
    assert error["hint"] == "run `puhui init` first, or give --home"
    assert list(tmp_path.iterdir()) == []


def test_a_home_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    assert Puhui(tmp_path / "home").fails("init", code=1)["code"] == "storage"


@pytest.mark.parametrize("content", ["", "{}", "[]", "\x00", '{"format": "puhui.home/v2"}'])
def test_a_config_that_cannot_be_read(make_ledger: MakeLedger, content: str) -> None:
    puhui = make_ledger()
    (puhui.home / "config.json").write_text(content)
    error = puhui.fails("batch", "list", code=1)
    assert error["code"] == "bad_input"
    assert "config.json: not readable" in error["message"]


def test_init_again_confirms_and_other_settings_conflict(make_ledger: MakeLedger) -> None:
    puhui = make_ledger("claimed")
    before = state_of(puhui.home)
    again = puhui.json("init")
    assert again["created"] is False
    error = puhui.fails("init", "--epoch-delay", "60", code=5)
    assert error["code"] == "conflict"
    assert state_of(puhui.home) == before


# Passwords and secrets


def with_password(monkeypatch: pytest.MonkeyPatch, password: str | None) -> None:
    if password is None:
        monkeypatch.delenv("PUHUI_KEYSTORE_PASSWORD")
    else:
        monkeypatch.setenv("PUHUI_KEYSTORE_PASSWORD", password)


NEED_KEYS: list[tuple[str, tuple[str, ...]]] = [
    ("made", ("init",)),
    ("made", ("accounts", "import", "ACCOUNTS")),
    ("accounts", IMPORT),
    ("sealed", ("anchor",)),
    ("anchored", ("attest",)),
    ("attested", ("epoch", "publish")),
    ("issued", ("points", "claim", "SOMEONE")),
]


@pytest.mark.parametrize(("stage", "command"), NEED_KEYS, ids=lambda part: part if isinstance(part, str) else part[0])
@pytest.mark.parametrize("password", ["wrong", "", None], ids=["wrong", "empty", "none"])
def test_without_the_password_it_ends_with_4(
    make_ledger: MakeLedger,
    city: City,
    monkeypatch: pytest.MonkeyPatch,
    stage: str,
    command: tuple[str, ...],
    password: str | None,
) -> None:
    puhui = make_ledger(stage)
    arguments = filled(command, puhui, city)
    before = rows_of(puhui.home)
    with_password(monkeypatch, password)
    error = puhui.fails(*arguments, code=4)
    assert error["code"] == "auth"
    assert "PUHUI_KEYSTORE_PASSWORD" in error["hint"]
    monkeypatch.setenv("PUHUI_KEYSTORE_PASSWORD", PASSWORD)
    assert [(r.id, r.state) for r in rows_of(puhui.home)] == [(r.id, r.state) for r in before]
    puhui(*arguments)


@pytest.mark.parametrize("command", READS, ids=" ".join)
def test_reading_needs_no_password(
    make_ledger: MakeLedger, city: City, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    puhui = make_ledger("claimed")
    arguments = filled(command, puhui, city)
    with_password(monkeypatch, None)
    puhui(*arguments)
    monkeypatch.setenv("PUHUI_KEYSTORE_PASSWORD", PASSWORD)


def test_without_a_terminal_nobody_is_asked(make_ledger: MakeLedger) -> None:
    puhui = make_ledger("sealed")
    environment = {name: value for name, value in os.environ.items() if name != "PUHUI_KEYSTORE_PASSWORD"}
    done = subprocess.run(
        [sys.executable, "-m", "registry.cli", "anchor", "--home", puhui.home],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 4
    assert "error [auth]: no keystore password is set" in done.stderr


def test_nothing_printed_at_init_is_secret(tmp_path: Path, fast_keystores: None) -> None:
    puhui = Puhui(tmp_path / "home")
    puhui("init")
    puhui("init", "--json")
    puhui("doctor")
    secrets = secrets_of(puhui.home)
    assert len(secrets) == 1 + 3 * 8
    printed = "\n".join(puhui.printed).lower()
    assert [secret for secret in secrets if secret.lower() in printed] == []
    for path in puhui.home.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(secret.encode() in content for secret in secrets), path


# Nodes


@pytest.fixture
def liar() -> Iterator[Callable[[str, int], str]]:
    """liar(body, status) -> the URL of an HTTP server that answers everything so."""
    servers = []

    def start(body: str, status: int) -> str:
        class Answer(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: Any) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Answer)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("command", [("anchor",), ("audit",), ("points", "balance", "SOMEONE"), ("epoch", "publish")])
def test_a_node_that_does_not_answer(
    make_ledger: MakeLedger, city: City, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    puhui = make_ledger("sealed")
    arguments = filled(command, puhui, city)
    before = state_of(puhui.home)
    monkeypatch.setenv("PUHUI_RPC_URL", "http://127.0.0.1:9")
    error = puhui.fails(*arguments, code=6)
    assert (error["code"], "does not answer" in error["message"]) == ("chain_unavailable", True)
    assert state_of(puhui.home) == before


ANSWERS = {
    "a web page": ("<html>not here</html>", 200),
    "an error page": ("<html>bad gateway</html>", 502),
    "nothing": ("", 200),
    "another document": ('{"hello": 1}', 200),
    "a list": ("[]", 200),
    "an error": ('{"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": "no such method"}}', 200),
    "no number": ('{"jsonrpc": "2.0", "id": 1, "result": "zzz"}', 200),
    "null": ('{"jsonrpc": "2.0", "id": 1, "result": null}', 200),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_something_that_is_no_node(
    make_ledger: MakeLedger, monkeypatch: pytest.MonkeyPatch, liar: Callable[[str, int], str], name: str
) -> None:
    puhui = make_ledger("sealed")
    monkeypatch.setenv("PUHUI_RPC_URL", liar(*ANSWERS[name]))
    error = puhui.fails("anchor", code=6)
    assert error["code"] == "chain_unavailable"


def test_a_url_that_is_none(make_ledger: MakeLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    puhui = make_ledger("sealed")
    for url in ("ws://127.0.0.1:8545", "nonsense", "http://", "http://[::1"):
        monkeypatch.setenv("PUHUI_RPC_URL", url)
        assert puhui.fails("batch", "list", code=6)["code"] == "chain_unavailable"


def test_another_chain_behind_the_url(make_ledger: MakeLedger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ledger's own home, another ledger's chain: nothing is read from it and nothing sent to it."""
    from registry.chain.embedded.chain import EmbeddedChain
    from registry.chain.embedded.server import serve

    puhui = make_ledger("sealed")
    before = state_of(puhui.home)
    for chain_id, said in ((777, "chain id is 777, this ledger was made on 20260"), (20260, "is not this release's")):
        path = tmp_path / f"{chain_id}.db"
        with EmbeddedChain.open(path, chain_id=chain_id) as chain, serve(chain, "127.0.0.1", 0) as server:
            monkeypatch.setenv("PUHUI_RPC_URL", server.url)
            error = puhui.fails("anchor", code=3)
        assert error["code"] == "chain_mismatch"
        assert said in error["message"] or "genesis hash is" in error["message"]
    assert state_of(puhui.home) == before


def test_a_database_that_does_not_answer(make_ledger: MakeLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    puhui = make_ledger("sealed")
    monkeypatch.setenv("PUHUI_DATABASE_URL", "postgresql://someone:hunter2secret@127.0.0.1:9/none")
    done = puhui("batch", "list", "--json", expect=6)
    assert done.error["code"] == "database_unavailable"
    assert "hunter2secret" not in done.out + done.err


# One writer


def test_a_second_writer_is_turned_away(make_ledger: MakeLedger, city: City) -> None:
    puhui = make_ledger("sealed")
    before = state_of(puhui.home)
    with Home(puhui.home).writing():
        for command in (IMPORT, *(command for _, command in NEED_KEYS)):
            error = puhui.fails(*filled(command, puhui, city), code=5)
            assert (error["code"], "another command is writing" in error["message"]) == ("conflict", True)
    assert state_of(puhui.home) == before
    puhui("anchor")


# The verifier and the caps


def test_a_batch_above_the_daily_cap_stays_sealed(tmp_path: Path, fast_keystores: None) -> None:
    puhui = Puhui(tmp_path / "home")
    puhui("init", "--daily-cap-tonnes", "1")
    puhui("accounts", "import", write_people(tmp_path / "accounts.csv", 200))
    lines = [
        journey(trip_id=f"T{n}", carrier_ref=f"C{n}", account_id=f"A{n}", mode="metro", distance_m=150_000,
                alight_time="2026-03-02 10:00:00")
        for n in range(1, 201)
    ]  # fmt: skip
    result = puhui.imports(write_journeys(tmp_path / "trips.csv", *lines))
    assert (result["trips"], result["reduction_mg"]) == (200, 200 * 150_000 * 468 // 10)
    error = puhui.fails("anchor", code=5)
    assert (error["code"], error["fields"]["error"]) == ("chain_revert", "TripAnchorsChainDayCapExceeded")
    assert error["fields"]["arguments"]["totalMg"] == str(result["reduction_mg"])
    assert "TripAnchorsChainDayCapExceeded(" in error["message"]
    assert [row.state for row in rows_of(puhui.home)] == ["SEALED"]
    assert puhui.json("audit")["ok"]


def test_an_attested_batch_is_issued_once(make_ledger: MakeLedger) -> None:
    puhui = make_ledger("issued")
    assert puhui.json("epoch", "publish") == {"number": None, "changed": False}
    (row,) = rows_of(puhui.home)
    with opened(puhui.home) as ledger:
        points = ledger.contracts.points
        call = points.publish_epoch(2, b"\x01" * 32, 1, [bytes.fromhex(row.id[2:])])
        with pytest.raises(Exception, match="TripAnchorsUnexpectedStatus"):
            ledger.submitter("platform").send(call)
    assert puhui.json("audit")["totals"]["epochs"] == 1


def test_the_verifier_signs_nothing_it_cannot_recompute(make_ledger: MakeLedger) -> None:
    puhui = make_ledger("anchored")
    (folder,) = (puhui.evidence / "batches").iterdir()
    content = bytearray((folder / "leaves.parquet").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "leaves.parquet").write_bytes(content)
    error = puhui.fails("attest", code=3)
    assert (error["code"], str(folder / "leaves.parquet") in error["message"]) == ("bad_evidence", True)
    assert [row.state for row in rows_of(puhui.home)] == ["ANCHORED"]


def test_attesting_what_is_not_anchored_is_a_conflict(make_ledger: MakeLedger) -> None:
    puhui = make_ledger("sealed")
    (row,) = rows_of(puhui.home)
    assert puhui.fails("attest", row.id, code=5)["code"] == "conflict"
    assert puhui.fails("reject", row.id, "--reason", "x", code=5)["fields"]["error"] == "TripAnchorsUnexpectedStatus"
    assert puhui.fails("reject", row.id, "--reason", "理由", code=1)["code"] == "bad_input"
    assert puhui.fails("points", "claim", someone(puhui.home), code=5)["message"] == "no epoch is active"


def test_a_reference_used_for_something_else_is_refused(make_ledger: MakeLedger) -> None:
    puhui = make_ledger("claimed")
    person = someone(puhui.home)
    puhui("points", "redeem", person, "--points", "0.1", "--ref", "order")
    error = puhui.fails("points", "redeem", person, "--points", "0.2", "--ref", "order", code=5)
    assert error["fields"]["error"] == "CarbonPointsReferenceUsed"
    error = puhui.fails("points", "redeem", person, "--points", "99999999", "--ref", "other", code=5)
    assert error["code"] == "conflict"


# Interrupts


def interrupted(puhui: Puhui, file: Path, marker: str) -> subprocess.CompletedProcess[str]:
    """Import in another process and press Ctrl-C when it says `marker` on stderr."""
    process = subprocess.Popen(
        [sys.executable, "-m", "registry.cli", "--home", puhui.home, *IMPORT[:2], file, *IMPORT[3:]],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if marker in line:
            process.send_signal(signal.SIGINT)
            break
    out, err = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, out, said + err)


@pytest.fixture(scope="module")
def larger_city(tmp_path_factory: pytest.TempPathFactory) -> City:
    """Enough rows that each step of an import takes a while."""
    from scripts.make_city import make_city

    folder = tmp_path_factory.mktemp("larger")
    return City(folder, make_city(folder, 40_000, 4_000))


@pytest.mark.parametrize("marker", ["reading", "reading rows", "judging", "sealing"])
def test_an_interrupted_import_leaves_no_batch_and_can_be_repeated(
    make_ledger: MakeLedger, larger_city: City, marker: str
) -> None:
    puhui = make_ledger()
    puhui("accounts", "import", larger_city.accounts)
    done = interrupted(puhui, larger_city.journeys, marker)
    assert done.returncode == 130, "the import was over before it was interrupted"
    assert "Traceback" not in done.stderr
    assert "interrupted: what was not finished was not recorded" in done.stderr
    assert rows_of(puhui.home) == []
    assert list(puhui.home.glob("staging/*")) == list(puhui.home.glob("evidence/tmp/*")) == []
    result = puhui.imports(larger_city.journeys)
    assert (result["rows"], result["repeated"], len(result["batches"])) == (40_000, False, 1)


def test_a_disk_full_in_the_middle_of_sealing(
    make_ledger: MakeLedger, city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    puhui = make_ledger("accounts")

    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    before = state_of(puhui.home)
    with monkeypatch.context() as patch:
        patch.setattr(files, "sync", full)
        error = puhui.fails(*filled(IMPORT, puhui, city), code=1)
    assert (error["code"], "no space left" in error["message"]) == ("storage", True)
    assert error["hint"] == "free some space and run the command again; nothing was recorded"
    after = {name: what for name, what in state_of(puhui.home).items() if what != "folder"}
    assert after == {name: what for name, what in before.items() if what != "folder"}
    assert puhui.imports(city.journeys)["trips"] == city.expected["journeys.csv"].trips


def test_a_rejected_name_and_reason_are_public_text(make_ledger: MakeLedger) -> None:
    puhui = make_ledger("anchored")
    (row,) = rows_of(puhui.home)
    assert puhui.json("reject", row.id, "--reason", "a" * 31)["state"] == "REJECTED"
    assert puhui.json("reject", row.id, "--reason", "a" * 31)["changed"] is False
    error = puhui.fails("reject", row.id, "--reason", "b", code=5)
    assert error["fields"]["error"] == "TripAnchorsAlreadyRejected"
