"""`puhui payout`: the people's share of sales, to each account to the fen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from registry.cli.amounts import fen
from registry.cli.common import (
    DryRunOption,
    HomeOption,
    JsonOption,
    KeystoreOption,
    Progress,
    emit,
    ledger,
    said,
    sent_body,
    stdout,
    table,
)
from registry.cli.points import OwnerArgument
from registry.errors import InputError
from registry.services import payouts
from registry.services.owners import address, find_owner
from registry.services.payouts import PayoutStep
from registry.services.signing import keystore_account
from registry.units import yuan_text

app = typer.Typer(help="Proceeds to the people whose trips earned them.", no_args_is_help=True)
NumberArgument = Annotated[int, typer.Argument(min=1, help="Number of the run.", metavar="RUN")]


@app.command()
def run(home: HomeOption = None, dry_run: DryRunOption = False, as_json: JsonOption = False) -> None:
    """Split what came in since the last run among those whose grams were sold, as the platform.

    `puhui treasury collect` brings the proceeds of trades in; a verifier has to attest the run.
    """
    with ledger(home, writing=not dry_run) as opened:
        if dry_run:
            distributor = opened.contracts.distributor
            last = distributor.run(distributor.current_run())
            open_fen = distributor.funded() - (last.total_fen if last else 0)
            said(as_json, {"fen": open_fen, "dry_run": True}, f"{yuan_text(open_fen)} yuan would be split")
            return
        _step(as_json, payouts.run(opened))


@app.command()
def attest(
    number: NumberArgument, home: HomeOption = None, dry_run: DryRunOption = False, as_json: JsonOption = False
) -> None:
    """Recompute a run from sales and contributions, and co-sign it, as the verifier."""
    if dry_run:
        said(as_json, {"number": number, "dry_run": True}, f"would recompute run {number}")
        return
    with ledger(home, writing=True) as opened:
        _step(as_json, payouts.attest(opened, number))


@app.command()
def show(owner: OwnerArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show what an account is due, by the active run, and what it was paid."""
    with ledger(home) as opened:
        due = payouts.due_of(opened, find_owner(opened, owner))
    body = {"wallet": due.wallet, "unit": "fen", "cumulative": due.cumulative, "paid": due.paid, "due": due.due}
    emit(
        as_json, body, lambda: stdout.print(f"{due.wallet}: due {yuan_text(due.due)}, paid {yuan_text(due.paid)} yuan")
    )


@app.command()
def claim(
    owner: OwnerArgument,
    keystore: KeystoreOption = None,
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Pay an account's proceeds as cash into its own wallet, signed by it; relayed, so it costs nothing."""
    with ledger(home, writing=not dry_run) as opened:
        who = find_owner(opened, owner)
        if dry_run:
            due = payouts.due_of(opened, who).due
            said(as_json, {"wallet": who.wallet, "fen": due, "dry_run": True}, f"{yuan_text(due)} yuan are due")
            return
        signer = keystore_account(keystore, opened.keys.password) if keystore else None
        paid, sent = payouts.claim(opened, who, signer)
    said(as_json, sent_body(sent, wallet=who.wallet, fen=paid), f"{yuan_text(paid)} yuan to {who.wallet}")


@app.command()
def pay(
    batch: Annotated[str, typer.Argument(help="The bank's number of the batch of transfers; paid once.")],
    minimum: Annotated[str, typer.Option(help="Leave out who is due less than this many yuan.")] = "1",
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many accounts.")] = None,
    file: Annotated[Path | None, typer.Option(help="Only these wallets, one 0x address a line.")] = None,
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Record transfers the bank has made, one an account, each under its own reference, as the bank.

    With --dry-run it lists who is due what: the bank's instruction. Sums below --minimum wait until they add up.
    """
    with ledger(home, writing=not dry_run) as opened:
        if file is not None:
            wallets = [address(line) for line in _lines(file)]
            found = [payouts.due_of(opened, find_owner(opened, wallet)) for wallet in wallets]
        else:
            found = payouts.payable(opened, fen(minimum), limit)
        rows: list[list[object]] = [[due.wallet, due.due] for due in found]
        total = sum(due.due for due in found)
        body: dict[str, Any] = {"batch": batch, "accounts": len(found), "fen": total, "dry_run": dry_run}
        if dry_run:
            body["payments"] = [{"wallet": due.wallet, "fen": due.due} for due in found]
            emit(as_json, body, lambda: table(["wallet", "fen"], rows))
            return
        with Progress("pay") as progress:
            _, sent = payouts.pay(opened, batch, [due.wallet for due in found], progress)
    body["transactions"] = [s.transaction for s in sent if s.transaction]
    emit(as_json, body, lambda: stdout.print(f"{len(found):,} accounts paid {yuan_text(total)} yuan"))


def _step(as_json: bool, step: PayoutStep | None) -> None:
    if step is None:
        said(as_json, {"number": None, "changed": False}, "nothing came in since the last run")
        return
    body = sent_body(step.sent, **{k: v for k, v in vars(step).items() if k != "sent"})
    line = f"run {step.number}: {step.state}, {yuan_text(step.allocated_fen)} yuan to {step.size:,} accounts"
    said(as_json, body, line + (f"; next: puhui payout attest {step.number}" if step.state == "PUBLISHED" else ""))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8-sig").split()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {error}") from error
