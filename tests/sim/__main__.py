"""`python -m tests.sim --seed N` prints the trace of one history; `--histories H` runs that many from seed N on."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from tests.sim.sim_checks import Violation
from tests.sim.sim_history import history
from tests.sim.sim_store import shelf


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description="Simulate the outbox and its world.")
    parser.add_argument("--seed", type=int, default=1, help="the first history's seed")
    parser.add_argument("--histories", type=int, help="how many histories; without it, the trace of one is printed")
    parser.add_argument("--steps", type=int, default=50, help="steps of a history before all faults end")
    return parser.parse_args()


def _campaign(first: int, histories: int, steps: int) -> int:
    faults, states, failed, began = Counter[str](), Counter[str](), list[int](), time.monotonic()
    with shelf() as made:
        for number, seed in enumerate(range(first, first + histories), 1):
            try:
                outcome = history(seed, steps, made)
            except Violation as violation:
                failed.append(seed)
                sys.stderr.write(f"{violation}\n")
            else:
                faults += outcome.faults
                states += outcome.states
            if number % 50 == 0 or number == histories:
                took = time.monotonic() - began
                sys.stderr.write(f"{number} of {histories} histories, {len(failed)} failed, {took:.0f} s\n")
    said = [f"{histories} histories of {steps} steps from seed {first}: {len(failed)} violations {failed or ''}"]
    for title, counted in (("operations by their end", states), ("faults (and what followed)", faults)):
        said += ["", title, *(f"  {count:8}  {name}" for name, count in sorted(counted.items()))]
    sys.stdout.write("\n".join(said) + "\n")
    return 1 if failed else 0


def main() -> int:
    """Run what the arguments ask for; 1 when something that must hold did not."""
    asked = _arguments()
    if asked.histories is not None:
        return _campaign(asked.seed, asked.histories, asked.steps)
    with shelf() as made:
        try:
            sys.stdout.write("\n".join(history(asked.seed, asked.steps, made).lines) + "\n")
        except Violation as violation:
            sys.stdout.write(f"{violation}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
