"""Looking up serials: where a tonne came from, who holds it, every event of it, or its certificate."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from registry.chain.contracts.certified_reductions import IssuanceRecord, Place, SerialMove
from registry.core.serial import SerialNumbers, SerialRange
from registry.errors import NotFoundError
from registry.services.ledger import Ledger
from registry.units import U64_MAX

_RANGE: Final = re.compile(r"([0-9]{1,30})(?:-([0-9]{1,30}))?")


@dataclass(frozen=True)
class SerialHistory:
    """What is known of serials of one issuance: `parts` says where each part is, and which certificate retired it."""

    issuance: IssuanceRecord
    serials: SerialRange
    parts: list[tuple[SerialRange, str, Place, int]]
    moves: list[SerialMove]


def look_up(ledger: Ledger, text: str) -> SerialHistory:
    """A serial (`1234`), a range (`1234-1250`) or the printed form of one; raises NotFoundError or InputError.

    Read from the movements' events alone, so that it shows what any auditor sees.
    """
    serials = parse(ledger, text)
    contracts = ledger.contracts
    if serials.last >= contracts.reductions.next_serial():
        raise NotFoundError(f"serial {serials.last} was never issued")
    number = contracts.reductions.issuance_at(serials.first)
    issuance = contracts.reductions.issuance(number)
    if issuance is None or serials.last > issuance.serials.last:
        raise NotFoundError(f"serials {serials} are of several issuances", hint="ask for each issuance's part")
    first, head = contracts.deployment.first_block, contracts.chain.head()
    moves = [m for m in contracts.reductions.moves(first, head, issuance=number) if overlap(m.serials, serials)]
    return SerialHistory(issuance, serials, _certified(ledger, number, now(serials, moves)), moves)


def parse(ledger: Ledger, text: str) -> SerialRange:
    """The serials a text names; raises InputError, or NotFoundError for numbers no tonne has."""
    if found := _RANGE.fullmatch(text):
        first, last = int(found[1]), int(found[2] or found[1])
        if 1 <= first <= last <= U64_MAX:
            return SerialRange(first, last)
        raise NotFoundError(f"{text} is no range of serials", hint="as 1234 or 1234-1250; the first serial is 1")
    return SerialNumbers.parse(text, ledger.config.programme).serials


def now(serials: SerialRange, moves: list[SerialMove]) -> list[tuple[SerialRange, str, Place]]:
    """Where each part of the serials is after these movements, ascending; neighbours in the same place are one part."""
    parts: list[tuple[SerialRange, str, Place]] = []
    for move in moves:
        moved = overlap(move.serials, serials)
        if moved is None:
            continue
        kept = [(left, holder, place) for part, holder, place in parts for left in without(part, moved)]
        parts = [*kept, (moved, move.holder_to, move.place_to)]
    merged: list[tuple[SerialRange, str, Place]] = []
    for part, holder, place in sorted(parts, key=lambda p: p[0].first):
        if merged and merged[-1][1:] == (holder, place) and merged[-1][0].last + 1 == part.first:
            merged[-1] = (SerialRange(merged[-1][0].first, part.last), holder, place)
        else:
            merged.append((part, holder, place))
    return merged


def overlap(one: SerialRange, other: SerialRange) -> SerialRange | None:
    """The serials in both, if any."""
    first, last = max(one.first, other.first), min(one.last, other.last)
    return SerialRange(first, last) if first <= last else None


def without(part: SerialRange, taken: SerialRange) -> list[SerialRange]:
    """What is left of `part` without the serials `taken`."""
    left = []
    if part.first < taken.first:
        left.append(SerialRange(part.first, min(part.last, taken.first - 1)))
    if part.last > taken.last:
        left.append(SerialRange(max(part.first, taken.last + 1), part.last))
    return left


def serial_text(ledger: Ledger, issuance: int, class_id: int, serials: SerialRange) -> str:
    """Serials as they are printed on a certificate."""
    numbers = SerialNumbers(ledger.config.programme, class_id >> 16, class_id & 0xFFFF, issuance, serials)
    return numbers.text()


def history_json(ledger: Ledger, found: SerialHistory) -> dict[str, Any]:
    """A look-up as `--json` prints it."""
    issuance = found.issuance
    return {
        "serials": serial_text(ledger, issuance.number, issuance.class_id, found.serials),
        "tonnes": found.serials.count,
        "issuance": {
            "number": issuance.number,
            "status": issuance.status.name,
            "methodology": issuance.class_id >> 16,
            "vintage": issuance.class_id & 0xFFFF,
            "tonnes": issuance.tonnes,
            "issued_at": issuance.issued_at,
            "dossier": "0x" + issuance.dossier.hex(),
        },
        "now": [
            {"first": p.first, "last": p.last, "holder": holder, "place": place.name, "certificate": number or None}
            for p, holder, place, number in found.parts
        ],
        "events": [
            {
                "first": m.serials.first,
                "last": m.serials.last,
                "from": m.holder_from,
                "from_place": m.place_from.name,
                "to": m.holder_to,
                "to_place": m.place_to.name,
                "block": m.block,
                "transaction": m.transaction,
            }
            for m in found.moves
        ],
    }


def _certified(
    ledger: Ledger, issuance: int, parts: list[tuple[SerialRange, str, Place]]
) -> list[tuple[SerialRange, str, Place, int]]:
    """The parts, what is retired cut by the certificates that retired it; 0 where there is none."""
    certificates, first = ledger.contracts.certificates, ledger.contracts.deployment.first_block
    retired: list[tuple[SerialRange, int]] = []
    if any(place is Place.RETIRED for _, _, place in parts):
        for event in certificates.history(("Retired",), first, ledger.contracts.chain.head(), issuance=issuance):
            found = certificates.find(event["certificate"])
            retired += [(each, event["certificate"]) for each in found.ranges] if found else []
    cut: list[tuple[SerialRange, str, Place, int]] = []
    for part, holder, place in parts:
        left = [part]
        for serials, number in retired if place is Place.RETIRED else []:
            if shared := overlap(part, serials):
                cut.append((shared, holder, place, number))
                left = [rest for each in left for rest in without(each, shared)]
        cut += [(rest, holder, place, 0) for rest in left]
    return sorted(cut, key=lambda each: each[0].first)
