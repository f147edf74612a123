"""`puhui audit`: recompute the whole ledger."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from registry.audit.ledger import AuditReport, audit_ledger
from registry.chain.client import connect_url
from registry.chain.deployment import Contracts, Deployment
from registry.cli.common import HomeOption, JsonOption, Progress, emit, home_of, stdout
from registry.cli.proof import check_line
from registry.errors import UsageError
from registry.services.ledger import open_chain
from registry.settings import Settings


def audit(
    rpc: Annotated[str | None, typer.Option(help="The auditor's own node; with --contracts and --evidence.")] = None,
    contracts: Annotated[Path | None, typer.Option(help="Contracts file of the ledger.")] = None,
    evidence: Annotated[Path | None, typer.Option(help="Evidence folder.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Recompute every reduction, point, tonne and fen from evidence and chain alone.

    Needs a node, the contract addresses and the evidence folder, nothing else; those of --home by default. Without
    private evidence it reaches the public level. Exit 3 on any difference, naming the first wrong row.
    """
    if (rpc is None) != (contracts is None):
        raise UsageError("--rpc and --contracts go together")
    here = home_of(home)
    with ExitStack() as stack, Progress("audit") as progress:
        if rpc and contracts:
            chain, deployment = connect_url(rpc), Deployment.load(contracts)
        else:
            chain = stack.enter_context(open_chain(here, here.config(), Settings()))
            deployment = Deployment.load(here.contracts)
        report = audit_ledger(Contracts.open(chain, deployment), evidence or here.evidence, progress)
    emit(as_json, report.to_json(), lambda: _text(report))
    if not report.ok:
        raise typer.Exit(3)


def _text(report: AuditReport) -> None:
    stdout.print(f"audit at block {report.block}, {report.level} level")
    for check in report.checks:
        stdout.print(check_line(check), markup=False)
    for name, value in report.totals.items():
        stdout.print(f"     {name:<24} {value:,}" if isinstance(value, int) else f"     {name:<24} {value}")
    stdout.print("账本核对一致 / the ledger is equal" if report.ok else "核对不一致 / DIFFERENCES FOUND")
