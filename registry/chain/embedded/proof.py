"""`eth_getProof` (EIP-1186): an account and storage slots, provable against a block's state root alone."""

from __future__ import annotations

from typing import Any

import rlp
from eth.constants import BLANK_ROOT_HASH
from eth.rlp.accounts import Account
from eth_utils.crypto import keccak
from trie import HexaryTrie

from registry.chain.embedded import encoding, params
from registry.chain.embedded.block import NodeOverlay
from registry.chain.embedded.chain import EmbeddedChain
from registry.chain.embedded.errors import invalid_params
from registry.chain.embedded.queries import require_block
from registry.chain.embedded.store import decode_header

MAX_SLOTS = 1_000


def get_proof(chain: EmbeddedChain, given: Any) -> Any:
    """`eth_getProof`: address, slots, block."""
    address_value, slots, reference = params.arguments(given, 2, 3)
    address = params.address(address_value, "address")
    if not isinstance(slots, list) or len(slots) > MAX_SLOTS:
        raise invalid_params(f"slots must be an array of at most {MAX_SLOTS}")
    block = require_block(chain, params.block_reference(reference))
    nodes = NodeOverlay(chain.store.node)
    encoded, path = _prove(nodes, decode_header(block.header).state_root, keccak(address))
    account = rlp.decode(encoded, sedes=Account) if encoded else Account()
    return {
        "address": encoding.data(address),
        "balance": encoding.quantity(account.balance),
        "nonce": encoding.quantity(account.nonce),
        "codeHash": encoding.data(account.code_hash),
        "storageHash": encoding.data(account.storage_root),
        "accountProof": path,
        "storageProof": [_slot(nodes, account.storage_root, slot) for slot in slots],
    }


def _slot(nodes: NodeOverlay, root: bytes, value: Any) -> encoding.Json:
    number = params.quantity(value, "slot")
    encoded, path = _prove(nodes, root, keccak(number.to_bytes(32, "big")))
    stored = int.from_bytes(rlp.decode(encoded), "big") if encoded else 0
    return {"key": value, "value": encoding.quantity(stored), "proof": path}


def _prove(nodes: NodeOverlay, root: bytes, key: bytes) -> tuple[bytes, list[str]]:
    """The value at `key` (empty if there is none) and the nodes from the root down that show it."""
    if root == BLANK_ROOT_HASH:
        return b"", []
    trie = HexaryTrie(nodes, root)
    return trie[key], [encoding.data(rlp.encode(node)) for node in trie.get_proof(key)]
