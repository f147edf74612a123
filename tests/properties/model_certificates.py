"""The model's retirements: a certificate for each, and what a company may offset in a compliance year."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.properties.calls import NOBODY, ZERO32, Request, Signature, refuse
from tests.properties.model_participants import Participant, Participants

if TYPE_CHECKING:
    from tests.properties.model import Programme

COMPLIANCE = 0


@dataclass
class Certificate:
    request: Request
    class_id: int
    entity: bytes
    retired_at: int
    ranges: list[tuple[int, int]]


class Certificates:
    def __init__(self, ledger: Programme) -> None:
        self.ledger = ledger
        self.made: list[Certificate] = []  # id 1 first
        self.limits: dict[tuple[bytes, int], int] = {}

    def used(self, entity: bytes, year: int) -> int:
        """The tonnes an entity has offset in a compliance year."""
        found = [one.request for one in self.made if (one.entity, one.request.year) == (entity, year)]
        return sum(request.tonnes for request in found if request.purpose == COMPLIANCE)

    def number_for(self, holder: str, ref: bytes) -> int:
        """The certificate made for a holder's reference, or 0."""
        found = [n for n, one in enumerate(self.made, 1) if (one.request.holder, one.request.ref) == (holder, ref)]
        return found[0] if found else 0

    def retire(self, caller: str, request: Request) -> bool:
        refuse(caller != request.holder, "RetirementCertificatesNotHolder")
        if self._is_repeated(request):
            return False
        self._retire(request)
        return True

    def retire_for(self, _: str, request: Request, deadline: int, signature: Signature) -> bool:
        if self._is_repeated(request):
            return False
        fields = (*request, deadline)
        self.ledger.require_intent(request.holder, "RetirementCertificates", "Retirement", fields, signature)
        self._retire(request)
        return True

    def set_offset_limit(self, _: str, entity: bytes, year: int, tonnes: int) -> bool:
        refuse(entity == ZERO32, "RetirementCertificatesMissingEntity")
        refuse(not 2000 <= year <= 9999, "RetirementCertificatesInvalidYear")
        if self.limits.get((entity, year), 0) == tonnes:
            return False
        refuse(tonnes < self.used(entity, year), "RetirementCertificatesLimitBelowUsed")
        self.limits[entity, year] = tonnes
        return True

    def transfer_from(self, _: str, __: str, to: str, number: int) -> None:
        refuse(to == NOBODY, "ERC721InvalidReceiver")
        refuse(True, "RetirementCertificatesSoulbound")

    def approve(self, _: str, *__: Any) -> None:
        refuse(True, "RetirementCertificatesSoulbound")

    def _is_repeated(self, request: Request) -> bool:
        number = self.number_for(request.holder, request.ref)
        refuse(number != 0 and self.made[number - 1].request != request, "RetirementCertificatesReferenceUsed")
        return number != 0

    def _retire(self, request: Request) -> None:
        refuse(request.ref == ZERO32, "RetirementCertificatesMissingReference")
        participant = self.ledger.participants.known.get(request.holder)
        entity = participant.entity if participant else ZERO32
        if request.purpose == COMPLIANCE:
            self._require_compliance(request, participant)
            used = self.used(entity, request.year) + request.tonnes
            refuse(used > self.limits.get((entity, request.year), 0), "RetirementCertificatesLimitExceeded")
        else:
            refuse(request.year != 0, "RetirementCertificatesInvalidYear")
            refuse(request.beneficiary == ZERO32, "RetirementCertificatesInvalidBeneficiary")
        reductions = self.ledger.reductions
        retired = reductions.retire_units(request.holder, request.issuance, request.tonnes)
        class_id = reductions.issuances[request.issuance].class_id
        self.made.append(Certificate(request, class_id, entity, self.ledger.now, retired))

    def _require_compliance(self, request: Request, participant: Participant | None) -> None:
        obliged = participant is not None and participant.kind == Participants.COMPLIANCE
        refuse(not obliged, "RetirementCertificatesNotCompliance")
        refuse(not 2000 <= request.year <= 9999, "RetirementCertificatesInvalidYear")
        assert participant is not None
        refuse(request.beneficiary != participant.entity, "RetirementCertificatesInvalidBeneficiary")
