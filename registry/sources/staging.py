"""The staging folder: parsed rows as Parquet, split by carrier so that each part can be judged on its own.

Pairing taps, overlaps and repeats only ever concern rows of one carrier; a file of any size is therefore handled
one partition at a time, in bounded memory. Which partition a carrier falls into has no meaning outside a run.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import polars as pl

from registry.core.methodology.spec import Methodology
from registry.core.trip import CANDIDATE_SCHEMA
from registry.errors import StorageError
from registry.sources.input_file import InputFile
from registry.sources.stations import Stations

ROWS_PER_PARTITION: Final = 1_000_000
_BUFFERED_ROWS: Final = 250_000

Progress = Callable[[int], None]


class Adapter(Protocol):
    """One input format: reads every row of a file, and gives each back in exactly one candidate."""

    def stage(
        self,
        file: InputFile,
        staging: Path,
        spec: Methodology,
        *,
        stations: Stations | None = None,
        rows_per_partition: int = ROWS_PER_PARTITION,
        progress: Progress | None = None,
    ) -> Staged:
        """Read and check `file` into the folder `staging`; raises InputError, StorageError."""


@dataclass(frozen=True)
class Staged:
    """A staged file: how many rows it has, and its candidates partition by partition."""

    rows: int
    partitions: int
    folder: Path
    judge: Callable[[pl.DataFrame], pl.DataFrame]

    def candidates(self, k: int) -> pl.DataFrame:
        """The candidates of partition `k` (0-based) by row, as `CANDIDATE_SCHEMA`; empty when it has none."""
        if not 0 <= k < self.partitions:
            raise IndexError(f"partition {k} of {self.partitions}")
        parts = sorted((self.folder / f"{k:05d}").glob("*.parquet"))
        if not parts:
            return pl.DataFrame(schema=CANDIDATE_SCHEMA)
        frame = self.judge(pl.read_parquet(parts))
        frame = frame.select(pl.col(name).cast(dtype) for name, dtype in CANDIDATE_SCHEMA.items())
        # Sorting a million candidates takes three times their memory, and journeys are in file order as staged.
        return frame if frame["row"].is_sorted() else frame.sort("row")


class Partitions:
    """Writes frames into partitions by a hash of `carrier`; rows without a carrier are spread by row number."""

    def __init__(self, staging: Path, name: str, count: int, carrier: str) -> None:
        self.folder, self.count, self.carrier = staging / name, count, carrier
        self._waiting: list[pl.DataFrame] = []
        self._rows = self._flushes = 0
        _fresh(self.folder, [f"{k:05d}" for k in range(count)])

    def add(self, frame: pl.DataFrame) -> None:
        """Take a frame; it is written once enough rows wait."""
        self._waiting.append(frame)
        self._rows += frame.height
        if self._rows >= _BUFFERED_ROWS:
            self.flush()

    def flush(self) -> None:
        """Write what waits; every part is one file of each partition it has rows for."""
        if not self._waiting:
            return
        frame = pl.concat(self._waiting)
        self._waiting, self._rows = [], 0
        if self.count == 1:
            self._write(frame, 0)
        else:
            own = pl.coalesce(pl.col(self.carrier).hash(), pl.col("row")) % self.count
            for (k,), part in frame.with_columns(_k=own).partition_by("_k", as_dict=True, include_key=False).items():
                self._write(part, int(k))
        self._flushes += 1

    def _write(self, frame: pl.DataFrame, k: int) -> None:
        _write(frame, self.folder / f"{k:05d}" / f"{self._flushes:06d}.parquet")


class Spool:
    """Frames kept in order until the number of rows, and with it of partitions, is known."""

    def __init__(self, staging: Path) -> None:
        self.folder = staging / "records"
        self._parts = 0
        _fresh(self.folder, [])

    def add(self, frame: pl.DataFrame) -> None:
        """Write a frame after the others."""
        _write(frame, self.folder / f"{self._parts:06d}.parquet")
        self._parts += 1

    def frames(self) -> Iterator[pl.DataFrame]:
        """The frames again, each deleted once it is read."""
        for path in sorted(self.folder.glob("*.parquet")):
            try:
                frame = pl.read_parquet(path)
                path.unlink()
            except (OSError, pl.exceptions.PolarsError) as error:
                raise StorageError(f"{path}: a staged file cannot be read back: {error}") from None
            yield frame


def partition_count(rows: int, rows_per_partition: int) -> int:
    """How many partitions keep each near `rows_per_partition` rows; at least one."""
    return max(1, -(-rows // rows_per_partition))


def _fresh(folder: Path, names: list[str]) -> None:
    """An empty folder with these folders in it: what an interrupted run left must not be counted again."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in names:
            (folder / name).mkdir()
    except OSError as error:
        raise StorageError(f"{folder}: cannot stage the rows: {error.strerror}", hint="check space and owner") from None


def _write(frame: pl.DataFrame, path: Path) -> None:
    try:
        frame.write_parquet(path, compression="lz4", statistics=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise StorageError(f"{path}: cannot stage the rows: {error}", hint="check the space left") from None
