"""One check of an audit or a verification: what was expected, what was found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from registry.errors import PuhuiError


@dataclass(frozen=True)
class Check:
    """A named check; `ok` is None when it was not made, and then `actual` says why."""

    name: str
    ok: bool | None
    expected: object
    actual: object
    fields: dict[str, object] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """The check as `--json` prints it."""
        return {**self.fields, "name": self.name, "ok": self.ok, "expected": self.expected, "actual": self.actual}


def compare(name: str, expected: object, actual: object, **fields: object) -> Check:
    """The check that two values are equal."""
    return Check(name, expected == actual, expected, actual, fields)


def attempt(name: str, expected: object, action: Callable[[], object]) -> Check:
    """The check that `action` raises no PuhuiError; its result, or the error's text, is the actual value."""
    try:
        result = action()
    except PuhuiError as error:
        return Check(name, False, expected, error.message)
    return Check(name, True, expected, expected if result is None else result)
