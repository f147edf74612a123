"""One adapter per input format: the rows of a file -> candidate trips and rejections, each row exactly once.

    file = open_input(path)
    staged = adapter("journeys").stage(file, staging, spec)
    for k in range(staged.partitions): staged.candidates(k)

Opening and staging raise `InputError` for a file that cannot be used as a whole; a row that cannot is a candidate
with a reason (`registry.core.trip`).
"""

from __future__ import annotations

from typing import Final

from registry.errors import UsageError
from registry.sources import journeys, smart_card
from registry.sources.input_file import InputFile, open_input
from registry.sources.staging import Adapter, Staged
from registry.sources.stations import Stations

FORMATS: Final[dict[str, Adapter]] = {"journeys": journeys, "szt": smart_card}


def adapter(name: str) -> Adapter:
    """The adapter of an input format, `journeys` or `szt`; raises UsageError when there is none of that name."""
    if name not in FORMATS:
        raise UsageError(f"unknown input format {name!r}", hint="known: " + ", ".join(FORMATS))
    return FORMATS[name]


__all__ = ["FORMATS", "Adapter", "InputFile", "Staged", "Stations", "adapter", "open_input"]
