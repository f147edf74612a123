"""Orders: the terms of those that were traded stand in the input of their settlement, the treasury's in its offers.

An order that was never traded is nowhere but in the database: lost with it, its trader has to sign another.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlmodel import Session

from registry.chain.contracts.exchange_settlement import Order, Side
from registry.chain.settle_call import SignedOrder, order_digest, read_settle_call
from registry.errors import VerificationError
from registry.services.ledger import Ledger
from registry.services.market import order_row
from registry.services.reconciling.repair import Repair
from registry.store import orders
from registry.store.tables import OrderRow


def compare(ledger: Ledger, head: int) -> tuple[list[Repair], list[str]]:
    """Orders the chain tells of and the book lacks, and the digests of those whose terms it does not tell.

    Raises VerificationError when an order read back has another digest than the chain says.
    """
    with ledger.db.read() as session:
        book = {row.order_hash for row in orders.of_issuance(session)}
    repairs, unreadable = [], []
    for digest, signed, time in _told(ledger, head):
        if digest in book:
            continue
        book.add(digest)
        if signed is None:
            unreadable.append(digest)
            continue
        found = "0x" + order_digest(ledger.contracts.settlement, signed.order).hex()
        if found != digest:
            raise VerificationError(f"order {digest} was read back as {found}", expected=digest, actual=found)
        repairs.append(_insertion(digest, signed, time))
    return repairs, unreadable


def _told(ledger: Ledger, head: int) -> Iterator[tuple[str, SignedOrder | None, int]]:
    """(digest, order, time in epoch seconds) of every offer and of both orders of every trade, in the chain's order."""
    contracts, first = ledger.contracts, ledger.contracts.deployment.first_block
    for event in contracts.treasury.history(("Offered",), first, head):
        terms = (event["issuance"], event["tonnes"], event["limitFen"], event["ref"], event["expiry"])
        order = Order(contracts.treasury.address, Side.SELL, *terms)
        yield "0x" + event["order"].hex(), SignedOrder(order, b""), contracts.chain.timestamp(event.block)
    for event in contracts.settlement.history(("TradeSettled",), first, head):
        call, time = read_settle_call(contracts.settlement, event.transaction), contracts.chain.timestamp(event.block)
        yield "0x" + event["sellOrder"].hex(), call.sell if call else None, time
        yield "0x" + event["buyOrder"].hex(), call.buy if call else None, time


def _insertion(digest: str, signed: SignedOrder, time: int) -> Repair:
    row = order_row(digest, signed.order, signed.signature, time)

    def insert(session: Session) -> None:
        orders.insert(session, OrderRow(**row.model_dump()))

    return Repair("order", digest, f"inserted from the chain: {row.side} {row.tonnes} t", insert)
