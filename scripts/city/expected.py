"""What a file must come to, to the row and to the milligram."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class FileExpected:
    """The result of one file with accounts.csv imported and nothing imported before it."""

    rows: int
    trips: int
    rows_used: int
    rejected: dict[str, int]
    """Rows by reason; rows = rows_used + their sum."""
    reduction_mg: int

    def __post_init__(self) -> None:
        if self.rows != self.rows_used + sum(self.rejected.values()):
            raise ValueError(f"the rows do not add up: {self}")


@dataclass(frozen=True)
class Expected(Mapping[str, FileExpected]):
    """By file name; `taps.csv+stations.csv` is taps.csv read with the station table."""

    files: dict[str, FileExpected]

    def __getitem__(self, name: str) -> FileExpected:
        return self.files[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.files)

    def __len__(self) -> int:
        return len(self.files)

    def to_json(self) -> dict[str, Any]:
        return {name: asdict(file) for name, file in self.files.items()}
