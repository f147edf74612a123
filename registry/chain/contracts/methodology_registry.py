"""MethodologyRegistry: which methodology versions are published, with the hashes of their parameters and document."""

from __future__ import annotations

from dataclasses import dataclass

from web3.contract.contract import ContractFunction
from web3.types import BlockIdentifier

from registry.chain.contracts.base import DeployedContract
from registry.core.methodology import Methodology


@dataclass(frozen=True)
class PublishedMethodology:
    """What the chain holds of a version; dates are yyyymmdd, `effective_to` 0 means open."""

    name: str
    parameters_hash: bytes
    document_hash: bytes
    effective_from: int
    effective_to: int


class MethodologyRegistry(DeployedContract):
    """Typed access to the MethodologyRegistry contract."""

    NAME = "MethodologyRegistry"

    def publish(self, spec: Methodology) -> ContractFunction:
        """The call that publishes a version. Role: REGULATOR."""
        record = (
            spec.name.encode().ljust(32, b"\0"),
            spec.parameters_hash(),
            spec.document_hash(),
            spec.effective_from,
            spec.effective_to,
        )
        return self.contract.functions.publish(spec.id, record)

    def find(self, methodology_id: int, block: BlockIdentifier = "latest") -> PublishedMethodology | None:
        """The published version, or None."""
        name, parameters, document, start, end = self._read(
            self.contract.functions.methodologyOf(methodology_id), block
        )
        if not any(parameters):
            return None
        return PublishedMethodology(bytes(name).rstrip(b"\0").decode(), bytes(parameters), bytes(document), start, end)
