"""Hashing a tree in another process, beside whatever this one is doing: Python hashes on one core at a time.

As a program it reads fixed-width records from standard input and writes the root and the `tree.bin` content.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

from registry.core.merkle import HASH_SIZE, leaf_hashes
from registry.errors import StorageError
from registry.evidence.tiles import encode_tree

# Below this many bytes the start of an interpreter costs more than it saves.
SPLIT_ABOVE: Final = 4 << 20

Tree = tuple[bytes, bytes]


@contextmanager
def hashing(records: bytes, width: int) -> Iterator[Future[Tree]]:
    """Hash records of `width` bytes into a tree while the block runs; the result is (`tree.bin` content, root)."""
    with ThreadPoolExecutor(1) as waiting:
        yield waiting.submit(_elsewhere if len(records) > SPLIT_ABOVE else _here, records, width)


def _here(records: bytes, width: int) -> Tree:
    return encode_tree(leaf_hashes(records, width))


def _elsewhere(records: bytes, width: int) -> Tree:
    # -I: the worker is this installation's, whatever the environment or the current folder hold.
    command = [sys.executable, "-I", "-m", "registry.evidence.tree_worker", str(width)]
    done = subprocess.run(command, input=records, stdout=subprocess.PIPE, check=False)  # noqa: S603 - our own module
    if done.returncode or len(done.stdout) < HASH_SIZE:
        raise StorageError(f"the hashing process ended with code {done.returncode}", hint="is there enough memory?")
    return done.stdout[HASH_SIZE:], done.stdout[:HASH_SIZE]


def _main() -> None:
    content, root = _here(sys.stdin.buffer.read(), int(sys.argv[1]))
    sys.stdout.buffer.write(root)
    sys.stdout.buffer.write(content)


if __name__ == "__main__":
    _main()
