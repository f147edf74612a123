"""Collecting what an audit finds: one line a check, with the first thing wrong named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from registry.core.checks import Check
from registry.errors import VerificationError


@dataclass
class _Tally:
    unit: str
    good: int = 0
    bad: int = 0
    first: str | None = None
    fields: dict[str, object] = field(default_factory=dict)


class Findings:
    """Tallies checks by name, in the order they were first mentioned."""

    def __init__(self) -> None:
        self._tallies: dict[str, _Tally] = {}
        self._plain: dict[str, Check] = {}

    def add(self, check: Check) -> None:
        """A check made once, as it is."""
        self._plain[check.name] = check
        self._tallies.setdefault(check.name, _Tally(""))

    def open(self, name: str, unit: str) -> None:
        """Mention a check, so that it is listed even when there was nothing to check."""
        self._tallies.setdefault(name, _Tally(unit))

    def right(self, name: str, count: int = 1) -> None:
        """`count` more things are as they should be."""
        self._tallies[name].good += count

    def wrong(self, name: str, message: str, **fields: object) -> None:
        """One thing is not; the first message of a check is the one reported."""
        tally = self._tallies[name]
        tally.bad += 1
        if tally.first is None:
            tally.first = message
            # A check has an expected and an actual value of its own.
            tally.fields = {k: str(v) for k, v in fields.items() if k not in ("expected", "actual")}

    @contextmanager
    def checking(self, name: str, count: int = 1) -> Iterator[None]:
        """Count `count` things right unless the block raises a VerificationError, which is recorded instead."""
        try:
            yield
        except VerificationError as error:
            self.wrong(name, error.message, **error.fields)
        else:
            self.right(name, count)

    def checks(self) -> list[Check]:
        """All checks, in order."""
        return [self._plain.get(name) or _tallied(name, tally) for name, tally in self._tallies.items()]


def _tallied(name: str, tally: _Tally) -> Check:
    expected = f"{tally.good + tally.bad:,} {tally.unit}"
    if tally.bad == 0:
        return Check(name, True, expected, expected)
    actual = f"{tally.good:,} {tally.unit}; first wrong: {tally.first}"
    return Check(name, False, expected, actual, tally.fields)
