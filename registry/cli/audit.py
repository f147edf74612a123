"""`puhui audit`: recompute the whole ledger."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from registry.audit.acts import check_acts, read_acts
from registry.audit.ledger import AuditReport, audit_ledger
from registry.chain.client import connect_url
from registry.chain.deployment import Contracts, Deployment
from registry.cli.common import HomeOption, JsonOption, Progress, emit, home_of, stdout
from registry.cli.proof import check_line
from registry.core.acts import Act
from registry.errors import UsageError
from registry.services.home import Home
from registry.services.ledger import open_chain, open_database
from registry.settings import Settings
from registry.store.acts import all_acts


def audit(
    rpc: Annotated[str | None, typer.Option(help="The auditor's own node; with --contracts and --evidence.")] = None,
    contracts: Annotated[Path | None, typer.Option(help="Contracts file of the ledger.")] = None,
    evidence: Annotated[Path | None, typer.Option(help="Evidence folder.")] = None,
    acts: Annotated[Path | None, typer.Option(help="Log of acts, as `puhui acts export` writes it.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Recompute every reduction, point, tonne and fen from evidence and chain alone.

    Needs a node, the contract addresses and the evidence folder, nothing else; those of --home by default. Without
    private evidence it reaches the public level. The log of acts is checked against the chain too, from the ledger's
    database or --acts; nothing else is taken from there. Exit 3 on any difference, naming the first wrong row.
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
        opened = Contracts.open(chain, deployment)
        report = audit_ledger(opened, evidence or here.evidence, progress)
        log = _log(acts, here, own_node=rpc is not None)
        if log is not None:
            progress("acts")
            report = replace(report, checks=[*report.checks, *check_acts(opened, log, report.block)])
    emit(as_json, report.to_json(), lambda: _text(report))
    if not report.ok:
        raise typer.Exit(3)


def _log(exported: Path | None, home: Home, *, own_node: bool) -> list[tuple[Act, bytes]] | None:
    """The log of acts: exported, or of the ledger's own database; None for an auditor who was given none."""
    if exported is not None:
        return read_acts(exported)
    if own_node:
        return None
    with closing(open_database(home, Settings())) as db:
        db.check_schema()
        with db.read() as session:
            return list(all_acts(session))


def _text(report: AuditReport) -> None:
    stdout.print(f"audit at block {report.block}, {report.level} level")
    for check in report.checks:
        stdout.print(check_line(check), markup=False)
    for name, value in report.totals.items():
        stdout.print(f"     {name:<24} {value:,}" if isinstance(value, int) else f"     {name:<24} {value}")
    stdout.print("账本核对一致 / the ledger is equal" if report.ok else "核对不一致 / DIFFERENCES FOUND")
