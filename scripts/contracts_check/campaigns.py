"""forge: the invariants of the design, each after every one of at least 50,000 calls in an order chosen at random.

The handlers return without acting where an action is impossible, so a revert is a finding, and each suite's own test
shows that its handler reaches every action.
"""

from __future__ import annotations

import json
from typing import Any

from scripts.contracts_check.environment import HERE, ToolError, forge, last_words, run
from scripts.contracts_check.report import Report, progress

CALLS = 50_000
SUITES = {
    "I1": ("UnitsInvariantsTest",),
    "I3": ("InvariantsTest", "PoolInvariantsTest"),
    "I6": ("ProceedsInvariantsTest",),
}


def check() -> Report:
    progress("forge plays the campaigns")
    played = _play()
    problems: list[str] = []
    notes: list[str] = []
    for invariant, suites in SUITES.items():
        for suite in suites:
            tests = played.get(suite, {})
            problems += [f"{invariant} {suite}.{problem}" for problem in _problems(tests)]
            notes += [
                f"{invariant} {suite}.{name}: {test['kind']['Invariant']['calls']:,} calls"
                for name, test in sorted(tests.items())
                if "Invariant" in test["kind"]
            ]
    return Report(f"{', '.join(SUITES)} after {_fewest(played):,} calls or more each", problems, notes)


def _play() -> dict[str, dict[str, Any]]:
    """The results of each suite's tests, by the suite's and the test's names."""
    names = "|".join(suite for suites in SUITES.values() for suite in suites)
    done = run(
        forge(),
        "test",
        "--json",
        "--match-contract",
        f"^({names})$",
        env={"FOUNDRY_CONFIG": str(HERE / "foundry.toml")},
    )
    try:
        suites = json.loads(done.output)
    except ValueError:
        raise ToolError(f"forge failed:\n{last_words(done.output + done.errors)}") from None
    return {
        suite.partition(":")[2]: {name.partition("(")[0]: test for name, test in result["test_results"].items()}
        for suite, result in suites.items()
    }


def _problems(tests: dict[str, Any]) -> list[str]:
    problems = [
        f"{name}: {test['status']}: {test.get('reason')}\n{_steps(test)}"
        for name, test in tests.items()
        if test["status"] != "Success"
    ]
    campaigns = {name: test["kind"]["Invariant"] for name, test in tests.items() if "Invariant" in test["kind"]}
    for name, campaign in campaigns.items():
        if campaign["calls"] < CALLS or campaign["reverts"] != 0:
            problems.append(f"{name}: {campaign['calls']} calls, {campaign['reverts']} reverts")
        idle = [action for action, metrics in campaign["metrics"].items() if metrics["calls"] == 0]
        problems += [f"{name}: {action} was never called" for action in idle]
    if not campaigns:
        problems.append("invariants: none was played")
    if not any(name.endswith("ReachesEveryAction") for name in tests):
        problems.append("reach: no test shows that the handler reaches every action")
    return problems


def _steps(test: dict[str, Any]) -> str:
    return json.dumps(test.get("counterexample"), indent=1) if test.get("counterexample") else ""


def _fewest(played: dict[str, dict[str, Any]]) -> int:
    kinds = [test["kind"] for tests in played.values() for test in tests.values()]
    return min((kind["Invariant"]["calls"] for kind in kinds if "Invariant" in kind), default=0)
