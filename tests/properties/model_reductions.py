"""The model's tonnes: a list of serials for each issuance, holder and place, the lowest moved first."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from tests.properties.calls import NOBODY, ZERO32, refuse

if TYPE_CHECKING:
    from tests.properties.model import Programme

MAX_RANGES = 16


class Place(IntEnum):
    NOWHERE, HELD, LISTED, RETIRED, CANCELLED = range(5)


class IssuanceStatus(IntEnum):
    NONE, ACTIVE, SUSPENDED, CANCELLED = range(4)


@dataclass
class Issuance:
    class_id: int
    first: int
    tonnes: int
    dossier: bytes
    issued_at: int
    status: IssuanceStatus = IssuanceStatus.ACTIVE
    reason: bytes = ZERO32


def ranges(serials: list[int]) -> list[tuple[int, int]]:
    """Ascending serials as (first, last)."""
    found: list[tuple[int, int]] = []
    for serial in serials:
        if found and found[-1][1] + 1 == serial:
            found[-1] = (found[-1][0], serial)
        else:
            found.append((serial, serial))
    return found


class Reductions:
    def __init__(self, ledger: Programme) -> None:
        self.ledger = ledger
        self.issuances: dict[int, Issuance] = {}
        self.serials: dict[tuple[int, str, Place], list[int]] = {}
        self.frozen: dict[tuple[int, str], int] = {}
        self.operators: set[tuple[str, str]] = set()

    def at(self, issuance: int, holder: str, place: Place) -> list[int]:
        return self.serials.setdefault((issuance, holder, place), [])

    def balance(self, holder: str, issuance: int) -> int:
        return len(self.at(issuance, holder, Place.HELD)) + len(self.at(issuance, holder, Place.LISTED))

    def transferable(self, holder: str, issuance: int) -> int:
        unlisted = len(self.at(issuance, holder, Place.HELD))
        return max(0, unlisted - self.frozen.get((issuance, holder), 0))

    def status(self, issuance: int) -> IssuanceStatus:
        return self.issuances[issuance].status if issuance in self.issuances else IssuanceStatus.NONE

    # --- what the programme's contracts do

    def issue(self, number: int, class_id: int, tonnes: int, dossier: bytes) -> None:
        self.ledger.access.require_running("CertifiedReductions")
        treasury = self.ledger.at["ProgrammeTreasury"]
        self.ledger.participants.require_active(treasury)
        first = 1 + sum(one.tonnes for one in self.issuances.values())
        self.issuances[number] = Issuance(class_id, first, tonnes, dossier, self.ledger.now)
        self.at(number, treasury, Place.HELD).extend(range(first, first + tonnes))

    def list_units(self, holder: str, issuance: int, tonnes: int) -> None:
        self.ledger.access.require_running("CertifiedReductions")
        self._require_movable(issuance, tonnes)
        self.ledger.participants.require_active(holder)
        refuse(tonnes > self.transferable(holder, issuance), "CertifiedReductionsNotTransferable")
        self._move(issuance, (holder, Place.HELD), (holder, Place.LISTED), tonnes)

    def unlist_units(self, holder: str, issuance: int, tonnes: int) -> None:
        self.ledger.access.require_running("CertifiedReductions")
        self._require_movable(issuance, tonnes)
        refuse(tonnes > len(self.at(issuance, holder, Place.LISTED)), "CertifiedReductionsNotListed")
        self._move(issuance, (holder, Place.LISTED), (holder, Place.HELD), tonnes)

    def settle_units(self, seller: str, buyer: str, issuance: int, tonnes: int) -> None:
        self.ledger.access.require_running("CertifiedReductions")
        self._require_movable(issuance, tonnes)
        refuse(tonnes > len(self.at(issuance, seller, Place.LISTED)), "CertifiedReductionsNotListed")
        unfrozen = self.balance(seller, issuance) - self.frozen.get((issuance, seller), 0)
        refuse(tonnes > unfrozen, "CertifiedReductionsNotTransferable")
        self._move(issuance, (seller, Place.LISTED), (buyer, Place.HELD), tonnes)

    def retire_units(self, holder: str, issuance: int, tonnes: int) -> list[tuple[int, int]]:
        self.ledger.access.require_running("CertifiedReductions")
        self._require_movable(issuance, tonnes)
        self.ledger.participants.require_active(holder)
        refuse(tonnes > self.transferable(holder, issuance), "CertifiedReductionsNotTransferable")
        return ranges(self._move(issuance, (holder, Place.HELD), (holder, Place.RETIRED), tonnes))

    # --- holders

    def set_approval_for_all(self, caller: str, operator: str, approved: bool) -> None:
        refuse(operator == NOBODY, "ERC1155InvalidOperator")
        (self.operators.add if approved else self.operators.discard)((caller, operator))

    def safe_transfer_from(self, caller: str, holder: str, to: str, issuance: int, tonnes: int, _: bytes) -> None:
        self.safe_batch_transfer_from(caller, holder, to, (issuance,), (tonnes,), b"")

    def safe_batch_transfer_from(
        self, caller: str, holder: str, to: str, issuances: tuple[int, ...], amounts: tuple[int, ...], _: bytes
    ) -> None:
        approved = caller == holder or (holder, caller) in self.operators
        refuse(not approved, "ERC1155MissingApprovalForAll")
        refuse(to == NOBODY, "ERC1155InvalidReceiver")
        self.ledger.access.require_running("CertifiedReductions")
        refuse(holder == to, "CertifiedReductionsSelfTransfer")
        self.ledger.participants.require_active(holder)
        self.ledger.participants.require_active(to)
        refuse(len(issuances) != len(amounts), "ERC1155InvalidArrayLength")
        wanted: dict[int, int] = {}
        for issuance, tonnes in zip(issuances, amounts, strict=True):
            wanted[issuance] = wanted.get(issuance, 0) + tonnes
            refuse(wanted[issuance] > self.balance(holder, issuance), "ERC1155InsufficientBalance")
        # An id that stands there twice has to be transferable as a whole.
        room = {issuance: self.transferable(holder, issuance) - wanted[issuance] for issuance in wanted}
        left = MAX_RANGES
        for issuance, tonnes in zip(issuances, amounts, strict=True):
            self._require_movable(issuance, tonnes)
            refuse(room[issuance] < 0, "CertifiedReductionsNotTransferable")
            left -= len(ranges(self._move(issuance, (holder, Place.HELD), (to, Place.HELD), tonnes, left)))
        refuse(to in self.ledger.at.values(), "ERC1155InvalidReceiver")  # no contract here takes what it is sent

    # --- the regulator

    def freeze(self, _: str, account: str, issuance: int, tonnes: int, reason: bytes) -> bool:
        unknown = self.status(issuance) == IssuanceStatus.NONE
        refuse(unknown, "CertifiedReductionsUnexpectedStatus")
        refuse(reason == ZERO32, "CertifiedReductionsMissingReason")
        if self.frozen.get((issuance, account), 0) == tonnes:
            return False
        self.frozen[issuance, account] = tonnes
        return True

    def forced_transfer(self, _: str, holder: str, to: str, issuance: int, tonnes: int, reason: bytes) -> None:
        self._require_movable(issuance, tonnes)
        refuse(reason == ZERO32, "CertifiedReductionsMissingReason")
        refuse(holder == to, "CertifiedReductionsSelfTransfer")
        self.ledger.participants.require_active(to)
        refuse(holder == NOBODY, "SerialSetEmpty")  # nobody has serials, and only they stop what would be a mint
        refuse(tonnes > self.balance(holder, issuance), "ERC1155InsufficientBalance")
        self._move_any(issuance, holder, (to, Place.HELD), tonnes, partly=False)
        left = self.balance(holder, issuance)
        self.frozen[issuance, holder] = min(left, self.frozen.get((issuance, holder), 0))

    def suspend(self, _: str, issuance: int, reason: bytes) -> bool:
        return self._stop(issuance, IssuanceStatus.ACTIVE, IssuanceStatus.SUSPENDED, reason)

    def resume(self, _: str, issuance: int) -> bool:
        if self.status(issuance) == IssuanceStatus.ACTIVE:
            return False
        suspended = self.status(issuance) == IssuanceStatus.SUSPENDED
        refuse(not suspended, "CertifiedReductionsUnexpectedStatus")
        self.issuances[issuance].status = IssuanceStatus.ACTIVE
        return True

    def cancel(self, _: str, issuance: int, reason: bytes) -> bool:
        return self._stop(issuance, IssuanceStatus.SUSPENDED, IssuanceStatus.CANCELLED, reason)

    def withdraw(self, _: str, issuance: int, holder: str) -> int:
        cancelled = self.status(issuance) == IssuanceStatus.CANCELLED
        refuse(not cancelled, "CertifiedReductionsUnexpectedStatus")
        balance = self.balance(holder, issuance)
        return self._move_any(issuance, holder, (holder, Place.CANCELLED), balance, partly=True)

    # --- inside

    def _stop(self, issuance: int, needed: IssuanceStatus, status: IssuanceStatus, reason: bytes) -> bool:
        known = self.issuances.get(issuance)
        if known is not None and known.status == status:
            refuse(known.reason != reason, "CertifiedReductionsReasonMismatch")
            return False
        refuse(known is None or known.status != needed, "CertifiedReductionsUnexpectedStatus")
        refuse(reason == ZERO32, "CertifiedReductionsMissingReason")
        assert known is not None
        known.status, known.reason = status, reason
        return True

    def _require_movable(self, issuance: int, tonnes: int) -> None:
        refuse(tonnes == 0, "CertifiedReductionsZeroAmount")
        active = self.status(issuance) == IssuanceStatus.ACTIVE
        refuse(not active, "CertifiedReductionsUnexpectedStatus")

    def _move(
        self, issuance: int, start: tuple[str, Place], end: tuple[str, Place], tonnes: int, most: int = MAX_RANGES
    ) -> list[int]:
        """Move the lowest serials, or refuse if they are more than `most` ranges."""
        moved = self.at(issuance, *start)[:tonnes]
        refuse(len(ranges(moved)) > most, "CertifiedReductionsTooFragmented")
        self._put(issuance, start, end, moved)
        return moved

    def _move_any(self, issuance: int, holder: str, end: tuple[str, Place], tonnes: int, partly: bool) -> int:
        """Move what is held first, then what is listed, up to 16 ranges."""
        left, most = tonnes, MAX_RANGES
        for place in (Place.HELD, Place.LISTED):
            found = ranges(self.at(issuance, holder, place)[:left])[:most]
            moved = [serial for first, last in found for serial in range(first, last + 1)]
            self._put(issuance, (holder, place), end, moved)
            left, most = left - len(moved), most - len(found)
        refuse(left > 0 and not partly, "CertifiedReductionsTooFragmented")
        return tonnes - left

    def _put(self, issuance: int, start: tuple[str, Place], end: tuple[str, Place], moved: list[int]) -> None:
        del self.at(issuance, *start)[: len(moved)]
        self.serials[issuance, *end] = sorted(self.at(issuance, *end) + moved)
