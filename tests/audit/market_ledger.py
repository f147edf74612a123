"""A small ledger with everything in it: mandates, two certifications, trades, retirements, payouts."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from eth_account import Account
from eth_account.signers.local import LocalAccount

from registry.chain.contracts.carbon_points import Channel
from registry.chain.contracts.exchange_settlement import Side
from registry.chain.contracts.participants import Kind
from registry.chain.contracts.retirement_certificates import Purpose
from registry.services import cash, certification, market, participants, payouts, points, retirements, treasury
from registry.services.ledger import Ledger
from registry.services.mandates import give_mandates, revoke_mandate
from registry.services.owners import Owner, find_owner
from tests.services.homes import Puhui, journey, opened, write_journeys, write_people

CLASS: Final = (1 << 16) | 2026
PEOPLE, MANDATED, TRIPS = 60, 40, 8
MG_A_TRIP: Final = 200_000 * 468 // 10
MG_A_DAY: Final = TRIPS * MG_A_TRIP
FOREVER: Final = 2**40
FEE_BPS, FLOOR_FEN = 1_250, 5_000
COMPLIANT, VOLUNTEER, FEES = (Account.from_key(bytes([n]) * 32) for n in (1, 2, 3))


def make_market(home: Path, files: Path) -> None:
    """Bring a ledger that was just made to the end of its first payouts, and a second day after that."""
    files.mkdir(exist_ok=True)
    puhui = Puhui(home)
    puhui("accounts", "import", write_people(files / "accounts.csv", PEOPLE))
    with opened(home) as ledger:
        give_mandates(ledger, people(ledger, range(1, MANDATED + 1)), b"terms of 2026")
    travel(puhui, files, "2026-03-02")
    with opened(home) as ledger:
        redeem_for_the_market(ledger, 50)
        certify(ledger, 3)
        join(ledger, files)
        sell(ledger)
        retire(ledger)
        first_payouts(ledger)
        revoke_mandate(ledger, person(ledger, 1))
    travel(puhui, files, "2026-03-03")
    with opened(home) as ledger:
        refused = certification.apply_for(ledger, CLASS, 1).record.number
        certification.reject(ledger, refused, "another vintage", "verifier")
        certify(ledger, 2)
        sell_again(ledger)
        second_payouts(ledger)


def person(ledger: Ledger, number: int) -> Owner:
    return find_owner(ledger, f"A{number}")


def people(ledger: Ledger, numbers: range) -> list[Owner]:
    return [person(ledger, number) for number in numbers]


def travel(puhui: Puhui, files: Path, day: str, *, publish: bool = True) -> None:
    """Everybody travels 8 times 200 km by metro; their points are published, unless that is left to the test."""
    lines = [
        journey(
            trip_id=f"{day}-{who}-{trip}",
            account_id=f"A{who}",
            carrier_ref=f"C{who}",
            mode="metro",
            board_time=f"{day} {4 + 2 * trip:02}:00:00",
            alight_time=f"{day} {5 + 2 * trip:02}:45:00",
            distance_m=200_000,
            fare_fen=2_900,
        )
        for who in range(1, PEOPLE + 1)
        for trip in range(TRIPS)
    ]
    assert puhui.imports(write_journeys(files / f"{day}.csv", *lines))["trips"] == PEOPLE * TRIPS
    puhui("anchor")
    puhui("attest")
    if publish:
        puhui("epoch", "publish")


def redeem_for_the_market(ledger: Ledger, number: int) -> None:
    """Somebody without a mandate converts all points of the day, and spends nothing."""
    owner = person(ledger, number)
    points.claim(ledger, owner)
    points.redeem(ledger, owner, MG_A_DAY, Channel.MARKET, "to the market", class_id=CLASS, signer=None)


def certify(ledger: Ledger, tonnes: int) -> None:
    number = certification.apply_for(ledger, CLASS, tonnes).record.number
    certification.verify(ledger, number)
    certification.approve(ledger, number)


def join(ledger: Ledger, files: Path) -> None:
    """Two companies, their money, and the rule of the split."""
    for key, entity, kind in (
        (COMPLIANT, "steel-works", Kind.COMPLIANCE),
        (VOLUNTEER, "tea-house", Kind.VOLUNTARY),
        (FEES, "operator", Kind.VOLUNTARY),
    ):
        (files / entity).write_text(f"identity of {entity}")
        participants.register(ledger, key.address, entity, kind, files / entity)
        participants.admit(ledger, key.address)
    for ref, key, fen in (("bank-1", COMPLIANT, 60_000), ("bank-2", VOLUNTEER, 20_000), ("bank-3", VOLUNTEER, 7)):
        cash.request(ledger, ref, key.address, fen)
        (cash.cancel if ref == "bank-3" else cash.confirm)(ledger, ref)
    treasury.add_rule(ledger, FEE_BPS, FLOOR_FEN, FEES.address)


def bid(ledger: Ledger, key: LocalAccount, issuance: int, tonnes: int, limit_fen: int) -> str:
    return market.place_order(ledger, key, Side.BUY, issuance, tonnes, limit_fen, FOREVER).order_hash


def sell(ledger: Ledger) -> None:
    """The treasury sells 2 of its 3 t in two trades, and one of them is sold on."""
    offered = treasury.offer(ledger, "first", 1, 2, 9_001, FOREVER).entry.order_hash
    market.settle(ledger, "t-1", offered, bid(ledger, COMPLIANT, 1, 2, 9_999), 1, 9_001)
    treasury.collect(ledger)
    market.settle(ledger, "t-2", offered, bid(ledger, COMPLIANT, 1, 1, 9_500), 1, 9_333)
    cancelled = bid(ledger, VOLUNTEER, 1, 1, 9_000)
    market.cancel_order(ledger, VOLUNTEER, cancelled)
    market.list_units(ledger, COMPLIANT, 1, 2, "list")
    market.list_units(ledger, COMPLIANT, 1, 1, "unlist", unlist=True)
    ask = market.place_order(ledger, COMPLIANT, Side.SELL, 1, 1, 9_400, FOREVER).order_hash
    market.settle(ledger, "t-3", ask, bid(ledger, VOLUNTEER, 1, 1, 9_700), 1, 9_500)
    treasury.collect(ledger)


def retire(ledger: Ledger) -> None:
    retirements.set_offset_limit(ledger, "steel-works", 2026, 4)
    retirements.retire(ledger, COMPLIANT, 1, 1, Purpose.COMPLIANCE, "duty", year=2026)
    retirements.retire(ledger, VOLUNTEER, 1, 1, Purpose.WELFARE, "gift", beneficiary="一所小学")
    cash.withdraw(ledger, VOLUNTEER, 500, "back to the bank")


def first_payouts(ledger: Ledger) -> None:
    pay_out(ledger)
    assert payouts.claim(ledger, person(ledger, 1))[0] > 0
    wallets = [due.wallet for due in payouts.payable(ledger, 1, limit=5)]
    payouts.pay(ledger, "april", wallets)


def pay_out(ledger: Ledger) -> None:
    step = payouts.run(ledger)
    assert step is not None
    payouts.attest(ledger, step.number)


def sell_again(ledger: Ledger) -> None:
    """Both tonnes of the second issuance are sold, of which one trade is not collected yet."""
    for ref, price in (("second", 8_000), ("third", 8_100)):
        offered = treasury.offer(ledger, ref, 3, 1, price, int(time.time()) + 86_400).entry.order_hash
        market.settle(ledger, ref, offered, bid(ledger, COMPLIANT, 3, 1, 9_000), 1, price)
        if ref == "second":
            treasury.collect(ledger)


def second_payouts(ledger: Ledger) -> None:
    """Somebody whom the bank paid in the first run claims what the second added."""
    pay_out(ledger)
    (due,) = payouts.payable(ledger, 1, limit=1)
    assert due.paid
    payouts.claim(ledger, find_owner(ledger, due.wallet))
