"""Random operations on the whole programme: the EVM and a plain model must say the same, and I1 to I7 hold throughout.

1,000 runs of 40 operations by default. PUHUI_PROPERTY_RUNS sets another number of runs, PUHUI_PROPERTY_SEED the first
seed: a failure names its seed, and `PUHUI_PROPERTY_SEED=<seed> PUHUI_PROPERTY_RUNS=1` makes exactly that run again.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Final

import pytest

from registry.chain import artifacts
from tests.properties.evm import CALL_BLS, CLZ, MCOPY, Evm
from tests.properties.ledgers import Tally
from tests.properties.runs import Runner
from tests.properties.world import BEGIN

RUNS: Final = int(os.environ.get("PUHUI_PROPERTY_RUNS", "1000"))
FIRST_SEED: Final = int(os.environ.get("PUHUI_PROPERTY_SEED", "0"))
HALVES: Final = 2
# An operation counts as covered if it took effect, and was refused, once in so many runs.
RUNS_PER_CASE: Final = 100
# Most of what the contracts can say no to, which is more than 150 errors.
MIN_ERRORS: Final = 120

# What nobody but a contract of the ledger may do, and what the token standards offer and the ledger refuses.
NEVER: Final = {
    *("TripAnchors.issue", "TripAnchors.release", "ProceedsDistributor.fund"),
    *(f"CertifiedReductions.{name}" for name in ("issue", "list", "unlist", "settle", "retire")),
    *(f"SettlementCash.{name}" for name in ("transfer", "transferFrom", "approve")),
    *(f"CarbonPoints.{name}" for name in ("safeTransferFrom", "setApprovalForAll")),
    *(f"RetirementCertificates.{name}" for name in ("transferFrom", "approve")),
}
# Administration of roles, which is not an operation of the programme, and a second way into `transferFrom`.
ADMINISTRATION: Final = {"setAuthority", "RoleCouncil", "AccessManager", "RetirementCertificates.safeTransferFrom"}


def operations() -> set[str]:
    """Every function that changes something, as the ABIs have them: none can be forgotten here."""
    found = {f"AccessManager.{name}" for name in ("schedule", "execute", "cancel")}
    for contract in artifacts.CONTRACTS:
        for entry in artifacts.load(contract).abi:
            if entry["type"] == "function" and entry["stateMutability"] == "nonpayable":
                names = {contract, entry["name"], f"{contract}.{entry['name']}"}
                if not names & ADMINISTRATION:
                    found.add(_folded(f"{contract}.{entry['name']}"))
    return found - NEVER


def _folded(name: str) -> str:
    """Pausing is one operation, whichever contract is paused."""
    verb = name.split(".")[1]
    return f"*.{verb}" if verb in ("pause", "unpause") else name


def _counted(counter: Counter[str]) -> Counter[str]:
    folded: Counter[str] = Counter()
    for name, count in counter.items():
        folded[_folded(name)] += count
    return folded


def require_coverage(tally: Tally, least: int) -> None:
    """Every operation took effect, and was refused, `least` times or more; what is never allowed never took effect."""
    done, refused = _counted(tally.done), _counted(tally.refused)
    assert {name: done[name] for name in operations() if done[name] < least} == {}, "hardly ever done"
    tried = operations() | NEVER
    assert {name: refused[name] for name in tried if refused[name] < least} == {}, "hardly ever refused"
    assert {name: done[name] for name in NEVER if done[name]} == {}
    assert set(done) | set(refused) == operations() | NEVER


@pytest.mark.parametrize("half", range(HALVES))
def test_random_operations_leave_the_programme_whole(half: int) -> None:
    runner = Runner()
    seeds = range(FIRST_SEED + half * RUNS // HALVES, FIRST_SEED + (half + 1) * RUNS // HALVES)
    for seed in seeds:
        runner.run(seed)
    if len(seeds) >= RUNS_PER_CASE:
        require_coverage(runner.tally, len(seeds) // RUNS_PER_CASE)
    if len(seeds) >= 250:
        assert len(runner.tally.errors) >= MIN_ERRORS
        assert runner.tally.honest_rests > 1_000


def test_the_rules_are_those_the_contracts_are_compiled_for() -> None:
    """revm takes any name for a hardfork and follows rules of its own: they have to be Cancun's."""
    evm = Evm(BEGIN)
    assert [evm.follows(code) for code in (MCOPY, CALL_BLS, CLZ)] == [True, True, False]
    assert not evm.follows(b"\x0c"), "no hardfork has this instruction"
    assert not evm.follows(bytes.fromhex("5f5ffd")), "a revert is not success"
