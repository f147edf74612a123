"""`puhui balance`: what came in, and where all of it is now."""

from __future__ import annotations

import typer

from registry.cli.common import HomeOption, JsonOption, emit, ledger, stdout
from registry.services.balance import Account, balance_sheet


def balance(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Print the balance sheet: milligrams, tonnes and fen, in = out for each. Exit 3 if one does not balance."""
    with ledger(home) as opened:
        accounts = balance_sheet(opened)
    emit(as_json, [account.to_json() for account in accounts], lambda: print_sheet(accounts))
    if not all(account.balances for account in accounts):
        raise typer.Exit(3)


def print_sheet(accounts: list[Account]) -> None:
    """The balances as people read them; amounts of zero are left out."""
    for account in accounts:
        stdout.print(f"\n{account.zh} / {account.en} ({account.unit})", style="bold")
        for name, amount in account.came_in:
            stdout.print(f"  in   {name:<34} {amount:>22,}")
        for name, amount in account.is_now:
            if amount:
                stdout.print(f"  now  {name:<34} {amount:>22,}")
        verdict = "平衡 in = out" if account.balances else "不平衡 DIFFERENCE"
        stdout.print(f"       {verdict:<30}", style="green" if account.balances else "red")
