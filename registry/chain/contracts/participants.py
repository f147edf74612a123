"""Participants: who may hold certified reductions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from web3.contract.contract import ContractFunction
from web3.types import BlockIdentifier

from registry.chain.contracts.base import DeployedContract


class Kind(IntEnum):
    """What a participant is: an entity with a compliance duty, a voluntary buyer, or the programme's treasury."""

    NONE = 0
    COMPLIANCE = 1
    VOLUNTARY = 2
    PROGRAMME = 3


class ParticipantStatus(IntEnum):
    """How far an account is admitted."""

    NONE = 0
    PENDING = 1
    ACTIVE = 2
    SUSPENDED = 3


@dataclass(frozen=True)
class Participant:
    """What the chain holds of an account; `entity` is its code, `identity` the hash of its identity file."""

    account: str
    entity: bytes
    identity: bytes
    registrar: str
    kind: Kind
    status: ParticipantStatus


class Participants(DeployedContract):
    """Typed access to the Participants contract."""

    NAME = "Participants"

    def register(self, account: str, entity: bytes, kind: Kind, identity: bytes) -> ContractFunction:
        """The call that registers an account, to be admitted by the regulator. Role: EXCHANGE."""
        return self.contract.functions.register(account, entity, kind, identity)

    def admit(self, account: str, entity: bytes, kind: Kind, identity: bytes) -> ContractFunction:
        """The call that admits exactly what was registered. Role: REGULATOR."""
        return self.contract.functions.admit(account, entity, kind, identity)

    def suspend(self, account: str, reason: bytes) -> ContractFunction:
        """The call that stops an account from holding more and from trading. Role: REGULATOR."""
        return self.contract.functions.suspend(account, reason)

    def reinstate(self, account: str) -> ContractFunction:
        """The call that makes a suspended account active again. Role: REGULATOR_DELAYED."""
        return self.contract.functions.reinstate(account)

    def find(self, account: str, block: BlockIdentifier = "latest") -> Participant | None:
        """The account's record, or None when it was never registered."""
        found = self._read(self.contract.functions.participantOf(account), block)
        entity, identity, registrar, kind, status = found
        if not status:
            return None
        return Participant(account, bytes(entity), bytes(identity), registrar, Kind(kind), ParticipantStatus(status))
