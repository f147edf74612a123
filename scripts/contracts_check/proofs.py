"""halmos: every property `check_...` of `tests/contracts/proofs` holds for all inputs.

A function `refute_...` there is the control of a property: the same calls with a claim that is false. It must be
refuted, or the property beside it may have been proved of nothing.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

from scripts.contracts_check.environment import BUILD, HERE, ROOT, ToolError, audit_python, forge, last_words, run
from scripts.contracts_check.report import Report, progress

PROOFS = ROOT / "tests" / "contracts" / "proofs"
MINIMUM = 8
REFUTED = 1
EXITS = {
    0: "proved",
    1: "counterexample",
    2: "solver timeout",
    3: "stuck on an instruction",
    4: "every path reverts",
    5: "error",
}


def check() -> Report:
    shutil.rmtree(BUILD / "halmos", ignore_errors=True)  # halmos also runs what was built of a file that is gone
    progress("halmos proves the properties")
    proved = _execute("check_")
    progress("halmos refutes the controls")
    refuted = _execute("refute_", "--early-exit")
    problems = [*_missing("check_", proved), *_missing("refute_", refuted)]
    for name, result in proved.items():
        if result["exitcode"] != 0:
            problems.append(f"{name} is not proved: {EXITS.get(result['exitcode'], 'unknown')}")
        elif result["num_bounded_loops"]:
            problems.append(f"{name} is not proved: {result['num_bounded_loops']} loops were cut off")
    for name, result in refuted.items():
        if result["exitcode"] != REFUTED:
            problems.append(f"{name} is a false claim and was not refuted: the proofs beside it may be empty")
    alone = {_contract(name) for name in proved} - {_contract(name) for name in refuted}
    problems += [f"{contract} has no control: its proofs may be empty" for contract in sorted(alone)]
    if len(proved) < MINIMUM:
        problems.append(f"{len(proved)} properties, not {MINIMUM}")
    notes = [f"{name}: {result['num_paths'][0]} paths, {result['time'][0]:.1f} s" for name, result in proved.items()]
    return Report(f"{len(proved)} properties proved, {len(refuted)} controls refuted", problems, notes)


def _execute(prefix: str, *options: str) -> dict[str, dict[str, Any]]:
    """The result of every function whose name begins with `prefix`, by contract and name."""
    result = BUILD / f"{prefix}results.json"
    result.unlink(missing_ok=True)
    (BUILD / "halmos").mkdir(exist_ok=True)
    done = run(
        audit_python(),
        "-P",  # or this folder's modules could pass for the tool's
        HERE / "symbolic.py",
        "--forge-build-out",
        (BUILD / "halmos" / "out").relative_to(ROOT),
        "--function",
        prefix,
        "--match-contract",
        "Proof$",
        "--no-status",
        "--json-output",
        result,
        *options,
        env={"FOUNDRY_CONFIG": str(HERE / "foundry.toml"), "FOUNDRY_PROFILE": "proofs"},
        path=[forge().parent, audit_python().parent],
    )
    if not result.exists():
        raise ToolError(f"halmos failed:\n{last_words(done.output + done.errors)}")
    suites = json.loads(result.read_text())["test_results"]
    return {
        f"{suite.partition(':')[2]}.{test['name'].partition('(')[0]}": test
        for suite, tests in sorted(suites.items())
        for test in tests
    }


def _contract(name: str) -> str:
    return name.partition(".")[0]


def _missing(prefix: str, results: dict[str, Any]) -> list[str]:
    written = {
        f"{path.name.removesuffix('.t.sol')}.{name}"
        for path in sorted(Path(PROOFS).glob("*.t.sol"))
        for name in re.findall(rf"function ({prefix}\w+)", path.read_text())
    }
    return [f"{name} was not run" for name in sorted(written - results.keys())]
