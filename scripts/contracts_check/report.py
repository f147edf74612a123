"""What a step says: a verdict, a line for the table, and whatever the reader has to know."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Report:
    """`problems` decides: a step without any has passed. `notes` are printed either way."""

    summary: str
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def progress(message: str) -> None:
    print(f"contracts-check: {message}", file=sys.stderr, flush=True)
