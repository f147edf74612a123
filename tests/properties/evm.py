"""A real EVM in this process: revm at the hardfork the contracts are compiled for, with its own clock."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple

import pyrevm
from eth_abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_utils import keccak
from eth_utils.abi import abi_to_signature, collapse_if_tuple

from registry.chain import artifacts

CHAIN_ID: Final = 31_337
MCOPY: Final = bytes.fromhex("5f5f5f5e00")  # Cancun's
CALL_BLS: Final = bytes.fromhex("5f5f5f5f5f600b5af1600f575f5ffd5b00")  # empty input, which a Prague chain refuses
CLZ: Final = bytes.fromhex("5f1e00")  # Osaka's
_REVERT: Final = re.compile(r"^Revert \{ gas_used: \d+, output: 0x([0-9a-f]*) \}$")


class Log(NamedTuple):
    """An event: the contract's address, its topics and its data."""

    address: str
    topics: tuple[bytes, ...]
    body: bytes


@dataclass(frozen=True)
class Outcome:
    """What came of a call: what it returned and logged, or the error it was refused with."""

    output: bytes
    logs: tuple[Log, ...] = ()
    error: str | None = None


class Evm:
    """One chain with one account a sender likes. No gas, no fees, no nonces: only what contracts do."""

    def __init__(self, now: int) -> None:
        environment = pyrevm.Env(cfg=pyrevm.CfgEnv(chain_id=CHAIN_ID))
        self._revm = pyrevm.EVM(env=environment, gas_limit=2**60, spec_id="CANCUN")
        self._block = 0
        self.now = now
        self.begin_block(now)
        self._require_cancun()

    def begin_block(self, now: int) -> None:
        """The next block, at `now`."""
        self._block += 1
        self.now = now
        self._revm.set_block_env(pyrevm.BlockEnv(number=self._block, timestamp=now))

    def create(self, sender: str, code: bytes) -> str:
        return str(self._revm.deploy(sender, code))

    def call(self, sender: str, to: str, calldata: bytes) -> Outcome:
        """Call a contract and keep what it changed; a refused call changes nothing."""
        try:
            output = self._revm.message_call(sender, to, calldata)
        except RuntimeError as error:
            return Outcome(b"", (), _error_name(str(error)))
        logs = tuple(Log(log.address.lower(), tuple(log.data[0]), log.data[1]) for log in self._revm.result.logs)
        return Outcome(output, logs)

    def view(self, to: str, calldata: bytes) -> bytes:
        return bytes(self._revm.message_call("0x" + "00" * 20, to, calldata, is_static=True))

    def snapshot(self) -> tuple[Any, int, int]:
        return self._revm.snapshot(), self._block, self.now

    def revert(self, snapshot: tuple[Any, int, int]) -> None:
        checkpoint, self._block, self.now = snapshot
        self._revm.revert(checkpoint)
        self._revm.set_block_env(pyrevm.BlockEnv(number=self._block, timestamp=self.now))

    def follows(self, code: bytes) -> bool:
        """Whether code of up to 32 bytes runs by the rules in force."""
        snapshot = self.snapshot()
        sender = "0x" + "11" * 20
        deploying = bytes([0x5F + len(code)]) + code + bytes.fromhex("5f5260") + bytes([len(code)])
        contract = self.create(sender, deploying + bytes([0x60, 32 - len(code), 0xF3]))
        outcome = self.call(sender, contract, b"")
        self.revert(snapshot)
        return outcome.error is None

    def _require_cancun(self) -> None:
        # revm takes any name for a hardfork, so the rules themselves are asked.
        assert self.follows(MCOPY), "older than Cancun"
        assert self.follows(CALL_BLS), "newer than Cancun"
        assert not self.follows(CLZ), "newer than Cancun"


def _error_name(text: str) -> str:
    found = _REVERT.match(text)
    if found is None:
        return text  # out of gas and the like
    revert = bytes.fromhex(found[1])
    return artifacts.decode_error(revert)[0]


@dataclass(frozen=True)
class Function:
    """A function of a contract's ABI, ready to encode and decode."""

    selector: bytes
    inputs: tuple[dict[str, Any], ...]
    input_types: tuple[str, ...]
    outputs: tuple[dict[str, Any], ...]
    output_types: tuple[str, ...]

    def encode(self, args: tuple[Any, ...]) -> bytes:
        return self.selector + encode(self.input_types, args)

    def decode(self, output: bytes) -> Any:
        """What it returned, structs by the names of their members."""
        return _decode(self.output_types, self, output)


@lru_cache(1 << 17)
def _decode(types: tuple[str, ...], function: Function, output: bytes) -> Any:
    values = [_named(entry, one) for entry, one in zip(function.outputs, decode(types, output), strict=True)]
    return values[0] if len(values) == 1 else tuple(values)


def _named(entry: dict[str, Any], value: Any) -> Any:
    if not entry["type"].startswith("tuple"):
        return value
    if entry["type"].endswith("[]"):
        return [_named({**entry, "type": entry["type"][:-2]}, one) for one in value]
    members = [_named(member, one) for member, one in zip(entry["components"], value, strict=True)]
    return _struct(tuple(member["name"] for member in entry["components"]))(*members)


@cache
def _struct(names: tuple[str, ...]) -> Any:
    return NamedTuple("Struct", [(name, Any) for name in names])  # type: ignore[misc]


@cache
def function(contract: str, name: str) -> Function:
    """The one function of this name, or of this signature, that a contract has."""
    entries = [entry for entry in artifacts.load(contract).abi if entry["type"] == "function"]
    (entry,) = [entry for entry in entries if name in (entry["name"], abi_to_signature(entry))]
    inputs, outputs = tuple(entry["inputs"]), tuple(entry["outputs"])
    return _Hashed(
        keccak(text=abi_to_signature(entry))[:4],
        inputs,
        tuple(collapse_if_tuple(one) for one in inputs),
        outputs,
        tuple(collapse_if_tuple(one) for one in outputs),
    )


class _Hashed(Function):
    """Known by its identity, so that it can be the key of a cache."""

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


@cache
def event(topic: bytes, topics: int) -> dict[str, Any]:
    """The event of the ledger's contracts with this first topic, and as many (tokens differ in what they index)."""
    for contract in artifacts.CONTRACTS:
        for entry in artifacts.load(contract).abi:
            if entry["type"] != "event" or 1 + sum(one["indexed"] for one in entry["inputs"]) != topics:
                continue
            if keccak(text=abi_to_signature(entry)) == topic:
                return entry
    raise AssertionError("an event of none of the contracts")


@lru_cache(1 << 16)
def decode_log(log: Log) -> tuple[str, dict[str, Any]]:
    """An event's name and arguments, without those that are indexed and hashed."""
    entry = event(log.topics[0], len(log.topics))
    indexed = [one for one in entry["inputs"] if one["indexed"]]
    rest = [one for one in entry["inputs"] if not one["indexed"]]
    try:
        values = decode([collapse_if_tuple(one) for one in rest], log.body)
    except DecodingError as error:
        raise AssertionError(f"{entry['name']} does not decode") from error
    topics = [decode([one["type"]], topic)[0] for one, topic in zip(indexed, log.topics[1:], strict=True)]
    return entry["name"], {one["name"]: value for one, value in zip([*indexed, *rest], [*topics, *values], strict=True)}
