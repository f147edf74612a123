"""Whose new points an epoch may convert: those whose mandate stands at one block, not long before it was published."""

from __future__ import annotations

from typing import Final

from registry.chain.deployment import Contracts
from registry.errors import VerificationError

# A revocation reaches every epoch published this long after it; meanwhile mandates have to be read and trees hashed.
LAG_S: Final = 3600


def mandated(contracts: Contracts, mandates_block: int | None) -> set[bytes]:
    """The accounts (20 bytes) whose mandate stands at the end of a block; none without a block."""
    if mandates_block is None:
        return set()
    standing = contracts.mandates.standing(contracts.deployment.first_block, mandates_block)
    return {holder for holder, latest in standing.items() if latest.active}


def require_recent(contracts: Contracts, number: int, mandates_block: int | None, published: int) -> None:
    """Check that an epoch read the mandates before its publication in block `published`, and not `LAG_S` before it.

    What stood at the end of a block stands until the next block, which on a chain without empty blocks may be hours
    later: it is from then on that what was read grows old. Reading none is right only while none stand.
    Raises VerificationError.
    """
    if mandates_block is None:
        if standing := len(mandated(contracts, published - 1)):
            raise VerificationError(f"epoch {number} read no mandates, and {standing} stood before it was published")
        return
    if mandates_block >= published:
        raise VerificationError(
            f"epoch {number} was published in block {published} and says it read the mandates in {mandates_block}"
        )
    age = contracts.chain.timestamp(published) - contracts.chain.timestamp(mandates_block + 1)
    if age > LAG_S:
        raise VerificationError(f"epoch {number} read the mandates {age} s before it was published, {LAG_S} s at most")
