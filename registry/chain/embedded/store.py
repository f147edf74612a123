"""One SQLite file: what was mined, and the indexes over it.

Truth is `nodes` (state), `blocks.header`, `transactions.raw` and `transactions.receipt`. Every other column
and the `logs` table are derived from those, written in the same SQLite transaction, and can be compared
with them (`integrity.check`). A block is therefore wholly in the file or not at all, whenever the process
dies: the write-ahead log is synced before COMMIT returns (`synchronous=FULL`), and only then is a
transaction acknowledged.

Two connections: the writer is used by the one thread that mines, the reader by everyone else under a lock,
so readers never see a block before it is committed.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rlp
from eth.vm.forks.cancun.blocks import CancunBlockHeader
from lru import LRU

from registry.chain.embedded.block import SealedBlock
from registry.chain.embedded.database import APPLICATION_ID, SCHEMA, SCHEMA_VERSION, Transaction, connect, is_empty
from registry.errors import ChainUnavailable, StorageError

CACHED_NODES = 32_768  # trie nodes and code in memory: about 25 MB, whatever the length of the chain


@dataclass(frozen=True)
class BlockRow:
    """A stored block. `timestamp` in Unix seconds; `header` is its RLP."""

    number: int
    hash: bytes
    timestamp: int
    header: bytes


@dataclass(frozen=True)
class TransactionRow:
    """A mined transaction. `first_log` is the index in its block of its first log."""

    block: int
    position: int
    hash: bytes
    sender: bytes
    gas_used: int
    first_log: int
    raw: bytes
    receipt: bytes


_BLOCK = "SELECT number, hash, timestamp, header FROM blocks"
_TRANSACTION = "SELECT block, position, hash, sender, gas_used, first_log, raw, receipt FROM transactions"


class ChainStore:
    """The chain file at `path`. Raises `ChainUnavailable` if it is not one or has another schema version."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._writer = connect(path)
            self._reader = connect(path)
            self.is_new = is_empty(self._writer, path)
        except sqlite3.Error as error:
            raise ChainUnavailable(f"{path.name} cannot be opened as a chain file: {error}") from error
        self._reading = threading.Lock()
        self._nodes: LRU[bytes, bytes] = LRU(CACHED_NODES)

    def close(self) -> None:
        """Close both connections; the last one folds the write-ahead log into the file."""
        with self._reading:
            self._reader.close()
        self._writer.close()

    # --- writing: only the mining thread ---

    def create(self, meta: dict[str, str], genesis: SealedBlock) -> None:
        """Write the schema, `meta` and block 0 in one transaction."""
        with Transaction(self._writer):
            for statement in SCHEMA:
                self._writer.execute(statement)
            self._writer.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            self._writer.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            self._writer.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
            self._insert(genesis)

    def append(self, block: SealedBlock) -> None:
        """Write `block` with its state and indexes. Returns when it is on disk; raises `StorageError` if it is not."""
        try:
            with Transaction(self._writer):
                self._insert(block)
        except sqlite3.Error as error:
            raise StorageError(f"block {block.header.block_number} could not be written: {error}") from error
        for key, value in block.nodes.items():
            self._nodes[key] = value

    def _insert(self, block: SealedBlock) -> None:
        header, number = block.header, int(block.header.block_number)
        writer = self._writer
        # The same node may come back with a later block: its hash is its key, so the value is the same.
        writer.executemany("INSERT OR IGNORE INTO nodes VALUES (?, ?)", block.nodes.items())
        encoded = encode_header(header)
        writer.execute("INSERT INTO blocks VALUES (?, ?, ?, ?)", (number, header.hash, header.timestamp, encoded))
        first_log = 0
        for position, mined in enumerate(block.mined):
            signed = mined.transaction
            writer.execute(
                "INSERT INTO transactions VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (number, position, signed.hash, signed.sender, mined.gas_used, first_log, signed.raw, mined.receipt),
            )
            writer.executemany(
                "INSERT INTO logs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    (number, first_log + offset, position, address, *topics, *(None,) * (4 - len(topics)), data)
                    for offset, (address, topics, data) in enumerate(mined.logs)
                ),
            )
            first_log += len(mined.logs)

    # --- reading ---

    def node(self, key: bytes) -> bytes:
        """The trie node or code whose keccak is `key`; raises `KeyError`."""
        value = self._nodes.get(key)
        if value is None:
            row = self._one("SELECT value FROM nodes WHERE hash = ?", (key,))
            if row is None:
                raise KeyError(key)
            value = row[0]
            self._nodes[key] = value
        return value

    def meta(self) -> dict[str, str]:
        """What was fixed at creation."""
        return dict(self.rows("SELECT name, value FROM meta"))

    def head(self) -> BlockRow:
        """The newest block."""
        return self._block(f"{_BLOCK} ORDER BY number DESC LIMIT 1", ()) or _missing("head")

    def block(self, number: int) -> BlockRow | None:
        """Block `number`, or None."""
        # SQLite integers end at 2**63 - 1; no chain reaches it, but a client may ask.
        return self._block(f"{_BLOCK} WHERE number = ?", (number,)) if number < 1 << 63 else None

    def block_by_hash(self, block_hash: bytes) -> BlockRow | None:
        """The block with this hash, or None."""
        return self._block(f"{_BLOCK} WHERE hash = ?", (block_hash,))

    def hashes_back_from(self, number: int) -> Iterator[bytes]:
        """Hashes of block `number` and those before it, newest first, read only as far as iterated."""
        while number >= 0:
            chunk = self.rows("SELECT hash FROM blocks WHERE number <= ? ORDER BY number DESC LIMIT 16", (number,))
            for (block_hash,) in chunk:
                yield block_hash
            number -= 16

    def transactions(self, block: int) -> list[TransactionRow]:
        """The transactions of `block` in order."""
        rows = self.rows(f"{_TRANSACTION} WHERE block = ? ORDER BY position", (block,))
        return [TransactionRow(*row) for row in rows]

    def transaction(self, transaction_hash: bytes) -> TransactionRow | None:
        """The mined transaction with this hash, or None."""
        row = self._one(f"{_TRANSACTION} WHERE hash = ?", (transaction_hash,))
        return TransactionRow(*row) if row else None

    def rows(self, query: str, arguments: Sequence[object] = ()) -> list[Any]:
        """All rows of a read-only query over committed blocks."""
        with self._reading:
            return self._reader.execute(query, arguments).fetchall()

    def _one(self, query: str, arguments: Sequence[object]) -> Any:
        with self._reading:
            return self._reader.execute(query, arguments).fetchone()

    def _block(self, query: str, arguments: Sequence[object]) -> BlockRow | None:
        row = self._one(query, arguments)
        return BlockRow(*row) if row else None


def encode_header(header: Any) -> bytes:
    """The header's RLP, whose keccak is the block hash."""
    return bytes(rlp.encode(header))


def decode_header(encoded: bytes) -> Any:
    """The header object of its stored RLP."""
    return rlp.decode(encoded, sedes=CancunBlockHeader)


def _missing(what: str) -> BlockRow:
    raise ChainUnavailable(f"the chain file has no {what}")
