"""The trip proof, `puhui.trip-proof/v1`: a file that shows one trip is counted, and how much.

Self-contained: leaf, opening (for the holder), audit path, batch, chain reference. `verify_trip` makes the checks
that need nothing but the file, numbered as in FORMAT.md; whether the batch stands on a chain is the last check and
is made by `registry.audit.verify` against a node or a saved batch. Without it a proof is never called verified.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from registry.core import methodology, strict_json
from registry.core.batch import Batch, hex_bytes
from registry.core.checks import Check, attempt, compare
from registry.core.leaf import LEAF_SIZE, SALT_SIZE, TripLeaf, Value, canonical_fields, commitment, parse_fields
from registry.core.merkle import leaf_hash, verify_inclusion
from registry.errors import ProofError, PuhuiError
from registry.units import SHANGHAI_OFFSET_S, U64_MAX, service_date_int

FORMAT: Final = "puhui.trip-proof/v1"
MAX_FILE_BYTES: Final = 1 << 20
_KEYS: Final = {"format", "leaf", "opening", "index", "size", "hashes", "batch", "chain"}
_CHAIN_KEYS: Final = {"chain_id", "genesis", "trip_anchors", "batch_id"}


@dataclass(frozen=True)
class OpenedLeaf:
    """A leaf's bytes with what opens its commitment."""

    leaf: bytes
    salt: bytes
    canonical: bytes

    def fields(self) -> dict[str, Value]:
        """The personal fields by name."""
        return parse_fields(self.canonical)


@dataclass(frozen=True)
class ChainReference:
    """Where the batch is said to be anchored; 32-byte hashes, a 20-byte contract address."""

    chain_id: int
    genesis: bytes
    trip_anchors: bytes
    batch_id: bytes

    def to_json(self) -> dict[str, object]:
        """Plain JSON."""
        return {
            "chain_id": self.chain_id,
            "genesis": "0x" + self.genesis.hex(),
            "trip_anchors": "0x" + self.trip_anchors.hex(),
            "batch_id": "0x" + self.batch_id.hex(),
        }

    @classmethod
    def from_json(cls, body: object) -> ChainReference:
        """Parse; raises ProofError naming the field at fault."""
        if not isinstance(body, Mapping) or set(body) != _CHAIN_KEYS:
            raise ProofError("chain reference has missing or unknown fields")
        return cls(
            _integer(body["chain_id"], "chain_id"),
            hex_bytes(body["genesis"], 32, "genesis"),
            hex_bytes(body["trip_anchors"], 20, "trip_anchors"),
            hex_bytes(body["batch_id"], 32, "batch_id"),
        )


@dataclass(frozen=True)
class TripProof:
    """A parsed proof file: every field has the right type and size, nothing is verified yet."""

    leaf: bytes
    opening: OpenedLeaf | None
    index: int
    size: int
    hashes: tuple[bytes, ...]
    batch: Batch
    chain: ChainReference

    def to_json(self) -> dict[str, object]:
        """The proof file's content."""
        opening = self.opening and {"salt": "0x" + self.opening.salt.hex(), "fields": self.opening.fields()}
        return {
            "format": FORMAT,
            "leaf": "0x" + self.leaf.hex(),
            "opening": opening,
            "index": self.index,
            "size": self.size,
            "hashes": ["0x" + h.hex() for h in self.hashes],
            "batch": self.batch.to_json(),
            "chain": self.chain.to_json(),
        }

    @classmethod
    def from_text(cls, text: bytes) -> TripProof:
        """Parse a proof file; raises ProofError on another format, a missing or unknown field, or a wrong type."""
        body = _load(text)
        if body.get("format") != FORMAT:
            raise ProofError(f"format is {body.get('format')!r}, expected {FORMAT!r}", hint="is this a proof file?")
        if set(body) != _KEYS:
            raise ProofError(f"proof has missing or unknown fields: {', '.join(sorted(set(body) ^ _KEYS))}")
        hashes = body["hashes"]
        if not isinstance(hashes, list) or len(hashes) > 64:
            raise ProofError("hashes is not a list of at most 64")
        leaf = hex_bytes(body["leaf"], LEAF_SIZE, "leaf")
        return cls(
            leaf,
            _opening(leaf, body["opening"]),
            _integer(body["index"], "index"),
            _integer(body["size"], "size"),
            tuple(hex_bytes(value, 32, f"hashes[{i}]") for i, value in enumerate(hashes)),
            Batch.from_json(body["batch"]),
            ChainReference.from_json(body["chain"]),
        )


