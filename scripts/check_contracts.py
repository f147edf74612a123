#!/usr/bin/env python3
"""Check the contracts with the tools that look at them as code: `make contracts-check`.

    python -m scripts.check_contracts                    every step
    python -m scripts.check_contracts --only slither     one of them; may be repeated

| step     | tool    | passes when                                                                  |
|----------|---------|------------------------------------------------------------------------------|
| fresh    | solc    | the committed artifacts are what the contracts compile to                    |
| slither  | slither | each finding of high or medium impact is explained, and no other is          |
| coverage | Hardhat | the Solidity tests execute every statement                                   |
| proofs   | halmos  | every property is proved for all inputs, and its control refuted             |
| forge    | forge   | the invariants hold after 50,000 random calls each                           |

The tools get environments of their own under `build/`, from lock files with hashes, and nothing else is downloaded.
The steps take minutes, so that they are no part of the tests. Exit code 1 when any of them fails.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from scripts.contracts_check import campaigns, environment, findings, proofs, statements
from scripts.contracts_check.report import Report, progress


def fresh() -> Report:
    """Whether the committed artifacts are what the contracts compile to."""
    command = [sys.executable, "-m", "scripts.compile_contracts", "--check"]
    done = subprocess.run(command, cwd=environment.ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return Report(done.stdout.strip(), done.stderr.strip().splitlines() if done.returncode != 0 else [])


STEPS: dict[str, Callable[[], Report]] = {
    "fresh": fresh,
    "slither": findings.check,
    "coverage": statements.check,
    "proofs": proofs.check,
    "forge": campaigns.check,
}


@dataclass(frozen=True)
class Row:
    """A step as the table shows it."""

    name: str
    seconds: float
    report: Report


def main() -> int:
    arguments = _parser().parse_args()
    environment.prepare()
    rows = [_take(name) for name in STEPS if name in (arguments.only or STEPS)]
    for row in rows:
        for note in row.report.notes:
            print(f"{row.name}: {note}")
    print(f"\n{'step':<10}{'':<8}{'seconds':>8}  result")
    for row in rows:
        problems = row.report.problems
        result = f"{len(problems)} problems" if problems else row.report.summary
        print(f"{row.name:<10}{'FAILED' if problems else 'passed':<8}{row.seconds:>8.0f}  {result}")
    for row in rows:
        for problem in row.report.problems:
            print(f"{row.name}: {problem}", file=sys.stderr)
    return 1 if any(row.report.problems for row in rows) else 0


def _take(name: str) -> Row:
    """Take a step. One that cannot be taken has failed, and the others are taken all the same."""
    progress(name)
    started = time.monotonic()
    try:
        report = STEPS[name]()
    except environment.ToolError as error:
        report = Report("", [str(error)])
    except SystemExit as refusal:  # how compile_contracts says that it cannot go on
        report = Report("", [str(refusal.code)])
    return Row(name, time.monotonic() - started, report)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", choices=list(STEPS), help="take this step alone; may be repeated")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
