"""One random run: from a stage, 40 operations drawn by a seed, everything checked after each."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.properties import draw_faults, draw_market, draw_money, draw_points, draw_tonnes
from tests.properties.agreement import require_agreement
from tests.properties.calls import Call, Refused
from tests.properties.draw import Draw, Drawn
from tests.properties.invariants import Watch
from tests.properties.ledgers import Snapshot, Tally, Twin
from tests.properties.scenario import STAGES
from tests.properties.story import Story
from tests.properties.world import ACCOUNTS, ACTIVATION_S, DELAY_S

STEPS: Final = 40
OPERATIONS: Final[dict[Drawn, int]] = {
    **draw_points.OPERATIONS,
    **draw_tonnes.OPERATIONS,
    **draw_market.OPERATIONS,
    **draw_money.OPERATIONS,
    **draw_faults.OPERATIONS,
}
_DRAWN: Final = list(OPERATIONS)
_WEIGHTS: Final = list(OPERATIONS.values())
_NAMES: Final = {address: name for name, address in ACCOUNTS.items()}


@dataclass
class Start:
    """A stage, deployed once and come back to before every run."""

    twin: Twin
    snapshot: Snapshot

    def rewind(self) -> None:
        self.twin.revert(self.snapshot)
        self.snapshot = self.twin.snapshot()


class Runner:
    """Runs seeds; keeps one deployed ledger for each stage, and the tally of all its runs."""

    def __init__(self) -> None:
        self._starts: dict[str, Start] = {}
        self.tally = Tally()

    def run(self, seed: int, steps: int = STEPS) -> None:
        """One run; an AssertionError tells the seed, the stage and every call so far."""
        stage = STAGES[seed % len(STAGES)]
        start = self._start(stage)
        twin = start.twin
        twin.tally = Tally()
        rng = random.Random(seed)
        watch = Watch(twin)
        made: list[str] = []
        try:
            for _ in range(steps):
                twin.begin(twin.world.now + _pause(rng, twin))
                call = _next(Draw(rng, twin.model), twin)
                made.append(f"{len(made) + 1:3} t={twin.world.now} {told(call)}")
                done = len(twin.history)
                result = twin.perform(call)
                made[-1] += f" -> {result.error if isinstance(result, Refused) else result}"
                watch.check(call, len(twin.history) > done)
            require_agreement(twin)
        except Exception as error:
            story = "\n".join(made)
            raise AssertionError(f"seed {seed}, from stage {stage.__name__}:\n{story}\n{error}") from error
        finally:
            self.tally.add(twin.tally)
            start.rewind()

    def _start(self, stage: Callable[[Story], None]) -> Start:
        if stage.__name__ not in self._starts:
            story = Story()
            stage(story)
            self._starts[stage.__name__] = Start(story.twin, story.twin.snapshot())
        return self._starts[stage.__name__]


def _next(draw: Draw, twin: Twin) -> Call:
    """Mostly what somebody might do; then and now with something changed, or something over again."""
    call: Call | None = None
    if draw.chance(14):
        call = draw_faults.repeated(draw, twin.history)
    while call is None:
        (operation,) = draw.rng.choices(_DRAWN, _WEIGHTS)
        call = operation(draw)
        if call is not None and draw.chance(22):
            call = draw_faults.changed(draw, call)
        if call is not None and call.caller not in _NAMES:
            call = None  # a contract does not start a transaction
    return call


def _pause(rng: random.Random, twin: Twin) -> int:
    """Seconds to the next block: mostly few, at times until something becomes possible, rarely days."""
    roll = rng.randrange(100)
    if roll < 74:
        return rng.randint(1, 90)
    if roll < 82:
        return ACTIVATION_S + rng.randint(-60, 60)
    if roll < 86:
        return DELAY_S + rng.randint(-60, 60)
    if roll < 97:
        ready = [when for when in twin.model.access.scheduled.values() if when > twin.world.now]
        return min(ready) - twin.world.now if ready else 1
    return rng.randint(1, 9) * 86_400


def told(call: Call) -> str:
    """A call in one line, with names for addresses."""
    return _readable(f"{_NAMES.get(call.caller, call.caller)}: {call.contract}.{call.function}{call.args}")


def _readable(text: str) -> str:
    for address, name in _NAMES.items():
        text = text.replace(address, name)
    return text
