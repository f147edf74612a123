"""What happens to the money of sales: the treasury's rules, offers and collections, payout runs and payments."""

from __future__ import annotations

from typing import Any, Final

from tests.properties.calls import Call, Rule
from tests.properties.draw import UNSIGNED, Draw, Drawn, authorise
from tests.properties.evidence import Book, book_of_proceeds, proceeds_now
from tests.properties.world import ACCOUNTS, NOTICE_S

DAY: Final = 86_400

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
    add_rule: 2,
    offer: 7,
    withdraw_offer: 4,
    collect: 9,
    publish_run: 12,
    attest_run: 16,
    cancel_run: 12,
    claim: 7,
    claim_for: 7,
    pay: 7,
}
