"""RFC 6962 / RFC 9162 Merkle trees over SHA-256: the only tree of the ledger.

A leaf hashes as `H(0x00 | data)`, a node as `H(0x01 | left | right)`; the odd node of a level is promoted,
never duplicated (CVE-2012-2459). A verifier derives the exact proof length from (index, size) and refuses
any other, so a node can never pass as a leaf at another depth; the size must come from a trusted place.

All hashes are 32 bytes; lists of leaf hashes are in tree order. Malformed or wrong proofs raise `ProofError`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from registry.errors import ProofError

HASH_SIZE: Final = 32
LEAF_PREFIX: Final = b"\x00"
NODE_PREFIX: Final = b"\x01"
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()

_sha256 = hashlib.sha256


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf's content."""
    return _sha256(LEAF_PREFIX + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node over its two children."""
    return _sha256(NODE_PREFIX + left + right).digest()


def leaf_hashes(buffer: bytes | memoryview, width: int) -> list[bytes]:
    """Leaf hashes of a buffer of fixed-width records (one record of `width` bytes after another)."""
    if width <= 0 or len(buffer) % width:
        raise ValueError(f"{len(buffer)} bytes are no whole number of {width}-byte records")
    view = memoryview(buffer)
    base = _sha256(LEAF_PREFIX)
    hashes = []
    for start in range(0, len(buffer), width):
        digest = base.copy()
        digest.update(view[start : start + width])
        hashes.append(digest.digest())
    return hashes


def parents(level: Sequence[bytes]) -> list[bytes]:
    """The next level up: pairs hashed, an odd last node promoted as it is."""
    even = len(level) & ~1
    above = [_sha256(b"\x01" + level[i] + level[i + 1]).digest() for i in range(0, even, 2)]
    if even < len(level):
        above.append(level[-1])
    return above


def root(leaf_hashes: Sequence[bytes]) -> bytes:
    """The root over leaf hashes; of no leaves it is the hash of the empty string."""
    if not leaf_hashes:
        return EMPTY_ROOT
    level = list(leaf_hashes)
    while len(level) > 1:
        level = parents(level)
    return level[0]


def inclusion_path(index: int, size: int) -> list[tuple[int, int]]:
    """Where a proof's hashes stand: (level, position) from the leaf's sibling up to below the root.

    Level 0 holds the leaf hashes and position p of level k is the node over leaves p*2**k onward. A promoted
    node is found under the same rule, since it is carried up unchanged.
    """
    if not 0 <= index < size:
        raise ProofError(f"leaf index {index} is outside a tree of {size} leaves", index=index, size=size)
    path = []
    level, last = 0, size - 1
    while last > 0:
        sibling = index ^ 1
        if sibling <= last:
            path.append((level, sibling))
        index >>= 1
        last >>= 1
        level += 1
    return path


def inclusion_proof(leaf_hashes: Sequence[bytes], index: int) -> list[bytes]:
    """The audit path of leaf `index`, lowest level first."""
    wanted = inclusion_path(index, len(leaf_hashes))
    proof, level, height = [], list(leaf_hashes), 0
    for at, position in wanted:
        while height < at:
            level = parents(level)
            height += 1
        proof.append(level[position])
    return proof


def verify_inclusion(leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that the leaf with this hash is number `index` of the `size` leaves under `root`."""
    path = inclusion_path(index, size)
    if len(proof) != len(path):
        raise ProofError(
            f"inclusion proof for leaf {index} of {size} has {len(proof)} hashes, expected {len(path)}",
            expected=len(path),
            actual=len(proof),
        )
    _require_hashes(leaf_hash, root, *proof)
    computed = leaf_hash
    for (_, sibling), other in zip(path, proof, strict=True):
        computed = node_hash(computed, other) if sibling & 1 else node_hash(other, computed)
    _require_equal("root", root, computed)


def consistency_proof(leaf_hashes: Sequence[bytes], size1: int) -> list[bytes]:
    """The proof that the tree of the first `size1` leaves is a prefix of the whole (RFC 9162 2.1.4.1)."""
    if not 0 < size1 <= len(leaf_hashes):
        raise ProofError(f"no consistency proof from size {size1} to {len(leaf_hashes)}")
    return _subproof(size1, list(leaf_hashes), True)


def _subproof(size1: int, hashes: list[bytes], whole: bool) -> list[bytes]:
    size = len(hashes)
    if size1 == size:
        return [] if whole else [root(hashes)]
    split = 1 << (size - 1).bit_length() - 1
    if size1 <= split:
        return [*_subproof(size1, hashes[:split], whole), root(hashes[split:])]
    return [*_subproof(size1 - split, hashes[split:], False), root(hashes[:split])]


def verify_consistency(size1: int, size2: int, proof: Sequence[bytes], root1: bytes, root2: bytes) -> None:
    """Check that the tree (size2, root2) extends the tree (size1, root1) without changing it (RFC 9162 2.1.4.2)."""
    if size1 == size2 and not proof:
        _require_hashes(root1, root2)
        return _require_equal("root", root1, root2)
    if not 0 < size1 < size2:
        raise ProofError(f"no consistency proof of {len(proof)} hashes leads from size {size1} to size {size2}")
    _require_hashes(root1, root2, *proof)
    return _fold_consistency(size1, size2, list(proof), root1, root2)


def _fold_consistency(size1: int, size2: int, proof: list[bytes], root1: bytes, root2: bytes) -> None:
    if size1 & (size1 - 1) == 0:
        proof = [root1, *proof]
    if not proof:
        raise ProofError("consistency proof is empty")
    node, last = size1 - 1, size2 - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    first = second = proof[0]
    for other in proof[1:]:
        if last == 0:
            raise ProofError("consistency proof is too long")
        if node & 1 or node == last:
            first, second = node_hash(other, first), node_hash(other, second)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            second = node_hash(second, other)
        node, last = node >> 1, last >> 1
    if last:
        raise ProofError("consistency proof is too short")
    _require_equal("older root", root1, first)
    _require_equal("newer root", root2, second)


def _require_hashes(*hashes: bytes) -> None:
    for value in hashes:
        if len(value) != HASH_SIZE:
            raise ProofError(f"a hash has {len(value)} bytes, expected {HASH_SIZE}", expected=HASH_SIZE)


def _require_equal(what: str, expected: bytes, computed: bytes) -> None:
    if computed != expected:
        raise ProofError(
            f"{what} differs: expected {expected.hex()}, computed {computed.hex()}",
            expected=expected.hex(),
            actual=computed.hex(),
        )
