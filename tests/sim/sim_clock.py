"""The time of a simulated world, and the clocks its processes see."""

from __future__ import annotations

from typing import Protocol

START_MS = 1_760_000_000_000


class Time(Protocol):
    """What a clock asks of the world it is in."""

    now: int

    def slept(self, milliseconds: int) -> None:
        """Let this much time pass while a process sleeps."""


class SimClock:
    """`registry.services.clock.Clock` of one process: the world's time, and how far its wall clock is off."""

    def __init__(self, time: Time, skew_ms: int = 0) -> None:
        self._time = time
        self._skew_ms = skew_ms

    def now_ms(self) -> int:
        """Milliseconds since the epoch, as this process believes."""
        return self._time.now + self._skew_ms

    def monotonic_ms(self) -> int:
        """Milliseconds of simulated time; the same for every process."""
        return self._time.now

    def sleep_ms(self, milliseconds: int) -> None:
        """Let simulated time pass; nobody waits."""
        self._time.slept(milliseconds)
