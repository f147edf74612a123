"""`puhui mandate`: standing authorisations to convert new points for the market."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from registry.cli.common import (
    DryRunOption,
    HomeOption,
    JsonOption,
    KeystoreOption,
    Progress,
    emit,
    ledger,
    stdout,
)
from registry.cli.points import OwnerArgument
from registry.errors import InputError, UsageError
from registry.services.mandates import give_mandates, mandate_of, revoke_mandate
from registry.services.owners import find_owner
from registry.services.signing import keystore_account

app = typer.Typer(help="Standing mandates: new points go to the market pool.", no_args_is_help=True)


@app.command()
def give(
    terms: Annotated[Path, typer.Option(help="The document the person agrees to; its SHA-256 is signed.")],
    accounts: Annotated[list[str] | None, typer.Argument(help="Account ids or 0x wallets.")] = None,
    file: Annotated[Path | None, typer.Option(help="A file with one account id a line.")] = None,
    keystore: KeystoreOption = None,
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Sign and relay mandates. An account whose mandate stands under the same terms is left as it is."""
    names = [*(accounts or []), *(_lines(file) if file else [])]
    if not names:
        raise UsageError("no account is named", hint="puhui mandate give ACCOUNT --terms FILE, or --file LIST")
    document = _read(terms)
    with ledger(home, writing=not dry_run) as opened:
        owners = [find_owner(opened, name) for name in dict.fromkeys(names)]
        if dry_run:
            emit(as_json, {"dry_run": True, "accounts": len(owners)}, lambda: stdout.print(f"{len(owners)} accounts"))
            return
        signer = keystore_account(keystore, opened.keys.password) if keystore else None
        with Progress("mandate") as progress:
            done = give_mandates(opened, owners, document, signer, progress)
    emit(
        as_json,
        vars(done),
        lambda: stdout.print(f"{done.given:,} mandates given, {done.standing:,} stood already; terms {done.terms}"),
    )


@app.command()
def revoke(
    owner: OwnerArgument,
    keystore: KeystoreOption = None,
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Revoke a mandate: later epochs convert nothing more of this account. What was issued stays issued."""
    with ledger(home, writing=not dry_run) as opened:
        who = find_owner(opened, owner)
        if dry_run:
            changed, transaction = mandate_of(opened, who)[0].active, None
        else:
            signer = keystore_account(keystore, opened.keys.password) if keystore else None
            sent = revoke_mandate(opened, who, signer)
            changed, transaction = sent.changed, sent.transaction
    body = {"wallet": who.wallet, "changed": changed, "transaction": transaction, "dry_run": dry_run}
    emit(as_json, body, lambda: stdout.print("revoked" if changed else "it was not standing: nothing changed"))


@app.command()
def show(owner: OwnerArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show an account's latest mandate and its terms."""
    with ledger(home) as opened:
        who = find_owner(opened, owner)
        state, text = mandate_of(opened, who)
    body = {
        "account_id": who.account_id,
        "wallet": who.wallet,
        "number": state.number,
        "active": state.active,
        "given_at": state.given_at,
        "revoked_at": state.revoked_at,
        "terms": "0x" + state.terms.hex(),
        "text": text,
    }

    def say() -> None:
        word = "active" if state.active else "revoked" if state.number else "never given"
        stdout.print(f"{who.account_id or ''} {who.wallet}: {word} (number {state.number})")
        if text:
            stdout.print(text, markup=False)

    emit(as_json, body, say)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error


def _lines(path: Path) -> list[str]:
    try:
        return _read(path).decode("utf-8-sig").split()
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text") from error
