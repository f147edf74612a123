"""The staging folder when the disk says no."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from registry.core.methodology import DEFAULT as SPEC
from registry.errors import StorageError
from registry.sources import journeys, open_input
from registry.sources.staging import Partitions, Spool, partition_count

FRAME = pl.DataFrame({"row": [1], "carrier": ["C"]})


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="cannot stage the rows"):
        Partitions(tmp_path / "file", "rows", 1, "carrier")


def test_a_part_that_cannot_be_written_is_a_storage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    parts, spool = Partitions(tmp_path, "rows", 1, "carrier"), Spool(tmp_path)
    monkeypatch.setattr(pl.DataFrame, "write_parquet", full)
    parts.add(FRAME)
    with pytest.raises(StorageError, match="No space left on device"):
        parts.flush()
    with pytest.raises(StorageError, match="No space left on device"):
        spool.add(FRAME)


def test_a_copy_of_parquet_that_finds_no_space_is_a_storage_error(tmp_path: Path) -> None:
    pl.DataFrame({name: ["x"] for name in journeys.COLUMNS}).write_parquet(tmp_path / "file.parquet")
    file = open_input(tmp_path / "file.parquet")
    (tmp_path / "staging").mkdir()
    (tmp_path / "staging" / "records").symlink_to("/dev/null")
    with pytest.raises(StorageError, match="cannot stage the rows"):
        journeys.stage(file, tmp_path / "staging", SPEC)


def test_a_spool_gives_back_what_it_took_in_order_and_leaves_nothing(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for row in range(12):
        spool.add(FRAME.with_columns(row=pl.lit(row)))
    assert [frame["row"][0] for frame in spool.frames()] == list(range(12))
    assert list(spool.folder.iterdir()) == []


def test_partitions_keep_near_the_rows_asked_for() -> None:
    assert [partition_count(rows, 10) for rows in (0, 1, 10, 11, 100, 101)] == [1, 1, 1, 2, 10, 11]
