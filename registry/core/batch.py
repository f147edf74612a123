"""The sealed batch: the EIP-712 struct whose struct hash is the batch id, as the TripAnchors contract computes it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from eth_utils.crypto import keccak

from registry.errors import InputError, ProofError
from registry.units import U32_MAX, U64_MAX, U128_MAX, service_date

BATCH_TYPE: Final = (
    "Batch(bytes32 source,uint32 serviceDate,uint32 sequence,uint32 methodology,uint64 tripCount,uint128 reductionMg,"
    "bytes32 tripRoot,bytes32 leavesDigest,bytes32 inputDigest,bytes32 previous)"
)
BATCH_TYPEHASH: Final = keccak(text=BATCH_TYPE)
NO_PREVIOUS: Final = bytes(32)
_SOURCE_ID: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,30}\Z")
_LIMITS: Final = {
    "serviceDate": U32_MAX,
    "sequence": U32_MAX,
    "methodology": U32_MAX,
    "tripCount": U64_MAX,
    "reductionMg": U128_MAX,
}


def source_bytes32(source_id: str) -> bytes:
    """A source id (1 to 31 of a-z 0-9 . _ -) as the left-aligned bytes32 contracts use."""
    if not _SOURCE_ID.match(source_id):
        raise InputError(
            f"source id {source_id!r} is not valid", hint="1 to 31 characters of a-z, 0-9, '.', '_' and '-'"
        )
    return source_id.encode().ljust(32, b"\0")


def source_text(value: bytes) -> str:
    """The inverse of `source_bytes32`; raises ProofError when the bytes are no source id."""
    text = value.rstrip(b"\0").decode("ascii", "replace")
    if not _SOURCE_ID.match(text):
        raise ProofError(f"bytes32 {value.hex()} is no source id")
    return text


@dataclass(frozen=True)
class Batch:
    """A sealed batch of one source and service day; hashes are 32 bytes, the reduction is in mg."""

    source: str
    serviceDate: int  # noqa: N815 - the field names are part of the EIP-712 type
    sequence: int
    methodology: int
    tripCount: int  # noqa: N815
    reductionMg: int  # noqa: N815
    tripRoot: bytes  # noqa: N815
    leavesDigest: bytes  # noqa: N815
    inputDigest: bytes  # noqa: N815
    previous: bytes

    def __post_init__(self) -> None:
        source_bytes32(self.source)
        for name, limit in _LIMITS.items():
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= limit:
                raise ProofError(f"batch field {name} is out of range: {value!r}")
        try:
            service_date(self.serviceDate)
        except ValueError as error:
            raise ProofError(f"service date {self.serviceDate} is no calendar date") from error
        for name in ("tripRoot", "leavesDigest", "inputDigest", "previous"):
            if len(getattr(self, name)) != 32:
                raise ProofError(f"batch field {name} is not 32 bytes")

    def as_tuple(self) -> tuple[Any, ...]:
        """The struct as contract calls take it."""
        return (source_bytes32(self.source), *(getattr(self, f.name) for f in fields(self)[1:]))

    def id(self) -> bytes:
        """The batch id: keccak256 of the EIP-712 type hash and the encoded fields."""
        words = [BATCH_TYPEHASH]
        words += [v if isinstance(v, bytes) else v.to_bytes(32, "big") for v in self.as_tuple()]
        return keccak(b"".join(words))

    def to_json(self) -> dict[str, object]:
        """Plain JSON: bytes as 0x hex, the reduction as a decimal string (it may pass 2**53)."""
        body: dict[str, object] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            body[field.name] = "0x" + value.hex() if isinstance(value, bytes) else value
        body["reductionMg"] = str(self.reductionMg)
        return body

    @classmethod
    def from_json(cls, body: object) -> Batch:
        """Parse what `to_json` wrote; raises ProofError naming the first field that is not right."""
        if not isinstance(body, Mapping):
            raise ProofError("batch is not an object")
        names = [f.name for f in fields(cls)]
        if set(body) != set(names):
            raise ProofError(f"batch has missing or unknown fields: {', '.join(sorted(set(body) ^ set(names)))}")
        values: dict[str, Any] = dict(body)
        for name in ("tripRoot", "leavesDigest", "inputDigest", "previous"):
            values[name] = hex_bytes(body[name], 32, name)
        values["reductionMg"] = decimal_int(body["reductionMg"], "reductionMg")
        if not isinstance(values["source"], str) or not _SOURCE_ID.match(values["source"]):
            raise ProofError(f"batch field source is no source id: {values['source']!r}")
        return cls(**values)


def hex_bytes(value: object, size: int, name: str) -> bytes:
    """0x-prefixed lower-case hex of exactly `size` bytes; raises ProofError naming the field."""
    if isinstance(value, str) and re.fullmatch(rf"0x[0-9a-f]{{{2 * size}}}", value):
        return bytes.fromhex(value[2:])
    raise ProofError(f"{name} is not {size} bytes of 0x lower-case hex")


def decimal_int(value: object, name: str) -> int:
    """A canonical non-negative decimal string; raises ProofError naming the field."""
    if isinstance(value, str) and re.fullmatch(r"0|[1-9][0-9]{0,38}", value):
        return int(value)
    raise ProofError(f"{name} is not a decimal string")
