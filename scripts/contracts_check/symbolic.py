"""Run halmos with its model of SHA-256 repaired: 0.3.3 declares the input by its bytes where z3 wants its bits."""

from __future__ import annotations

import sys
from typing import Any

import z3
from halmos import sevm
from halmos.__main__ import main

HASH = "f_sha256_"


def function(name: str, *sorts: Any) -> Any:
    """z3's `Function`, with the input of a hash function as wide as the bytes in its name say."""
    if name.startswith(HASH):
        sorts = (z3.BitVecSort(8 * int(name.removeprefix(HASH))), *sorts[1:])
    return z3.Function(name, *sorts)


if __name__ == "__main__":
    sevm.Function = function
    sys.exit(main())
