"""What one check found, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from registry.errors import PuhuiError


class Level(StrEnum):
    """OK; WARNING, which a person should look at; FAILURE, which makes the ledger unhealthy; SKIPPED, not looked at."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"
    SKIPPED = "skipped"


_MARKS = {Level.OK: "ok  ", Level.WARNING: "warn", Level.FAILURE: "FAIL", Level.SKIPPED: "--  "}


@dataclass(frozen=True)
class Finding:
    """One check: `name` is stable, `found` and `to_do` are for people, `facts` hold the figures behind them."""

    name: str
    level: Level
    found: str
    to_do: str | None = None
    facts: Mapping[str, object] = field(default_factory=dict)

    @property
    def line(self) -> str:
        """The check on one line."""
        advice = f"; what to do: {self.to_do}" if self.to_do else ""
        return f"{_MARKS[self.level]} {self.name}: {self.found}{advice}"

    def to_json(self) -> dict[str, object]:
        """The check as `--json` prints it."""
        return {
            "name": self.name,
            "level": self.level.value,
            "found": self.found,
            "what_to_do": self.to_do,
            "facts": dict(self.facts),
        }


def fine(name: str, found: str, **facts: object) -> Finding:
    """A check that found nothing wrong."""
    return Finding(name, Level.OK, found, None, facts)


def warning(name: str, found: str, to_do: str, **facts: object) -> Finding:
    """A check that found something a person should look at."""
    return Finding(name, Level.WARNING, found, to_do, facts)


def failure(name: str, found: str, to_do: str | None, **facts: object) -> Finding:
    """A check that found something wrong."""
    return Finding(name, Level.FAILURE, found, to_do, facts)


def skipped(name: str, why: str) -> Finding:
    """A check that was not made."""
    return Finding(name, Level.SKIPPED, f"not looked at: {why}")


def of_error(name: str, error: PuhuiError) -> Finding:
    """A check that an error stopped: the error is what it found."""
    return Finding(name, Level.FAILURE, error.message, error.hint, {"error": error.code, **error.fields})


def guarded(name: str, check: Callable[[], Finding]) -> Finding:
    """What `check` finds, if need be the error that stopped it."""
    try:
        return check()
    except PuhuiError as error:
        return of_error(name, error)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return failure(name, f"{where}{error.strerror or error}", "see that the user of the ledger may read it")
