"""One history: a seed, a number of steps in which everything may go wrong, and then a world in which all works."""

from __future__ import annotations

import logging
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any, Final
from unittest.mock import patch

from registry.services import signer_lease, signer_line, submission
from tests.sim.sim_acts import Acting
from tests.sim.sim_checks import Violation
from tests.sim.sim_node import BLOCK_MS
from tests.sim.sim_store import Shelf
from tests.sim.sim_world import Process

TAIL: Final = 40
ROUNDS: Final = 200
LATE_MS: Final = 35_000


@dataclass(frozen=True)
class Outcome:
    """What came of a history without a violation: its trace, what went wrong in it, how its operations ended."""

    seed: int
    lines: list[str]
    faults: Counter[str]
    states: Counter[str]


class _Uuids:
    """Stands for the module: operation ids come from the seed too."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng

    def uuid4(self) -> uuid.UUID:
        """As `uuid.uuid4`."""
        return uuid.UUID(int=self._rng.getrandbits(128), version=4)


@contextmanager
def governed(world: Acting) -> Iterator[None]:
    """What the product takes from the machine it runs on comes from the world; its limits differ with the seed."""
    rng = world.rng
    limits = {
        "MAX_REFUSALS": rng.choice((1, 2, 4, signer_line.MAX_REFUSALS)),
        "MAX_ATTEMPTS": rng.choice((2, signer_line.MAX_ATTEMPTS)),
    }
    with ExitStack() as stack:
        # What is logged is not looked at here, and making the lines takes time.
        logging.disable(logging.CRITICAL)
        stack.callback(logging.disable, logging.NOTSET)
        stack.enter_context(patch.object(submission, "uuid", _Uuids(rng)))
        stack.enter_context(patch.object(signer_lease, "has_ended", world.has_ended))
        for name, value in limits.items():
            stack.enter_context(patch.object(signer_line, name, value))
        yield


def settle(world: Acting) -> None:
    """All faults end: whatever was decided comes to its end, and what was sent late has arrived."""
    world.say("--- from here on everything works")
    world.calm, world.lagging_until = True, 0
    world.node.stalled_until = world.node.full_until = world.node.index_lag_ms = 0
    world.node.refused_until.clear()
    for process in world.processes:
        process.asleep_until, process.doom = 0, None
    at_work = world.rng.sample(world.processes, world.rng.randint(1, 2))
    _work(world, at_work, world.oracle.unblocked)
    if waiting := world.oracle.unblocked():
        raise Violation(f"not at an end although everything works and nothing before them is held: {waiting}")
    _work(world, at_work, world.oracle.open, tried_again=True)
    world.advance(LATE_MS)
    world.oracle.end(world.db, world.chain.genesis, world.decided)


def _work(
    world: Acting, processes: list[Process], left: Callable[[], list[tuple[Any, ...]]], tried_again: bool = False
) -> None:
    for _ in range(ROUNDS):
        if not left():
            break
        for seq, operation in world.oracle.held() if tried_again else ():
            world.retry(processes[0], seq, operation)
        for role in world.oracle.roles_at_work():
            for process in processes:
                world.turn(process, role)
        world.oracle.step()
        world.advance(BLOCK_MS)


def history(seed: int, steps: int, shelf: Shelf) -> Outcome:
    """Run the history of a seed; raises Violation with the seed, the step and the end of the trace."""
    world = Acting(seed, shelf)
    step = 0
    try:
        with governed(world):
            for step in range(1, steps + 1):
                world.say(f"--- step {step}")
                world.act()
            step += 1
            settle(world)
    except Violation as error:
        tail = "\n".join(world.lines[-TAIL:])
        raise Violation(f"seed {seed}, step {step} of {steps}: {error}\n{tail}") from error
    else:
        return Outcome(seed, world.lines, world.counts, world.oracle.states())
    finally:
        world.oracle.close()
