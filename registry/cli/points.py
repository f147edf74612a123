"""`puhui points`: a person's points."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer
from eth_account import Account
from eth_account.signers.local import LocalAccount

from registry.chain.contracts.carbon_points import Channel
from registry.cli.common import DryRunOption, HomeOption, JsonOption, emit, ledger, stdout, table
from registry.errors import UsageError
from registry.services import keystores
from registry.services.points import claim as claim_points
from registry.services.points import find_owner, holdings
from registry.services.points import redeem as redeem_points
from registry.units import MG_PER_POINT, points_text

app = typer.Typer(help="Carbon points of one account.", no_args_is_help=True)
OwnerArgument = Annotated[str, typer.Argument(help="Account id, or 0x wallet address.", metavar="ACCOUNT")]


@app.command()
def balance(owner: OwnerArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show earned, claimed and held points by class. Base unit 1 mg; 1 point = 1 g."""
    with ledger(home) as opened:
        who = find_owner(opened, owner)
        held = holdings(opened, who)
    body = {"account_id": who.account_id, "wallet": who.wallet, "unit": "mg", "classes": [h.to_json() for h in held]}

    def text() -> None:
        stdout.print(f"{who.account_id or ''} {who.wallet}")
        rows: list[list[object]] = [
            [h.class_id, h.class_id & 0xFFFF, *map(points_text, (h.earned, h.claimed, h.unclaimed, h.balance))]
            for h in held
        ]
        table(["class", "vintage", "earned", "claimed", "unclaimed", "balance"], rows)

    emit(as_json, body, text)


@app.command()
def claim(
    owner: OwnerArgument, home: HomeOption = None, dry_run: DryRunOption = False, as_json: JsonOption = False
) -> None:
    """Mint what the account has earned and not claimed into its wallet; relayed, so it costs the person nothing."""
    with ledger(home, writing=not dry_run) as opened:
        who = find_owner(opened, owner)
        if dry_run:
            due = [{"class_id": h.class_id, "minted": h.unclaimed} for h in holdings(opened, who)]
        else:
            due = [vars(c) for c in claim_points(opened, who)]
    body = {"account_id": who.account_id, "wallet": who.wallet, "unit": "mg", "claims": due, "dry_run": dry_run}

    def text() -> None:
        for item in due:
            stdout.print(f"class {item['class_id']}: {points_text(int(str(item['minted'])))} points to {who.wallet}")

    emit(as_json, body, text)


@app.command()
def redeem(
    owner: OwnerArgument,
    points: Annotated[str, typer.Option(help="Points to burn, up to three decimals.")],
    ref: Annotated[str, typer.Option(help="Your reference; the same one never burns twice.")],
    channel: Annotated[str, typer.Option(help="COMMERCE, WELFARE, POLICY or MARKET.")] = "COMMERCE",
    class_id: Annotated[int | None, typer.Option("--class", help="Class; default the oldest that suffices.")] = None,
    keystore: Annotated[Path | None, typer.Option(help="The wallet's keystore, if the key is not hosted.")] = None,
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Burn points for a reward, signed by the wallet (EIP-712) and relayed by the platform."""
    mg = milligrams(points)
    if channel.upper() not in Channel.__members__:
        raise UsageError(f"unknown channel {channel!r}", hint="one of " + ", ".join(Channel.__members__))
    with ledger(home, writing=not dry_run) as opened:
        who = find_owner(opened, owner)
        if dry_run:
            body: dict[str, object] = {"wallet": who.wallet, "mg": mg, "channel": channel.upper(), "dry_run": True}
        else:
            signer = _signer(keystore, opened.keys.password) if keystore else None
            done, sent = redeem_points(opened, who, mg, Channel[channel.upper()], ref, class_id=class_id, signer=signer)
            body = {
                "wallet": who.wallet,
                "class_id": done.class_id,
                "mg": mg,
                "channel": done.channel.name,
                "ref": "0x" + done.ref.hex(),
                "changed": sent.changed,
                "transaction": sent.transaction,
                "gas": sent.gas,
            }
    emit(as_json, body, lambda: stdout.print(f"{points_text(mg)} points for {channel.upper()}: {body}"))


def milligrams(points: str) -> int:
    """Points with at most three decimals as mg; raises UsageError. No float is involved."""
    whole, _, rest = points.partition(".")
    if not re.fullmatch(r"[0-9]{1,18}(\.[0-9]{1,3})?", points):
        raise UsageError(f"{points!r} is no amount of points", hint="digits and at most three decimals, as 12.345")
    return int(whole) * MG_PER_POINT + int(rest.ljust(3, "0"))


def _signer(path: Path, password: str) -> LocalAccount:
    account: LocalAccount = Account.from_key(keystores.unlock(path.parent, path.stem, password).key)
    return account
