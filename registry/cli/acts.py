"""`puhui acts`: the log of privileged acts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from registry.cli.common import HomeOption, JsonOption, emit, ledger, stdout, table
from registry.core.acts import verify as verify_acts
from registry.services.private_files import replace
from registry.store import acts
from registry.units import local_text

app = typer.Typer(help="Who did what, when, and whose act it approved.", no_args_is_help=True)


@app.command("list")
def list_acts(
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many, the newest first.")] = 50,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the newest acts."""
    with ledger(home) as opened, opened.db.read() as session:
        found = acts.latest(session, limit)
    columns = ["number", "time", "role", "action", "subject", "approves"]
    rows: list[list[object]] = [
        [a.sequence, local_text(a.at), a.role, a.action, a.subject, a.initiator or ""] for a in found
    ]
    emit(as_json, {"acts": [row.model_dump() for row in found]}, lambda: table(columns, rows))


@app.command("verify")
def verify(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Recompute the hash chain of the whole log. Its last hash, noted elsewhere, shows what was left out."""
    with ledger(home) as opened, opened.db.read() as session:
        last = verify_acts(opened.contracts.chain.genesis, acts.all_acts(session))
        count = sum(1 for _ in acts.all_acts(session))
    body = {"ok": True, "acts": count, "last_hash": last.hex()}
    emit(as_json, body, lambda: stdout.print(f"{count:,} acts, one chain; last hash {last.hex()}"))


@app.command("export")
def export(
    out: Annotated[Path, typer.Option("--out", help="A new file, one act a line (JSON).")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the log to a file for an auditor, who needs nothing else to check it."""
    with ledger(home) as opened, opened.db.read() as session:
        lines = [
            json.dumps({**vars(act), "hash": recorded.hex()}, ensure_ascii=False, sort_keys=True)
            for act, recorded in acts.all_acts(session)
        ]
    replace(out, ("\n".join(lines) + "\n").encode() if lines else b"")
    emit(as_json, {"file": str(out), "acts": len(lines)}, lambda: stdout.print(f"{len(lines):,} acts in {out}"))
