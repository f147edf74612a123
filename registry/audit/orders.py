"""Reading back the signed orders of every trade, and holding the trade against them."""

from __future__ import annotations

from registry.audit.scope import Scope, place, require, require_equal
from registry.chain.client import node_errors
from registry.chain.contracts.exchange_settlement import Order, Side
from registry.chain.logs import Event
from registry.chain.settle_call import SignedOrder, order_digest, read_settle_call, recover_signer
from registry.errors import VerificationError

ORDERS = "trades follow their signed orders"


class OrdersAudit:
    """Checks both orders of each trade. Orders are never stored on the chain: they are in the calls that settled."""

    def __init__(self, scope: Scope) -> None:
        self.scope, self.contracts = scope, scope.contracts
        self.known: dict[bytes, Order] = {}
        self.cancelled: dict[bytes, Event] = {}
        self._offers: dict[bytes, Event] = {}
        self._withdrawn: dict[bytes, Event] = {}

    def run(self, trades: list[Event]) -> None:
        """Check the orders of all trades, in their order."""
        # Only its own contract knows what a contract wallet signed; whoever settled had it asked at that time.
        self.scope.findings.open(ORDERS, "orders, those of contract wallets without their signatures")
        for event in self.scope.events(self.contracts.settlement, "OrderCancelled"):
            self.cancelled.setdefault(event["order"], event)
        for event in self.scope.events(self.contracts.treasury, "Offered", "OfferWithdrawn"):
            (self._offers if event.name == "Offered" else self._withdrawn)[event["ref"]] = event
        for trade in trades:
            try:
                sell, buy = self._read(trade)
            except VerificationError as error:
                self.scope.findings.wrong(ORDERS, error.message, **error.fields)
                continue
            for signed, key, trader in ((sell, "sellOrder", "seller"), (buy, "buyOrder", "buyer")):
                with self.scope.findings.checking(ORDERS):
                    self._order(trade, signed, trade[key], trade[trader])

    def _read(self, trade: Event) -> tuple[SignedOrder, SignedOrder]:
        where = f"trade {trade['tradeId'].hex()}"
        call = read_settle_call(self.contracts.settlement, trade.transaction)
        if call is None:
            raise VerificationError(
                f"{where}: its orders are unreadable, {trade.transaction} does not call settle itself"
            )
        executed = (call.trade_id, call.tonnes, call.price_fen)
        require_equal(f"{where}: number, tonnes and price", executed, tuple(trade[n] for n in _EXECUTION))
        for signed, side in ((call.sell, Side.SELL), (call.buy, Side.BUY)):
            require_equal(f"{where}: side of its {side.name} order", signed.order.side.name, side.name)
        return call.sell, call.buy

    def _order(self, trade: Event, signed: SignedOrder, key: bytes, trader: str) -> None:
        order = signed.order
        where = f"trade {trade['tradeId'].hex()}: {order.side.name} order"
        require_equal(f"{where}: its digest", key, order_digest(self.contracts.settlement, order))
        self.known[key] = order
        require_equal(f"{where}: its trader", trader, order.trader)
        require_equal(f"{where}: its issuance", trade["issuance"], order.issuance)
        price, limit = trade["priceFen"], order.limit_fen
        within = price >= limit if order.side is Side.SELL else price <= limit
        require(within, f"{where}: {price} fen is beyond its limit of {limit} fen")
        settled = self.scope.time(trade)
        require(settled <= order.expiry, f"{where}: settled at {settled}, it expired at {order.expiry}")
        before = self.cancelled.get(key)
        require(before is None or place(before) > place(trade), f"{where}: it had been cancelled")
        if order.trader == self.contracts.treasury.address:
            self._offered(where, trade, order, key)
        else:
            self._signed(where, signed)

    def _offered(self, where: str, trade: Event, order: Order, key: bytes) -> None:
        """The treasury stands for the orders of its offers, and for nothing else."""
        offered, withdrawn = self._offers.get(order.salt), self._withdrawn.get(order.salt)
        if offered is None or place(offered) > place(trade):
            raise VerificationError(f"{where}: the treasury had not offered it")
        require(withdrawn is None or place(withdrawn) > place(trade), f"{where}: its offer had been withdrawn")
        terms = (order.issuance, order.tonnes, order.limit_fen, order.expiry)
        require_equal(f"{where}: its offer", tuple(offered[name] for name in _OFFER), terms)
        record = self.contracts.treasury.find_offer(order.salt, self.scope.block)
        require_equal(f"{where}: the order of its offer", (offered["order"], record and record.order), (key, key))

    def _signed(self, where: str, signed: SignedOrder) -> None:
        signer, trader = recover_signer(self.contracts.settlement, signed), signed.order.trader
        if signer == trader:
            return
        with node_errors(self.contracts.chain.where):
            code = self.contracts.chain.w3.eth.get_code(trader, self.scope.block)  # type: ignore[arg-type]
        require(bool(code), f"{where}: signed by {signer or 'no key'}, its trader is {trader}")


_EXECUTION = ("tradeId", "tonnes", "priceFen")
_OFFER = ("issuance", "tonnes", "limitFen", "expiry")
