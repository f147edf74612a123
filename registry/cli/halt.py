"""`puhui pause` and `puhui unpause`: a guardian stops contracts at once, the regulator starts them after its delay."""

from __future__ import annotations

from typing import Annotated

import typer

from registry.chain.wiring import PAUSABLE
from registry.cli.common import DryRunOption, HomeOption, JsonOption, emit, ledger, stdout
from registry.errors import UsageError
from registry.services import halting

ContractArgument = Annotated[list[str] | None, typer.Argument(help="Names of contracts; default all that can pause.")]


def pause(
    names: ContractArgument = None, home: HomeOption = None, dry_run: DryRunOption = False, as_json: JsonOption = False
) -> None:
    """Stop contracts at once, as the guardian."""
    chosen = _chosen(names)
    if dry_run:
        emit(as_json, {"contracts": chosen, "dry_run": True}, lambda: stdout.print(f"would pause {chosen}"))
        return
    with ledger(home, writing=True) as opened:
        changed = halting.pause(opened, chosen)
    emit(as_json, {"paused": changed}, lambda: stdout.print(f"paused: {', '.join(changed) or 'all were already'}"))


def unpause(
    names: ContractArgument = None, home: HomeOption = None, dry_run: DryRunOption = False, as_json: JsonOption = False
) -> None:
    """Start contracts again, as the regulator: scheduled now, carried out by the same command after the delay."""
    chosen = _chosen(names)
    if dry_run:
        emit(as_json, {"contracts": chosen, "dry_run": True}, lambda: stdout.print(f"would start {chosen}"))
        return
    with ledger(home, writing=True) as opened:
        done = halting.unpause(opened, chosen)
    body = {name: {"state": step.state.value, "ready_at": step.ready_at} for name, step in done.items()}

    def text() -> None:
        for name, step in done.items():
            stdout.print(f"{name:<24} {step.state.value}")

    emit(as_json, body, text)


def _chosen(names: list[str] | None) -> list[str]:
    unknown = sorted(set(names or []) - set(PAUSABLE))
    if unknown:
        raise UsageError(f"{unknown[0]} cannot be paused", hint="one of " + ", ".join(PAUSABLE))
    return list(names or PAUSABLE)
