"""Mandates: standing, signed, revocable authorisations to convert new points for the market."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from web3.contract.contract import ContractFunction
from web3.types import BlockIdentifier

from registry.chain.contracts.base import DeployedContract
from registry.chain.typed_data import typed_message

MANDATE: Final = {"holder": "address", "terms": "bytes32", "number": "uint32", "deadline": "uint256"}
REVOCATION: Final = {"holder": "address", "number": "uint32", "deadline": "uint256"}
MAX_MANDATES: Final = 64  # a call


@dataclass(frozen=True)
class Mandate:
    """A mandate as its holder signs it; `terms` is the SHA-256 of the terms document, `deadline` epoch seconds."""

    holder: str
    terms: bytes
    number: int
    deadline: int


@dataclass(frozen=True)
class MandateState:
    """The holder's latest mandate; times in epoch seconds, `revoked_at` 0 while it stands. Number 0: none ever."""

    terms: bytes
    number: int
    given_at: int
    revoked_at: int

    @property
    def active(self) -> bool:
        """Whether it stands."""
        return self.number > 0 and self.revoked_at == 0


@dataclass(frozen=True)
class Standing:
    """A holder's latest mandate as its events tell it."""

    number: int
    active: bool


class Mandates(DeployedContract):
    """Typed access to the Mandates contract."""

    NAME = "Mandates"

    def give_for(self, mandates: Sequence[Mandate], signatures: Sequence[bytes]) -> ContractFunction:
        """The call that relays up to `MAX_MANDATES` signed mandates. Anyone may send it."""
        listed = [(m.holder, m.terms, m.number, m.deadline) for m in mandates]
        return self.contract.functions.giveFor(listed, list(signatures))

    def revoke_for(self, holder: str, number: int, deadline: int, signature: bytes) -> ContractFunction:
        """The call that relays a signed revocation. Anyone may send it."""
        return self.contract.functions.revokeFor(holder, number, deadline, signature)

    def typed_mandate(self, mandate: Mandate) -> dict[str, Any]:
        """The EIP-712 message by which a holder gives a mandate."""
        m = mandate
        return typed_message(self, "Mandate", MANDATE, m.holder, m.terms, m.number, m.deadline)

    def typed_revocation(self, holder: str, number: int, deadline: int) -> dict[str, Any]:
        """The EIP-712 message by which a holder revokes a mandate."""
        return typed_message(self, "Revocation", REVOCATION, holder, number, deadline)

    def state(self, holder: str, block: BlockIdentifier = "latest") -> MandateState:
        """The holder's latest mandate."""
        terms, number, given_at, revoked_at = self._read(self.contract.functions.stateOf(holder), block)
        return MandateState(bytes(terms), number, given_at, revoked_at)

    def standing(self, first: int, last: int) -> dict[bytes, Standing]:
        """Every holder's latest mandate at the end of block `last`, from all events since `first`."""
        latest: dict[bytes, Standing] = {}
        for event in self.history(("MandateGiven", "MandateRevoked"), first, last):
            holder = bytes.fromhex(event["holder"][2:])
            latest[holder] = Standing(event["number"], event.name == "MandateGiven")
        return latest
