"""What happens on the exchange: cash comes and goes, units are listed, orders made, cancelled and settled."""

from __future__ import annotations

from typing import Final

from tests.properties.calls import TRADERS, Call, Order
from tests.properties.draw import UNSIGNED, Draw, Drawn, authorise
from tests.properties.draw_tonnes import holding
from tests.properties.model_cash import MintStatus
from tests.properties.model_participants import ParticipantStatus
from tests.properties.model_reductions import Place
from tests.properties.model_settlement import BUY, SELL
from tests.properties.world import ACCOUNTS

DAY: Final = 86_400


# --- cash


def request_mint(d: Draw) -> Call:
    return Call(d.office("exchange"), "SettlementCash", "requestMint", (d.ref(), d.trader(), d.rng.randint(1, 99_999)))


def _mint(d: Draw) -> tuple[bytes, str, int] | None:
    mints = d.model.cash.mints
    ref = d.likely([one for one in mints if mints[one].status == MintStatus.REQUESTED], mints)
    return None if ref is None else (ref, mints[ref].to, mints[ref].fen)


def confirm_mint(d: Draw) -> Call | None:
    chosen = _mint(d)
    if chosen is None:
        return None
    return Call(d.office("bank", d.model.cash.mints[chosen[0]].requester), "SettlementCash", "confirmMint", chosen)


def cancel_mint(d: Draw) -> Call | None:
    chosen = _mint(d)
    return chosen and Call(d.office("bank"), "SettlementCash", "cancelMint", chosen[:1])


def _withdrawal(d: Draw) -> tuple[str, int, bytes] | None:
    balances = d.model.cash.balances
    rich = [one for one in balances if balances[one] and one in ACCOUNTS.values()]
    holder = d.likely(rich, ACCOUNTS.values())
    return None if holder is None else (holder, d.amount(d.model.cash.balance(holder)), d.ref())


def burn(d: Draw) -> Call | None:
    chosen = _withdrawal(d)
    return chosen and Call(chosen[0], "SettlementCash", "burn", chosen[1:])


def burn_for(d: Draw) -> Call | None:
    chosen = _withdrawal(d)
    return chosen and authorise(Call(d.anyone(), "SettlementCash", "burnFor", (*chosen, d.deadline(), UNSIGNED)))


# --- listings


def _listing(d: Draw) -> tuple[str, int, int, bytes] | None:
    chosen = holding(d)
    if chosen is None:
        return None
    return (*chosen, d.amount(d.model.reductions.transferable(*chosen)), d.ref())


def _listed(d: Draw) -> list[tuple[str, int]]:
    pairs = [(ACCOUNTS[actor], one) for actor in TRADERS for one in d.model.reductions.issuances]
    return [(holder, one) for holder, one in pairs if d.model.reductions.at(one, holder, Place.LISTED)]


def _unlisting(d: Draw) -> tuple[str, int, int, bytes] | None:
    chosen = d.likely(_listed(d))
    if chosen is None:
        return None
    holder, issuance = chosen
    return (holder, issuance, d.amount(len(d.model.reductions.at(issuance, holder, Place.LISTED))), d.ref())


def list_units(d: Draw) -> Call | None:
    drawn = _listing(d)
    return drawn and Call(drawn[0], "ExchangeSettlement", "list", drawn[1:])


def list_for(d: Draw) -> Call | None:
    drawn = _listing(d)
    return drawn and authorise(Call(d.anyone(), "ExchangeSettlement", "listFor", (*drawn, d.deadline(), UNSIGNED)))


def unlist(d: Draw) -> Call | None:
    drawn = _unlisting(d)
    return drawn and Call(drawn[0], "ExchangeSettlement", "unlist", drawn[1:])


def unlist_for(d: Draw) -> Call | None:
    drawn = _unlisting(d)
    return drawn and authorise(Call(d.anyone(), "ExchangeSettlement", "unlistFor", (*drawn, d.deadline(), UNSIGNED)))


# --- orders


