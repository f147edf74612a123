"""Replaying every serial from its movements alone: each is in one place, and what was retired or cancelled stays."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict

from registry.audit.scope import NOBODY, Scope, require, require_equal
from registry.chain.contracts.certified_reductions import IssuanceStatus, Place, SerialMove
from registry.chain.logs import Event
from registry.core.serial import SerialRange, require_partition
from registry.errors import VerificationError

MOVES = "serials replayed from their movements"
FINAL = "retired and cancelled serials stay"
PLACES = "every serial issued is in one place"
HOLDINGS = "holdings equal their serials"

Owner = tuple[str, Place]
_NOWHERE: Owner = (NOBODY, Place.NOWHERE)
_FINAL = (Place.RETIRED, Place.CANCELLED)
# (from, to): whether the serials stay with the same account
_STEPS = {
    (Place.NOWHERE, Place.HELD): False,
    (Place.HELD, Place.LISTED): True,
    (Place.LISTED, Place.HELD): None,  # unlisted by the same account, or settled to another
    (Place.HELD, Place.HELD): False,
    (Place.HELD, Place.RETIRED): True,
    (Place.HELD, Place.CANCELLED): True,
    (Place.LISTED, Place.CANCELLED): True,
}


class SerialPlaces:
    """Where the serials of one issuance are; they are nowhere until they are issued."""

    def __init__(self, serials: SerialRange) -> None:
        self._ranges: dict[Owner, list[SerialRange]] = defaultdict(list, {_NOWHERE: [serials]})

    def move(self, serials: SerialRange, origin: Owner, target: Owner) -> None:
        """Move serials that are all at `origin`; raises VerificationError when they are not."""
        self._take(serials, origin)
        self._put(serials, target)

    def ranges(self, owner: Owner) -> list[SerialRange]:
        """The owner's ranges, ascending and merged."""
        return list(self._ranges.get(owner, ()))

    def owners(self) -> list[Owner]:
        """Everybody who ever had one of the serials."""
        return [owner for owner in self._ranges if owner != _NOWHERE]

    def tonnes(self, *places: Place) -> int:
        """How many serials are in these places, of whomever."""
        return sum(r.count for (_, place), ranges in self._ranges.items() if place in places for r in ranges)

    def of(self, holder: str, place: Place) -> int:
        """How many serials a holder has in a place."""
        return sum(each.count for each in self._ranges.get((holder, place), ()))

    def _take(self, serials: SerialRange, owner: Owner) -> None:
        ranges = self._ranges.get(owner, [])
        at = bisect_right(ranges, serials.first, key=lambda r: r.first) - 1
        if at < 0 or ranges[at].last < serials.last:
            raise VerificationError(f"serials {serials} were not {owner[1].name} of {owner[0]}")
        found, left = ranges[at], []
        if found.first < serials.first:
            left.append(SerialRange(found.first, serials.first - 1))
        if serials.last < found.last:
            left.append(SerialRange(serials.last + 1, found.last))
        ranges[at : at + 1] = left

    def _put(self, serials: SerialRange, owner: Owner) -> None:
        ranges = self._ranges[owner]
        at = bisect_right(ranges, serials.first, key=lambda r: r.first)
        first, last, start, end = serials.first, serials.last, at, at
        if at and ranges[at - 1].last + 1 == first:
            first, start = ranges[at - 1].first, at - 1
        if at < len(ranges) and ranges[at].first == last + 1:
            last, end = ranges[at].last, at + 1
        ranges[start:end] = [SerialRange(first, last)]


