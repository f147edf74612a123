"""slither: no finding of high or medium impact that `findings.json` does not explain.

An explanation is for one detector in one function and says how many findings it covers. The step fails on a finding
without an explanation, on more or fewer than explained, and on an explanation that matches nothing any more.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from scripts.contracts_check.environment import BUILD, HERE, ROOT, ToolError, audit_python, hardhat, last_words, run
from scripts.contracts_check.report import Report, progress

EXPLANATIONS = HERE / "findings.json"
SERIOUS = ("High", "Medium")
Key = tuple[str, str, str]  # detector, contract, function


def check() -> Report:
    silenced = [path for path in sorted((ROOT / "contracts").rglob("*.sol")) if "slither-disable" in path.read_text()]
    problems = [f"{path.relative_to(ROOT)} silences slither; explain in findings.json instead" for path in silenced]
    found = Counter(_key(finding) for finding in _analyse())
    explained: dict[Key, dict[str, Any]] = {
        (entry["detector"], entry["contract"], entry["function"]): entry
        for entry in json.loads(EXPLANATIONS.read_text())
    }
    for key in sorted(found.keys() | explained.keys()):
        expected = explained[key]["count"] if key in explained else 0
        if found[key] > expected:
            problems.append(f"{_name(key)}: {found[key]} found, {expected} explained")
        elif found[key] < expected:
            problems.append(f"{_name(key)}: {expected} explained, {found[key]} found: take the explanation out")
    notes = [f"{_name(key)} x{entry['count']}: {entry['reason']}" for key, entry in sorted(explained.items())]
    return Report(f"{found.total()} high or medium findings, all explained", problems, notes)


def _analyse() -> list[dict[str, Any]]:
    output = BUILD / "slither"
    built = hardhat("build", "--quiet", "--no-tests", output=output)
    if built.code != 0:
        raise ToolError(f"hardhat build failed:\n{last_words(built.output + built.errors)}")
    progress("slither reads the build")
    result = output / "findings.json"
    done = run(
        audit_python().parent / "slither",
        ".",
        "--hardhat-ignore-compile",
        "--hardhat-artifacts-directory",
        output.relative_to(ROOT) / "artifacts",
        "--npx-disable",  # it would ask Hardhat for the paths that stand here
        "--filter-paths",
        "node_modules|tests/",
        "--exclude-informational",
        "--exclude-optimization",
        "--exclude-low",
        "--fail-none",
        "--json",
        result,
    )
    report = json.loads(result.read_text()) if result.exists() else {}
    if done.code != 0 or not report.get("success"):
        raise ToolError(f"slither failed:\n{report.get('error') or last_words(done.output + done.errors)}")
    return [finding for finding in report["results"].get("detectors", []) if finding["impact"] in SERIOUS]


def _key(finding: dict[str, Any]) -> Key:
    """Where the finding is: the first function it names, else the first contract or variable."""
    elements = finding["elements"]
    element = next((e for e in elements if e["type"] == "function"), elements[0])
    fields = element.get("type_specific_fields", {})
    contract = fields.get("parent", {}).get("name", Path(element["source_mapping"]["filename_relative"]).stem)
    return finding["check"], contract, element["name"]


def _name(key: Key) -> str:
    return f"{key[0]} in {key[1]}.{key[2]}"
