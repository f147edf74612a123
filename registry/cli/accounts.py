"""`puhui accounts`: carbon accounts and their carriers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from registry.cli.common import DryRunOption, HomeOption, JsonOption, Progress, emit, ledger, stdout
from registry.services.accounts import import_accounts_file

app = typer.Typer(help="Carbon accounts.", no_args_is_help=True)


@app.command("import")
def import_(
    file: Path,
    encoding: Annotated[str, typer.Option(help="utf-8 or gb18030; never guessed.")] = "utf-8",
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Open accounts and link carriers from a CSV file, all of it or nothing.

    Columns: account_id, carrier_ref, kind (individual, household, sme), wallet (empty = hosted key), consent_at.
    """
    with ledger(home, writing=not dry_run) as opened, Progress("accounts") as progress:
        result = import_accounts_file(opened, file, encoding=encoding, dry_run=dry_run, progress=progress)
    body = {**vars(result), "dry_run": dry_run}

    def text() -> None:
        stdout.print(f"{result.opened:,} accounts opened, {result.linked:,} carriers linked")
        stdout.print(f"{result.updated:,} consents added, {result.unchanged:,} rows changed nothing")
        if dry_run:
            stdout.print("dry run: nothing was written")

    emit(as_json, body, text)
