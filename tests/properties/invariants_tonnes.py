"""I1, I4 and I6, on tonnes and their money: where every serial is, and where every fen went."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

from tests.properties.ledgers import Twin
from tests.properties.model_reductions import Place, ranges

EVERY_SERIAL: Final = (0, 2**24)
Range = tuple[int, int]


def _holders(twin: Twin) -> list[str]:
    """Whoever can ever have had tonnes: nobody gets any without being admitted."""
    return list(twin.model.participants.known)


def _ranges(twin: Twin, holder: str, issuance: int, place: Place) -> list[Range]:
    found = twin.world.view("CertifiedReductions", "rangesOf", holder, issuance, int(place), *EVERY_SERIAL)
    return [(one.first, one.last) for one in found]


def _tonnes(spans: list[Range]) -> int:
    return sum(last - first + 1 for first, last in spans)


def invariant_i1_what_was_issued_is_held_listed_retired_or_cancelled(twin: Twin) -> None:
    """Per issuance the places together have every serial once, and the balances are as many."""
    view, next_first = twin.world.view, 1
    for issuance, known in twin.model.reductions.issuances.items():
        issued = view("CertifiedReductions", "issuanceOf", issuance)
        by_place: dict[Place, list[Range]] = {place: [] for place in list(Place)[1:]}
        for holder in _holders(twin):
            spans = {place: _ranges(twin, holder, issuance, place) for place in by_place}
            for place, found in spans.items():
                assert found == ranges(twin.model.reductions.at(issuance, holder, place)), (issuance, holder, place)
                by_place[place] += found
            listed = _tonnes(spans[Place.LISTED])
            assert view("CertifiedReductions", "listedOf", holder, issuance) == listed
            assert view("CertifiedReductions", "balanceOf", holder, issuance) == _tonnes(spans[Place.HELD]) + listed
            frozen = view("CertifiedReductions", "frozenOf", holder, issuance)
            assert frozen == twin.model.reductions.frozen.get((issuance, holder), 0)
        assert (issued.firstSerial, issued.tonnes, issued.status) == (next_first, known.tonnes, known.status)
        next_first += issued.tonnes
        everywhere = sorted(span for found in by_place.values() for span in found)
        assert all(first == last + 1 for (_, last), (first, _) in pairwise(everywhere))
        assert (everywhere[0][0], everywhere[-1][1]) == (issued.firstSerial, issued.firstSerial + issued.tonnes - 1)
        assert (_tonnes(by_place[Place.RETIRED]), _tonnes(by_place[Place.CANCELLED])) == (
            issued.retired,
            issued.cancelled,
        )
        standing = issued.tonnes - issued.retired - issued.cancelled
        assert view("CertifiedReductions", "totalSupply", issuance) == standing
    assert view("CertifiedReductions", "nextSerial") == next_first
    assert view("CertifiedReductions", "issuanceCount") == len(twin.model.reductions.issuances)


@dataclass
class Memory:
    """What may never change again."""

    retired: dict[tuple[int, str], set[int]] = field(default_factory=dict)
    certificates: dict[int, Any] = field(default_factory=dict)


def invariant_i4_retired_is_absorbing(twin: Twin, memory: Memory) -> None:
    """A retired serial stays where it is, with the certificate it was retired for."""
    view, certified = twin.world.view, Counter[tuple[int, str, int]]()
    for number in range(1, view("RetirementCertificates", "certificateCount") + 1):
        certificate = view("RetirementCertificates", "certificateOf", number)
        assert memory.certificates.setdefault(number, certificate) == certificate
        assert view("RetirementCertificates", "ownerOf", number) == certificate.holder
        spans = [(one.first, one.last) for one in certificate.ranges]
        assert spans == twin.model.certificates.made[number - 1].ranges
        assert _tonnes(spans) == certificate.tonnes
        for first, last in spans:
            certified.update((certificate.issuance, certificate.holder, n) for n in range(first, last + 1))
    assert set(certified.values()) <= {1}
    found: set[tuple[int, str, int]] = set()
    for issuance in twin.model.reductions.issuances:
        for holder in _holders(twin):
            spans = _ranges(twin, holder, issuance, Place.RETIRED)
            serials = {n for first, last in spans for n in range(first, last + 1)}
            before = memory.retired.get((issuance, holder), set())
            assert before <= serials
            memory.retired[issuance, holder] = serials
            found |= {(issuance, holder, n) for n in serials}
    assert found == set(certified)


def invariant_i6_payouts_fee_and_remainder_are_the_proceeds(twin: Twin) -> None:
    """To the fen: what the treasury's tonnes were sold for is the fee, what the people got, and what is still there."""
    view, treasury = twin.world.view, twin.world.at["ProgrammeTreasury"]
    distributor = twin.world.at["ProceedsDistributor"]
    sold = {
        one["tradeId"]: one["tonnes"] * one["priceFen"]
        for one in twin.emitted("TradeSettled")
        if one["seller"] == treasury
    }
    collected = twin.emitted("ProceedsCollected")
    assert all(one["grossFen"] == one["feeFen"] + one["peopleFen"] == sold[one["tradeId"]] for one in collected)
    for one in collected:
        trade = twin.model.settlement.trades[one["tradeId"]]
        assert one["feeFen"] == sold[one["tradeId"]] * twin.model.treasury.rule_at(trade.settled_at).fee_bps // 10_000
    fee = sum(one["feeFen"] for one in collected)
    paid = sum(one["fen"] for one in twin.emitted("ProceedsClaimed", "ProceedsPaid"))
    rest = view("SettlementCash", "balanceOf", treasury) + view("SettlementCash", "balanceOf", distributor)
    assert sum(sold.values()) == fee + paid + rest

    funded, attested = view("ProceedsDistributor", "fundedFen"), view("ProceedsDistributor", "attestedFen")
    assert funded == sum(one["peopleFen"] for one in collected) == twin.model.distributor.funded()
    issuances = twin.model.reductions.issuances
    assert funded == sum(view("ProceedsDistributor", "fundedOf", issuance) for issuance in issuances)
    assert view("ProceedsDistributor", "paidFen") == paid <= attested <= funded
    assert paid == sum(view("ProceedsDistributor", "paidOf", account) for account in twin.model.distributor.paid)
    assert view("SettlementCash", "balanceOf", distributor) == funded - paid

    supply = sum(one["fen"] for one in twin.emitted("CashMinted"))
    supply -= sum(one["fen"] for one in twin.emitted("CashBurnt"))
    assert view("SettlementCash", "totalSupply") == supply == twin.model.cash.supply()
    assert sum(view("SettlementCash", "balanceOf", account) for account in twin.model.cash.balances) == supply