def orders_seen(d: Draw) -> list[Order]:
    """Every order that was traded on, and the treasury's offers."""
    trades = d.model.settlement.trades.values()
    found = [order for trade in trades for order in (trade.sell, trade.buy)]
    return list(dict.fromkeys([*found, *d.model.treasury.offers.values()]))


def _fillable(d: Draw, order: Order) -> bool:
    settlement = d.model.settlement
    gone = order in settlement.cancelled or order.expiry < d.model.now
    return not gone and settlement.filled(order) < order.tonnes


def _sell_order(d: Draw) -> Order | None:
    known = [order for order in orders_seen(d) if order.side == SELL]
    open_orders = [order for order in known if _fillable(d, order)]
    sellers = _listed(d)
    gone = [order for order in d.model.settlement.cancelled if order.side == SELL]
    if gone and d.chance(15):
        return d.one_of(sorted(gone))
    if open_orders and (not sellers or d.chance(60)):
        return d.likely(open_orders, known)
    if not sellers:
        return d.likely([], known)
    holder, issuance = d.one_of(sellers)
    tonnes = d.amount(len(d.model.reductions.at(issuance, holder, Place.LISTED)))
    return Order(holder, SELL, issuance, tonnes, d.rng.randint(1, 900), d.ref(), d.model.now + d.rng.randint(0, DAY))


def _buy_order(d: Draw, sell: Order) -> Order | None:
    known = [order for order in orders_seen(d) if order.side == BUY and order.issuance == sell.issuance]
    again = [order for order in known if _fillable(d, order) and order.limit_fen >= sell.limit_fen]
    if again and d.chance(40):
        return d.likely(again, known)
    participants, cash = d.model.participants.known, d.model.cash
    entity = participants[sell.trader].entity if sell.trader in participants else b""
    buyers = [ACCOUNTS[actor] for actor in TRADERS]
    fitting = [
        one
        for one in buyers
        if one in participants
        and participants[one].entity != entity
        and participants[one].status == ParticipantStatus.ACTIVE
        and cash.balance(one) >= sell.limit_fen
    ]
    buyer = d.likely(fitting, buyers) or d.one_of(buyers)
    limit = sell.limit_fen + d.rng.randint(0, 50)
    expiry = d.model.now + d.rng.randint(0, DAY)
    return Order(buyer, BUY, sell.issuance, d.rng.randint(1, sell.tonnes + 2), limit, d.ref(), expiry)


def settle(d: Draw) -> Call | None:
    sell = _sell_order(d)
    buy = sell and _buy_order(d, sell)
    if sell is None or buy is None:
        return None
    settlement = d.model.settlement
    price = d.rng.randint(sell.limit_fen, max(sell.limit_fen, buy.limit_fen))
    most = min(sell.tonnes - settlement.filled(sell), buy.tonnes - settlement.filled(buy))
    affordable = d.model.cash.balance(buy.trader) // price
    tonnes = d.amount(min(most, affordable) if d.chance(95) else most)
    execution = (d.ref(), tonnes, price)
    args = (execution, sell, UNSIGNED, buy, UNSIGNED)
    return authorise(Call(d.office("exchange"), "ExchangeSettlement", "settle", args))


def _own_order(d: Draw) -> Order | None:
    mine = [order for order in orders_seen(d) if order.trader in ACCOUNTS.values()]
    return d.likely([order for order in mine if _fillable(d, order)], mine)


def cancel_order(d: Draw) -> Call | None:
    order = _own_order(d)
    return order and Call(order.trader if d.chance(75) else d.anyone(), "ExchangeSettlement", "cancelOrder", (order,))


def cancel_order_for(d: Draw) -> Call | None:
    order = _own_order(d)
    return order and authorise(
        Call(d.anyone(), "ExchangeSettlement", "cancelOrderFor", (order, d.deadline(), UNSIGNED))
    )


OPERATIONS: Final[dict[Drawn, int]] = {
    request_mint: 3,
    confirm_mint: 6,
    cancel_mint: 3,
    burn: 4,
    burn_for: 4,
    list_units: 6,
    list_for: 6,
    unlist: 4,
    unlist_for: 4,
    settle: 22,
    cancel_order: 4,
    cancel_order_for: 6,
}
