"""Building one block: transactions go in one after another, then it is sealed and nothing is written yet.

A draft works on an overlay over the stored state (`NodeOverlay`), so dropping it undoes everything. It
executes each transaction once; py-evm's own mining path would hash and validate the block several times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from eth.constants import BLANK_ROOT_HASH
from eth.db.atomic import AtomicDBWriteBatch
from eth.db.backends.base import BaseAtomicDB
from eth.db.trie import _make_trie_root_and_nodes
from eth.vm.forks.byzantium.constants import (
    EIP658_TRANSACTION_STATUS_CODE_FAILURE,
    EIP658_TRANSACTION_STATUS_CODE_SUCCESS,
)
from eth.vm.forks.cancun.blocks import CancunBlockHeader

from registry.chain.embedded.errors import TransactionRefused
from registry.chain.embedded.transactions import SignedTransaction
from registry.chain.embedded.vm import FreeGasVM, header_after, state_at


class NodeOverlay(BaseAtomicDB):  # type: ignore[misc]  # py-evm is read as untyped
    """Trie nodes and code over a read function, with writes kept in `pending`.

    Keys are hashes of their values, so an old value is never wrong and a delete may forget only what is pending.
    """

    def __init__(self, read: Callable[[bytes], bytes]) -> None:
        self._read = read
        self.pending: dict[bytes, bytes] = {}

    def __getitem__(self, key: bytes) -> bytes:
        value = self.pending.get(key)
        return self._read(key) if value is None else value

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self.pending[key] = value

    def __delitem__(self, key: bytes) -> None:
        self.pending.pop(key, None)

    def _exists(self, key: bytes) -> bool:
        try:
            self[key]
        except KeyError:
            return False
        return True

    @contextmanager
    def atomic_batch(self) -> Iterator[Any]:
        """py-evm's write batch: applied to `pending` unless the body raises."""
        with AtomicDBWriteBatch._commit_unless_raises(self) as batch:
            yield batch


@dataclass(frozen=True)
class MinedTransaction:
    """A transaction with its receipt as the receipt trie holds it, and its logs."""

    transaction: SignedTransaction
    receipt: bytes
    gas_used: int
    logs: tuple[tuple[bytes, tuple[bytes, ...], bytes], ...]
    """(address, topics of 32 bytes, data) in order of emission."""


@dataclass(frozen=True)
class SealedBlock:
    """A complete block and the state nodes it adds."""

    header: Any
    mined: tuple[MinedTransaction, ...]
    nodes: dict[bytes, bytes]


class BlockDraft:
    """The block after `parent`, at `now` (Unix seconds)."""

    def __init__(
        self,
        read_node: Callable[[bytes], bytes],
        parent: CancunBlockHeader,
        now: int,
        chain_id: int,
        previous_hashes: Iterable[bytes],
    ) -> None:
        self._header = header_after(parent, now)
        self._nodes = NodeOverlay(read_node)
        self._state = state_at(self._nodes, self._header, parent.state_root, chain_id, previous_hashes)
        self._gas_used = 0
        self._bloom = 0
        self._mined: list[MinedTransaction] = []

    @property
    def is_empty(self) -> bool:
        """True while no transaction is in."""
        return not self._mined

    def has_room_for(self, transaction: SignedTransaction) -> bool:
        """Whether its gas limit fits beside the gas used so far."""
        return self._gas_used + transaction.gas <= int(self._header.gas_limit)

    def next_nonce(self, sender: bytes) -> int:
        """The nonce the sender's next transaction must carry, those already in the draft counted."""
        return int(self._state.get_nonce(sender))

    def apply(self, transaction: SignedTransaction) -> None:
        """Execute `transaction` at the end of the block; a revert is mined with status 0.

        Raises `TransactionRefused`, before anything changed, if the nonce is not the sender's next or the
        sender cannot pay value and offered fee. After any other exception the draft must be dropped.
        """
        body = transaction.body
        self._check_against_state(transaction)
        self._state.lock_changes()
        computation = self._state.apply_transaction(body)
        gas_used = int(FreeGasVM.finalize_gas_used(body, computation))
        self._gas_used += gas_used
        status = (
            EIP658_TRANSACTION_STATUS_CODE_FAILURE if computation.is_error else EIP658_TRANSACTION_STATUS_CODE_SUCCESS
        )
        entries = computation.get_log_entries()
        receipt = body.make_receipt(status, self._gas_used, entries)
        self._bloom |= int(receipt.bloom)
        logs = tuple(
            (bytes(address), tuple(topic.to_bytes(32, "big") for topic in topics), bytes(data))
            for address, topics, data in entries
        )
        self._mined.append(MinedTransaction(transaction, receipt.encode(), gas_used, logs))

    def seal(self) -> SealedBlock:
        """Compute the roots and close the block. The draft must not be used afterwards."""
        self._state.persist()
        header = self._header.copy(
            state_root=self._state.state_root,
            transaction_root=list_root(each.transaction.raw for each in self._mined),
            receipt_root=list_root(each.receipt for each in self._mined),
            bloom=self._bloom,
            gas_used=self._gas_used,
        )
        return SealedBlock(header, tuple(self._mined), self._nodes.pending)

    def _check_against_state(self, transaction: SignedTransaction) -> None:
        expected = self.next_nonce(transaction.sender)
        if transaction.nonce != expected:
            problem = "too low" if transaction.nonce < expected else "too high"
            raise TransactionRefused(f"nonce {problem}: next nonce {expected}, tx nonce {transaction.nonce}")
        body = transaction.body
        cost = body.value + body.gas * body.max_fee_per_gas
        balance = int(self._state.get_balance(transaction.sender))
        if balance < cost:
            raise TransactionRefused(f"insufficient funds for gas * price + value: have {balance}, want {cost}")


def list_root(items: Iterable[bytes]) -> bytes:
    """Root of the trie that maps 0, 1, 2, ... to `items`: the transaction and receipt roots of a header."""
    encoded = tuple(items)
    if not encoded:
        return bytes(BLANK_ROOT_HASH)
    # Uncached on purpose: py-evm keeps the last 128 lists alive, and no list here is asked for twice.
    root, _nodes = _make_trie_root_and_nodes.__wrapped__(encoded)
    return bytes(root)
