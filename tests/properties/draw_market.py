"""What happens on the exchange and to the money: cash, listings, orders, trades, the treasury, payouts."""

from __future__ import annotations

from typing import Any, Final

from tests.properties.calls import TRADERS, Call, Order, Rule
from tests.properties.draw import UNSIGNED, Draw, Drawn, authorise
from tests.properties.draw_tonnes import holding
from tests.properties.evidence import Book, book_of_proceeds, proceeds_now
from tests.properties.model_cash import MintStatus
from tests.properties.model_participants import ParticipantStatus
from tests.properties.model_reductions import Place
from tests.properties.model_settlement import BUY, SELL
from tests.properties.world import ACCOUNTS, NOTICE_S

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
    return order and Call(order.trader if d.chance(90) else d.anyone(), "ExchangeSettlement", "cancelOrder", (order,))


def cancel_order_for(d: Draw) -> Call | None:
    order = _own_order(d)
    return order and authorise(
        Call(d.anyone(), "ExchangeSettlement", "cancelOrderFor", (order, d.deadline(), UNSIGNED))
    )


# --- the treasury


def add_rule(d: Draw) -> Call:
    start = d.model.now + (NOTICE_S + d.rng.randint(0, 9_000) if d.model.treasury.rules else -DAY)
    latest = d.model.treasury.rules[-1].effective_from if d.model.treasury.rules else 0
    start = max(start, latest + 1) if d.chance(90) else start - NOTICE_S + 1
    rule = Rule(start, d.one_of((0, 333, 1_000, 10_000)), d.rng.randint(0, 300), ACCOUNTS["operator"])
    return Call(d.office("regulator"), "ProgrammeTreasury", "addRule", (rule,))


def offer(d: Draw) -> Call | None:
    reductions, treasury = d.model.reductions, d.model.at["ProgrammeTreasury"]
    numbers = list(reductions.issuances)
    number = d.likely([one for one in numbers if reductions.transferable(treasury, one)], numbers)
    if number is None:
        return None
    tonnes = d.amount(reductions.transferable(treasury, number))
    args = (d.ref(), number, tonnes, d.rng.randint(250, 900), d.model.now + d.rng.randint(100, 3 * DAY))
    return Call(d.office("platform"), "ProgrammeTreasury", "offer", args)


def withdraw_offer(d: Draw) -> Call | None:
    offers = d.model.treasury.offers
    ref = d.likely([one for one in offers if one not in d.model.treasury.withdrawn], offers)
    return ref and Call(d.office("platform"), "ProgrammeTreasury", "withdrawOffer", (ref,))


def collect(d: Draw) -> Call | None:
    trades, treasury = d.model.settlement.trades, d.model.treasury
    sold = [one for one in trades if trades[one].sell.trader == treasury.account]
    trade_id = d.likely([one for one in sold if one not in treasury.collections], trades)
    return trade_id and Call(d.anyone(), "ProgrammeTreasury", "collect", (trade_id,))


# --- payouts


def publish_run(d: Draw) -> Call | None:
    distributor = d.model.distributor
    book = proceeds_now(d.model)
    if not book.due or (sum(book.due.values()) <= distributor.attested_fen() and d.chance(80)):
        return None
    total = sum(book.due.values())
    if d.chance(30):
        greedy = d.one_of(list(book.due))
        published = {**book.due, greedy: book.due[greedy] + d.rng.randint(1, 20_000)}
        book = book_of_proceeds(book.due, book.allocated, published)
    d.model.evidence[book.root] = book
    args = (len(distributor.runs) + 1, book.root, len(book.leaves), total, d.ref())
    return Call(d.office("platform"), "ProceedsDistributor", "publishRun", args)


def attest_run(d: Draw) -> Call | None:
    runs = list(enumerate(d.model.distributor.runs, 1))
    chosen = d.likely([one for one in runs if not one[1].attested], runs)
    if chosen is None:
        return None
    verifier = d.office("verifier", chosen[1].publisher)
    return Call(verifier, "ProceedsDistributor", "attestRun", (chosen[0], chosen[1].digest))


def cancel_run(d: Draw) -> Call | None:
    numbers = range(1, len(d.model.distributor.runs) + 1)
    number = d.likely(numbers[d.model.distributor.active() :], numbers)
    return number and Call(ACCOUNTS["guardian"], "ProceedsDistributor", "cancelRun", (number, d.reason()))


def _due_rows(d: Draw) -> tuple[Book, list[tuple[int, tuple[str, int]]]] | None:
    """The book in force and its rows that differ from what was paid, if there are any, else all."""
    active = d.model.distributor.active()
    book = d.model.evidence.get(d.model.distributor.runs[active - 1].root) if active else None
    if not isinstance(book, Book) or not book.proceeds:
        return None
    rows = list(enumerate(book.proceeds))
    paid = d.model.distributor.paid
    return book, [one for one in rows if one[1][1] != paid.get(one[1][0], 0)] or rows


def _claim(d: Draw) -> tuple[str, int, int, tuple[bytes, ...]] | None:
    found = _due_rows(d)
    if found is None:
        return (d.person(), 1, 0, ()) if d.chance(5) else None
    index, (account, fen) = d.one_of(found[1])
    return account, fen, index, found[0].proof(index)


def claim(d: Draw) -> Call | None:
    chosen = _claim(d)
    return chosen and Call(chosen[0], "ProceedsDistributor", "claim", chosen[1:])


def claim_for(d: Draw) -> Call | None:
    chosen = _claim(d)
    return chosen and authorise(Call(d.anyone(), "ProceedsDistributor", "claimFor", (*chosen, d.deadline(), UNSIGNED)))


def pay(d: Draw) -> Call | None:
    found = _due_rows(d)
    if found is None:
        return None
    book, rows = found
    chosen = d.rng.sample(rows, d.rng.randint(1, len(rows)))
    used, done = list(d.model.distributor.payouts), list(d.model.distributor.batches)
    payments: tuple[Any, ...] = tuple(
        (account, fen, n, d.one_of(used) if used and d.chance(4) else d.ref(), book.proof(n))
        for n, (account, fen) in chosen
    )
    batch_ref = d.one_of(done) if done and d.chance(8) else d.ref()
    return Call(d.office("bank"), "ProceedsDistributor", "pay", (batch_ref, payments))


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
    cancel_order: 3,
    cancel_order_for: 3,
    add_rule: 2,
    offer: 7,
    withdraw_offer: 4,
    collect: 9,
    publish_run: 12,
    attest_run: 16,
    cancel_run: 10,
    claim: 7,
    claim_for: 7,
    pay: 7,
}
