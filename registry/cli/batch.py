"""`puhui batch`: what was sealed, and how far it has come."""

from __future__ import annotations

from typing import Annotated

import typer

from registry.cli.common import HomeOption, JsonOption, emit, ledger, stdout, table
from registry.core.trip import REASON_TEXT
from registry.services.queries import batch_detail, batch_list
from registry.units import points_text

app = typer.Typer(help="Sealed batches.", no_args_is_help=True)


@app.command("list")
def list_(
    source: Annotated[str | None, typer.Option(help="Only of this source.")] = None,
    date: Annotated[int | None, typer.Option(help="Only of this service date, yyyymmdd.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List batches by service day, source and sequence."""
    with ledger(home) as opened:
        rows = batch_list(opened, source, date)
    columns = ["id", "source", "service_date", "sequence", "trip_count", "reduction_mg", "state", "epoch"]
    emit(as_json, rows, lambda: table(columns, [[row[c] for c in columns] for row in rows]))


@app.command()
def show(
    batch: Annotated[str, typer.Argument(help="Batch id, or its first 8 or more hex digits.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one batch: its fields, its import, its evidence files, and what the chain holds of it."""
    with ledger(home) as opened:
        body = batch_detail(opened, batch)

    def text() -> None:
        for key in ("id", "state", "source", "service_date", "sequence", "methodology", "trip_count", "epoch"):
            stdout.print(f"{key:<14} {body[key]}")
        stdout.print(f"{'reduction':<14} {body['reduction_mg']} mg = {points_text(int(body['reduction_mg']))} points")
        stdout.print(f"{'on chain':<14} {body['chain']}")
        stdout.print(f"{'evidence':<14} {body['evidence']}")
        rejected = [[code, f"{rows:,}", *REASON_TEXT[code]] for code, rows in body["import"]["rejected"].items()]
        stdout.print(f"import: {body['import']['rows']:,} rows, {body['import']['rows_used']:,} used")
        table(["refused because", "rows", "原因", "reason"], rejected)

    emit(as_json, body, text)
