"""A row that is behind the chain, and how it catches up. Finding one reads only; applying it writes only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlmodel import Session


@dataclass(frozen=True)
class Repair:
    """`kind` is the sort of row, `change` says for people what becomes of it, `apply` does it in a transaction."""

    kind: str
    subject: str
    change: str
    apply: Callable[[Session], object]

    def to_json(self) -> dict[str, str]:
        """The repair as `--json` prints it."""
        return {"kind": self.kind, "subject": self.subject, "change": self.change}


def written_at(path: Path, latest: int) -> int:
    """When a file was written, in epoch seconds, and not after `latest`: a copy may have lost its time."""
    return min(path.stat().st_mtime_ns // 1_000_000_000, latest)
