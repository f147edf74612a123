"""Does the file agree with itself? Everything derived is recomputed from what was mined.

1. Every block's hash is the keccak of its header, its number follows, its parent is the block before, its
   time not before its parent's, and its gas limit the genesis block's.
2. Its transaction and receipt roots, bloom and gas used are those of its transactions and receipts.
3. Every transaction's hash, sender, position and gas used, and every log of every receipt, are in the indexes as
   recomputed, and nothing else is.
4. Every block's state root is stored; under the head's, every account, storage slot and code can be read and
   hashes to its key.

Reads one block at a time: memory does not grow with the chain.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import rlp
from eth.constants import BLANK_ROOT_HASH, EMPTY_SHA3
from eth.rlp.accounts import Account
from eth.vm.forks.cancun.receipts import CancunReceiptBuilder
from eth_utils.crypto import keccak

from registry.chain.embedded.block import list_root
from registry.chain.embedded.chain import EmbeddedChain
from registry.chain.embedded.store import BlockRow, ChainStore, TransactionRow, decode_header
from registry.chain.embedded.transactions import reload

MAX_PROBLEMS = 100
LEAF_FLAG = 0x20  # in the first byte of a path


@dataclass(frozen=True)
class ChainCheck:
    """What was read and what is wrong with it: one sentence a problem, the first hundred at most."""

    blocks: int
    transactions: int
    logs: int
    accounts: int
    problems: tuple[str, ...]


class _Findings:
    """Counts and problems while reading."""

    def __init__(self) -> None:
        self.blocks = self.transactions = self.logs = self.accounts = 0
        self.problems: list[str] = []

    def expect(self, holds: bool, problem: str) -> None:
        if not holds and len(self.problems) < MAX_PROBLEMS:
            self.problems.append(problem)


def check(chain: EmbeddedChain) -> ChainCheck:
    """Compare the whole file with itself, up to the head at the time of the call."""
    store, head, found = chain.store, chain.head, _Findings()
    parent: BlockRow | None = None
    for number in range(head.number + 1):
        block = store.block(number)
        if block is None:
            found.expect(False, f"block {number} is missing")
            parent = None
            continue
        _check_block(store, block, parent, found)
        parent = block
    _check_totals(store, head.number, found)
    _check_state(store, decode_header(head.header).state_root, found)
    return ChainCheck(found.blocks, found.transactions, found.logs, found.accounts, tuple(found.problems))


def _check_block(store: ChainStore, block: BlockRow, parent: BlockRow | None, found: _Findings) -> None:
    name, header = f"block {block.number}", decode_header(block.header)
    found.blocks += 1
    found.expect(keccak(block.header) == block.hash, f"{name}: the hash is not that of its header")
    found.expect(header.block_number == block.number, f"{name}: its header says {header.block_number}")
    found.expect(header.timestamp == block.timestamp, f"{name}: the timestamp is not its header's")
    if parent is not None:
        before = decode_header(parent.header)
        found.expect(header.parent_hash == keccak(parent.header), f"{name}: its parent is not block {parent.number}")
        found.expect(header.timestamp >= before.timestamp, f"{name}: its time is before its parent's")
        found.expect(header.gas_limit == before.gas_limit, f"{name}: its gas limit is not its parent's")
    if header.state_root != BLANK_ROOT_HASH:
        found.expect(_has(store, header.state_root), f"{name}: its state root is not stored")
    rows = store.transactions(block.number)
    found.expect(header.transaction_root == list_root(row.raw for row in rows), f"{name}: transaction root differs")
    found.expect(header.receipt_root == list_root(row.receipt for row in rows), f"{name}: receipt root differs")
    bloom = gas = first_log = 0
    for position, row in enumerate(rows):
        receipt = CancunReceiptBuilder.decode(row.receipt)
        _check_transaction(store, row, position, receipt.gas_used - gas, first_log, receipt, found)
        bloom, gas, first_log = bloom | receipt.bloom, receipt.gas_used, first_log + len(receipt.logs)
    found.expect((header.bloom, header.gas_used) == (bloom, gas), f"{name}: bloom or gas used differ")


def _check_transaction(
    store: ChainStore, row: TransactionRow, position: int, gas_used: int, first_log: int, receipt: Any, found: _Findings
) -> None:
    name, body = f"block {row.block} transaction {position}", reload(row.raw)
    found.transactions += 1
    found.logs += len(receipt.logs)
    found.expect(keccak(row.raw) == row.hash, f"{name}: the hash is not that of its bytes")
    found.expect(bytes(body.sender) == row.sender, f"{name}: the sender is not who signed it")
    indexed = (row.position, row.gas_used, row.first_log)
    found.expect(indexed == (position, gas_used, first_log), f"{name}: position, gas used or first log differ")
    expected = [
        (row.block, first_log + offset, position, log.address, *_four(log.topics), log.data)
        for offset, log in enumerate(receipt.logs)
    ]
    stored = store.rows(
        "SELECT block, log_index, position, address, topic0, topic1, topic2, topic3, data FROM logs "
        "WHERE block = ? AND position = ? ORDER BY log_index",
        (row.block, position),
    )
    found.expect(stored == expected, f"{name}: the indexed logs are not its receipt's")


def _check_totals(store: ChainStore, head: int, found: _Findings) -> None:
    """Rows no block accounts for. Blocks mined during the check are left out."""
    for table, expected in (("transactions", found.transactions), ("logs", found.logs)):
        ((count,),) = store.rows(f"SELECT count(*) FROM {table} WHERE block <= ?", (head,))  # noqa: S608
        found.expect(count == expected, f"{table}: {count} rows, {expected} in the blocks")


def _check_state(store: ChainStore, state_root: bytes, found: _Findings) -> None:
    for encoded in _leaves(store, state_root, "state", found):
        account = rlp.decode(encoded, sedes=Account)
        found.accounts += 1
        for _slot in _leaves(store, account.storage_root, "storage", found):
            pass  # reading it is the check
        if account.code_hash != EMPTY_SHA3:
            found.expect(_has(store, account.code_hash), f"code 0x{account.code_hash.hex()} is missing or damaged")


def _leaves(store: ChainStore, root: bytes, what: str, found: _Findings) -> Iterator[bytes]:
    """The values of a trie, every node on the way compared with its hash.

    A node is 16 children and a value, or a path and a value, or a path and a child; a child is the hash of a
    node, or the node itself if shorter than 32 bytes.
    """
    waiting: list[Any] = [] if root == BLANK_ROOT_HASH else [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, bytes):
            if not _has(store, node):
                found.expect(False, f"{what} node 0x{node.hex()} is missing or damaged")
                continue
            node = rlp.decode(store.node(node))
        if len(node) == 17:
            waiting.extend(child for child in node[:16] if child)
        elif node[0][0] & LEAF_FLAG:
            yield node[1]
        else:
            waiting.append(node[1])


def _has(store: ChainStore, key: bytes) -> bool:
    """Whether the value of `key` is in the file and hashes to it. Read from the file, not from the cache."""
    rows = store.rows("SELECT value FROM nodes WHERE hash = ?", (key,))
    return bool(rows) and keccak(rows[0][0]) == key


def _four(topics: Any) -> tuple[bytes | None, ...]:
    present = [topic.to_bytes(32, "big") for topic in topics]
    return (*present, *[None] * (4 - len(present)))
