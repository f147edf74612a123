"""Recomputing the market: trades as recorded, orders never overfilled, tonnes and cash moved together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from registry.audit.orders import OrdersAudit
from registry.audit.scope import Scope, require, require_equal, require_record
from registry.chain.contracts.certified_reductions import Place, SerialMove
from registry.chain.contracts.exchange_settlement import Trade
from registry.chain.logs import Event

TRADES = "trades equal their records"
FILLS = "fills of orders equal their trades"
DELIVERED = "trades delivered against payment"

Delivery = tuple[str, str, str, int]  # transaction, seller, buyer, issuance
Payment = tuple[str, str, str]  # transaction, buyer, seller


class MarketAudit:
    """Audits every trade of a ledger."""

    def __init__(self, scope: Scope) -> None:
        self.scope, self.findings, self.settlement = scope, scope.findings, scope.contracts.settlement
        self.trades: dict[bytes, Event] = {}
        self.orders = OrdersAudit(scope)
        self.totals: dict[str, object] = {}

    def run(self, moves: Iterable[SerialMove]) -> None:
        """`moves` are all movements of serials."""
        self.findings.open(TRADES, "trades")
        events = self.scope.events(self.settlement, "TradeSettled")
        for event in events:
            with self.findings.checking(TRADES):
                self._trade(event)
        self.orders.run(events)
        self.findings.open(FILLS, "orders")
        self._fills(events)
        self.findings.open(DELIVERED, "trades")
        self._deliveries(events, moves)
        gross = sum(event["tonnes"] * event["priceFen"] for event in events)
        self.totals = {
            "trades": len(self.trades),
            "traded_t": sum(event["tonnes"] for event in events),
            "traded_fen": gross,
        }

    def _trade(self, event: Event) -> None:
        where = f"trade {event['tradeId'].hex()}"
        require(event["tradeId"] not in self.trades, f"{where} was settled twice")
        self.trades[event["tradeId"]] = event
        expected = Trade(
            event["issuance"],
            event["tonnes"],
            self.scope.time(event),
            event["priceFen"],
            event["seller"],
            event["buyer"],
            event["sellOrder"],
            event["buyOrder"],
        )
        require_record(where, self.settlement.trade(event["tradeId"], self.scope.block), expected)

    def _fills(self, events: list[Event]) -> None:
        filled: Counter[bytes] = Counter()
        for event in events:
            for key in ("sellOrder", "buyOrder"):
                filled[event[key]] += event["tonnes"]
        for order in sorted(filled.keys() | self.orders.cancelled.keys()):
            where, block = f"order {order.hex()}", self.scope.block
            with self.findings.checking(FILLS):
                require_equal(f"{where}: tonnes filled", self.settlement.filled(order, block), filled[order])
                known = self.orders.known.get(order)
                if known is not None:
                    limit = known.tonnes
                    require(filled[order] <= limit, f"{where} is for {limit} t and was filled with {filled[order]} t")
                cancelled = order in self.orders.cancelled
                require_equal(f"{where}: cancelled", self.settlement.is_cancelled(order, block), cancelled)

    def _deliveries(self, events: list[Event], moves: Iterable[SerialMove]) -> None:
        """In each trade's transaction its tonnes go one way and its cash the other; no listed tonne without a trade."""
        due: Counter[Delivery] = Counter()
        owed: Counter[Payment] = Counter()
        for event in events:
            seller, buyer = event["seller"], event["buyer"]
            due[event.transaction, seller, buyer, event["issuance"]] += event["tonnes"]
            owed[event.transaction, buyer, seller] += event["tonnes"] * event["priceFen"]
        delivered, paid = self._delivered(moves), self._paid({payment[0] for payment in owed})
        for event in events:
            where, seller, buyer = f"trade {event['tradeId'].hex()}", event["seller"], event["buyer"]
            delivery = (event.transaction, seller, buyer, event["issuance"])
            payment = (event.transaction, buyer, seller)
            with self.findings.checking(DELIVERED):
                require_equal(f"{where}: tonnes delivered in its transaction", delivered[delivery], due[delivery])
                require_equal(f"{where}: fen paid in its transaction", paid[payment], owed[payment])
        for transaction, seller, buyer, issuance in sorted(delivered.keys() - due.keys()):
            what = f"listed tonnes of issuance {issuance} went from {seller} to {buyer} without a trade"
            self.findings.wrong(DELIVERED, f"transaction {transaction}: {what}")

    def _delivered(self, moves: Iterable[SerialMove]) -> Counter[Delivery]:
        """Listed tonnes that changed hands, but for those the regulator forced."""
        forced = {
            (event.transaction, event["from"], event["to"], event["issuance"])
            for event in self.scope.events(self.scope.contracts.reductions, "UnitsForced")
        }
        delivered: Counter[Delivery] = Counter()
        for move in moves:
            key = (move.transaction, move.holder_from, move.holder_to, move.issuance)
            sold = (move.place_from, move.place_to) == (Place.LISTED, Place.HELD) and move.holder_from != move.holder_to
            if sold and key not in forced:
                delivered[key] += move.serials.count
        return delivered

    def _paid(self, transactions: set[str]) -> Counter[Payment]:
        paid: Counter[Payment] = Counter()
        for event in self.scope.events(self.scope.contracts.cash, "Transfer"):
            if event.transaction in transactions:
                paid[event.transaction, event["from"], event["to"]] += event["value"]
        return paid
