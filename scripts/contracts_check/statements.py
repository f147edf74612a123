"""Hardhat's coverage: the Solidity tests execute every statement of `contracts/`.

The share of statements is in the table Hardhat prints, the lines of those that were missed in its lcov file. The gas
tests are left out: an instrumented contract uses more gas than they allow.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from scripts.contracts_check.environment import BUILD, ROOT, ToolError, hardhat, last_words
from scripts.contracts_check.report import Report, progress

HARDHATS = ROOT / "coverage"  # no option moves it
KEPT = BUILD / "coverage"
ROW = re.compile(r"^║ (?P<file>contracts/\S+)\s*│\s*[\d.]+\s*│\s*(?P<statements>[\d.]+)", re.MULTILINE)
CODE = re.compile(r"^\s*(?:function|modifier|constructor|receive|fallback)\b[^;{]*\{", re.MULTILINE)


def check() -> Report:
    progress("the Solidity tests run instrumented")
    done = hardhat("--coverage", "test", "solidity", "--grep-exclude", "test_Gas_", output=BUILD / "instrumented")
    shutil.rmtree(KEPT, ignore_errors=True)
    if HARDHATS.exists():
        shutil.move(HARDHATS, KEPT)
    if done.code != 0:
        raise ToolError(f"the Solidity tests failed:\n{last_words(done.output + done.errors)}")
    covered = {match["file"]: float(match["statements"]) for match in ROW.finditer(done.output)}
    missed = _missed((KEPT / "lcov.info").read_text())
    problems = [f"{name}: no statement is measured" for name in sorted(_with_code() - covered.keys())]
    problems += [
        f"{name}: {share:.2f} % of statements, not lines {', '.join(map(str, missed.get(name, [])))}"
        for name, share in sorted(covered.items())
        if share < 100
    ]
    return Report(f"every statement of {len(covered)} files", problems)


def _missed(lcov: str) -> dict[str, list[int]]:
    """The lines of each file with a statement that was not executed."""
    lines: dict[str, list[int]] = {}
    name = ""
    for record in lcov.splitlines():
        if record.startswith("SF:"):
            name = record.removeprefix("SF:")
        elif record.startswith("DA:") and record.endswith(",0"):
            lines.setdefault(name, []).append(int(record.removeprefix("DA:").removesuffix(",0")))
    return lines


def _with_code() -> set[str]:
    files: list[Path] = sorted((ROOT / "contracts").rglob("*.sol"))
    return {path.relative_to(ROOT).as_posix() for path in files if CODE.search(path.read_text())}
