"""`tree.bin`: the same proofs as from all leaf hashes, from three tiles at most."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.core import merkle
from registry.errors import EvidenceError, ProofError
from registry.evidence.tiles import MAGIC, WIDTH, TreeFile, encode_tree

HASHES = merkle.leaf_hashes(b"".join(n.to_bytes(4, "big") for n in range(70_000)), 4)


def written(folder: Path, size: int) -> tuple[Path, bytes]:
    content, root = encode_tree(HASHES[:size])
    path = folder / "tree.bin"
    path.write_bytes(content)
    return path, root


@pytest.mark.parametrize("cut", [0, 1, 8, 15, 16, 17, 48, -1, -32])
def test_a_truncated_file_is_refused(tmp_path: Path, cut: int) -> None:
    path, _ = written(tmp_path, 300)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(
        EvidenceError, match=r"tree\.bin: (not readable as a tree \(.*\)|not a whole tree file)$"
    ) as raised:
        TreeFile(path)
    assert raised.value.fields == {"path": str(path)}


def test_a_longer_file_is_refused(tmp_path: Path) -> None:
    path, _ = written(tmp_path, 300)
    path.write_bytes(path.read_bytes() + bytes(32))
    with pytest.raises(EvidenceError, match=r"tree\.bin: not a whole tree file$"):
        TreeFile(path)


@pytest.mark.parametrize("magic", [b"PHTREE2\n", b"PHOPEN1\n", bytes(8)])
def test_another_magic_is_refused(tmp_path: Path, magic: bytes) -> None:
    path, _ = written(tmp_path, 3)
    path.write_bytes(magic + path.read_bytes()[8:])
    with pytest.raises(EvidenceError, match=r"tree\.bin: not a whole tree file$"):
        TreeFile(path)


@pytest.mark.parametrize("size", [0, 2, 4, 2**32, 2**64 - 1])
def test_another_size_in_the_header_is_refused(tmp_path: Path, size: int) -> None:
    path, _ = written(tmp_path, 3)
    path.write_bytes(MAGIC + size.to_bytes(8, "big") + path.read_bytes()[16:])
    with pytest.raises(EvidenceError, match=r"tree\.bin: not a whole tree file$"):
        TreeFile(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match=r"tree\.bin: not readable as a tree \(.*No such file"):
        TreeFile(tmp_path / "tree.bin")


@pytest.mark.parametrize("size", [0, 1, 256, 257])
def test_a_leaf_outside_the_tree_has_no_proof(tmp_path: Path, size: int) -> None:
    tree = TreeFile(written(tmp_path, size)[0])
    for index in (-1, size):
        with pytest.raises(ProofError, match=rf"^leaf index {index} is outside a tree of {size} leaves$"):
            tree.inclusion_proof(index)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 128, 129, 255, 256, 257, 258, 383, 384, 385, 511, 512, 513, 768, 1000])
def test_proofs_are_those_of_the_whole_tree(tmp_path: Path, size: int) -> None:
    path, root = written(tmp_path, size)
    tree = TreeFile(path)
    assert (tree.size, root) == (size, merkle.root(HASHES[:size]))
    edges = {0, 1, 127, 128, 254, 255, 256, 257, 383, 384, 511, 512, 767, 768, size // 2, size - 2, size - 1}
    for index in sorted(i for i in edges if 0 <= i < size):
        proof = tree.inclusion_proof(index)
        assert proof == merkle.inclusion_proof(HASHES[:size], index)
        assert tree.leaf(index) == HASHES[index]


@pytest.mark.parametrize("size", [65_535, 65_536, 65_537, 65_793, 70_000])
def test_proofs_of_large_trees_read_three_tiles_at_most(tmp_path: Path, size: int) -> None:
    path, root = written(tmp_path, size)
    for index in (0, 255, 256, 32_768, 65_279, 65_280, 65_534, size - 1):
        tree = TreeFile(path)
        proof = tree.inclusion_proof(index)
        assert tree.bytes_read <= 16 + 3 * WIDTH * 32
        merkle.verify_inclusion(HASHES[index], index, size, proof, root)
    assert proof == merkle.inclusion_proof(HASHES[:size], size - 1)


@pytest.mark.parametrize(("size", "kept"), [(0, 0), (1, 1), (256, 256), (257, 259), (65_536, 65_792), (65_537, 65_796)])
def test_every_eighth_level_is_kept_up_to_the_first_of_one_tile(size: int, kept: int) -> None:
    content, _ = encode_tree(HASHES[:size])
    assert content[:16] == b"PHTREE1\n" + size.to_bytes(8, "big")
    assert (len(content) - 16) // 32 == kept
