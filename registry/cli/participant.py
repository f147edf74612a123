"""`puhui participant`: who may hold tonnes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from registry.chain.contracts.participants import Kind
from registry.cli.common import (
    DryRunOption,
    HomeOption,
    JsonOption,
    emit,
    home_of,
    ledger,
    password_prompt,
    said,
    said_delayed,
    sent_body,
    stdout,
    table,
)
from registry.errors import UsageError
from registry.services import keystores, participants
from registry.services.ledger import Keys
from registry.services.owners import address
from registry.settings import Settings

app = typer.Typer(help="Companies that may hold, trade and retire tonnes.", no_args_is_help=True)
AccountArgument = Annotated[str, typer.Argument(help="The company's 0x address.", metavar="ADDRESS")]


@app.command()
def key(
    file: Annotated[Path, typer.Argument(help="The keystore to make, as company.json.")],
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Make a company's key as an encrypted keystore (password: PUHUI_KEYSTORE_PASSWORD) and show its address."""
    if file.suffix != ".json":
        raise UsageError(f"{file} should end in .json")
    if dry_run:
        said(as_json, {"dry_run": True, "keystore": str(file)}, f"would make {file}")
        return
    password = Keys(home_of(home), Settings(), password_prompt()).password
    made = keystores.create(file.parent, (file.stem,), password)[file.stem]
    said(as_json, {"address": made, "keystore": str(file)}, f"{made} in {file}")


@app.command()
def register(
    account: AccountArgument,
    entity: Annotated[str, typer.Option(help="The entity's code, as SZ-0042; ASCII, at most 31 characters.")],
    kind: Annotated[str, typer.Option(help="COMPLIANCE or VOLUNTARY.")],
    identity: Annotated[Path, typer.Option(help="The identity file; only its SHA-256 goes on the chain.")],
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Register an account, as the exchange. The regulator has to admit it."""
    if kind.upper() not in Kind.__members__:
        raise UsageError(f"unknown kind {kind!r}", hint="COMPLIANCE or VOLUNTARY")
    who = address(account)
    with ledger(home, writing=not dry_run) as opened:
        facts = {"account": who, "entity": entity, "kind": kind.upper()}
        if dry_run:
            said(as_json, {**facts, "dry_run": True}, f"would register {who}")
            return
        sent = participants.register(opened, who, entity, Kind[kind.upper()], identity)
    said(as_json, sent_body(sent, **facts), f"registered {who} for {entity}; the regulator admits it next")


@app.command()
def admit(
    account: AccountArgument, home: HomeOption = None, dry_run: DryRunOption = False, as_json: JsonOption = False
) -> None:
    """Admit what the exchange registered, as the regulator."""
    with ledger(home, writing=not dry_run) as opened:
        found = participants.get(opened, address(account))
        facts = {"account": found.account, "entity": participants.entity_of(found), "kind": found.kind.name}
        if dry_run:
            said(as_json, {**facts, "status": found.status.name, "dry_run": True}, f"would admit {facts}")
            return
        sent = participants.admit(opened, found.account)
    said(as_json, sent_body(sent, **facts), f"admitted {found.account} of {facts['entity']}")


@app.command()
def suspend(
    account: AccountArgument,
    reason: Annotated[str, typer.Option(help="Why; ASCII, at most 31 characters, it stands on the chain.")],
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Suspend an account, as the regulator: it can neither trade nor receive tonnes."""
    with ledger(home, writing=not dry_run) as opened:
        found = participants.get(opened, address(account))
        if dry_run:
            said(as_json, {"account": found.account, "dry_run": True}, f"would suspend {found.account}")
            return
        sent = participants.suspend(opened, found.account, reason)
    said(as_json, sent_body(sent, account=found.account, reason=reason), f"suspended {found.account}")


@app.command()
def reinstate(
    account: AccountArgument, home: HomeOption = None, dry_run: DryRunOption = False, as_json: JsonOption = False
) -> None:
    """Make a suspended account active again: scheduled now, carried out by the same command after the delay."""
    with ledger(home, writing=not dry_run) as opened:
        found = participants.get(opened, address(account))
        if dry_run:
            said(as_json, {"account": found.account, "dry_run": True}, f"would reinstate {found.account}")
            return
        done = participants.reinstate(opened, found.account)
    said_delayed(as_json, done, f"{found.account} is active again")


@app.command()
def show(account: AccountArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show a participant, its tonnes by issuance and its cash."""
    with ledger(home) as opened:
        found = participants.get(opened, address(account))
        held = participants.holdings(opened, found.account)
        cash = opened.contracts.cash.balance(found.account)
    body = {
        "account": found.account,
        "entity": participants.entity_of(found),
        "kind": found.kind.name,
        "status": found.status.name,
        "identity": "0x" + found.identity.hex(),
        "holdings": [vars(h) for h in held],
        "cash_fen": cash,
    }

    def text() -> None:
        stdout.print(f"{found.account} {body['entity']} {found.kind.name} {found.status.name}, cash {cash:,} fen")
        table(["issuance", "t", "listed", "frozen"], [[h.issuance, h.balance, h.listed, h.frozen] for h in held])

    emit(as_json, body, text)


@app.command("list")
def list_all(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List all participants."""
    with ledger(home) as opened:
        found = participants.every(opened)
    rows: list[list[object]] = [[p.account, participants.entity_of(p), p.kind.name, p.status.name] for p in found]
    names = ["account", "entity", "kind", "status"]
    emit(as_json, [dict(zip(names, row, strict=True)) for row in rows], lambda: table(names, rows))
