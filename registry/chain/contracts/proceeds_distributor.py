"""ProceedsDistributor: the people's share of proceeds, by attested runs of cumulative entitlements in fen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from web3.contract.contract import ContractFunction
from web3.types import BlockIdentifier

from registry.chain.contracts.base import DeployedContract
from registry.chain.typed_data import typed_message

CLAIM: Final = {"account": "address", "cumulativeFen": "uint128", "deadline": "uint256"}
MAX_PAYMENTS: Final = 32  # a call: 64 are allowed, but with long proofs need more gas than the submitter gives


@dataclass(frozen=True)
class RunRecord:
    """What the chain holds of a payout run; `total_fen` is cumulative over all runs."""

    root: bytes
    digest: bytes
    size: int
    total_fen: int
    dossier: bytes
    publisher: str
    attested: bool


@dataclass(frozen=True)
class Payment:
    """One bank transfer: the account's cumulative entitlement, its place and proof in the active run's tree."""

    account: str
    cumulative_fen: int
    index: int
    bank_ref: bytes
    proof: tuple[bytes, ...]


class ProceedsDistributor(DeployedContract):
    """Typed access to the ProceedsDistributor contract."""

    NAME = "ProceedsDistributor"

    def publish_run(self, number: int, root: bytes, size: int, total_fen: int, dossier: bytes) -> ContractFunction:
        """The call that publishes a run. Role: PLATFORM."""
        return self.contract.functions.publishRun(number, root, size, total_fen, dossier)

    def attest_run(self, number: int, digest: bytes) -> ContractFunction:
        """The call by which a verifier co-signs a run it recomputed. Role: VERIFIER."""
        return self.contract.functions.attestRun(number, digest)

    def claim_for(
        self, account: str, cumulative_fen: int, index: int, proof: Sequence[bytes], deadline: int, signature: bytes
    ) -> ContractFunction:
        """The call that relays a signed claim: cash to the account's own wallet. Anyone may send it."""
        call = self.contract.functions.claimFor
        return call(account, cumulative_fen, index, list(proof), deadline, signature)

    def pay(self, batch_ref: bytes, payments: Sequence[Payment]) -> ContractFunction:
        """The call by which the bank records transfers it made, each by its reference. Role: BANK."""
        listed = [(p.account, p.cumulative_fen, p.index, p.bank_ref, list(p.proof)) for p in payments]
        return self.contract.functions.pay(batch_ref, listed)

    def typed_claim(self, account: str, cumulative_fen: int, deadline: int) -> dict[str, Any]:
        """The EIP-712 message by which an account claims its proceeds as cash."""
        return typed_message(self, "ProceedsClaim", CLAIM, account, cumulative_fen, deadline)

    def run(self, number: int, block: BlockIdentifier = "latest") -> RunRecord | None:
        """The run's record, or None when that number is not published or was cancelled."""
        record = self._read(self.contract.functions.runOf(number), block)
        root, digest, size, total_fen, dossier, publisher, attested = record
        if not size:
            return None
        return RunRecord(bytes(root), bytes(digest), size, total_fen, bytes(dossier), publisher, attested)

    def hash_run(self, number: int, root: bytes, size: int, total_fen: int, dossier: bytes) -> bytes:
        """The digest a verifier signs."""
        return bytes(self._read(self.contract.functions.hashRun(number, root, size, total_fen, dossier)))

    def current_run(self, block: BlockIdentifier = "latest") -> int:
        """The number of the newest run, attested or not; 0 before the first."""
        return int(self._read(self.contract.functions.currentRun(), block))

    def active_run(self, block: BlockIdentifier = "latest") -> int:
        """The number of the run that claims are checked against; 0 when there is none."""
        return int(self._read(self.contract.functions.activeRun(), block))

    def funded_of(self, issuance: int, block: BlockIdentifier = "latest") -> int:
        """What the people's share of one issuance's sales came to so far, in fen."""
        return int(self._read(self.contract.functions.fundedOf(issuance), block))

    def funded(self, block: BlockIdentifier = "latest") -> int:
        """What came in altogether, in fen."""
        return int(self._read(self.contract.functions.fundedFen(), block))

    def paid(self, block: BlockIdentifier = "latest") -> int:
        """What was paid out altogether, in fen."""
        return int(self._read(self.contract.functions.paidFen(), block))

    def paid_of(self, account: str, block: BlockIdentifier = "latest") -> int:
        """What an account was paid so far, in fen."""
        return int(self._read(self.contract.functions.paidOf(account), block))

    def payout(self, bank_ref: bytes, block: BlockIdentifier = "latest") -> tuple[str, int] | None:
        """(account, fen) of a bank reference, or None."""
        account, fen = self._read(self.contract.functions.payoutOf(bank_ref), block)
        return (account, int(fen)) if fen else None
