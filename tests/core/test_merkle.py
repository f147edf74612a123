"""RFC 6962 trees against the RFC's own recursion, third-party vectors, and the attacks known by name."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core import merkle
from registry.core.merkle import leaf_hash, node_hash, verify_consistency, verify_inclusion
from registry.errors import ProofError
from tests.core import independent

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "rfc6962_transparency_dev.json").read_text("utf-8"))
LARGEST = 70
CONTENTS = [b"leaf %d" % i for i in range(LARGEST)]
HASHES = [leaf_hash(content) for content in CONTENTS]
ROOTS = [independent.tree_hash(CONTENTS[:size]) for size in range(LARGEST + 1)]
A, B, C, D = HASHES[:4]


def proof_of(index: int, size: int) -> list[bytes]:
    return merkle.inclusion_proof(HASHES[:size], index)


# --- attacks ---------------------------------------------------------------------------------------


def test_a_node_does_not_pass_as_a_leaf() -> None:
    # Second preimage: without prefixes the 64 bytes left | right would be a leaf with the node's hash.
    root = ROOTS[4]
    assert leaf_hash(A + B) != node_hash(A, B)
    with pytest.raises(ProofError, match=r"^inclusion proof for leaf 0 of 4 has 1 hashes, expected 2$"):
        verify_inclusion(node_hash(A, B), 0, 4, [node_hash(C, D)], root)
    with pytest.raises(ProofError, match=r"^root differs: "):
        verify_inclusion(leaf_hash(A + B), 0, 2, [node_hash(C, D)], root)


def test_a_node_passes_as_a_leaf_only_of_a_tree_of_another_size() -> None:
    # So the size must come from a trusted place; a batch binds it.
    verify_inclusion(node_hash(A, B), 0, 2, [node_hash(C, D)], ROOTS[4])


def test_a_duplicated_last_leaf_changes_the_root() -> None:
    # CVE-2012-2459: where an odd node is paired with itself, [A, B, C] and [A, B, C, C] share a root.
    assert merkle.root([A, B, C]) == node_hash(node_hash(A, B), C)
    assert merkle.root([A, B, C]) != merkle.root([A, B, C, C])
    with pytest.raises(ProofError, match=r"has 2 hashes, expected 1$"):
        verify_inclusion(C, 2, 3, [C, node_hash(A, B)], merkle.root([A, B, C, C]))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 64, 65])
def test_the_length_of_a_proof_is_exact(size: int) -> None:
    for index in range(size):
        proof = proof_of(index, size)
        for wrong in ([*proof, A], [A, *proof], *([proof[1:], proof[:-1]] if proof else [])):
            with pytest.raises(ProofError, match=r"hashes, expected \d+$") as raised:
                verify_inclusion(HASHES[index], index, size, wrong, ROOTS[size])
            assert raised.value.fields == {"expected": len(proof), "actual": len(wrong)}


@pytest.mark.parametrize("size", [2, 3, 8, 11])
def test_another_index_is_refused(size: int) -> None:
    for index in range(size):
        for other in range(size):
            if other != index:
                with pytest.raises(ProofError):
                    verify_inclusion(HASHES[index], other, size, proof_of(index, size), ROOTS[size])


@pytest.mark.parametrize(("index", "size"), [(-1, 4), (4, 4), (5, 4), (0, 0), (2**64 - 1, 1)])
def test_an_index_outside_the_tree_is_refused(index: int, size: int) -> None:
    with pytest.raises(ProofError, match=rf"^leaf index {index} is outside a tree of {size} leaves$") as raised:
        verify_inclusion(A, index, size, [], A)
    assert raised.value.fields == {"index": index, "size": size}


@pytest.mark.parametrize(("index", "size", "claimed"), [(0, 4, 5), (0, 4, 8), (0, 5, 4), (4, 5, 6), (7, 8, 16)])
def test_another_size_is_refused(index: int, size: int, claimed: int) -> None:
    with pytest.raises(ProofError):
        verify_inclusion(HASHES[index], index, claimed, proof_of(index, size), ROOTS[size])


@pytest.mark.parametrize("power", [1, 2, 4, 8, 16, 32, 64])
def test_trees_around_a_power_of_two_hold_their_last_leaf(power: int) -> None:
    for size in (power - 1, power, power + 1):
        if size:
            verify_inclusion(HASHES[size - 1], size - 1, size, proof_of(size - 1, size), ROOTS[size])
    # The last leaf of 2**k + 1 stands alone below the root; that of 2**k as deep as all others.
    assert len(proof_of(power, power + 1)) == 1
    assert len(proof_of(power - 1, power)) == power.bit_length() - 1


def test_the_empty_tree_has_a_root_and_no_leaf() -> None:
    assert merkle.root([]) == merkle.EMPTY_ROOT == ROOTS[0]
    with pytest.raises(ProofError, match=r"^leaf index 0 is outside a tree of 0 leaves$"):
        merkle.inclusion_proof([], 0)
    with pytest.raises(ProofError, match=r"^leaf index 0 is outside"):
        verify_inclusion(leaf_hash(b""), 0, 0, [], merkle.EMPTY_ROOT)


@pytest.mark.parametrize("short", [b"", A[:31], A + b"\0"])
def test_hashes_of_another_width_are_refused(short: bytes) -> None:
    size = len(short)
    message = rf"^a hash has {size} bytes, expected 32$"
    for leaf, proof, root in ((short, [B], ROOTS[2]), (A, [short], ROOTS[2]), (A, [B], short)):
        with pytest.raises(ProofError, match=message):
            verify_inclusion(leaf, 0, 2, proof, root)
    for old, proof, new in ((short, [B], ROOTS[2]), (A, [short], ROOTS[2]), (A, [B], short)):
        with pytest.raises(ProofError, match=message):
            verify_consistency(1, 2, proof, old, new)


@pytest.mark.parametrize("size", [2, 7, 8, 33])
def test_one_flipped_bit_anywhere_is_refused(size: int) -> None:
    def flipped(value: bytes, bit: int) -> bytes:
        return (int.from_bytes(value, "big") ^ 1 << bit).to_bytes(32, "big")

    index = size // 2
    proof = proof_of(index, size)
    for bit in (0, 128, 255):
        for at in range(len(proof)):
            wrong = [*proof[:at], flipped(proof[at], bit), *proof[at + 1 :]]
            with pytest.raises(ProofError, match=r"^root differs: "):
                verify_inclusion(HASHES[index], index, size, wrong, ROOTS[size])
        for leaf, root in ((flipped(HASHES[index], bit), ROOTS[size]), (HASHES[index], flipped(ROOTS[size], bit))):
            with pytest.raises(ProofError, match=r"^root differs: "):
                verify_inclusion(leaf, index, size, proof, root)


@pytest.mark.parametrize("width", [0, -1])
def test_records_need_a_width(width: int) -> None:
    with pytest.raises(ValueError, match=rf"^6 bytes are no whole number of {width}-byte records$"):
        merkle.leaf_hashes(b"aabbcc", width)


def test_a_buffer_must_hold_whole_records() -> None:
    with pytest.raises(ValueError, match=r"^7 bytes are no whole number of 2-byte records$"):
        merkle.leaf_hashes(b"aabbccd", 2)


# --- every tree up to 70 leaves ----------------------------------------------------------------------


@pytest.mark.parametrize("size", range(LARGEST + 1))
def test_roots_and_proofs_are_those_of_the_rfc(size: int) -> None:
    assert merkle.root(HASHES[:size]) == ROOTS[size]
    for index in range(size):
        proof = proof_of(index, size)
        assert proof == independent.path(index, CONTENTS[:size])
        verify_inclusion(HASHES[index], index, size, proof, ROOTS[size])


@pytest.mark.parametrize("new", range(1, LARGEST + 1))
def test_consistency_between_all_sizes(new: int) -> None:
    for old in range(1, new + 1):
        proof = merkle.consistency_proof(HASHES[:new], old)
        verify_consistency(old, new, proof, ROOTS[old], ROOTS[new])
        if proof:
            forged = [ROOTS[old], ROOTS[new + 1 if new < LARGEST else 1]]
            for roots in ((A[::-1], ROOTS[new]), (ROOTS[old], A[::-1]), tuple(forged)):
                with pytest.raises(ProofError, match=r"^(older|newer) root differs: "):
                    verify_consistency(old, new, proof, *roots)
            for wrong in (proof[:-1], [*proof, A]):
                with pytest.raises(ProofError):
                    verify_consistency(old, new, wrong, ROOTS[old], ROOTS[new])


def test_a_rewritten_past_is_no_consistent_future() -> None:
    rewritten = [A[::-1], *HASHES[1:8]]
    proof = merkle.consistency_proof(rewritten, 4)
    with pytest.raises(ProofError, match=r"^newer root differs: "):
        verify_consistency(4, 8, proof, ROOTS[4], merkle.root(rewritten))


@pytest.mark.parametrize(("old", "new", "count"), [(0, 4, 0), (5, 4, 0), (-1, 4, 0), (4, 4, 1), (0, 0, 1)])
def test_sizes_that_do_not_grow_have_no_consistency_proof(old: int, new: int, count: int) -> None:
    message = rf"^no consistency proof of {count} hashes leads from size {old} to size {new}$"
    with pytest.raises(ProofError, match=message):
        verify_consistency(old, new, [A] * count, A, A)


@pytest.mark.parametrize("old", [0, -1, 5])
def test_no_consistency_proof_is_made_from_outside_the_tree(old: int) -> None:
    with pytest.raises(ProofError, match=rf"^no consistency proof from size {old} to 4$"):
        merkle.consistency_proof(HASHES[:4], old)


@given(st.binary(max_size=400), st.integers(1, 40))
def test_records_hash_like_single_leaves(content: bytes, width: int) -> None:
    whole = content[: len(content) // width * width]
    single = [leaf_hash(whole[at : at + width]) for at in range(0, len(whole), width)]
    assert merkle.leaf_hashes(whole, width) == single
    assert merkle.leaf_hashes(memoryview(whole), width) == single


# --- third-party vectors -----------------------------------------------------------------------------


def run(kind: str, vector: dict[str, Any]) -> None:
    def raw(name: str) -> bytes:
        return base64.b64decode(vector[name] or "")

    proof = [base64.b64decode(node or "") for node in vector["proof"] or []]
    if kind == "inclusion":
        verify_inclusion(raw("leafHash"), vector["leafIdx"], vector["treeSize"], proof, raw("root"))
    else:
        verify_consistency(vector["size1"], vector["size2"], proof, raw("root1"), raw("root2"))


ALL = [(kind, vector) for kind in ("inclusion", "consistency") for vector in VECTORS[kind]]
FITTING = [pair for pair in ALL if pair[1]["fits_bytes32"]]
OTHERS = [pair for pair in ALL if not pair[1]["fits_bytes32"]]


def name(value: object) -> str | None:
    return value["file"] if isinstance(value, dict) else None


@pytest.mark.parametrize(("kind", "vector"), FITTING, ids=name)
def test_third_party_vector(kind: str, vector: dict[str, Any]) -> None:
    if vector["wantErr"]:
        with pytest.raises(ProofError):
            run(kind, vector)
    else:
        run(kind, vector)


@pytest.mark.parametrize(("kind", "vector"), OTHERS, ids=name)
def test_third_party_vector_with_other_hash_sizes_is_always_refused(kind: str, vector: dict[str, Any]) -> None:
    with pytest.raises(ProofError):
        run(kind, vector)


def test_only_two_sound_vectors_are_refused_for_their_empty_hashes() -> None:
    stricter = [vector["file"] for _, vector in OTHERS if not vector["wantErr"]]
    assert stricter == [
        "consistency/additional/sizes-are-equal-one-and-proof-is-empty.json",
        "consistency/additional/sizes-are-equal-zero-and-proof-is-empty.json",
    ]
    assert (len(FITTING), len(OTHERS)) == (100, 25)
