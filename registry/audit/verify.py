"""Verifying one trip proof, in the numbered steps of FORMAT.md.

Steps 1 to 7 need the proof file alone; step 8 asks whether the batch really stands on the chain (or equals a batch
saved earlier from a trusted place). A proof whose step 8 was not made is incomplete, never verified.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from registry.chain.contracts.trip_anchors import Status
from registry.chain.deployment import Contracts
from registry.core.batch import Batch
from registry.core.checks import Check, compare
from registry.core.leaf import TripLeaf
from registry.core.proof import MAX_FILE_BYTES, TripProof, verify_trip
from registry.errors import InputError, ProofError, VerificationError
from registry.evidence.files import read_canonical

ANCHORED = "8 batch is attested on the chain"
SAVED = "8 batch equals the saved one"


@dataclass(frozen=True)
class Verification:
    """The steps made for one proof file."""

    checks: list[Check]
    reduction_mg: int
    opened: bool

    @property
    def failed(self) -> bool:
        """Whether any step that was made did not hold."""
        return any(check.ok is False for check in self.checks)

    @property
    def ok(self) -> bool:
        """Whether every step that can be made held, and the batch was found where the proof says."""
        return not self.failed and self.checks[-1].ok is True

    def to_json(self) -> dict[str, object]:
        """The verification as `--json` prints it."""
        verdict = "verified" if self.ok else "failed" if self.failed else "incomplete"
        return {
            "ok": self.ok,
            "verdict": verdict,
            "opened": self.opened,
            "reduction_mg": self.reduction_mg,
            "checks": [check.to_json() for check in self.checks],
        }


def verify_file(path: Path, *, contracts: Contracts | None = None, saved: Path | None = None) -> Verification:
    """Verify a proof file against a node or a saved batch manifest; with neither it stays incomplete.

    Raises InputError when the file cannot be read; everything wrong inside it is a failed check.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}", path=str(path)) from error
    try:
        proof = TripProof.from_text(text)
    except ProofError as error:
        return Verification([Check("1 file is a trip proof", False, "puhui.trip-proof/v1", error.message)], 0, False)
    checks = [Check("1 file is a trip proof", True, "puhui.trip-proof/v1", "puhui.trip-proof/v1"), *verify_trip(proof)]
    checks.append(_anchored(proof, contracts, saved))
    return Verification(checks, TripLeaf.decode(proof.leaf).reduction_mg if checks[1].ok else 0, bool(proof.opening))


def _anchored(proof: TripProof, contracts: Contracts | None, saved: Path | None) -> Check:
    if saved is not None:
        return _equals_saved(proof, saved)
    if contracts is None:
        return Check(ANCHORED, None, "ATTESTED or ISSUED", "not checked: give --rpc and --contracts, or --batch")

    def check() -> object:
        here = (contracts.chain.chain_id, contracts.chain.genesis.hex(), contracts.anchors.address.lower())
        named = (proof.chain.chain_id, proof.chain.genesis.hex(), "0x" + proof.chain.trip_anchors.hex())
        if here != named:
            raise VerificationError(f"the proof is for chain {named}, this node and contracts are {here}")
        record = contracts.anchors.find(proof.batch.id())
        if record.status not in (Status.ATTESTED, Status.ISSUED):
            raise VerificationError(f"the batch is {record.status.name} on the chain")
        return record.status.name

    try:
        return Check(ANCHORED, True, "ATTESTED or ISSUED", check())
    except VerificationError as error:  # a node that goes away is no verdict: that error is the caller's
        return Check(ANCHORED, False, "ATTESTED or ISSUED", error.message)


def _equals_saved(proof: TripProof, saved: Path) -> Check:
    body = read_canonical(saved)
    try:
        batch = Batch.from_json(body.get("batch", body))
    except ProofError as error:
        raise InputError(f"{saved}: not a saved batch ({error.message})", path=str(saved)) from error
    return compare(SAVED, "0x" + batch.id().hex(), "0x" + proof.batch.id().hex())
