"""Signed transactions: everything that can be checked without the state.

A transaction that passes `decode` was signed for this chain, by exactly one key, in exactly one byte
form. The state checks (nonce, funds, room in the block) belong to `block.BlockDraft`.

Refused here, in this order: undecodable or non-canonical bytes, blob and unknown types, another chain id
(a legacy transaction without one included), gas above the block limit or below the intrinsic gas, initcode
above the EIP-3860 limit, a tip above the fee cap, a malleable or impossible signature.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import rlp
from eth.abc import SignedTransactionAPI
from eth.constants import SECPK1_N
from eth.exceptions import PyEVMError
from eth.vm.forks.cancun.transactions import CancunTransactionBuilder
from eth.vm.forks.shanghai.constants import INITCODE_WORD_COST, MAX_INITCODE_SIZE
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError

from registry.chain.embedded.errors import TransactionRefused

BLOB_TYPE = 3
FIRST_LIST = 0xC0  # RLP prefix of an empty list; also tells a legacy transaction from a typed one
MAX_LIST_DEPTH = 4  # transaction, access list, its entry, the entry's slots


@dataclass(frozen=True)
class SignedTransaction:
    """A transaction checked for this chain. `sender` is recovered from its signature."""

    raw: bytes
    hash: bytes
    sender: bytes
    nonce: int
    gas: int
    body: Any
    """py-evm's object for the same bytes, which executes."""


def decode(raw: bytes, chain_id: int, block_gas_limit: int) -> SignedTransaction:
    """Decode and check `raw`; raises `TransactionRefused` naming the first rule it breaks."""
    body = _parse(raw)
    if body.chain_id is None:
        raise TransactionRefused("only replay-protected (EIP-155) transactions are accepted")
    if body.chain_id != chain_id:
        raise TransactionRefused(f"invalid chain id: this chain is {chain_id}, the transaction is for {body.chain_id}")
    _check_gas(body, block_gas_limit)
    return SignedTransaction(
        raw=raw, hash=bytes(body.hash), sender=_recover_sender(body), nonce=body.nonce, gas=body.gas, body=body
    )


def reload(raw: bytes) -> SignedTransactionAPI:
    """Decode bytes this chain has mined: they passed `decode` before they were written."""
    return CancunTransactionBuilder.decode(raw)


def transaction_type(body: SignedTransactionAPI) -> int:
    """The EIP-2718 type; 0 for legacy."""
    return int(body.type_id or 0)


def initcode_gas(is_create: bool, data: bytes) -> int:
    """EIP-3860 cost of the initcode's words, which py-evm charges during execution and not up front."""
    return INITCODE_WORD_COST * -(-len(data) // 32) if is_create else 0


def in_nonce_order(transactions: Sequence[SignedTransaction]) -> list[int]:
    """Positions of `transactions` so that each sender's go by nonce; senders keep their places in the line."""
    places: dict[bytes, list[int]] = {}
    for place, transaction in enumerate(transactions):
        places.setdefault(transaction.sender, []).append(place)
    by_nonce = {
        sender: iter(sorted(own, key=lambda place: transactions[place].nonce)) for sender, own in places.items()
    }
    return [next(by_nonce[transaction.sender]) for transaction in transactions]


def _parse(raw: bytes) -> Any:
    if raw[:1] == bytes([BLOB_TYPE]):
        raise TransactionRefused("blob transactions are not accepted on this chain")
    if not _is_shallow(raw):
        raise TransactionRefused("the bytes are not a signed transaction")
    try:
        body = CancunTransactionBuilder.decode(raw)
        canonical = body.encode() == raw
    except (rlp.exceptions.RLPException, ValidationError, PyEVMError, ValueError, TypeError) as error:
        raise TransactionRefused("the bytes are not a signed transaction") from error
    if not canonical:
        # Two spellings of one transaction would have two hashes.
        raise TransactionRefused("the transaction is not in canonical encoding")
    return body


def _is_shallow(raw: bytes) -> bool:
    """Whether no RLP list in `raw` lies deeper than a transaction can nest them.

    The decoder recurses once a level and copies what it has read: 180 kB of nested lists keep it busy for seconds.
    Lengths are followed but not judged here.
    """
    place, ends = int(raw[0] < FIRST_LIST) if raw else 0, [len(raw)]
    while place < len(raw):
        while ends and place >= ends[-1]:
            ends.pop()
        prefix = raw[place]
        length = max(prefix - 0xF7, 0) or (prefix - 0xB7 if 0xB8 <= prefix < FIRST_LIST else 0)
        start = place + 1 + length
        if length:
            size = int.from_bytes(raw[place + 1 : start], "big")
        else:
            size = prefix - FIRST_LIST if prefix >= FIRST_LIST else max(prefix - 0x80, 0)
        if prefix >= FIRST_LIST:
            ends.append(start + size)
            if len(ends) > MAX_LIST_DEPTH + 1:
                return False
            place = start
        else:
            place = start + size
    return True


def _check_gas(body: Any, block_gas_limit: int) -> None:
    if body.gas > block_gas_limit:
        raise TransactionRefused(f"exceeds block gas limit: {body.gas} > {block_gas_limit}")
    is_create = not body.to
    if is_create and len(body.data) > MAX_INITCODE_SIZE:
        raise TransactionRefused(f"max initcode size exceeded: {len(body.data)} > {MAX_INITCODE_SIZE}")
    needed = body.intrinsic_gas + initcode_gas(is_create, body.data)
    if body.gas < needed:
        raise TransactionRefused(f"intrinsic gas too low: have {body.gas}, want {needed}")
    if body.max_priority_fee_per_gas > body.max_fee_per_gas:
        raise TransactionRefused("max priority fee per gas higher than max fee per gas")


def _recover_sender(body: Any) -> bytes:
    # A high s is the same signature written a second way (EIP-2): accepting it would give one intent two hashes.
    if not (0 < body.r < SECPK1_N and 0 < body.s <= SECPK1_N // 2) or body.y_parity not in (0, 1):
        raise TransactionRefused("invalid transaction signature values")
    try:
        return bytes(body.sender)
    except (BadSignature, ValidationError, ValueError) as error:
        raise TransactionRefused("invalid transaction signature") from error
