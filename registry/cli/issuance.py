"""`puhui issuance`: where its serials are; suspending, cancelling, freezing and forcing, as the regulator."""

from __future__ import annotations

from typing import Annotated

import typer

from registry.cli.common import (
    DryRunOption,
    HomeOption,
    JsonOption,
    emit,
    ledger,
    said,
    said_delayed,
    sent_body,
    stdout,
    table,
)
from registry.services import issuances
from registry.services.owners import address
from registry.units import local_text

app = typer.Typer(help="Issued tonnes: affected serials, suspension, cancellation.", no_args_is_help=True)
NumberArgument = Annotated[int, typer.Argument(min=1, help="Number of the issuance.", metavar="NUMBER")]
Reason = Annotated[str, typer.Option("--reason", help="Why; ASCII, at most 31 characters, it stands on the chain.")]
TonnesOption = Annotated[int, typer.Option("--tonnes", min=0, help="Whole tonnes.")]


@app.command()
def show(number: NumberArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show an issuance and where every one of its serials is now."""
    with ledger(home) as opened:
        record = issuances.get(opened, number)
        parts = issuances.parts(opened, number)
    rows: list[list[object]] = [
        [p.serials.first, p.serials.last, p.serials.count, p.place.name, p.holder, p.certificate or ""] for p in parts
    ]
    columns = ["first", "last", "tonnes", "place", "holder", "certificate"]
    body = {
        "number": number,
        "status": record.status.name,
        "tonnes": record.tonnes,
        "retired": record.retired,
        "cancelled": record.cancelled,
        "class_id": record.class_id,
        "serials": [dict(zip(columns, row, strict=True)) for row in rows],
    }

    def text() -> None:
        stdout.print(
            f"issuance {number}: {record.tonnes} t, {record.status.name}, issued {local_text(record.issued_at)}"
        )
        table(columns, rows)

    emit(as_json, body, text)


@app.command()
def suspend(
    number: NumberArgument,
    reason: Reason,
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Stop every movement of an issuance at once."""
    if dry_run:
        said(as_json, {"number": number, "dry_run": True}, f"would suspend issuance {number}")
        return
    with ledger(home, writing=True) as opened:
        sent = issuances.suspend(opened, number, reason)
    said(as_json, sent_body(sent, number=number, reason=reason), f"issuance {number} is suspended")


@app.command()
def resume(
    number: NumberArgument, home: HomeOption = None, dry_run: DryRunOption = False, as_json: JsonOption = False
) -> None:
    """Let a suspended issuance move again: scheduled now, carried out by the same command after the delay."""
    if dry_run:
        said(as_json, {"number": number, "dry_run": True}, f"would resume issuance {number}")
        return
    with ledger(home, writing=True) as opened:
        done = issuances.resume(opened, number)
    said_delayed(as_json, done, f"issuance {number} moves again")


@app.command()
def cancel(
    number: NumberArgument,
    reason: Reason,
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Cancel a suspended issuance for good: scheduled now, carried out by the same command after the delay."""
    if dry_run:
        said(as_json, {"number": number, "dry_run": True}, f"would cancel issuance {number}")
        return
    with ledger(home, writing=True) as opened:
        done = issuances.cancel(opened, number, reason)
    said_delayed(as_json, done, f"issuance {number} is cancelled; next: puhui issuance withdraw {number}")


@app.command()
def withdraw(
    number: NumberArgument, home: HomeOption = None, dry_run: DryRunOption = False, as_json: JsonOption = False
) -> None:
    """Burn what is left of a cancelled issuance, naming every serial. Retired serials keep their certificates."""
    if dry_run:
        said(as_json, {"number": number, "dry_run": True}, f"would withdraw issuance {number}")
        return
    with ledger(home, writing=True) as opened:
        sent = issuances.withdraw(opened, number)
        record = issuances.get(opened, number)
    body = {"number": number, "cancelled": record.cancelled, "transactions": [s.transaction for s in sent]}
    emit(as_json, body, lambda: stdout.print(f"{record.cancelled} t of issuance {number} are withdrawn"))


@app.command()
def freeze(
    number: NumberArgument,
    account: Annotated[str, typer.Option(help="The holder's 0x address.")],
    tonnes: TonnesOption,
    reason: Reason,
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Freeze so many of an account's tonnes; 0 sets them free."""
    who = address(account)
    if dry_run:
        said(as_json, {"account": who, "tonnes": tonnes, "dry_run": True}, f"would freeze {tonnes} t of {who}")
        return
    with ledger(home, writing=True) as opened:
        sent = issuances.freeze(opened, number, who, tonnes, reason)
    said(as_json, sent_body(sent, account=who, tonnes=tonnes), f"{tonnes} t of {who} are frozen")


@app.command()
def force(
    number: NumberArgument,
    origin: Annotated[str, typer.Option("--from", help="The holder's 0x address.")],
    to: Annotated[str, typer.Option(help="A participant's 0x address.")],
    tonnes: TonnesOption,
    reason: Reason,
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Move tonnes without their holder: scheduled now, carried out by the same command after the delay."""
    giver, taker = address(origin), address(to)
    if dry_run:
        said(as_json, {"from": giver, "to": taker, "dry_run": True}, f"would move {tonnes} t from {giver} to {taker}")
        return
    with ledger(home, writing=True) as opened:
        done = issuances.force(opened, number, giver, taker, tonnes, reason)
    said_delayed(as_json, done, f"{tonnes} t moved from {giver} to {taker}")
