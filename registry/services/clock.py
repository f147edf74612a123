"""The time, in whole milliseconds, as something that can be given: a simulation brings its own."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """What services ask of time."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch, by the clock on the wall."""

    def monotonic_ms(self) -> int:
        """Milliseconds that only grow; of no meaning but their difference."""

    def sleep_ms(self, milliseconds: int) -> None:
        """Wait."""


class SystemClock:
    """This machine's clocks."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        return int(time.time() * 1_000)

    def monotonic_ms(self) -> int:
        """The machine's monotonic clock."""
        return time.monotonic_ns() // 1_000_000

    def sleep_ms(self, milliseconds: int) -> None:
        """Wait."""
        time.sleep(milliseconds / 1_000)
