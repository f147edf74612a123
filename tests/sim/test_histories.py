"""Two hundred histories in which everything goes wrong end as they must; and a broken outbox is found out."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.sim.sim_broken import BROKEN, sends_before_it_commits
from tests.sim.sim_checks import Violation
from tests.sim.sim_history import TAIL, history
from tests.sim.sim_store import Shelf, shelf
from tests.sim.sim_world import RATES

ROOT = Path(__file__).parents[2]
SEEDS, STEPS, TOGETHER = 200, 50, 25
WITHIN = 100
ENDS = {"CONFIRMED", "UNCHANGED", "REFUSED", "LAPSED"}
ALSO = {
    "a replica lags",
    "asked a replica that lags",
    "blocks stall",
    "bytes refused",
    "ended in order",
    "evicted",
    "foreign transaction",
    "killed before a read",
    "killed before a write",
    "killed in a transaction",
    "pool full",
    "receipts indexed late",
    "stopped between calls",
}
RARE = {"batch cut off", "batch refused"}


@pytest.fixture(scope="module")
def empty() -> Iterator[Shelf]:
    """Empty databases."""
    with shelf() as made:
        yield made


@pytest.mark.parametrize("first", range(1, SEEDS + 1, TOGETHER))
def test_whatever_goes_wrong_each_decided_effect_happens_once(first: int, empty: Shelf) -> None:
    faults, states = Counter[str](), Counter[str]()
    for seed in range(first, first + TOGETHER):
        outcome = history(seed, STEPS, empty)
        faults += outcome.faults
        states += outcome.states
    assert set(states) == ENDS
    assert (RATES.keys() | ALSO) - faults.keys() - RARE == set()


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: str(broken.__name__))
def test_an_outbox_is_found_out_that(
    broken: Callable[[pytest.MonkeyPatch], None], empty: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(monkeypatch)
    found = None
    for seed in range(1, WITHIN + 1):
        try:
            history(seed, STEPS, empty)
        except Violation as violation:
            found = str(violation)
            break
    assert found is not None
    assert re.search(BROKEN[broken], found.splitlines()[0])


def test_a_violation_tells_its_seed_its_step_and_what_came_before(
    empty: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    sends_before_it_commits(monkeypatch)
    with pytest.raises(Violation) as caught:
        history(1, STEPS, empty)
    first, *trace = str(caught.value).splitlines()
    assert re.fullmatch(
        r"seed 1, step \d+ of 50: bytes of .* with nonce 0 arrived before they were committed: \[\]", first
    )
    assert 0 < len(trace) <= TAIL
    assert all(re.match(r" +\d+\.\d{3}  ", line) for line in trace)


def test_a_seed_is_one_history_in_every_process(empty: Shelf) -> None:
    printed = [
        subprocess.run(
            [sys.executable, "-m", "tests.sim", "--seed", "7", "--steps", "40"],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert printed[0] == printed[1]
    assert printed[0].splitlines() == history(7, 40, empty).lines


def test_a_campaign_says_what_went_wrong_in_it() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.sim", "--seed", "3", "--histories", "4", "--steps", "20"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("4 histories of 20 steps from seed 3: 0 violations")
    assert re.search(r"^ +\d+  CONFIRMED$", done.stdout, re.M)
    assert re.search(r"^ +\d+  stopped in a call$", done.stdout, re.M)
    assert re.fullmatch(r"4 of 4 histories, 0 failed, \d+ s\n", done.stderr)
