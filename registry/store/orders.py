"""Signed limit orders, by their EIP-712 digest. An order is never changed: the chain keeps what is filled of it."""

from __future__ import annotations

from sqlmodel import Session, col, select

from registry.errors import NotFoundError
from registry.store.tables import OrderRow


def insert(session: Session, row: OrderRow) -> OrderRow:
    """Record an order; the same order again is the recorded one, whatever form its signature has."""
    known = session.get(OrderRow, row.order_hash)
    if known is not None:
        return known
    session.add(row)
    session.flush()
    return row


def get(session: Session, order_hash: str) -> OrderRow:
    """The order of this digest; raises NotFoundError."""
    found = session.get(OrderRow, order_hash.lower())
    if found is None:
        raise NotFoundError(f"there is no order {order_hash}", hint="puhui market book")
    return found


def by_salt(session: Session, trader: str, salt: str) -> OrderRow | None:
    """The trader's order with this salt, or None; `trader` in small letters."""
    return session.exec(select(OrderRow).where(OrderRow.trader == trader, OrderRow.salt == salt)).first()


def of_issuance(session: Session, issuance: int | None = None) -> list[OrderRow]:
    """All orders, or those of one issuance, oldest first."""
    wanted = select(OrderRow).order_by(col(OrderRow.created_at), col(OrderRow.order_hash))
    if issuance is not None:
        wanted = wanted.where(OrderRow.issuance == issuance)
    return list(session.exec(wanted))
