"""Signed orders, read back from the calls that settled them, and what a trade may not do to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from registry.audit import orders
from registry.audit.ledger import audit_ledger
from registry.audit.market import FILLS
from registry.audit.orders import ORDERS
from registry.chain.contracts.exchange_settlement import Order, Side
from registry.chain.deployment import Contracts
from registry.chain.logs import Event
from registry.chain.settle_call import SettleCall, SignedOrder, order_digest, read_settle_call, recover_signer
from tests.audit.forging import wrong
from tests.audit.market_ledger import COMPLIANT, FEES, FOREVER, VOLUNTEER
from tests.audit.test_market_events import SOMEONE, forge_events

RESOLD = 2  # the trade between two companies


def trades(contracts: Contracts) -> list[Event]:
    first, head = contracts.deployment.first_block, contracts.chain.head()
    return contracts.settlement.history(("TradeSettled",), first, head)


def calls(contracts: Contracts) -> list[SettleCall]:
    found = [read_settle_call(contracts.settlement, trade.transaction) for trade in trades(contracts)]
    return [call for call in found if call is not None]


def test_the_orders_of_a_trade_are_read_from_its_transaction(market_contracts: Contracts) -> None:
    trade, call = trades(market_contracts)[RESOLD], calls(market_contracts)[RESOLD]
    assert (call.trade_id, call.tonnes, call.price_fen) == (trade["tradeId"], 1, 9_500)
    sell, buy = call.sell.order, call.buy.order
    assert sell == Order(COMPLIANT.address, Side.SELL, 1, 1, 9_400, sell.salt, FOREVER)
    assert buy == Order(VOLUNTEER.address, Side.BUY, 1, 1, 9_700, buy.salt, FOREVER)
    settlement = market_contracts.settlement
    assert [order_digest(settlement, o) for o in (sell, buy)] == [trade["sellOrder"], trade["buyOrder"]]
    assert [settlement.hash_order(o) for o in (sell, buy)] == [trade["sellOrder"], trade["buyOrder"]]
    assert recover_signer(settlement, call.sell) == COMPLIANT.address
    assert recover_signer(settlement, call.buy) == VOLUNTEER.address


def test_the_treasury_signs_nothing(market_contracts: Contracts) -> None:
    call = calls(market_contracts)[0]
    assert (call.sell.order.trader, call.sell.signature) == (market_contracts.treasury.address, b"")
    assert recover_signer(market_contracts.settlement, call.sell) is None


@pytest.mark.parametrize("signature", [b"", b"\1" * 64, b"\0" * 65, b"\xff" * 65, b"\1" * 66])
def test_what_is_no_signature_recovers_nobody(market_contracts: Contracts, signature: bytes) -> None:
    order = calls(market_contracts)[RESOLD].buy.order
    assert recover_signer(market_contracts.settlement, SignedOrder(order, signature)) is None


def test_other_transactions_hold_no_orders(market_contracts: Contracts) -> None:
    first, head = market_contracts.deployment.first_block, market_contracts.chain.head()
    (cancelled,) = market_contracts.settlement.history(("OrderCancelled",), first, head)
    (rule,) = market_contracts.treasury.history(("RuleAdded",), first, head)
    for event in (cancelled, rule):
        assert read_settle_call(market_contracts.settlement, event.transaction) is None


@pytest.mark.parametrize("data", ["0x", "0x12345678", "SETTLE"])
def test_an_input_that_is_no_settle_call_holds_no_orders(
    market_contracts: Contracts, data: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settlement, transaction = market_contracts.settlement, trades(market_contracts)[0].transaction
    eth = market_contracts.chain.w3.eth
    genuine = eth.get_transaction(transaction)
    cut = genuine["input"][:40] if data == "SETTLE" else bytes.fromhex(data[2:])
    monkeypatch.setattr(eth, "get_transaction", lambda _: {"to": settlement.address, "input": cut})
    assert read_settle_call(settlement, transaction) is None


# --- forged calls: the digests on the chain are made to fit, so that only the terms speak ----------------------


def same_digests(patch: pytest.MonkeyPatch, contracts: Contracts) -> None:
    """Let every order hash to what the chain says, whatever was changed in it."""
    known = {
        s.order.salt: order_digest(contracts.settlement, s.order) for c in calls(contracts) for s in (c.sell, c.buy)
    }
    patch.setattr(orders, "order_digest", lambda _, order: known[order.salt])


def forged_call(patch: pytest.MonkeyPatch, change: Callable[[SettleCall], SettleCall | None]) -> None:
    def read(settlement: Any, transaction: str) -> SettleCall | None:
        call = read_settle_call(settlement, transaction)
        assert call is not None
        return change(call) if call.price_fen == 9_500 else call

    patch.setattr(orders, "read_settle_call", read)


def buying(**terms: Any) -> Callable[[SettleCall], SettleCall]:
    return lambda call: replace(call, buy=replace(call.buy, order=replace(call.buy.order, **terms)))


def selling(**terms: Any) -> Callable[[SettleCall], SettleCall]:
    return lambda call: replace(call, sell=replace(call.sell, order=replace(call.sell.order, **terms)))


# What a wallet signed no longer fits changed terms; each of these is found before its signature is looked at.
TERMS: dict[str, tuple[Callable[[SettleCall], SettleCall | None], set[str], str]] = {
    "unreadable": (lambda _: None, {ORDERS}, "its orders are unreadable"),
    "another number": (lambda call: replace(call, trade_id=bytes(32)), {ORDERS}, "number, tonnes and price is [0x0000"),
    "another price": (lambda call: replace(call, price_fen=1), {ORDERS}, "number, tonnes and price is [0x"),
    "more tonnes": (lambda call: replace(call, tonnes=7), {ORDERS}, "number, tonnes and price is [0x"),
    "a buyer's lower limit": (buying(limit_fen=9_499), {ORDERS}, "9500 fen is beyond its limit of 9499 fen"),
    "a seller's higher limit": (selling(limit_fen=9_501), {ORDERS}, "9500 fen is beyond its limit of 9501 fen"),
    "expired": (buying(expiry=1_700_000_000), {ORDERS}, "it expired at 1700000000"),
    "another trader": (buying(trader=SOMEONE), {ORDERS}, "BUY order: its trader is 0x5050"),
    "another issuance": (selling(issuance=3), {ORDERS}, "SELL order: its issuance is 1, recomputed 3"),
    "two sellers": (buying(side=Side.SELL), {ORDERS}, "side of its BUY order is SELL, recomputed BUY"),
    "two buyers": (selling(side=Side.BUY), {ORDERS}, "side of its SELL order is BUY, recomputed SELL"),
    "an overfilled order": (selling(tonnes=0), {ORDERS, FILLS}, "is for 0 t and was filled with 1 t"),
}


@pytest.mark.parametrize("name", TERMS)
def test_a_trade_against_its_orders_is_found(
    market_contracts: Contracts, market_made: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    change, failing, said = TERMS[name]
    same_digests(monkeypatch, market_contracts)
    forged_call(monkeypatch, change)
    found = wrong(audit_ledger(market_contracts, market_made / "evidence"))
    assert set(found) == failing
    assert said in "\n".join(found.values())


def test_changed_terms_have_another_digest(
    market_contracts: Contracts, market_made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forged_call(monkeypatch, buying(limit_fen=9_701))
    found = wrong(audit_ledger(market_contracts, market_made / "evidence"))
    assert set(found) == {ORDERS}
    assert "BUY order: its digest is 0x" in found[ORDERS]


def signed_by_another(contracts: Contracts) -> Callable[[SettleCall], SettleCall]:
    def change(call: SettleCall) -> SettleCall:
        message = encode_typed_data(full_message=contracts.settlement.typed_order(call.buy.order))
        signature = bytes(Account.sign_message(message, FEES.key).signature)
        return replace(call, buy=replace(call.buy, signature=signature))

    return change


def test_an_order_signed_by_another_key_is_found_unless_its_trader_is_a_contract(
    market_contracts: Contracts, market_made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forged_call(monkeypatch, signed_by_another(market_contracts))
    found = wrong(audit_ledger(market_contracts, market_made / "evidence"))
    assert set(found) == {ORDERS}
    assert f"BUY order: signed by {FEES.address}, its trader is {VOLUNTEER.address}" in found[ORDERS]

    monkeypatch.setattr(market_contracts.chain.w3.eth, "get_code", lambda *_: b"\1")
    report = audit_ledger(market_contracts, market_made / "evidence")
    assert wrong(report) == {}
    (check,) = [check for check in report.checks if check.name == ORDERS]
    assert check.actual == "10 orders, those of contract wallets without their signatures"


def test_an_order_nobody_signed_is_found(
    market_contracts: Contracts, market_made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forged_call(monkeypatch, lambda call: replace(call, buy=replace(call.buy, signature=b"")))
    found = wrong(audit_ledger(market_contracts, market_made / "evidence"))
    assert f"BUY order: signed by no key, its trader is {VOLUNTEER.address}" in found[ORDERS]


def first_block(event: Event) -> Event:
    return replace(event, block=0)


def test_an_order_cancelled_before_its_trade_is_found(
    market_contracts: Contracts, market_made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = trades(market_contracts)[RESOLD]["buyOrder"]

    def change(events: list[Event]) -> list[Event]:
        found = [first_block(replace(e, arguments={**e.arguments, "order": order})) for e in events[:1]]
        return found + events if events and events[0].name == "OrderCancelled" else events

    forge_events(monkeypatch, market_contracts.settlement, change)
    found = wrong(audit_ledger(market_contracts, market_made / "evidence"))
    assert set(found) == {ORDERS, FILLS}
    assert "BUY order: it had been cancelled" in found[ORDERS]


@pytest.mark.parametrize(("block", "said"), [(0, "its offer had been withdrawn"), (2**30, None)])
def test_an_offer_withdrawn_before_a_trade_is_found(
    market_contracts: Contracts, market_made: Path, block: int, said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(events: list[Event]) -> list[Event]:
        offers = [event for event in events if event.name == "Offered"]
        return events + [replace(event, name="OfferWithdrawn", block=block) for event in offers[:1]]

    forge_events(monkeypatch, market_contracts.treasury, change)
    found = wrong(audit_ledger(market_contracts, market_made / "evidence"))
    assert set(found) == ({ORDERS} if said else set())
    assert (said or "") in "".join(found.values())


def test_an_offer_made_after_its_trade_is_found(
    market_contracts: Contracts, market_made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(events: list[Event]) -> list[Event]:
        return [replace(event, block=2**30) if event.name == "Offered" else event for event in events]

    forge_events(monkeypatch, market_contracts.treasury, change)
    found = wrong(audit_ledger(market_contracts, market_made / "evidence"))
    assert found[ORDERS].startswith("6 orders")
    assert "the treasury had not offered it" in found[ORDERS]
