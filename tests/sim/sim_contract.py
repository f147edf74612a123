"""A contract as the product's are: the same call again changes nothing, another value under the same key is refused.

    record(key, value)     sets a key once; refuses another value with Recorded(key, value)
    follow(chain, place)   appends to a chain; refuses a place whose predecessor is missing with Missing(chain, place)

Every change is one log. What was called at an older block answers as it would have then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from eth_utils.abi import function_signature_to_4byte_selector

ADDRESS: Final = "0x" + "D1A2" * 10
NAME: Final = "Diary"
RECORD: Final = function_signature_to_4byte_selector("record(uint256,uint256)")
FOLLOW: Final = function_signature_to_4byte_selector("follow(uint256,uint256)")
RECORDED: Final = function_signature_to_4byte_selector("Recorded(uint256,uint256)")
MISSING: Final = function_signature_to_4byte_selector("Missing(uint256,uint256)")


def _function(name: str, *inputs: str) -> dict[str, Any]:
    taken = [{"name": each, "type": "uint256"} for each in inputs]
    made = [{"name": "changed", "type": "bool"}]
    return {"type": "function", "name": name, "stateMutability": "nonpayable", "inputs": taken, "outputs": made}


ABI: Final = [_function("record", "key", "value"), _function("follow", "chain", "place")]


@dataclass(frozen=True)
class Call:
    """A decoded call: which function, and its two arguments."""

    function: bytes
    first: int
    second: int

    @classmethod
    def of(cls, data: bytes) -> Call:
        """Decode calldata; raises ValueError for anything that is not a call of this contract."""
        if len(data) != 68 or data[:4] not in (RECORD, FOLLOW):
            raise ValueError(f"no call of {NAME}: 0x{data.hex()}")
        return cls(data[:4], int.from_bytes(data[4:36], "big"), int.from_bytes(data[36:], "big"))

    def __str__(self) -> str:
        return f"{'record' if self.function == RECORD else 'follow'}({self.first}, {self.second})"


class Refusal(Exception):
    """The contract reverts; `data` is the encoded custom error."""

    def __init__(self, selector: bytes, *arguments: int) -> None:
        self.data = selector + b"".join(each.to_bytes(32, "big") for each in arguments)
        super().__init__(self.data.hex())


class Diary:
    """The state of the contract, with the block at which each part of it came."""

    def __init__(self) -> None:
        self.values: dict[int, tuple[int, int]] = {}
        self.chains: dict[int, list[int]] = {}

    def would_change(self, call: Call, block: int) -> bool:
        """What the call returns on the state after `block`; raises Refusal."""
        if call.function == RECORD:
            value, since = self.values.get(call.first, (0, block + 1))
            if since > block:
                return True
            if value != call.second:
                raise Refusal(RECORDED, call.first, value)
            return False
        length = sum(1 for since in self.chains.get(call.first, []) if since <= block)
        if call.second > length:
            raise Refusal(MISSING, call.first, length)
        return call.second == length

    def execute(self, call: Call, block: int) -> bool:
        """Carry the call out in `block`; whether it changed anything. Raises Refusal."""
        changes = self.would_change(call, block)
        if changes and call.function == RECORD:
            self.values[call.first] = call.second, block
        elif changes:
            self.chains.setdefault(call.first, []).append(block)
        return changes
