"""`puhui trips`: importing trip files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from registry.cli.common import DryRunOption, HomeOption, JsonOption, Progress, emit, ledger, stdout, table
from registry.core.trip import REASON_TEXT
from registry.services.trip_imports import ImportRequest, ImportResult, import_trips
from registry.units import points_text

app = typer.Typer(help="Trip files.", no_args_is_help=True)


@app.command("import")
def import_(
    file: Path,
    source: Annotated[str, typer.Option(help="Id of the source that sent the file.")],
    input_format: Annotated[str, typer.Option("--format", help="journeys (CSV, Parquet) or szt (CSV, JSON).")],
    stations: Annotated[Path | None, typer.Option(help="Distances between stations, for taps.")] = None,
    encoding: Annotated[str, typer.Option(help="utf-8 or gb18030; never guessed.")] = "utf-8",
    open_accounts: Annotated[bool, typer.Option(help="Open an account for each unseen carrier (sandbox).")] = False,
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Use or refuse every row of a file, each with its reason, and seal the used ones into batches.

    The same file again gives the same result and no second batch.
    """
    request = ImportRequest(file, source, input_format, encoding, stations, open_accounts, dry_run)
    with ledger(home, writing=not dry_run) as opened, Progress("import") as progress:
        result = import_trips(opened, request, progress)
    emit(as_json, result.to_json(), lambda: print_import(result))


def print_import(result: ImportResult) -> None:
    """An import's result for people: counts, reasons in both languages, batches."""
    stdout.print(f"{result.rows:,} rows: {result.rows_used:,} used for {result.trips:,} trips")
    rejected: list[list[object]] = [[code, f"{rows:,}", *REASON_TEXT[code]] for code, rows in result.rejected.items()]
    if rejected:
        table(["refused because", "rows", "原因", "reason"], rejected)
    stdout.print(f"reduction {result.reduction_mg:,} mg CO2e = {points_text(result.reduction_mg)} points")
    for batch in result.batches:
        stdout.print(f"batch {batch}")
    if result.repeated:
        stdout.print("this file was imported before: nothing was changed")
    if result.dry_run:
        stdout.print("dry run: nothing was written")
