"""`puhui treasury`: what the programme sells, and how its proceeds are split."""

from __future__ import annotations

from typing import Annotated

import typer

from registry.cli.amounts import fen, from_now, instant
from registry.cli.common import DryRunOption, HomeOption, JsonOption, emit, ledger, said, sent_body, stdout, table
from registry.cli.market import Issuance, Ref, Tonnes, entry_body
from registry.services import keystores, treasury
from registry.services.owners import address
from registry.units import local_text, yuan_text

app = typer.Typer(help="The programme's treasury: sells only through settlement.", no_args_is_help=True)


@app.command()
def rule(
    fee_bps: Annotated[int, typer.Option(help="The operator's fee, in hundredths of a percent.")],
    floor: Annotated[str, typer.Option(help="The lowest price a tonne is offered at, in yuan.")] = "0",
    fee_account: Annotated[str | None, typer.Option(help="Who gets the fee; default the platform.")] = None,
    effective: Annotated[str | None, typer.Option("--from", help="From when; default as soon as allowed.")] = None,
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Add a rule on proceeds, as the regulator. What is not the fee belongs to the people."""
    lowest, since = fen(floor), instant(effective) if effective else None
    with ledger(home, writing=not dry_run) as opened:
        to = address(fee_account) if fee_account else keystores.address(opened.home.keys, "platform")
        facts = {"fee_bps": fee_bps, "floor_fen": lowest, "fee_account": to}
        if dry_run:
            said(as_json, {**facts, "dry_run": True}, f"would add {facts}")
            return
        sent = treasury.add_rule(opened, fee_bps, lowest, to, since)
    said(
        as_json,
        sent_body(sent, **facts),
        f"rule: fee {fee_bps // 100}.{fee_bps % 100:02d} %, floor {yuan_text(lowest)} yuan/t",
    )


@app.command()
def rules(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show all rules on proceeds."""
    with ledger(home) as opened:
        found = opened.contracts.treasury.rules()
    rows: list[list[object]] = [
        [local_text(r.effective_from), r.fee_bps, yuan_text(r.floor_fen), r.fee_account] for r in found
    ]
    emit(as_json, [vars(r) for r in found], lambda: table(["from", "fee bps", "floor yuan/t", "fee account"], rows))


@app.command()
def offer(
    issuance: Issuance,
    tonnes: Tonnes,
    limit: Annotated[str, typer.Option(help="The lowest price, yuan a tonne.")],
    ref: Ref,
    expires: Annotated[str, typer.Option(help="Until when: a time, or 12h, 7d.")] = "7d",
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Offer tonnes of the treasury, as the platform: listed, and in the book as a sell order."""
    price, expiry = fen(limit), instant(expires)
    if dry_run:
        said(as_json, {"issuance": issuance, "limit_fen": price, "dry_run": True}, f"would offer {tonnes} t")
        return
    with ledger(home, writing=True) as opened:
        known = treasury.resume_offer(opened, ref)
        if known and from_now(expires):
            expiry = known.expiry  # given again after an interruption, "7d" still means the offer that was made
        made = treasury.offer(opened, ref, issuance, tonnes, price, expiry)
    body = sent_body(made.sent, **entry_body(made.entry))
    said(as_json, body, f"offered {tonnes} t at {yuan_text(price)} yuan or more; order {made.entry.order_hash}")


@app.command()
def withdraw(ref: Ref, home: HomeOption = None, dry_run: DryRunOption = False, as_json: JsonOption = False) -> None:
    """Take what was not sold of an offer off the market, as the platform."""
    if dry_run:
        said(as_json, {"ref": ref, "dry_run": True}, f"would withdraw {ref}")
        return
    with ledger(home, writing=True) as opened:
        sent = treasury.withdraw_offer(opened, ref)
    said(as_json, sent_body(sent, ref=ref), f"withdrew {ref}")


@app.command()
def collect(home: HomeOption = None, dry_run: DryRunOption = False, as_json: JsonOption = False) -> None:
    """Split the proceeds of the treasury's trades: the fee to the operator, the rest for the people."""
    if dry_run:
        said(as_json, {"dry_run": True}, "would split the proceeds of every trade not split yet")
        return
    with ledger(home, writing=True) as opened:
        done = treasury.collect(opened)
    body = [sent_body(c.sent, **{k: v for k, v in vars(c).items() if k != "sent"}) for c in done]

    def text() -> None:
        for c in done:
            people, fee = yuan_text(c.people_fen), yuan_text(c.fee_fen)
            stdout.print(f"{c.trade[:18]}… {yuan_text(c.gross_fen)} yuan: people {people}, operator {fee}")

    emit(as_json, body, text)
