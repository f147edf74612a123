"""What the platform, the verifiers and the people do with trips and points."""

from __future__ import annotations

from typing import Final

from tests.properties.calls import PEOPLE, ZERO32, Batch, Call
from tests.properties.draw import UNSIGNED, Draw, Drawn, authorise
from tests.properties.evidence import Book, book_of_entitlements, conversions_of, entitlements_after
from tests.properties.hashes import epoch_digest
from tests.properties.model_points import MARKET, expiry_of
from tests.properties.model_trips import BatchStatus, local
from tests.properties.world import ACCOUNTS

TONNE: Final = 10**9


def publish(d: Draw) -> Call:
    number = len(d.model.methodologies.published) + 1
    methodology = (d.ref(), d.ref(), d.ref(), d.one_of((20100101, 20140101)), d.one_of((0, 20991231)))
    return Call(d.office("regulator"), "MethodologyRegistry", "publish", (number, methodology))


def end(d: Draw) -> Call | None:
    number = d.likely(list(d.model.methodologies.published)[2:], d.model.methodologies.published)
    if number is None:
        return None
    latest = d.model.methodologies.end_of[number] or 29991231
    date = d.one_of((latest, latest - 10_000, latest - 20_000, latest + 10_000, 20000101))
    return Call(d.office("regulator"), "MethodologyRegistry", "end", (number, date))


def register_source(d: Draw) -> Call:
    signer = ACCOUNTS["insider" if d.chance(25) else "platform"]
    return Call(
        d.office("regulator"), "TripAnchors", "registerSource", (d.ref(), signer, d.rng.randint(50, 99) * TONNE)
    )


