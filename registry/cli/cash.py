"""`puhui cash`: settlement cash against bank money."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from registry.cli.amounts import fen
from registry.cli.common import DryRunOption, HomeOption, JsonOption, emit, ledger, said, sent_body, stdout
from registry.services import cash
from registry.services.owners import address
from registry.services.signing import keystore_account
from registry.units import yuan_text

app = typer.Typer(help="Settlement cash: bank money on the chain, in fen.", no_args_is_help=True)
BankRef = Annotated[str, typer.Argument(help="The bank's reference of the transfer.", metavar="BANK_REF")]
YuanOption = Annotated[str, typer.Option("--yuan", help="Amount in yuan, at most two decimals.")]


@app.command()
def request(
    bank_ref: BankRef,
    to: Annotated[str, typer.Option(help="The participant's 0x address.")],
    yuan: YuanOption,
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Ask for cash against money that came in at the bank, as the exchange. The bank has to confirm it."""
    amount, who = fen(yuan), address(to)
    if dry_run:
        said(as_json, {"to": who, "fen": amount, "dry_run": True}, f"would request {yuan_text(amount)} yuan for {who}")
        return
    with ledger(home, writing=True) as opened:
        sent = cash.request(opened, bank_ref, who, amount)
    said(as_json, sent_body(sent, to=who, fen=amount), f"requested {yuan_text(amount)} yuan for {who}")


@app.command()
def confirm(
    bank_ref: BankRef, home: HomeOption = None, dry_run: DryRunOption = False, as_json: JsonOption = False
) -> None:
    """Confirm that the money is held, as the bank: the cash is minted, once for this reference."""
    if dry_run:
        said(as_json, {"bank_ref": bank_ref, "dry_run": True}, f"would confirm {bank_ref}")
        return
    with ledger(home, writing=True) as opened:
        sent = cash.confirm(opened, bank_ref)
    said(as_json, sent_body(sent, bank_ref=bank_ref), f"confirmed {bank_ref}")


@app.command()
def cancel(
    bank_ref: BankRef, home: HomeOption = None, dry_run: DryRunOption = False, as_json: JsonOption = False
) -> None:
    """Close a request for good, as the bank: the money did not come."""
    if dry_run:
        said(as_json, {"bank_ref": bank_ref, "dry_run": True}, f"would cancel {bank_ref}")
        return
    with ledger(home, writing=True) as opened:
        sent = cash.cancel(opened, bank_ref)
    said(as_json, sent_body(sent, bank_ref=bank_ref), f"cancelled {bank_ref}")


@app.command()
def withdraw(
    keystore: Annotated[Path, typer.Option(help="The holder's keystore.")],
    yuan: YuanOption,
    ref: Annotated[str, typer.Option(help="The payment's number; used once.")],
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Burn cash, signed by its holder, to be paid to its bank account."""
    amount = fen(yuan)
    with ledger(home, writing=not dry_run) as opened:
        key = keystore_account(keystore, opened.keys.password)
        if dry_run:
            said(
                as_json, {"holder": key.address, "fen": amount, "dry_run": True}, f"would burn {yuan_text(amount)} yuan"
            )
            return
        sent = cash.withdraw(opened, key, amount, ref)
    said(as_json, sent_body(sent, holder=key.address, fen=amount), f"burnt {yuan_text(amount)} yuan of {key.address}")


@app.command()
def balance(
    account: Annotated[str, typer.Argument(help="0x address.")], home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Show an address's cash."""
    with ledger(home) as opened:
        found = opened.contracts.cash.balance(address(account))
    emit(as_json, {"account": account, "fen": found}, lambda: stdout.print(f"{yuan_text(found)} yuan"))
