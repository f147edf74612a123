"""Compiled contracts, read from the generated `artifacts/` folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import abi_to_signature, function_signature_to_4byte_selector

CONTRACTS: Final = (
    "AccessManager",
    "MethodologyRegistry",
    "TripAnchors",
    "CarbonPoints",
    "Mandates",
    "Participants",
    "CertifiedReductions",
    "RetirementCertificates",
    "SettlementCash",
    "ExchangeSettlement",
    "ProceedsDistributor",
    "ProgrammeTreasury",
    "ReductionCertification",
    "RoleCouncil",
)


@dataclass(frozen=True)
class Artifact:
    """One compiled contract; `runtime` has zeros where immutables stand, at `immutables` (start, length)."""

    name: str
    abi: list[dict[str, Any]]
    creation: bytes
    runtime: bytes
    immutables: tuple[tuple[int, int], ...]

    def matches(self, code: bytes) -> bool:
        """Whether deployed code is this contract's, whatever its immutables were set to."""
        if len(code) != len(self.runtime):
            return False
        masked = bytearray(code)
        for start, length in self.immutables:
            masked[start : start + length] = bytes(length)
        return bytes(masked) == self.runtime


@cache
def load(name: str) -> Artifact:
    """The artifact of one of `CONTRACTS`."""
    body = json.loads(files("registry.chain").joinpath(f"artifacts/{name}.json").read_text("utf-8"))
    spans = [(s["start"], s["length"]) for s in body["immutableReferences"]]
    return Artifact(
        name,
        body["abi"],
        bytes.fromhex(body["bytecode"].removeprefix("0x")),
        bytes.fromhex(body["deployedBytecode"].removeprefix("0x")),
        tuple(sorted(spans)),
    )


@cache
def _errors() -> dict[bytes, dict[str, Any]]:
    entries = [entry for name in CONTRACTS for entry in load(name).abi if entry["type"] == "error"]
    return {function_signature_to_4byte_selector(abi_to_signature(entry)): entry for entry in entries}  # type: ignore[arg-type]


def decode_error(data: bytes) -> tuple[str, dict[str, str]]:
    """A contract's custom error as (name, arguments); an unknown one is named by its selector."""
    entry = _errors().get(data[:4])
    if entry is None:
        return f"unknown error 0x{data[:4].hex()}", {}
    try:
        values = decode([i["type"] for i in entry["inputs"]], data[4:])
    except DecodingError:
        return str(entry["name"]), {}
    named = zip((i["name"] for i in entry["inputs"]), values, strict=True)
    return str(entry["name"]), {k: "0x" + v.hex() if isinstance(v, bytes) else str(v) for k, v in named}
