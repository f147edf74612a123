"""`puhui events`, `reindex`, `acts` and `metrics` on a ledger with claimed points."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.services.homes import Puhui

Make = Callable[..., Puhui]


@pytest.fixture
def claimed(make_ledger: Make) -> Puhui:
    return make_ledger("claimed")


def test_events_are_paged_by_number_without_a_gap(claimed: Puhui) -> None:
    everything = claimed.json("events", "--limit", 10_000)["events"]
    last, found = 0, []
    while page := claimed.json("events", "--after", last, "--limit", 7):
        if not page["events"]:
            break
        found += page["events"]
        last = page["last"]
    assert found == everything
    assert [event["sequence"] for event in found] == list(range(1, len(everything) + 1))
    assert [event["name"] for event in found].count("PointsClaimed") == 1
    assert "PointsClaimed" in claimed("events", "--limit", 10_000).out


def test_reindex_adds_nothing_twice_and_from_the_chain_everything_again(claimed: Puhui) -> None:
    dry = claimed.json("reindex", "--dry-run")
    assert (dry["added"], dry["removed"], dry["dry_run"]) == (0, 0, True)
    assert claimed.json("reindex")["added"] == 0  # every command that writes ends by reading what is new
    first = claimed.json("reindex", "--from-chain")
    assert first["added"] == first["removed"] > 0
    before = claimed.json("events", "--limit", 10_000)
    assert claimed.json("reindex")["added"] == 0
    again = claimed.json("reindex", "--from-chain")
    assert (again["added"], again["removed"]) == (first["added"], first["added"])
    assert claimed.json("events", "--limit", 10_000) == before


def test_every_privileged_act_is_in_the_log_with_whose_act_it_approves(claimed: Puhui, tmp_path: Path) -> None:
    roles = claimed.json("init")["roles"]
    listed = claimed.json("acts", "list")["acts"][::-1]
    assert [(act["role"], act["action"]) for act in listed] == [
        ("operator", "ledger.init"),
        ("regulator", "TripAnchors.registerSource"),
        ("platform", "TripAnchors.anchor"),
        ("verifier", "TripAnchors.attest"),
        ("platform", "CarbonPoints.publishEpoch"),
        ("verifier", "CarbonPoints.attestEpoch"),
        ("platform", "CarbonPoints.claim"),
    ]
    platform, verifier = roles["platform"].lower(), roles["verifier"].lower()
    assert [(act["actor"], act["initiator"]) for act in listed if act["role"] not in ("operator", "regulator")] == [
        (platform, None),
        (verifier, platform),
        (platform, None),
        (verifier, platform),
        (platform, None),
    ]
    assert (listed[2]["before"], listed[2]["after"]["state"]) == ({"state": "SEALED"}, "ANCHORED")

    verified = claimed.json("acts", "verify")
    assert (verified["ok"], verified["acts"], verified["last_hash"]) == (True, 7, listed[-1]["hash"])
    claimed("acts", "export", "--out", tmp_path / "acts.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "acts.jsonl").read_text("utf-8").splitlines()]
    assert [line["hash"] for line in lines] == [act["hash"] for act in listed]

    with sqlite3.connect(claimed.home / "ledger.db") as connection:
        connection.execute("UPDATE audit_log SET role = 'platform' WHERE sequence = 4")
    connection.close()
    error = claimed.fails("acts", "verify", code=3)
    assert error["message"] == "act 4 (TripAnchors.attest) was changed, or one before it"


def test_metrics_say_how_the_ledger_stands(claimed: Puhui) -> None:
    claimed("reindex")
    found = dict(
        line.rsplit(" ", 1) for line in claimed("metrics").out.splitlines() if line and not line.startswith("#")
    )
    assert {name: found[name] for name in found if "age" not in name and "import" not in name} == {
        'puhui_operations{state="PENDING"}': "0.0",
        'puhui_operations{state="IN_FLIGHT"}': "0.0",
        'puhui_operations{state="HELD"}': "0.0",
        "puhui_oldest_operation_seconds": "0.0",
        'puhui_operations_finished_total{state="CONFIRMED"}': "6.0",
        'puhui_operations_finished_total{state="UNCHANGED"}': "0.0",
        'puhui_operations_finished_total{state="REFUSED"}': "0.0",
        'puhui_operations_finished_total{state="LAPSED"}': "0.0",
        "puhui_chain_up": "1.0",
        "puhui_event_lag_blocks": "0.0",
        "puhui_chain_standing": "1.0",
    }
    assert float(found["puhui_imported_rows_total"]) == 900
    assert float(found["puhui_block_age_seconds"]) >= 0