def verify_trip(proof: TripProof) -> list[Check]:
    """Checks 2 to 7 of FORMAT.md: everything the file alone can show. Check 1 was parsing it."""
    return [
        attempt("2 leaf is a trip", "a trip leaf", lambda: TripLeaf.decode(proof.leaf) and None),
        _reduction(proof),
        _opening_check(proof),
        _journey(proof),
        _inclusion(proof),
        compare("7 batch id", "0x" + proof.batch.id().hex(), "0x" + proof.chain.batch_id.hex()),
    ]


def _reduction(proof: TripProof) -> Check:
    name = "3 reduction recomputed"
    try:
        leaf = TripLeaf.decode(proof.leaf)
        spec = methodology.by_id(proof.batch.methodology)
        expected = spec.reduction_mg(spec.mode_by_code(leaf.mode).name, leaf.distance_m)
    except PuhuiError as error:
        return Check(name, False, "a reduction by the batch's methodology", error.message)
    return compare(name, expected, leaf.reduction_mg, methodology=spec.name, unit="mg")


def _opening_check(proof: TripProof) -> Check:
    name = "4 opening matches the commitment"
    recorded = "0x" + proof.leaf[-32:].hex()
    if proof.opening is None:
        return Check(name, None, recorded, "withheld: the file shows the trip counts, not whose it is")
    return compare(name, recorded, "0x" + commitment(proof.opening.salt, proof.opening.canonical).hex())


def _journey(proof: TripProof) -> Check:
    name = "5 journey belongs to the batch"
    expected = f"{proof.batch.source} {proof.batch.serviceDate}"
    if proof.opening is None:
        return Check(name, None, expected, "withheld")
    fields = proof.opening.fields()
    try:
        found = f"{fields['source']} {local_service_date(int(fields['board_time'] or 0))}"
    except PuhuiError as error:
        return Check(name, False, expected, error.message)
    return compare(name, expected, found)


def _inclusion(proof: TripProof) -> Check:
    def check() -> None:
        if proof.size != proof.batch.tripCount:
            raise ProofError(f"proof is for {proof.size} leaves, the batch has {proof.batch.tripCount}")
        verify_inclusion(leaf_hash(proof.leaf), proof.index, proof.size, proof.hashes, proof.batch.tripRoot)

    return attempt("6 leaf is in the batch's tree", "0x" + proof.batch.tripRoot.hex(), check)


def local_service_date(board_time: int) -> int:
    """The service date (yyyymmdd, Asia/Shanghai) of a boarding time in epoch seconds."""
    try:
        day = datetime.fromtimestamp(board_time + SHANGHAI_OFFSET_S, UTC).date()
    except (ValueError, OverflowError, OSError) as error:
        raise ProofError(f"board_time {board_time} is no date") from error
    return service_date_int(day)


def _opening(leaf: bytes, body: object) -> OpenedLeaf | None:
    if body is None:
        return None
    if not isinstance(body, Mapping) or set(body) != {"salt", "fields"} or not isinstance(body["fields"], Mapping):
        raise ProofError("opening is not null and not {salt, fields}")
    if not all(value is None or type(value) in (str, int) for value in body["fields"].values()):
        raise ProofError("an opened field is neither text, integer nor null")
    canonical = canonical_fields(body["fields"])
    parse_fields(canonical)  # numbers are numbers, so that no later reading of the fields can fail
    return OpenedLeaf(leaf, hex_bytes(body["salt"], SALT_SIZE, "salt"), canonical)


def _integer(value: object, name: str) -> int:
    if type(value) is int and 0 <= value <= U64_MAX:
        return value
    raise ProofError(f"{name} is not an integer from 0 to 2**64 - 1")


def _load(text: bytes) -> Mapping[str, Any]:
    if len(text) > MAX_FILE_BYTES:
        raise ProofError(f"file has {len(text)} bytes; a proof has at most {MAX_FILE_BYTES}")

    try:
        body = strict_json.parse(text)
    except ValueError as error:
        raise ProofError(f"not JSON: {error}") from error
    if not isinstance(body, dict):
        raise ProofError("not a JSON object")
    return body
