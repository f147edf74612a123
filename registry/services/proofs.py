"""Making the proof of one trip: a self-contained file its holder can show to anyone."""

from __future__ import annotations

from dataclasses import dataclass

from registry.chain.contracts.trip_anchors import Status
from registry.core.proof import ChainReference, OpenedLeaf, TripProof
from registry.errors import ConflictError, NotFoundError
from registry.evidence.batch import BatchEvidence, batch_folder
from registry.services.ledger import Ledger
from registry.store import batches
from registry.store.tables import BatchRow


@dataclass(frozen=True)
class MadeProof:
    """A proof, and how many bytes of evidence were read to make it."""

    proof: TripProof
    bytes_read: int
    anchored: bool


def prove_trip(ledger: Ledger, trip_id: str, *, source: str | None = None, opened: bool = True) -> MadeProof:
    """The proof of the trip with this id. `opened` false withholds salt and personal fields.

    Raises NotFoundError when no batch holds the trip, ConflictError when two sources used the same id.
    """
    found = []
    for row in _candidates(ledger, trip_id, source):
        folder = BatchEvidence(batch_folder(ledger.home.evidence, bytes.fromhex(row.id[2:])))
        with folder.openings() as openings:
            for opening in openings.find(trip_id):
                if OpenedLeaf(opening.leaf, opening.salt, opening.canonical).fields()["trip_id"] == trip_id:
                    found.append((folder, opening, openings.bytes_read))
    if not found:
        raise NotFoundError(f"no batch holds a trip {trip_id!r}", hint="was it rejected? see `puhui batch show`")
    if len(found) > 1:
        sources = ", ".join(sorted(folder.batch.source for folder, _, _ in found))
        raise ConflictError(f"trip {trip_id!r} is known to several sources: {sources}", hint="give --source")
    folder, row_read, read = found[0]
    tree = folder.tree()
    reference = ChainReference(
        ledger.contracts.deployment.chain_id,
        ledger.contracts.deployment.genesis,
        bytes.fromhex(ledger.contracts.anchors.address[2:]),
        folder.id,
    )
    proof = TripProof(
        row_read.leaf,
        OpenedLeaf(row_read.leaf, row_read.salt, row_read.canonical) if opened else None,
        row_read.index,
        tree.size,
        tuple(tree.inclusion_proof(row_read.index)),
        folder.batch,
        reference,
    )
    status = ledger.contracts.anchors.find(folder.id).status
    return MadeProof(proof, read + tree.bytes_read, status in (Status.ATTESTED, Status.ISSUED))


def _candidates(ledger: Ledger, trip_id: str, source: str | None) -> list[BatchRow]:
    with ledger.db.read() as session:
        return batches.holding_trip_id(session, trip_id, source)
