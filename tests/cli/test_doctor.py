"""`puhui doctor` as a command: a line a check, stable JSON, and an exit code that monitoring can act on."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.services.homes import Puhui

Make = Callable[..., Puhui]
LINE = re.compile(r"(ok  |warn|FAIL|--  ) ([a-z_]+): .+")


@pytest.fixture
def healthy(make_ledger: Make) -> Puhui:
    return make_ledger("claimed")


def test_each_check_is_one_line_and_one_entry_of_the_json(healthy: Puhui) -> None:
    said = healthy("doctor")
    body = healthy.json("doctor")

    lines = [LINE.fullmatch(line) for line in said.out.splitlines()]
    assert None not in lines
    assert [(line[1], line[2]) for line in lines if line] == [("ok  ", check["name"]) for check in body["checks"]]
    assert said.err == ""
    assert body["ok"] is True
    assert {frozenset(check) for check in body["checks"]} == {
        frozenset(("name", "level", "found", "what_to_do", "facts"))
    }
    assert {(check["level"], check["what_to_do"]) for check in body["checks"]} == {("ok", None)}
    assert len(body["checks"]) == len({check["name"] for check in body["checks"]}) == 26


def test_a_warning_is_told_and_is_no_failure(healthy: Puhui) -> None:
    left = healthy.evidence / "imports" / ("ab" * 32)
    left.mkdir()
    said = healthy("doctor", expect=0)
    (line,) = [line for line in said.out.splitlines() if not line.startswith("ok  ")]
    assert line == (
        "warn evidence_imports: folders: 1; 1 more belong to no import (a command that did not finish; given again it "
        f"takes them up, or they may be removed); what to do: look at {left}"
    )
    assert healthy.json("doctor", expect=0)["ok"] is True


def test_a_failure_ends_with_1_and_says_what_to_do(healthy: Puhui) -> None:
    (healthy.home / "restored.json").write_text("{}")
    said = healthy("doctor", expect=1)
    assert (
        "FAIL restored: a backup was restored here and not compared with the chain yet; what to do: puhui reconcile"
        in said.out.splitlines()
    )
    body = healthy.json("doctor", expect=1)
    assert body["ok"] is False
    (found,) = [check for check in body["checks"] if check["level"] == "failure"]
    assert found == {
        "name": "restored",
        "level": "failure",
        "found": "a backup was restored here and not compared with the chain yet",
        "what_to_do": "puhui reconcile",
        "facts": {"marker": str(healthy.home / "restored.json")},
    }


def test_what_could_not_be_looked_at_is_said(healthy: Puhui, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUHUI_RPC_URL", "http://127.0.0.1:9")
    body = healthy.json("doctor", expect=1)
    levels = {check["name"]: check["level"] for check in body["checks"]}
    assert (levels["database"], levels["chain"], levels["contracts"]) == ("ok", "failure", "skipped")
    assert "--   contracts: not looked at: the chain cannot be used" in healthy("doctor", expect=1).out.splitlines()


def test_a_folder_that_is_no_ledger_ends_with_1(tmp_path_factory: pytest.TempPathFactory) -> None:
    nowhere = Puhui(tmp_path_factory.mktemp("nowhere"))
    said = nowhere("doctor", expect=1)
    assert said.out.splitlines()[1] == (
        f"FAIL home: {nowhere.home} is not a ledger; what to do: run `puhui init` first, or give --home"
    )
