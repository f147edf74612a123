"""Shared by the tests of the adapters: small files in the formats, and the whole of what becomes of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from registry.core.methodology import DEFAULT as SPEC
from registry.core.trip import CANDIDATE_SCHEMA, rows_of
from registry.sources import Stations, adapter, open_input

Read = Callable[..., pl.DataFrame]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Stage `content` and return every candidate by row; each file row is checked to be there exactly once."""

    def stage(
        form: str,
        content: bytes | str,
        name: str = "file.csv",
        *,
        encoding: str = "utf-8",
        stations: Stations | None = None,
        rows_per_partition: int = 1_000_000,
    ) -> pl.DataFrame:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        file = open_input(path, encoding=encoding)
        staged = adapter(form).stage(
            file, tmp_path / "staging", SPEC, stations=stations, rows_per_partition=rows_per_partition
        )
        frames = [staged.candidates(k) for k in range(staged.partitions)]
        assert all(dict(frame.schema) == CANDIDATE_SCHEMA for frame in frames)
        frame = pl.concat(frames).sort("row")
        rows = [*frame["row"], *frame["row_exit"].drop_nulls()]
        assert sorted(rows) == list(range(1, staged.rows + 1))
        assert rows_of(frame) == staged.rows
        return frame

    return stage
