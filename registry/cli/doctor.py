"""`puhui doctor`: is this ledger healthy, and if not, what to do."""

from __future__ import annotations

import typer

from registry.cli.common import HomeOption, JsonOption, emit, home_of, stdout
from registry.services.checks.finding import Finding, Level
from registry.services.doctor import examine
from registry.settings import Settings


def doctor(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Examine machine, keys, database, chain, evidence and sums. Exit 1 if anything is wrong, 0 with warnings."""
    findings: list[Finding] = []
    for finding in examine(home_of(home), Settings()):
        findings.append(finding)
        if not as_json:
            stdout.print(finding.line, markup=False)
    healthy = all(finding.level is not Level.FAILURE for finding in findings)
    emit(as_json, {"ok": healthy, "checks": [finding.to_json() for finding in findings]}, lambda: None)
    if not healthy:
        raise typer.Exit(1)
