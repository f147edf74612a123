"""`puhui source`: who may send trips."""

from __future__ import annotations

from typing import Annotated

import typer

from registry.cli.common import DryRunOption, HomeOption, JsonOption, emit, ledger, stdout
from registry.errors import NotFoundError
from registry.services.anchoring import register_source
from registry.units import MG_PER_TONNE

app = typer.Typer(help="Sources of trips and their daily caps.", no_args_is_help=True)


@app.command()
def register(
    source: str,
    cap_tonnes: Annotated[int, typer.Option(min=1, help="The most it may anchor a day, in tonnes of CO2e.")],
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Register a source on the chain, as the regulator; the platform signs for it."""
    with ledger(home, writing=not dry_run) as opened:
        changed = not dry_run and register_source(opened, source, cap_tonnes * MG_PER_TONNE)
    body = {"source": source, "cap_mg": str(cap_tonnes * MG_PER_TONNE), "changed": changed, "dry_run": dry_run}
    emit(as_json, body, lambda: stdout.print(f"source {source}: {'registered' if changed else 'nothing changed'}"))


@app.command()
def show(source: str, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show what the chain holds of a source."""
    with ledger(home) as opened:
        record = opened.contracts.anchors.source(source)
    if record is None:
        raise NotFoundError(f"source {source} is not registered on the chain")
    body = {**vars(record), "head": "0x" + record.head.hex(), "daily_cap_mg": str(record.daily_cap_mg)}
    emit(as_json, body, lambda: stdout.print(body))
