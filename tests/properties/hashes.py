"""Ids, digests and EIP-712 messages, from their definitions: nothing here asks a contract or `registry`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from eth_abi import encode
from eth_utils import keccak

from tests.properties.calls import Batch, Order, Signature

BATCH_TYPE: Final = (
    "Batch(bytes32 source,uint32 serviceDate,uint32 sequence,uint32 methodology,uint64 tripCount,uint128 reductionMg,"
    "bytes32 tripRoot,bytes32 leavesDigest,bytes32 inputDigest,bytes32 previous)"
)
_UNITS: Final = "address holder,uint32 issuance,uint64 tonnes"
MESSAGES: Final = {
    "Redemption": "address holder,uint64 classId,uint128 mg,uint8 channel,bytes32 ref,uint256 deadline",
    "Mandate": "address holder,bytes32 terms,uint32 number,uint256 deadline",
    "Revocation": "address holder,uint32 number,uint256 deadline",
    "Retirement": f"{_UNITS},uint8 purpose,uint16 year,bytes32 beneficiary,bytes32 ref,uint256 deadline",
    "Withdrawal": "address holder,uint128 fen,bytes32 ref,uint256 deadline",
    "Order": "address trader,uint8 side,uint32 issuance,uint64 tonnes,uint128 limitFen,bytes32 salt,uint64 expiry",
    "Listing": f"{_UNITS},bytes32 ref,uint256 deadline",
    "Unlisting": f"{_UNITS},bytes32 ref,uint256 deadline",
    "Cancellation": "bytes32 order,uint256 deadline",
    "ProceedsClaim": "address account,uint128 cumulativeFen,uint256 deadline",
}
_DOMAIN: Final = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"


def _types(fields: str) -> list[str]:
    return [field.split(" ")[0] for field in fields.split(",")]


@lru_cache(4096)
def batch_id(batch: Batch) -> bytes:
    """The EIP-712 struct hash of a batch."""
    return _struct_hash(BATCH_TYPE, tuple(batch))


@lru_cache(4096)
def epoch_digest(number: int, root: bytes, size: int, batch_ids: tuple[bytes, ...], conversions: Any) -> bytes:
    """What a verifier attests of an epoch; `conversions` are (class, mg)."""
    types = ["uint32", "bytes32", "uint64", "bytes32[]", "(uint64,uint128)[]"]
    return keccak(encode(types, [number, root, size, batch_ids, conversions]))


@lru_cache(4096)
def run_digest(number: int, root: bytes, size: int, total_fen: int, dossier: bytes) -> bytes:
    """What a verifier attests of a payout run."""
    types = ["uint32", "bytes32", "uint64", "uint128", "bytes32"]
    return keccak(encode(types, [number, root, size, total_fen, dossier]))


@lru_cache(4096)
def withdrawal_ref(ref: bytes) -> bytes:
    """The reference under which the treasury unlists what an offer did not sell."""
    return keccak(encode(["bytes32", "string"], [ref, "withdraw"]))


def chain_head(previous: bytes, batch: bytes) -> bytes:
    """The head of a source's chain once `batch` was anchored on it."""
    return keccak(previous + batch)


class Domains:
    """The EIP-712 domains of the deployed contracts, by name."""

    def __init__(self, chain_id: int, addresses: Mapping[str, str]) -> None:
        self._chain_id = chain_id
        self._addresses = addresses

    @lru_cache(65536)  # noqa: B019 - one for a process
    def digest(self, contract: str, kind: str, fields: tuple[Any, ...]) -> bytes:
        """What is signed. An order among the fields stands for its own digest."""
        resolved = tuple(self.order(field) if isinstance(field, Order) else field for field in fields)
        message = _struct_hash(f"{kind}({MESSAGES[kind]})", resolved)
        return keccak(b"\x19\x01" + self._separator(contract) + message)

    def of(self, signature: Signature) -> bytes:
        """The digest that a signature is for."""
        return self.digest(signature.contract, signature.kind, signature.fields)

    def order(self, order: Order) -> bytes:
        """The digest of an order, which is its key in ExchangeSettlement."""
        return self.digest("ExchangeSettlement", "Order", tuple(order))

    @lru_cache(32)  # noqa: B019 - one for a process
    def _separator(self, contract: str) -> bytes:
        names = [keccak(text=text) for text in (_DOMAIN, "Puhui" + contract, "1")]
        types = ["bytes32", "bytes32", "bytes32", "uint256", "address"]
        return keccak(encode(types, [*names, self._chain_id, self._addresses[contract]]))


def _struct_hash(signature: str, fields: tuple[Any, ...]) -> bytes:
    types = _types(signature[signature.index("(") + 1 : -1])
    return keccak(encode(["bytes32", *types], [_type_hash(signature), *fields]))


@lru_cache(32)
def _type_hash(signature: str) -> bytes:
    return keccak(text=signature)
