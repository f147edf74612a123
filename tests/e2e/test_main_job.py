"""The main job, from a trip file to a recomputed ledger, through the command line, on every database and chain."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.postgres import PostgresServer
from tests.services.homes import PASSWORD, SOURCE, City, Puhui, contracts_of, opened, trips_of

CHECKS_POINTS = [
    "methodology published as computed",
    "batches have their evidence",
    "batch ids recomputed",
    "anchors of each source form one chain",
    "batches attested by the quorum",
    "evidence files unchanged",
    "import records account for every row",
    "reductions recomputed",
    "tags strictly ascending",
    "trip trees recomputed",
    "no journey twice within a service day",
    "each attested batch issued once",
    "epochs have their evidence",
    "entitlement trees recomputed",
    "entitlements add up to their batches",
    "conversions follow standing mandates",
    "earned points equal attested batches",
    "converted points equal published conversions",
    "claims within entitlements",
    "supply is claimed less redeemed and expired",
]
CHECKS_MARKET = [
    "market pool recomputed from what entered it",
    "certifications take consecutive intervals of the pool",
    "dossiers recomputed from the pool",
    "each approved certification issued once",
    "serials replayed from their movements",
    "retired and cancelled serials stay",
    "every serial issued is in one place",
    "holdings equal their serials",
    "trades equal their records",
    "trades follow their signed orders",
    "fills of orders equal their trades",
    "trades delivered against payment",
    "cash minted once a confirmed bank reference",
    "cash balances equal replayed transfers",
    "certificates equal the serials retired",
    "offsets within the limits then in force",
    "rules of the split as announced",
    "proceeds split by the rule of the trade's time",
    "the people's share funded as split",
    "payout runs attested, one after the other",
    "payout runs recomputed from contributions",
    "payments within attested entitlements",
    "accounts paid as recorded",
    "proceeds equal fees, payments, dues and the rest",
]
CHECKS_PUBLIC = [*CHECKS_POINTS, *CHECKS_MARKET]
CHECKS_FULL = [
    *CHECKS_PUBLIC[:11],
    "openings match commitments",
    "input rules hold for every trip",
    "one tag for one journey, none overlapping",
    *CHECKS_PUBLIC[11:14],
    "entitlements recomputed from trips",
    *CHECKS_PUBLIC[15:],
]
CHECKS_ACTS = ["the log of acts is one chain of hashes", "every transaction of a role is an act"]


@pytest.fixture
def fresh(tmp_path: Path, fast_keystores: None) -> Puhui:
    """The command line on a home that is not there yet."""
    return Puhui(tmp_path / "home")


def main_job(puhui: Puhui, city: City, *init: str) -> dict[str, Any]:
    """Every step, each with the exact result it must have; returns the audit."""
    expected = asdict(city.expected["journeys.csv"])
    made = puhui.json("init", *init)
    assert made["created"] is True
    assert set(made["roles"]) == {"platform", "verifier", "regulator", "exchange", "guardian", "bank"}
    accounts = puhui.json("accounts", "import", city.accounts)
    assert accounts["linked"] == len(city.accounts.read_text("utf-8").splitlines()) - 1
    imported = puhui.imports(city.journeys)
    assert {key: imported[key] for key in expected} == expected
    assert imported["rows"] == imported["rows_used"] + sum(imported["rejected"].values())
    (batch,) = imported["batches"]
    assert_step(puhui.json("anchor"), batch, "ANCHORED")
    assert_step(puhui.json("attest"), batch, "ATTESTED")
    published = puhui.json("epoch", "publish")
    assert (published["number"], published["batches"], published["state"]) == (1, [batch], "ATTESTED")
    assert published["earned_mg"] == expected["reduction_mg"]
    assert 0 < published["gas"] <= 250_000
    points(puhui)
    proof(puhui)
    report = puhui.json("audit")
    assert_report(report, "full", expected, *CHECKS_ACTS)
    return dict(report)


def assert_step(body: dict[str, Any], batch: str, state: str) -> None:
    (step,) = body["batches"]
    assert (step["batch"], step["state"], step["changed"]) == (batch, state, True)
    assert 0 < step["gas"] <= 250_000


def points(puhui: Puhui) -> None:
    """One person's points are those of the person's trips; claimed once, redeemed once."""
    with opened(puhui.home) as ledger:
        frame = trips_of(ledger)
        person = frame["account_id"].min()
    balance = puhui.json("points", "balance", person)
    (held,) = balance["classes"]
    assert (held["claimed"], held["balance"], held["unclaimed"]) == (0, 0, held["earned"])
    claimed = puhui.json("points", "claim", person)["claims"]
    assert [(c["class_id"], c["minted"]) for c in claimed] == [(held["class_id"], held["earned"])]
    assert 0 < claimed[0]["gas"] <= 150_000
    assert [c["minted"] for c in puhui.json("points", "claim", person)["claims"]] == [0]
    redeem = ("points", "redeem", person, "--points", "0.25", "--ref", "tree-1", "--channel", "welfare")
    assert [puhui.json(*redeem)["changed"] for _ in range(2)] == [True, False]
    (after,) = puhui.json("points", "balance", person)["classes"]
    assert (after["claimed"], after["balance"]) == (held["earned"], held["earned"] - 250)


def proof(puhui: Puhui) -> None:
    """A trip's proof verifies against the node and against a saved batch, and says so when it was not compared."""
    with opened(puhui.home) as ledger:
        trip = trips_of(ledger)["trip_id"].max()
    file = puhui.home.parent / "proof.json"
    made = puhui.json("proof", trip, "--out", file)
    assert made["attested"] is True
    assert made["bytes_read"] < 64_000
    verified = puhui.json("verify", file)
    assert (verified["ok"], verified["verdict"], verified["opened"]) == (True, "verified", True)
    (manifest,) = puhui.evidence.glob("batches/*/manifest.json")
    assert puhui.json("verify", file, "--batch", manifest)["verdict"] == "verified"
    alone = puhui.json("verify", file, "--offline", expect=3)
    assert (alone["ok"], alone["verdict"]) == (False, "incomplete")


