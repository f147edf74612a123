"""`puhui doctor`: is this ledger healthy, and if not, what to do."""

from __future__ import annotations

import typer

from registry.cli.common import HomeOption, JsonOption, emit, home_of, stdout
from registry.cli.proof import check_line
from registry.services.doctor import examine
from registry.settings import Settings


def doctor(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Examine environment, keys, database, chain and evidence. Exit 1 if anything is wrong."""
    checks = []
    for check in examine(home_of(home), Settings()):
        checks.append(check)
        if not as_json:
            stdout.print(check_line(check), markup=False)
    healthy = all(check.ok for check in checks)
    emit(as_json, {"ok": healthy, "checks": [c.to_json() for c in checks]}, lambda: None)
    if not healthy:
        raise typer.Exit(1)
