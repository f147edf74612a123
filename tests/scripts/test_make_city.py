"""The generator's own arithmetic and the adapters' must agree to the row and the milligram."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from registry.core.methodology import DEFAULT as SPEC
from registry.core.rules import find_duplicates, find_overlaps, link_accounts
from registry.core.trip import REASONS, rows_of
from registry.sources import Stations, adapter, open_input
from scripts.city.expected import FileExpected
from scripts.make_city import main, make_city


def result(folder: Path, name: str, stations: Stations | None = None) -> FileExpected:
    """What the adapters and rules make of one file, accounts.csv linked, nothing imported before."""
    accounts = pl.read_csv(folder / "accounts.csv", infer_schema=False).with_columns(
        consent_at=pl.col("consent_at").str.to_datetime("%Y-%m-%dT%H:%M:%S%z").dt.epoch("s")
    )
    source = "taps" if name.startswith("taps") else "journeys"
    reader = adapter("szt" if source == "taps" else "journeys")
    staged = reader.stage(
        open_input(folder / name), folder / "staging", SPEC, stations=stations, rows_per_partition=999
    )
    rejected: Counter[str] = Counter()
    trips = used = milligrams = 0
    for k in range(staged.partitions):
        frame = link_accounts(staged.candidates(k), accounts)
        alive = frame.filter(pl.col("reason").is_null())
        frame = pl.concat(
            [
                frame.filter(pl.col("reason").is_not_null()),
                alive.filter(find_overlaps(alive)).with_columns(reason=pl.lit("overlap", frame.schema["reason"])),
            ]
        )
        alive = alive.filter(~find_overlaps(alive))
        repeated = alive.filter(find_duplicates(alive)).with_columns(reason=pl.lit("duplicate", frame.schema["reason"]))
        alive = alive.filter(~find_duplicates(alive))
        for reason, part in pl.concat([frame, repeated]).group_by("reason"):
            rejected[str(reason[0])] += rows_of(part)
        trips, used = trips + alive.height, used + rows_of(alive)
        milligrams += sum(SPEC.reduction_mg(mode, m) for mode, m in alive.select("mode", "distance_m").rows())
    assert staged.rows == used + sum(rejected.values())
    return FileExpected(staged.rows, trips, used, dict(sorted(rejected.items())), milligrams)


@pytest.mark.parametrize("seed", [1, 2])
def test_every_file_comes_to_what_its_making_says(tmp_path: Path, seed: int) -> None:
    expected = make_city(tmp_path, 6_000, 1_500, 2, date(2026, 3, 2), seed, taps=True)
    stations = Stations.open(tmp_path / "stations.csv")
    assert len(expected) == 6
    for name, wanted in expected.items():
        file, _, with_stations = name.partition("+")
        assert result(tmp_path, file, stations if with_stations else None) == wanted, name
    assert json.loads((tmp_path / "expected.json").read_text("utf-8")) == expected.to_json()


def test_a_thousand_journeys_show_every_reason_a_journey_can_have(tmp_path: Path) -> None:
    expected = make_city(tmp_path, 1_000, 100, taps=True)
    assert set(expected["journeys.csv"].rejected) == set(REASONS) - {"unmatched_entry", "unmatched_exit"}
    assert set(expected["taps.csv"].rejected) == set(REASONS) - {"bad_distance", "overlap"}
    assert result(tmp_path, "journeys.csv") == expected["journeys.csv"]
    assert result(tmp_path, "taps.csv") == expected["taps.csv"]


def test_without_defects_every_journey_counts(tmp_path: Path) -> None:
    expected = make_city(tmp_path, 2_000, 500, defects=False)["journeys.csv"]
    assert (expected.rows, expected.trips, expected.rejected) == (2_000, 2_000, {})
    assert result(tmp_path, "journeys.csv") == expected


def test_a_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    make_city(tmp_path / "a", 1_500, 300, seed=5, taps=True)
    make_city(tmp_path / "b", 1_500, 300, seed=5, taps=True)
    make_city(tmp_path / "c", 1_500, 300, seed=6, taps=True)
    for name in ("accounts.csv", "stations.csv", "journeys.csv", "taps.csv", "expected.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert (tmp_path / "a" / "journeys.csv").read_bytes() != (tmp_path / "c" / "journeys.csv").read_bytes()


def test_the_taps_have_the_shape_of_the_real_data(tmp_path: Path) -> None:
    make_city(tmp_path, 20_000, 8_400, taps=True)
    taps = pl.read_csv(tmp_path / "taps.csv", infer_schema=False)
    assert len(taps.columns) == 11
    assert 0.050 < taps["station"].null_count() / taps.height < 0.056
    assert taps["station"].null_count() == taps["car_no"].null_count()
    staff = taps.filter(pl.col("card_no").str.starts_with("HH") & (pl.col("deal_type") == "地铁出站"))
    assert staff["deal_money"].unique().to_list() == ["0"]
    assert staff["deal_date"].str.slice(11, 2).is_in(["04", "05"]).all()


def test_accounts_may_hold_two_cards_and_some_have_not_consented(tmp_path: Path) -> None:
    make_city(tmp_path, 2_000, 500)
    accounts = pl.read_csv(tmp_path / "accounts.csv", infer_schema=False)
    assert accounts.columns == ["account_id", "carrier_ref", "kind", "wallet", "consent_at"]
    assert accounts["carrier_ref"].is_unique().all()
    assert accounts.group_by("account_id").len().filter(pl.col("len") == 2).height == 25
    assert accounts.filter(pl.col("consent_at").is_null())["account_id"].n_unique() == 10
    assert set(accounts["kind"]) == {"individual", "household", "sme"}


def test_too_many_journeys_for_the_carriers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="133 journeys are more than 12 a day for 11 carriers: add accounts"):
        make_city(tmp_path, 133, 10)
    with pytest.raises(ValueError, match="at least 10 accounts"):
        make_city(tmp_path, 10, 9)


def test_the_command_prints_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = ["--out", str(tmp_path), "--journeys", "50", "--accounts", "20", "--days", "2", "--start", "2026-02-28"]
    assert main([*wanted, "--defects", "none"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((tmp_path / "expected.json").read_text("utf-8"))
    assert list(printed) == ["journeys-2026-02-28.csv", "journeys-2026-03-01.csv"]
