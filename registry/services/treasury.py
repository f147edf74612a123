"""The programme's treasury: rules of the split, offers to the market, and collecting what was paid."""

from __future__ import annotations

import time
from dataclasses import dataclass

from registry.chain.contracts.exchange_settlement import Order, Side
from registry.chain.contracts.programme_treasury import Offer, Rule
from registry.chain.submitter import Sent
from registry.core.codes import ref32
from registry.errors import InputError, NotFoundError
from registry.services.cash import positive
from registry.services.ledger import Ledger
from registry.services.market import BookEntry, record_order
from registry.services.submission import Deed

BPS = 10_000


@dataclass(frozen=True)
class Offered:
    """An offer of the treasury: its order in the book, and the transaction that listed the tonnes."""

    entry: BookEntry
    sent: Sent


@dataclass(frozen=True)
class Collected:
    """The split of one trade's proceeds, in fen."""

    trade: str
    issuance: int
    gross_fen: int
    fee_fen: int
    people_fen: int
    sent: Sent


def add_rule(ledger: Ledger, fee_bps: int, floor_fen: int, fee_account: str, effective_from: int | None = None) -> Sent:
    """As the regulator: the operator's fee (1/10000 of proceeds) and the lowest price, from a time on.

    Without a time: from the block's own time if it is the first rule, else as soon as the notice allows; what the
    latest rule says already is not said again then.
    """
    if not 0 <= fee_bps <= BPS:
        raise InputError(f"{fee_bps} is no fee", hint=f"0 to {BPS} hundredths of a percent")
    if floor_fen < 0:
        raise InputError("a floor price is not below zero")
    treasury = ledger.contracts.treasury
    if effective_from is None:
        ledger.submitter("regulator").finish("ProgrammeTreasury.addRule")  # given again it would have another time
        rules = treasury.rules()
        if rules and rules[-1] == Rule(rules[-1].effective_from, fee_bps, floor_fen, fee_account):
            return Sent(changed=False)
        # A block may be mined some seconds from now, and its time decides.
        effective_from = int(time.time()) + ledger.config.rule_notice_s + 60 if rules else 0
    rule = Rule(effective_from, fee_bps, floor_fen, fee_account)
    after = {"fee_bps": fee_bps, "floor_fen": str(floor_fen), "fee_account": fee_account, "from": effective_from}
    return ledger.submitter("regulator").send(treasury.add_rule(rule), Deed("treasury rule", after=after))


def offer(ledger: Ledger, ref: str, issuance: int, tonnes: int, limit_fen: int, expiry: int) -> Offered:
    """As the platform: offer tonnes of the treasury at `limit_fen` a tonne or more.

    The contract lists them and stands for the order by ERC-1271, so the order needs no signature.
    """
    treasury, code = ledger.contracts.treasury, _code(ref)
    order = Order(treasury.address, Side.SELL, issuance, tonnes, positive(limit_fen), code, expiry)
    what = Deed(f"offer {ref}", ref, {}, {"issuance": issuance, "tonnes": tonnes, "limit_fen": str(limit_fen)})
    sent = ledger.submitter("platform").send(treasury.offer(code, issuance, tonnes, limit_fen, expiry), what)
    # Interrupted before this, the same call again finds the offer made and still puts it into the book.
    return Offered(record_order(ledger, order, b""), sent)


def find_offer(ledger: Ledger, ref: str) -> Offer | None:
    """The offer of this reference as the chain holds it, or None."""
    return ledger.contracts.treasury.find_offer(_code(ref))


def resume_offer(ledger: Ledger, ref: str) -> Offer | None:
    """The offer of this reference, or None, once what an interruption left of it is carried out."""
    ledger.submitter("platform").finish("ProgrammeTreasury.offer", ref)
    return find_offer(ledger, ref)


def withdraw_offer(ledger: Ledger, ref: str) -> Sent:
    """As the platform: take what was not sold off the market."""
    if find_offer(ledger, ref) is None:
        raise NotFoundError(f"the treasury has no offer {ref!r}")
    call = ledger.contracts.treasury.withdraw_offer(_code(ref))
    return ledger.submitter("platform").send(call, Deed(f"offer {ref}", ref, {}, {"state": "WITHDRAWN"}))


def collect(ledger: Ledger) -> list[Collected]:
    """Split the proceeds of every trade of the treasury that was not split yet. Anyone may; the platform relays."""
    contracts = ledger.contracts
    first, head = contracts.deployment.first_block, contracts.chain.head()
    done = []
    for event in contracts.settlement.history(("TradeSettled",), first, head):
        if event["seller"] != contracts.treasury.address or contracts.treasury.is_collected(event["tradeId"]):
            continue
        trade = "0x" + event["tradeId"].hex()
        what = Deed(f"trade {trade}", trade, {}, {"state": "COLLECTED"})
        sent = ledger.submitter("platform").send(contracts.treasury.collect(event["tradeId"]), what)
        (split,) = contracts.treasury.history(
            ("ProceedsCollected",), first, contracts.chain.head(), tradeId=event["tradeId"]
        )
        amounts = (split["grossFen"], split["feeFen"], split["peopleFen"])
        done.append(Collected(trade, event["issuance"], *amounts, sent))
    return done


def _code(ref: str) -> bytes:
    if not ref:
        raise InputError("a reference is needed", hint="a number of your own; it is used once")
    return ref32("offer", ref)