class SerialsAudit:
    """Audits the serials of all issuances."""

    def __init__(self, scope: Scope) -> None:
        self.scope, self.findings, self.reductions = scope, scope.findings, scope.contracts.reductions
        self.issued: dict[int, Event] = {}
        self.moves: list[SerialMove] = []
        self.places: dict[int, SerialPlaces] = {}
        self.totals: dict[str, object] = {}

    def run(self) -> None:
        """Replay all movements, then compare with what the chain holds."""
        units = {MOVES: "movements", FINAL: "tonnes", PLACES: "issuances", HOLDINGS: "holdings"}
        for name, unit in units.items():
            self.findings.open(name, unit)
        for event in self.scope.events(self.reductions, "ReductionsIssued"):
            first, tonnes = event["firstSerial"], event["tonnes"]
            if event["issuance"] not in self.issued and tonnes:
                self.issued[event["issuance"]] = event
                self.places[event["issuance"]] = SerialPlaces(SerialRange(first, first + tonnes - 1))
        self.moves = self.reductions.moves(self.scope.contracts.deployment.first_block, self.scope.block)
        for move in self.moves:
            if move.place_from in _FINAL:
                self.findings.wrong(FINAL, f"serials {move.serials} left {move.place_from.name} of {move.holder_from}")
                continue
            with self.findings.checking(MOVES):
                self._replay(move)
        self.findings.right(FINAL, sum(each.tonnes(*_FINAL) for each in self.places.values()))
        self._issuances()
        # Everybody a movement names, whether or not it could be replayed.
        named: dict[int, set[str]] = defaultdict(set)
        for move in self.moves:
            named[move.issuance] |= {move.holder_from, move.holder_to} - {NOBODY}
        for number, places in self.places.items():
            for holder in sorted(named[number]):
                with self.findings.checking(HOLDINGS):
                    self._holding(number, holder, places)
        self._totals()

    def _replay(self, move: SerialMove) -> None:
        where = f"issuance {move.issuance}"
        require(move.issuance in self.places, f"{where}: serials {move.serials} moved, and it was never issued")
        step = (move.place_from, move.place_to)
        named = f"{where}: serials {move.serials} went from {step[0].name} to {step[1].name}"
        stays = _STEPS.get(step, False)
        require(step in _STEPS and stays in (None, move.holder_from == move.holder_to), f"{named} of {move.holder_to}")
        if move.place_from is Place.NOWHERE:
            issued = self.issued[move.issuance].transaction
            require(move.transaction == issued, f"{named} in a transaction that issued nothing")
        origin, target = (move.holder_from, move.place_from), (move.holder_to, move.place_to)
        self.places[move.issuance].move(move.serials, origin, target)

    def _issuances(self) -> None:
        following = 1
        for number, event in self.issued.items():
            with self.findings.checking(PLACES):
                self._issuance(number, event, following)
            following = event["firstSerial"] + event["tonnes"]
        upcoming = self.reductions.next_serial(self.scope.block)
        if upcoming != following:
            self.findings.wrong(PLACES, f"the chain's next serial is {upcoming}, recomputed {following}")

    def _issuance(self, number: int, event: Event, following: int) -> None:
        """One issuance: its interval, I1, and what the chain holds of it."""
        where, places = f"issuance {number}", self.places[number]
        require_equal(f"{where}: its first serial", event["firstSerial"], following)
        every = SerialRange(event["firstSerial"], event["firstSerial"] + event["tonnes"] - 1)
        require_partition({owner: places.ranges(owner) for owner in places.owners()}, every.first, every.last)
        record = self.reductions.issuance(number, self.scope.block)
        if record is None:
            raise VerificationError(f"{where}: the chain has no record of it")
        facts = (record.class_id, record.dossier, record.issued_at)
        require_equal(
            f"{where}: class, dossier and time", facts, (event["classId"], event["dossier"], self.scope.time(event))
        )
        require_equal(f"{where}: its serials", record.serials, every)
        require_equal(f"{where}: retired", record.retired, places.tonnes(Place.RETIRED))
        require_equal(f"{where}: cancelled", record.cancelled, places.tonnes(Place.CANCELLED))
        require(
            not record.cancelled or record.status is IssuanceStatus.CANCELLED, f"{where} was withdrawn, not cancelled"
        )
        supply = self.reductions.total_supply(number, self.scope.block)
        require_equal(f"{where}: tonnes in accounts", supply, places.tonnes(Place.HELD, Place.LISTED))
        require_equal(f"{where}: its tonnes", supply + record.retired + record.cancelled, event["tonnes"])

    def _holding(self, number: int, holder: str, places: SerialPlaces) -> None:
        where, block = f"issuance {number}: {holder}", self.scope.block
        held, listed = places.of(holder, Place.HELD), places.of(holder, Place.LISTED)
        require_equal(f"{where}: its balance", self.reductions.balance(holder, number, block), held + listed)
        require_equal(f"{where}: listed", self.reductions.listed(holder, number, block), listed)
        for place in (Place.HELD, Place.LISTED):
            found = self.reductions.ranges(holder, number, place, block)
            require_equal(f"{where}: serials {place.name}", found, places.ranges((holder, place)))

    def _totals(self) -> None:
        def tonnes(*places: Place) -> int:
            return sum(each.tonnes(*places) for each in self.places.values())

        self.totals = {
            "issuances": len(self.issued),
            "issued_t": sum(event["tonnes"] for event in self.issued.values()),
            "held_t": tonnes(Place.HELD),
            "listed_t": tonnes(Place.LISTED),
            "retired_t": tonnes(Place.RETIRED),
            "cancelled_t": tonnes(Place.CANCELLED),
        }
