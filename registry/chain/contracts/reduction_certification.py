"""ReductionCertification: whole tonnes of a class's pool, applied for, verified, approved or rejected."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from web3.contract.contract import ContractFunction
from web3.types import BlockIdentifier

from registry.chain.contracts.base import DeployedContract


class CertificationStatus(IntEnum):
    """How far a certification is."""

    NONE = 0
    APPLIED = 1
    VERIFIED = 2
    APPROVED = 3
    REJECTED = 4


@dataclass(frozen=True)
class CertificationRecord:
    """What the chain holds of a certification. It takes the mg [from_mg, from_mg + tonnes * 10**9) of the pool line."""

    number: int
    class_id: int
    tonnes: int
    from_mg: int
    dossier: bytes
    applicant: str
    verifier: str
    status: CertificationStatus
    reason: bytes


class ReductionCertification(DeployedContract):
    """Typed access to the ReductionCertification contract."""

    NAME = "ReductionCertification"

    def apply_for(self, number: int, class_id: int, tonnes: int, dossier: bytes) -> ContractFunction:
        """The call that applies for whole tonnes of a class's pool. Role: PLATFORM."""
        return self.contract.functions.applyFor(number, class_id, tonnes, dossier)

    def verify(self, number: int, dossier: bytes) -> ContractFunction:
        """The call by which a verifier signs the dossier it recomputed. Role: VERIFIER."""
        return self.contract.functions.verify(number, dossier)

    def refute(self, number: int, reason: bytes) -> ContractFunction:
        """The call by which a verifier rejects an application. Role: VERIFIER."""
        return self.contract.functions.refute(number, reason)

    def approve(self, number: int, dossier: bytes) -> ContractFunction:
        """The call by which the regulator approves, which issues the tonnes. Role: REGULATOR."""
        return self.contract.functions.approve(number, dossier)

    def reject(self, number: int, reason: bytes) -> ContractFunction:
        """The call by which the regulator rejects; every mg returns to the pool. Role: REGULATOR."""
        return self.contract.functions.reject(number, reason)

    def find(self, number: int, block: BlockIdentifier = "latest") -> CertificationRecord | None:
        """The certification's record, or None."""
        record = self._read(self.contract.functions.certificationOf(number), block)
        class_id, tonnes, from_mg, dossier, applicant, verifier, status, reason = record
        if not status:
            return None
        return CertificationRecord(
            number,
            class_id,
            tonnes,
            from_mg,
            bytes(dossier),
            applicant,
            verifier,
            CertificationStatus(status),
            bytes(reason),
        )

    def count(self, block: BlockIdentifier = "latest") -> int:
        """How many were ever applied for; they are numbered from 1."""
        return int(self._read(self.contract.functions.certificationCount(), block))

    def open_of(self, class_id: int, block: BlockIdentifier = "latest") -> int:
        """The number of the class's open certification; 0 when there is none."""
        return int(self._read(self.contract.functions.openOf(class_id), block))

    def certified_mg(self, class_id: int, block: BlockIdentifier = "latest") -> int:
        """What certifications have taken of the class's pool, in mg, an open one included."""
        return int(self._read(self.contract.functions.certifiedMg(class_id), block))

    def pool_mg(self, class_id: int, block: BlockIdentifier = "latest") -> int:
        """What is left in the class's pool, in mg."""
        return int(self._read(self.contract.functions.poolMg(class_id), block))