def assert_report(report: dict[str, Any], level: str, expected: dict[str, Any], *more: str) -> None:
    """Every check by name, and the totals of one batch in one epoch with one claim and one redemption."""
    assert (report["ok"], report["level"]) == (True, level)
    names = [*(CHECKS_FULL if level == "full" else CHECKS_PUBLIC), *more]
    assert [check["name"] for check in report["checks"]] == names
    assert all(check["ok"] is True and check["expected"] == check["actual"] for check in report["checks"])
    totals = report["totals"]
    assert {name: totals[name] for name in ("batches", "batches_by_status", "attested_trips", "epochs")} == {
        "batches": 1,
        "batches_by_status": {"ISSUED": 1},
        "attested_trips": expected["trips"],
        "epochs": 1,
    }
    assert totals["attested_reduction_mg"] == totals["earned_mg"] == expected["reduction_mg"]
    assert totals["claimed_mg"] + totals["unclaimed_mg"] == totals["earned_mg"]
    assert (totals["redeemed_mg"], totals["supply_mg"]) == (250, totals["claimed_mg"] - 250)


def test_sqlite_and_embedded_chain(fresh: Puhui, city: City) -> None:
    main_job(fresh, city)


def test_postgresql(
    fresh: Puhui,
    city: City,
    postgres_url: str,
    postgres_server: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PUHUI_DATABASE_URL", postgres_url)
    main_job(fresh, city)
    assert not (fresh.home / "ledger.db").exists()
    with psycopg.connect(postgres_url.replace("+psycopg", "")) as connection:
        assert connection.execute("SELECT state, epoch FROM batches").fetchall() == [("ISSUED", 1)]


def test_anvil(fresh: Puhui, city: City, anvil: str) -> None:
    main_job(fresh, city, "--rpc", anvil)
    assert not (fresh.home / "chain.db").exists()


def test_taps_follow_journeys_of_the_same_people(make_ledger: Callable[..., Puhui], city: City) -> None:
    puhui = make_ledger("accounts")
    taps = ("trips", "import", city.folder / "taps.csv", "--source", "cards", "--format", "szt")
    for name, stations in (
        ("taps.csv", ()),
        ("taps.csv+stations.csv", ("--stations", city.folder / "stations.csv")),
    ):
        dry = puhui.json(*taps, *stations, "--dry-run")
        expected = asdict(city.expected[name])
        assert {key: dry[key] for key in expected} == expected
    sealed = puhui.json(*taps)
    first = asdict(city.expected["taps.csv"])
    assert {key: sealed[key] for key in first} == first
    puhui("anchor")
    puhui("attest")
    assert puhui.json("audit")["totals"]["attested_reduction_mg"] == first["reduction_mg"]


def test_an_auditor_in_another_process_needs_node_contracts_and_evidence_only(
    make_ledger: Callable[..., Puhui], city: City, serve: Callable[[Path], str], tmp_path: Path
) -> None:
    puhui = make_ledger("attested")
    url = serve(puhui.home)
    puhui("epoch", "publish")  # commands of the same home go through the server meanwhile
    points(puhui)
    proof(puhui)
    with opened(puhui.home) as ledger:
        assert ledger.contracts.chain.where == url

    bench = tmp_path / "auditor"
    shutil.copytree(puhui.evidence, bench / "full")
    shutil.copytree(puhui.evidence, bench / "public", ignore=shutil.ignore_patterns("private.parquet", "openings.bin"))
    shutil.copy(puhui.home / "contracts.json", bench)
    expected = asdict(city.expected["journeys.csv"])
    for level in ("public", "full"):
        done = auditor(bench, url, level)
        assert done.returncode == 0, done.stderr
        assert_report(json.loads(done.stdout), level, expected)
    tampered = bench / "public" / "epochs"
    shutil.rmtree(tampered)
    done = auditor(bench, url, "public")
    assert (done.returncode, json.loads(done.stdout)["ok"]) == (3, False)


def auditor(bench: Path, url: str, evidence: str) -> subprocess.CompletedProcess[str]:
    """`puhui audit` as a process without any of the ledger's settings."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PUHUI_")}
    command = [sys.executable, "-m", "registry.cli", "audit", "--rpc", url, "--contracts", "contracts.json"]
    return subprocess.run(
        [*command, "--evidence", evidence, "--json"], cwd=bench, env=environment, capture_output=True, text=True
    )


def test_every_command_as_a_process(make_ledger: Callable[..., Puhui], city: City) -> None:
    puhui = make_ledger("accounts")

    def run(*arguments: object) -> Any:
        command = [sys.executable, "-m", "registry.cli", *map(str, arguments), "--json"]
        done = subprocess.run(command, cwd=puhui.home.parent, capture_output=True, text=True, check=True)
        assert PASSWORD not in done.stdout + done.stderr
        return json.loads(done.stdout)

    where = ("--home", puhui.home.name)
    result = run("trips", "import", city.journeys, "--source", SOURCE, "--format", "journeys", *where)
    expected = asdict(city.expected["journeys.csv"])
    assert {key: result[key] for key in expected} == expected
    assert [step["state"] for step in run("anchor", *where)["batches"]] == ["ANCHORED"]
    report = run("audit", *where)
    assert (report["ok"], report["totals"]["batches_by_status"]) == (True, {"ANCHORED": 1})


def test_the_demo_runs_the_main_job_and_can_be_run_again(fresh: Puhui, city: City) -> None:
    for _ in range(2):
        done = fresh("demo", "--city", city.folder)
        assert "账本核对一致 / the ledger is equal" in done.out
        assert "已验证：该行程已计入账本 / VERIFIED: the trip is counted" in done.out
    with contracts_of(fresh.home) as contracts:
        assert contracts.points.current_epoch() == 1
    assert fresh.json("audit")["totals"]["batches_by_status"] == {"ISSUED": 1}


if taps := os.environ.get("PUHUI_SZT_TAPS"):

    def test_real_taps_give_the_published_counts(fresh: Puhui) -> None:
        """The counts stated in the data's ATTRIBUTION.md."""
        fresh("init")
        importing = ("trips", "import", Path(str(taps)), "--source", "szt", "--format", "szt", "--open-accounts")

        result = fresh.json(*importing)

        assert {key: result[key] for key in ("rows", "trips", "rows_used", "reduction_mg")} == {
            "rows": 10_000,
            "trips": 143,
            "rows_used": 286,
            "reduction_mg": 12_551_292,
        }
        assert result["rejected"] == {
            "unmatched_entry": 8992,
            "unmatched_exit": 67,
            "same_stop": 420,
            "no_distance": 205,
            "not_charged": 30,
        }
        again = fresh.json(*importing)
        assert (again["repeated"], again["batches"]) == (True, result["batches"])
        fresh("anchor")
        fresh("attest")
        fresh("epoch", "publish")
        report = fresh.json("audit")
        assert (report["ok"], report["totals"]["earned_mg"]) == (True, 12_551_292)

    def test_one_page_of_the_published_api(fresh: Puhui) -> None:
        page = Path(str(taps)).with_name("szt_taps_page1.json")
        fresh("init")

        result = fresh.json("trips", "import", page, "--source", "szt", "--format", "szt", "--open-accounts")

        assert (result["rows"], result["trips"], result["batches"]) == (100, 0, [])
        assert result["rejected"] == {
            "bad_row": 2,
            "unmatched_entry": 58,
            "unmatched_exit": 18,
            "same_stop": 12,
            "no_distance": 10,
        }
        assert fresh.json("audit")["ok"]
