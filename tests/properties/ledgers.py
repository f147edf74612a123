"""A ledger twice: on the EVM and in the model. Every operation is made on both, and both must say the same."""

from __future__ import annotations

import pickle
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.properties.calls import Call, Refused
from tests.properties.evm import decode_log, function
from tests.properties.model import Programme, attempt
from tests.properties.world import ACTIVATION_S, BEGIN, DELAY_S, NOTICE_S, World

Event = tuple[str, dict[str, Any]]


@dataclass
class Tally:
    """How often each operation took effect, changed nothing because it was a repeat, and was refused, and why."""

    done: Counter[str] = field(default_factory=Counter)
    repeated: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    honest_rests: int = 0  # how often what nobody has claimed yet was checked to the milligram

    def add(self, other: Tally) -> None:
        for name in ("done", "repeated", "refused", "errors"):
            getattr(self, name).update(getattr(other, name))
        self.honest_rests += other.honest_rests


class Twin:
    """The two, and what was done so far: `history` are the calls that took effect, `events` what they emitted."""

    def __init__(self) -> None:
        self.world = World()
        self.model = Programme(dict(self.world.at), self.world.holders, ACTIVATION_S, DELAY_S, NOTICE_S)
        self.history: list[Call] = []
        self.events: list[Event] = []
        self.tally = Tally()
        self.begin(BEGIN)

    def begin(self, now: int) -> None:
        """The next block of both."""
        self.world.begin(now)
        self.model.begin(now)

    def perform(self, call: Call) -> Any:
        """Make a call on both; returns what it returned, or the Refused. AssertionError when they differ."""
        name = f"{call.contract}.{call.function}"
        self.model, expected = attempt(self.model, call)
        outcome = self.world.perform(call)
        if isinstance(expected, Refused):
            assert outcome.error == expected.error, f"{name}: the model refuses with {expected.error}, the EVM " + (
                f"with {outcome.error}" if outcome.error else "does it"
            )
            self.tally.refused[name] += 1
            self.tally.errors[expected.error] += 1
            return expected
        assert outcome.error is None, f"{name}: the model does it, the EVM refuses with {outcome.error}"
        if expected is not None:
            returned = function(call.contract, call.function).decode(outcome.output)
            assert returned == expected, f"{name} returned {returned}, expected {expected}"
        took_effect = expected is None or bool(expected)
        if call.contract != "AccessManager":
            # The AccessManager itself announces that a delayed call was made, whatever came of it.
            own = [log for log in outcome.logs if log.address != self.world.at["AccessManager"]]
            assert bool(own) == took_effect, f"{name}: {len(own)} events"
        if took_effect:
            self.history.append(call)
            self.events += map(decode_log, outcome.logs)
        (self.tally.done if took_effect else self.tally.repeated)[name] += 1
        return expected

    def emitted(self, *names: str) -> list[dict[str, Any]]:
        """The arguments of all events of these names, in order."""
        return [args for name, args in self.events if name in names]

    def must(self, call: Call) -> Any:
        """Make a call that has to take effect."""
        returned = self.perform(call)
        assert not isinstance(returned, Refused), f"{call.contract}.{call.function} was refused: {returned}"
        assert returned is None or returned, f"{call.contract}.{call.function} changed nothing"
        return returned

    def snapshot(self) -> Snapshot:
        """A point to come back to, once."""
        return Snapshot(self.world.evm.snapshot(), pickle.dumps(self.model), len(self.history), len(self.events))

    def revert(self, snapshot: Snapshot) -> None:
        self.world.evm.revert(snapshot.evm)
        self.model = pickle.loads(snapshot.model)  # noqa: S301 - this process wrote it
        del self.history[snapshot.calls :], self.events[snapshot.events :]


@dataclass(frozen=True)
class Snapshot:
    """Where a twin stood."""

    evm: Any
    model: bytes
    calls: int
    events: int
