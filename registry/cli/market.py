"""`puhui market`: listing, orders and settlement of tonnes against cash."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from registry.chain.contracts.exchange_settlement import Side
from registry.cli.amounts import fen, from_now, instant
from registry.cli.common import DryRunOption, HomeOption, JsonOption, emit, ledger, said, sent_body, stdout, table
from registry.errors import UsageError
from registry.services import market
from registry.services.market import BookEntry
from registry.services.signing import keystore_account
from registry.units import local_text, yuan_text

app = typer.Typer(help="The exchange: tonnes against cash, in one transaction.", no_args_is_help=True)
Keystore = Annotated[Path, typer.Option("--keystore", help="The company's keystore.")]
Issuance = Annotated[int, typer.Option("--issuance", min=1, help="Number of the issuance.")]
Tonnes = Annotated[int, typer.Option("--tonnes", min=1, help="Whole tonnes.")]
Ref = Annotated[str, typer.Option("--ref", help="A number of your own; used once.")]


@app.command("list")
def list_units(
    keystore: Keystore,
    issuance: Issuance,
    tonnes: Tonnes,
    ref: Ref,
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """List tonnes for sale: they cannot be transferred or retired until sold or unlisted."""
    _listing(keystore, issuance, tonnes, ref, home, dry_run, as_json, unlist=False)


@app.command()
def unlist(
    keystore: Keystore,
    issuance: Issuance,
    tonnes: Tonnes,
    ref: Ref,
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take tonnes off the list."""
    _listing(keystore, issuance, tonnes, ref, home, dry_run, as_json, unlist=True)


def _listing(
    keystore: Path, issuance: int, tonnes: int, ref: str, home: Path | None, dry_run: bool, as_json: bool, unlist: bool
) -> None:
    verb = "unlist" if unlist else "list"
    with ledger(home, writing=not dry_run) as opened:
        key = keystore_account(keystore, opened.keys.password)
        facts = {"holder": key.address, "issuance": issuance, "tonnes": tonnes}
        if dry_run:
            said(as_json, {**facts, "dry_run": True}, f"would {verb} {tonnes} t")
            return
        sent = market.list_units(opened, key, issuance, tonnes, ref, unlist=unlist)
    said(as_json, sent_body(sent, **facts), f"{verb}ed {tonnes} t of issuance {issuance}")


@app.command()
def order(
    side: Annotated[str, typer.Argument(help="sell or buy.")],
    keystore: Keystore,
    issuance: Issuance,
    tonnes: Tonnes,
    limit: Annotated[str, typer.Option("--limit", help="Yuan a tonne: at least (sell) or at most (buy).")],
    expires: Annotated[str, typer.Option("--expires", help="Until when: a time, or 12h, 7d.")] = "7d",
    ref: Annotated[str | None, typer.Option("--ref", help="A number of your own; it makes one order.")] = None,
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Sign a limit order (EIP-712) and put it into the book. Nothing moves before it is settled.

    Given again it makes another order, unless --ref says that it is the same.
    """
    if side.upper() not in Side.__members__:
        raise UsageError(f"unknown side {side!r}", hint="sell or buy")
    price, expiry = fen(limit), instant(expires)
    with ledger(home, writing=not dry_run) as opened:
        key = keystore_account(keystore, opened.keys.password)
        if dry_run:
            body = {"trader": key.address, "side": side.upper(), "limit_fen": price, "dry_run": True}
            said(as_json, body, f"would order {body}")
            return
        known = market.find_order(opened, key.address, ref) if ref is not None else None
        if known and from_now(expires):
            expiry = known.order.expiry  # given again after an interruption, "7d" still means the order that was made
        placed = market.place_order(opened, key, Side[side.upper()], issuance, tonnes, price, expiry, ref)
    emit(as_json, entry_body(placed), lambda: stdout.print(f"order {placed.order_hash}"))


@app.command()
def cancel(
    order_hash: Annotated[str, typer.Argument(help="The order's hash.")],
    keystore: Keystore,
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Cancel an order for good, signed by its trader."""
    if dry_run:
        said(as_json, {"order": order_hash, "dry_run": True}, f"would cancel {order_hash}")
        return
    with ledger(home, writing=True) as opened:
        sent = market.cancel_order(opened, keystore_account(keystore, opened.keys.password), order_hash)
    said(as_json, sent_body(sent, order=order_hash), f"cancelled {order_hash}")


@app.command()
def book(
    issuance: Annotated[int | None, typer.Option("--issuance", help="Only of this issuance.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show all orders, with what the chain says was filled of each."""
    with ledger(home) as opened:
        entries = market.book(opened, issuance)

    def text() -> None:
        rows: list[list[object]] = [
            [
                e.order_hash,
                e.order.side.name,
                e.order.issuance,
                yuan_text(e.order.limit_fen),
                e.order.tonnes,
                e.open,
                local_text(e.order.expiry),
            ]
            for e in entries
        ]
        table(["order", "side", "issuance", "limit yuan/t", "t", "open t", "expires"], rows)

    emit(as_json, [entry_body(entry) for entry in entries], text)


@app.command()
def settle(
    trade: Annotated[str, typer.Argument(help="The exchange's number of the trade; settled once.")],
    sell: Annotated[str, typer.Option(help="Hash of the sell order.")],
    buy: Annotated[str, typer.Option(help="Hash of the buy order.")],
    tonnes: Tonnes,
    price: Annotated[str, typer.Option(help="Yuan a tonne, within both limits.")],
    home: HomeOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Settle a trade, as the exchange: tonnes and cash move together or not at all."""
    amount = fen(price)
    facts = {"trade": trade, "sell": sell, "buy": buy, "tonnes": tonnes, "price_fen": amount}
    if dry_run:
        said(as_json, {**facts, "dry_run": True}, f"would settle {facts}")
        return
    with ledger(home, writing=True) as opened:
        sent = market.settle(opened, trade, sell, buy, tonnes, amount)
    said(as_json, sent_body(sent, **facts), f"settled {tonnes} t at {yuan_text(amount)}, {yuan_text(tonnes * amount)}")


def entry_body(entry: BookEntry) -> dict[str, object]:
    """An order as `--json` prints it."""
    o = entry.order
    return {
        "order": entry.order_hash,
        "trader": o.trader,
        "side": o.side.name,
        "issuance": o.issuance,
        "tonnes": o.tonnes,
        "limit_fen": o.limit_fen,
        "expiry": o.expiry,
        "filled": entry.filled,
        "open": entry.open,
        "cancelled": entry.cancelled,
        "expired": entry.expired,
    }
