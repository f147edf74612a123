"""The model's certifications: whole tonnes taken out of a class's pool, by three different people."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from tests.properties.calls import NOBODY, ZERO32, refuse

if TYPE_CHECKING:
    from tests.properties.model import Programme

MG_PER_TONNE = 1_000_000_000
MAX_TONNES = 2**24  # of one issuance


class CertificationStatus(IntEnum):
    NONE, APPLIED, VERIFIED, APPROVED, REJECTED = range(5)


@dataclass
class Certification:
    class_id: int
    tonnes: int
    from_mg: int
    dossier: bytes
    applicant: str
    verifier: str = NOBODY
    status: CertificationStatus = CertificationStatus.APPLIED
    reason: bytes = ZERO32


class Certifications:
    def __init__(self, ledger: Programme) -> None:
        self.ledger = ledger
        self.made: list[Certification] = []  # number 1 first

    def status(self, number: int) -> CertificationStatus:
        return self.made[number - 1].status if 0 < number <= len(self.made) else CertificationStatus.NONE

    def open_of(self, class_id: int) -> int:
        """The number of the open certification of a class, or 0."""
        waiting = (CertificationStatus.APPLIED, CertificationStatus.VERIFIED)
        found = [n for n, one in enumerate(self.made, 1) if one.class_id == class_id and one.status in waiting]
        return found[0] if found else 0

    def certified_mg(self, class_id: int) -> int:
        """What approved certifications and the open one take."""
        taking = [one for one in self.made if one.class_id == class_id and one.status != CertificationStatus.REJECTED]
        return sum(one.tonnes for one in taking) * MG_PER_TONNE

    def pool_mg(self, class_id: int) -> int:
        return self.ledger.points.market_mg(class_id) - self.certified_mg(class_id)

    def apply_for(self, caller: str, number: int, class_id: int, tonnes: int, dossier: bytes) -> bool:
        if 0 < number <= len(self.made):
            known = self.made[number - 1]
            same = (known.class_id, known.tonnes, known.dossier) == (class_id, tonnes, dossier)
            refuse(not same, "ReductionCertificationNumberUsed")
            return False
        refuse(number != len(self.made) + 1, "ReductionCertificationUnexpectedNumber")
        refuse(tonnes == 0 or dossier == ZERO32, "ReductionCertificationIncomplete")
        refuse(tonnes > MAX_TONNES, "ReductionCertificationTooManyTonnes")
        refuse(self.open_of(class_id) != 0, "ReductionCertificationOpen")
        refuse(tonnes * MG_PER_TONNE > self.pool_mg(class_id), "ReductionCertificationPoolExceeded")
        self.made.append(Certification(class_id, tonnes, self.certified_mg(class_id), dossier, caller))
        return True

    def verify(self, caller: str, number: int, dossier: bytes) -> bool:
        status = self.status(number)
        gone = status in (CertificationStatus.NONE, CertificationStatus.REJECTED)
        refuse(gone, "ReductionCertificationUnexpectedStatus")
        one = self.made[number - 1]
        refuse(one.dossier != dossier, "ReductionCertificationDossierMismatch")
        if status != CertificationStatus.APPLIED:
            return False
        refuse(caller == one.applicant, "ReductionCertificationSameAccount")
        one.verifier, one.status = caller, CertificationStatus.VERIFIED
        return True

    def refute(self, caller: str, number: int, reason: bytes) -> bool:
        verified = self.status(number) == CertificationStatus.VERIFIED
        refuse(verified, "ReductionCertificationUnexpectedStatus")
        return self.reject(caller, number, reason)

    def approve(self, caller: str, number: int, dossier: bytes) -> bool:
        status = self.status(number)
        early = status not in (CertificationStatus.VERIFIED, CertificationStatus.APPROVED)
        refuse(early, "ReductionCertificationUnexpectedStatus")
        one = self.made[number - 1]
        refuse(one.dossier != dossier, "ReductionCertificationDossierMismatch")
        if status == CertificationStatus.APPROVED:
            return False
        refuse(caller in (one.applicant, one.verifier), "ReductionCertificationSameAccount")
        one.status = CertificationStatus.APPROVED
        self.ledger.reductions.issue(number, one.class_id, one.tonnes, dossier)
        return True

    def reject(self, _: str, number: int, reason: bytes) -> bool:
        status = self.status(number)
        if status == CertificationStatus.REJECTED:
            refuse(self.made[number - 1].reason != reason, "ReductionCertificationAlreadyRejected")
            return False
        waiting = status in (CertificationStatus.APPLIED, CertificationStatus.VERIFIED)
        refuse(not waiting, "ReductionCertificationUnexpectedStatus")
        refuse(reason == ZERO32, "ReductionCertificationMissingReason")
        self.made[number - 1].status, self.made[number - 1].reason = CertificationStatus.REJECTED, reason
        return True
