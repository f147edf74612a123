"""A contract small enough to write by hand, with its ABI: these tests do not wait for a compiler.

event Bumped(uint256 indexed count, bytes32 note);
error Broken(uint256 code);

bump(bytes32)      counts, emits Bumped
count() -> uint    the counter
fail()             reverts Broken(42)
refuse()           reverts Error("no")
silent()           reverts with nothing
broken()           an invalid opcode
now() -> uint,uint the block's timestamp and number
parent() -> b32    the hash of the block before
dive() -> uint     calls itself until the gas is used up
"""

from __future__ import annotations

from eth_utils import keccak

# What the fixtures use: the chain's id, the hour its test clock starts at (Unix seconds), and an address without a key.
CHAIN_ID = 20260
GENESIS_TIME = 1_760_000_000
SOMEONE = "0x" + "11" * 20

OPCODES = {
    "STOP": 0x00, "ADD": 0x01, "SUB": 0x03, "EQ": 0x14, "SHL": 0x1B, "SHR": 0x1C, "ADDRESS": 0x30,
    "CALLDATALOAD": 0x35, "BLOCKHASH": 0x40, "TIMESTAMP": 0x42, "NUMBER": 0x43, "POP": 0x50, "MLOAD": 0x51,
    "MSTORE": 0x52, "SLOAD": 0x54, "SSTORE": 0x55, "JUMPI": 0x57, "GAS": 0x5A, "JUMPDEST": 0x5B, "PUSH0": 0x5F,
    "DUP1": 0x80, "LOG2": 0xA2, "CALL": 0xF1, "RETURN": 0xF3, "REVERT": 0xFD, "INVALID": 0xFE,
}  # fmt: skip


def selector(signature: str) -> bytes:
    return keccak(text=signature)[:4]


BUMPED = keccak(text="Bumped(uint256,bytes32)")
BROKEN = selector("Broken(uint256)")

FUNCTIONS = {
    "bump(bytes32)": f"""
        PUSH0 SLOAD 0x01 ADD DUP1 PUSH0 SSTORE
        0x04 CALLDATALOAD PUSH0 MSTORE
        0x{BUMPED.hex()} 0x20 PUSH0 LOG2 STOP""",
    "count()": "PUSH0 SLOAD PUSH0 MSTORE 0x20 PUSH0 RETURN",
    "fail()": f"0x{BROKEN.hex()} 0xe0 SHL PUSH0 MSTORE 0x2a 0x04 MSTORE 0x24 PUSH0 REVERT",
    "refuse()": f"""
        0x{selector("Error(string)").hex()} 0xe0 SHL PUSH0 MSTORE
        0x20 0x04 MSTORE 0x02 0x24 MSTORE 0x{b"no".hex()} 0xf0 SHL 0x44 MSTORE 0x64 PUSH0 REVERT""",
    "silent()": "PUSH0 PUSH0 REVERT",
    "broken()": "INVALID",
    "now()": "TIMESTAMP PUSH0 MSTORE NUMBER 0x20 MSTORE 0x40 PUSH0 RETURN",
    "parent()": "0x01 NUMBER SUB BLOCKHASH PUSH0 MSTORE 0x20 PUSH0 RETURN",
    # In memory: the own selector as calldata, then the depth the callee reports; one more is returned.
    "dive()": f"""
        0x{selector("dive()").hex()} 0xe0 SHL PUSH0 MSTORE
        0x20 0x20 0x04 PUSH0 PUSH0 ADDRESS GAS CALL POP
        0x20 MLOAD 0x01 ADD 0x20 MSTORE 0x20 0x20 RETURN""",
}


def assemble(source: str, start: int = 0, labels: dict[str, int] | None = None) -> bytes:
    """Bytecode of `source`: mnemonics, 0x literals pushed, `:name` a jump target, `@name` its place pushed."""
    code = b""
    for token in source.split():
        if token.startswith("0x"):
            literal = bytes.fromhex(token[2:])
            code += bytes([0x5F + len(literal)]) + literal
        elif token.startswith("@"):
            code += b"\x61" + (labels or {}).get(token[1:], 0).to_bytes(2, "big")
        elif token.startswith(":"):
            if labels is not None:
                labels[token[1:]] = start + len(code)
            code += bytes([OPCODES["JUMPDEST"]])
        else:
            code += bytes([OPCODES[token]])
    return code


def _runtime() -> bytes:
    dispatch = "PUSH0 CALLDATALOAD 0xe0 SHR "
    dispatch += " ".join(f"DUP1 0x{selector(name).hex()} EQ @{name} JUMPI" for name in FUNCTIONS)
    source = dispatch + " STOP " + " ".join(f":{name} {body}" for name, body in FUNCTIONS.items())
    labels: dict[str, int] = {}
    assemble(source, labels=labels)
    return assemble(source, labels=labels)


RUNTIME = _runtime()
# PUSH2 size, DUP1, PUSH1 12, PUSH0, CODECOPY, PUSH0, RETURN
INITCODE = b"\x61" + len(RUNTIME).to_bytes(2, "big") + bytes.fromhex("80600a5f395ff3") + RUNTIME


def _function(name: str, inputs: tuple[str, ...] = (), outputs: tuple[str, ...] = (), view: bool = True) -> dict:
    return {
        "type": "function",
        "name": name,
        "stateMutability": "view" if view else "nonpayable",
        "inputs": [{"name": f"in{place}", "type": kind} for place, kind in enumerate(inputs)],
        "outputs": [{"name": f"out{place}", "type": kind} for place, kind in enumerate(outputs)],
    }


ABI = [
    _function("bump", ("bytes32",), view=False),
    _function("count", outputs=("uint256",)),
    *(_function(name, outputs=("uint256",)) for name in ("fail", "refuse", "silent", "broken", "dive")),
    _function("now", outputs=("uint256", "uint256")),
    _function("parent", outputs=("bytes32",)),
    {"type": "error", "name": "Broken", "inputs": [{"name": "code", "type": "uint256"}]},
    {
        "type": "event",
        "name": "Bumped",
        "anonymous": False,
        "inputs": [
            {"name": "count", "type": "uint256", "indexed": True},
            {"name": "note", "type": "bytes32", "indexed": False},
        ],
    },
]
