"""The model's mandates: who said that new points go to the market."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.properties.calls import ZERO32, Signature, refuse

if TYPE_CHECKING:
    from tests.properties.model import Programme


@dataclass
class Mandate:
    terms: bytes
    number: int
    given_at: int
    revoked_at: int = 0


class Mandates:
    def __init__(self, ledger: Programme) -> None:
        self.ledger = ledger
        self.changes = 0
        self.latest: dict[str, Mandate] = {}

    def is_active(self, holder: str) -> bool:
        return holder in self.latest and self.latest[holder].revoked_at == 0

    def give(self, caller: str, terms: bytes, number: int) -> bool:
        if self._stands(caller, terms, number):
            return False
        last = self.latest[caller].number if caller in self.latest else 0
        refuse(self.is_active(caller), "MandatesActive")
        refuse(number != last + 1, "MandatesUnexpectedNumber")
        refuse(terms == ZERO32, "MandatesMissingTerms")
        self.latest[caller] = Mandate(terms, number, self.ledger.now)
        self.changes += 1
        return True

    def give_for(self, _: str, mandates: tuple[Any, ...], signatures: tuple[Signature, ...]) -> int:
        refuse(not 1 <= len(mandates) <= 64 or len(mandates) != len(signatures), "MandatesCount")
        given = 0
        for mandate, signature in zip(mandates, signatures, strict=True):
            holder, terms, number, _deadline = mandate
            if self._stands(holder, terms, number):
                continue
            self.ledger.require_intent(holder, "Mandates", "Mandate", mandate, signature)
            given += self.give(holder, terms, number)
        return given

    def revoke(self, caller: str, number: int) -> bool:
        last = self.latest[caller].number if caller in self.latest else 0
        refuse(number == 0 or number != last, "MandatesUnexpectedNumber")
        if not self.is_active(caller):
            return False
        self.latest[caller].revoked_at = self.ledger.now
        self.changes += 1
        return True

    def revoke_for(self, _: str, holder: str, number: int, deadline: int, signature: Signature) -> bool:
        last = self.latest[holder].number if holder in self.latest else 0
        refuse(number == 0 or number != last, "MandatesUnexpectedNumber")
        if not self.is_active(holder):
            return False
        self.ledger.require_intent(holder, "Mandates", "Revocation", (holder, number, deadline), signature)
        return self.revoke(holder, number)

    def _stands(self, holder: str, terms: bytes, number: int) -> bool:
        known = self.latest.get(holder)
        return self.is_active(holder) and known is not None and (known.terms, known.number) == (terms, number)
