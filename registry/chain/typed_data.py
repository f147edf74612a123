"""EIP-712 messages: what a wallet shows and signs, bound to one contract on one chain."""

from __future__ import annotations

from typing import Any, Final

from registry.chain.contracts.base import DeployedContract

VERSION: Final = "1"
_DOMAIN: Final = [
    {"name": "name", "type": "string"},
    {"name": "version", "type": "string"},
    {"name": "chainId", "type": "uint256"},
    {"name": "verifyingContract", "type": "address"},
]


def typed_message(contract: DeployedContract, kind: str, fields: dict[str, str], *values: object) -> dict[str, Any]:
    """The message of type `kind` whose `fields` map each name to its Solidity type, in order, with these values."""
    return {
        "types": {"EIP712Domain": _DOMAIN, kind: [{"name": n, "type": t} for n, t in fields.items()]},
        "primaryType": kind,
        "domain": {
            "name": "Puhui" + contract.NAME,
            "version": VERSION,
            "chainId": contract.chain.chain_id,
            "verifyingContract": contract.address,
        },
        "message": dict(zip(fields, values, strict=True)),
    }
