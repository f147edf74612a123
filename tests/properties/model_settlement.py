"""The model's exchange: listings, orders, and trades in which tonnes and cash change hands together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.properties.calls import ZERO32, Order, Signature, refuse

if TYPE_CHECKING:
    from tests.properties.model import Programme

SELL, BUY = 0, 1


@dataclass
class Trade:
    tonnes: int
    price_fen: int
    sell: Order
    buy: Order
    settled_at: int

    @property
    def gross_fen(self) -> int:
        return self.tonnes * self.price_fen


class Settlement:
    def __init__(self, ledger: Programme) -> None:
        self.ledger = ledger
        self.listings: dict[tuple[str, bytes], tuple[int, int, bool]] = {}  # issuance, tonnes, unlisted
        self.cancelled: set[Order] = set()
        self.trades: dict[bytes, Trade] = {}

    def filled(self, order: Order) -> int:
        return sum(trade.tonnes for trade in self.trades.values() if order in (trade.sell, trade.buy))

    # --- listings

    def list(self, caller: str, issuance: int, tonnes: int, ref: bytes) -> bool:
        return self._list(caller, issuance, tonnes, ref, unlisted=False)

    def unlist(self, caller: str, issuance: int, tonnes: int, ref: bytes) -> bool:
        return self._list(caller, issuance, tonnes, ref, unlisted=True)

    def list_for(
        self, _: str, holder: str, issuance: int, tonnes: int, ref: bytes, deadline: int, signature: Signature
    ) -> bool:
        if self._is_recorded(holder, issuance, tonnes, ref, False):
            return False
        fields = (holder, issuance, tonnes, ref, deadline)
        self.ledger.require_intent(holder, "ExchangeSettlement", "Listing", fields, signature)
        return self._list(holder, issuance, tonnes, ref, unlisted=False)

    def unlist_for(
        self, _: str, holder: str, issuance: int, tonnes: int, ref: bytes, deadline: int, signature: Signature
    ) -> bool:
        if self._is_recorded(holder, issuance, tonnes, ref, True):
            return False
        fields = (holder, issuance, tonnes, ref, deadline)
        self.ledger.require_intent(holder, "ExchangeSettlement", "Unlisting", fields, signature)
        return self._list(holder, issuance, tonnes, ref, unlisted=True)

    def _list(self, holder: str, issuance: int, tonnes: int, ref: bytes, unlisted: bool) -> bool:
        if self._is_recorded(holder, issuance, tonnes, ref, unlisted):
            return False
        refuse(ref == ZERO32, "ExchangeSettlementMissingReference")
        refuse(tonnes == 0, "ExchangeSettlementZeroAmount")
        reductions = self.ledger.reductions
        (reductions.unlist_units if unlisted else reductions.list_units)(holder, issuance, tonnes)
        self.listings[holder, ref] = (issuance, tonnes, unlisted)
        return True

    def _is_recorded(self, holder: str, issuance: int, tonnes: int, ref: bytes, unlisted: bool) -> bool:
        known = self.listings.get((holder, ref))
        other = known is not None and known != (issuance, tonnes, unlisted)
        refuse(other, "ExchangeSettlementListingReferenceUsed")
        return known is not None

    # --- orders and trades

    def cancel_order(self, caller: str, order: Order) -> bool:
        refuse(caller != order.trader, "ExchangeSettlementNotTrader")
        if order in self.cancelled:
            return False
        self.cancelled.add(order)
        return True

    def cancel_order_for(self, _: str, order: Order, deadline: int, signature: Signature) -> bool:
        if order in self.cancelled:
            return False
        fields = (order, deadline)
        self.ledger.require_intent(order.trader, "ExchangeSettlement", "Cancellation", fields, signature)
        return self.cancel_order(order.trader, order)

    def settle(
        self,
        _: str,
        execution: tuple[bytes, int, int],
        sell: Order,
        sell_signature: Signature,
        buy: Order,
        buy_signature: Signature,
    ) -> bool:
        trade_id, tonnes, price_fen = execution
        known = self.trades.get(trade_id)
        if known is not None:
            same = (known.tonnes, known.price_fen, known.sell, known.buy) == (tonnes, price_fen, sell, buy)
            refuse(not same, "ExchangeSettlementTradeUsed")
            return False
        refuse(trade_id == ZERO32, "ExchangeSettlementMissingReference")
        refuse(tonnes == 0 or price_fen == 0, "ExchangeSettlementZeroAmount")
        refuse((sell.side, buy.side) != (SELL, BUY), "ExchangeSettlementWrongSide")
        refuse(sell.issuance != buy.issuance, "ExchangeSettlementIssuanceMismatch")
        refuse(not sell.limit_fen <= price_fen <= buy.limit_fen, "ExchangeSettlementLimitExceeded")
        self._require_two_parties(sell.trader, buy.trader)
        for order, signature in ((sell, sell_signature), (buy, buy_signature)):
            self._require_fillable(order, tonnes, signature)

        self.trades[trade_id] = Trade(tonnes, price_fen, sell, buy, self.ledger.now)
        self.ledger.reductions.settle_units(sell.trader, buy.trader, sell.issuance, tonnes)
        self.ledger.cash.move(buy.trader, sell.trader, tonnes * price_fen)
        return True

    def _require_two_parties(self, seller: str, buyer: str) -> None:
        participants = self.ledger.participants
        participants.require_active(seller)
        participants.require_active(buyer)
        alike = participants.known[seller].entity == participants.known[buyer].entity
        refuse(alike, "ExchangeSettlementSelfTrade")

    def _require_fillable(self, order: Order, tonnes: int, signature: Signature) -> None:
        refuse(self.ledger.now > order.expiry, "ExchangeSettlementExpired")
        refuse(order in self.cancelled, "ExchangeSettlementCancelled")
        refuse(tonnes > order.tonnes - self.filled(order), "ExchangeSettlementOverfilled")
        signed = self.ledger.is_signed(order.trader, "ExchangeSettlement", "Order", tuple(order), signature)
        refuse(not signed, "ExchangeSettlementInvalidSignature")
