"""The model's participants: who may hold tonnes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from tests.properties.calls import NOBODY, ZERO32, refuse

if TYPE_CHECKING:
    from tests.properties.model import Programme


class ParticipantStatus(IntEnum):
    NONE, PENDING, ACTIVE, SUSPENDED = range(4)


@dataclass
class Participant:
    entity: bytes
    kind: int
    identity: bytes
    registrar: str
    status: ParticipantStatus = ParticipantStatus.PENDING


class Participants:
    COMPLIANCE, VOLUNTARY, PROGRAMME = 1, 2, 3

    def __init__(self, ledger: Programme) -> None:
        self.ledger = ledger
        self.known: dict[str, Participant] = {}

    def status(self, account: str) -> ParticipantStatus:
        return self.known[account].status if account in self.known else ParticipantStatus.NONE

    def require_active(self, account: str) -> None:
        active = self.status(account) == ParticipantStatus.ACTIVE
        refuse(not active, "ParticipantsInactive")

    def register(self, caller: str, account: str, entity: bytes, kind: int, identity: bytes) -> bool:
        if account in self.known:
            refuse(not self._is_same(account, entity, kind, identity), "ParticipantsAlreadyRegistered")
            return False
        missing = account == NOBODY or kind == 0 or ZERO32 in (entity, identity)
        refuse(missing, "ParticipantsIncomplete")
        self.known[account] = Participant(entity, kind, identity, caller)
        return True

    def admit(self, caller: str, account: str, entity: bytes, kind: int, identity: bytes) -> bool:
        status = self.status(account)
        waiting = status in (ParticipantStatus.PENDING, ParticipantStatus.ACTIVE)
        refuse(not waiting, "ParticipantsUnexpectedStatus")
        refuse(not self._is_same(account, entity, kind, identity), "ParticipantsMismatch")
        if status == ParticipantStatus.ACTIVE:
            return False
        refuse(caller == self.known[account].registrar, "ParticipantsSelfAdmission")
        self.known[account].status = ParticipantStatus.ACTIVE
        return True

    def suspend(self, _: str, account: str, reason: bytes) -> bool:
        status = self.status(account)
        if status == ParticipantStatus.SUSPENDED:
            return False
        refuse(status != ParticipantStatus.ACTIVE, "ParticipantsUnexpectedStatus")
        refuse(reason == ZERO32, "ParticipantsMissingReason")
        self.known[account].status = ParticipantStatus.SUSPENDED
        return True

    def reinstate(self, _: str, account: str) -> bool:
        status = self.status(account)
        if status == ParticipantStatus.ACTIVE:
            return False
        refuse(status != ParticipantStatus.SUSPENDED, "ParticipantsUnexpectedStatus")
        self.known[account].status = ParticipantStatus.ACTIVE
        return True

    def _is_same(self, account: str, entity: bytes, kind: int, identity: bytes) -> bool:
        known = self.known[account]
        return (known.entity, known.kind, known.identity) == (entity, kind, identity)
