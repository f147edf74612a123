"""`tree.bin`: a Merkle tree kept as every eighth level, so that a proof reads a few kB whatever the tree's size.

    "PHTREE1\\n" | size u64 | level 0 hashes | level 8 hashes | level 16 hashes | ...       (32 bytes each)

A tile is 256 neighbouring hashes of one kept level; the seven levels between two kept ones are folded from a tile.
Level k has ceil(size / 2**k) hashes (an odd node is promoted), and the last kept level is the first with one tile.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from registry.core import merkle
from registry.errors import EvidenceError

MAGIC: Final = b"PHTREE1\n"
WIDTH: Final = 256
_STEP: Final = 8
_HEADER: Final = struct.Struct(">8sQ")


def encode_tree(hashes: Sequence[bytes]) -> tuple[bytes, bytes]:
    """The file's content and the root for these leaf hashes."""
    parts = [_HEADER.pack(MAGIC, len(hashes)), b"".join(hashes)]
    level = list(hashes)
    while len(level) > WIDTH:
        for _ in range(_STEP):
            level = merkle.parents(level)
        parts.append(b"".join(level))
    return b"".join(parts), merkle.root(level)


class TreeFile:
    """Reads proofs from a `tree.bin`; raises EvidenceError when the file is damaged."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bytes_read = _HEADER.size
        try:
            with path.open("rb") as file:
                magic, self.size = _HEADER.unpack(file.read(_HEADER.size))
        except (OSError, struct.error) as error:
            raise EvidenceError(f"{path}: not readable as a tree ({error})", path=str(path)) from error
        starts, counts, at, count = [], [], _HEADER.size, self.size
        while True:
            starts.append(at)
            counts.append(count)
            at += count * merkle.HASH_SIZE
            if count <= WIDTH:
                break
            count = -(-count // WIDTH)
        self._starts, self._counts = starts, counts
        if magic != MAGIC or path.stat().st_size != at:
            raise EvidenceError(f"{path}: not a whole tree file", path=str(path))

    def leaf(self, index: int) -> bytes:
        """The leaf hash at `index`."""
        return self._tile(0, index // WIDTH)[index % WIDTH]

    def inclusion_proof(self, index: int) -> list[bytes]:
        """The audit path of leaf `index`; reads one tile a kept level."""
        proof: list[bytes] = []
        tiles: dict[int, list[list[bytes]]] = {}
        for level, position in merkle.inclusion_path(index, self.size):
            kept, within = divmod(level, _STEP)
            if kept not in tiles:
                tiles[kept] = _folded(self._tile(kept, index >> _STEP * kept + _STEP))
            tile = tiles[kept][within]
            proof.append(tile[position % max(1, WIDTH >> within)])
        return proof

    def _tile(self, kept: int, number: int) -> list[bytes]:
        first = number * WIDTH
        count = min(WIDTH, self._counts[kept] - first)
        if count <= 0:
            raise EvidenceError(f"{self.path}: no tile {number} at level {kept * _STEP}", path=str(self.path))
        with self.path.open("rb") as file:
            file.seek(self._starts[kept] + first * merkle.HASH_SIZE)
            data = file.read(count * merkle.HASH_SIZE)
        self.bytes_read += len(data)
        return [data[i : i + merkle.HASH_SIZE] for i in range(0, len(data), merkle.HASH_SIZE)]


def _folded(tile: list[bytes]) -> list[list[bytes]]:
    levels = [tile]
    while len(levels[-1]) > 1 and len(levels) < _STEP:
        levels.append(merkle.parents(levels[-1]))
    return levels
