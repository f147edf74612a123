"""`puhui proof` and `puhui verify`: one trip's proof, made and checked."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from registry.audit.verify import Verification, verify_file
from registry.chain.client import connect_url
from registry.chain.deployment import Contracts, Deployment
from registry.cli.common import HomeOption, JsonOption, emit, home_of, ledger, stdout
from registry.core.checks import Check
from registry.errors import UsageError
from registry.services.ledger import open_chain
from registry.services.private_files import replace
from registry.services.proofs import prove_trip
from registry.settings import Settings
from registry.units import points_text

VERDICTS = {
    "verified": ("已验证：该行程已计入账本", "VERIFIED: the trip is counted"),
    "failed": ("验证失败：请勿采信", "FAILED: do not rely on this proof"),
    "incomplete": ("未完成：尚未与链或已存批次核对", "INCOMPLETE: not compared with a chain or a saved batch"),
}


def proof(
    trip: Annotated[str, typer.Argument(help="Trip id, as its source gave it.")],
    source: Annotated[str | None, typer.Option(help="Its source, if two used the same id.")] = None,
    out: Annotated[Path | None, typer.Option(help="File to write; without it the proof goes to stdout.")] = None,
    withhold: Annotated[bool, typer.Option("--withhold", help="Leave out salt and personal fields.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make the proof of one trip: a file its holder can show to anyone, with everything needed to check it."""
    with ledger(home) as opened:
        made = prove_trip(opened, trip, source=source, opened=not withhold)
    text = json.dumps(made.proof.to_json(), ensure_ascii=False, indent=1) + "\n"
    if out is None:
        typer.echo(text, nl=False)
        return
    replace(out, text.encode())
    body = {"file": str(out), "bytes": len(text.encode()), "bytes_read": made.bytes_read, "attested": made.anchored}
    emit(as_json, body, lambda: stdout.print(f"wrote {out} ({body['bytes']:,} bytes, {made.bytes_read:,} bytes read)"))


def verify(
    file: Path,
    rpc: Annotated[str | None, typer.Option(help="A node to ask; with --contracts.")] = None,
    contracts: Annotated[Path | None, typer.Option(help="Contracts file of the ledger.")] = None,
    batch: Annotated[Path | None, typer.Option(help="A batch manifest saved earlier, instead of a node.")] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Ask no node.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Verify a trip proof in numbered steps (registry/core/FORMAT.md). Exit 0 only if every step held.

    Without --rpc and --contracts or --batch, the ledger in --home is asked, if there is one.
    """
    if (rpc is None) != (contracts is None):
        raise UsageError("--rpc and --contracts go together")
    with ExitStack() as stack:
        opened = None
        here = home_of(home)
        if rpc and contracts:
            opened = Contracts.open(connect_url(rpc), Deployment.load(contracts))
        elif not offline and batch is None and here.exists():
            chain = stack.enter_context(open_chain(here, here.config(), Settings()))
            opened = Contracts.open(chain, Deployment.load(here.contracts))
        result = verify_file(file, contracts=opened, saved=batch)
    emit(as_json, result.to_json(), lambda: _text(result))
    if not result.ok:
        raise typer.Exit(3)


def _text(result: Verification) -> None:
    for check in result.checks:
        stdout.print(check_line(check), markup=False)
    verdict = str(result.to_json()["verdict"])
    if verdict == "verified":
        stdout.print(f"reduction {result.reduction_mg:,} mg = {points_text(result.reduction_mg)} points")
    stdout.print(" / ".join(VERDICTS[verdict]))


def check_line(check: Check) -> str:
    """One check on one line; expected and actual both shown unless they are the same."""
    mark = {True: "ok  ", False: "FAIL", None: "--  "}[check.ok]
    if check.ok and check.expected == check.actual:
        return f"{mark} {check.name}: {check.actual}"
    return f"{mark} {check.name}: expected {check.expected}, actual {check.actual}"