def update_source(d: Draw) -> Call | None:
    name = d.likely(d.model.anchors.sources)
    if name is None:
        return None
    source = d.model.anchors.sources[name]
    signer = d.one_of((ACCOUNTS["platform"], ACCOUNTS["insider"], source.signer))
    cap = d.one_of((source.cap_mg, source.cap_mg + TONNE, source.cap_mg // 2))
    active = not source.active or d.chance(60)
    return Call(d.office("regulator"), "TripAnchors", "updateSource", (name, signer, cap, active))


def set_quorum(d: Draw) -> Call:
    return d.delayed("TripAnchors", "setQuorum", d.one_of((1, 1, 2)))


def anchor(d: Draw) -> Call | None:
    sources = d.model.anchors.sources
    name = d.likely([one for one in sources if sources[one].active], sources)
    methodologies = d.model.methodologies.published
    if name is None or not methodologies:
        return None
    today = local(d.model.now)
    day = d.one_of((20150610, 20251220, today.year * 10_000 + today.month * 100 + today.day))
    stream = d.model.anchors.stream(name, day)
    batch = Batch(
        source=name,
        service_date=day,
        sequence=len(stream),
        methodology=d.one_of(list(methodologies)[:2]),
        trip_count=d.rng.randint(1, 9_999),
        reduction_mg=d.rng.randint(TONNE // 5, 8 * TONNE),
        trip_root=d.ref(),
        leaves_digest=d.ref(),
        input_digest=d.ref(),
        previous=stream[-1] if stream else ZERO32,
    )
    caller = sources[name].signer if d.chance(97) else d.anyone()
    return Call(caller, "TripAnchors", "anchor", (batch,))


def attest(d: Draw) -> Call | None:
    batches = d.model.anchors.batches
    number = d.likely([one for one in batches if batches[one].status == BatchStatus.ANCHORED], batches)
    if number is None:
        return None
    return Call(d.office("verifier", batches[number].anchored_by), "TripAnchors", "attest", (number,))


def reject(d: Draw) -> Call | None:
    batches = d.model.anchors.batches
    waiting = (BatchStatus.ANCHORED, BatchStatus.ATTESTED)
    number = d.likely([one for one in batches if batches[one].status in waiting], batches)
    if number is None:
        return None
    return Call(d.office("verifier"), "TripAnchors", "reject", (number, d.reason()))


def publish_epoch(d: Draw) -> Call | None:
    batches = d.model.anchors.batches
    attested = [one for one in batches if batches[one].status == BatchStatus.ATTESTED]
    if not attested:
        return None
    chosen = tuple(d.rng.sample(attested, d.rng.randint(1, min(4, len(attested)))))
    if d.chance(4):  # one that is in an epoch already, or twice
        chosen = (*chosen, d.one_of(list(batches)))
    book = entitlements_after(d.model, chosen)
    conversions = conversions_of(d.model, book)
    if d.chance(20):
        greedy = d.one_of(list(book.rows))
        earned, converted = book.rows[greedy]
        published = {**book.rows, greedy: (earned + d.rng.randint(1, 60 * TONNE), converted)}
        book = book_of_entitlements(book.rows, published)
    if d.chance(1):
        conversions = (conversions or ((1, 1),)) * 33
    d.model.evidence[book.root] = book
    number = len(d.model.points.epochs) + 1
    args = (number, book.root, len(book.leaves), chosen, conversions)
    return Call(d.office("platform"), "CarbonPoints", "publishEpoch", args)


def attest_epoch(d: Draw) -> Call | None:
    epochs = list(enumerate(d.model.points.epochs, 1))
    chosen = d.likely([one for one in epochs if not one[1].attested], epochs)
    if chosen is None:
        return None
    verifier = d.office("verifier", chosen[1].publisher)
    return Call(verifier, "CarbonPoints", "attestEpoch", (chosen[0], chosen[1].digest))


def cancel_epoch(d: Draw) -> Call | None:
    epochs = list(enumerate(d.model.points.epochs, 1))
    chosen = d.likely(epochs[d.model.points.active() :], epochs)
    if chosen is None:
        return None
    number, epoch = chosen
    args = (number, epoch.batch_ids, epoch.conversions, d.reason())
    assert epoch.digest == epoch_digest(number, epoch.root, epoch.size, epoch.batch_ids, epoch.conversions)
    return Call(ACCOUNTS["guardian"], "CarbonPoints", "cancelEpoch", args)


def _book_in_force(d: Draw) -> Book | None:
    active = d.model.points.active()
    book = d.model.evidence.get(d.model.points.epochs[active - 1].root) if active else None
    return book if isinstance(book, Book) else None


def claim(d: Draw) -> Call | None:
    book = _book_in_force(d)
    if book is None:
        nothing = (d.person(), 1 << 16 | 2015, 1, 0, 0, ())
        return Call(d.anyone(), "CarbonPoints", "claim", nothing) if d.chance(5) else None
    rows = list(enumerate(book.entitlements))
    claimed = d.model.points.claimed
    open_rows = [one for one in rows if one[1][2] - one[1][3] != claimed.get(one[1][:2], 0)]
    chosen = d.likely(open_rows, rows)
    if chosen is None:
        return None
    index, row = chosen
    return Call(d.anyone(), "CarbonPoints", "claim", (*row, index, book.proof(index)))


def _redemption(d: Draw) -> tuple[str, int, int, int, bytes] | None:
    points = d.model.points
    balances = {key: points.balance(*key) for key in points.claimed}
    chosen = d.likely([key for key, mg in balances.items() if mg], balances)
    if chosen is None:
        return None
    channel = MARKET if d.chance(60) else d.rng.randrange(4)
    return (*chosen, d.amount(balances[chosen]), channel, d.ref())


def redeem(d: Draw) -> Call | None:
    drawn = _redemption(d)
    return drawn and Call(drawn[0], "CarbonPoints", "redeem", drawn[1:])


def redeem_for(d: Draw) -> Call | None:
    drawn = _redemption(d)
    if drawn is None:
        return None
    return authorise(Call(d.anyone(), "CarbonPoints", "redeemFor", (*drawn, d.deadline(), UNSIGNED)))


def expire(d: Draw) -> Call | None:
    points = d.model.points
    held = [key for key in points.claimed if points.balance(*key)]
    chosen = d.likely([key for key in held if d.model.now >= expiry_of(key[1])], points.claimed)
    return chosen and Call(d.anyone(), "CarbonPoints", "expire", chosen)


def _next_number(d: Draw, holder: str) -> int:
    known = d.model.mandates.latest.get(holder)
    return known.number + 1 if known else 1


def _without_mandate(d: Draw) -> str | None:
    people = [ACCOUNTS[person] for person in PEOPLE]
    return d.likely([one for one in people if not d.model.mandates.is_active(one)], people)


def _with_mandate(d: Draw) -> tuple[str, int] | None:
    latest = d.model.mandates.latest
    holder = d.likely([one for one in latest if d.model.mandates.is_active(one)], latest)
    return None if holder is None else (holder, latest[holder].number)


def give(d: Draw) -> Call | None:
    holder = _without_mandate(d)
    return holder and Call(holder, "Mandates", "give", (d.reason(), _next_number(d, holder)))


def give_for(d: Draw) -> Call | None:
    holders = [_without_mandate(d) for _ in range(d.rng.randint(1, 3))]
    mandates = tuple((one, d.reason(), _next_number(d, one), d.deadline()) for one in holders if one)
    return authorise(Call(d.anyone(), "Mandates", "giveFor", (mandates, ())))


def revoke(d: Draw) -> Call | None:
    chosen = _with_mandate(d)
    return chosen and Call(chosen[0], "Mandates", "revoke", (chosen[1],))


def revoke_for(d: Draw) -> Call | None:
    chosen = _with_mandate(d)
    return chosen and authorise(Call(d.anyone(), "Mandates", "revokeFor", (*chosen, d.deadline(), UNSIGNED)))


# how often each is drawn, relative to the others
OPERATIONS: Final[dict[Drawn, int]] = {
    publish: 1,
    end: 3,
    register_source: 1,
    update_source: 3,
    set_quorum: 3,
    anchor: 10,
    attest: 10,
    reject: 3,
    publish_epoch: 10,
    attest_epoch: 10,
    cancel_epoch: 4,
    claim: 12,
    redeem: 8,
    redeem_for: 8,
    expire: 5,
    give: 2,
    give_for: 2,
    revoke: 3,
    revoke_for: 3,
}
