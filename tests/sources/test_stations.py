"""The operator's station table."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from registry.errors import InputError
from registry.sources import Stations

HEADER = "from_station,to_station,distance_m\n"


def opened(folder: Path, rows: str, header: str = HEADER) -> Stations:
    (folder / "stations.csv").write_text(header + rows, encoding="utf-8")
    return Stations.open(folder / "stations.csv")


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ("甲,乙,100\n乙,丙,0\n", "row 2: bad distance_m"),
        ("甲,乙,-5\n", "row 1: bad distance_m"),
        ("甲,乙,\n", "row 1: bad distance_m"),
        ("甲,乙,1.5\n", "row 1: bad distance_m"),
        ('甲,乙,"1,200"\n', "row 1: bad distance_m"),
        ("甲,,100\n", "row 1: bad to_station"),
        (" 甲,乙,100\n", "row 1: bad from_station"),
        ("甲,乙,100,\n", "row 1: bad row"),
        ("甲,乙\n", "row 1: bad row"),
        ("甲,甲,100\n", "row 1: a station paired with itself"),
        ("甲,乙,100\n乙,甲,100\n甲,乙,100\n", "row 3: a pair that an earlier row gives"),
        ("", "no rows"),
    ],
)
def test_a_table_with_a_wrong_row_is_refused_and_the_row_named(tmp_path: Path, rows: str, fault: str) -> None:
    with pytest.raises(InputError) as caught:
        opened(tmp_path, rows)
    assert caught.value.message == f"{tmp_path}/stations.csv: {fault}"


def test_a_table_with_other_columns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="missing column distance_m; unknown column km"):
        opened(tmp_path, "甲,乙,1\n", "from_station,to_station,km\n")


def test_a_pair_counts_both_ways_unless_both_are_given(tmp_path: Path) -> None:
    table = opened(tmp_path, "甲,乙,100\n乙,甲,110\n乙,丙,200\n")
    assert sorted(table.distances.rows()) == [
        ("丙", "乙", 200),
        ("乙", "丙", 200),
        ("乙", "甲", 110),
        ("甲", "乙", 100),
    ]


def test_a_table_is_known_by_its_digest(tmp_path: Path) -> None:
    table = opened(tmp_path, "甲,乙,100\n")
    assert table.sha256 == hashlib.sha256((HEADER + "甲,乙,100\n").encode()).hexdigest()
