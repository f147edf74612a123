"""CertifiedReductions: certified tonnes with their serial ranges; one id an issuance, one unit a tonne."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from web3.contract.contract import ContractFunction
from web3.types import BlockIdentifier

from registry.chain.contracts.base import DeployedContract
from registry.chain.logs import Event
from registry.core.serial import SerialRange


class Place(IntEnum):
    """Where a serial is."""

    NOWHERE = 0
    HELD = 1
    LISTED = 2
    RETIRED = 3
    CANCELLED = 4


class IssuanceStatus(IntEnum):
    """Whether the units of an issuance may move."""

    NONE = 0
    ACTIVE = 1
    SUSPENDED = 2
    CANCELLED = 3


@dataclass(frozen=True)
class IssuanceRecord:
    """What the chain holds of an issuance; its number is the certification's. Amounts in tonnes."""

    number: int
    class_id: int
    first_serial: int
    tonnes: int
    retired: int
    cancelled: int
    issued_at: int
    status: IssuanceStatus
    dossier: bytes

    @property
    def serials(self) -> SerialRange:
        """Every serial of the issuance."""
        return SerialRange(self.first_serial, self.first_serial + self.tonnes - 1)


@dataclass(frozen=True)
class SerialMove:
    """A SerialsMoved event: serials `first` to `last` of an issuance went from one holder and place to another."""

    issuance: int
    holder_from: str
    holder_to: str
    place_from: Place
    place_to: Place
    serials: SerialRange
    block: int
    index: int
    transaction: str


class CertifiedReductions(DeployedContract):
    """Typed access to the CertifiedReductions contract."""

    NAME = "CertifiedReductions"

    def freeze(self, account: str, issuance: int, tonnes: int, reason: bytes) -> ContractFunction:
        """The call that sets how many of an account's tonnes may not move. Role: REGULATOR."""
        return self.contract.functions.freeze(account, issuance, tonnes, reason)

    def suspend(self, issuance: int, reason: bytes) -> ContractFunction:
        """The call that stops every movement of an issuance. Role: REGULATOR."""
        return self.contract.functions.suspend(issuance, reason)

    def resume(self, issuance: int) -> ContractFunction:
        """The call that lets a suspended issuance move again. Role: REGULATOR_DELAYED."""
        return self.contract.functions.resume(issuance)

    def cancel(self, issuance: int, reason: bytes) -> ContractFunction:
        """The call that cancels a suspended issuance for good. Role: REGULATOR_DELAYED."""
        return self.contract.functions.cancel(issuance, reason)

    def forced_transfer(self, origin: str, to: str, issuance: int, tonnes: int, reason: bytes) -> ContractFunction:
        """The call that moves units without their holder. Role: REGULATOR_DELAYED."""
        return self.contract.functions.forcedTransfer(origin, to, issuance, tonnes, reason)

    def withdraw(self, issuance: int, holder: str) -> ContractFunction:
        """The call that burns a holder's units of a cancelled issuance, some ranges at a time. Anyone may send it."""
        return self.contract.functions.withdraw(issuance, holder)

    def transfer(self, holder: str, to: str, issuance: int, tonnes: int) -> ContractFunction:
        """The call by which a holder gives units to another participant."""
        return self.contract.functions.safeTransferFrom(holder, to, issuance, tonnes, b"")

    def issuance(self, number: int, block: BlockIdentifier = "latest") -> IssuanceRecord | None:
        """The issuance's record, or None."""
        record = self._read(self.contract.functions.issuanceOf(number), block)
        class_id, first, tonnes, retired, cancelled, issued_at, status, dossier = record
        if not status:
            return None
        return IssuanceRecord(
            number, class_id, first, tonnes, retired, cancelled, issued_at, IssuanceStatus(status), bytes(dossier)
        )

    def issuance_at(self, serial: int, block: BlockIdentifier = "latest") -> int:
        """The issuance a serial belongs to; raises ChainRevert or answers 0 when it was never issued."""
        return int(self._read(self.contract.functions.issuanceAt(serial), block))

    def next_serial(self, block: BlockIdentifier = "latest") -> int:
        """The first serial not issued yet."""
        return int(self._read(self.contract.functions.nextSerial(), block))

    def balance(self, holder: str, issuance: int, block: BlockIdentifier = "latest") -> int:
        """The holder's tonnes of an issuance, listed ones included."""
        return int(self._read(self.contract.functions.balanceOf(holder, issuance), block))

    def listed(self, holder: str, issuance: int, block: BlockIdentifier = "latest") -> int:
        """How many of them are listed."""
        return int(self._read(self.contract.functions.listedOf(holder, issuance), block))

    def transferable(self, holder: str, issuance: int, block: BlockIdentifier = "latest") -> int:
        """How many of them can move: not listed and not frozen."""
        return int(self._read(self.contract.functions.transferableOf(holder, issuance), block))

    def frozen(self, holder: str, issuance: int, block: BlockIdentifier = "latest") -> int:
        """How many of the holder's tonnes the regulator froze."""
        return int(self._read(self.contract.functions.frozenOf(holder, issuance), block))

    def total_supply(self, issuance: int, block: BlockIdentifier = "latest") -> int:
        """The tonnes of an issuance that somebody holds."""
        return int(self._read(self.contract.functions.totalSupply(issuance), block))

    def ranges(
        self, holder: str, issuance: int, place: Place, block: BlockIdentifier = "latest", page: int = 100
    ) -> list[SerialRange]:
        """The holder's serial ranges in a place, ascending."""
        found: list[SerialRange] = []
        start = 0
        while True:
            call = self.contract.functions.rangesOf(holder, issuance, place, start, page)
            part = [SerialRange(int(first), int(last)) for first, last in self._read(call, block)]
            found += part
            if len(part) < page:
                return found
            start = part[-1].last + 1

    def moves(self, first: int, last: int, **filters: int) -> list[SerialMove]:
        """Every movement of serials from block `first` to `last`, in their order; `issuance` can be given."""
        return [_move(event) for event in self.history(("SerialsMoved",), first, last, **filters)]


def _move(event: Event) -> SerialMove:
    return SerialMove(
        event["issuance"],
        event["from"],
        event["to"],
        Place(event["fromPlace"]),
        Place(event["toPlace"]),
        SerialRange(event["first"], event["last"]),
        event.block,
        event.index,
        event.transaction,
    )
