"""`puhui backup`, `restore` and `reconcile` as people and programs meet them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from registry.services.home import Home
from registry.store.tables import SCHEMA_VERSION
from tests.services.homes import Puhui, state_of

Make = Callable[..., Puhui]


@pytest.fixture
def puhui(make_ledger: Make) -> Puhui:
    """A ledger with an anchored batch."""
    return make_ledger("anchored")


@pytest.fixture
def restored(puhui: Puhui, tmp_path: Path) -> Puhui:
    """A backup of it, restored; the chain and the evidence went on."""
    puhui("backup", tmp_path / "backup")
    puhui("attest")
    copy = Puhui(tmp_path / "restored")
    copy("restore", tmp_path / "backup")
    shutil.copy(puhui.home / "chain.db", copy.home / "chain.db")
    return copy


def test_a_backup_says_what_it_holds(puhui: Puhui, tmp_path: Path) -> None:
    made = puhui.json("backup", tmp_path / "one")
    body = json.loads((tmp_path / "one" / "backup.json").read_bytes())
    assert made == {
        "backup": str(tmp_path / "one"),
        "made_at": body["made_at"],
        "schema": SCHEMA_VERSION,
        "database": "sqlite",
        "chain_id": body["chain_id"],
        "genesis": body["genesis"],
        "embedded_chain": True,
        "block": body["block"],
        "files": len(body["files"]),
        "bytes": sum(entry["bytes"] for entry in body["files"].values()),
    }
    out = puhui("backup", tmp_path / "two").out
    assert f"backup: {tmp_path / 'two'}" in out
    assert "all as the manifest says" in out
    assert f"block {body['block']:,}, with the chain" in out


def test_a_backup_needs_no_password_and_waits_for_nobody(
    puhui: Puhui, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PUHUI_KEYSTORE_PASSWORD")
    before = state_of(puhui.home)
    with Home(puhui.home).writing():
        puhui("backup", tmp_path / "backup")
    assert state_of(puhui.home) == before
    Puhui(tmp_path / "restored")("restore", tmp_path / "backup")
    Puhui(tmp_path / "restored")("reconcile")


def test_a_backup_goes_where_nothing_is(puhui: Puhui, tmp_path: Path) -> None:
    puhui("backup", tmp_path / "backup")
    error = puhui.fails("backup", tmp_path / "backup", code=5)
    assert (error["code"], error["message"]) == ("conflict", f"{tmp_path / 'backup'} exists already")
    assert puhui.fails("restore", tmp_path / "backup", code=5)["message"] == f"{puhui.home} exists already"


def test_a_folder_without_a_ledger_is_told_so(tmp_path: Path) -> None:
    for command in (("backup", str(tmp_path / "backup")), ("reconcile",)):
        error = Puhui(tmp_path / "nothing").fails(*command, code=1)
        assert error["message"] == f"{tmp_path / 'nothing'} is not a ledger"
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_backup_ends_with_3_and_names_the_file(puhui: Puhui, tmp_path: Path) -> None:
    puhui("backup", tmp_path / "backup")
    path = tmp_path / "backup" / "keys" / "verifier.json"
    path.write_bytes(path.read_bytes()[:-1])
    error = Puhui(tmp_path / "restored").fails("restore", tmp_path / "backup", code=3)
    assert error["code"] == "bad_evidence"
    assert error["message"].startswith(f"{path}: expected ")
    assert not (tmp_path / "restored").exists()


def test_a_restore_says_what_it_made_and_what_to_do(puhui: Puhui, tmp_path: Path) -> None:
    puhui("backup", tmp_path / "backup")
    out = Puhui(tmp_path / "restored")("restore", tmp_path / "backup").out
    assert f"restored: {tmp_path / 'restored'}" in out
    assert out.endswith("what to do: puhui reconcile\n")
    body = Puhui(tmp_path / "again").json("restore", tmp_path / "backup")
    assert (body["restored"], body["database"]) == (str(tmp_path / "again"), "sqlite")


def test_until_it_is_reconciled_nothing_is_written_and_doctor_says_so(restored: Puhui) -> None:
    for command in (("anchor",), ("attest",), ("epoch", "publish"), ("accounts", "import", "people.csv")):
        error = restored.fails(*command, code=5)
        assert (error["code"], error["hint"]) == ("restored_not_reconciled", "puhui reconcile")
    assert [check["name"] for check in restored.json("doctor", expect=1)["checks"] if check["level"] == "failure"] == [
        "restored"
    ]
    restored("reconcile")
    assert restored.json("doctor")["ok"]
    restored("epoch", "publish")


def test_reconcile_says_what_it_did_and_what_it_could_not_do(restored: Puhui) -> None:
    before = state_of(restored.home)
    dry = restored.json("reconcile", "--dry-run")
    assert {name: digest for name, digest in state_of(restored.home).items() if name != "writer.lock"} == before
    assert (dry["restored"], dry["dry_run"], dry["events"]) == (True, True, None)
    (repair,) = dry["repairs"]
    assert (repair["kind"], repair["change"]) == ("batch", "ANCHORED -> ATTESTED")
    assert "1 rows are behind; nothing was written" in restored("reconcile", "--dry-run").out

    out = restored("reconcile").out

    assert f"batch {repair['subject']}: ANCHORED -> ATTESTED\n" in out
    (lost,) = dry["transactions_without_an_act"]
    assert f"no act: TripAnchors.attest in block {lost['block']}, transaction {lost['transaction']}\n" in out
    assert [line.partition(":")[0] for line in dry["not_rebuilt"]] == [
        "orders placed after the backup and never traded",
        "accounts, carriers and consents recorded after the backup",
        "acts after the backup",
        "what was erased after the backup, day keys and personal data, may be here again",
    ]
    assert all(f"not rebuilt: {line}\n" in out for line in dry["not_rebuilt"])
    assert out.endswith("1 rows caught up, and everything agrees; the ledger is open for writing\n")
    again = restored.json("reconcile")
    assert (again["restored"], again["repairs"], again["not_rebuilt"]) == (False, [], [])
    assert again["events"]["added"] == 0
    assert restored("reconcile").out.endswith("0 rows caught up, and everything agrees\n")


@pytest.mark.parametrize("command", [("anchor",), ("ops", "run"), ("ops", "retry", "op-1"), ("init",)])
def test_nothing_is_written_to_what_was_restored_before_it_is_compared(
    restored: Puhui, command: tuple[str, ...]
) -> None:
    before = state_of(restored.home)
    error = restored.fails(*command, code=5)
    assert (error["code"], error["hint"]) == ("restored_not_reconciled", "puhui reconcile")
    assert state_of(restored.home) == before
