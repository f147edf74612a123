"""Serial numbers: one integer a tonne, counted programme-wide from 1, held and moved as inclusive ranges.

    PROGRAMME-METHODOLOGY-VINTAGE-ISSUANCE-FIRST-LAST          e.g. PUHUI-001-2026-12-1001-1234

PROGRAMME is the operator's own mark and comes from its configuration; a programme that has to print the serials of its
regulator's system has to be given that system's format first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from registry.errors import InputError, VerificationError
from registry.units import U32_MAX, U64_MAX

Owner = TypeVar("Owner")
_PROGRAMME: Final = re.compile(r"[A-Z][A-Z0-9]{1,15}")
_NUMBER: Final = r"([1-9][0-9]{0,19})"
_TEXT: Final = re.compile(rf"([A-Z0-9]+)-([0-9]{{3}})-([0-9]{{4}})-{_NUMBER}-{_NUMBER}-{_NUMBER}")


@dataclass(frozen=True, order=True, slots=True)
class SerialRange:
    """Serials `first` to `last`, both included; raises VerificationError when that is no range."""

    first: int
    last: int

    def __post_init__(self) -> None:
        if not 1 <= self.first <= self.last <= U64_MAX:
            raise VerificationError(f"serials {self.first} to {self.last} are no range")

    @property
    def count(self) -> int:
        """How many tonnes the range is."""
        return self.last - self.first + 1

    def __str__(self) -> str:
        return f"{self.first}..{self.last}"


def merge(ranges: Iterable[SerialRange]) -> list[SerialRange]:
    """The same serials in as few ranges as can be, ascending; raises VerificationError when a serial is in two."""
    merged: list[SerialRange] = []
    for each in sorted(ranges):
        if merged and each.first <= merged[-1].last:
            raise VerificationError(f"serial {each.first} is in {merged[-1]} and in {each}")
        if merged and each.first == merged[-1].last + 1:
            merged[-1] = SerialRange(merged[-1].first, each.last)
        else:
            merged.append(each)
    return merged


def take_lowest(ranges: Iterable[SerialRange], tonnes: int) -> tuple[list[SerialRange], list[SerialRange]]:
    """Split ranges into the `tonnes` lowest serials and the rest, both merged, splitting one range at most.

    Raises VerificationError when there are fewer serials than that.
    """
    if tonnes < 0:
        raise ValueError(f"negative amount: {tonnes} t")
    taken: list[SerialRange] = []
    left: list[SerialRange] = []
    missing = tonnes
    for each in merge(ranges):
        part = min(missing, each.count)
        missing -= part
        if part:
            taken.append(SerialRange(each.first, each.first + part - 1))
        if part < each.count:
            left.append(SerialRange(each.first + part, each.last))
    if missing:
        raise VerificationError(f"{tonnes} t are to be taken from {tonnes - missing} t")
    return taken, left


def require_partition(ranges_by_owner: Mapping[Owner, Sequence[SerialRange]], first: int, last: int) -> None:
    """Check that the owners hold every serial from `first` to `last` once and no other.

    Raises VerificationError naming the first stray, overlap or gap in ascending order.
    """
    held = sorted(
        ((each, str(owner)) for owner, ranges in ranges_by_owner.items() for each in ranges),
        key=lambda item: (item[0].first, item[0].last, item[1]),
    )
    following, before = first, ""
    for each, owner in held:
        if each.first < first or each.last > last:
            raise VerificationError(f"serials {each} of {owner} are outside {first}..{last}")
        if each.first < following:
            overlap = SerialRange(each.first, min(each.last, following - 1))
            raise VerificationError(f"serials {overlap} are held by {before} and by {owner}")
        if each.first > following:
            raise VerificationError(f"serials {SerialRange(following, each.first - 1)} are held by nobody")
        following, before = each.last + 1, owner
    if following <= last:
        raise VerificationError(f"serials {SerialRange(following, last)} are held by nobody")


@dataclass(frozen=True)
class SerialNumbers:
    """Serials of one issuance as they are printed; methodology 1..999, vintage a year of four digits.

    Raises InputError naming the part that cannot be printed.
    """

    programme: str
    methodology: int
    vintage: int
    issuance: int
    serials: SerialRange

    def __post_init__(self) -> None:
        if not _PROGRAMME.fullmatch(self.programme):
            raise InputError(f"programme {self.programme!r} is not 2 to 16 of A-Z and 0-9, starting with a letter")
        for name, least, most in (("methodology", 1, 999), ("vintage", 1000, 9999), ("issuance", 1, U32_MAX)):
            if not least <= getattr(self, name) <= most:
                raise InputError(f"{name} {getattr(self, name)} cannot stand in a serial number: it is {least}..{most}")

    def text(self) -> str:
        """The one text of these serials."""
        head = f"{self.programme}-{self.methodology:03d}-{self.vintage}-{self.issuance}"
        return f"{head}-{self.serials.first}-{self.serials.last}"

    @classmethod
    def parse(cls, text: str, programme: str) -> SerialNumbers:
        """The inverse of `text` for a programme's own serials; raises InputError on anything else."""
        if not (found := _TEXT.fullmatch(text)):
            raise InputError(
                f"{text!r} is no range of serial numbers",
                hint=f"it reads {programme}-METHODOLOGY-VINTAGE-ISSUANCE-FIRST-LAST, e.g. {programme}-001-2026-1-1-10",
            )
        if found[1] != programme:
            raise InputError(f"serial numbers of programme {found[1]!r}, not of {programme!r}")
        methodology, vintage, issuance, first, last = (int(number) for number in found.groups()[1:])
        try:
            serials = SerialRange(first, last)
        except VerificationError as error:
            raise InputError(error.message) from error
        return cls(programme, methodology, vintage, issuance, serials)
