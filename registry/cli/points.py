"""`puhui points`: a person's points."""

from __future__ import annotations

from typing import Annotated

import typer

from registry.chain.contracts.carbon_points import Channel
from registry.cli.amounts import milligrams
from registry.cli.common import DryRunOption, HomeOption, JsonOption, KeystoreOption, emit, ledger, stdout, table
from registry.errors import UsageError
from registry.services.owners import find_owner
from registry.services.points import claim as claim_points
from registry.services.points import holdings
from registry.services.points import redeem as redeem_points
from registry.services.signing import keystore_account
from registry.units import points_text

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
    keystore: KeystoreOption = None,
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
            signer = keystore_account(keystore, opened.keys.password) if keystore else None
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


@app.command()
def convert(
    owner: OwnerArgument,
    points: Annotated[str, typer.Option(help="Points to convert, up to three decimals.")],
    ref: Annotated[str, typer.Option(help="Your reference; the same one never converts twice.")],
    class_id: Annotated[int | None, typer.Option("--class", help="Class; default the oldest that suffices.")] = None,
    keystore: KeystoreOption = None,
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Convert points for the market: burnt for good, their grams enter the pool that tonnes are certified from."""
    redeem(owner, points, ref, Channel.MARKET.name, class_id, keystore, home, dry_run, as_json)
