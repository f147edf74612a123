"""RetirementCertificates: tonnes retired for good, each retirement with a certificate that cannot be transferred."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from web3.contract.contract import ContractFunction
from web3.types import BlockIdentifier

from registry.chain.contracts.base import DeployedContract
from registry.chain.typed_data import typed_message
from registry.core.serial import SerialRange

RETIREMENT: Final = {
    "holder": "address",
    "issuance": "uint32",
    "tonnes": "uint64",
    "purpose": "uint8",
    "year": "uint16",
    "beneficiary": "bytes32",
    "ref": "bytes32",
    "deadline": "uint256",
}


class Purpose(IntEnum):
    """What tonnes are retired for."""

    COMPLIANCE = 0
    VOLUNTARY = 1
    WELFARE = 2


@dataclass(frozen=True)
class Retirement:
    """A retirement as its holder signs it. `year` is the compliance year, 0 for other purposes."""

    holder: str
    issuance: int
    tonnes: int
    purpose: Purpose
    year: int
    beneficiary: bytes
    ref: bytes


@dataclass(frozen=True)
class CertificateRecord:
    """A certificate as the chain holds it; `retired_at` in epoch seconds."""

    number: int
    issuance: int
    class_id: int
    tonnes: int
    purpose: Purpose
    year: int
    retired_at: int
    holder: str
    entity: bytes
    beneficiary: bytes
    ref: bytes
    ranges: tuple[SerialRange, ...]


class RetirementCertificates(DeployedContract):
    """Typed access to the RetirementCertificates contract."""

    NAME = "RetirementCertificates"

    def retire_for(self, retirement: Retirement, deadline: int, signature: bytes) -> ContractFunction:
        """The call that relays a holder's signed retirement. Anyone may send it."""
        return self.contract.functions.retireFor(_tuple(retirement), deadline, signature)

    def set_offset_limit(self, entity: bytes, year: int, tonnes: int) -> ContractFunction:
        """The call that sets how many tonnes an entity may retire for a compliance year. Role: REGULATOR."""
        return self.contract.functions.setOffsetLimit(entity, year, tonnes)

    def typed_retirement(self, retirement: Retirement, deadline: int) -> dict[str, Any]:
        """The EIP-712 message a holder signs."""
        return typed_message(self, "Retirement", RETIREMENT, *_tuple(retirement), deadline)

    def find(self, number: int, block: BlockIdentifier = "latest") -> CertificateRecord | None:
        """A certificate, or None."""
        if not 0 < number <= self.count(block):
            return None
        record = self._read(self.contract.functions.certificateOf(number), block)
        issuance, class_id, tonnes, purpose, year, retired_at, holder, entity, beneficiary, ref, ranges = record
        return CertificateRecord(
            number,
            issuance,
            class_id,
            tonnes,
            Purpose(purpose),
            year,
            retired_at,
            holder,
            bytes(entity),
            bytes(beneficiary),
            bytes(ref),
            tuple(SerialRange(int(first), int(last)) for first, last in ranges),
        )

    def certificate_for(self, holder: str, ref: bytes, block: BlockIdentifier = "latest") -> int:
        """The certificate of a holder's reference; 0 when there is none."""
        return int(self._read(self.contract.functions.certificateFor(holder, ref), block))

    def count(self, block: BlockIdentifier = "latest") -> int:
        """How many certificates there are; they are numbered from 1."""
        return int(self._read(self.contract.functions.certificateCount(), block))

    def offset(self, entity: bytes, year: int, block: BlockIdentifier = "latest") -> tuple[int, int]:
        """(limit, used) of an entity's compliance year, in tonnes."""
        limit, used = self._read(self.contract.functions.offsetOf(entity, year), block)
        return int(limit), int(used)


def _tuple(retirement: Retirement) -> tuple[Any, ...]:
    r = retirement
    return (r.holder, r.issuance, r.tonnes, int(r.purpose), r.year, r.beneficiary, r.ref)
