"""The exchange: listing, signed limit orders, and settlement of tonnes against cash in one transaction."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass

from eth_account.signers.local import LocalAccount
from sqlmodel import Session
from web3 import Web3

from registry.chain.contracts.exchange_settlement import Listing, Order, Side
from registry.chain.submitter import Sent
from registry.core.codes import ref32
from registry.errors import ConflictError, InputError
from registry.services.cash import positive
from registry.services.ledger import Ledger
from registry.services.signing import deadline, sign
from registry.services.submission import Deed
from registry.store import orders
from registry.store.tables import OrderRow


@dataclass(frozen=True)
class BookEntry:
    """An order and what the chain says of it; `open` tonnes can still be traded."""

    order_hash: str
    order: Order
    filled: int
    cancelled: bool
    expired: bool

    @property
    def open(self) -> int:
        """What can still be traded, in tonnes."""
        return 0 if self.cancelled or self.expired else self.order.tonnes - self.filled


def list_units(
    ledger: Ledger, key: LocalAccount, issuance: int, tonnes: int, ref: str, *, unlist: bool = False
) -> Sent:
    """List units of the key's account (or take them off the list), signed and relayed; the reference is used once."""
    settlement = ledger.contracts.settlement
    listing = Listing(key.address, issuance, _tonnes(tonnes), ref32("listing", _ref(ref)), deadline())
    if unlist:
        call = settlement.unlist_for(listing, sign(key, settlement.typed_unlisting(listing)))
    else:
        call = settlement.list_for(listing, sign(key, settlement.typed_listing(listing)))
    state = "UNLISTED" if unlist else "LISTED"
    what = Deed(f"issuance {issuance}", f"{key.address}/{ref}", {}, {"state": state, "tonnes": tonnes})
    return ledger.submitter("platform").send(call, what)


def place_order(
    ledger: Ledger,
    key: LocalAccount,
    side: Side,
    issuance: int,
    tonnes: int,
    limit_fen: int,
    expiry: int,
    ref: str | None = None,
) -> BookEntry:
    """Sign a limit order and put it into the book. Nothing moves until the exchange settles it.

    Without `ref` every call makes another order. With one the same order again is the one in the book; raises
    ConflictError for another under it.
    """
    salt = secrets.token_bytes(32) if ref is None else _salt(ref)
    order = Order(key.address, side, issuance, _tonnes(tonnes), positive(limit_fen), salt, expiry)
    known = None if ref is None else find_order(ledger, key.address, ref)
    if known is not None:
        if known.order != order:
            raise ConflictError(f"{key.address} made another order under {ref!r}", order=known.order_hash)
        return known
    if expiry <= time.time():
        raise InputError("the order would be expired already", hint="give an expiry in the future")
    return record_order(ledger, order, sign(key, ledger.contracts.settlement.typed_order(order)))


def find_order(ledger: Ledger, trader: str, ref: str) -> BookEntry | None:
    """The order that a trader made under this reference, or None."""
    with ledger.db.read() as session:
        row = orders.by_salt(session, trader.lower(), "0x" + _salt(ref).hex())
    return None if row is None else _entry(ledger, row.order_hash, _order(row))


def record_order(ledger: Ledger, order: Order, signature: bytes) -> BookEntry:
    """Put an order that was signed elsewhere into the book; the settlement contract checks signatures."""
    digest = "0x" + ledger.contracts.settlement.hash_order(order).hex()
    row = order_row(digest, order, signature, int(time.time()))

    def keep(session: Session) -> None:
        orders.insert(session, row)

    ledger.db.write(keep)
    return _entry(ledger, digest, order)


def order_row(digest: str, order: Order, signature: bytes, at: int) -> OrderRow:
    """The row of a signed order; `digest` is its hash as 0x hex, `at` when it was put into the book."""
    return OrderRow(
        order_hash=digest,
        trader=order.trader.lower(),
        side=order.side.name,
        issuance=order.issuance,
        tonnes=order.tonnes,
        limit_fen=order.limit_fen,
        salt="0x" + order.salt.hex(),
        expiry=order.expiry,
        signature="0x" + signature.hex(),
        created_at=at,
    )


def book(ledger: Ledger, issuance: int | None = None) -> list[BookEntry]:
    """Every order, with what the chain says of it, oldest first."""
    with ledger.db.read() as session:
        rows = orders.of_issuance(session, issuance)
    return [_entry(ledger, row.order_hash, _order(row)) for row in rows]


def cancel_order(ledger: Ledger, key: LocalAccount, order_hash: str) -> Sent:
    """Have its trader cancel an order for good."""
    row = _row(ledger, order_hash)
    settlement, until = ledger.contracts.settlement, deadline()
    signature = sign(key, settlement.typed_cancellation(bytes.fromhex(row.order_hash[2:]), until))
    call = settlement.cancel_order_for(_order(row), until, signature)
    what = Deed(row.order_hash, row.order_hash, {}, {"state": "CANCELLED"})
    return ledger.submitter("platform").send(call, what)


def settle(ledger: Ledger, trade: str, sell: str, buy: str, tonnes: int, price_fen: int) -> Sent:
    """As the exchange: fill two orders of the book against each other, under the exchange's own trade number.

    The contract moves tonnes and cash together or not at all, within both limits. The same trade again changes nothing.
    """
    sell_row, buy_row = _row(ledger, sell), _row(ledger, buy)
    call = ledger.contracts.settlement.settle(
        trade_code(trade),
        _tonnes(tonnes),
        positive(price_fen),
        _order(sell_row),
        bytes.fromhex(sell_row.signature[2:]),
        _order(buy_row),
        bytes.fromhex(buy_row.signature[2:]),
    )
    what = Deed(f"trade {trade}", trade, {}, {"tonnes": tonnes, "price_fen": str(price_fen), "sell": sell, "buy": buy})
    return ledger.submitter("exchange").send(call, what)


def trade_code(trade: str) -> bytes:
    """A trade number as 32 bytes."""
    return ref32("trade", _ref(trade))


def _entry(ledger: Ledger, digest: str, order: Order) -> BookEntry:
    settlement, key = ledger.contracts.settlement, bytes.fromhex(digest[2:])
    expired = order.expiry < time.time()
    return BookEntry(digest, order, settlement.filled(key), settlement.is_cancelled(key), expired)


def _row(ledger: Ledger, order_hash: str) -> OrderRow:
    with ledger.db.read() as session:
        return orders.get(session, order_hash)


def _order(row: OrderRow) -> Order:
    return Order(
        Web3.to_checksum_address(row.trader),
        Side[row.side],
        row.issuance,
        row.tonnes,
        row.limit_fen,
        bytes.fromhex(row.salt[2:]),
        row.expiry,
    )


def _tonnes(tonnes: int) -> int:
    if not 0 < tonnes < 2**63:
        raise InputError(f"{tonnes} t is no amount", hint="whole tonnes above zero")
    return tonnes


def _salt(ref: str) -> bytes:
    return ref32("order", _ref(ref))


def _ref(text: str) -> str:
    if not text:
        raise InputError("a reference is needed", hint="a number of your own; it is used once")
    return text
