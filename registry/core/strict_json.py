"""JSON from outside, parsed strictly and without surprises.

Importing web3 or py-evm raises Python's recursion limit to 100,000 for the whole process, and the C parser then
overruns the stack on a body of brackets: nesting is therefore bounded before anything is parsed.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NoReturn

MAX_DEPTH: Final = 64
# Possessive, and the last quote optional: no byte is searched twice, not even in a string that does not end.
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_BRACKET: Final = re.compile(rb"[\[\]{}]")


def parse(content: bytes) -> Any:
    """The JSON value in UTF-8 `content`.

    Raises ValueError for anything else: nesting beyond 64, a key given twice, NaN or Infinity, absurd numbers.
    """
    require_shallow(content)
    # Given bytes, `json` would guess UTF-16 and 32 too, in which the brackets were not counted right.
    return json.loads(content.decode(), object_pairs_hook=_unique, parse_constant=_refuse_constant)


def require_shallow(content: bytes) -> None:
    """Raise ValueError when brackets nest beyond 64, whatever else the content is."""
    if content.count(b"[") + content.count(b"{") > MAX_DEPTH and _depth(content) > MAX_DEPTH:
        raise ValueError("nested too deeply")


def _depth(content: bytes) -> int:
    """How deeply brackets nest outside strings, counted up to just above `MAX_DEPTH`."""
    depth = deepest = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", content)):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
        if deepest > MAX_DEPTH:
            break
    return deepest


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    body = dict(pairs)
    if len(body) != len(pairs):
        raise ValueError("a key occurs twice")
    return body


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
